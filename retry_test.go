package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/workflow"
)

// tries notes the attempts that begin, as "run.attempt", with the time since.
type tries struct {
	mu    sync.Mutex
	began time.Time
	list  []string
}

func newTries() *tries { return &tries{began: time.Now()} }

func (a *tries) job(then func(ctx context.Context, run pawl.RunInfo) error) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		a.mu.Lock()
		a.list = append(a.list, fmt.Sprintf("%d.%d at %s", run.Number, run.Attempt, time.Since(a.began).Round(time.Second)))
		a.mu.Unlock()
		return then(ctx, run)
	})
}

func (a *tries) taken() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.list
	a.list = nil
	return list
}

// A failed run is tried again as the next attempt of the same run, at an instant that
// its row has; the flow fails with the last attempt alone. time Q4.
func TestFailedRunIsTriedAgainAsTheSameRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		a := newTries()
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("work", a.job(func(context.Context, pawl.RunInfo) error { return errors.New("boom") }),
			pawl.WithRetry(2, harness.EveryMinute), pawl.WithBackoff(pawl.TripAfter(2))))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "work")
		time.Sleep(time.Second)
		waiting := harness.RunOf(t, r, "work", 1)
		assert.Equal(t, pawl.RunWaiting, waiting.Status)
		assert.Equal(t, 2, waiting.Attempt)
		assert.Equal(t, waiting.StartedAt.Add(time.Minute), waiting.DueAt)
		assert.Equal(t, "boom", waiting.Error)
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, "SELECT count(*) FROM pawl_runs WHERE status = 'waiting' AND due_at = '2000-01-01T00:01:00.000Z'"))
		flow := harness.Status(t, r, "work")
		assert.Zero(t, flow.FailureStreak)
		assert.Zero(t, flow.InFlight)
		assert.Equal(t, 1, flow.Waiting)

		info, err := r.WaitRun(t.Context(), "work", 1)
		require.NoError(t, err)
		assert.Equal(t, []string{"1.1 at 0s", "1.2 at 1m0s", "1.3 at 2m0s"}, a.taken())
		assert.Equal(t, pawl.RunFailed, info.Status)
		assert.Equal(t, 3, info.Attempt)
		flow = harness.Status(t, r, "work")
		assert.Equal(t, 1, flow.FailureStreak)
		assert.Equal(t, pawl.StatusBackoff, flow.Status)
		assert.Equal(t, int64(1), flow.RunCount)
		assert.Equal(t, pawl.StatusTripped, func() pawl.Status { harness.Finish(t, r, "work"); return harness.Status(t, r, "work").Status }())
		harness.Stop(t, r, db)
	})
}

// A job says that no attempt would help, when the next is to be, or that there was
// nothing to do. time Q4, time X3.
func TestJobChoosesWhatBecomesOfItsFailure(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		a := newTries()
		s := harness.Quiet(db)
		boom := errors.New("boom")
		require.NoError(t, s.Manual("work", a.job(func(ctx context.Context, run pawl.RunInfo) error {
			switch what, _ := pawl.InputOf[string](ctx); {
			case what == "permanent":
				return fmt.Errorf("wrapped: %w", pawl.Permanent(boom))
			case what == "later" && run.Attempt == 1:
				return pawl.RetryAfter(time.Hour, boom)
			case what == "later" && run.Attempt == 2:
				return boom
			case what == "skip" && run.Attempt == 2:
				return pawl.Skipped("no news")
			case what == "skip":
				return boom
			}
			return errors.Join(pawl.Permanent(nil), pawl.RetryAfter(time.Hour, nil))
		}), pawl.WithRetry(3, harness.EveryMinute), pawl.WithBackoff(pawl.TripAfter(9))))
		r := harness.Start(t, s)
		info := harness.Finish(t, r, "work", pawl.WithInput("permanent"))
		assert.Equal(t, pawl.RunFailed, info.Status)
		assert.Equal(t, "wrapped: boom", info.Error)
		assert.Equal(t, []string{"1.1 at 0s"}, a.taken())
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "work", pawl.WithInput("later")).Status)
		assert.Equal(t, []string{"2.1 at 0s", "2.2 at 1h0m0s", "2.3 at 1h1m0s"}, a.taken())
		harness.Trigger(t, r, "work") // nil errors stay nil
		time.Sleep(time.Second)
		assert.Equal(t, pawl.RunCompleted, harness.RunOf(t, r, "work", 3).Status)
		a.taken()
		info = harness.Finish(t, r, "work", pawl.WithInput("skip"))
		assert.Equal(t, pawl.RunSkipped, info.Status)
		assert.Equal(t, 2, info.Attempt)
		assert.Zero(t, harness.Status(t, r, "work").FailureStreak)
		harness.Stop(t, r, db)
	})
}

