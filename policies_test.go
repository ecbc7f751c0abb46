package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// sleeps is a job that takes a while, or until it is cancelled.
func sleeps(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func accepted(t *testing.T, r *pawl.Runner, id string, opts ...pawl.TriggerOption) int64 {
	t.Helper()
	run, err := r.Trigger(t.Context(), id, opts...)
	require.NoError(t, err)
	return run
}

func waitRun(t *testing.T, r *pawl.Runner, id string, run int64) pawl.RunInfo {
	t.Helper()
	info, err := r.WaitRun(t.Context(), id, run)
	require.NoError(t, err)
	return info
}

// told is the instants of a flow's runs, oldest first, as time since the bubble began.
func told(t *testing.T, r *pawl.Runner, id string) (at []time.Duration) {
	t.Helper()
	runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: id, Limit: 1000})
	require.NoError(t, err)
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, run := range runs {
		at = append([]time.Duration{run.ScheduledAt.Sub(began)}, at...)
	}
	return at
}

// time O1: the default is the seed's. A trigger is refused, an instant is skipped.
func TestOverlapSkipRefusesATriggerAndSkipsInstants(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("a", "* * * * *", job(sleeps(150*time.Second))))
		r := start(t, s)
		time.Sleep(time.Minute)
		synctest.Wait()
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
		time.Sleep(5*time.Minute + 45*time.Second)
		assert.Equal(t, minutes(1, 4), told(t, r, "a"))
		stop(t, r, db)
	})
}

// time O1: the first start waits, those after it are refused or skipped.
func TestOverlapBufferOneKeepsTheFirstStart(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		s := quiet(db)
		require.NoError(t, s.Cron("a", "* * * * *", d.job(sleeps(150*time.Second)), pawl.WithOverlap(pawl.OverlapBufferOne)))
		r := start(t, s)
		time.Sleep(2*time.Minute + time.Second)
		assert.Equal(t, 1, status(t, r, "a").Waiting)
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		time.Sleep(3*time.Minute + 58*time.Second)
		assert.Equal(t, minutes(1, 2, 4), told(t, r, "a"))
		assert.Equal(t, minutes(1, 3.5, 6)[:2], d.entries())
		stop(t, r, db)
	})
}

// time O1: starts wait in the order in which they were asked for, one runs after another,
// and what finds no room is told so. Waiting for a run includes the time it waits.
func TestOverlapBufferRunsStartsInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		var mu sync.Mutex
		var inputs []int
		require.NoError(t, s.Manual("a", job(func(ctx context.Context) error {
			n, err := pawl.InputOf[int](ctx)
			mu.Lock()
			inputs = append(inputs, n)
			mu.Unlock()
			time.Sleep(time.Minute)
			return err
		}), pawl.WithOverlap(pawl.OverlapBuffer(3))))
		r := start(t, s)
		for n := range 4 {
			assert.Equal(t, int64(n+1), accepted(t, r, "a", pawl.WithInput(n)))
		}
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		assert.ErrorContains(t, err, "3 starts of flow \"a\" wait")
		last := waitRun(t, r, "a", 4)
		assert.Equal(t, pawl.RunCompleted, last.Status)
		assert.Equal(t, minutes(3), []time.Duration{last.StartedAt.Sub(last.ScheduledAt)})
		stop(t, r, db)
		assert.Equal(t, []int{0, 1, 2, 3}, inputs)
	})
}

// time O3: who waits for one of more runs than are kept in memory gets its end too, and
// for one that is cancelled while it waits.
func TestWaitRunWaitsForRunsThatAreInTheDatabaseAlone(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("a", job(sleeps(time.Second)), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := start(t, s)
		first, err := r.TriggerMany(t.Context(), "a", make([]any, 500))
		require.NoError(t, err)
		var ends sync.WaitGroup
		ends.Go(func() { assert.Equal(t, pawl.RunCompleted, waitRun(t, r, "a", first+499).Status) })
		ends.Go(func() { assert.Equal(t, pawl.RunCancelled, waitRun(t, r, "a", first+400).Status) })
		time.Sleep(time.Minute)
		require.NoError(t, r.Cancel(t.Context(), "a", first+400))
		ends.Wait()
		assert.Equal(t, pawl.RunCompleted, waitRun(t, r, "a", first+3).Status, "long over")
		stop(t, r, db)
	})
}

