package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/store"
	"github.com/pawl-go/pawl/workflow"
)

// later is an instant of virtual time.
func later(d time.Duration) time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d) }

// The error of an attempt is kept also if a later one succeeds: an error, a panic with its
// stack, a time limit. A run that succeeds at once has no row. found B2.
func TestErrorOfEachAttemptIsKept(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			time.Sleep(time.Second)
			switch run.Attempt {
			case 1:
				return errors.New("no answer from the bank")
			case 2:
				panic("nil account")
			case 3:
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return nil
		}), pawl.WithRetry(4, harness.EveryMinute), pawl.WithAttemptTimeout(10*time.Second)))
		require.NoError(t, s.Manual("plain", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "plain")
		harness.Trigger(t, r, "work")
		began := later(0)
		list, err := r.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, []pawl.Attempt{{Number: 1, Status: pawl.RunRunning, StartedAt: began}}, list)
		time.Sleep(1500 * time.Millisecond)
		first := pawl.Attempt{Number: 1, Status: pawl.RunFailed, StartedAt: began, FinishedAt: later(time.Second), Error: "no answer from the bank"}
		list, err = r.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, []pawl.Attempt{first}, list, "the next has not started")
		time.Sleep(time.Minute)
		list, err = r.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, []pawl.Attempt{first, {Number: 2, Status: pawl.RunRunning, StartedAt: later(61 * time.Second)}}, list, "it has no error yet")

		info, err := r.WaitRun(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Empty(t, info.Error)
		list, err = r.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		require.Len(t, list, 4)
		assert.Equal(t, first, list[0])
		assert.True(t, strings.HasPrefix(list[1].Error, "panic: nil account\n"), list[1].Error)
		assert.Contains(t, list[1].Error, "attempts_test.go", "the stack is kept too")
		assert.Equal(t, pawl.RunTimedOut, list[2].Status)
		assert.Equal(t, pawl.ErrAttemptTimedOut.Error(), list[2].Error)
		assert.Equal(t, 10*time.Second, list[2].FinishedAt.Sub(list[2].StartedAt))
		assert.Equal(t, pawl.Attempt{Number: 4, Status: pawl.RunCompleted, StartedAt: info.StartedAt, FinishedAt: info.FinishedAt}, list[3])
		assert.Equal(t, []string{"plain 1 completed", "work 1 failed", "work 2 failed", "work 3 timed_out", "work 4 completed"},
			harness.Texts(t, db, "SELECT flow_id || ' ' || attempt || ' ' || status FROM pawl_attempts ORDER BY 1"))
		assert.Equal(t, []int64{3}, harness.Numbers(t, db, "SELECT count(*) FROM pawl_attempt_log"), "only failed attempts cost a row")

		_, err = r.Attempts(t.Context(), "work", 2)
		assert.ErrorIs(t, err, pawl.ErrRunNotFound)
		_, err = r.Attempts(t.Context(), "nothing", 1)
		assert.ErrorIs(t, err, pawl.ErrRunNotFound)
		same, err := r.View().Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, list, same)
		harness.Stop(t, r, db)
		_, err = r.Attempts(t.Context(), "work", 1)
		assert.ErrorIs(t, err, pawl.ErrStopped)
		c := harness.OpenClient(t, db)
		same, err = c.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, list, same)
		require.NoError(t, c.Close())
	})
}

// An attempt that is cut short and starts again is one attempt, also if it is a further one,
// and costs no row. found B2, found Q1.
func TestAttemptThatIsCutShortIsOneAttempt(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(work func(ctx context.Context, run pawl.RunInfo) error) *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithStopTimeout(0))
			require.NoError(t, s.Manual("work", newTries().job(work), pawl.WithRetry(5, harness.EveryMinute)))
			return s
		}
		r := harness.Start(t, register(func(ctx context.Context, run pawl.RunInfo) error {
			if run.Attempt == 1 {
				return errors.New("boom")
			}
			return harness.UntilCancelled(ctx)
		}))
		harness.Trigger(t, r, "work")
		time.Sleep(61 * time.Second)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		harness.Verify(t, db)
		c := harness.OpenClient(t, db)
		list, err := c.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, pawl.Attempt{Number: 2, Status: pawl.RunWaiting, StartedAt: later(time.Minute), Error: list[1].Error}, list[1])
		assert.Contains(t, list[1].Error, "cut short by a stop")
		require.NoError(t, c.Close())

		time.Sleep(time.Hour)
		r = harness.Start(t, register(func(context.Context, pawl.RunInfo) error { return nil }))
		info, err := r.WaitRun(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, 1, info.Restarts)
		list, err = r.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, pawl.Attempt{Number: 2, Status: pawl.RunCompleted, StartedAt: info.StartedAt, FinishedAt: info.FinishedAt}, list[1])
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, "SELECT count(*) FROM pawl_attempt_log"))
		harness.Stop(t, r, db)
	})
}

