package workflow_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/pawltest"
	"github.com/pawl-go/pawl/workflow"
)

// waiting is a workflow that waits for so long.
func waiting(d time.Duration) *workflow.Workflow[string] {
	w := workflow.New[string]()
	w.Register("wait", workflow.After("end", d))
	w.Exit("end")
	return w
}

// A run of a backfill that a stop suspended goes on before the rest of the backfill. workflow F7,
// time M2.
func TestBackfilledWorkflowGoesOnAfterAStop(t *testing.T) {
	for _, opt := range []pawl.FlowOption{pawl.WithOverlap(pawl.OverlapSkip), pawl.WithOverlap(pawl.OverlapAllow(2, 0))} {
		harness.Bubble(t, func(t *testing.T, db string) {
			register := func(s *pawl.Scheduler) {
				require.NoError(t, s.Cron("daily", "0 0 * * *", waiting(10*time.Minute).Job("wait"), opt))
			}
			r := harness.Start(t, harness.SchedulerWith(db, register))
			day := 24 * time.Hour
			n, err := r.Backfill(t.Context(), "daily", pawl.Backfill{From: time.Now().Add(-3 * day), To: time.Now().Add(-day)})
			require.NoError(t, err)
			require.Equal(t, int64(3), n)
			time.Sleep(time.Minute)
			harness.Stop(t, r, db)
			r = harness.Start(t, harness.SchedulerWith(db, register))
			time.Sleep(time.Hour)
			runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "daily"})
			require.NoError(t, err)
			require.Len(t, runs, 3)
			for _, run := range runs {
				assert.Equal(t, pawl.RunCompleted, run.Status)
			}
			assert.Zero(t, harness.Status(t, r, "daily").Backfill)
			harness.Stop(t, r, db)
		})
	}
}

// Runs that wait for a timer are no suspects: however many there were, none waits for
// another after a crash, which is the failure of the job that was at work. workflow F10, faults I1.
func TestCrashProlongsNoTimerOfMany(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			for i := range 20 {
				require.NoError(t, s.Manual(fmt.Sprint("slow ", i), waiting(48*time.Hour).Job("wait")))
			}
			require.NoError(t, s.Manual("half an hour", waiting(30*time.Minute).Job("wait")))
			require.NoError(t, s.Manual("plain", harness.Job(harness.UntilCancelled), pawl.WithBackoff(pawl.TripAfter(5))))
		}
		began := time.Now().UTC()
		p := harness.Launch(t, db, register)
		for _, f := range p.List() {
			_, err := p.Trigger(t.Context(), f.ID)
			require.NoError(t, err)
		}
		time.Sleep(29 * time.Minute)
		p.Kill()
		p = harness.Launch(t, db, register)
		info, err := p.WaitRun(t.Context(), "half an hour", 1)
		require.NoError(t, err)
		assert.Equal(t, began.Add(30*time.Minute), info.FinishedAt)
		for _, f := range p.List() {
			assert.False(t, f.Suspect, f.ID)
		}
		assert.Equal(t, 1, harness.Status(t, p.Runner, "plain").FailureStreak, "it was the only one at work")
		p.Kill()
	})
}

// A run that waits is never given up, however often its process dies. workflow F10.
func TestRunThatWaitsIsNotGivenUp(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("slow", waiting(240*time.Hour).Job("wait")))
		}
		p := harness.Launch(t, db, register)
		_, err := p.Trigger(t.Context(), "slow")
		require.NoError(t, err)
		for range 9 {
			time.Sleep(24 * time.Hour)
			p.Kill()
			p = harness.Launch(t, db, register)
		}
		info, err := p.WaitRun(t.Context(), "slow", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		harness.Stop(t, p.Runner, db)
	})
}

// A workflow whose process dies too often at the same point has what it did undone, and
// is recorded as interrupted. workflow F11.
func TestWorkflowThatIsGivenUpUndoesWhatItDid(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := &travelogue{}
		register := func(s *pawl.Scheduler) {
			m := workflow.New[string]()
			m.Register("paid", func(ctx context.Context, _ *workflow.Resources) (string, error) { d.write("paid"); return "bomb", nil },
				workflow.WithUndo(func(context.Context, *workflow.Resources, any) error { d.write("paid back"); return nil }))
			m.Register("bomb", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			}, workflow.WithoutRetry())
			m.Exit("end")
			require.NoError(t, s.Manual("trip", m.Job("paid"), pawl.WithBackoff(pawl.TripAfter(3))))
		}
		p := harness.Launch(t, db, register)
		_, err := p.Trigger(t.Context(), "trip")
		require.NoError(t, err)
		for range 6 {
			time.Sleep(time.Minute)
			p.Kill()
			p = harness.Launch(t, db, register)
		}
		info, err := p.WaitRun(t.Context(), "trip", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunInterrupted, info.Status)
		assert.Contains(t, info.Error, "too often at the same point")
		assert.Equal(t, []string{"paid", "paid back"}, d.read())
		assert.Equal(t, 1, harness.Status(t, p.Runner, "trip").FailureStreak)
		harness.Stop(t, p.Runner, db)
	})
}

