package pawl_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
)

// A run that waits is cancelled at once, in memory or in the store alone; one that is
// in flight when its job returns an error; one that is over not at all. time X2.
func TestCancelEndsARun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		var cause error
		require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		}), pawl.WithOverlap(pawl.OverlapBuffer(1000)), pawl.WithBackoff(pawl.TripAfter(1)), pawl.WithRetry(3, harness.EveryMinute)))
		r := harness.Start(t, s)
		first, err := r.TriggerMany(t.Context(), "work", make([]any, 500))
		require.NoError(t, err)
		for _, run := range []int64{first + 1, first + 450} {
			require.NoError(t, r.Cancel(t.Context(), "work", run, "not wanted", "any more"))
			info := harness.RunOf(t, r, "work", run)
			assert.Equal(t, pawl.RunCancelled, info.Status)
			assert.Equal(t, "cancelled: not wanted; any more", info.Error)
			assert.Zero(t, info.StartedAt)
			require.ErrorIs(t, r.Cancel(t.Context(), "work", run), pawl.ErrRunOver)
		}
		assert.Equal(t, 497, harness.Status(t, r, "work").Waiting)
		synctest.Wait()
		require.NoError(t, r.Cancel(t.Context(), "work", first, "nor this"))
		info, err := r.WaitRun(t.Context(), "work", first)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCancelled, info.Status)
		assert.Equal(t, 1, info.Attempt)
		require.ErrorIs(t, cause, pawl.ErrCancelled)
		assert.Zero(t, harness.Status(t, r, "work").FailureStreak)
		synctest.Wait()
		assert.Equal(t, pawl.RunRunning, harness.RunOf(t, r, "work", first+2).Status, "its slot is free")
		for run, want := range map[int64]error{first: pawl.ErrRunOver, 0: pawl.ErrRunNotFound, -1: pawl.ErrRunNotFound, 9999: pawl.ErrRunNotFound} {
			require.ErrorIs(t, r.Cancel(t.Context(), "work", run), want)
		}
		require.ErrorIs(t, r.Cancel(t.Context(), "nobody", 1), pawl.ErrFlowNotFound)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		harness.Verify(t, db)
	})
}

// A start that is to cancel the others cancels all of them, or is refused: of a long
// queue only the first are in memory. time O1, time X2.
func TestStartThatCancelsOthersCancelsAllOrNone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
			if last, _ := pawl.InputOf[bool](ctx); last {
				return nil
			}
			return harness.UntilCancelled(ctx)
		}), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := harness.Start(t, s)
		cancels := []pawl.TriggerOption{pawl.WithOverlapOnce(pawl.OverlapCancel), pawl.WithInput(true)}
		_, err := r.TriggerMany(t.Context(), "work", make([]any, 500))
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "work", cancels...)
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		assert.Equal(t, 499, harness.Status(t, r, "work").Waiting)
		for run := int64(30); run <= 500; run++ {
			require.NoError(t, r.Cancel(t.Context(), "work", run))
		}
		info := harness.Finish(t, r, "work", cancels...)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Zero(t, harness.Status(t, r, "work").Waiting)
		assert.Equal(t, []int64{500}, harness.Numbers(t, db, "SELECT count(*) FROM pawl_runs WHERE status = 'cancelled'"))
		harness.Stop(t, r, db)
	})
}

// Of several who cancel a run at once that waits in the store alone, one does, and the
// others are told that it is over; a backfill that is dropped meanwhile too. time X2, time M2.
func TestManyCancelsOfOneRunAreOneCancel(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		time.Sleep(30 * 24 * time.Hour)
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("work", harness.Job(harness.UntilCancelled), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		require.NoError(t, s.Cron("hourly", "0 * * * *", harness.Job(harness.UntilCancelled)))
		r := harness.Start(t, s)
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
		assert.Equal(t, 498, harness.Status(t, r, "work").Waiting)
		assert.Zero(t, harness.Status(t, r, "hourly").Backfill)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		harness.Verify(t, db)
	})
}

