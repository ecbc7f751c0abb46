package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/pawltest"
)

// logged reads every transition that a file has.
func logged(t *testing.T, db string) (list []pawl.Transition) {
	t.Helper()
	c := harness.OpenClient(t, db)
	info, err := c.List(t.Context())
	require.NoError(t, err)
	var all int64
	for _, f := range info {
		all += f.Version
	}
	for transition, err := range c.Transitions(t.Context(), 0) {
		require.NoError(t, err)
		if list = append(list, transition); int64(len(list)) == all {
			break
		}
	}
	require.NoError(t, c.Close())
	return list
}

// time V1: what the observer is told is the log, row by row, the first commit of the start
// and the last of the stop included.
func TestObserverIsToldEveryTransitionInOrder(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var told []pawl.Transition
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithObserver(func(t pawl.Transition) { told = append(told, t) }, 0))
			require.NoError(t, s.Every("a", time.Minute, harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(2))))
			require.NoError(t, s.Cron("b", "*/20 * * * * *", harness.Job(harness.OK)))
			require.NoError(t, s.Manual("c", harness.Job(harness.UntilCancelled), pawl.WithOverlap(pawl.OverlapBuffer(2))))
			return s
		}
		r := harness.Start(t, build())
		for range 2 {
			_, err := r.Trigger(t.Context(), "c")
			require.NoError(t, err)
		}
		time.Sleep(5 * time.Minute)
		require.NoError(t, r.Reset(t.Context(), "a", "mended"))
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		r = harness.Start(t, build())
		_ = r.Stop(context.Background()) // the run that waited may be in flight
		assert.Equal(t, logged(t, db), told)
		assert.Greater(t, len(told), 30)
	})
}

// time V1: 'never' is never, and 'no longer than' no longer, once per spell; what is dropped
// is counted and logged.
func TestSlowObserverHoldsNobodyUpForLongerThanItMay(t *testing.T) {
	for _, maxWait := range []time.Duration{0, 3 * time.Second} {
		t.Run(maxWait.String(), func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				const flows = 10_020 // adopted by the first commit; one is with the observer, 10,000 wait
				var log bytes.Buffer
				var told []int64
				gate := make(chan struct{})
				s := harness.Quiet(db, pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), pawl.WithObserver(func(t pawl.Transition) {
					<-gate
					told = append(told, t.Seq)
				}, maxWait))
				for i := range flows {
					require.NoError(t, s.Manual(fmt.Sprint(i), harness.Job(harness.OK)))
				}
				began := time.Now()
				r := harness.Start(t, s)
				assert.Equal(t, maxWait, time.Since(began))
				synctest.Wait()
				dropped := r.Dropped()
				assert.Contains(t, []int64{19, 20}, dropped, "the observer has one, or had not come to it")
				for range 10 {
					_, err := r.Trigger(t.Context(), "1")
					require.NoError(t, err)
					synctest.Wait()
				}
				assert.Equal(t, maxWait, time.Since(began), "an observer that is behind is not waited for again")
				assert.InDelta(t, dropped+20, r.Dropped(), 1)
				close(gate)
				synctest.Wait()
				_, err := r.Trigger(t.Context(), "1")
				require.NoError(t, err)
				dropped = r.Dropped()
				harness.Stop(t, r, db)
				assert.Equal(t, flows+22-dropped, int64(len(told)))
				assert.IsIncreasing(t, told)
				assert.Equal(t, int64(flows+22), told[len(told)-1], "it has caught up")
				assert.Equal(t, 1, strings.Count(log.String(), "transitions are dropped"))
			})
		})
	}
}

// time V1: room that comes in time is waited for, and nothing is dropped.
func TestPatientSchedulerDropsNothing(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		told := 0
		s := harness.Quiet(db, pawl.WithObserver(func(pawl.Transition) { time.Sleep(time.Millisecond); told++ }, time.Second))
		for i := range 10_500 {
			require.NoError(t, s.Manual(fmt.Sprint(i), harness.Job(harness.OK)))
		}
		r := harness.Start(t, s)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 10_500, told)
		assert.Zero(t, r.Dropped())
		harness.Stop(t, r, db)
	})
}

// time V1
func TestBrokenObserverKillsNothing(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log bytes.Buffer
		calls, others := 0, 0
		s := harness.Quiet(db, pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			pawl.WithObserver(func(pawl.Transition) {
				if calls++; calls == 1 {
					panic("ouch")
				}
				runtime.Goexit()
			}, 0),
			pawl.WithObserver(func(pawl.Transition) { others++ }, 0))
		require.NoError(t, s.Every("a", time.Minute, harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(10*time.Minute + time.Second)
		harness.Stop(t, r, db)
		assert.Equal(t, 23, calls)
		assert.Equal(t, 23, others)
		assert.Equal(t, 1, strings.Count(log.String(), "panic=ouch"))
	})
}