// time O1: a start cancels the run in flight, starts when that has ended, and takes the
// place of one that waits.
func TestOverlapCancelEndsTheRunInFlight(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("a", job(func(ctx context.Context) error {
			err := sleeps(time.Hour)(ctx)
			if errors.Is(err, pawl.ErrCancelled) {
				time.Sleep(3 * time.Second) // to tidy up
			}
			return err
		}), pawl.WithOverlap(pawl.OverlapCancel), pawl.WithBackoff(pawl.TripAfter(1))))
		r := start(t, s)
		first := accepted(t, r, "a")
		second := accepted(t, r, "a")
		third := accepted(t, r, "a")
		assert.Equal(t, pawl.RunCancelled, waitRun(t, r, "a", second).Status, "it waited, and was replaced")
		assert.Equal(t, pawl.RunCancelled, waitRun(t, r, "a", first).Status)
		last := waitRun(t, r, "a", third)
		assert.Equal(t, pawl.RunCompleted, last.Status)
		assert.Equal(t, 3*time.Second, last.StartedAt.Sub(last.ScheduledAt))
		assert.Zero(t, status(t, r, "a").FailureStreak, "X3: a cancelled run is no failure")
		stop(t, r, db)
	})
}

// time O1: n run side by side, more wait, and more than that are refused.
func TestOverlapAllowRunsSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		s := quiet(db)
		require.NoError(t, s.Manual("a", d.job(sleeps(time.Minute)), pawl.WithOverlap(pawl.OverlapAllow(3, 2))))
		r := start(t, s)
		for range 5 {
			accepted(t, r, "a")
		}
		info := status(t, r, "a")
		assert.Equal(t, []int{3, 2}, []int{info.InFlight, info.Waiting})
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		waitRun(t, r, "a", 5)
		assert.Equal(t, minutes(0, 0, 0, 1, 1), d.entries())
		stop(t, r, db)
	})
}

// time O1: a single trigger may bring a policy of its own.
func TestATriggerMayHaveAnotherOverlapPolicy(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("a", job(sleeps(time.Minute))))
		r := start(t, s)
		first := accepted(t, r, "a")
		second := accepted(t, r, "a", pawl.WithOverlapOnce(pawl.OverlapBuffer(1)))
		third := accepted(t, r, "a", pawl.WithOverlapOnce(pawl.OverlapCancel))
		assert.Equal(t, pawl.RunCancelled, waitRun(t, r, "a", first).Status)
		assert.Equal(t, pawl.RunCancelled, waitRun(t, r, "a", second).Status)
		assert.Equal(t, pawl.RunCompleted, waitRun(t, r, "a", third).Status)
		_, err := r.Trigger(t.Context(), "a", pawl.WithOverlapOnce(pawl.OverlapAllow(-1, 0)))
		require.ErrorIs(t, err, pawl.ErrInvalidFlow)
		stop(t, r, db)
	})
}

// time O2
func TestContradictoryPoliciesAreRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		opts []pawl.FlowOption
		says string
	}{
		{"each its own run, skipped", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(5))}, "OverlapSkip"},
		{"each its own run, cancelled", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(5)), pawl.WithOverlap(pawl.OverlapCancel)}, "OverlapCancel"},
		{"all of none", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(0)), pawl.WithOverlap(pawl.OverlapBufferOne)}, "CatchUpAll(0)"},
		{"negative buffer", []pawl.FlowOption{pawl.WithOverlap(pawl.OverlapBuffer(-1))}, "-1"},
		{"negative slots", []pawl.FlowOption{pawl.WithOverlap(pawl.OverlapAllow(-1, 5))}, "OverlapAllow(-1"},
		{"too many slots", []pawl.FlowOption{pawl.WithOverlap(pawl.OverlapAllow(1_000_000, 0))}, "1000000"},
		{"no age", []pawl.FlowOption{pawl.WithCatchUpWithin(0)}, "WithCatchUpWithin"},
		{"unknown group", []pawl.FlowOption{pawl.WithGroup("smtp")}, "WithGroupLimit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := quiet("unused.db").Cron("a", "* * * * *", job(ok), test.opts...)
			require.Error(t, err)
			assert.ErrorContains(t, err, test.says)
		})
	}
}

// time O3: what waits survives a stop and a crash, in its order.
func TestWaitingStartsSurviveRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var mu sync.Mutex
		var inputs []int
		run := func(f func(*pawl.Runner)) {
			s := quiet(db, pawl.WithStopTimeout(0))
			require.NoError(t, s.Manual("a", job(func(ctx context.Context) error {
				n, err := pawl.InputOf[int](ctx)
				mu.Lock()
				inputs = append(inputs, n)
				mu.Unlock()
				return errors.Join(err, sleeps(time.Minute)(ctx))
			}), pawl.WithOverlap(pawl.OverlapBuffer(10))))
			r := start(t, s)
			f(r)
			_ = r.Stop(t.Context()) // says which run it cancelled
			verify(t, db)
		}
		run(func(r *pawl.Runner) {
			for n := range 5 {
				accepted(t, r, "a", pawl.WithInput(n))
			}
			time.Sleep(90 * time.Second)
		})
		time.Sleep(time.Hour)
		run(func(r *pawl.Runner) { waitRun(t, r, "a", 5) })
		assert.Equal(t, []int{0, 1, 1, 2, 3, 4}, inputs, "each in order, the one that the stop cut short again")
	})
}