// A job that does not return in 10 seconds after it was asked to is left behind: its
// run is cancelled, and what it returns is kept aside. time X1, time X2.
func TestCancelledJobThatGoesOnIsLeftBehind(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("deaf", harness.Job(func(context.Context) error { time.Sleep(time.Hour); return errors.New("too late") }),
			pawl.WithBackoff(pawl.TripAfter(1)), pawl.WithRetry(3, harness.EveryMinute)))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "deaf")
		require.NoError(t, r.Cancel(t.Context(), "deaf", 1))
		require.NoError(t, r.Cancel(t.Context(), "deaf", 1), "twice is once")
		time.Sleep(10*time.Second - time.Millisecond)
		assert.True(t, r.HasRunning())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.False(t, r.HasRunning())
		info := harness.RunOf(t, r, "deaf", 1)
		assert.Equal(t, pawl.RunCancelled, info.Status)
		assert.Equal(t, "cancelled; its job has not returned", info.Error)
		assert.Equal(t, 1, harness.Status(t, r, "deaf").Leaked)
		assert.Zero(t, harness.Status(t, r, "deaf").FailureStreak)
		time.Sleep(time.Hour)
		assert.Zero(t, harness.Status(t, r, "deaf").Leaked)
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, "SELECT run_number FROM pawl_leaks WHERE error = 'too late'"))
		harness.Stop(t, r, db)
	})
}

// A run that was to be cancelled when its process died is cancelled by the next start,
// not interrupted: no failure, no attempt, no run in its place. time X2.
func TestCancelSurvivesAKill(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			opts := []pawl.FlowOption{pawl.WithBackoff(pawl.TripAfter(1)), pawl.WithRetry(3, harness.EveryMinute)}
			deaf := harness.Job(func(context.Context) error { time.Sleep(time.Minute); return errors.New("too late") })
			require.NoError(t, s.Manual("work", deaf, opts...))
			require.NoError(t, s.Every("every", time.Hour, deaf, opts...))
			require.NoError(t, s.Manual("waits", deaf, opts...))
		}
		p := harness.Launch(t, db, register)
		harness.Trigger(t, p.Runner, "work")
		_, err := p.Trigger(t.Context(), "waits", pawl.WithStartAt(time.Now().Add(time.Hour)))
		require.NoError(t, err)
		synctest.Wait()
		ids := []string{"work", "every", "waits"}
		for _, id := range ids {
			require.NoError(t, p.Cancel(t.Context(), id, 1, "by hand"))
		}
		p.Kill()
		p = harness.Launch(t, db, register)
		for _, id := range ids {
			info := harness.RunOf(t, p.Runner, id, 1)
			assert.Equal(t, pawl.RunCancelled, info.Status, id)
			assert.Zero(t, harness.Status(t, p.Runner, id).FailureStreak, id)
			assert.Zero(t, harness.Status(t, p.Runner, id).Waiting, id)
		}
		time.Sleep(time.Minute) // the jobs of the dead process come to an end
		assert.Equal(t, int64(1), harness.Status(t, p.Runner, "every").LastNumber, "it goes on at its interval")
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
	})
}

// A flow whose starts cancel what is before them does so whatever way they are asked
// for: a start at a time of its own when that comes, also while a limit has no room,
// and one of a queue of inputs. Many of those at once have no room. time O1, time Q1.
func TestOverlapCancelHoldsForEveryStart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("a", harness.Job(harness.Sleeps(time.Hour)), pawl.WithOverlap(pawl.OverlapCancel)))
		}
		p := harness.Launch(t, db, register, pawl.WithMaxRunning(1))
		is := func(run int64) pawl.RunStatus { synctest.Wait(); return harness.RunOf(t, p.Runner, "a", run).Status }
		began := time.Now()
		harness.Accepted(t, p.Runner, "a")
		for n := range 3 {
			harness.Accepted(t, p.Runner, "a", pawl.WithStartAt(began.Add(time.Duration(n+1)*time.Minute)))
		}
		time.Sleep(time.Minute - time.Millisecond)
		assert.Equal(t, pawl.RunRunning, is(1), "its time has not come")
		time.Sleep(time.Millisecond)
		assert.Equal(t, pawl.RunCancelled, is(1))
		assert.Equal(t, pawl.RunRunning, is(2))
		p.Kill()
		time.Sleep(3 * time.Minute)
		p = harness.Launch(t, db, register, pawl.WithMaxRunning(1))
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
		harness.Verify(t, db)
	})
}

