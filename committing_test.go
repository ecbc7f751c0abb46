package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
)

// commits is a job that joins work to the commit of its run.
func commits(do func(ctx context.Context, tx *sql.Tx, run pawl.RunInfo) error) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return do(ctx, tx, run) })
	})
}

const effects = "SELECT run FROM effects ORDER BY run"

// What a function does in the transaction of its run's outcome is there when the run
// is completed, and nothing of it when the function fails: by an error, a panic, a
// Goexit, too long a run, an attempt to end the transaction, or to write what is
// Pawl's. time X4.
func TestCommittingIsAllOrNothing(t *testing.T) {
	ways := []struct {
		name, says string // says: of the run's error; empty: it is completed
		then       func(ctx context.Context, tx *sql.Tx) error
	}{
		{"nil", "", func(context.Context, *sql.Tx) error { return nil }},
		{"error", "committing: no luck", func(context.Context, *sql.Tx) error { return errors.New("no luck") }},
		{"panic", "committing: panic: oh no", func(context.Context, *sql.Tx) error { panic("oh no") }},
		{"goexit", "committing: the function called runtime.Goexit", func(context.Context, *sql.Tx) error { runtime.Goexit(); return nil }},
		{"too long", "deadline exceeded", func(ctx context.Context, _ *sql.Tx) error { <-ctx.Done(); return nil }},
		{"deaf", "deadline exceeded", func(context.Context, *sql.Tx) error { time.Sleep(time.Hour); return nil }},
		{"commit", "the transaction is Pawl's", func(_ context.Context, tx *sql.Tx) error { return tx.Commit() }},
		{"commit in silence", "the transaction is Pawl's", func(_ context.Context, tx *sql.Tx) error { _ = tx.Commit(); return nil }},
		{"rollback", "the transaction is Pawl's", func(_ context.Context, tx *sql.Tx) error { _ = tx.Rollback(); return nil }},
		{"meddles", "pawl_flow_state is not to be written", func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE pawl_flow_state SET version = 0")
			return err
		}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				harness.AppTable(t, db)
				s := harness.Quiet(db, pawl.WithSharedFile())
				require.NoError(t, s.Manual("work", commits(func(ctx context.Context, tx *sql.Tx, run pawl.RunInfo) error {
					return errors.Join(harness.Effect(ctx, tx, run.Number), way.then(ctx, tx))
				}), pawl.WithBackoff(pawl.TripAfter(3))))
				r := harness.Start(t, s)
				info := harness.Finish(t, r, "work")
				if way.says == "" {
					assert.Equal(t, pawl.RunCompleted, info.Status)
					assert.Equal(t, []int64{1}, harness.Numbers(t, db, effects))
				} else {
					assert.Equal(t, pawl.RunFailed, info.Status)
					assert.Contains(t, info.Error, way.says)
					assert.Equal(t, 1, harness.Status(t, r, "work").FailureStreak)
					assert.Empty(t, harness.Numbers(t, db, effects))
				}
				time.Sleep(time.Hour) // the deaf one comes to an end
				harness.Stop(t, r, db)
			})
		})
	}
}

// The function has a second, or what the option says, and the job's own error keeps
// it from being called at all. time X4.
func TestCommittingHasItsTimeAndNeedsSuccess(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		s := harness.Quiet(db, pawl.WithSharedFile(), pawl.WithCommitTimeout(time.Minute))
		require.NoError(t, s.Manual("slow", commits(func(ctx context.Context, tx *sql.Tx, run pawl.RunInfo) error {
			time.Sleep(59 * time.Second)
			return harness.Effect(ctx, tx, run.Number)
		})))
		require.NoError(t, s.Manual("fails", harness.Job(func(ctx context.Context) error {
			return errors.Join(errors.New("boom"), pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return harness.Effect(ctx, tx, 99) }))
		})))
		require.NoError(t, s.Manual("skips", harness.Job(func(ctx context.Context) error {
			_ = pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return harness.Effect(ctx, tx, 99) })
			return pawl.Skipped("nothing new")
		})))
		require.NoError(t, s.Manual("twice", harness.Job(func(ctx context.Context) error {
			_ = pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return harness.Effect(ctx, tx, 99) })
			return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return harness.Effect(ctx, tx, 2) })
		})))
		require.NoError(t, s.Manual("nothing", harness.Job(func(ctx context.Context) error { return pawl.Committing(ctx, nil) })))
		r := harness.Start(t, s)
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "slow").Status)
		assert.Equal(t, pawl.RunFailed, harness.Finish(t, r, "fails").Status)
		skipped := harness.Finish(t, r, "skips")
		assert.Equal(t, pawl.RunSkipped, skipped.Status)
		assert.Equal(t, "nothing new", skipped.Error)
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "twice").Status)
		assert.Contains(t, harness.Finish(t, r, "nothing").Error, "Committing(nil)")
		assert.Equal(t, []int64{1, 2}, harness.Numbers(t, db, effects), "of several calls the last counts")
		assert.Error(t, pawl.Committing(t.Context(), func(context.Context, *sql.Tx) error { return nil }), "no job's context")
		harness.Stop(t, r, db)
	})
}