// A run that is over before its next attempt could start has no more attempts than those
// that started: its end is no attempt. found B2.
func TestRunThatEndsBetweenAttemptsHasNoFurtherOne(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("late", harness.Job(harness.Failing), pawl.WithRetry(5, harness.EveryMinute), pawl.WithTimeout(90*time.Second)))
		require.NoError(t, s.Manual("cancelled", harness.Job(harness.Failing), pawl.WithRetry(5, harness.EveryMinute)))
		require.NoError(t, s.Manual("never", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(1))))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "late")
		harness.Trigger(t, r, "cancelled")
		_, err := r.Trigger(t.Context(), "never", pawl.WithStartAt(time.Now().Add(time.Hour)))
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		require.NoError(t, r.Cancel(t.Context(), "cancelled", 1))
		list, err := r.Attempts(t.Context(), "cancelled", 1)
		require.NoError(t, err)
		assert.Equal(t, []pawl.Attempt{{Number: 1, Status: pawl.RunFailed, StartedAt: later(0), FinishedAt: later(0), Error: "boom"}}, list)
		list, err = r.Attempts(t.Context(), "never", 1)
		require.NoError(t, err)
		assert.Empty(t, list)
		info, err := r.WaitRun(t.Context(), "late", 1)
		require.NoError(t, err)
		list, err = r.Attempts(t.Context(), "late", 1)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, info.Status, list[1].Status)
		assert.Equal(t, []string{"boom", "boom"}, []string{list[0].Error, list[1].Error})
		harness.Stop(t, r, db)
	})
}

// The attempts of a workflow that parks, and goes on in the next process, began when each of
// them first started. found B2.
func TestAttemptOfAWorkflowBeganWhenItFirstStarted(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func() *pawl.Scheduler {
			w := workflow.New[string]()
			w.Register("wait", workflow.After[string]("work", 10*time.Second))
			w.Register("work", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				if run, _ := pawl.RunFrom(ctx); run.Attempt < 3 {
					return "", errors.New("boom")
				}
				return "done", nil
			}, workflow.WithRetry(0, workflow.Exponential()))
			w.Exit("done")
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("order", w.Job("wait"), pawl.WithRetry(5, harness.EveryMinute)))
			return s
		}
		r := harness.Start(t, register())
		harness.Trigger(t, r, "order")
		time.Sleep(30 * time.Second)
		harness.Stop(t, r, db)
		r = harness.Start(t, register())
		info, err := r.WaitRun(t.Context(), "order", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		list, err := r.Attempts(t.Context(), "order", 1)
		require.NoError(t, err)
		require.Len(t, list, 3)
		assert.Equal(t, later(0), list[0].StartedAt)
		for i, a := range list[1:] {
			assert.Equal(t, list[i].FinishedAt.Add(time.Minute), a.StartedAt)
		}
		assert.Equal(t, info.FinishedAt, list[2].FinishedAt)
		harness.Stop(t, r, db)
	})
}

// A process that dies of a run's own doing ends an attempt, whose end nobody knows. A stop
// that cancels ends one too, if there is another. found B2.
func TestCrashAndCancellingStopEndAttempts(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		lives := 0
		register := func(s *pawl.Scheduler) {
			lives++
			work := harness.UntilCancelled
			if lives > 2 {
				work = harness.OK
			}
			require.NoError(t, s.Manual("work", harness.Job(work), pawl.WithRetry(5, harness.EveryMinute), pawl.WithStopCancels()))
		}
		p := harness.Launch(t, db, register)
		harness.Trigger(t, p.Runner, "work")
		time.Sleep(time.Second)
		p.Kill()
		p = harness.Launch(t, db, register)
		time.Sleep(61 * time.Second)
		require.ErrorIs(t, p.Stop(context.Background()), pawl.ErrStopTimeout)
		harness.Verify(t, db)
		p = harness.Launch(t, db, register)
		info, err := p.WaitRun(t.Context(), "work", 1)
		require.NoError(t, err)
		list, err := p.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		require.Len(t, list, 3)
		assert.Equal(t, pawl.Attempt{Number: 1, Status: pawl.RunInterrupted, StartedAt: later(0), Error: list[0].Error}, list[0])
		assert.Contains(t, list[0].Error, "interrupted: the process died")
		assert.Equal(t, pawl.RunCancelled, list[1].Status)
		assert.Contains(t, list[1].Error, "cancelled: ")
		assert.False(t, list[1].FinishedAt.IsZero())
		assert.Equal(t, pawl.Attempt{Number: 3, Status: pawl.RunCompleted, StartedAt: info.StartedAt, FinishedAt: info.FinishedAt}, list[2])
		harness.Stop(t, p.Runner, db)
	})
}