// What waits of a flow that the program does not register any more can be cancelled,
// also by the inbox, whether an update or a restart took the flow out. time X2, time M4, time M5.
func TestWaitingRunsOfARetiredFlowCanBeCancelled(t *testing.T) {
	for _, restart := range []bool{false, true} {
		harness.Bubble(t, func(t *testing.T, db string) {
			time.Sleep(24 * time.Hour)
			p := harness.Launch(t, db, func(s *pawl.Scheduler) {
				require.NoError(t, s.Cron("gone", "0 * * * *", harness.Job(harness.UntilCancelled), pawl.WithOverlap(pawl.OverlapBuffer(200))))
				require.NoError(t, s.Manual("stays", harness.Job(harness.OK)))
			}, pawl.WithInboxPoll(50*time.Millisecond))
			_, err := p.TriggerMany(t.Context(), "gone", make([]any, 151))
			require.NoError(t, err)
			_, err = p.Backfill(t.Context(), "gone", pawl.Backfill{From: time.Now().Add(-2 * time.Hour), To: time.Now()})
			require.NoError(t, err)
			if restart {
				p.Kill()
				p = harness.Launch(t, db, func(s *pawl.Scheduler) { require.NoError(t, s.Manual("stays", harness.Job(harness.OK))) }, pawl.WithInboxPoll(50*time.Millisecond))
			} else {
				require.NoError(t, p.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("gone") }))
				require.NoError(t, p.Cancel(t.Context(), "gone", 1), "in flight")
			}
			for _, run := range []int64{2, 3, 151} { // the last one is in the file alone
				require.NoError(t, p.Cancel(t.Context(), "gone", run, "not needed"))
				assert.Equal(t, "cancelled: not needed", harness.RunOf(t, p.Runner, "gone", run).Error)
				require.ErrorIs(t, p.Cancel(t.Context(), "gone", run), pawl.ErrRunOver)
			}
			c := harness.OpenClient(t, db)
			require.NoError(t, c.Cancel(t.Context(), "gone", 4))
			require.NoError(t, c.CancelBackfill(t.Context(), "gone"))
			require.NoError(t, c.Close())
			synctest.Wait()
			flow := harness.Status(t, p.Runner, "gone")
			assert.Equal(t, []int{0, 146, 0}, []int{flow.InFlight, flow.Waiting, flow.Backfill})
			_, err = p.Trigger(t.Context(), "gone")
			require.ErrorIs(t, err, pawl.ErrFlowNotFound)
			require.ErrorIs(t, p.Cancel(t.Context(), "nobody", 1), pawl.ErrFlowNotFound)
			harness.Stop(t, p.Runner, db)
		})
	}
}

// Past its deadline a job's context ends with a cause, and what it returns then closes
// the run as timed out, a failure without a further attempt. A job that succeeds all
// the same has. time X1, time X3.
func TestDeadlineEndsTheContextWithItsCause(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		var cause error
		var left time.Duration
		require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			<-ctx.Done()
			cause = context.Cause(ctx)
			if late, _ := pawl.InputOf[bool](ctx); late {
				return nil
			}
			return ctx.Err()
		}), pawl.WithTimeout(time.Minute), pawl.WithBackoff(pawl.TripAfter(3)), pawl.WithRetry(3, pawl.DefaultBackoff())))
		r := harness.Start(t, s)
		info := harness.Finish(t, r, "work")
		assert.Equal(t, pawl.RunTimedOut, info.Status)
		assert.Equal(t, "context deadline exceeded", info.Error)
		assert.Equal(t, 1, info.Attempt)
		assert.Equal(t, info.StartedAt.Add(time.Minute), info.Deadline)
		assert.Equal(t, info.Deadline, info.FinishedAt)
		assert.Equal(t, time.Minute, left)
		require.ErrorIs(t, cause, pawl.ErrTimedOut)
		flow := harness.Status(t, r, "work")
		assert.Equal(t, 1, flow.FailureStreak)
		assert.Equal(t, info.Error, flow.LastError)

		info = harness.Finish(t, r, "work", pawl.WithInput(true))
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Zero(t, harness.Status(t, r, "work").FailureStreak)
		harness.Stop(t, r, db)
	})
}

