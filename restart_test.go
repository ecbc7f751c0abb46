package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// roll notes the runs that jobs were started for, in order.
type roll struct {
	mu   sync.Mutex
	list []string
}

// note is a job that notes its run and then does another job.
func (s *roll) note(then func(context.Context) error) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		s.mu.Lock()
		s.list = append(s.list, fmt.Sprintf("%d attempt %d restarts %d", run.Number, run.Attempt, run.Restarts))
		s.mu.Unlock()
		return then(ctx)
	})
}

func returns(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// replaced is the second life of a program: a stop cuts the runs of its first one short,
// whose flow "work" has another job.
func replaced(t *testing.T, db string, first, then pawl.Job, between func(*testing.T, *pawl.Runner), opts ...pawl.FlowOption) *pawl.Runner {
	t.Helper()
	life := func(j pawl.Job) *pawl.Runner {
		s := harness.Quiet(db, pawl.WithStopTimeout(200*time.Millisecond))
		require.NoError(t, s.Manual("work", j, opts...))
		return harness.Start(t, s)
	}
	r := life(first)
	between(t, r)
	require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
	harness.Verify(t, db)
	r = life(then)
	synctest.Wait()
	return r
}

// Runs that a stop cut short, and those that waited behind them, are carried out by the
// next process: none is lost, none uses up an attempt, and those that had begun go first.
// found Q1.
func TestStopLosesNoAcceptedRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var began roll
		key := func(n int64) pawl.TriggerOption { return pawl.WithKey(fmt.Sprint("key ", n)) }
		r := replaced(t, db, harness.Job(harness.UntilCancelled), began.note(returns(nil)), func(t *testing.T, r *pawl.Runner) {
			for n := range int64(4) {
				_, err := r.Trigger(t.Context(), "work", pawl.WithInput(n), key(n))
				require.NoError(t, err)
			}
		}, pawl.WithOverlap(pawl.OverlapAllow(2, 10)))
		for n := range int64(4) {
			run := harness.WaitRun(t, r, "work", n+1)
			assert.Equal(t, pawl.RunCompleted, run.Status)
			assert.Equal(t, []int{1, 1 - int(n/2)}, []int{run.Attempt, run.Restarts})
			assert.Empty(t, run.Error)
			same, err := r.Trigger(t.Context(), "work", key(n))
			require.NoError(t, err)
			assert.Equal(t, n+1, same, "its key stands for it")
		}
		assert.ElementsMatch(t, []string{"1 attempt 1 restarts 1", "2 attempt 1 restarts 1"}, began.list[:2])
		assert.ElementsMatch(t, []string{"3 attempt 1 restarts 0", "4 attempt 1 restarts 0"}, began.list[2:])
		assert.Equal(t, []int64{1, 1, 0, 0}, harness.Numbers(t, db, "SELECT restarts FROM pawl_runs ORDER BY number"))
		assert.Equal(t, []int64{0, 1, 2, 3}, harness.Numbers(t, db, "SELECT CAST(input AS INTEGER) FROM pawl_runs ORDER BY number"))
		harness.Stop(t, r, db)
	})
}

// Runs that start again go by their numbers, before others, also where one runs at a time
// and in the place of a trigger that takes no queue. found Q1.
func TestRunsThatStartAgainGoFirst(t *testing.T) {
	for _, test := range []struct {
		overlap  pawl.Overlap
		triggers int
		want     []string
	}{
		{pawl.OverlapSkip, 1, []string{"1 attempt 1 restarts 1"}},
		{pawl.OverlapBuffer(5), 3, []string{"1 attempt 1 restarts 1", "2 attempt 1 restarts 0", "3 attempt 1 restarts 0"}},
	} {
		harness.Bubble(t, func(t *testing.T, db string) {
			var began roll
			gate := make(chan struct{})
			r := replaced(t, db, harness.Job(harness.UntilCancelled), began.note(func(context.Context) error { <-gate; return nil }), func(t *testing.T, r *pawl.Runner) {
				for range test.triggers {
					harness.Trigger(t, r, "work")
				}
			}, pawl.WithOverlap(test.overlap))
			if test.overlap == pawl.OverlapSkip {
				_, err := r.Trigger(t.Context(), "work")
				require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
			}
			close(gate)
			synctest.Wait()
			assert.Equal(t, test.want, began.list)
			harness.Stop(t, r, db)
		})
	}
}