// time O4, found B7: a streak at its limit starts nothing more, and the last run in flight settles
// the flow. A success ends the streak if its run began after the first that failed.
func TestParallelOutcomesCountAsTheyBegan(t *testing.T) {
	t.Run("the success began first", func(t *testing.T) { endInOrder(t, []int{3, 2, 1}, 2, pawl.StatusTripped) })
	t.Run("the success began last", func(t *testing.T) { endInOrder(t, []int{1, 2, 3}, 0, pawl.StatusCompleted) })
}

// endInOrder lets runs begin in an order, and end by their inputs: 1 and 2 fail, 3 succeeds
// at first, and then fails too.
func endInOrder(t *testing.T, order []int, streak int, becomes pawl.Status) {
	for _, last := range []error{nil, errors.New("boom")} {
		bubble(t, func(t *testing.T, db string) {
			s := quiet(db)
			require.NoError(t, s.Manual("a", job(func(ctx context.Context) error {
				n, err := pawl.InputOf[int](ctx)
				time.Sleep(time.Duration(n) * time.Minute)
				if n < 3 {
					return errors.New("boom")
				}
				return errors.Join(err, last)
			}), pawl.WithOverlap(pawl.OverlapAllow(3, 5)), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Millisecond, StreakLimit: 2})))
			r := start(t, s)
			for _, n := range order {
				accepted(t, r, "a", pawl.WithInput(n))
			}
			number := func(n int) int64 { return int64(slices.Index(order, n) + 1) }
			waitRun(t, r, "a", number(1))
			assert.Equal(t, 1, status(t, r, "a").FailureStreak)
			waitRun(t, r, "a", number(2))
			info := status(t, r, "a")
			assert.Equal(t, []any{2, pawl.StatusRunning}, []any{info.FailureStreak, info.Status})
			_, err := r.Trigger(t.Context(), "a")
			require.ErrorIs(t, err, pawl.ErrTripped, "although there are slots, and one is in flight")
			waitRun(t, r, "a", number(3))
			info = status(t, r, "a")
			if last == nil {
				assert.Equal(t, []any{streak, becomes}, []any{info.FailureStreak, info.Status})
			} else {
				assert.Equal(t, []any{3, pawl.StatusTripped}, []any{info.FailureStreak, info.Status})
			}
			stop(t, r, db)
		})
	}
}

// nights lets a flow that is due at each full hour run until 00:30, and again from
// 04:30 to 04:31, with other options if then is not nil.
func nights(t *testing.T, db string, log slog.Handler, opts, then []pawl.FlowOption) []time.Duration {
	t.Helper()
	build := func(expr string, opts []pawl.FlowOption) *pawl.Runner {
		s := pawl.NewScheduler(db, pawl.WithLogger(slog.New(log)), pawl.WithInboxPoll(0))
		require.NoError(t, s.Cron("a", expr, job(ok), opts...))
		return start(t, s)
	}
	r := build("0 * * * *", opts)
	time.Sleep(30 * time.Minute)
	stop(t, r, db)
	time.Sleep(4 * time.Hour)
	expr := "0 * * * *"
	if then != nil {
		opts, expr = then, "15 * * * *"
	}
	r = build(expr, opts)
	time.Sleep(time.Minute)
	at := told(t, r, "a")
	stop(t, r, db)
	return at
}