// A job that does not return in 10 seconds after its deadline is left behind: its run
// is closed as timed out, its slot is free, it is shown as leaked, and what it returns
// at last is kept aside. time X1.
func TestJobThatIgnoresItsDeadlineIsLeftBehind(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("deaf", harness.Job(func(ctx context.Context) error {
			time.Sleep(time.Hour)
			return errors.New("too late")
		}), pawl.WithTimeout(time.Minute), pawl.WithBackoff(pawl.TripAfter(5))))
		r := harness.Start(t, s)
		c := harness.OpenClient(t, db)
		leaked := func() (n []int) {
			synctest.Wait()
			listed, err := c.List(t.Context())
			require.NoError(t, err)
			shown, _, err := c.Status(t.Context(), "deaf")
			require.NoError(t, err)
			return []int{harness.Status(t, r, "deaf").Leaked, r.List()[0].Leaked, listed[0].Leaked, shown.Leaked}
		}
		harness.Trigger(t, r, "deaf")
		time.Sleep(70*time.Second - time.Millisecond)
		_, err := r.Trigger(t.Context(), "deaf")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning, "until the grace is over")
		assert.Equal(t, []int{0, 0, 0, 0}, leaked())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		info := harness.RunOf(t, r, "deaf", 1)
		assert.Equal(t, pawl.RunTimedOut, info.Status)
		assert.Equal(t, "timed out: its deadline was 2000-01-01T00:01:00.000Z, and its job has not returned", info.Error)
		assert.Equal(t, info.Deadline.Add(10*time.Second), info.FinishedAt)
		assert.Equal(t, 1, harness.Status(t, r, "deaf").FailureStreak)
		assert.False(t, r.HasRunning())
		assert.Equal(t, []int{1, 1, 1, 1}, leaked())

		harness.Trigger(t, r, "deaf") // the slot is free
		time.Sleep(2 * time.Minute)
		assert.Equal(t, []int{2, 2, 2, 2}, leaked())
		assert.Equal(t, []int64{1, 2}, harness.Numbers(t, db, "SELECT run_number FROM pawl_leaks WHERE returned_at IS NULL ORDER BY 1"))

		time.Sleep(time.Hour)
		assert.Equal(t, []int{0, 0, 0, 0}, leaked())
		assert.Equal(t, []int64{1, 2}, harness.Numbers(t, db, `SELECT run_number FROM pawl_leaks WHERE error = 'too late' AND
			returned_at = CASE run_number WHEN 1 THEN '2000-01-01T01:00:00.000Z' ELSE '2000-01-01T01:01:10.000Z' END ORDER BY 1`))
		assert.Equal(t, pawl.RunTimedOut, harness.RunOf(t, r, "deaf", 1).Status, "its end stands")
		assert.Equal(t, 2, harness.Status(t, r, "deaf").FailureStreak)
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// Stop does not wait for a job whose run was closed, and the next start knows that it
// is gone. time X1.
func TestStopDoesNotWaitForWhatWasLeftBehind(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("deaf", harness.Job(func(context.Context) error { time.Sleep(time.Hour); return nil }),
				pawl.WithTimeout(time.Minute)))
		}
		s := harness.Quiet(db)
		register(s)
		r := harness.Start(t, s)
		harness.Trigger(t, r, "deaf")
		time.Sleep(2 * time.Minute)
		before := time.Now()
		harness.Stop(t, r, db)
		assert.Zero(t, time.Since(before))
		assert.Equal(t, 1, harness.Status(t, r, "deaf").Leaked)

		s = harness.Quiet(db)
		register(s)
		r = harness.Start(t, s)
		c := harness.OpenClient(t, db)
		shown, _, err := c.Status(t.Context(), "deaf")
		require.NoError(t, err)
		assert.Zero(t, shown.Leaked)
		assert.Zero(t, harness.Status(t, r, "deaf").Leaked)
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
		time.Sleep(time.Hour) // a process would have taken the job with it
	})
}

// A grace that ends while the database takes no writes is not forgotten. time X1, scheduler D7.
func TestTimeoutIsTriedAgainWhenTheStoreFails(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		faulty := &harness.Disk{}
		s := harness.Quiet(db, pawl.WithStore(faulty.Wrap))
		deaf := harness.Job(func(context.Context) error { time.Sleep(time.Hour); return nil })
		require.NoError(t, s.Manual("deaf", deaf, pawl.WithTimeout(time.Minute)))
		require.NoError(t, s.Manual("cancelled", deaf))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "deaf")
		harness.Trigger(t, r, "cancelled")
		time.Sleep(time.Minute)
		require.NoError(t, r.Cancel(t.Context(), "cancelled", 1))
		faulty.Fail(errors.New("no answer from the disk"))
		time.Sleep(time.Minute)
		assert.True(t, r.HasRunning())
		faulty.Fail(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.False(t, r.HasRunning())
		assert.Equal(t, pawl.RunTimedOut, harness.RunOf(t, r, "deaf", 1).Status)
		assert.Equal(t, pawl.RunCancelled, harness.RunOf(t, r, "cancelled", 1).Status)
		harness.Stop(t, r, db)
		time.Sleep(time.Hour) // the jobs come to an end
	})
}

