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
	"github.com/pawl-go/pawl/internal/harness"
)

// time O1: the default is the seed's. A trigger is refused, an instant is skipped.
func TestOverlapSkipRefusesATriggerAndSkipsInstants(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("a", "* * * * *", harness.Job(harness.Sleeps(150*time.Second))))
		r := harness.Start(t, s)
		time.Sleep(time.Minute)
		synctest.Wait()
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
		time.Sleep(5*time.Minute + 45*time.Second)
		assert.Equal(t, minutes(1, 4), harness.Told(t, r, "a"))
		harness.Stop(t, r, db)
	})
}

// time O1: the first start waits, those after it are refused or skipped.
func TestOverlapBufferOneKeepsTheFirstStart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("a", "* * * * *", d.Job(harness.Sleeps(150*time.Second)), pawl.WithOverlap(pawl.OverlapBufferOne)))
		r := harness.Start(t, s)
		time.Sleep(2*time.Minute + time.Second)
		assert.Equal(t, 1, harness.Status(t, r, "a").Waiting)
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		time.Sleep(3*time.Minute + 58*time.Second)
		assert.Equal(t, minutes(1, 2, 4), harness.Told(t, r, "a"))
		assert.Equal(t, minutes(1, 3.5, 6)[:2], d.Entries())
		harness.Stop(t, r, db)
	})
}

// time O1: starts wait in the order in which they were asked for, one runs after another,
// and what finds no room is told so. Waiting for a run includes the time it waits.
func TestOverlapBufferRunsStartsInOrder(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		var mu sync.Mutex
		var inputs []int
		require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error {
			n, err := pawl.InputOf[int](ctx)
			mu.Lock()
			inputs = append(inputs, n)
			mu.Unlock()
			time.Sleep(time.Minute)
			return err
		}), pawl.WithOverlap(pawl.OverlapBuffer(3))))
		r := harness.Start(t, s)
		for n := range 4 {
			assert.Equal(t, int64(n+1), harness.Accepted(t, r, "a", pawl.WithInput(n)))
		}
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		assert.ErrorContains(t, err, "3 starts of flow \"a\" wait")
		last := harness.WaitRun(t, r, "a", 4)
		assert.Equal(t, pawl.RunCompleted, last.Status)
		assert.Equal(t, minutes(3), []time.Duration{last.StartedAt.Sub(last.ScheduledAt)})
		harness.Stop(t, r, db)
		assert.Equal(t, []int{0, 1, 2, 3}, inputs)
	})
}

// time O3: who waits for one of more runs than are kept in memory gets its end too, and
// for one that is cancelled while it waits.
func TestWaitRunWaitsForRunsThatAreInTheDatabaseAlone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.Sleeps(time.Second)), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := harness.Start(t, s)
		first, err := r.TriggerMany(t.Context(), "a", make([]any, 500))
		require.NoError(t, err)
		var ends sync.WaitGroup
		ends.Go(func() { assert.Equal(t, pawl.RunCompleted, harness.WaitRun(t, r, "a", first+499).Status) })
		ends.Go(func() { assert.Equal(t, pawl.RunCancelled, harness.WaitRun(t, r, "a", first+400).Status) })
		time.Sleep(time.Minute)
		require.NoError(t, r.Cancel(t.Context(), "a", first+400))
		ends.Wait()
		assert.Equal(t, pawl.RunCompleted, harness.WaitRun(t, r, "a", first+3).Status, "long over")
		harness.Stop(t, r, db)
	})
}

// time O1: a start cancels the run in flight, starts when that has ended, and takes the
// place of one that waits.
func TestOverlapCancelEndsTheRunInFlight(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error {
			err := harness.Sleeps(time.Hour)(ctx)
			if errors.Is(err, pawl.ErrCancelled) {
				time.Sleep(3 * time.Second) // to tidy up
			}
			return err
		}), pawl.WithOverlap(pawl.OverlapCancel), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
		first := harness.Accepted(t, r, "a")
		second := harness.Accepted(t, r, "a")
		third := harness.Accepted(t, r, "a")
		assert.Equal(t, pawl.RunCancelled, harness.WaitRun(t, r, "a", second).Status, "it waited, and was replaced")
		assert.Equal(t, pawl.RunCancelled, harness.WaitRun(t, r, "a", first).Status)
		last := harness.WaitRun(t, r, "a", third)
		assert.Equal(t, pawl.RunCompleted, last.Status)
		assert.Equal(t, 3*time.Second, last.StartedAt.Sub(last.ScheduledAt))
		assert.Zero(t, harness.Status(t, r, "a").FailureStreak, "X3: a cancelled run is no failure")
		harness.Stop(t, r, db)
	})
}