// A start that cancels what is before it lets a run that was suspended undo what it did,
// and waits for that. time O1, workflow F11.
func TestOverlapCancelUndoesASuspendedRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := &travelogue{}
		next := func() harness.Process {
			return harness.Launch(t, db, func(s *pawl.Scheduler) {
				require.NoError(t, s.Manual("trip", booking(d, nil).Job("flight"), pawl.WithOverlap(pawl.OverlapCancel)))
			}, pawl.WithStopTimeout(time.Minute))
		}
		p := next()
		_, err := p.Trigger(t.Context(), "trip")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		harness.Stop(t, p.Runner, db)
		c := harness.OpenClient(t, db)
		_, err = c.Queueing().Trigger(t.Context(), "trip")
		require.ErrorIs(t, err, pawl.ErrQueued)
		require.NoError(t, c.Close())
		p = next()
		info, err := p.WaitRun(t.Context(), "trip", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCancelled, info.Status)
		assert.Equal(t, []string{"flight", "hotel", "undo hotel", "undone hotel", "undo flight", "undone flight"}, d.read()[:6])
		info, err = p.WaitRun(t.Context(), "trip", 2)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		harness.Stop(t, p.Runner, db)
	})
}

// A run whose flow is taken out, or becomes another job, while it waits is suspended by a
// stop all the same, and goes on when the flow is back. time M4, workflow F7.
func TestUpdateKeepsASuspendedRun(t *testing.T) {
	for name, change := range map[string]func(*pawl.Scheduler) error{
		"out": func(s *pawl.Scheduler) error { return s.Remove("slow") },
		"plain": func(s *pawl.Scheduler) error {
			return errors.Join(s.Remove("slow"), s.Manual("slow", harness.Job(harness.OK)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				register := func(s *pawl.Scheduler) {
					require.NoError(t, s.Manual("slow", waiting(time.Hour).Job("wait")))
				}
				began := time.Now().UTC()
				r := harness.Start(t, harness.SchedulerWith(db, register))
				_, err := r.Trigger(t.Context(), "slow")
				require.NoError(t, err)
				time.Sleep(time.Minute)
				require.NoError(t, r.Update(t.Context(), change))
				time.Sleep(time.Minute)
				harness.Stop(t, r, db)
				r = harness.Start(t, harness.SchedulerWith(db, register))
				info, err := r.WaitRun(t.Context(), "slow", 1)
				require.NoError(t, err)
				assert.Equal(t, pawl.RunCompleted, info.Status)
				assert.Equal(t, began.Add(time.Hour), info.FinishedAt)
				harness.Stop(t, r, db)
			})
		})
	}
}

// A run that is under way when its flow trips finishes, over a stop too, and can be
// cancelled. time O4, workflow F7.
func TestSuspendedRunOfATrippedFlowFinishes(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			w := workflow.New[string]()
			w.Register("start", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				if run, _ := pawl.RunFrom(ctx); run.Number == 2 {
					return "", workflow.Permanent(errors.New("no luck"))
				}
				return "wait", nil
			})
			w.Register("wait", workflow.After("end", time.Hour))
			w.Exit("end")
			require.NoError(t, s.Manual("slow", w.Job("start"), pawl.WithOverlap(pawl.OverlapAllow(3, 0)), pawl.WithBackoff(pawl.TripAfter(1))))
		}
		r := harness.Start(t, harness.SchedulerWith(db, register))
		for range 2 {
			_, err := r.Trigger(t.Context(), "slow")
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		harness.Stop(t, r, db)
		r = harness.Start(t, harness.SchedulerWith(db, register))
		time.Sleep(time.Second)
		_, err := r.Trigger(t.Context(), "slow")
		require.ErrorIs(t, err, pawl.ErrTripped)
		info, err := r.WaitRun(t.Context(), "slow", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		harness.Stop(t, r, db)
	})
}

