package workflow_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/pawltest"
	"github.com/pawl-go/pawl/workflow"
)

// found Q7: what only waits does not hold what works. Three workflows wait for two days, and
// a plain job still starts at once although three runs may be in flight.
func TestWorkflowThatWaitsHoldsNoPlace(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var done harness.Doings
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithMaxRunning(3), pawl.WithGroupLimit("g", 3))
			require.NoError(t, s.Manual("wait", harness.Patient(1, 48*time.Hour, &done), pawl.WithOverlap(pawl.OverlapAllow(3, 0)), pawl.WithGroup("g")))
			require.NoError(t, s.Manual("plain", harness.Job(harness.OK), pawl.WithGroup("g")))
			return s
		}
		r := harness.Start(t, build())
		for range 4 {
			harness.Trigger(t, r, "wait")
			synctest.Wait()
		}
		info := harness.Status(t, r, "wait")
		assert.Equal(t, 4, info.Parked, "nor a place of its own flow")
		assert.Zero(t, info.InFlight)
		assert.Equal(t, time.Now().Add(48*time.Hour).UTC(), info.NextWake)
		assert.NotEqual(t, pawl.StatusRunning, info.Status)
		assert.False(t, r.HasRunning())
		client := harness.OpenClient(t, db)
		other, _, err := client.Status(t.Context(), "wait")
		require.NoError(t, err)
		assert.Equal(t, info, other)
		require.NoError(t, client.Close())
		parked, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "wait", Status: pawl.RunParked})
		require.NoError(t, err)
		assert.Len(t, parked, 4)
		assert.Equal(t, []string{"parked"}, harness.Texts(t, db, "SELECT DISTINCT status FROM pawl_runs"))
		began := time.Now()
		run, err := r.Trigger(t.Context(), "plain")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "plain", run)
		require.NoError(t, err)
		assert.Less(t, time.Since(began), time.Second)
		harness.Stop(t, r, db)
		assert.Less(t, time.Since(began), time.Second, "a stop does not wait for them")

		r = harness.Start(t, build())
		over, err := r.WaitRun(t.Context(), "wait", 4)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, over.Status)
		assert.WithinDuration(t, began.Add(48*time.Hour), time.Now(), time.Second, "to the second, over a restart")
		synctest.Wait()
		info = harness.Status(t, r, "wait")
		assert.Equal(t, int64(4), info.RunCount)
		assert.Zero(t, info.Parked)
		assert.Equal(t, "new new new new ready ready ready ready", done.String())
		harness.Stop(t, r, db)
	})
}

// found Q7: neither a run that waits for its next attempt, nor a workflow that asks again and
// again with a timer in between, holds a slot while it waits.
func TestWaitsBetweenAttemptsHoldNoSlot(t *testing.T) {
	asks := 0
	w := workflow.New[string]()
	w.Register("ask", func(context.Context, *workflow.Resources) (string, error) {
		if asks++; asks < 4 {
			return "wait", nil
		}
		return "end", nil
	})
	w.Register("wait", workflow.After("ask", time.Hour))
	w.Exit("end")
	tries := 0
	for name, waits := range map[string]pawl.Job{
		"a loop over a timer": w.Job("ask"),
		"a retry": harness.Job(func(context.Context) error {
			if tries++; tries < 4 {
				return pawl.RetryAfter(time.Hour, errors.New("not yet"))
			}
			return nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				s := harness.Quiet(db, pawl.WithMaxRunning(1))
				require.NoError(t, s.Manual("waits", waits, pawl.WithRetry(3, harness.EveryMinute)))
				require.NoError(t, s.Manual("plain", harness.Job(harness.OK)))
				r := harness.Start(t, s)
				harness.Trigger(t, r, "waits")
				for range 3 {
					time.Sleep(30 * time.Minute)
					began := time.Now()
					harness.RunTimes(t, r, "plain", 1)
					assert.Less(t, time.Since(began), time.Second)
					time.Sleep(30 * time.Minute)
				}
				synctest.Wait()
				assert.Equal(t, pawl.RunCompleted, harness.RunOf(t, r, "waits", 1).Status)
				harness.Stop(t, r, db)
			})
		})
	}
}

