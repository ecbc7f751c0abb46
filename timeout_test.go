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
)

// process is a scheduler that can die under virtual time: whatever it does then does
// not come to the file.
type process struct {
	*pawl.Runner
	dead *atomic.Bool
	db   string
}

// launch starts a process with the flows that register gives it.
func launch(t *testing.T, db string, register func(*pawl.Scheduler), opts ...pawl.Option) process {
	t.Helper()
	dead := new(atomic.Bool)
	opts = append([]pawl.Option{pawl.WithStopTimeout(0), pawl.WithStore(func(real engine.Store) engine.Store { return &mortal{Store: real, Dead: dead} })}, opts...)
	s := quiet(db, opts...)
	register(s)
	return process{start(t, s), dead, db}
}

func (p process) kill() {
	p.dead.Store(true)
	_ = p.Stop(context.Background()) // says which runs it left
}

// runOf reads a run, which may not be over.
func runOf(t *testing.T, r *pawl.Runner, id string, number int64) pawl.RunInfo {
	t.Helper()
	runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: id, Before: number + 1, Limit: 1})
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.Equal(t, number, runs[0].Number)
	return runs[0]
}

// Past its deadline a job's context ends with a cause, and what it returns then closes
// the run as timed out, a failure without a further attempt. A job that succeeds all
// the same has. time X1, time X3.
func TestDeadlineEndsTheContextWithItsCause(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		var cause error
		var left time.Duration
		require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			<-ctx.Done()
			cause = context.Cause(ctx)
			if late, _ := pawl.InputOf[bool](ctx); late {
				return nil
			}
			return ctx.Err()
		}), pawl.WithTimeout(time.Minute), pawl.WithBackoff(pawl.TripAfter(3)), pawl.WithRetry(3, pawl.DefaultBackoff())))
		r := start(t, s)
		info := finish(t, r, "work")
		assert.Equal(t, pawl.RunTimedOut, info.Status)
		assert.Equal(t, "context deadline exceeded", info.Error)
		assert.Equal(t, 1, info.Attempt)
		assert.Equal(t, info.StartedAt.Add(time.Minute), info.Deadline)
		assert.Equal(t, info.Deadline, info.FinishedAt)
		assert.Equal(t, time.Minute, left)
		require.ErrorIs(t, cause, pawl.ErrTimedOut)
		flow := status(t, r, "work")
		assert.Equal(t, 1, flow.FailureStreak)
		assert.Equal(t, info.Error, flow.LastError)

		info = finish(t, r, "work", pawl.WithInput(true))
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Zero(t, status(t, r, "work").FailureStreak)
		stop(t, r, db)
	})
}

// A job that does not return in 10 seconds after its deadline is left behind: its run
// is closed as timed out, its slot is free, it is shown as leaked, and what it returns
// at last is kept aside. time X1.
func TestJobThatIgnoresItsDeadlineIsLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("deaf", job(func(ctx context.Context) error {
			time.Sleep(time.Hour)
			return errors.New("too late")
		}), pawl.WithTimeout(time.Minute), pawl.WithBackoff(pawl.TripAfter(5))))
		r := start(t, s)
		c := openClient(t, db)
		leaked := func() (n []int) {
			synctest.Wait()
			listed, err := c.List(t.Context())
			require.NoError(t, err)
			shown, _, err := c.Status(t.Context(), "deaf")
			require.NoError(t, err)
			return []int{status(t, r, "deaf").Leaked, r.List()[0].Leaked, listed[0].Leaked, shown.Leaked}
		}
		trigger(t, r, "deaf")
		time.Sleep(70*time.Second - time.Millisecond)
		_, err := r.Trigger(t.Context(), "deaf")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning, "until the grace is over")
		assert.Equal(t, []int{0, 0, 0, 0}, leaked())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		info := runOf(t, r, "deaf", 1)
		assert.Equal(t, pawl.RunTimedOut, info.Status)
		assert.Equal(t, "timed out: its deadline was 2000-01-01T00:01:00.000Z, and its job has not returned", info.Error)
		assert.Equal(t, info.Deadline.Add(10*time.Second), info.FinishedAt)
		assert.Equal(t, 1, status(t, r, "deaf").FailureStreak)
		assert.False(t, r.HasRunning())
		assert.Equal(t, []int{1, 1, 1, 1}, leaked())

		trigger(t, r, "deaf") // the slot is free
		time.Sleep(2 * time.Minute)
		assert.Equal(t, []int{2, 2, 2, 2}, leaked())
		assert.Equal(t, []int64{1, 2}, numbers(t, db, "SELECT run_number FROM pawl_leaks WHERE returned_at IS NULL ORDER BY 1"))

		time.Sleep(time.Hour)
		assert.Equal(t, []int{0, 0, 0, 0}, leaked())
		assert.Equal(t, []int64{1, 2}, numbers(t, db, `SELECT run_number FROM pawl_leaks WHERE error = 'too late' AND
			returned_at = CASE run_number WHEN 1 THEN '2000-01-01T01:00:00.000Z' ELSE '2000-01-01T01:01:10.000Z' END ORDER BY 1`))
		assert.Equal(t, pawl.RunTimedOut, runOf(t, r, "deaf", 1).Status, "its end stands")
		assert.Equal(t, 2, status(t, r, "deaf").FailureStreak)
		require.NoError(t, c.Close())
		stop(t, r, db)
	})
}

