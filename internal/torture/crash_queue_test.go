//go:build unix

package torture_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// queueFlows are a durable job queue: each input has one effect in the app's table.
var queueFlows = []crashFlow{{ID: "queue", Overlap: pawl.OverlapAllow(64, 1_000_000), Job: "input", Retries: 9}}

// input is a job that leaves its input in the app's table, with its outcome.
func (w *world) input(ctx context.Context, run pawl.RunInfo) error {
	n, err := pawl.InputOf[int](ctx)
	if err != nil {
		return err
	}
	return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
		const insert = "INSERT INTO effects (flow, run, attempt, input) VALUES (?, ?, ?, ?)"
		_, err := tx.ExecContext(ctx, insert, run.FlowID, run.Number, run.Attempt, n)
		return err
	})
}

// feed asks for a run per input, half of them many at a time, the others one by one
// from several goroutines, and all of them again that were asked for by a process
// which got no answer; then it lets the queue run dry. The file of the app keeps which
// many were accepted, as an app would.
func (w *world) feed() error {
	if err := w.start(pawl.WithStopTimeout(time.Hour), pawl.WithQueue(1000)); err != nil {
		return err
	}
	half := w.Inputs / 2
	var all sync.WaitGroup
	errs := make(chan error, 9) // one for each goroutine
	all.Go(func() { errs <- w.many(half) })
	for g := range 8 {
		all.Go(func() { errs <- w.oneByOne(half+g, 8) })
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	w.tell(line{What: "fed"})
	for {
		info, _ := w.runner.Status("queue")
		if info.Waiting+info.InFlight == 0 {
			return w.runner.Stop(context.Background())
		}
		if _, err := w.runner.WaitRun(context.Background(), "queue", info.LastNumber); err != nil {
			return err
		}
	}
}

// chunk is how many inputs are given at once.
const chunk = 500

// many gives the first n inputs in chunks, from where the last process came to: a chunk
// is accepted as a whole or not at all, so the file tells.
func (w *world) many(n int) error {
	given, err := w.accepted(n)
	for ; err == nil && given < n; given += chunk {
		inputs := make([]any, min(chunk, n-given))
		for i := range inputs {
			inputs[i] = given + i
		}
		_, err = w.runner.TriggerMany(context.Background(), "queue", inputs)
	}
	return err
}

// accepted counts the inputs below n that have runs.
func (w *world) accepted(n int) (count int, err error) {
	db, err := sql.Open("sqlite", w.Database+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRow("SELECT count(*) FROM pawl_run_log WHERE CAST(input AS INTEGER) < ?", n).Scan(&count)
	return count, err
}

// oneByOne gives every step-th input from first on, each under a key of its own: given
// again, it is the same run.
func (w *world) oneByOne(first, step int) error {
	for n := first; n < w.Inputs; n += step {
		_, err := w.runner.Trigger(context.Background(), "queue", pawl.WithInput(n), pawl.WithKey(fmt.Sprint("input ", n)))
		if errors.Is(err, pawl.ErrQueueFull) {
			n -= step
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A queue of inputs, given in chunks and one by one, is worked off across three kills at
// moments spread over it, with each effect present exactly once: an input that a dead
// process had given without an answer is given again under its key. PAWL_TORTURE=1 gives
// 100,000 in place of 3,000. time Q1, time X4.
func TestQueueIsWorkedOffAcrossKillsWithEachEffectOnce(t *testing.T) {
	t.Parallel()
	inputs := 3000
	if os.Getenv("PAWL_TORTURE") != "" {
		inputs = 100_000
	}
	c := newCampaign(t, queueFlows)
	c.shared = true
	harness.AppFile(t, c.path)
	began := time.Now()
	for kill := 1; kill <= 3; kill++ {
		c.feeder(inputs, inputs*kill/4)
		done := c.count("SELECT count(*) FROM effects")
		completed := c.count("SELECT count(*) FROM pawl_runs WHERE status = 'completed'")
		t.Logf("kill %d after %s, at %d effects", kill, time.Since(began).Round(time.Millisecond), done)
		require.Equal(t, completed, done)
	}
	c.feeder(inputs, 0)
	t.Logf("%d inputs in %s", inputs, time.Since(began).Round(time.Millisecond))
	require.Equal(t, inputs, c.count("SELECT count(*) FROM pawl_runs"))
	require.Equal(t, inputs, c.count("SELECT count(*) FROM pawl_runs WHERE status = 'completed'"))
	require.Equal(t, inputs, c.count("SELECT count(*) FROM effects"))
	require.Zero(t, c.count("SELECT count(*) FROM pawl_runs WHERE attempt > 1"), "no kill used up an attempt")
	require.Equal(t, inputs, c.count("SELECT count(DISTINCT CAST(input AS INTEGER)) FROM effects WHERE CAST(input AS INTEGER) BETWEEN 0 AND ?", inputs-1))
	harness.Verify(t, c.path)
}

// feeder starts a child that feeds the queue, and kills it when the app's table has so
// many rows; with 0 it ends by itself.
func (c *campaign) feeder(inputs, until int) {
	spec := c.next(child{Script: "feed"})
	spec.Inputs = inputs
	text, err := json.Marshal(spec)
	require.NoError(c.t, err)
	cmd := exec.CommandContext(c.t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	require.NoError(c.t, cmd.Start())
	ended := make(chan error, 1) // of the child
	go func() { ended <- cmd.Wait() }()
	for tick := time.NewTicker(20 * time.Millisecond); until > 0; {
		select {
		case err := <-ended:
			require.Fail(c.t, "it ended before it was killed", err)
		case <-tick.C:
		}
		if c.count("SELECT count(*) FROM effects") >= until {
			require.NoError(c.t, cmd.Process.Kill())
			<-ended
			return
		}
	}
	require.NoError(c.t, <-ended)
}

func (c *campaign) count(query string, args ...any) int {
	db, err := sql.Open("sqlite", c.path+"?_pragma=busy_timeout(10000)")
	require.NoError(c.t, err)
	defer db.Close()
	var n int
	require.NoError(c.t, db.QueryRowContext(c.t.Context(), query, args...).Scan(&n))
	return n
}
