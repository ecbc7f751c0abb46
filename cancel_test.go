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
)

// A run that waits is cancelled at once, in memory or in the store alone; one that is
// in flight when its job returns an error; one that is over not at all. time X2.
func TestCancelEndsARun(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		var cause error
		require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		}), pawl.WithOverlap(pawl.OverlapBuffer(1000)), pawl.WithBackoff(pawl.TripAfter(1)), pawl.WithRetry(3, everyMinute)))
		r := start(t, s)
		first, err := r.TriggerMany(t.Context(), "work", make([]any, 500))
		require.NoError(t, err)
		for _, run := range []int64{first + 1, first + 450} {
			require.NoError(t, r.Cancel(t.Context(), "work", run, "not wanted", "any more"))
			info := runOf(t, r, "work", run)
			assert.Equal(t, pawl.RunCancelled, info.Status)
			assert.Equal(t, "cancelled: not wanted; any more", info.Error)
			assert.Zero(t, info.StartedAt)
			require.ErrorIs(t, r.Cancel(t.Context(), "work", run), pawl.ErrRunOver)
		}
		assert.Equal(t, 497, status(t, r, "work").Waiting)
		synctest.Wait()
		require.NoError(t, r.Cancel(t.Context(), "work", first, "nor this"))
		info, err := r.WaitRun(t.Context(), "work", first)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCancelled, info.Status)
		assert.Equal(t, 1, info.Attempt)
		require.ErrorIs(t, cause, pawl.ErrCancelled)
		assert.Zero(t, status(t, r, "work").FailureStreak)
		synctest.Wait()
		assert.Equal(t, pawl.RunRunning, runOf(t, r, "work", first+2).Status, "its slot is free")
		for run, want := range map[int64]error{first: pawl.ErrRunOver, 0: pawl.ErrRunNotFound, -1: pawl.ErrRunNotFound, 9999: pawl.ErrRunNotFound} {
			require.ErrorIs(t, r.Cancel(t.Context(), "work", run), want)
		}
		require.ErrorIs(t, r.Cancel(t.Context(), "nobody", 1), pawl.ErrFlowNotFound)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		verify(t, db)
	})
}

// A start that is to cancel the others cancels all of them, or is refused: of a long
// queue only the first are in memory. time O1, time X2.
func TestStartThatCancelsOthersCancelsAllOrNone(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
			if last, _ := pawl.InputOf[bool](ctx); last {
				return nil
			}
			return untilCancelled(ctx)
		}), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := start(t, s)
		cancels := []pawl.TriggerOption{pawl.WithOverlapOnce(pawl.OverlapCancel), pawl.WithInput(true)}
		_, err := r.TriggerMany(t.Context(), "work", make([]any, 500))
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "work", cancels...)
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		assert.Equal(t, 499, status(t, r, "work").Waiting)
		for run := int64(30); run <= 500; run++ {
			require.NoError(t, r.Cancel(t.Context(), "work", run))
		}
		info := finish(t, r, "work", cancels...)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Zero(t, status(t, r, "work").Waiting)
		assert.Equal(t, []int64{500}, numbers(t, db, "SELECT count(*) FROM pawl_runs WHERE status = 'cancelled'"))
		stop(t, r, db)
	})
}

// Of several who cancel a run at once that waits in the store alone, one does, and the
// others are told that it is over; a backfill that is dropped meanwhile too. time X2, time M2.
func TestManyCancelsOfOneRunAreOneCancel(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		time.Sleep(30 * 24 * time.Hour)
		s := quiet(db)
		require.NoError(t, s.Manual("work", job(untilCancelled), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		require.NoError(t, s.Cron("hourly", "0 * * * *", job(untilCancelled)))
		r := start(t, s)
		_, err := r.TriggerMany(t.Context(), "work", make([]any, 500))
		require.NoError(t, err)
		_, err = r.Backfill(t.Context(), "hourly", pawl.Backfill{From: time.Now().Add(-480 * time.Hour), To: time.Now()})
		require.NoError(t, err)
		errs := make(chan error, 20) // one for each call
		for range 10 {
			go func() { errs <- r.Cancel(t.Context(), "work", 450) }()
			go func() {
				errs <- errors.Join(r.CancelBackfill(t.Context(), "hourly"), r.Cancel(t.Context(), "hourly", 400))
			}()
		}
		done := 0
		for range 20 {
			if err := <-errs; err == nil {
				done++
			} else {
				require.ErrorIs(t, err, pawl.ErrRunOver)
			}
		}
		assert.Equal(t, 1, done)
		assert.Equal(t, 498, status(t, r, "work").Waiting)
		assert.Zero(t, status(t, r, "hourly").Backfill)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		verify(t, db)
	})
}