// time V1: Stop waits for observers, within bounds.
func TestStopTellsObserversTheRest(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		told := 0
		s := harness.Quiet(db, pawl.WithObserver(func(pawl.Transition) { time.Sleep(time.Second); told++ }, 0))
		for i := range 8 {
			require.NoError(t, s.Manual(fmt.Sprint(i), harness.Job(harness.OK)))
		}
		harness.Stop(t, harness.Start(t, s), db)
		assert.Equal(t, 8, told)
	})
	harness.Bubble(t, func(t *testing.T, db string) {
		gate := make(chan struct{})
		s := harness.Quiet(db, pawl.WithObserver(func(pawl.Transition) { <-gate }, 0))
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		require.NoError(t, s.Manual("b", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		began := time.Now()
		require.ErrorContains(t, r.Stop(context.Background()), "observer: not done after 10s")
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Equal(t, int64(1), r.Dropped())
		close(gate)
	})
}

// time V1, scheduler B8: a start that fails leaves no observer behind, which the bubble would notice.
func TestFailedStartEndsItsObservers(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithObserver(func(pawl.Transition) {}, 0))
		s.AddResource(broken{})
		_, err := s.Start(t.Context())
		require.ErrorContains(t, err, "no such host")
	})
}

type broken struct{}

func (broken) Setup(context.Context) error    { return errors.New("no such host") }
func (broken) Teardown(context.Context) error { return nil }

// time V1: each trip once, as the flow was then, and a probe that fails.
func TestOnTripIsToldTheFlow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var trips []pawl.FlowInfo
		s := harness.Quiet(db, pawl.WithOnTrip(func(f pawl.FlowInfo) { trips = append(trips, f) }))
		require.NoError(t, s.Every("a", time.Minute, harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(2))))
		require.NoError(t, s.Every("b", time.Minute, harness.Job(harness.Failing)))
		r := harness.Start(t, s)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, trips, 1)
		assert.Equal(t, harness.Status(t, r, "a"), trips[0])
		assert.Equal(t, "boom", trips[0].LastError)
		_, err := r.Probe(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		assert.Len(t, trips, 2)
		harness.Stop(t, r, db)
	})
}

func TestObserverOptionsAreChecked(t *testing.T) {
	s := harness.Quiet("unused.db", pawl.WithObserver(nil, 0), pawl.WithOnTrip(nil), pawl.WithObserver(func(pawl.Transition) {}, -1), pawl.WithMiddleware(nil))
	_, err := s.Start(t.Context())
	for _, want := range []string{"WithObserver(nil)", "WithOnTrip(nil)", "WithObserver(-1ns)", "WithMiddleware(nil)"} {
		assert.ErrorContains(t, err, want)
	}
}

// slow is a store whose commits take a while.
type slow struct {
	engine.Store
	wait time.Duration
}

func (s slow) Commit(ctx context.Context, b engine.Batch) error {
	time.Sleep(s.wait)
	return s.Store.Commit(ctx, b)
}

// time V1, Observability: steps are the transitions that others are told, with the runs as
// each left them, and how large its commit was and how long it took.
func TestStepsTellOfRunsAndCommits(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var steps []pawl.Step
		var transitions []pawl.Transition
		s := harness.Quiet(db, pawl.WithStore(func(s engine.Store) engine.Store { return slow{s, 7 * time.Millisecond} }),
			pawl.WithStepObserver(func(s pawl.Step) { steps = append(steps, s) }, 0),
			pawl.WithObserver(func(t pawl.Transition) { transitions = append(transitions, t) }, 0))
		tries := 0
		require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error {
			if tries++; tries == 1 {
				return errors.New("not yet")
			}
			return pawl.SetOutput(ctx, "large")
		}), pawl.WithRetry(1, pawl.DefaultBackoff())))
		require.NoError(t, s.Manual("b", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		number, err := r.Trigger(t.Context(), "a", pawl.WithInput("large"))
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "a", number)
		require.NoError(t, err)
		harness.Stop(t, r, db)

		require.Len(t, steps, 6, "two adopts, two starts and two ends of an attempt")
		for i, s := range steps {
			assert.Equal(t, transitions[i], s.Transition)
			assert.Equal(t, 7*time.Millisecond, s.Commit.Took)
			assert.Equal(t, i < 2, s.Commit.Start)
		}
		assert.Equal(t, []int{2, 2, 1}, []int{steps[0].Commit.Size, steps[1].Commit.Size, steps[2].Commit.Size})
		assert.Equal(t, []int{0, 1, 0}, []int{steps[0].Commit.Place, steps[1].Commit.Place, steps[2].Commit.Place})

		var began []int64
		var stages []pawl.RunStatus
		for _, s := range steps[2:] {
			require.Len(t, s.Runs, 1)
			assert.Empty(t, s.Runs[0].Input)
			assert.Empty(t, s.Runs[0].Output)
			began, stages = append(began, s.Began), append(stages, s.Runs[0].Status)
		}
		assert.Equal(t, []int64{1, 0, 0, 0}, began, "a further attempt is no new run")
		assert.Equal(t, []pawl.RunStatus{pawl.RunRunning, pawl.RunWaiting, pawl.RunRunning, pawl.RunCompleted}, stages)
	})
}