// found Q7: where the runs of a flow follow one another, a parked run still is the flow's.
func TestParkedRunIsInTheWayOfTheNext(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var skip, buffer, cancel, every harness.Doings
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("skip", "0 * * * *", harness.Patient(1, 150*time.Minute, &skip)))
		require.NoError(t, s.Manual("buffer", harness.Patient(1, time.Hour, &buffer), pawl.WithOverlap(pawl.OverlapBuffer(1))))
		require.NoError(t, s.Manual("cancel", harness.Patient(1, time.Hour, &cancel), pawl.WithOverlap(pawl.OverlapCancel)))
		require.NoError(t, s.Every("every", 10*time.Minute, harness.Patient(1, time.Hour, &every)))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "buffer")
		harness.Trigger(t, r, "cancel")
		synctest.Wait()
		assert.True(t, harness.Status(t, r, "every").NextRun.IsZero(), "it counts from the end")

		harness.Trigger(t, r, "buffer")
		_, err := r.Trigger(t.Context(), "buffer")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		harness.Trigger(t, r, "cancel")
		synctest.Wait()
		assert.Equal(t, "new undo new", cancel.String())
		assert.Equal(t, pawl.RunCancelled, harness.RunOf(t, r, "cancel", 1).Status)
		assert.Equal(t, "new", buffer.String())
		time.Sleep(2*time.Hour + time.Minute)
		assert.Equal(t, "new ready new ready", buffer.String())
		assert.Equal(t, "new undo new ready", cancel.String())
		assert.Equal(t, "new ready new", every.String())

		// 02:01: run 1 for 01:00 is parked until 03:30.
		_, err = r.Trigger(t.Context(), "skip")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
		require.ErrorContains(t, err, "run 1 is parked until 2000-01-01T03:30:00.000Z")
		why, err := r.Why(t.Context(), "skip", time.Date(2000, 1, 1, 2, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		assert.Contains(t, why.Text, "parked until 2000-01-01 03:30:00")
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []string{"2000-01-01T02:00:00.000Z 2000-01-01T03:00:00.000Z 2 run 1 is parked until 2000-01-01T03:30:00.000Z"},
			harness.Texts(t, db, "SELECT first_at || ' ' || last_at || ' ' || count || ' ' || reason FROM pawl_occurrences WHERE flow_id = 'skip' AND verdict = 'skipped_overlap'"))
		assert.Equal(t, "new ready new", skip.String())
		harness.Stop(t, r, db)
	})
}

// found Q7: the deadline of a parked run goes on, a cancel ends it, and each undoes what it
// did; a pause of the schedule does not hold it, nor do runs that have not begun.
func TestParkedRunEnds(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var late, ended, forced, paused, first harness.Doings
		s := harness.Quiet(db, pawl.WithMaxRunning(1))
		require.NoError(t, s.Manual("late", harness.Patient(1, 5*time.Hour, &late), pawl.WithTimeout(time.Hour)))
		require.NoError(t, s.Manual("ended", harness.Patient(1, time.Hour, &ended)))
		require.NoError(t, s.Manual("forced", harness.Patient(1, time.Hour, &forced)))
		require.NoError(t, s.Cron("paused", "0 0 * * *", harness.Patient(1, time.Hour, &paused)))
		require.NoError(t, s.Manual("first", harness.Patient(1, 2*time.Hour, &first), pawl.WithOverlap(pawl.OverlapAllow(2, 9))))
		require.NoError(t, s.Manual("long", harness.Job(func(context.Context) error { time.Sleep(2 * time.Hour); return nil })))
		r := harness.Start(t, s)
		for _, id := range []string{"late", "ended", "forced", "paused", "first"} {
			harness.Trigger(t, r, id)
			synctest.Wait()
		}
		require.NoError(t, r.Pause(t.Context(), "paused", "not now"))
		require.NoError(t, r.Cancel(t.Context(), "ended", 1, "no longer wanted"))
		require.NoError(t, r.CancelWithoutUndo(t.Context(), "forced", 1, "the provider is gone"))
		synctest.Wait()
		assert.Equal(t, "new undo", ended.String())
		assert.Equal(t, pawl.RunCancelled, harness.RunOf(t, r, "ended", 1).Status)
		assert.Equal(t, "new", forced.String())
		assert.Equal(t, pawl.RunCancelled, harness.RunOf(t, r, "forced", 1).Status)
		assert.Equal(t, "cancelled without undo: what the run did was left as it is: the provider is gone", harness.RunOf(t, r, "forced", 1).Error)
		time.Sleep(61 * time.Minute)
		assert.Equal(t, "new undo", late.String())
		assert.Equal(t, pawl.RunTimedOut, harness.RunOf(t, r, "late", 1).Status)
		assert.Equal(t, "new ready", paused.String())

		harness.Trigger(t, r, "long")             // which holds the one place for two hours
		_, err := r.Trigger(t.Context(), "first") // it waits for that, and has not begun
		require.NoError(t, err)
		time.Sleep(119 * time.Minute) // the first one has woken
		assert.Equal(t, pawl.RunWaiting, harness.RunOf(t, r, "first", 1).Status)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "new ready new", first.String())
		harness.Stop(t, r, db)
	})
}