// Stop does not wait for a job whose run was closed, and the next start knows that it
// is gone. time X1.
func TestStopDoesNotWaitForWhatWasLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("deaf", job(func(context.Context) error { time.Sleep(time.Hour); return nil }),
				pawl.WithTimeout(time.Minute)))
		}
		s := quiet(db)
		register(s)
		r := start(t, s)
		trigger(t, r, "deaf")
		time.Sleep(2 * time.Minute)
		before := time.Now()
		stop(t, r, db)
		assert.Zero(t, time.Since(before))
		assert.Equal(t, 1, status(t, r, "deaf").Leaked)

		s = quiet(db)
		register(s)
		r = start(t, s)
		c := openClient(t, db)
		shown, _, err := c.Status(t.Context(), "deaf")
		require.NoError(t, err)
		assert.Zero(t, shown.Leaked)
		assert.Zero(t, status(t, r, "deaf").Leaked)
		require.NoError(t, c.Close())
		stop(t, r, db)
		time.Sleep(time.Hour) // a process would have taken the job with it
	})
}

// A grace that ends while the database takes no writes is not forgotten. time X1, scheduler D7.
func TestTimeoutIsTriedAgainWhenTheStoreFails(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		faulty := &disk{}
		s := quiet(db, pawl.WithStore(faulty.Wrap))
		deaf := job(func(context.Context) error { time.Sleep(time.Hour); return nil })
		require.NoError(t, s.Manual("deaf", deaf, pawl.WithTimeout(time.Minute)))
		require.NoError(t, s.Manual("cancelled", deaf))
		r := start(t, s)
		trigger(t, r, "deaf")
		trigger(t, r, "cancelled")
		time.Sleep(time.Minute)
		require.NoError(t, r.Cancel(t.Context(), "cancelled", 1))
		faulty.Fail(errors.New("no answer from the disk"))
		time.Sleep(time.Minute)
		assert.True(t, r.HasRunning())
		faulty.Fail(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.False(t, r.HasRunning())
		assert.Equal(t, pawl.RunTimedOut, runOf(t, r, "deaf", 1).Status)
		assert.Equal(t, pawl.RunCancelled, runOf(t, r, "cancelled", 1).Status)
		stop(t, r, db)
		time.Sleep(time.Hour) // the jobs come to an end
	})
}

