package pawl_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/store"
)

// lasting is a job whose runs go on in the next process: it is told what the run has
// done so far.
type lasting func(ctx context.Context, done []pawl.Checkpoint) error

func (l lasting) Resumes() bool { return true }

func (l lasting) Run(ctx context.Context) error {
	done, err := engine.Recorded(context.WithoutCancel(ctx)) // also to end what a cancel ends
	if err != nil {
		return err
	}
	return l(ctx, done)
}

// reach records that a run came to states, after what it has done.
func reach(ctx context.Context, done []pawl.Checkpoint, states ...string) error {
	var steps []pawl.Checkpoint
	for i, state := range states {
		steps = append(steps, pawl.Checkpoint{Seq: int64(len(done) + i + 1), State: state, Kind: "enter", Payload: `{"n":1}`})
	}
	return engine.Record(ctx, steps, nil)
}

// A run whose process dies goes on as the same run: neither its streak nor its attempts
// count that, and its checkpoints are there. workflow F7.
func TestRunGoesOnFromItsCheckpoints(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("order", lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				if len(done) == 0 {
					if err := reach(ctx, done, "paid", "packed"); err != nil {
						return err
					}
					<-ctx.Done()
					return ctx.Err()
				}
				return reach(ctx, done, "sent")
			}), pawl.WithBackoff(pawl.TripAfter(2))))
		}
		p := harness.Launch(t, db, register)
		began := time.Now().UTC()
		run, err := p.Trigger(t.Context(), "order")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		p.Kill()

		p = harness.Launch(t, db, register)
		info, err := p.WaitRun(t.Context(), "order", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, 1, info.Attempt)
		assert.Equal(t, began, info.StartedAt, "it is the same run")
		flow := harness.Status(t, p.Runner, "order")
		assert.Equal(t, int64(1), flow.RunCount)
		assert.Zero(t, flow.FailureStreak)
		list, err := p.Checkpoints(t.Context(), "order", run)
		require.NoError(t, err)
		assert.Equal(t, []string{"enter paid", "enter packed", "interrupt packed", "enter sent"}, harness.StatesOf(list))
		assert.JSONEq(t, `{"n":1}`, string(list[0].Payload))
		assert.Equal(t, time.Now().UTC(), list[3].At)
		var events []string
		for x, err := range p.Transitions(t.Context(), 0) {
			require.NoError(t, err)
			if events = append(events, x.Event); x.Event == "outcome" {
				break // the next has not come yet
			}
		}
		assert.Equal(t, []string{"adopt", "reserve", "checkpoint", "interrupt", "reserve", "checkpoint", "outcome"}, events)
		_, err = p.Checkpoints(t.Context(), "order", 2)
		assert.ErrorIs(t, err, pawl.ErrRunNotFound)
		harness.Stop(t, p.Runner, db)

		c := harness.OpenClient(t, db)
		same, err := c.Checkpoints(t.Context(), "order", run)
		require.NoError(t, err)
		assert.Equal(t, list, same)
		require.NoError(t, c.Close())
	})
}

// A stop does not wait for a run that waits itself and can go on later, nor does it
// count as anything: the next process starts it again. workflow F7, workflow F10.
func TestStopSuspendsRunsThatWait(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Every("approval", time.Minute, lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				if len(done) == 0 {
					if err := reach(ctx, done, "asked"); err != nil {
						return err
					}
				}
				select {
				case <-engine.Suspending(ctx):
					return engine.Suspended()
				case <-time.After(time.Until(done[0].At.Add(time.Hour))):
					return nil
				}
			})))
		}
		began := time.Now()
		r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) {
			require.NoError(t, s.Every("approval", time.Minute, lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				if err := reach(ctx, done, "asked"); err != nil {
					return err
				}
				<-engine.Suspending(ctx)
				return engine.Suspended()
			})))
		}))
		time.Sleep(time.Minute)
		before := time.Now()
		harness.Stop(t, r, db)
		assert.Equal(t, before, time.Now(), "it did not wait")
		c := harness.OpenClient(t, db)
		info, _, err := c.Status(t.Context(), "approval")
		require.NoError(t, err)
		assert.Equal(t, 1, info.Waiting)
		assert.Zero(t, info.InFlight)
		require.NoError(t, c.Close())

		time.Sleep(10 * time.Minute)
		r = harness.Start(t, harness.SchedulerWith(db, register))
		run, err := r.WaitRun(t.Context(), "approval", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, run.Status)
		assert.Equal(t, began.Add(time.Hour).UTC(), run.FinishedAt)
		assert.Equal(t, int64(1), harness.Status(t, r, "approval").RunCount)
		harness.Stop(t, r, db)
	})
}