// A store that fails leaves nothing of the function behind; it is called again, and
// has one effect: whether the failed commit was undone or took effect. time X4, scheduler D7.
func TestCommittingIsCalledAgainAfterAStoreFailureWithOneEffect(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				harness.AppTable(t, db)
				calls := 0
				faulty := &harness.Disk{Durable: durable}
				s := harness.Quiet(db, pawl.WithSharedFile(), harness.WithStore(faulty.Wrap))
				release := make(chan struct{})
				require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
					<-release
					return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
						calls++
						return harness.Effect(ctx, tx, 1)
					})
				})))
				r := harness.Start(t, s)
				run, err := r.Trigger(t.Context(), "work")
				require.NoError(t, err)
				faulty.Fail(errors.New("no answer from the disk"))
				close(release)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				require.Error(t, r.Degraded())
				faulty.Fail(nil)
				info, err := r.WaitRun(t.Context(), "work", run)
				require.NoError(t, err)
				assert.Equal(t, pawl.RunCompleted, info.Status)
				assert.Equal(t, []int64{1}, harness.Numbers(t, db, effects))
				assert.Equal(t, 1, calls, "a commit that took effect is not done again")
				harness.Stop(t, r, db)
			})
		})
	}
}

// An error of SQLite's own in the function is one of the store: it is called again
// when that is over. time X4.
func TestCommittingThatMeetsAFullDiskIsCalledAgain(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		calls := 0
		s := harness.Quiet(db, pawl.WithSharedFile())
		require.NoError(t, s.Manual("work", commits(func(ctx context.Context, tx *sql.Tx, run pawl.RunInfo) error {
			calls++
			if err := harness.Effect(ctx, tx, run.Number); err != nil || calls > 2 {
				return err
			}
			return fmt.Errorf("my insert: %w", sqlite.ResultFull.ToError())
		})))
		r := harness.Start(t, s)
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "work").Status)
		assert.Equal(t, 3, calls)
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, effects))
		harness.Stop(t, r, db)
	})
}

// A stop while the store takes no writes leaves the ends of runs beside the database.
// That of a run whose effect was to be committed with it is not a success: the next
// start must not say completed of what has no effect. time X4, scheduler D7.
func TestStopOnASickStoreDoesNotCompleteARunWithoutItsEffect(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		faulty := &harness.Disk{}
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithSharedFile(), harness.WithStore(faulty.Wrap), pawl.WithStopTimeout(time.Second))
			slow := func(do pawl.Job) pawl.Job {
				return harness.Job(func(ctx context.Context) error { time.Sleep(time.Second); return do.Run(ctx) })
			}
			require.NoError(t, s.Manual("joins", slow(commits(func(ctx context.Context, tx *sql.Tx, run pawl.RunInfo) error {
				return harness.Effect(ctx, tx, run.Number)
			})), pawl.WithBackoff(pawl.TripAfter(1))))
			require.NoError(t, s.Manual("plain", slow(harness.Job(func(ctx context.Context) error { return pawl.SetOutput(ctx, 42) }))))
			require.NoError(t, s.Manual("large", slow(harness.Job(func(ctx context.Context) error { return pawl.SetOutput(ctx, strings.Repeat("x", 4000)) }))))
			require.NoError(t, s.Manual("permanent", slow(harness.Job(func(context.Context) error { return pawl.Permanent(errors.New("boom")) })), pawl.WithRetry(3, harness.EveryMinute)))
			require.NoError(t, s.Manual("skips", slow(harness.Job(func(context.Context) error { return pawl.Skipped("no news") })), pawl.WithBackoff(pawl.TripAfter(1))))
			return s
		}
		r := harness.Start(t, build())
		for _, id := range []string{"joins", "large", "plain", "skips", "permanent"} {
			harness.Trigger(t, r, id)
		}
		faulty.Fail(errors.New("no answer from the disk"))
		time.Sleep(10 * time.Second)
		require.Error(t, r.Stop(context.Background()))
		faulty.Fail(nil)

		r = harness.Start(t, build())
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{})
		require.NoError(t, err)
		ends := map[string]pawl.RunStatus{}
		for _, run := range runs {
			ends[run.FlowID] = run.Status
		}
		assert.Equal(t, map[string]pawl.RunStatus{"joins": pawl.RunInterrupted, "large": pawl.RunInterrupted,
			"plain": pawl.RunCompleted, "skips": pawl.RunSkipped, "permanent": pawl.RunFailed}, ends, "there is no room for the large one")
		assert.Equal(t, pawl.JSON("42"), harness.RunOf(t, r, "plain", 1).Output)
		assert.Zero(t, harness.Status(t, r, "joins").FailureStreak, "the process was stopping")
		assert.Empty(t, harness.Numbers(t, db, effects))
		harness.Stop(t, r, db)
	})
}