// time V1, Observability: what the start makes of the runs of a process that died is
// recovered; what a stop cut short is not.
func TestRecoveredRunsAreThoseOfAProcessThatDied(t *testing.T) {
	var recovered atomic.Int64
	watched := func(db string, work func(context.Context) error) *pawl.Scheduler {
		s := harness.Quiet(db, pawl.WithStepObserver(func(s pawl.Step) {
			if s.Recovered() {
				recovered.Add(1)
			}
		}, 0))
		require.NoError(t, s.Manual("a", harness.Job(work)))
		return s
	}
	harness.Bubble(t, func(t *testing.T, _ string) {
		pawltest.CrashEverywhere(t, func(db string) *pawl.Scheduler { return watched(db, harness.OK) }, func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "a")
			if err == nil {
				_, err = r.WaitRun(ctx, "a", run)
			}
			return err
		}, func(testing.TB, string) {})
		assert.Equal(t, int64(2), recovered.Load(), "killed after the reserve, and before the outcome")
	})
	harness.Bubble(t, func(t *testing.T, db string) {
		r := harness.Start(t, watched(db, harness.UntilCancelled))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		assert.Equal(t, int64(2), recovered.Load())
	})
}

// time V1: a commit costs no reading of the clock while nobody asks.
func TestCommitsAreTimedOnlyForWhoAsks(t *testing.T) {
	var store engine.Store = slow{}
	assert.Equal(t, store, pawl.Timed(harness.Quiet("unused.db", pawl.WithObserver(func(pawl.Transition) {}, 0)), store))
	assert.NotEqual(t, store, pawl.Timed(harness.Quiet("unused.db", pawl.WithStepObserver(func(pawl.Step) {}, 0)), store))
}

func TestStepObserverIsChecked(t *testing.T) {
	s := harness.Quiet("unused.db", pawl.WithStepObserver(nil, 0), pawl.WithStepObserver(func(pawl.Step) {}, -1))
	_, err := s.Start(t.Context())
	assert.ErrorContains(t, err, "WithStepObserver(nil)")
	assert.ErrorContains(t, err, "WithStepObserver(-1ns)")
}

// noting is a middleware that notes when it is entered and left.
func noting(name string, log *[]string) func(pawl.Job) pawl.Job {
	return func(next pawl.Job) pawl.Job {
		return harness.Job(func(ctx context.Context) error {
			*log = append(*log, "enter "+name)
			defer func() { *log = append(*log, "leave "+name) }()
			return next.Run(ctx)
		})
	}
}

// time V2: outermost first, the scheduler's around the flow's, for every flow, also one of
// an update.
func TestMiddlewareIsEnteredInOrder(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log []string
		s := harness.Quiet(db, pawl.WithMiddleware(noting("1", &log)), pawl.WithMiddleware(noting("2", &log)))
		work := harness.Job(func(context.Context) error { log = append(log, "work"); return nil })
		require.NoError(t, s.Manual("a", work, pawl.WithFlowMiddleware(noting("3", &log)), pawl.WithFlowMiddleware(noting("4", &log))))
		r := harness.Start(t, s)
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []string{"enter 1", "enter 2", "enter 3", "enter 4", "work", "leave 4", "leave 3", "leave 2", "leave 1"}, log)
		log = nil
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("b", work) }))
		_, err = r.Trigger(t.Context(), "b")
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []string{"enter 1", "enter 2", "work", "leave 2", "leave 1"}, log)
		harness.Stop(t, r, db)
	})
}