// What a job returns after the stop cancelled it is no result, unless it says so itself.
// found Q1.
func TestStopCutsShortWhatIsNoResult(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		returns func(context.Context) error
		want    pawl.RunStatus
		opts    []pawl.FlowOption
	}{
		"the cause":                     {harness.UntilCancelled, pawl.RunWaiting, nil},
		"another error":                 {func(ctx context.Context) error { <-ctx.Done(); return boom }, pawl.RunWaiting, nil},
		"nothing":                       {func(context.Context) error { time.Sleep(time.Hour); return nil }, pawl.RunWaiting, nil},
		"success":                       {func(ctx context.Context) error { <-ctx.Done(); return nil }, pawl.RunCompleted, nil},
		"a permanent end":               {func(ctx context.Context) error { <-ctx.Done(); return pawl.Permanent(boom) }, pawl.RunFailed, nil},
		"nothing to do":                 {func(ctx context.Context) error { <-ctx.Done(); return pawl.Skipped("no news") }, pawl.RunSkipped, nil},
		"after its end":                 {func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return boom }, pawl.RunTimedOut, []pawl.FlowOption{pawl.WithTimeout(100 * time.Millisecond)}},
		"of a flow that a stop cancels": {harness.UntilCancelled, pawl.RunCancelled, []pawl.FlowOption{pawl.WithStopCancels()}},
	} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				s := harness.Quiet(db, pawl.WithStopTimeout(200*time.Millisecond))
				require.NoError(t, s.Manual("work", harness.Job(test.returns), append(test.opts, pawl.WithBackoff(pawl.TripAfter(9)))...))
				r := harness.Start(t, s)
				harness.Trigger(t, r, "work")
				require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
				harness.Verify(t, db)
				r = harness.Start(t, passive(t, db, test.opts...))
				run := harness.RunOf(t, r, "work", 1)
				assert.Equal(t, test.want, run.Status, run.Error)
				failed := test.want == pawl.RunFailed || test.want == pawl.RunTimedOut
				assert.Equal(t, failed, harness.Status(t, r, "work").FailureStreak == 1)
				if test.want == pawl.RunWaiting {
					assert.Contains(t, run.Error, "cut short by a stop: ")
				}
				harness.Stop(t, r, db)
				time.Sleep(2 * time.Hour) // the jobs come to an end
			})
		})
	}
}

// passive is a program that runs nothing: it takes the database for a copy.
func passive(t *testing.T, db string, opts ...pawl.FlowOption) *pawl.Scheduler {
	t.Helper()
	s := harness.Quiet(db, pawl.WithRestoreGuard(), pawl.WithDoubt(func(context.Context, string) string { return "a test" }))
	require.NoError(t, s.Manual("work", harness.Job(returns(nil)), append(opts, pawl.WithBackoff(pawl.TripAfter(9)))...))
	return s
}

// An operator's cancel wins over a stop that comes after it. found Q1.
func TestCancelWinsOverTheStop(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var began roll
		slow := func(ctx context.Context) error { <-ctx.Done(); time.Sleep(2 * time.Second); return errors.New("slow") }
		r := replaced(t, db, harness.Job(slow), began.note(returns(nil)), func(t *testing.T, r *pawl.Runner) {
			harness.Trigger(t, r, "work")
			require.NoError(t, r.Cancel(t.Context(), "work", 1))
		})
		assert.Equal(t, pawl.RunCancelled, harness.WaitRun(t, r, "work", 1).Status)
		assert.Empty(t, began.list)
		harness.Stop(t, r, db)
	})
}