// A job that does not return in 10 seconds after it was asked to is left behind: its
// run is cancelled, and what it returns is kept aside. time X1, time X2.
func TestCancelledJobThatGoesOnIsLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("deaf", job(func(context.Context) error { time.Sleep(time.Hour); return errors.New("too late") }),
			pawl.WithBackoff(pawl.TripAfter(1)), pawl.WithRetry(3, everyMinute)))
		r := start(t, s)
		trigger(t, r, "deaf")
		require.NoError(t, r.Cancel(t.Context(), "deaf", 1))
		require.NoError(t, r.Cancel(t.Context(), "deaf", 1), "twice is once")
		time.Sleep(10*time.Second - time.Millisecond)
		assert.True(t, r.HasRunning())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.False(t, r.HasRunning())
		info := runOf(t, r, "deaf", 1)
		assert.Equal(t, pawl.RunCancelled, info.Status)
		assert.Equal(t, "cancelled; its job has not returned", info.Error)
		assert.Equal(t, 1, status(t, r, "deaf").Leaked)
		assert.Zero(t, status(t, r, "deaf").FailureStreak)
		time.Sleep(time.Hour)
		assert.Zero(t, status(t, r, "deaf").Leaked)
		assert.Equal(t, []int64{1}, numbers(t, db, "SELECT run_number FROM pawl_leaks WHERE error = 'too late'"))
		stop(t, r, db)
	})
}

// A run that was to be cancelled when its process died is cancelled by the next start,
// not interrupted: no failure, no attempt, no run in its place. time X2.
func TestCancelSurvivesAKill(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			opts := []pawl.FlowOption{pawl.WithBackoff(pawl.TripAfter(1)), pawl.WithRetry(3, everyMinute)}
			deaf := job(func(context.Context) error { time.Sleep(time.Minute); return errors.New("too late") })
			require.NoError(t, s.Manual("work", deaf, opts...))
			require.NoError(t, s.Every("every", time.Hour, deaf, opts...))
			require.NoError(t, s.Manual("waits", deaf, opts...))
		}
		p := launch(t, db, register)
		trigger(t, p.Runner, "work")
		_, err := p.Trigger(t.Context(), "waits", pawl.WithStartAt(time.Now().Add(time.Hour)))
		require.NoError(t, err)
		synctest.Wait()
		ids := []string{"work", "every", "waits"}
		for _, id := range ids {
			require.NoError(t, p.Cancel(t.Context(), id, 1, "by hand"))
		}
		p.kill()
		p = launch(t, db, register)
		for _, id := range ids {
			info := runOf(t, p.Runner, id, 1)
			assert.Equal(t, pawl.RunCancelled, info.Status, id)
			assert.Zero(t, status(t, p.Runner, id).FailureStreak, id)
			assert.Zero(t, status(t, p.Runner, id).Waiting, id)
		}
		time.Sleep(time.Minute) // the jobs of the dead process come to an end
		assert.Equal(t, int64(1), status(t, p.Runner, "every").LastNumber, "it goes on at its interval")
		require.NoError(t, p.Stop(context.Background()))
		verify(t, db)
	})
}