// What a state has set as the run's output is there although the process died since. time Q2.
func TestOutputOfAStateThatWasLeftIsKept(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			w := workflow.New[string]()
			w.Register("first", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				return "wait", pawl.SetOutput(ctx, "done")
			})
			w.Register("wait", workflow.After("end", time.Hour))
			w.Exit("end")
			require.NoError(t, s.Manual("order", w.Job("first")))
		}
		p := harness.Launch(t, db, register)
		_, err := p.Trigger(t.Context(), "order")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		p.Kill()
		p = harness.Launch(t, db, register)
		_, err = p.WaitRun(t.Context(), "order", 1)
		require.NoError(t, err)
		assert.Equal(t, core.JSON(`"done"`), harness.RunOf(t, p.Runner, "order", 1).Output)
		harness.Stop(t, p.Runner, db)
	})
}

// What a state commits itself is committed with its end: once, though the process dies
// before and after each commit, and not at all if it fails. time X4, workflow F7.
func TestCommittingJoinsTheEndOfItsState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	harness.AppFile(t, file)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	insert := func(ctx context.Context, what string, then error) error {
		run, _ := pawl.RunFrom(ctx)
		return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO effects (flow, run, attempt, input) VALUES ('order', ?, 1, ?)", run.Number, what)
			return errors.Join(err, then)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		setup := func(database string) *pawl.Scheduler {
			if _, err := os.Stat(database); err != nil {
				require.NoError(t, os.WriteFile(database, text, 0o600))
			}
			w := workflow.New[string]()
			w.Register("paid", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				return "steps", insert(ctx, "paid", nil)
			})
			w.Register("steps", workflow.Steps("flaky", func(ctx context.Context, _ *workflow.Resources, n int) (int, bool, error) {
				return n + 1, n == 2, insert(ctx, fmt.Sprint("step ", n), nil)
			}))
			tries := 0
			w.Register("flaky", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				if tries++; tries == 1 {
					return "", errors.Join(insert(ctx, "of an attempt that failed", nil), errors.New("no luck"))
				}
				return "bad", nil
			})
			w.Register("bad", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				return "end", insert(ctx, "refused", errors.New("no such item"))
			})
			w.Exit("end")
			s := harness.Quiet(database, pawl.WithSharedFile())
			require.NoError(t, s.Manual("order", w.Job("paid")))
			return s
		}
		drive := func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "order", pawl.WithKey("one"))
			if err == nil {
				_, err = r.WaitRun(ctx, "order", run)
			}
			return err
		}
		checks := 0
		pawltest.CrashEverywhere(t, setup, drive, func(t testing.TB, database string) {
			checks++
			db, err := sql.Open("sqlite", database)
			require.NoError(t, err)
			defer db.Close()
			var effects, status, failed string
			require.NoError(t, db.QueryRow("SELECT group_concat(input, ', ' ORDER BY rowid) FROM effects").Scan(&effects))
			assert.Equal(t, "paid, step 0, step 1, step 2", effects)
			require.NoError(t, db.QueryRow("SELECT status, error FROM pawl_runs").Scan(&status, &failed))
			assert.Equal(t, "failed", status)
			assert.Contains(t, failed, "no such item")
		})
		assert.Greater(t, checks, 20)
	})
}

// A workflow that a task or a plain job runs in memory has no checkpoints. What its states
// commit joins the commit of the task or the job: once for each state that was left, none
// of an attempt that failed, and what the task commits itself too. found A1.
func TestWorkflowInMemoryCommitsWithWhatRunsIt(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		insert := func(ctx context.Context, n int64) error {
			return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return harness.Effect(ctx, tx, n) })
		}
		inMemory := func(ctx context.Context) error {
			w := workflow.New[string]()
			tries := 0
			w.Register("a", func(ctx context.Context, _ *workflow.Resources) (string, error) { return "b", insert(ctx, 1) })
			w.Register("b", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				if tries++; tries == 1 {
					return "", errors.Join(insert(ctx, 99), errors.New("no luck"))
				}
				return "split", nil
			}, workflow.WithRetry(2, workflow.Fixed(time.Second)))
			w.RegisterSplit("split", []workflow.Branch{func(ctx context.Context, _ *workflow.Resources) error {
				assert.ErrorContains(t, insert(ctx, 98), "not for a branch or an undo")
				return nil
			}}, workflow.All("c"))
			w.Register("c", func(ctx context.Context, _ *workflow.Resources) (string, error) { return "end", insert(ctx, 2) })
			w.Exit("end")
			_, err := w.Run(ctx, "a")
			return err
		}
		outer := workflow.New[string]()
		tries := 0
		outer.Register("first", func(ctx context.Context, _ *workflow.Resources) (string, error) {
			if err := errors.Join(inMemory(ctx), insert(ctx, 3)); err != nil {
				return "", err
			}
			if tries++; tries == 1 {
				return "", errors.New("no luck")
			}
			return "split", nil
		}, workflow.WithRetry(2, workflow.Fixed(time.Second)))
		outer.RegisterSplit("split", []workflow.Branch{func(context.Context, *workflow.Resources) error { return nil }}, workflow.All("second"))
		outer.Register("second", func(context.Context, *workflow.Resources) (string, error) { return "end", nil })
		outer.Exit("end")
		s := harness.Quiet(db, pawl.WithSharedFile())
		require.NoError(t, s.Manual("task", outer.Job("first")))
		require.NoError(t, s.Manual("job", harness.Job(inMemory)))
		require.NoError(t, s.Manual("both", harness.Job(func(ctx context.Context) error { return errors.Join(inMemory(ctx), insert(ctx, 4)) })))
		r := harness.Start(t, s)
		rows := "SELECT run FROM effects ORDER BY rowid"
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "task").Status)
		assert.Equal(t, []int64{1, 2, 3}, harness.Numbers(t, db, rows))
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "job").Status)
		assert.Equal(t, []int64{1, 2, 3, 1, 2}, harness.Numbers(t, db, rows))
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "both").Status)
		assert.Equal(t, []int64{1, 2, 3, 1, 2, 1, 2, 4}, harness.Numbers(t, db, rows))
		harness.Stop(t, r, db)
	})
}