// A run that waits to start again can be cancelled, and a flow that tripped meanwhile
// starts it after the reset. found Q1.
func TestTrippedFlowKeepsWhatAStopCutShort(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var began roll
		work := func(ctx context.Context) error {
			if run, _ := pawl.RunFrom(ctx); run.Number == 2 {
				time.Sleep(time.Second) // until all have been triggered
				return errors.New("boom")
			}
			return harness.UntilCancelled(ctx)
		}
		r := replaced(t, db, harness.Job(work), began.note(returns(nil)), func(t *testing.T, r *pawl.Runner) {
			for range 3 {
				harness.Trigger(t, r, "work")
			}
			harness.WaitRun(t, r, "work", 2)
		}, pawl.WithOverlap(pawl.OverlapAllow(3, 0)), pawl.WithBackoff(pawl.TripAfter(1)))
		assert.Empty(t, began.list)
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, r, "work").Status)
		assert.Equal(t, 2, harness.Status(t, r, "work").Waiting)
		require.NoError(t, r.Cancel(t.Context(), "work", 1))
		require.NoError(t, r.Reset(t.Context(), "work"))
		synctest.Wait()
		assert.Equal(t, []string{"3 attempt 1 restarts 1"}, began.list)
		assert.Equal(t, pawl.RunCancelled, harness.RunOf(t, r, "work", 1).Status)
		harness.Stop(t, r, db)
	})
}

// A probe that a stop cut short is made by the next process, also with other runs before
// it that wait for the reset. found Q1.
func TestProbeThatAStopCutShortIsMade(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var began roll
		life := func(j pawl.Job) *pawl.Runner {
			s := harness.Quiet(db, pawl.WithStopTimeout(time.Second))
			require.NoError(t, s.Manual("work", j, pawl.WithOverlap(pawl.OverlapAllow(2, 0)), pawl.WithBackoff(pawl.TripAfter(1))))
			return harness.Start(t, s)
		}
		r := life(harness.Job(func(ctx context.Context) error {
			if run, _ := pawl.RunFrom(ctx); run.Number == 2 {
				return errors.New("boom")
			}
			return harness.UntilCancelled(ctx)
		}))
		harness.Trigger(t, r, "work")
		harness.Trigger(t, r, "work")
		harness.WaitRun(t, r, "work", 2)
		require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
		r = life(harness.Job(harness.UntilCancelled))
		probe, err := r.Probe(t.Context(), "work")
		require.NoError(t, err)
		require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
		r = life(began.note(returns(nil)))
		synctest.Wait()
		assert.Equal(t, []string{"3 attempt 1 restarts 1", "1 attempt 1 restarts 1"}, began.list, "the probe ends the trip")
		assert.Equal(t, "probe", harness.WaitRun(t, r, "work", probe).Trigger)
		harness.Stop(t, r, db)
	})
}

// Runs of a backfill that a stop cut short start again before the rest of it, and yield to
// other runs of the flow as those do. found Q1.
func TestBackfillGoesOnWithWhatAStopCutShort(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var began roll
		life := func(j pawl.Job) *pawl.Runner {
			s := harness.Quiet(db, pawl.WithStopTimeout(time.Second))
			require.NoError(t, s.Cron("work", "@daily", j, pawl.WithOverlap(pawl.OverlapBuffer(1))))
			return harness.Start(t, s)
		}
		time.Sleep(time.Hour)
		r := life(harness.Job(harness.UntilCancelled))
		n, err := r.Backfill(t.Context(), "work", pawl.Backfill{From: time.Now().Add(-72 * time.Hour), To: time.Now()})
		require.NoError(t, err)
		require.Equal(t, int64(3), n)
		synctest.Wait()
		require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
		harness.Verify(t, db)
		r = life(began.note(returns(nil)))
		synctest.Wait()
		assert.Equal(t, []string{"1 attempt 1 restarts 1", "2 attempt 1 restarts 0", "3 attempt 1 restarts 0"}, began.list)
		harness.Stop(t, r, db)
	})
}