// Attempts survive restarts and kills. One that a kill interrupted is an attempt, and
// the last of them is the flow's failure. time Q4.
func TestAttemptsSurviveRestartsAndKills(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		a := newTries()
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("work", a.job(func(ctx context.Context, run pawl.RunInfo) error {
				if run.Attempt%2 == 0 {
					return harness.UntilCancelled(ctx)
				}
				return errors.New("boom")
			}), pawl.WithRetry(3, harness.EveryMinute), pawl.WithBackoff(pawl.TripAfter(1))))
		}
		p := harness.Launch(t, db, register)
		harness.Trigger(t, p.Runner, "work")
		time.Sleep(30 * time.Second)
		require.NoError(t, p.Stop(context.Background())) // between two attempts
		time.Sleep(10 * time.Second)
		p = harness.Launch(t, db, register)
		time.Sleep(40 * time.Second)
		p.Kill() // in the second, which began when it had to
		assert.Equal(t, []string{"1.1 at 0s", "1.2 at 1m0s"}, a.taken())
		p = harness.Launch(t, db, register)
		interrupted := harness.RunOf(t, p.Runner, "work", 1)
		assert.Equal(t, pawl.RunWaiting, interrupted.Status)
		assert.Equal(t, 3, interrupted.Attempt)
		assert.Contains(t, interrupted.Error, "interrupted: ")
		assert.Zero(t, harness.Status(t, p.Runner, "work").FailureStreak)
		time.Sleep(3 * time.Minute)
		assert.Len(t, a.taken(), 2, "the third, which failed, and the fourth")
		p.Kill()
		p = harness.Launch(t, db, register)
		info := harness.RunOf(t, p.Runner, "work", 1)
		assert.Equal(t, pawl.RunInterrupted, info.Status)
		assert.Equal(t, 4, info.Attempt)
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, p.Runner, "work").Status)
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
	})
}

// Where one run is in flight at a time a further attempt keeps its place before all
// that waits; where several are, others take the slot meanwhile. time Q4, time O1.
func TestRetriesKeepOrderOrFreeTheSlot(t *testing.T) {
	for _, test := range []struct {
		name    string
		overlap pawl.Overlap
		want    []string
	}{
		{"serial", pawl.OverlapBuffer(9), []string{"1.1 at 0s", "1.2 at 1m0s", "2.1 at 1m0s", "2.2 at 2m0s", "3.1 at 2m0s", "3.2 at 3m0s"}},
		{"allow", pawl.OverlapAllow(2, 9), []string{"1.1 at 0s", "1.2 at 1m0s", "2.1 at 0s", "2.2 at 1m0s", "3.1 at 0s", "3.2 at 1m0s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				a := newTries()
				s := harness.Quiet(db)
				require.NoError(t, s.Manual("work", a.job(func(_ context.Context, run pawl.RunInfo) error {
					if run.Attempt == 1 {
						return errors.New("boom")
					}
					return nil
				}), pawl.WithRetry(1, harness.EveryMinute), pawl.WithOverlap(test.overlap)))
				r := harness.Start(t, s)
				for range 3 {
					harness.Trigger(t, r, "work")
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				list := a.taken()
				if test.name == "allow" { // side by side, in no order
					slices.Sort(list)
				}
				assert.Equal(t, test.want, list)
				harness.Stop(t, r, db)
			})
		})
	}
}