// The deadline is that of the run: further attempts do not move it, nor does a
// restart, and no attempt is planned for after it. time X1, time Q4.
func TestDeadlineSpansAttemptsAndRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		deadlines := make(chan time.Time, 9) // one for each attempt
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				deadlines <- deadline.UTC()
				time.Sleep(time.Minute)
				return errors.New("boom")
			}), pawl.WithTimeout(10*time.Minute), pawl.WithRetry(9, pawl.BackoffPolicy{Initial: 90 * time.Second, Multiplier: 1, Jitter: pawl.NoJitter}), pawl.WithBackoff(pawl.TripAfter(2))))
		}
		began := time.Now().UTC()
		p := launch(t, db, register)
		trigger(t, p.Runner, "work") // 0:00 to 1:00; the next at 2:30
		time.Sleep(3 * time.Minute)
		p.kill() // in its second attempt, a little before 3:05
		p = launch(t, db, register)
		waiting := runOf(t, p.Runner, "work", 1)
		assert.Equal(t, pawl.RunWaiting, waiting.Status)
		assert.Equal(t, 3, waiting.Attempt)
		assert.Equal(t, began.Add(10*time.Minute), waiting.Deadline)
		require.NoError(t, p.Stop(context.Background())) // between two attempts
		time.Sleep(2 * time.Minute)                      // overdue since
		p = launch(t, db, register)
		time.Sleep(time.Hour)
		info := runOf(t, p.Runner, "work", 1)
		assert.Equal(t, pawl.RunFailed, info.Status, "a fifth would begin past the deadline")
		assert.Equal(t, began.Add(10*time.Minute), info.Deadline)
		assert.Equal(t, 4, info.Attempt)
		require.Len(t, deadlines, 4)
		for range 4 {
			assert.Equal(t, began.Add(10*time.Minute), <-deadlines)
		}
		assert.Equal(t, 1, status(t, p.Runner, "work").FailureStreak)
		require.NoError(t, p.Stop(context.Background()))
		verify(t, db)
	})
}

// Only failed, timed out and interrupted runs add to the streak, completed ones clear
// it, cancelled and skipped ones leave it. time X3.
func TestWhatARunDoesToTheStreak(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
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
		p := launch(t, db, register)
		streak := 0
		run := func(what string, want pawl.RunStatus, change int) {
			info := finish(t, p.Runner, "work", pawl.WithInput(what))
			require.Equal(t, want, info.Status)
			streak += change
			require.Equal(t, streak, status(t, p.Runner, "work").FailureStreak, what)
		}
		run("fail", pawl.RunFailed, 1)
		run("skip", pawl.RunSkipped, 0)
		run("hang", pawl.RunTimedOut, 1)
		before := status(t, p.Runner, "work")
		n, err := p.Trigger(t.Context(), "work", pawl.WithInput("hang"))
		require.NoError(t, err)
		require.NoError(t, p.Cancel(t.Context(), "work", n))
		info, err := p.WaitRun(t.Context(), "work", n)
		require.NoError(t, err)
		require.Equal(t, pawl.RunCancelled, info.Status)
		after := status(t, p.Runner, "work")
		require.Equal(t, before.FailureStreak, after.FailureStreak)
		require.Equal(t, before.NextEligible, after.NextEligible)
		require.Equal(t, before.LastError, after.LastError)

		_, err = p.Trigger(t.Context(), "work", pawl.WithInput("hang"))
		require.NoError(t, err)
		p.kill()
		p = launch(t, db, register)
		streak++
		require.Equal(t, pawl.RunInterrupted, runOf(t, p.Runner, "work", n+1).Status)
		require.Equal(t, streak, status(t, p.Runner, "work").FailureStreak)
		run("succeed", pawl.RunCompleted, -streak)
		require.NoError(t, p.Stop(context.Background()))
		verify(t, db)
	})
}

// doomed is a store whose process dies right before, or right after, the first commit
// of a kind of transition.
type doomed struct {
	mortal
	event string
	after bool
}

func (d *doomed) Commit(ctx context.Context, b engine.Batch) error {
	has := func(c core.Change) bool { return c.Event == d.event }
	strikes := slices.ContainsFunc(b.Changes, has) && !d.Dead.Load()
	if strikes && !d.after {
		d.Dead.Store(true)
	}
	err := d.mortal.Commit(ctx, b)
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
		bubble(t, func(t *testing.T, db string) {
			register := func(s *pawl.Scheduler) {
				require.NoError(t, s.Manual("deaf", job(func(context.Context) error { time.Sleep(time.Hour); return nil }),
					pawl.WithTimeout(time.Minute), pawl.WithBackoff(pawl.TripAfter(5))))
			}
			d := &doomed{mortal: mortal{Dead: new(atomic.Bool)}, event: "timeout", after: after}
			s := quiet(db, pawl.WithStopTimeout(0), pawl.WithStore(func(real engine.Store) engine.Store {
				d.Store = real
				return d
			}))
			register(s)
			r := start(t, s)
			trigger(t, r, "deaf")
			time.Sleep(2 * time.Minute)
			require.True(t, d.Dead.Load())
			_ = r.Stop(context.Background())

			p := launch(t, db, register)
			want, leaks := pawl.RunInterrupted, 0
			if after {
				want, leaks = pawl.RunTimedOut, 1
			}
			assert.Equal(t, want, runOf(t, p.Runner, "deaf", 1).Status)
			assert.Equal(t, 1, status(t, p.Runner, "deaf").FailureStreak)
			assert.Zero(t, status(t, p.Runner, "deaf").Leaked)
			assert.Len(t, numbers(t, db, "SELECT run_number FROM pawl_leaks WHERE returned_at IS NULL"), leaks)
			require.NoError(t, p.Stop(context.Background()))
			verify(t, db)
			time.Sleep(time.Hour) // the jobs come to an end
		})
	}
}