// found Q6, found Q7: a flow is not forgotten while runs of it are parked or blocked: nobody
// would finish or undo what they did.
func TestFlowWithRunsAsideIsNotForgotten(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var done harness.Doings
		allow := pawl.WithOverlap(pawl.OverlapAllow(2, 2))
		r := harness.Start(t, deploys(t, db, 1, &done, allow))
		harness.Trigger(t, r, "a")
		synctest.Wait()
		harness.Stop(t, r, db)
		r = harness.Start(t, deploys(t, db, 2, &done, allow))
		time.Sleep(2 * time.Hour)
		harness.Trigger(t, r, "a")
		synctest.Wait()
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("a") }))
		err := r.Forget(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
		require.ErrorContains(t, err, "1 parked, 1 blocked")
		require.ErrorContains(t, err, "(pawl cancel \"a\" RUN --force)")
		for _, run := range []int64{1, 2} {
			require.NoError(t, r.CancelWithoutUndo(t.Context(), "a", run))
		}
		require.NoError(t, r.Forget(t.Context(), "a"))
		harness.Stop(t, r, db)
	})
}

// found Q7: a crash neither interrupts nor suspects a parked run, wherever it comes.
func TestCrashLeavesAParkedRunAsItIs(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, _ string) {
		pawltest.CrashEverywhere(t, func(db string) *pawl.Scheduler {
			s := harness.Quiet(db)
			_ = s.Manual("wait", harness.Patient(1, time.Hour, &harness.Doings{})) // Start returns the error
			return s
		}, func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "wait", pawl.WithKey("one"))
			if err == nil {
				_, err = r.WaitRun(ctx, "wait", run)
			}
			return err
		}, func(t testing.TB, db string) {
			client, err := pawl.Open(db)
			require.NoError(t, err)
			defer client.Close()
			runs, err := client.Runs(context.Background(), pawl.RunsQuery{Flow: "wait"})
			require.NoError(t, err)
			for _, run := range runs {
				assert.Equal(t, pawl.RunCompleted, run.Status)
			}
			info, _, err := client.Status(context.Background(), "wait")
			require.NoError(t, err)
			assert.False(t, info.Suspect)
			assert.Zero(t, info.Parked)
		})
	})
}

// found Q6, found Q7: the key of a parked or a blocked run stands for it as long as it is not
// over, however short the window of keys is: it is not deleted before.
func TestKeyStandsForARunThatIsAside(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var one, two harness.Doings
		opts := []pawl.FlowOption{pawl.WithKeyWindow(time.Minute), pawl.WithOverlap(pawl.OverlapAllow(5, 5))}
		key := func(r *pawl.Runner) int64 {
			run, err := r.Trigger(t.Context(), "a", pawl.WithKey("order 7"))
			require.NoError(t, err)
			return run
		}
		build := func(version int, done *harness.Doings) *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("a", harness.Patient(version, 48*time.Hour, done), opts...))
			return s
		}
		r := harness.Start(t, build(1, &one))
		assert.Equal(t, int64(1), key(r))
		time.Sleep(24 * time.Hour)
		assert.Equal(t, int64(1), key(r), "it is parked")
		harness.Stop(t, r, db)
		r = harness.Start(t, build(2, &two))
		time.Sleep(48 * time.Hour)
		require.Equal(t, pawl.RunBlocked, harness.RunOf(t, r, "a", 1).Status)
		assert.Equal(t, int64(1), key(r), "it is blocked")
		harness.Stop(t, r, db)
		r = harness.Start(t, build(1, &one))
		synctest.Wait()
		require.Equal(t, pawl.RunCompleted, harness.RunOf(t, r, "a", 1).Status)
		assert.Equal(t, int64(2), key(r))
		harness.Stop(t, r, db)
	})
}