// A flow whose starts cancel what is before them does so whatever way they are asked
// for: a start at a time of its own when that comes, also while a limit has no room,
// and one of a queue of inputs. Many of those at once have no room. time O1, time Q1.
func TestOverlapCancelHoldsForEveryStart(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("a", job(sleeps(time.Hour)), pawl.WithOverlap(pawl.OverlapCancel)))
		}
		p := launch(t, db, register, pawl.WithMaxRunning(1))
		is := func(run int64) pawl.RunStatus { synctest.Wait(); return runOf(t, p.Runner, "a", run).Status }
		began := time.Now()
		accepted(t, p.Runner, "a")
		for n := range 3 {
			accepted(t, p.Runner, "a", pawl.WithStartAt(began.Add(time.Duration(n+1)*time.Minute)))
		}
		time.Sleep(time.Minute - time.Millisecond)
		assert.Equal(t, pawl.RunRunning, is(1), "its time has not come")
		time.Sleep(time.Millisecond)
		assert.Equal(t, pawl.RunCancelled, is(1))
		assert.Equal(t, pawl.RunRunning, is(2))
		p.kill()
		time.Sleep(3 * time.Minute)
		p = launch(t, db, register, pawl.WithMaxRunning(1))
		assert.Equal(t, pawl.RunInterrupted, is(2))
		assert.Equal(t, pawl.RunCancelled, is(3), "the time of both came while nobody ran")
		assert.Equal(t, pawl.RunRunning, is(4))

		_, err := p.TriggerMany(t.Context(), "a", []any{1, 2})
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		run, err := p.TriggerMany(t.Context(), "a", []any{1})
		require.NoError(t, err)
		assert.Equal(t, int64(5), run)
		assert.Equal(t, pawl.RunCancelled, is(4))
		assert.Equal(t, pawl.RunRunning, is(5))
		require.ErrorIs(t, p.Stop(t.Context()), pawl.ErrStopTimeout)
		verify(t, db)
	})
}

// What waits of a flow that the program does not register any more can be cancelled,
// also by the inbox, whether an update or a restart took the flow out. time X2, time M4, time M5.
func TestWaitingRunsOfARetiredFlowCanBeCancelled(t *testing.T) {
	for _, restart := range []bool{false, true} {
		bubble(t, func(t *testing.T, db string) {
			time.Sleep(24 * time.Hour)
			p := launch(t, db, func(s *pawl.Scheduler) {
				require.NoError(t, s.Cron("gone", "0 * * * *", job(untilCancelled), pawl.WithOverlap(pawl.OverlapBuffer(200))))
				require.NoError(t, s.Manual("stays", job(ok)))
			}, pawl.WithInboxPoll(50*time.Millisecond))
			_, err := p.TriggerMany(t.Context(), "gone", make([]any, 151))
			require.NoError(t, err)
			_, err = p.Backfill(t.Context(), "gone", pawl.Backfill{From: time.Now().Add(-2 * time.Hour), To: time.Now()})
			require.NoError(t, err)
			if restart {
				p.kill()
				p = launch(t, db, func(s *pawl.Scheduler) { require.NoError(t, s.Manual("stays", job(ok))) }, pawl.WithInboxPoll(50*time.Millisecond))
			} else {
				require.NoError(t, p.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("gone") }))
				require.NoError(t, p.Cancel(t.Context(), "gone", 1), "in flight")
			}
			for _, run := range []int64{2, 3, 151} { // the last one is in the file alone
				require.NoError(t, p.Cancel(t.Context(), "gone", run, "not needed"))
				assert.Equal(t, "cancelled: not needed", runOf(t, p.Runner, "gone", run).Error)
				require.ErrorIs(t, p.Cancel(t.Context(), "gone", run), pawl.ErrRunOver)
			}
			c := openClient(t, db)
			require.NoError(t, c.Cancel(t.Context(), "gone", 4))
			require.NoError(t, c.CancelBackfill(t.Context(), "gone"))
			require.NoError(t, c.Close())
			synctest.Wait()
			flow := status(t, p.Runner, "gone")
			assert.Equal(t, []int{0, 146, 0}, []int{flow.InFlight, flow.Waiting, flow.Backfill})
			_, err = p.Trigger(t.Context(), "gone")
			require.ErrorIs(t, err, pawl.ErrFlowNotFound)
			require.ErrorIs(t, p.Cancel(t.Context(), "nobody", 1), pawl.ErrFlowNotFound)
			stop(t, p.Runner, db)
		})
	}
}
