package workflow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/workflow"
)

// deploys is a scheduler whose workflow is of one version.
func deploys(t *testing.T, db string, version int, done *harness.Doings, opts ...pawl.FlowOption) *pawl.Scheduler {
	t.Helper()
	s := harness.Quiet(db)
	require.NoError(t, s.Manual("a", harness.Patient(version, time.Hour, done), opts...))
	return s
}

// found Q6: a deploy that is undone loses nothing, whether or not it met the run.
func TestDeployThatIsUndoneLosesNoRun(t *testing.T) {
	for name, met := range map[string]time.Duration{"during the timer": 300 * time.Millisecond, "after it": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				var done, other harness.Doings
				r := harness.Start(t, deploys(t, db, 1, &done))
				harness.Trigger(t, r, "a")
				time.Sleep(time.Minute)
				harness.Stop(t, r, db)
				r = harness.Start(t, deploys(t, db, 2, &other))
				time.Sleep(met)
				harness.Stop(t, r, db)
				r = harness.Start(t, deploys(t, db, 1, &done))
				over, err := r.WaitRun(t.Context(), "a", 1)
				require.NoError(t, err)
				assert.Equal(t, pawl.RunCompleted, over.Status, over.Error)
				assert.Equal(t, "new ready", done.String())
				assert.Empty(t, other.String())
				harness.Stop(t, r, db)
			})
		})
	}
}

// found Q6: a blocked run is not over and in nobody's way. A program that knows its version
// goes on with it before other queued runs; its deadline, and a cancel, act then, with undo.
func TestBlockedRunWaitsForItsVersion(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var one, two harness.Doings
		r := harness.Start(t, deploys(t, db, 1, &one))
		harness.Trigger(t, r, "a")
		time.Sleep(time.Minute)
		harness.Stop(t, r, db)

		r = harness.Start(t, deploys(t, db, 2, &two))
		time.Sleep(2 * time.Hour)
		run, info := harness.RunOf(t, r, "a", 1), harness.Status(t, r, "a")
		assert.Equal(t, pawl.RunBlocked, run.Status)
		assert.False(t, run.Status.Over())
		assert.Contains(t, run.Error, "under version 1, this is version 2")
		assert.Equal(t, 1, info.Blocked)
		assert.Zero(t, info.InFlight+info.Waiting+info.Parked+info.FailureStreak)
		assert.Equal(t, run.DueAt, info.BlockedSince)
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, "SELECT blocked FROM pawl_flows"))
		client := harness.OpenClient(t, db)
		other, _, err := client.Status(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, info, other)
		checks, err := client.Doctor(t.Context())
		require.NoError(t, err)
		assert.Contains(t, found(checks, "runs"), "flow \"a\" has 1 blocked run, the first since 2000-01-01T01:00:00.000Z: no program that ran since knows its version")
		require.NoError(t, client.Close())
		harness.Trigger(t, r, "a") // new runs start
		synctest.Wait()
		assert.Equal(t, "new", two.String())
		time.Sleep(2 * time.Hour)
		assert.Equal(t, "new ready", two.String())
		harness.Stop(t, r, db)

		r = harness.Start(t, deploys(t, db, 1, &one))
		over, err := r.WaitRun(t.Context(), "a", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, over.Status, over.Error)
		assert.Equal(t, "new ready", one.String())
		harness.Stop(t, r, db)
	})
}

func found(checks []pawl.Check, name string) []string {
	for _, c := range checks {
		if c.Name == name {
			return c.Found
		}
	}
	return nil
}