// time V2: what it returns counts, what it adds to the context arrives, and a panic is the
// run's.
func TestMiddlewareMayChangeContextAndOutcome(t *testing.T) {
	type key struct{}
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithMiddleware(func(next pawl.Job) pawl.Job {
			return harness.Job(func(ctx context.Context) error {
				if err := next.Run(context.WithValue(ctx, key{}, "token")); err != nil {
					return pawl.Skipped(err.Error())
				}
				panic("too good to be true")
			})
		}))
		require.NoError(t, s.Manual("fails", harness.Job(func(ctx context.Context) error { return errors.New(ctx.Value(key{}).(string)) })))
		require.NoError(t, s.Manual("succeeds", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		for id, want := range map[string]pawl.RunStatus{"fails": pawl.RunSkipped, "succeeds": pawl.RunFailed} {
			run, err := r.Trigger(t.Context(), id)
			require.NoError(t, err)
			info, err := r.WaitRun(t.Context(), id, run)
			require.NoError(t, err)
			assert.Equal(t, want, info.Status, id)
			assert.Contains(t, info.Error, map[string]string{"fails": "token", "succeeds": "panic: too good to be true"}[id])
		}
		harness.Stop(t, r, db)
	})
}

// time V2, scheduler B3: the job keeps what else it is.
func TestMiddlewareHidesNeitherResourceNorValidator(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log, steps []string
		s := harness.Quiet(db, pawl.WithMiddleware(noting("m", &log)))
		require.NoError(t, s.Manual("a", pooled{&steps}))
		harness.Stop(t, harness.Start(t, s), db)
		assert.Equal(t, []string{"validate", "setup", "teardown"}, steps)
	})
}

type pooled struct{ steps *[]string }

func (p pooled) note(step string) error         { *p.steps = append(*p.steps, step); return nil }
func (p pooled) Run(context.Context) error      { return p.note("run") }
func (p pooled) Validate() error                { return p.note("validate") }
func (p pooled) Setup(context.Context) error    { return p.note("setup") }
func (p pooled) Teardown(context.Context) error { return p.note("teardown") }

// time V2, scheduler B5
func TestMiddlewareThatMakesNothingIsRefused(t *testing.T) {
	none := func(pawl.Job) pawl.Job { return nil }
	s := harness.Quiet("unused.db", pawl.WithMiddleware(none))
	require.ErrorIs(t, s.Manual("a", harness.Job(harness.OK)), pawl.ErrInvalidFlow)
	s = harness.Quiet("unused.db")
	require.ErrorIs(t, s.Manual("a", harness.Job(harness.OK), pawl.WithFlowMiddleware(none)), pawl.ErrInvalidFlow)
	require.ErrorIs(t, s.Manual("a", harness.Job(harness.OK), pawl.WithFlowMiddleware(nil)), pawl.ErrInvalidFlow)
	assert.Zero(t, s.Len())
}

// time V2: it tells each attempt apart.
func TestLoggerOfAJobNamesItsRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log bytes.Buffer
		plain := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		s := harness.Quiet(db, pawl.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: plain}))))
		work := func(ctx context.Context) error { pawl.Logger(ctx).Warn("hello"); return errors.New("boom") }
		require.NoError(t, s.Manual("a", harness.Job(work), pawl.WithRetry(1, pawl.BackoffPolicy{Initial: time.Second, Jitter: pawl.NoJitter})))
		r := harness.Start(t, s)
		for range 2 {
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
		}
		harness.Stop(t, r, db)
		assert.Equal(t, "level=WARN msg=hello flow=a run=1 attempt=1\nlevel=WARN msg=hello flow=a run=1 attempt=2\n"+
			"level=WARN msg=hello flow=a run=2 attempt=1\nlevel=WARN msg=hello flow=a run=2 attempt=2\n", log.String())
		assert.Same(t, slog.Default(), pawl.Logger(t.Context()))
	})
}

// Observability: an embedding program does not link what it does not use, nor the SDK of
// OpenTelemetry, which is its own to choose.
func TestProgramsLinkNoMetricsThatTheyDoNotUse(t *testing.T) {
	for pkg, banned := range map[string][]string{
		".":          {"prometheus", "opentelemetry", "protobuf"},
		"./web":      {"prometheus", "opentelemetry", "protobuf"},
		"./cmd/pawl": {"opentelemetry"},
		"./pawlprom": {"opentelemetry"},
		"./pawlotel": {"prometheus", "opentelemetry.io/otel/sdk", "protobuf"},
	} {
		deps := strings.Fields(run(t, "", "go", "list", "-deps", pkg))
		assert.Greater(t, len(deps), 30)
		for _, dep := range deps {
			for _, name := range banned {
				assert.NotContains(t, dep, name, pkg)
			}
		}
	}
}