// The deadline is that of the run: further attempts do not move it, nor does a
// restart, and no attempt is planned for after it. time X1, time Q4.
func TestDeadlineSpansAttemptsAndRestarts(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		deadlines := make(chan time.Time, 9) // one for each attempt
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				deadlines <- deadline.UTC()
				time.Sleep(time.Minute)
				return errors.New("boom")
			}), pawl.WithTimeout(10*time.Minute), pawl.WithRetry(9, pawl.BackoffPolicy{Initial: 90 * time.Second, Multiplier: 1, Jitter: pawl.NoJitter}), pawl.WithBackoff(pawl.TripAfter(2))))
		}
		began := time.Now().UTC()
		p := harness.Launch(t, db, register)
		harness.Trigger(t, p.Runner, "work") // 0:00 to 1:00; the next at 2:30
		time.Sleep(3 * time.Minute)
		p.Kill() // in its second attempt, a little before 3:05
		p = harness.Launch(t, db, register)
		waiting := harness.RunOf(t, p.Runner, "work", 1)
		assert.Equal(t, pawl.RunWaiting, waiting.Status)
		assert.Equal(t, 3, waiting.Attempt)
		assert.Equal(t, began.Add(10*time.Minute), waiting.Deadline)
		require.NoError(t, p.Stop(context.Background())) // between two attempts
		time.Sleep(2 * time.Minute)                      // overdue since
		p = harness.Launch(t, db, register)
		time.Sleep(time.Hour)
		info := harness.RunOf(t, p.Runner, "work", 1)
		assert.Equal(t, pawl.RunFailed, info.Status, "a fifth would begin past the deadline")
		assert.Equal(t, began.Add(10*time.Minute), info.Deadline)
		assert.Equal(t, 4, info.Attempt)
		require.Len(t, deadlines, 4)
		for range 4 {
			assert.Equal(t, began.Add(10*time.Minute), <-deadlines)
		}
		assert.Equal(t, 1, harness.Status(t, p.Runner, "work").FailureStreak)
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
	})
}

// Only failed, timed out and interrupted runs add to the streak, completed ones clear
// it, cancelled and skipped ones leave it. time X3.
func TestWhatARunDoesToTheStreak(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
				switch what, _ := pawl.InputOf[string](ctx); what {
				case "fail":
					return errors.New("boom")
				case "skip":
					return pawl.Skipped("no news")
				case "hang":
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}), pawl.WithTimeout(time.Minute), pawl.WithBackoff(pawl.TripAfter(50))))
		}
		p := harness.Launch(t, db, register)
		streak := 0
		run := func(what string, want pawl.RunStatus, change int) {
			info := harness.Finish(t, p.Runner, "work", pawl.WithInput(what))
			require.Equal(t, want, info.Status)
			streak += change
			require.Equal(t, streak, harness.Status(t, p.Runner, "work").FailureStreak, what)
		}
		run("fail", pawl.RunFailed, 1)
		run("skip", pawl.RunSkipped, 0)
		run("hang", pawl.RunTimedOut, 1)
		before := harness.Status(t, p.Runner, "work")
		n, err := p.Trigger(t.Context(), "work", pawl.WithInput("hang"))
		require.NoError(t, err)
		require.NoError(t, p.Cancel(t.Context(), "work", n))
		info, err := p.WaitRun(t.Context(), "work", n)
		require.NoError(t, err)
		require.Equal(t, pawl.RunCancelled, info.Status)
		after := harness.Status(t, p.Runner, "work")
		require.Equal(t, before.FailureStreak, after.FailureStreak)
		require.Equal(t, before.NextEligible, after.NextEligible)
		require.Equal(t, before.LastError, after.LastError)

		_, err = p.Trigger(t.Context(), "work", pawl.WithInput("hang"))
		require.NoError(t, err)
		p.Kill()
		p = harness.Launch(t, db, register)
		streak++
		require.Equal(t, pawl.RunInterrupted, harness.RunOf(t, p.Runner, "work", n+1).Status)
		require.Equal(t, streak, harness.Status(t, p.Runner, "work").FailureStreak)
		run("succeed", pawl.RunCompleted, -streak)
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
	})
}