// A run whose deadline passed before its next attempt could start, for nobody ran or a
// limit had no room, is closed as timed out and is not tried again. time X1, time Q4.
func TestADeadlineThatPassedBetweenAttemptsEndsTheRun(t *testing.T) {
	for _, dies := range []bool{false, true} {
		bubble(t, func(t *testing.T, db string) {
			attempts := new(atomic.Int64)
			register := func(s *pawl.Scheduler) {
				require.NoError(t, s.Every("work", time.Hour, job(func(context.Context) error {
					attempts.Add(1)
					time.Sleep(time.Second)
					return errors.New("boom")
				}), pawl.WithTimeout(10*time.Minute), pawl.WithRetry(9, everyMinute), pawl.WithBackoff(pawl.TripAfter(2))))
				require.NoError(t, s.Manual("long", job(sleeps(20*time.Minute))))
			}
			p := launch(t, db, register, pawl.WithMaxRunning(1))
			time.Sleep(5 * time.Second)
			assert.Equal(t, pawl.RunWaiting, runOf(t, p.Runner, "work", 1).Status)
			if dies {
				p.kill()
				time.Sleep(20 * time.Minute)
				p = launch(t, db, register, pawl.WithMaxRunning(1))
			} else {
				trigger(t, p.Runner, "long")
				time.Sleep(20 * time.Minute)
			}
			synctest.Wait()
			info := waitRun(t, p.Runner, "work", 1)
			assert.Equal(t, pawl.RunTimedOut, info.Status)
			assert.Equal(t, "timed out: its deadline was 2000-01-01T00:10:00.000Z, before attempt 2 could start", info.Error)
			assert.Equal(t, 1, info.Attempt)
			assert.Equal(t, int64(1), attempts.Load())
			flow := status(t, p.Runner, "work")
			assert.Equal(t, []int{1, 0, 0}, []int{flow.FailureStreak, flow.InFlight, flow.Waiting})
			assert.Equal(t, info.Error, flow.LastError)
			assert.Equal(t, info.FinishedAt.Add(time.Hour), flow.NextRun, "the schedule goes on")
			require.NoError(t, p.Stop(context.Background()))
			verify(t, db)
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
			bubble(t, func(t *testing.T, db string) {
				s := quiet(db)
				opts := append([]pawl.FlowOption{pawl.WithAttemptTimeout(time.Minute), pawl.WithRetry(2, everyMinute), pawl.WithBackoff(pawl.TripAfter(9))}, c.opts...)
				require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
					if run, _ := pawl.RunFrom(ctx); run.Attempt == c.good {
						return nil
					}
					if c.deaf {
						time.Sleep(time.Hour)
					}
					<-ctx.Done()
					return context.Cause(ctx)
				}), opts...))
				r := start(t, s)
				began := time.Now()
				info := finish(t, r, "work")
				assert.Equal(t, c.status, info.Status)
				assert.Equal(t, c.attempts, info.Attempt)
				assert.Equal(t, c.took, time.Since(began))
				assert.Equal(t, c.error, info.Error)
				f := status(t, r, "work")
				assert.Contains(t, f.Policy, "timeout of an attempt 1m0s")
				if c.status == pawl.RunTimedOut {
					assert.Equal(t, 1, f.FailureStreak)
				}
				time.Sleep(2 * time.Hour)
				stop(t, r, db)
			})
		})
	}
}

// A plan with a limit of an attempt is played as it runs. found Q12.
func TestSimulationKnowsTheLimitOfAnAttempt(t *testing.T) {
	s := pawl.NewScheduler("")
	require.NoError(t, s.Cron("work", "0 0 * * *", job(ok), pawl.WithAttemptTimeout(time.Minute), pawl.WithRetry(2, everyMinute)))
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