// A job that does not heed that is cut off by the end of the stop window, and goes on
// all the same.
func TestStopWindowSuspendsRunsAtWork(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		times := 0
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("order", lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				if times++; times == 1 {
					return harness.UntilCancelled(ctx)
				}
				return nil
			})))
		}
		r := harness.Start(t, harness.SchedulerWith(db, register))
		run, err := r.Trigger(t.Context(), "order")
		require.NoError(t, err)
		assert.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
		r = harness.Start(t, harness.SchedulerWith(db, register))
		info, err := r.WaitRun(t.Context(), "order", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, 1, info.Attempt)
		harness.Stop(t, r, db)
	})
}

// A run that may be what kills the process waits longer each time, and is given up when
// it gets no further: once more it is started, with a context that has ended, so that it
// can undo what it did. workflow F7, workflow F11.
func TestRunThatGetsNoFurtherIsGivenUp(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var starts, lives []time.Time
		var ended error
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("poison", lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				starts = append(starts, time.Now())
				if len(done) == 1 { // it gets further once
					if err := reach(ctx, done, "on"); err != nil {
						return err
					}
				}
				ended = harness.UntilCancelled(ctx)
				return ended
			}), pawl.WithBackoff(pawl.TripAfter(9))))
		}
		p := harness.Launch(t, db, register)
		_, err := p.Trigger(t.Context(), "poison")
		require.NoError(t, err)
		for range 7 {
			time.Sleep(time.Minute)
			synctest.Wait()
			p.Kill()
			lives = append(lives, time.Now())
			p = harness.Launch(t, db, register)
		}
		info, err := p.WaitRun(t.Context(), "poison", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunInterrupted, info.Status)
		assert.Contains(t, info.Error, "too often at the same point")
		assert.ErrorContains(t, ended, "died too often")
		assert.Equal(t, 1, harness.Status(t, p.Runner, "poison").FailureStreak)
		require.Len(t, starts, 8)
		for i, wait := range []float64{0, 0, 1, 2, 4, 8, 16} { // in seconds, after each death
			assert.InDelta(t, wait, starts[i+1].Sub(lives[i]).Seconds(), wait/10, "start %d", i+2)
		}
		harness.Stop(t, p.Runner, db)
	})
}

// What a run does that was closed without it is not kept: its job learns that.
func TestCheckpointsOfARunThatIsOverAreRefused(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		late := make(chan error, 1)
		r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("deaf", lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				time.Sleep(time.Hour)
				late <- reach(context.WithoutCancel(ctx), done, "late")
				return nil
			}), pawl.WithTimeout(time.Minute)))
		}))
		run, err := r.Trigger(t.Context(), "deaf")
		require.NoError(t, err)
		assert.ErrorIs(t, <-late, pawl.ErrRunOver)
		list, err := r.Checkpoints(t.Context(), "deaf", run)
		require.NoError(t, err)
		assert.Empty(t, list)
		harness.Stop(t, r, db)
	})
}

// What makes no checkpoint is refused and says why; a job that is none of a scheduler
// is told so.
func TestCheckpointsThatMakeNoSenseAreRefused(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var errs []error
		r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("order", lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				for _, c := range []pawl.Checkpoint{
					{Seq: 1, State: string(make([]byte, 300))}, {Seq: 1, State: "\xff"},
					{Seq: 1, Payload: pawl.Checkpoint{}.Payload + core.JSON(make([]byte, 1<<20+1))}, {Seq: 100_001}, {},
				} {
					errs = append(errs, engine.Record(ctx, []pawl.Checkpoint{c}, nil))
				}
				return engine.Record(ctx, nil, nil)
			})))
		}))
		run, err := r.Trigger(t.Context(), "order")
		require.NoError(t, err)
		info, err := r.WaitRun(t.Context(), "order", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		require.Len(t, errs, 5)
		assert.ErrorContains(t, errs[0], "at most 255 bytes")
		assert.ErrorContains(t, errs[1], "UTF-8")
		for _, err := range errs[2:] {
			assert.ErrorIs(t, err, pawl.ErrTooLarge)
		}
		harness.Stop(t, r, db)
	})
	assert.ErrorContains(t, engine.Record(t.Context(), []pawl.Checkpoint{{Seq: 1}}, nil), "not that of a job")
}

// While the store takes no writes, a run waits for it with what it has done.
func TestCheckpointWaitsForTheStore(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		full := &harness.Disk{}
		gate := make(chan struct{})
		r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("order", lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				<-gate
				return reach(ctx, done, "paid")
			})))
		}, harness.WithStore(full.Wrap)))
		run, err := r.Trigger(t.Context(), "order")
		require.NoError(t, err)
		full.Fail(errors.New("disk full"))
		close(gate)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Error(t, r.Degraded())
		full.Fail(nil)
		info, err := r.WaitRun(t.Context(), "order", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		list, err := r.Checkpoints(t.Context(), "order", run)
		require.NoError(t, err)
		assert.Equal(t, []string{"enter paid"}, harness.StatesOf(list))
		harness.Stop(t, r, db)
	})
}