// doomed is a store whose process dies right before, or right after, the first commit
// of a kind of transition.
type doomed struct {
	harness.Mortal
	event string
	after bool
}

func (d *doomed) Commit(ctx context.Context, b engine.Batch) error {
	has := func(c core.Change) bool { return c.Event == d.event }
	strikes := slices.ContainsFunc(b.Changes, has) && !d.Dead.Load()
	if strikes && !d.after {
		d.Dead.Store(true)
	}
	err := d.Mortal.Commit(ctx, b)
	if strikes {
		d.Dead.Store(true)
	}
	return err
}

// A process that dies around the commit of a timeout has either left its run to be
// interrupted or timed it out: one failure. The job that went on is shown as such until
// the next start alone. time X1, harness 3.
func TestKilledAtTheCommitOfATimeout(t *testing.T) {
	for _, after := range []bool{false, true} {
		harness.Bubble(t, func(t *testing.T, db string) {
			register := func(s *pawl.Scheduler) {
				require.NoError(t, s.Manual("deaf", harness.Job(func(context.Context) error { time.Sleep(time.Hour); return nil }),
					pawl.WithTimeout(time.Minute), pawl.WithBackoff(pawl.TripAfter(5))))
			}
			d := &doomed{Mortal: harness.Mortal{Dead: new(atomic.Bool)}, event: "timeout", after: after}
			s := harness.Quiet(db, pawl.WithStopTimeout(0), pawl.WithStore(func(real engine.Store) engine.Store {
				d.Store = real
				return d
			}))
			register(s)
			r := harness.Start(t, s)
			harness.Trigger(t, r, "deaf")
			time.Sleep(2 * time.Minute)
			require.True(t, d.Dead.Load())
			_ = r.Stop(context.Background())

			p := harness.Launch(t, db, register)
			want, leaks := pawl.RunInterrupted, 0
			if after {
				want, leaks = pawl.RunTimedOut, 1
			}
			assert.Equal(t, want, harness.RunOf(t, p.Runner, "deaf", 1).Status)
			assert.Equal(t, 1, harness.Status(t, p.Runner, "deaf").FailureStreak)
			assert.Zero(t, harness.Status(t, p.Runner, "deaf").Leaked)
			assert.Len(t, harness.Numbers(t, db, "SELECT run_number FROM pawl_leaks WHERE returned_at IS NULL"), leaks)
			require.NoError(t, p.Stop(context.Background()))
			harness.Verify(t, db)
			time.Sleep(time.Hour) // the jobs come to an end
		})
	}
}

// A run whose deadline passed before its next attempt could start, for nobody ran or a
// limit had no room, is closed as timed out and is not tried again. time X1, time Q4.
func TestADeadlineThatPassedBetweenAttemptsEndsTheRun(t *testing.T) {
	for _, dies := range []bool{false, true} {
		harness.Bubble(t, func(t *testing.T, db string) {
			attempts := new(atomic.Int64)
			register := func(s *pawl.Scheduler) {
				require.NoError(t, s.Every("work", time.Hour, harness.Job(func(context.Context) error {
					attempts.Add(1)
					time.Sleep(time.Second)
					return errors.New("boom")
				}), pawl.WithTimeout(10*time.Minute), pawl.WithRetry(9, harness.EveryMinute), pawl.WithBackoff(pawl.TripAfter(2))))
				require.NoError(t, s.Manual("long", harness.Job(harness.Sleeps(20*time.Minute))))
			}
			p := harness.Launch(t, db, register, pawl.WithMaxRunning(1))
			time.Sleep(5 * time.Second)
			assert.Equal(t, pawl.RunWaiting, harness.RunOf(t, p.Runner, "work", 1).Status)
			if dies {
				p.Kill()
				time.Sleep(20 * time.Minute)
				p = harness.Launch(t, db, register, pawl.WithMaxRunning(1))
			} else {
				harness.Trigger(t, p.Runner, "long")
				time.Sleep(20 * time.Minute)
			}
			synctest.Wait()
			info := harness.WaitRun(t, p.Runner, "work", 1)
			assert.Equal(t, pawl.RunTimedOut, info.Status)
			assert.Equal(t, "timed out: its deadline was 2000-01-01T00:10:00.000Z, before attempt 2 could start", info.Error)
			assert.Equal(t, 1, info.Attempt)
			assert.Equal(t, int64(1), attempts.Load())
			flow := harness.Status(t, p.Runner, "work")
			assert.Equal(t, []int{1, 0, 0}, []int{flow.FailureStreak, flow.InFlight, flow.Waiting})
			assert.Equal(t, info.Error, flow.LastError)
			assert.Equal(t, info.FinishedAt.Add(time.Hour), flow.NextRun, "the schedule goes on")
			require.NoError(t, p.Stop(context.Background()))
			harness.Verify(t, db)
		})
	}
}