// A store that takes writes again for the last commit of a stop still gets the
// function's work. time X4, scheduler D7.
func TestLastCommitOfAStopStillCommitsTheEffect(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		faulty := &heals{}
		s := harness.Quiet(db, pawl.WithSharedFile(), harness.WithStore(faulty.wrap), pawl.WithStopTimeout(0))
		require.NoError(t, s.Manual("work", commits(func(ctx context.Context, tx *sql.Tx, run pawl.RunInfo) error {
			return harness.Effect(ctx, tx, run.Number)
		})))
		r := harness.Start(t, s)
		faulty.Fail(errors.New("no answer from the disk"))
		faulty.until = "stopped"
		require.NoError(t, faulty.allow(func() { harness.Trigger(t, r, "work") }))
		time.Sleep(10 * time.Second)
		_ = r.Stop(context.Background())
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, effects))
		harness.Verify(t, db)
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, "SELECT count(*) FROM pawl_runs WHERE status = 'completed'"))
	})
}

// heals is a disk that takes the commit of an owner who has stopped.
type heals struct {
	harness.Disk
	until string
}

func (h *heals) wrap(real engine.Store) engine.Store {
	h.Store = real
	return h
}

// allow lets the disk take what do asks for.
func (h *heals) allow(do func()) error {
	h.Mu.Lock()
	err := h.Err
	h.Err = nil
	h.Mu.Unlock()
	do()
	h.Fail(err)
	return nil
}

func (h *heals) Commit(ctx context.Context, b engine.Batch) error {
	if b.Owner != nil && !b.Owner.StoppedAt.IsZero() {
		h.Fail(nil)
	}
	return h.Disk.Commit(ctx, b)
}

// The next run is asked for in the commit of this one: TriggerTx works on the transaction
// that Committing hands out, through a wrapper of it too, with any context. A function that
// fails asks for nothing, and its own SQL still cannot write to the inbox.
// found Q14.
func TestTriggerTxJoinsTheCommitOfItsRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		s := harness.Quiet(db, pawl.WithSharedFile(), pawl.WithInboxPoll(time.Hour))
		var r *pawl.Runner
		next := func(ctx context.Context, tx pawl.Execer) error {
			_, err := r.TriggerTx(ctx, tx, "next", pawl.WithInput("go on"))
			return err
		}
		var inputs []string
		require.NoError(t, s.Manual("next", harness.Job(func(ctx context.Context) error {
			input, err := pawl.InputOf[string](ctx)
			inputs = append(inputs, input)
			return err
		}), pawl.WithOverlap(pawl.OverlapAllow(1, 10))))
		require.NoError(t, s.Manual("work", commits(func(ctx context.Context, tx *sql.Tx, run pawl.RunInfo) error {
			return errors.Join(harness.Effect(ctx, tx, run.Number), next(ctx, tx), next(context.Background(), tx), next(ctx, struct{ *sql.Tx }{tx}))
		})))
		require.NoError(t, s.Manual("fails", commits(func(ctx context.Context, tx *sql.Tx, _ pawl.RunInfo) error {
			return errors.Join(next(ctx, tx), errors.New("no luck"))
		})))
		require.NoError(t, s.Manual("meddles", commits(func(ctx context.Context, tx *sql.Tx, _ pawl.RunInfo) error {
			_ = next(ctx, tx)
			_, err := tx.ExecContext(ctx, "INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'next')")
			return err
		})))
		r = harness.Start(t, s)
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "work").Status)
		assert.Contains(t, harness.Finish(t, r, "fails").Error, "no luck")
		assert.Contains(t, harness.Finish(t, r, "meddles").Error, "pawl_commands is not to be written")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"go on", "go on", "go on"}, inputs)
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, effects))
		harness.Stop(t, r, db)
	})
}