// time C1, time C2: what was missed is made up for as the policy says, but nothing that is too
// old; lateness alone drops nothing.
func TestMissedInstantsAreCaughtUpOn(t *testing.T) {
	hours := func(n ...float64) (d []time.Duration) {
		for _, m := range minutes(n...) {
			d = append(d, 60*m)
		}
		return d
	}
	buffer := pawl.WithOverlap(pawl.OverlapBuffer(10))
	for _, test := range []struct {
		name string
		opts []pawl.FlowOption
		want []time.Duration
	}{
		{"default", nil, hours(4)},
		{"latest", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpLatest)}, hours(4)},
		{"earliest", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpEarliest)}, hours(1)},
		{"all", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(10)), buffer}, hours(1, 2, 3, 4)},
		{"all, but three", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(3)), buffer}, hours(2, 3, 4)},
		{"none", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpNone)}, nil},
		{"latest, not too old", []pawl.FlowOption{pawl.WithCatchUpWithin(time.Hour)}, hours(4)},
		{"latest, too old", []pawl.FlowOption{pawl.WithCatchUpWithin(time.Minute)}, nil},
		{"earliest, not too old", []pawl.FlowOption{pawl.WithCatchUpWithin(2 * time.Hour), pawl.WithCatchUp(pawl.CatchUpEarliest)}, hours(3)},
		{"all, not too old", []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(10)), pawl.WithCatchUpWithin(2 * time.Hour), buffer}, hours(3, 4)},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				assert.Equal(t, test.want, nights(t, db, slog.DiscardHandler, test.opts, nil))
			})
		})
	}
}

// time C3: instants before a change of the schedule are not reconsidered; another policy
// alone is no change of it.
func TestInstantsBeforeAChangeOfTheScheduleAreNotCaughtUpOn(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		assert.Empty(t, nights(t, db, slog.DiscardHandler, nil, []pawl.FlowOption{}))
	})
}

// time C3: time spent paused is not missed, over a restart too; triggers are carried out.
func TestTimeSpentPausedIsNotMissed(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Runner {
			s := quiet(db)
			require.NoError(t, s.Cron("a", "* * * * *", job(ok)))
			return start(t, s)
		}
		r := build()
		require.NoError(t, r.Pause(t.Context(), "a", "the night of the move"))
		time.Sleep(3*time.Minute + time.Second)
		stop(t, r, db)
		time.Sleep(3 * time.Minute)
		r = build()
		accepted(t, r, "a")
		time.Sleep(2 * time.Minute)
		require.NoError(t, r.Resume(t.Context(), "a"))
		time.Sleep(time.Minute)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "a"})
		require.NoError(t, err)
		require.Len(t, runs, 2)
		assert.Equal(t, "manual", runs[1].Trigger)
		assert.Equal(t, 9, runs[0].ScheduledAt.Minute())
		stop(t, r, db)
	})
}

// When a pause ends, Every runs at once if its interval has passed, as after a restart, once;
// a grid waits for its next instant. found C10.
func TestEveryRunsAtOnceOnResume(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		delay, aligned := newDiary(), newDiary()
		require.NoError(t, s.Every("delay", 10*time.Minute, delay.job(ok)))
		require.NoError(t, s.Every("aligned", 10*time.Minute, aligned.job(ok), pawl.WithAligned()))
		r := start(t, s)
		time.Sleep(time.Minute)
		for _, id := range []string{"delay", "aligned"} {
			require.NoError(t, r.Pause(t.Context(), id, ""))
		}
		time.Sleep(44 * time.Minute)
		for _, id := range []string{"delay", "aligned"} {
			require.NoError(t, r.Resume(t.Context(), id))
		}
		time.Sleep(11 * time.Minute)
		assert.Equal(t, minutes(0, 45, 55), delay.entries())
		assert.Equal(t, minutes(50), aligned.entries())
		stop(t, r, db)
	})
}

// time C5: a start says how much was missed and how much of it is made up for, and of which
// flows when it is asked for more.
func TestAStartTellsWhatWasMissed(t *testing.T) {
	for _, test := range []struct {
		opts []pawl.FlowOption
		says string
	}{
		{nil, "missed=4 caught_up=1"},
		{[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpNone)}, "missed=4 caught_up=0"},
		{[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(3)), pawl.WithOverlap(pawl.OverlapBuffer(5))}, "missed=4 caught_up=3"},
		{[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpEarliest), pawl.WithCatchUpWithin(90 * time.Minute)}, "missed=4 caught_up=1"},
		{[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(9)), pawl.WithCatchUpWithin(90 * time.Minute), pawl.WithOverlap(pawl.OverlapBuffer(5))}, "missed=4 caught_up=2"},
	} {
		bubble(t, func(t *testing.T, db string) {
			var log bytes.Buffer
			nights(t, db, slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}), test.opts, nil)
			assert.Contains(t, log.String(), "flows=1 recovered=0 missed=0 caught_up=0 generation=1")
			assert.Contains(t, log.String(), "flows=1 recovered=0 "+test.says+" generation=2")
			assert.Contains(t, log.String(), "level=DEBUG msg=\"pawl: missed\" flow=a "+test.says)
		})
	}
}

// gauge is how many jobs are at work, and how many were at most.
type gauge struct{ now, most, runs atomic.Int64 }

