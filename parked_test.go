package pawl_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawltest"
	"github.com/pawl-go/pawl/workflow"
)

// found Q7: what only waits does not hold what works. Three workflows wait for two days, and
// a plain job still starts at once although three runs may be in flight.
func TestWorkflowThatWaitsHoldsNoPlace(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var done doings
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithMaxRunning(3), pawl.WithGroupLimit("g", 3))
			require.NoError(t, s.Manual("wait", patient(1, 48*time.Hour, &done), pawl.WithOverlap(pawl.OverlapAllow(3, 0)), pawl.WithGroup("g")))
			require.NoError(t, s.Manual("plain", job(ok), pawl.WithGroup("g")))
			return s
		}
		r := start(t, build())
		for range 4 {
			trigger(t, r, "wait")
			synctest.Wait()
		}
		info := status(t, r, "wait")
		assert.Equal(t, 4, info.Parked, "nor a place of its own flow")
		assert.Zero(t, info.InFlight)
		assert.Equal(t, time.Now().Add(48*time.Hour).UTC(), info.NextWake)
		assert.NotEqual(t, pawl.StatusRunning, info.Status)
		assert.False(t, r.HasRunning())
		client := openClient(t, db)
		other, _, err := client.Status(t.Context(), "wait")
		require.NoError(t, err)
		assert.Equal(t, info, other)
		require.NoError(t, client.Close())
		parked, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "wait", Status: pawl.RunParked})
		require.NoError(t, err)
		assert.Len(t, parked, 4)
		assert.Equal(t, []string{"parked"}, texts(t, db, "SELECT DISTINCT status FROM pawl_runs"))
		began := time.Now()
		run, err := r.Trigger(t.Context(), "plain")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "plain", run)
		require.NoError(t, err)
		assert.Less(t, time.Since(began), time.Second)
		stop(t, r, db)
		assert.Less(t, time.Since(began), time.Second, "a stop does not wait for them")

		r = start(t, build())
		over, err := r.WaitRun(t.Context(), "wait", 4)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, over.Status)
		assert.WithinDuration(t, began.Add(48*time.Hour), time.Now(), time.Second, "to the second, over a restart")
		synctest.Wait()
		info = status(t, r, "wait")
		assert.Equal(t, int64(4), info.RunCount)
		assert.Zero(t, info.Parked)
		assert.Equal(t, "new new new new ready ready ready ready", done.String())
		stop(t, r, db)
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
		"a retry": job(func(context.Context) error {
			if tries++; tries < 4 {
				return pawl.RetryAfter(time.Hour, errors.New("not yet"))
			}
			return nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				s := quiet(db, pawl.WithMaxRunning(1))
				require.NoError(t, s.Manual("waits", waits, pawl.WithRetry(3, everyMinute)))
				require.NoError(t, s.Manual("plain", job(ok)))
				r := start(t, s)
				trigger(t, r, "waits")
				for range 3 {
					time.Sleep(30 * time.Minute)
					began := time.Now()
					runTimes(t, r, "plain", 1)
					assert.Less(t, time.Since(began), time.Second)
					time.Sleep(30 * time.Minute)
				}
				synctest.Wait()
				assert.Equal(t, pawl.RunCompleted, runOf(t, r, "waits", 1).Status)
				stop(t, r, db)
			})
		})
	}
}

// found Q7: where the runs of a flow follow one another, a parked run still is the flow's.
func TestParkedRunIsInTheWayOfTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var skip, buffer, cancel, every doings
		s := quiet(db)
		require.NoError(t, s.Cron("skip", "0 * * * *", patient(1, 150*time.Minute, &skip)))
		require.NoError(t, s.Manual("buffer", patient(1, time.Hour, &buffer), pawl.WithOverlap(pawl.OverlapBuffer(1))))
		require.NoError(t, s.Manual("cancel", patient(1, time.Hour, &cancel), pawl.WithOverlap(pawl.OverlapCancel)))
		require.NoError(t, s.Every("every", 10*time.Minute, patient(1, time.Hour, &every)))
		r := start(t, s)
		trigger(t, r, "buffer")
		trigger(t, r, "cancel")
		synctest.Wait()
		assert.True(t, status(t, r, "every").NextRun.IsZero(), "it counts from the end")

		trigger(t, r, "buffer")
		_, err := r.Trigger(t.Context(), "buffer")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		trigger(t, r, "cancel")
		synctest.Wait()
		assert.Equal(t, "new undo new", cancel.String())
		assert.Equal(t, pawl.RunCancelled, runOf(t, r, "cancel", 1).Status)
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
			texts(t, db, "SELECT first_at || ' ' || last_at || ' ' || count || ' ' || reason FROM pawl_occurrences WHERE flow_id = 'skip' AND verdict = 'skipped_overlap'"))
		assert.Equal(t, "new ready new", skip.String())
		stop(t, r, db)
	})
}