// The attempts of a run are deleted with it, and kept with it. Verify names those that do not
// fit a run. found B2.
func TestAttemptsGoWithTheirRuns(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				if fails, _ := pawl.InputOf[bool](ctx); fails || run.Attempt == 1 {
					return errors.New("boom")
				}
				return nil
			}), pawl.WithRetry(2, pawl.BackoffPolicy{Initial: time.Millisecond}), pawl.WithRetention(100, 0)))
		}
		r := harness.Start(t, harness.SchedulerWith(db, register))
		failed := harness.Finish(t, r, "work", pawl.WithInput(true))
		assert.Equal(t, pawl.RunFailed, failed.Status)
		for range 300 {
			harness.Finish(t, r, "work", pawl.WithInput(false))
		}
		time.Sleep(time.Hour)
		kept := harness.Query[int64](t, db, `SELECT count(*) FROM pawl_runs`)
		assert.Less(t, kept, int64(200))
		assert.Equal(t, kept+1, harness.Query[int64](t, db, `SELECT count(*) FROM pawl_attempt_log`), "one of each run, and two of the failure, which is kept")
		list, err := r.Attempts(t.Context(), "work", failed.Number)
		require.NoError(t, err)
		assert.Len(t, list, 3)
		harness.Stop(t, r, db)

		for edit, want := range map[string]string{
			`INSERT INTO pawl_attempt_log (run, attempt, status) VALUES (4711, 1, 2)`:            "1 failed attempts are of a run that is not there (key 4711)",
			`INSERT INTO pawl_attempt_log (run, attempt, status, next_at) VALUES (301, 2, 2, 1)`: `flow "work": run 301 is at attempt 2, and its last failed attempt is 2`,
			`UPDATE pawl_attempt_log SET next_at = NULL WHERE run = 1`:                           `flow "work": run 1 has 2 failed attempts that no other followed`,
			`DELETE FROM pawl_attempt_log WHERE run = 1 AND attempt = 2`:                         `flow "work": run 1 is at attempt 3, and its last failed attempt is 1`,
			`UPDATE pawl_attempt_log SET attempt = -1 WHERE run = 1 AND attempt = 1`:             `flow "work": 2 failed attempts of run 1 are kept, from -1 to 2`,
		} {
			copyTo := db + ".copy"
			harness.CopyDatabase(t, db, copyTo)
			harness.ExecSQL(t, copyTo, edit)
			reader, err := store.OpenReader(t.Context(), copyTo)
			require.NoError(t, err)
			found, err := reader.Verify(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []string{want}, found, edit)
			require.NoError(t, reader.Close())
			for _, suffix := range []string{"", "-wal", "-shm"} {
				_ = os.Remove(copyTo + suffix)
			}
		}

		r = harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) { require.NoError(t, s.Manual("other", harness.Job(harness.OK))) }))
		require.NoError(t, r.Forget(t.Context(), "work"))
		harness.Stop(t, r, db)
		assert.Zero(t, harness.Query[int64](t, db, `SELECT count(*) FROM pawl_attempt_log`))
	})
}