// found Q6: the deadline of a blocked run acts when its version is back, and so does a cancel;
// a forced cancel closes the run at once, and says that nothing was undone.
func TestBlockedRunIsUndoneByItsVersion(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(ctx context.Context, r *pawl.Runner) error
		opts   []pawl.FlowOption
		status pawl.RunStatus
		steps  string
	}{
		"deadline": {opts: []pawl.FlowOption{pawl.WithTimeout(90 * time.Minute)}, status: pawl.RunTimedOut, steps: "new undo"},
		"cancel": {do: func(ctx context.Context, r *pawl.Runner) error { return r.Cancel(ctx, "a", 1) },
			status: pawl.RunCancelled, steps: "new undo"},
		"force": {do: func(ctx context.Context, r *pawl.Runner) error { return r.CancelWithoutUndo(ctx, "a", 1) },
			status: pawl.RunCancelled, steps: "new"},
		"cancel, then force": {do: func(ctx context.Context, r *pawl.Runner) error {
			if err := r.Cancel(ctx, "a", 1); err != nil {
				return err
			}
			return r.CancelWithoutUndo(ctx, "a", 1)
		}, status: pawl.RunCancelled, steps: "new"},
	} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				var done, other harness.Doings
				r := harness.Start(t, deploys(t, db, 1, &done, c.opts...))
				harness.Trigger(t, r, "a")
				time.Sleep(time.Minute)
				harness.Stop(t, r, db)
				r = harness.Start(t, deploys(t, db, 2, &other, c.opts...))
				time.Sleep(2 * time.Hour)
				require.Equal(t, pawl.RunBlocked, harness.RunOf(t, r, "a", 1).Status)
				if c.do != nil {
					require.NoError(t, c.do(t.Context(), r))
				}
				synctest.Wait()
				if name == "cancel" || name == "deadline" {
					assert.Equal(t, pawl.RunBlocked, harness.RunOf(t, r, "a", 1).Status, "recorded")
				}
				harness.Stop(t, r, db)
				r = harness.Start(t, deploys(t, db, 1, &done, c.opts...))
				synctest.Wait()
				over := harness.RunOf(t, r, "a", 1)
				assert.Equal(t, c.status, over.Status, over.Error)
				assert.Equal(t, c.steps, done.String())
				harness.Stop(t, r, db)
			})
		})
	}
}

// found Q6: an update of a running program blocks and goes on too; a state that is not
// registered any more is as another version, and is tried once by each process.
func TestRunOfAStateThatIsGoneIsBlocked(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var done harness.Doings
		without := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			w := workflow.New[string](workflow.Version(1))
			w.Register("new", func(context.Context, *workflow.Resources) (string, error) { return "end", nil })
			w.Exit("end")
			require.NoError(t, s.Manual("a", w.Job("new")))
			return s
		}
		r := harness.Start(t, deploys(t, db, 1, &done))
		harness.Trigger(t, r, "a")
		time.Sleep(time.Minute)
		harness.Stop(t, r, db)
		for range 2 {
			r = harness.Start(t, without())
			time.Sleep(2 * time.Hour)
			assert.Equal(t, pawl.RunBlocked, harness.RunOf(t, r, "a", 1).Status)
			assert.Contains(t, harness.RunOf(t, r, "a", 1).Error, "in state wait, which is not registered any more")
			harness.Stop(t, r, db)
		}
		r = harness.Start(t, without())
		synctest.Wait()
		before := harness.Status(t, r, "a").Version
		time.Sleep(time.Hour)
		assert.Equal(t, before, harness.Status(t, r, "a").Version, "once by each process")
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			if err := s.Remove("a"); err != nil {
				return err
			}
			return s.Manual("a", harness.Patient(2, time.Hour, &done))
		}))
		synctest.Wait()
		assert.Equal(t, pawl.RunBlocked, harness.RunOf(t, r, "a", 1).Status)
		harness.Stop(t, r, db)
		r = harness.Start(t, deploys(t, db, 1, &done))
		synctest.Wait()
		assert.Equal(t, "new ready", done.String())
		harness.Stop(t, r, db)
	})
}

// found Q6, found C1: the wait of a run is over for its version, too, when a program woke it
// that did not know it, though the clock was set back meanwhile.
func TestBlockedRunHasWaited(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var wall harness.WallClock
		var done, other harness.Doings
		build := func(version int, done *harness.Doings) *pawl.Scheduler {
			s := harness.Quiet(db, harness.WithNow(wall.Now))
			require.NoError(t, s.Manual("a", harness.Patient(version, time.Hour, done)))
			return s
		}
		r := harness.Start(t, build(1, &done))
		harness.Trigger(t, r, "a")
		time.Sleep(time.Minute)
		harness.Stop(t, r, db)
		r = harness.Start(t, build(2, &other))
		time.Sleep(2 * time.Hour)
		require.Equal(t, pawl.RunBlocked, harness.RunOf(t, r, "a", 1).Status)
		wall.Set(-2 * time.Hour)
		time.Sleep(5 * time.Minute)
		harness.Stop(t, r, db)
		r = harness.Start(t, build(1, &done))
		synctest.Wait()
		assert.Equal(t, "new ready", done.String())
		harness.Stop(t, r, db)
	})
}