// time O1: n run side by side, more wait, and more than that are refused.
func TestOverlapAllowRunsSideBySide(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", d.Job(harness.Sleeps(time.Minute)), pawl.WithOverlap(pawl.OverlapAllow(3, 2))))
		r := harness.Start(t, s)
		for range 5 {
			harness.Accepted(t, r, "a")
		}
		info := harness.Status(t, r, "a")
		assert.Equal(t, []int{3, 2}, []int{info.InFlight, info.Waiting})
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		harness.WaitRun(t, r, "a", 5)
		assert.Equal(t, minutes(0, 0, 0, 1, 1), d.Entries())
		harness.Stop(t, r, db)
	})
}

// time O1: a single trigger may bring a policy of its own.
func TestATriggerMayHaveAnotherOverlapPolicy(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.Sleeps(time.Minute))))
		r := harness.Start(t, s)
		first := harness.Accepted(t, r, "a")
		second := harness.Accepted(t, r, "a", pawl.WithOverlapOnce(pawl.OverlapBuffer(1)))
		third := harness.Accepted(t, r, "a", pawl.WithOverlapOnce(pawl.OverlapCancel))
		assert.Equal(t, pawl.RunCancelled, harness.WaitRun(t, r, "a", first).Status)
		assert.Equal(t, pawl.RunCancelled, harness.WaitRun(t, r, "a", second).Status)
		assert.Equal(t, pawl.RunCompleted, harness.WaitRun(t, r, "a", third).Status)
		_, err := r.Trigger(t.Context(), "a", pawl.WithOverlapOnce(pawl.OverlapAllow(-1, 0)))
		require.ErrorIs(t, err, pawl.ErrInvalidFlow)
		harness.Stop(t, r, db)
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
			err := harness.Quiet("unused.db").Cron("a", "* * * * *", harness.Job(harness.OK), test.opts...)
			require.Error(t, err)
			assert.ErrorContains(t, err, test.says)
		})
	}
}

// time O3: what waits survives a stop and a crash, in its order.
func TestWaitingStartsSurviveRestarts(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var mu sync.Mutex
		var inputs []int
		run := func(f func(*pawl.Runner)) {
			s := harness.Quiet(db, pawl.WithStopTimeout(0))
			require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error {
				n, err := pawl.InputOf[int](ctx)
				mu.Lock()
				inputs = append(inputs, n)
				mu.Unlock()
				return errors.Join(err, harness.Sleeps(time.Minute)(ctx))
			}), pawl.WithOverlap(pawl.OverlapBuffer(10))))
			r := harness.Start(t, s)
			f(r)
			_ = r.Stop(t.Context()) // says which run it cancelled
			harness.Verify(t, db)
		}
		run(func(r *pawl.Runner) {
			for n := range 5 {
				harness.Accepted(t, r, "a", pawl.WithInput(n))
			}
			time.Sleep(90 * time.Second)
		})
		time.Sleep(time.Hour)
		run(func(r *pawl.Runner) { harness.WaitRun(t, r, "a", 5) })
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
		harness.Bubble(t, func(t *testing.T, db string) {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error {
				n, err := pawl.InputOf[int](ctx)
				time.Sleep(time.Duration(n) * time.Minute)
				if n < 3 {
					return errors.New("boom")
				}
				return errors.Join(err, last)
			}), pawl.WithOverlap(pawl.OverlapAllow(3, 5)), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Millisecond, StreakLimit: 2})))
			r := harness.Start(t, s)
			for _, n := range order {
				harness.Accepted(t, r, "a", pawl.WithInput(n))
			}
			number := func(n int) int64 { return int64(slices.Index(order, n) + 1) }
			harness.WaitRun(t, r, "a", number(1))
			assert.Equal(t, 1, harness.Status(t, r, "a").FailureStreak)
			harness.WaitRun(t, r, "a", number(2))
			info := harness.Status(t, r, "a")
			assert.Equal(t, []any{2, pawl.StatusRunning}, []any{info.FailureStreak, info.Status})
			_, err := r.Trigger(t.Context(), "a")
			require.ErrorIs(t, err, pawl.ErrTripped, "although there are slots, and one is in flight")
			harness.WaitRun(t, r, "a", number(3))
			info = harness.Status(t, r, "a")
			if last == nil {
				assert.Equal(t, []any{streak, becomes}, []any{info.FailureStreak, info.Status})
			} else {
				assert.Equal(t, []any{3, pawl.StatusTripped}, []any{info.FailureStreak, info.Status})
			}
			harness.Stop(t, r, db)
		})
	}
}