// The limit of an attempt fails that attempt, and the next one follows; the run is timed_out
// only when it was the last. The deadline of the run still ends it with all attempts. A job
// that does not return is left behind, and no attempt runs beside it. found Q12.
func TestLimitOfAnAttemptFailsThatAttempt(t *testing.T) {
	for _, c := range []struct {
		name     string
		good     int // the attempt that succeeds; 0: none
		deaf     bool
		opts     []pawl.FlowOption
		status   pawl.RunStatus
		attempts int
		took     time.Duration
		error    string
	}{
		{"second succeeds", 2, false, nil, pawl.RunCompleted, 2, 2 * time.Minute, ""},
		{"last", 0, false, nil, pawl.RunTimedOut, 3, 5 * time.Minute, "the time limit of the attempt passed"},
		{"deadline before", 0, false, []pawl.FlowOption{pawl.WithTimeout(150 * time.Second)}, pawl.RunTimedOut, 2, 150 * time.Second, "the deadline of the run passed"},
		{"deaf", 0, true, nil, pawl.RunTimedOut, 1, 70 * time.Second, "timed out: the limit of attempt 1 was 1m0s, and its job has not returned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				s := harness.Quiet(db)
				opts := append([]pawl.FlowOption{pawl.WithAttemptTimeout(time.Minute), pawl.WithRetry(2, harness.EveryMinute), pawl.WithBackoff(pawl.TripAfter(9))}, c.opts...)
				require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
					if run, _ := pawl.RunFrom(ctx); run.Attempt == c.good {
						return nil
					}
					if c.deaf {
						time.Sleep(time.Hour)
					}
					<-ctx.Done()
					return context.Cause(ctx)
				}), opts...))
				r := harness.Start(t, s)
				began := time.Now()
				info := harness.Finish(t, r, "work")
				assert.Equal(t, c.status, info.Status)
				assert.Equal(t, c.attempts, info.Attempt)
				assert.Equal(t, c.took, time.Since(began))
				assert.Equal(t, c.error, info.Error)
				f := harness.Status(t, r, "work")
				assert.Contains(t, f.Policy, "timeout of an attempt 1m0s")
				if c.status == pawl.RunTimedOut {
					assert.Equal(t, 1, f.FailureStreak)
				}
				time.Sleep(2 * time.Hour)
				harness.Stop(t, r, db)
			})
		})
	}
}

// A plan with a limit of an attempt is played as it runs. found Q12.
func TestSimulationKnowsTheLimitOfAnAttempt(t *testing.T) {
	s := pawl.NewScheduler("")
	require.NoError(t, s.Cron("work", "0 0 * * *", harness.Job(harness.OK), pawl.WithAttemptTimeout(time.Minute), pawl.WithRetry(2, harness.EveryMinute)))
	ends := map[pawl.RunStatus]int{}
	from := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	require.NoError(t, s.Simulate(t.Context(), pawl.Simulation{
		From: from, To: from.AddDate(0, 0, 1),
		Job: func(run pawl.RunInfo) (time.Duration, error) { return time.Duration(3-run.Attempt) * time.Hour, nil },
		Each: func(step pawl.SimulationStep) error {
			for _, run := range step.Runs {
				ends[run.Status]++
			}
			return nil
		},
	}))
	assert.Equal(t, map[pawl.RunStatus]int{pawl.RunRunning: 3, pawl.RunWaiting: 2, pawl.RunCompleted: 1}, ends)
}
