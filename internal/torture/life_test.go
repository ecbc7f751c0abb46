//go:build unix

package torture_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/faultvfs"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/workflow"
)

// A life is that of a scheduler on a disk that is watched. What it shows, it notes
// in the log of the disk: the jobs that begin, the states it publishes.
type life struct {
	db      string
	storage *faultvfs.Storage
	runner  *pawl.Runner

	mu    sync.Mutex
	facts []fact         // that the marks in the log stand for
	began map[string]int // how often each run's job began, by name of the run
}

// fact is what the file must hold from now on.
type fact struct {
	flow    string
	run     int64  // at least so many runs
	version int64  // at least so many transitions
	state   string // which that run entered; empty: nothing is said of it
}

func newLife(t *testing.T) *life {
	folder := t.TempDir()
	l := &life{db: filepath.Join(folder, "jobs.db"), storage: faultvfs.Watch(folder), began: map[string]int{}}
	t.Cleanup(l.storage.Close)
	return l
}

// scheduler has flows of every kind, whose jobs succeed, fail, and trip them.
func (l *life) scheduler(t *testing.T) *pawl.Scheduler {
	s := harness.Quiet(l.db, pawl.WithStopTimeout(3*time.Second))
	require.NoError(t, s.Every("every", time.Second, l.job(func(int64) error { return nil })))
	require.NoError(t, s.Cron("cron", "*/2 * * * * *", l.job(func(int64) error { time.Sleep(1500 * time.Millisecond); return nil })))
	require.NoError(t, s.Manual("flaky", l.job(func(run int64) error {
		if run%2 == 0 {
			return errors.New(strings.Repeat("it broke, and here is why. ", 200))
		}
		return nil
	}), pawl.WithBackoff(pawl.BackoffPolicy{Initial: 100 * time.Millisecond})))
	require.NoError(t, s.Every("trips", 700*time.Millisecond, l.job(func(int64) error { return errors.New("boom") }),
		pawl.WithBackoff(pawl.BackoffPolicy{Initial: 100 * time.Millisecond, StreakLimit: 3})))
	order := workflow.New[string]()
	for state, next := range map[string]string{"new": "paid", "paid": "sent"} {
		order.Register(state, func(ctx context.Context, _ *workflow.Resources) (string, error) {
			run, _ := pawl.RunFrom(ctx)
			l.note(fact{flow: "order", run: run.Number, state: state})
			if state == "new" {
				l.begin(run)
			}
			time.Sleep(300 * time.Millisecond)
			return next, workflow.Put(ctx, state, strings.Repeat("a lot ", 1000))
		})
	}
	order.Exit("sent")
	require.NoError(t, s.Every("order", time.Second, order.Job("new")))
	return s
}

func (l *life) job(do func(run int64) error) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		l.note(fact{flow: run.FlowID, run: run.Number})
		l.begin(run)
		return do(run.Number)
	})
}

func (l *life) begin(run pawl.RunInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began[harness.RunName(run.FlowID, run.Number)]++
}

func (l *life) note(f fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts = append(l.facts, f)
	l.storage.Mark(int64(len(l.facts) - 1))
}

// start tries twice, as somebody who reads the error would.
func (l *life) start(t *testing.T, mend func()) {
	r, err := l.scheduler(t).Start(t.Context())
	if err != nil {
		mend()
		r, err = l.scheduler(t).Start(t.Context())
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Stop(context.Background()) })
	l.runner = r
}

// live lets time pass, asks for this and that, and notes what is shown. Not all of
// it succeeds.
func (l *life) live(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(290 * time.Millisecond) {
		if n, err := l.runner.Trigger(context.Background(), "flaky"); err == nil {
			l.note(fact{flow: "flaky", run: n})
		}
		if info, _ := l.runner.Status("trips"); info.Status == pawl.StatusTripped && time.Now().Second()%3 == 0 {
			_ = l.runner.Reset(context.Background(), "trips")
		}
		synctest.Wait()
		for _, info := range l.runner.List() {
			l.note(fact{flow: info.ID, run: info.LastNumber, version: info.Version})
		}
	}
}

// check says which of the facts a file does not hold, and what is wrong with it.
func check(db string, facts []fact) (err error) {
	c, err := pawl.Open(db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	held := map[string]pawl.FlowInfo{}
	flows, err := c.List(context.Background())
	for _, info := range flows {
		held[info.ID] = info
	}
	for _, f := range facts {
		if info := held[f.flow]; info.LastNumber < f.run || info.Version < f.version {
			return fmt.Errorf("it was shown that flow %q has run %d and version %d, the file has %d and %d",
				f.flow, f.run, f.version, info.LastNumber, info.Version)
		}
	}
	if err := checkStates(c, facts); err != nil {
		return err
	}
	found, verifyErr := c.Verify(context.Background())
	if len(found) > 0 {
		err = fmt.Errorf("verify finds: %s", strings.Join(found, "; "))
	}
	return errors.Join(err, verifyErr)
}

// checkStates says which state was entered, as a task saw, and is not in the file.
func checkStates(c *pawl.Client, facts []fact) error {
	entered := map[string]bool{}
	for _, f := range facts {
		if f.state == "" {
			continue
		}
		name := fmt.Sprint(f.run, " enter ", f.state)
		if !entered[name] {
			list, err := c.Checkpoints(context.Background(), f.flow, f.run)
			if err != nil {
				return err
			}
			for _, p := range list {
				entered[fmt.Sprint(f.run, " ", p.Kind, " ", p.State)] = true
			}
		}
		if !entered[name] {
			return fmt.Errorf("the task of %s ran in run %d of flow %q, the file does not have that it was entered", f.state, f.run, f.flow)
		}
	}
	return nil
}