// Every call of the Runner with the function's context is ErrInCommit, at once, and
// the run completes all the same, but for TriggerTx on the function's transaction. time X4, found Q14.
func TestRunnerRefusesCallsFromWithinACommit(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		s := harness.Quiet(db, pawl.WithSharedFile())
		var r *pawl.Runner
		elsewhere, err := sql.Open("sqlite", db+"?_busy_timeout=5000")
		require.NoError(t, err)
		defer elsewhere.Close()
		calls := map[string]func(ctx context.Context, tx *sql.Tx) error{
			"Trigger": func(ctx context.Context, _ *sql.Tx) error { _, err := r.Trigger(ctx, "other"); return err },
			"TriggerMany": func(ctx context.Context, _ *sql.Tx) error {
				_, err := r.TriggerMany(ctx, "other", []any{1})
				return err
			},
			"TriggerTx of another transaction": func(ctx context.Context, _ *sql.Tx) error {
				tx, err := elsewhere.BeginTx(ctx, nil)
				require.NoError(t, err)
				_, err = r.TriggerTx(ctx, tx, "other")
				return errors.Join(err, tx.Rollback())
			},
			"WaitRun":    func(ctx context.Context, _ *sql.Tx) error { _, err := r.WaitRun(ctx, "work", 1); return err },
			"Runs":       func(ctx context.Context, _ *sql.Tx) error { _, err := r.Runs(ctx, pawl.RunsQuery{}); return err },
			"Reset":      func(ctx context.Context, _ *sql.Tx) error { return r.Reset(ctx, "other") },
			"Cancel":     func(ctx context.Context, _ *sql.Tx) error { return r.Cancel(ctx, "work", 1) },
			"Pause":      func(ctx context.Context, _ *sql.Tx) error { return r.Pause(ctx, "other", "") },
			"Resume":     func(ctx context.Context, _ *sql.Tx) error { return r.Resume(ctx, "other") },
			"ResumeFrom": func(ctx context.Context, _ *sql.Tx) error { return r.ResumeFrom(ctx, "other", time.Now()) },
			"Probe":      func(ctx context.Context, _ *sql.Tx) error { _, err := r.Probe(ctx, "other"); return err },
			"Backfill": func(ctx context.Context, _ *sql.Tx) error {
				_, err := r.Backfill(ctx, "other", pawl.Backfill{})
				return err
			},
			"CancelBackfill": func(ctx context.Context, _ *sql.Tx) error { return r.CancelBackfill(ctx, "other") },
			"Update": func(ctx context.Context, _ *sql.Tx) error {
				return r.Update(ctx, func(*pawl.Scheduler) error { return nil })
			},
			"Forget": func(ctx context.Context, _ *sql.Tx) error { return r.Forget(ctx, "other") },
			"Claim":  func(ctx context.Context, _ *sql.Tx) error { return r.Claim(ctx) },
			"Stop":   func(ctx context.Context, _ *sql.Tx) error { return r.Stop(ctx) },
			"Why":    func(ctx context.Context, _ *sql.Tx) error { return harness.Second(r.Why(ctx, "other", time.Now())) },
			"Transitions": func(ctx context.Context, _ *sql.Tx) (err error) {
				for _, err = range r.Transitions(ctx, 0) {
					break
				}
				return err
			},
			"Attempts":          func(ctx context.Context, _ *sql.Tx) error { return harness.Second(r.Attempts(ctx, "work", 1)) },
			"Checkpoints":       func(ctx context.Context, _ *sql.Tx) error { return harness.Second(r.Checkpoints(ctx, "work", 1)) },
			"CancelWithoutUndo": func(ctx context.Context, _ *sql.Tx) error { return r.CancelWithoutUndo(ctx, "work", 1) },
			"AcceptClock":       func(ctx context.Context, _ *sql.Tx) error { return r.AcceptClock(ctx) },
			"View": func(ctx context.Context, _ *sql.Tx) error {
				return harness.Second(r.View().Runs(ctx, pawl.RunsQuery{}))
			},
		}
		took := time.Duration(-1)
		require.NoError(t, s.Manual("other", harness.Job(harness.OK)))
		require.NoError(t, s.Manual("work", commits(func(ctx context.Context, tx *sql.Tx, run pawl.RunInfo) error {
			began := time.Now()
			for name, call := range calls {
				assert.ErrorIs(t, call(ctx, tx), pawl.ErrInCommit, name)
			}
			took = time.Since(began)
			return harness.Effect(ctx, tx, run.Number)
		})))
		r = harness.Start(t, s)
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "work").Status)
		assert.Zero(t, took)
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, effects))
		harness.Stop(t, r, db)
	})
}