// The deadline of a run that a stop cut short stays: past it the run is timed out, with the
// attempt that it had begun. found Q1.
func TestDeadlineOfARunThatStartsAgainStays(t *testing.T) {
	for _, away := range []time.Duration{time.Minute, 20 * time.Minute} {
		harness.Bubble(t, func(t *testing.T, db string) {
			var deadline time.Time
			life := func(j pawl.Job) *pawl.Runner {
				s := harness.Quiet(db, pawl.WithStopTimeout(0))
				require.NoError(t, s.Manual("work", j, pawl.WithTimeout(10*time.Minute)))
				return harness.Start(t, s)
			}
			r := life(harness.Job(harness.UntilCancelled))
			harness.Trigger(t, r, "work")
			deadline = harness.RunOf(t, r, "work", 1).Deadline
			require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
			time.Sleep(away)
			r = life(harness.Job(returns(nil)))
			run := harness.WaitRun(t, r, "work", 1)
			assert.Equal(t, deadline, run.Deadline)
			assert.Equal(t, 1, run.Attempt)
			if away == time.Minute {
				assert.Equal(t, pawl.RunCompleted, run.Status)
			} else {
				assert.Equal(t, "timed out: its deadline was 2000-01-01T00:10:00.000Z, before attempt 1 could start again", run.Error)
			}
			harness.Stop(t, r, db)
		})
	}
}

// A stop uses up no attempt, and neither does a crash that is not the failure of the flow:
// here the process dies while it stops. Without retries such a run stays interrupted.
// found Q1.
func TestStopAndSparedCrashUseUpNoAttempt(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var began roll
		register := func(j pawl.Job) func(*pawl.Scheduler) {
			return func(s *pawl.Scheduler) {
				require.NoError(t, s.Manual("work", j, pawl.WithRetry(1, harness.EveryMinute)))
				require.NoError(t, s.Manual("plain", j))
			}
		}
		p := harness.Launch(t, db, register(harness.Job(harness.UntilCancelled)))
		harness.Trigger(t, p.Runner, "work")
		require.ErrorIs(t, p.Stop(t.Context()), pawl.ErrStopTimeout)
		deaf := func(context.Context) error { time.Sleep(time.Hour); return nil }
		p = harness.Launch(t, db, register(began.note(deaf)), pawl.WithStopTimeout(time.Minute))
		harness.Trigger(t, p.Runner, "plain")
		go p.Stop(context.Background())
		time.Sleep(time.Second)
		p.Dead.Store(true)
		time.Sleep(2 * time.Hour)
		p = harness.Launch(t, db, register(began.note(returns(nil))))
		synctest.Wait()
		assert.ElementsMatch(t, []string{"1 attempt 1 restarts 1", "1 attempt 1 restarts 0"}, began.list[:2])
		assert.Equal(t, []string{"1 attempt 1 restarts 2"}, began.list[2:])
		assert.Equal(t, pawl.RunCompleted, harness.WaitRun(t, p.Runner, "work", 1).Status)
		assert.Equal(t, pawl.RunInterrupted, harness.RunOf(t, p.Runner, "plain", 1).Status)
		require.NoError(t, p.Stop(t.Context()))
		harness.Verify(t, db)
	})
}

// A stop whose last commit the database does not take leaves beside it what the stop cut
// short. found Q1.
func TestRunCutShortByAStopWithoutTheDatabaseStartsAgain(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var began roll
		broken := &harness.Disk{}
		s := harness.Quiet(db, pawl.WithStopTimeout(time.Second), pawl.WithStore(broken.Wrap))
		require.NoError(t, s.Manual("work", harness.Job(harness.UntilCancelled)))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "work")
		broken.Fail(syscall.EIO)
		require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
		s = harness.Quiet(db)
		require.NoError(t, s.Manual("work", began.note(returns(nil))))
		r = harness.Start(t, s)
		synctest.Wait()
		assert.Equal(t, []string{"1 attempt 1 restarts 1"}, began.list)
		harness.Stop(t, r, db)
	})
}