// nights lets a flow that is due at each full hour run until 00:30, and again from
// 04:30 to 04:31, with other options if then is not nil.
func nights(t *testing.T, db string, log slog.Handler, opts, then []pawl.FlowOption) []time.Duration {
	t.Helper()
	build := func(expr string, opts []pawl.FlowOption) *pawl.Runner {
		s := pawl.NewScheduler(db, pawl.WithLogger(slog.New(log)), pawl.WithInboxPoll(0))
		require.NoError(t, s.Cron("a", expr, harness.Job(harness.OK), opts...))
		return harness.Start(t, s)
	}
	r := build("0 * * * *", opts)
	time.Sleep(30 * time.Minute)
	harness.Stop(t, r, db)
	time.Sleep(4 * time.Hour)
	expr := "0 * * * *"
	if then != nil {
		opts, expr = then, "15 * * * *"
	}
	r = build(expr, opts)
	time.Sleep(time.Minute)
	at := harness.Told(t, r, "a")
	harness.Stop(t, r, db)
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
			harness.Bubble(t, func(t *testing.T, db string) {
				assert.Equal(t, test.want, nights(t, db, slog.DiscardHandler, test.opts, nil))
			})
		})
	}
}

// time C3: instants before a change of the schedule are not reconsidered; another policy
// alone is no change of it.
func TestInstantsBeforeAChangeOfTheScheduleAreNotCaughtUpOn(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		assert.Empty(t, nights(t, db, slog.DiscardHandler, nil, []pawl.FlowOption{}))
	})
}

// time C3: time spent paused is not missed, over a restart too; triggers are carried out.
func TestTimeSpentPausedIsNotMissed(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Runner {
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("a", "* * * * *", harness.Job(harness.OK)))
			return harness.Start(t, s)
		}
		r := build()
		require.NoError(t, r.Pause(t.Context(), "a", "the night of the move"))
		time.Sleep(3*time.Minute + time.Second)
		harness.Stop(t, r, db)
		time.Sleep(3 * time.Minute)
		r = build()
		harness.Accepted(t, r, "a")
		time.Sleep(2 * time.Minute)
		require.NoError(t, r.Resume(t.Context(), "a"))
		time.Sleep(time.Minute)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "a"})
		require.NoError(t, err)
		require.Len(t, runs, 2)
		assert.Equal(t, "manual", runs[1].Trigger)
		assert.Equal(t, 9, runs[0].ScheduledAt.Minute())
		harness.Stop(t, r, db)
	})
}

// When a pause ends, Every runs at once if its interval has passed, as after a restart, once;
// a grid waits for its next instant. found C10.
func TestEveryRunsAtOnceOnResume(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		delay, aligned := harness.NewDiary(), harness.NewDiary()
		require.NoError(t, s.Every("delay", 10*time.Minute, delay.Job(harness.OK)))
		require.NoError(t, s.Every("aligned", 10*time.Minute, aligned.Job(harness.OK), pawl.WithAligned()))
		r := harness.Start(t, s)
		time.Sleep(time.Minute)
		for _, id := range []string{"delay", "aligned"} {
			require.NoError(t, r.Pause(t.Context(), id, ""))
		}
		time.Sleep(44 * time.Minute)
		for _, id := range []string{"delay", "aligned"} {
			require.NoError(t, r.Resume(t.Context(), id))
		}
		time.Sleep(11 * time.Minute)
		assert.Equal(t, minutes(0, 45, 55), delay.Entries())
		assert.Equal(t, minutes(50), aligned.Entries())
		harness.Stop(t, r, db)
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
		harness.Bubble(t, func(t *testing.T, db string) {
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
	return harness.Job(func(ctx context.Context) error {
		n := g.now.Add(1)
		for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
		}
		defer g.now.Add(-1)
		g.runs.Add(1)
		return harness.Sleeps(d)(ctx)
	})
}

// time C4: a thousand flows that are due at a start run, but not all at once.
func TestACatchUpKeepsToTheLimit(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func(g *gauge) *pawl.Runner {
			s := harness.Quiet(db, pawl.WithMaxRunning(20))
			for i := range 1000 {
				require.NoError(t, s.Cron(fmt.Sprint(i), "0 3 * * *", g.job(time.Second)))
			}
			return harness.Start(t, s)
		}
		r := build(new(gauge))
		time.Sleep(time.Hour)
		harness.Stop(t, r, db)
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
		harness.Stop(t, r, db)
	})
}