// While an attempt is awaited a flow that takes one run at a time takes no other: a
// trigger is refused, an instant is skipped with that verdict. time Q4, time O1, time W1.
func TestAwaitedAttemptIsInTheWay(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		a := newTries()
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("work", "0 * * * * *", a.job(func(_ context.Context, run pawl.RunInfo) error {
			if run.Attempt == 1 {
				return errors.New("boom")
			}
			return nil
		}), pawl.WithRetry(1, pawl.BackoffPolicy{Initial: 150 * time.Second, Jitter: pawl.NoJitter})))
		r := harness.Start(t, s)
		time.Sleep(90 * time.Second)
		_, err := r.Trigger(t.Context(), "work")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
		time.Sleep(155 * time.Second)
		assert.Equal(t, []string{"1.1 at 1m0s", "1.2 at 3m30s", "2.1 at 4m0s"}, a.taken())
		assert.Equal(t, []int64{2}, harness.Numbers(t, db, "SELECT count FROM pawl_occurrences WHERE verdict = 'skipped_overlap'"))
		harness.Stop(t, r, db)
	})
}

// An error that is the same at each attempt is permanent, wrapped or not, also under advice
// that says when to try again: a value over the limit, what does not encode or decode, a
// flow that is not there. In a job, in a function given to Committing, and in a state of a
// workflow with retries of its own. found Q10.
func TestErrorThatNoAttemptCanChangeIsPermanent(t *testing.T) {
	large := strings.Repeat("x", 2<<20)
	errs := map[string]func(ctx context.Context, r *pawl.Runner) error{
		"output too large": func(ctx context.Context, _ *pawl.Runner) error { return pawl.SetOutput(ctx, large) },
		"output":           func(ctx context.Context, _ *pawl.Runner) error { return pawl.SetOutput(ctx, func() {}) },
		"input": func(ctx context.Context, r *pawl.Runner) error {
			_, err := r.Trigger(ctx, "other", pawl.WithInput(make(chan int)))
			return err
		},
		"input too large": func(ctx context.Context, r *pawl.Runner) error {
			_, err := r.TriggerMany(ctx, "other", []any{large})
			return err
		},
		"input of another type": func(ctx context.Context, _ *pawl.Runner) error { _, err := pawl.InputOf[int](ctx); return err },
		"key": func(ctx context.Context, r *pawl.Runner) error {
			_, err := r.Trigger(ctx, "other", pawl.WithKey(large))
			return err
		},
		"no such flow": func(ctx context.Context, r *pawl.Runner) error { _, err := r.Trigger(ctx, "nope"); return err },
		"no such flow, later": func(ctx context.Context, r *pawl.Runner) error {
			return pawl.RetryAfter(time.Minute, errors.Join(errors.New("boom"), r.Reset(ctx, "nope")))
		},
		"range": func(ctx context.Context, r *pawl.Runner) error {
			_, err := r.Backfill(ctx, "other", pawl.Backfill{From: time.Now(), To: time.Now().Add(-time.Hour)})
			return err
		},
		"instant": func(ctx context.Context, r *pawl.Runner) error {
			_, err := r.Trigger(ctx, "other", pawl.WithStartAt(time.Unix(1<<62, 0)))
			return err
		},
		"pause": func(ctx context.Context, r *pawl.Runner) error {
			return r.Pause(ctx, "other", "", pawl.PauseUntil(time.Now().Add(-time.Hour)))
		},
		"invalid flow": func(ctx context.Context, r *pawl.Runner) error {
			return r.Update(ctx, func(s *pawl.Scheduler) error { return s.Cron("bad", "no expression", harness.Job(harness.OK)) })
		},
		"in commit": func(ctx context.Context, r *pawl.Runner) error {
			return pawl.Committing(ctx, func(ctx context.Context, _ *sql.Tx) error { return r.Reset(ctx, "other") })
		},
		"permanent in commit": func(ctx context.Context, r *pawl.Runner) error {
			return pawl.Committing(ctx, func(context.Context, *sql.Tx) error { return pawl.Permanent(errors.New("boom")) })
		},
		"put": func(ctx context.Context, _ *pawl.Runner) error {
			if err := workflow.Put(ctx, "key", large); errors.Is(err, workflow.ErrTooLarge) {
				return err
			}
			return pawl.ErrTooLarge // of a plain job, which has no values
		},
		"value": func(ctx context.Context, _ *pawl.Runner) error {
			if err := workflow.Put(ctx, "key", func() {}); err != nil && !strings.Contains(err.Error(), "not that of a workflow") {
				return err
			}
			return pawl.ErrTooLarge
		},
	}
	for name, give := range errs {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				var r *pawl.Runner
				calls := map[string]int{}
				do := func(ctx context.Context) error {
					run, _ := pawl.RunFrom(ctx)
					calls[run.FlowID]++
					if err := give(ctx, r); err != nil {
						return fmt.Errorf("wrapped: %w", err)
					}
					return nil
				}
				s := harness.Quiet(db, pawl.WithSharedFile())
				w := workflow.New[string]()
				w.Register("a", func(ctx context.Context, _ *workflow.Resources) (string, error) { return "end", do(ctx) },
					workflow.WithRetry(11, workflow.Exponential()))
				w.Exit("end")
				require.NoError(t, s.Manual("plain", harness.Job(do), pawl.WithRetry(11, harness.EveryMinute)))
				require.NoError(t, s.Manual("machine", w.Job("a"), pawl.WithRetry(11, harness.EveryMinute)))
				require.NoError(t, s.Manual("other", harness.Job(harness.OK)))
				r = harness.Start(t, s)
				for _, id := range []string{"plain", "machine"} {
					info := harness.Finish(t, r, id, pawl.WithInput("no number"))
					assert.Equal(t, pawl.RunFailed, info.Status, id)
					assert.Equal(t, 1, info.Attempt, id)
				}
				assert.Equal(t, map[string]int{"plain": 1, "machine": 1}, calls)
				harness.Stop(t, r, db)
			})
		})
	}
}