func (g *gauge) job(d time.Duration) pawl.Job {
	return job(func(ctx context.Context) error {
		n := g.now.Add(1)
		for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
		}
		defer g.now.Add(-1)
		g.runs.Add(1)
		return sleeps(d)(ctx)
	})
}

// time C4: a thousand flows that are due at a start run, but not all at once.
func TestACatchUpKeepsToTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func(g *gauge) *pawl.Runner {
			s := quiet(db, pawl.WithMaxRunning(20))
			for i := range 1000 {
				require.NoError(t, s.Cron(fmt.Sprint(i), "0 3 * * *", g.job(time.Second)))
			}
			return start(t, s)
		}
		r := build(new(gauge))
		time.Sleep(time.Hour)
		stop(t, r, db)
		time.Sleep(24 * time.Hour)
		g := new(gauge)
		r = build(g)
		time.Sleep(50*time.Second + time.Millisecond)
		synctest.Wait()
		assert.Equal(t, int64(1000), g.runs.Load())
		assert.Equal(t, int64(20), g.most.Load())
		for _, info := range r.List() {
			assert.Equal(t, int64(1), info.RunCount, info.ID)
		}
		stop(t, r, db)
	})
}

// time Q5: a group has a limit of its own beside that of the scheduler.
func TestGroupsShareALimit(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithMaxRunning(5), pawl.WithGroupLimit("smtp", 2))
		var mails, others gauge
		for i := range 10 {
			require.NoError(t, s.Manual(fmt.Sprint("mail ", i), mails.job(time.Minute), pawl.WithGroup("smtp")))
			require.NoError(t, s.Manual(fmt.Sprint("other ", i), others.job(time.Minute)))
		}
		r := start(t, s)
		for i := range 10 {
			accepted(t, r, fmt.Sprint("mail ", i))
			accepted(t, r, fmt.Sprint("other ", i))
		}
		synctest.Wait()
		assert.Equal(t, []int64{2, 3}, []int64{mails.now.Load(), others.now.Load()})
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []int64{10, 10}, []int64{mails.runs.Load(), others.runs.Load()})
		assert.Equal(t, int64(2), mails.most.Load())
		stop(t, r, db)
	})
}

// time Q5: who asked first is first, whatever the order of registration.
func TestALimitIsFairByTimeAsked(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithMaxRunning(1))
		var mu sync.Mutex
		var order []string
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, s.Manual(id, job(func(ctx context.Context) error {
				mu.Lock()
				order = append(order, id)
				mu.Unlock()
				return sleeps(time.Minute)(ctx)
			}), pawl.WithOverlap(pawl.OverlapBuffer(10))))
		}
		r := start(t, s)
		for _, id := range []string{"c", "b", "c", "a", "a", "b"} {
			accepted(t, r, id) // all of them in one millisecond
		}
		time.Sleep(7 * time.Minute)
		stop(t, r, db)
		assert.Equal(t, []string{"c", "b", "c", "a", "a", "b"}, order)
	})
}

// time O3, scheduler L8: what waits is not held up by a clock that was ahead when it was asked for;
// what is to start later waits for its time.
func TestAClockThatGoesBackHoldsNoWaitingStartUp(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var shift atomic.Int64
		d := newDiary()
		s := quiet(db, pawl.WithNow(func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }))
		require.NoError(t, s.Manual("a", d.job(sleeps(10*time.Minute)), pawl.WithOverlap(pawl.OverlapBuffer(9))))
		r := start(t, s)
		for range 3 {
			accepted(t, r, "a")
		}
		accepted(t, r, "a", pawl.WithStartAt(time.Now().Add(time.Hour)))
		shift.Store(-int64(50 * time.Hour))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, minutes(0, 10, 20), d.entries())
		shift.Store(0)
		time.Sleep(20 * time.Minute)
		assert.Len(t, d.entries(), 4)
		stop(t, r, db)
	})
}

// time Q5, scheduler L8: nor is what waits for a limit.
func TestAClockThatGoesBackHoldsNoFlowUpThatWaitsForALimit(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var shift atomic.Int64
		d := newDiary()
		s := quiet(db, pawl.WithMaxRunning(1), pawl.WithNow(func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }))
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, s.Manual(id, d.job(sleeps(10*time.Minute))))
		}
		r := start(t, s)
		for _, id := range []string{"a", "b", "c"} {
			accepted(t, r, id)
		}
		shift.Store(-int64(2 * time.Hour))
		time.Sleep(time.Hour)
		assert.Equal(t, minutes(0, 10, 20), d.entries())
		stop(t, r, db)
	})
}