// A database of the version before workflows came opens, is migrated and carries on.
func TestDatabaseBeforeWorkflowsCarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_workflow.sqlite")
	require.NoError(t, err)
	harness.Bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		time.Sleep(time.Until(time.Date(2026, 11, 27, 20, 41, 0, 0, time.UTC)))
		inputs := map[int]bool{}
		r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) {
			require.NoError(t, errors.Join(
				s.Every("ticks", time.Hour, harness.Job(harness.OK)),
				s.Manual("broken", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(3))),
				s.Cron("nightly", "0 30 2 * * *", harness.Job(harness.OK), pawl.WithLocation("Europe/Berlin")),
				s.Manual("queue", harness.Job(func(ctx context.Context) error {
					n, err := pawl.InputOf[int](ctx)
					inputs[n] = true
					return err
				}), pawl.WithOverlap(pawl.OverlapBuffer(100)), pawl.WithRetry(2, pawl.DefaultBackoff())),
				s.Manual("hang", lasting(func(ctx context.Context, done []pawl.Checkpoint) error { return reach(ctx, done, "anew") })),
			))
		}))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, inputs, 6, "what waited, and what was interrupted")
		info, err := r.WaitRun(t.Context(), "hang", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, r, "broken").Status)
		assert.Equal(t, "a holiday", harness.Status(t, r, "nightly").PauseNote)
		harness.Stop(t, r, db)
	})
}

// Checkpoints go with the runs that they are of, pruned or forgotten, and Verify finds
// any that are of none.
func TestCheckpointsGoWithTheirRuns(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("order", lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				return reach(ctx, done, "paid", "sent")
			}), pawl.WithRetention(2, 0)))
		}
		r := harness.Start(t, harness.SchedulerWith(db, register))
		for range 200 {
			run, err := r.Trigger(t.Context(), "order")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "order", run)
			require.NoError(t, err)
		}
		time.Sleep(time.Hour)
		harness.Stop(t, r, db)
		kept := harness.Query[int64](t, db, `SELECT count(*) FROM pawl_runs`)
		assert.Less(t, kept, int64(150))
		assert.Equal(t, 2*kept, harness.Query[int64](t, db, `SELECT count(*) FROM pawl_checkpoints`))
		assert.Equal(t, 2*kept, harness.Query[int64](t, db, `SELECT count(*) FROM pawl_checkpoint_log`))
		harness.ExecSQL(t, db, `INSERT INTO pawl_checkpoint_log (run, seq, at, state, kind) VALUES (4711, 1, 1, 'paid', 'enter')`)
		reader, err := store.OpenReader(t.Context(), db)
		require.NoError(t, err)
		found, err := reader.Verify(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"1 checkpoints are of a run that is not there (key 4711)"}, found)
		harness.ExecSQL(t, db, `DELETE FROM pawl_checkpoint_log WHERE run = 4711 OR run = 200 AND seq = 1`)
		harness.ExecSQL(t, db, `UPDATE pawl_checkpoint_log SET payload = '{' WHERE run = 199`)
		found, err = reader.Verify(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{
			`flow "order": 2 checkpoints of run 199 have a payload that is no JSON`, `flow "order": run 200 has 1 checkpoints, the last is 2`,
		}, found)
		require.NoError(t, reader.Close())

		r = harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) { require.NoError(t, s.Manual("other", harness.Job(harness.OK))) }))
		require.NoError(t, r.Forget(t.Context(), "order"))
		harness.Stop(t, r, db)
		assert.Zero(t, harness.Query[int64](t, db, `SELECT count(*) FROM pawl_checkpoint_log`))
	})
}

// Of several runs of a flow that are interrupted together those that get no further are
// found, one after another, and given up; one that gets further never is. found Q3.
func TestRunThatGetsNoFurtherIsFoundAmongOthers(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("order", lasting(func(ctx context.Context, done []pawl.Checkpoint) error {
				run, _ := pawl.RunFrom(ctx)
				if run.Number == 1 || len(done) == 0 {
					if err := reach(ctx, done, "on"); err != nil || len(done) > 20 {
						return err
					}
				}
				return harness.UntilCancelled(ctx)
			}), pawl.WithOverlap(pawl.OverlapAllow(3, 0))))
		}
		p := harness.Launch(t, db, register)
		for range 3 {
			_, err := p.Trigger(t.Context(), "order")
			require.NoError(t, err)
		}
		over := func(run int64) bool { return harness.RunOf(t, p.Runner, "order", run).Status.Over() }
		for lives := 0; !over(1) || !over(2) || !over(3); lives++ {
			require.Less(t, lives, 60)
			time.Sleep(50 * time.Second) // a minute would clear each of them
			p.Kill()
			p = harness.Launch(t, db, register)
		}
		assert.Equal(t, pawl.RunInterrupted, harness.RunOf(t, p.Runner, "order", 2).Status)
		assert.Equal(t, pawl.RunInterrupted, harness.RunOf(t, p.Runner, "order", 3).Status)
		info, err := p.WaitRun(t.Context(), "order", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		harness.Stop(t, p.Runner, db)
	})
}