// time Q5: a group has a limit of its own beside that of the scheduler.
func TestGroupsShareALimit(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithMaxRunning(5), pawl.WithGroupLimit("smtp", 2))
		var mails, others gauge
		for i := range 10 {
			require.NoError(t, s.Manual(fmt.Sprint("mail ", i), mails.job(time.Minute), pawl.WithGroup("smtp")))
			require.NoError(t, s.Manual(fmt.Sprint("other ", i), others.job(time.Minute)))
		}
		r := harness.Start(t, s)
		for i := range 10 {
			harness.Accepted(t, r, fmt.Sprint("mail ", i))
			harness.Accepted(t, r, fmt.Sprint("other ", i))
		}
		synctest.Wait()
		assert.Equal(t, []int64{2, 3}, []int64{mails.now.Load(), others.now.Load()})
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, []int64{10, 10}, []int64{mails.runs.Load(), others.runs.Load()})
		assert.Equal(t, int64(2), mails.most.Load())
		harness.Stop(t, r, db)
	})
}

// time Q5: who asked first is first, whatever the order of registration.
func TestALimitIsFairByTimeAsked(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithMaxRunning(1))
		var mu sync.Mutex
		var order []string
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, s.Manual(id, harness.Job(func(ctx context.Context) error {
				mu.Lock()
				order = append(order, id)
				mu.Unlock()
				return harness.Sleeps(time.Minute)(ctx)
			}), pawl.WithOverlap(pawl.OverlapBuffer(10))))
		}
		r := harness.Start(t, s)
		for _, id := range []string{"c", "b", "c", "a", "a", "b"} {
			harness.Accepted(t, r, id) // all of them in one millisecond
		}
		time.Sleep(7 * time.Minute)
		harness.Stop(t, r, db)
		assert.Equal(t, []string{"c", "b", "c", "a", "a", "b"}, order)
	})
}

// time O3, scheduler L8: what waits is not held up by a clock that was ahead when it was asked for;
// what is to start later waits for its time.
func TestAClockThatGoesBackHoldsNoWaitingStartUp(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var shift atomic.Int64
		d := harness.NewDiary()
		s := harness.Quiet(db, pawl.WithNow(func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }))
		require.NoError(t, s.Manual("a", d.Job(harness.Sleeps(10*time.Minute)), pawl.WithOverlap(pawl.OverlapBuffer(9))))
		r := harness.Start(t, s)
		for range 3 {
			harness.Accepted(t, r, "a")
		}
		harness.Accepted(t, r, "a", pawl.WithStartAt(time.Now().Add(time.Hour)))
		shift.Store(-int64(50 * time.Hour))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, minutes(0, 10, 20), d.Entries())
		shift.Store(0)
		time.Sleep(20 * time.Minute)
		assert.Len(t, d.Entries(), 4)
		harness.Stop(t, r, db)
	})
}

// time Q5, scheduler L8: nor is what waits for a limit.
func TestAClockThatGoesBackHoldsNoFlowUpThatWaitsForALimit(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var shift atomic.Int64
		d := harness.NewDiary()
		s := harness.Quiet(db, pawl.WithMaxRunning(1), pawl.WithNow(func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }))
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, s.Manual(id, d.Job(harness.Sleeps(10*time.Minute))))
		}
		r := harness.Start(t, s)
		for _, id := range []string{"a", "b", "c"} {
			harness.Accepted(t, r, id)
		}
		shift.Store(-int64(2 * time.Hour))
		time.Sleep(time.Hour)
		assert.Equal(t, minutes(0, 10, 20), d.Entries())
		harness.Stop(t, r, db)
	})
}