// found Q7: the deadline of a parked run goes on, a cancel ends it, and each undoes what it
// did; a pause of the schedule does not hold it, nor do runs that have not begun.
func TestParkedRunEnds(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var late, ended, forced, paused, first doings
		s := quiet(db, pawl.WithMaxRunning(1))
		require.NoError(t, s.Manual("late", patient(1, 5*time.Hour, &late), pawl.WithTimeout(time.Hour)))
		require.NoError(t, s.Manual("ended", patient(1, time.Hour, &ended)))
		require.NoError(t, s.Manual("forced", patient(1, time.Hour, &forced)))
		require.NoError(t, s.Cron("paused", "0 0 * * *", patient(1, time.Hour, &paused)))
		require.NoError(t, s.Manual("first", patient(1, 2*time.Hour, &first), pawl.WithOverlap(pawl.OverlapAllow(2, 9))))
		require.NoError(t, s.Manual("long", job(func(context.Context) error { time.Sleep(2 * time.Hour); return nil })))
		r := start(t, s)
		for _, id := range []string{"late", "ended", "forced", "paused", "first"} {
			trigger(t, r, id)
			synctest.Wait()
		}
		require.NoError(t, r.Pause(t.Context(), "paused", "not now"))
		require.NoError(t, r.Cancel(t.Context(), "ended", 1, "no longer wanted"))
		require.NoError(t, r.CancelWithoutUndo(t.Context(), "forced", 1, "the provider is gone"))
		synctest.Wait()
		assert.Equal(t, "new undo", ended.String())
		assert.Equal(t, pawl.RunCancelled, runOf(t, r, "ended", 1).Status)
		assert.Equal(t, "new", forced.String())
		assert.Equal(t, pawl.RunCancelled, runOf(t, r, "forced", 1).Status)
		assert.Equal(t, "cancelled without undo: what the run did was left as it is: the provider is gone", runOf(t, r, "forced", 1).Error)
		time.Sleep(61 * time.Minute)
		assert.Equal(t, "new undo", late.String())
		assert.Equal(t, pawl.RunTimedOut, runOf(t, r, "late", 1).Status)
		assert.Equal(t, "new ready", paused.String())

		trigger(t, r, "long")                     // which holds the one place for two hours
		_, err := r.Trigger(t.Context(), "first") // it waits for that, and has not begun
		require.NoError(t, err)
		time.Sleep(119 * time.Minute) // the first one has woken
		assert.Equal(t, pawl.RunWaiting, runOf(t, r, "first", 1).Status)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "new ready new", first.String())
		stop(t, r, db)
	})
}

// found Q6, found Q7: a flow is not forgotten while runs of it are parked or blocked: nobody
// would finish or undo what they did.
func TestFlowWithRunsAsideIsNotForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var done doings
		allow := pawl.WithOverlap(pawl.OverlapAllow(2, 2))
		r := start(t, deploys(t, db, 1, &done, allow))
		trigger(t, r, "a")
		synctest.Wait()
		stop(t, r, db)
		r = start(t, deploys(t, db, 2, &done, allow))
		time.Sleep(2 * time.Hour)
		trigger(t, r, "a")
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
		stop(t, r, db)
	})
}

// found Q7: a crash neither interrupts nor suspects a parked run, wherever it comes.
func TestCrashLeavesAParkedRunAsItIs(t *testing.T) {
	bubble(t, func(t *testing.T, _ string) {
		pawltest.CrashEverywhere(t, func(db string) *pawl.Scheduler {
			s := quiet(db)
			_ = s.Manual("wait", patient(1, time.Hour, &doings{})) // Start returns the error
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
	bubble(t, func(t *testing.T, db string) {
		var one, two doings
		opts := []pawl.FlowOption{pawl.WithKeyWindow(time.Minute), pawl.WithOverlap(pawl.OverlapAllow(5, 5))}
		key := func(r *pawl.Runner) int64 {
			run, err := r.Trigger(t.Context(), "a", pawl.WithKey("order 7"))
			require.NoError(t, err)
			return run
		}
		build := func(version int, done *doings) *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Manual("a", patient(version, 48*time.Hour, done), opts...))
			return s
		}
		r := start(t, build(1, &one))
		assert.Equal(t, int64(1), key(r))
		time.Sleep(24 * time.Hour)
		assert.Equal(t, int64(1), key(r), "it is parked")
		stop(t, r, db)
		r = start(t, build(2, &two))
		time.Sleep(48 * time.Hour)
		require.Equal(t, pawl.RunBlocked, runOf(t, r, "a", 1).Status)
		assert.Equal(t, int64(1), key(r), "it is blocked")
		stop(t, r, db)
		r = start(t, build(1, &one))
		synctest.Wait()
		require.Equal(t, pawl.RunCompleted, runOf(t, r, "a", 1).Status)
		assert.Equal(t, int64(2), key(r))
		stop(t, r, db)
	})
}