// A branch and an undo have no commit of their own to join.
func TestCommittingIsForTasksAlone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var errs []error
		commit := func(ctx context.Context) {
			errs = append(errs, pawl.Committing(ctx, func(context.Context, *sql.Tx) error { return nil }))
		}
		w := workflow.New[string]()
		w.RegisterSplit("split", []workflow.Branch{func(ctx context.Context, _ *workflow.Resources) error { commit(ctx); return nil }}, workflow.All("fails"),
			workflow.WithUndo(func(ctx context.Context, _ *workflow.Resources, _ any) error { commit(ctx); return nil }))
		w.Register("fails", func(context.Context, *workflow.Resources) (string, error) {
			return "", workflow.Permanent(errors.New("no luck"))
		})
		w.Exit("end")
		r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) { require.NoError(t, s.Manual("order", w.Job("split"))) }))
		_, err := r.Trigger(t.Context(), "order")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "order", 1)
		require.NoError(t, err)
		require.Len(t, errs, 2)
		for _, err := range errs {
			assert.ErrorContains(t, err, "not for a branch or an undo")
		}
		harness.Stop(t, r, db)
	})
}

// The limits of a workflow are within those of the engine. workflow F7.
func TestLimitsOfWorkflowsAreThoseOfTheEngine(t *testing.T) {
	assert.LessOrEqual(t, workflow.MaxPayload, core.MaxPayload)
	most := core.CheckpointData{Seq: workflow.MaxCheckpoints, State: strings.Repeat("x", workflow.MaxState), Payload: core.JSON(make([]byte, workflow.MaxPayload))}
	require.NoError(t, most.Validate())
	assert.Equal(t, workflow.KindTimer, core.KindTimer)
}

// Workflows that begin and fail together are not all tried again together, in one flow, in
// several and in memory. found Q11.
func TestRetriesOfWorkflowsThatBeginTogetherSpread(t *testing.T) {
	var mu sync.Mutex
	var second []time.Duration
	failing := func(began time.Time) *workflow.Workflow[string] {
		w := workflow.New[string]()
		tries := map[int64]int{}
		w.Register("a", func(ctx context.Context, _ *workflow.Resources) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			run, _ := pawl.RunFrom(ctx)
			if tries[run.Number]++; tries[run.Number] == 1 {
				return "", errors.New("no luck")
			}
			second = append(second, time.Since(began))
			return "end", nil
		}, workflow.WithRetry(1, workflow.Fixed(10*time.Second)))
		w.Exit("end")
		return w
	}
	spread := func(t *testing.T, n int) {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(second)
		require.Len(t, second, n)
		assert.Len(t, slices.Compact(second), n, "each at another instant")
		second = nil
	}
	harness.Bubble(t, func(t *testing.T, db string) {
		const each = 20
		began := time.Now()
		s := harness.Quiet(db)
		for i := range each {
			require.NoError(t, s.Manual(fmt.Sprint("flow", i), failing(began).Job("a")))
		}
		require.NoError(t, s.Manual("queue", failing(began).Job("a"), pawl.WithOverlap(pawl.OverlapAllow(each, 0))))
		r := harness.Start(t, s)
		for i := range each {
			harness.Accepted(t, r, fmt.Sprint("flow", i))
		}
		_, err := r.TriggerMany(t.Context(), "queue", make([]any, each))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		spread(t, 2*each)

		began = time.Now()
		for range each {
			go func() { _, _ = failing(began).Run(t.Context(), "a") }()
		}
		time.Sleep(time.Minute)
		spread(t, each)
		harness.Stop(t, r, db)
	})
}