// A function that fails is a failed attempt: with WithRetry the run is tried again, and
// its output is that of the attempt that succeeded. time X4, time Q2, time Q4.
func TestFailedCommitIsRetried(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		s := harness.Quiet(db, pawl.WithSharedFile())
		require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			if err := pawl.SetOutput(ctx, run.Attempt); err != nil {
				return err
			}
			return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
				if err := harness.Effect(ctx, tx, run.Number); err != nil || run.Attempt == 3 {
					return err
				}
				return errors.New("no luck")
			})
		}), pawl.WithRetry(2, pawl.BackoffPolicy{Initial: time.Minute, Jitter: pawl.NoJitter}), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
		info := harness.Finish(t, r, "work")
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, 3, info.Attempt)
		assert.Equal(t, pawl.JSON("3"), info.Output)
		assert.Equal(t, 3*time.Minute, info.FinishedAt.Sub(info.ScheduledAt))
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, effects))
		harness.Stop(t, r, db)
	})
}

// A run that was to be cancelled or had timed out when its function failed is not
// tried again, and an effect that was committed in time stays. time X2, time X4.
func TestCancelledRunWhoseCommitFailsIsCancelled(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		s := harness.Quiet(db, pawl.WithSharedFile())
		require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
			var fails bool
			if fails, _ = pawl.InputOf[bool](ctx); fails {
				_ = pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return errors.New("no luck") })
			} else {
				_ = pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return harness.Effect(ctx, tx, 2) })
			}
			<-ctx.Done()
			return nil
		}), pawl.WithRetry(3, pawl.DefaultBackoff()), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
		for n, want := range []pawl.RunStatus{pawl.RunCancelled, pawl.RunCompleted} {
			run, err := r.Trigger(t.Context(), "work", pawl.WithInput(n == 0))
			require.NoError(t, err)
			require.NoError(t, r.Cancel(t.Context(), "work", run))
			info, err := r.WaitRun(t.Context(), "work", run)
			require.NoError(t, err)
			assert.Equal(t, want, info.Status)
		}
		assert.Zero(t, harness.Status(t, r, "work").FailureStreak)
		assert.Equal(t, []int64{2}, harness.Numbers(t, db, effects))
		harness.Stop(t, r, db)
	})
}

// A job that returns after its run was closed without it has no effect. time X1, time X4.
func TestLateReturnHasNoEffect(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		s := harness.Quiet(db, pawl.WithSharedFile())
		slow := func(nap time.Duration) pawl.Job {
			return harness.Job(func(ctx context.Context) error {
				time.Sleep(nap)
				run, _ := pawl.RunFrom(ctx)
				return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error { return harness.Effect(ctx, tx, run.Number) })
			})
		}
		require.NoError(t, s.Manual("late", slow(time.Hour), pawl.WithTimeout(time.Minute)))
		require.NoError(t, s.Manual("in time", slow(65*time.Second), pawl.WithTimeout(time.Minute)))
		r := harness.Start(t, s)
		assert.Equal(t, pawl.RunTimedOut, harness.Finish(t, r, "late").Status)
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "in time").Status, "within its grace")
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, effects))
		assert.Equal(t, []int64{1}, harness.Numbers(t, db, "SELECT count(*) FROM pawl_leaks WHERE returned_at IS NOT NULL AND error IS NULL"))
		harness.Stop(t, r, db)
	})
}
