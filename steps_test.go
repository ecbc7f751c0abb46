package pawl_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/pawltest"
)

// slow is a store whose commits take a while.
type slow struct {
	engine.Store
	wait time.Duration
}

func (s slow) Commit(ctx context.Context, b engine.Batch) error {
	time.Sleep(s.wait)
	return s.Store.Commit(ctx, b)
}

// time V1, Observability: steps are the transitions that others are told, with the runs as
// each left them, and how large its commit was and how long it took.
func TestStepsTellOfRunsAndCommits(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var steps []pawl.Step
		var transitions []pawl.Transition
		s := quiet(db, pawl.WithStore(func(s engine.Store) engine.Store { return slow{s, 7 * time.Millisecond} }),
			pawl.WithStepObserver(func(s pawl.Step) { steps = append(steps, s) }, 0),
			pawl.WithObserver(func(t pawl.Transition) { transitions = append(transitions, t) }, 0))
		tries := 0
		require.NoError(t, s.Manual("a", job(func(ctx context.Context) error {
			if tries++; tries == 1 {
				return errors.New("not yet")
			}
			return pawl.SetOutput(ctx, "large")
		}), pawl.WithRetry(1, pawl.DefaultBackoff())))
		require.NoError(t, s.Manual("b", job(ok)))
		r := start(t, s)
		number, err := r.Trigger(t.Context(), "a", pawl.WithInput("large"))
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "a", number)
		require.NoError(t, err)
		stop(t, r, db)

		require.Len(t, steps, 6, "two adopts, two starts and two ends of an attempt")
		for i, s := range steps {
			assert.Equal(t, transitions[i], s.Transition)
			assert.Equal(t, 7*time.Millisecond, s.Commit.Took)
			assert.Equal(t, i < 2, s.Commit.Start)
		}
		assert.Equal(t, []int{2, 2, 1}, []int{steps[0].Commit.Size, steps[1].Commit.Size, steps[2].Commit.Size})
		assert.Equal(t, []int{0, 1, 0}, []int{steps[0].Commit.Place, steps[1].Commit.Place, steps[2].Commit.Place})

		var began []int64
		var stages []pawl.RunStatus
		for _, s := range steps[2:] {
			require.Len(t, s.Runs, 1)
			assert.Empty(t, s.Runs[0].Input)
			assert.Empty(t, s.Runs[0].Output)
			began, stages = append(began, s.Began), append(stages, s.Runs[0].Status)
		}
		assert.Equal(t, []int64{1, 0, 0, 0}, began, "a further attempt is no new run")
		assert.Equal(t, []pawl.RunStatus{pawl.RunRunning, pawl.RunWaiting, pawl.RunRunning, pawl.RunCompleted}, stages)
	})
}

// time V1, Observability: what the start makes of the runs of a process that died is
// recovered; what a stop cut short is not.
func TestRecoveredRunsAreThoseOfAProcessThatDied(t *testing.T) {
	var recovered atomic.Int64
	watched := func(db string, work func(context.Context) error) *pawl.Scheduler {
		s := quiet(db, pawl.WithStepObserver(func(s pawl.Step) {
			if s.Recovered() {
				recovered.Add(1)
			}
		}, 0))
		require.NoError(t, s.Manual("a", job(work)))
		return s
	}
	bubble(t, func(t *testing.T, _ string) {
		pawltest.CrashEverywhere(t, func(db string) *pawl.Scheduler { return watched(db, ok) }, func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "a")
			if err == nil {
				_, err = r.WaitRun(ctx, "a", run)
			}
			return err
		}, func(testing.TB, string) {})
		assert.Equal(t, int64(2), recovered.Load(), "killed after the reserve, and before the outcome")
	})
	bubble(t, func(t *testing.T, db string) {
		r := start(t, watched(db, untilCancelled))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		assert.Equal(t, int64(2), recovered.Load())
	})
}

// time V1: a commit costs no reading of the clock while nobody asks.
func TestCommitsAreTimedOnlyForWhoAsks(t *testing.T) {
	var store engine.Store = slow{}
	assert.Equal(t, store, pawl.Timed(quiet("unused.db", pawl.WithObserver(func(pawl.Transition) {}, 0)), store))
	assert.NotEqual(t, store, pawl.Timed(quiet("unused.db", pawl.WithStepObserver(func(pawl.Step) {}, 0)), store))
}

func TestStepObserverIsChecked(t *testing.T) {
	s := quiet("unused.db", pawl.WithStepObserver(nil, 0), pawl.WithStepObserver(func(pawl.Step) {}, -1))
	_, err := s.Start(t.Context())
	assert.ErrorContains(t, err, "WithStepObserver(nil)")
	assert.ErrorContains(t, err, "WithStepObserver(-1ns)")
}
