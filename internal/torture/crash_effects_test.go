//go:build unix

package torture_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// effectFlows have an effect in the app's own table, which is committed with each run
// that succeeds.
var effectFlows = []crashFlow{
	{ID: "tick", Every: 3 * time.Millisecond, Job: "effect"},
	{ID: "queue", Overlap: pawl.OverlapAllow(3, 1000), Job: "effect", Retries: 9},
	{ID: "alone", Job: "effect", Backoff: backoff(0)},
}

// effect is a job whose row is there if, and only if, its run is completed. Some of
// its functions fail, after their insert.
func (w *world) effect(ctx context.Context, run pawl.RunInfo) error {
	return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
		const insert = "INSERT INTO effects (flow, run, attempt) VALUES (?, ?, ?)"
		if _, err := tx.ExecContext(ctx, insert, run.FlowID, run.Number, run.Attempt); err != nil {
			return err
		}
		w.point(fmt.Sprint("in ", w.inserted.Add(1)))
		if (run.Number+int64(run.Attempt))%5 == 0 {
			return errors.New("no luck")
		}
		return nil
	})
}

// effects asks for runs of all flows, waits for them, and ends by itself.
func (w *world) effects() error {
	if err := w.start(pawl.WithStopTimeout(time.Hour)); err != nil {
		return err
	}
	ctx := context.Background()
	first, err := w.runner.TriggerMany(ctx, "queue", []any{1, 2, 3, 4})
	if err != nil {
		return err
	}
	w.tell(line{What: "accepted", Flow: "queue", Run: first, Count: 4})
	if err := w.run("alone"); err != nil {
		return err
	}
	if _, err := w.runner.WaitRun(ctx, "queue", first+3); err != nil {
		return err
	}
	return w.runner.Stop(ctx)
}

func newEffects(t *testing.T) *campaign {
	c := newCampaign(t, effectFlows)
	c.shared = true
	harness.AppFile(t, c.path)
	return c
}

// checkEffects is time X4: one effect for each run that is completed, and no other.
func (c *campaign) checkEffects() (completed int) {
	c.t.Helper()
	const runs = "SELECT flow_id || ' ' || number || ' ' || attempt FROM pawl_runs WHERE status = 'completed'"
	const effects = "SELECT flow || ' ' || run || ' ' || attempt FROM effects"
	want, got := harness.Texts(c.t, c.path, runs), harness.Texts(c.t, c.path, effects)
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(c.t, want, got)
	return len(want)
}

// Killed before and after each commit, and between a job's own insert and the commit
// that it belongs to: every completed run has its effect, once, and nothing else has.
// time X4.
func TestKilledAtAnyCommitHasOneEffectPerCompletedRun(t *testing.T) {
	t.Parallel()
	c := newEffects(t)
	for n := 1; n <= int(max(4, min(howMany(t)/40, 30))); n++ {
		for _, kill := range []string{"before", "after", "in"} {
			c.child(child{Script: "effects", Kill: fmt.Sprint(kill, " ", n)}, nil)
			c.checkEffects()
		}
	}
	require.False(t, c.child(child{Script: "effects"}, nil))
	require.NotZero(t, c.checkEffects())
	c.log()
}

// The same at random moments. time X4.
func TestKilledAtAnyMomentHasOneEffectPerCompletedRun(t *testing.T) {
	t.Parallel()
	kills, seed := howMany(t)/10, setting(t, "PAWL_SEED", time.Now().UnixNano())
	t.Logf("PAWL_SEED=%d", seed)
	moments := rand.New(rand.NewPCG(uint64(seed), 1<<61))
	c := newEffects(t)
	for range kills {
		kill := fmt.Sprintf("during %d %s", 1+moments.IntN(15), time.Duration(moments.Int64N(int64(2*time.Millisecond))))
		c.child(child{Script: "effects", Kill: kill}, nil)
		c.checkEffects()
	}
	require.False(t, c.child(child{Script: "effects"}, nil))
	require.NotZero(t, c.checkEffects())
	c.log()
}