// Runs that failed together are not tried again together: the waits of WithRetry spread by a
// tenth unless NoJitter is asked for. A flow's own windows spread only if their policy says so.
// found Q11.
func TestRetriesSpreadUnlessToldNotTo(t *testing.T) {
	const runs = 300
	for _, way := range []struct {
		policy pawl.BackoffPolicy
		spread time.Duration // at least
		text   string
	}{
		{pawl.BackoffPolicy{Initial: time.Minute}, 11 * time.Second, "retry 1, 1m0s x2 up to 5m0s, jitter 0.1"},
		{pawl.BackoffPolicy{Initial: time.Minute, Jitter: pawl.NoJitter}, 0, "retry 1, 1m0s x2 up to 5m0s"},
		{pawl.BackoffPolicy{Initial: time.Minute, Jitter: 0.5}, 55 * time.Second, "retry 1, 1m0s x2 up to 5m0s, jitter 0.5"},
	} {
		harness.Bubble(t, func(t *testing.T, db string) {
			a := newTries()
			s := harness.Quiet(db)
			var mu sync.Mutex
			var again []time.Time
			require.NoError(t, s.Manual("work", a.job(func(_ context.Context, run pawl.RunInfo) error {
				if run.Attempt == 1 {
					return errors.New("boom")
				}
				mu.Lock()
				defer mu.Unlock()
				again = append(again, time.Now())
				return nil
			}), pawl.WithRetry(1, way.policy), pawl.WithOverlap(pawl.OverlapAllow(runs, 0)), pawl.WithBackoff(pawl.BackoffPolicy{})))
			r := harness.Start(t, s)
			for range runs {
				_, err := r.Trigger(t.Context(), "work")
				require.NoError(t, err)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			require.Len(t, again, runs)
			slices.SortFunc(again, time.Time.Compare)
			spread := again[runs-1].Sub(again[0])
			assert.GreaterOrEqual(t, spread, way.spread)
			if way.spread == 0 {
				assert.Zero(t, spread)
			}
			info := harness.Status(t, r, "work")
			assert.Contains(t, info.Policy, way.text)
			assert.NotContains(t, info.Backoff, "jitter")
			harness.Stop(t, r, db)
		})
	}
}