// Of a run of an older version, which kept no attempts, what is known is shown. found B2.
func TestAttemptsOfARunOfAnOlderVersion(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var old bool
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("work", newTries().job(func(ctx context.Context, run pawl.RunInfo) error {
				switch {
				case run.Attempt < 3:
					return errors.New("boom")
				case old:
					return harness.UntilCancelled(ctx)
				case run.Attempt == 3:
					return errors.New("again")
				}
				return nil
			}), pawl.WithRetry(5, harness.EveryMinute)))
		}
		old = true
		p := harness.Launch(t, db, register)
		harness.Trigger(t, p.Runner, "work")
		time.Sleep(150 * time.Second)
		p.Kill()
		harness.ExecSQL(t, db, `DELETE FROM pawl_attempt_log`) // as the migration leaves a run that is in flight
		c := harness.OpenClient(t, db)
		list, err := c.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		third := pawl.Attempt{Number: 3, Status: pawl.RunRunning, StartedAt: later(2 * time.Minute)}
		assert.Equal(t, []pawl.Attempt{third}, list)
		require.NoError(t, c.Close())

		old = false
		p = harness.Launch(t, db, register)
		info, err := p.WaitRun(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		list, err = p.Attempts(t.Context(), "work", 1)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, pawl.Attempt{Number: 3, Status: pawl.RunInterrupted, StartedAt: later(2 * time.Minute), Error: list[0].Error}, list[0])
		assert.Equal(t, pawl.Attempt{Number: 4, Status: pawl.RunCompleted, StartedAt: info.StartedAt, FinishedAt: info.FinishedAt}, list[1])
		require.NoError(t, p.Stop(context.Background()))
		reader, err := store.OpenReader(t.Context(), db)
		require.NoError(t, err)
		found, err := reader.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, found)
		require.NoError(t, reader.Close())
	})
}

// The exit code of a command is a fact of the run and of the attempt that failed with it, and
// no text is one: neither of an error without a code, nor of a run that ended in another way.
// facts T5.
func TestExitCodeIsAFactOfTheRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		returns := func(errs ...error) pawl.Job {
			return harness.Job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				time.Sleep(time.Second)
				return errs[run.Attempt-1]
			})
		}
		wrapped := fmt.Errorf("backup: %w", pawl.Permanent(harness.Exits(3)))
		require.NoError(t, errors.Join(
			s.Manual("code", returns(harness.Exits(7))),
			s.Manual("wrapped", returns(wrapped)),
			s.Manual("text", returns(errors.New("exit status 5"))),
			s.Manual("signal", returns(harness.Exits(-1))),
			s.Manual("skipped", returns(pawl.Skipped("exit status 6"))),
			s.Manual("recovers", returns(harness.Exits(8), harness.Exits(9), nil), pawl.WithRetry(5, harness.EveryMinute)),
			s.Manual("gives-up", returns(harness.Exits(8), errors.New("no answer")), pawl.WithRetry(1, harness.EveryMinute)),
			s.Manual("cancelled", returns(harness.Exits(8)), pawl.WithRetry(1, harness.EveryMinute)),
			s.Manual("fine", returns(nil)),
		))
		r := harness.Start(t, s)
		for id, want := range map[string]int{"code": 7, "wrapped": 3, "text": 0, "signal": 0, "skipped": 0, "recovers": 0, "gives-up": 0, "fine": 0} {
			harness.Trigger(t, r, id)
			if id == "recovers" {
				time.Sleep(2 * time.Second)
				info := harness.RunOf(t, r, id, 1)
				assert.Equal(t, 8, info.ExitCode, "it waits for its next attempt, and %s", info.Error)
			}
			info, err := r.WaitRun(t.Context(), id, 1)
			require.NoError(t, err)
			assert.Equal(t, want, info.ExitCode, id)
			assert.Equal(t, want, harness.RunOf(t, r, id, 1).ExitCode, id)
		}
		list, err := r.Attempts(t.Context(), "recovers", 1)
		require.NoError(t, err)
		assert.Equal(t, []int{8, 9, 0}, []int{list[0].ExitCode, list[1].ExitCode, list[2].ExitCode})
		harness.Trigger(t, r, "cancelled")
		time.Sleep(2 * time.Second)
		assert.Equal(t, 8, harness.RunOf(t, r, "cancelled", 1).ExitCode)
		require.NoError(t, r.Cancel(t.Context(), "cancelled", 1))
		assert.Zero(t, harness.RunOf(t, r, "cancelled", 1).ExitCode, "the run was cancelled, no command failed")

		assert.Equal(t, []string{"code 7", "wrapped 3"}, harness.Texts(t, db, "SELECT flow_id || ' ' || exit_code FROM pawl_runs WHERE exit_code IS NOT NULL ORDER BY 1"))
		assert.Equal(t, []string{"code 7", "wrapped 3"}, harness.Texts(t, db, "SELECT flow || ' ' || exit_code FROM pawl_history WHERE exit_code IS NOT NULL ORDER BY 1"))
		assert.Equal(t, []string{"cancelled 1 8", "code 1 7", "gives-up 1 8", "recovers 1 8", "recovers 2 9", "wrapped 1 3"},
			harness.Texts(t, db, "SELECT flow_id || ' ' || attempt || ' ' || exit_code FROM pawl_attempts WHERE exit_code IS NOT NULL ORDER BY 1"))
		harness.Stop(t, r, db)
	})
}
