package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// starts notes for which instant a job began, and when.
type starts struct {
	mu            sync.Mutex
	nominal, real []time.Time
}

func (s *starts) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.nominal)
}

func (s *starts) job(lasts time.Duration) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		s.mu.Lock()
		s.nominal, s.real = append(s.nominal, run.ScheduledAt), append(s.real, time.Now().UTC())
		s.mu.Unlock()
		select {
		case <-time.After(lasts):
		case <-ctx.Done():
		}
		return ctx.Err()
	})
}

// time S1: neither a fixed rate nor an aligned interval drifts with the length of runs or
// over restarts; another interval counts from the last instant that fired.
func TestRatesDoNotDriftOverRestarts(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		time.Sleep(7*time.Minute + 123*time.Millisecond)
		registered := time.Now().UTC()
		var rate, grid starts
		build := func(interval time.Duration) *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithStopTimeout(time.Minute))
			require.NoError(t, s.Every("rate", interval, rate.job(7*time.Second), pawl.WithFixedRate()))
			require.NoError(t, s.Every("grid", interval, grid.job(11*time.Second), pawl.WithAligned()))
			return s
		}
		for range 20 {
			r := harness.Start(t, build(time.Hour))
			time.Sleep(5*time.Hour + 17*time.Minute)
			harness.Stop(t, r, db)
			time.Sleep(3 * time.Minute)
		}
		synctest.Wait()
		require.Greater(t, len(rate.nominal), 100)
		assert.Equal(t, registered, rate.nominal[0], "a new one fires at once")
		for i := range rate.nominal {
			assert.Zero(t, rate.nominal[i].Sub(registered)%time.Hour)
		}
		for i := range grid.nominal {
			assert.Zero(t, grid.nominal[i].Unix()%3600)
		}
		last := rate.nominal[len(rate.nominal)-1]
		rate.nominal = nil
		r := harness.Start(t, build(25*time.Minute))
		assert.Equal(t, last, harness.Status(t, r, "rate").Anchor)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		for i := range rate.nominal {
			assert.Zero(t, rate.nominal[i].Sub(last)%(25*time.Minute))
		}
		harness.Stop(t, r, db)
	})
}

// time S2: a flow that runs once does so once, ever, also when its time passed while nobody
// ran, and when restarts follow.
func TestOnceRunsOnceEver(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var launch, missed starts
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Once("launch", time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC), launch.job(0)))
			require.NoError(t, s.Once("missed", time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC), missed.job(0)))
			return s
		}
		r := harness.Start(t, build())
		time.Sleep(2 * time.Hour)
		harness.Stop(t, r, db)
		time.Sleep(2 * time.Hour)
		for range 3 {
			r = harness.Start(t, build())
			time.Sleep(time.Hour)
			harness.Stop(t, r, db)
		}
		synctest.Wait()
		assert.Equal(t, []time.Time{time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)}, launch.real)
		assert.Equal(t, []time.Time{time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC)}, missed.nominal)
		assert.Equal(t, []time.Time{time.Date(2000, 1, 1, 4, 0, 0, 0, time.UTC)}, missed.real)
	})
}

// time S3: an unknown zone is that flow's error, never silently UTC.
func TestUnknownZoneIsAnErrorOfItsFlow(t *testing.T) {
	s := harness.Quiet("unused.db")
	for _, zone := range []string{"Mars/Olympus", "", "Local"} {
		err := s.Cron("a", "0 9 * * *", harness.Job(harness.OK), pawl.WithLocation(zone))
		require.ErrorIs(t, err, pawl.ErrInvalidSchedule, zone)
	}
	require.ErrorIs(t, s.Every("b", time.Hour, harness.Job(harness.OK), pawl.WithLocation("Europe/Berlin")), pawl.ErrInvalidSchedule)
	require.NoError(t, s.Cron("c", "0 9 * * *", harness.Job(harness.OK), pawl.WithLocation("Europe/Berlin")))
	assert.Equal(t, 1, s.Len())
}

// time S5: jitter is the same after a restart, and never past the next instant. Runs and the
// ledger have the nominal one.
func TestJitterIsAHashOfTheInstant(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var spread, wide starts
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("spread", "0 * * * *", spread.job(0), pawl.WithJitter(10*time.Minute)))
			require.NoError(t, s.Cron("wide", "* * * * *", wide.job(0), pawl.WithJitter(time.Hour)))
			return s
		}
		r := harness.Start(t, build())
		for range 24 { // a restart between the instant and its start does not draw again, nor start at once
			time.Sleep(time.Hour - time.Since(time.Now().Truncate(time.Hour)) + time.Millisecond)
			harness.Stop(t, r, db)
			r = harness.Start(t, build())
		}
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		require.Len(t, spread.nominal, 24)
		distinct := map[time.Duration]bool{}
		for i, at := range spread.nominal {
			late := spread.real[i].Sub(at)
			assert.Zero(t, at.Minute())
			assert.Less(t, late, 10*time.Minute)
			distinct[late] = true
		}
		assert.Greater(t, len(distinct), 20)
		assert.Zero(t, harness.Status(t, r, "spread").NextRun.Minute(), "the nominal instant")
		assert.GreaterOrEqual(t, len(wide.nominal), 24*60+29, "each before the next")
		assert.Empty(t, ledgerRows(t, db))
		harness.Stop(t, r, db)
	})
}

// time S6: no instant before the first or after the last, and no more than so many.
func TestBetweenAndLimitEndASchedule(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var between, limited starts
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("between", "0 * * * *", between.job(0),
				pawl.WithBetween(time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC), time.Date(2000, 1, 1, 6, 0, 0, 0, time.UTC))))
			require.NoError(t, s.Cron("limited", "0 * * * *", limited.job(0), pawl.WithLimit(3)))
			return s
		}
		r := harness.Start(t, build())
		time.Sleep(2*time.Hour + time.Minute)
		harness.Stop(t, r, db)
		r = harness.Start(t, build())
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		assert.Len(t, between.real, 4)
		assert.Equal(t, time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC), between.real[0])
		assert.Len(t, limited.real, 3)
		for _, id := range []string{"between", "limited"} {
			assert.True(t, harness.Status(t, r, id).NextRun.IsZero(), id)
			next, err := r.Next(id, 3)
			require.NoError(t, err)
			assert.Empty(t, next, id)
		}
		_, text := whySays(t, r, "between", "20:00:00")
		assert.Contains(t, text, "is no instant of between")
		_, text = whySays(t, r, "limited", "20:00:00")
		assert.Equal(t, "limited will not run at 2000-01-01 20:00:00 UTC: its limit (3) was reached with the run for 2000-01-01 03:00:00 UTC.", text)
		harness.Stop(t, r, db)
	})
}

// time O1, time Q1: a start with a time of its own is in nobody's way before that, whatever the
// overlap policy; then it is a start like others, and not dropped.
func TestLaterStartIsInNobodysWay(t *testing.T) {
	for name, overlap := range map[string]pawl.Overlap{"skip": pawl.OverlapSkip, "buffer one": pawl.OverlapBufferOne, "cancel": pawl.OverlapCancel} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				var ran starts
				s := harness.Quiet(db, pawl.WithStopTimeout(2*time.Hour))
				require.NoError(t, s.Cron("hour", "0 * * * *", ran.job(90*time.Minute), pawl.WithOverlap(overlap)))
				r := harness.Start(t, s)
				later := time.Date(2000, 1, 2, 12, 30, 0, 0, time.UTC)
				run, err := r.Trigger(t.Context(), "hour", pawl.WithStartAt(later))
				require.NoError(t, err)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				assert.GreaterOrEqual(t, ran.count(), 12, "the schedule goes on")
				assert.GreaterOrEqual(t, harness.Status(t, r, "hour").Waiting, 1)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				info, err := r.WaitRun(t.Context(), "hour", run)
				require.NoError(t, err)
				assert.False(t, info.StartedAt.Before(later))
				harness.Stop(t, r, db)
			})
		})
	}
}

// instantsOutside are instants that no text or view has four digits of a year for.
var instantsOutside = []time.Time{
	time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0),
	time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(292277026597, 1, 1, 0, 0, 0, 0, time.UTC),
}

// found C5: an instant outside of the years 1 to 9999 is refused wherever somebody can give
// one, and leaves nothing behind.
func TestInstantsOutsideOfTheYearsAreRefused(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("queue", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(10))))
		require.NoError(t, s.Cron("hourly", "@hourly", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		c := harness.OpenClient(t, db)
		defer c.Close()
		ctx := t.Context()
		for _, at := range instantsOutside {
			s := harness.Quiet(db)
			calls := map[string]error{
				"once":            s.Once("once", at, harness.Job(harness.OK)),
				"between start":   s.Every("start", time.Hour, harness.Job(harness.OK), pawl.WithBetween(at, time.Time{})),
				"between end":     s.Cron("end", "@hourly", harness.Job(harness.OK), pawl.WithBetween(time.Time{}, at)),
				"pause":           r.Pause(ctx, "hourly", "", pawl.PauseUntil(at)),
				"client pause":    c.Pause(ctx, "hourly", "", pawl.PauseUntil(at)),
				"client resume":   c.ResumeFrom(ctx, "hourly", at),
				"client trigger":  harness.Second(c.Trigger(ctx, "queue", pawl.WithStartAt(at))),
				"trigger":         harness.Second(r.Trigger(ctx, "queue", pawl.WithStartAt(at))),
				"backfill":        harness.Second(r.Backfill(ctx, "hourly", pawl.Backfill{From: at, To: time.Now()})),
				"client backfill": harness.Second(c.Backfill(ctx, "hourly", pawl.Backfill{From: time.Unix(0, 0), To: at})),
				"instants":        harness.Second(r.Instants("hourly", at, time.Now())),
				"why":             harness.Second(r.Why(ctx, "hourly", at)),
				"client why":      harness.Second(c.Why(ctx, "hourly", at)),
				"at":              harness.Second(c.At(ctx, at)),
				"runs":            harness.Second(c.Runs(ctx, pawl.RunsQuery{Since: at})),
				"next":            harness.Second(r.View().Next(harness.Status(t, r, "hourly"), at, 3)),
				"occurrences":     harness.Second(r.View().Occurrences(ctx, nil, at, time.Now(), 3)),
				"window":          harness.Second(r.View().Window(ctx, pawl.WindowQuery{From: at, To: time.Now()})),
				"cron instants":   harness.Second(pawl.CronInstants("@hourly", at, 1)),
				"cron oddities":   harness.Second(pawl.CronOddities("@hourly", time.Unix(0, 0), at)),
			}
			require.NoError(t, r.Pause(ctx, "hourly", ""))
			calls["resume"] = r.ResumeFrom(ctx, "hourly", at)
			require.NoError(t, r.Resume(ctx, "hourly"))
			for what, err := range calls {
				assert.ErrorContains(t, err, "the years 1 to 9999", "%s at %d", what, at.Unix())
			}
		}
		assert.Zero(t, harness.Status(t, r, "queue").Waiting)
		assert.Zero(t, harness.Status(t, r, "hourly").PausedUntil)
		harness.Stop(t, r, db)
	})
}

// found C5: no schedule has an instant outside of the years 1 to 9999, whoever asks for it.
func TestSchedulesHaveNoInstantOutsideOfTheCalendar(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("daily", "0 9 * * *", harness.Job(harness.OK)))
		require.NoError(t, s.Every("grid", 24*time.Hour, harness.Job(harness.OK), pawl.WithAligned()))
		r := harness.Start(t, s)
		for _, id := range []string{"daily", "grid"} {
			for at, want := range map[time.Time]string{first.Add(time.Hour): ", the one after 0001-01-0", last: "; the one before is 9999-12-31 "} {
				why, err := r.Why(t.Context(), id, at)
				require.NoError(t, err)
				assert.Contains(t, why.Text, want, id)
				assert.NotContains(t, why.Text, "0000-", id)
				assert.NotContains(t, why.Text, "10000-", id)
			}
		}
		list, err := pawl.CronInstants("0 9 * * *", last.AddDate(0, 0, -2), 5)
		require.NoError(t, err)
		assert.Len(t, list, 2)
		harness.Stop(t, r, db)
	})
}

// found C5: the longest duration and the last instant are taken everywhere, and the runner
// goes on as usual.
func TestLongestDurationsAndLastInstantsAreKept(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		const longest = time.Duration(math.MaxInt64)
		last := time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
		policy := pawl.BackoffPolicy{Initial: longest, MaxDelay: longest, Multiplier: 1e300, Jitter: 1}
		failing := harness.Job(func(context.Context) error { return errors.New("no") })
		s := harness.Quiet(db)
		require.NoError(t, s.Every("every", longest, harness.Job(harness.OK), pawl.WithJitter(longest), pawl.WithTimeout(longest)))
		require.NoError(t, s.Every("rate", longest.Truncate(time.Millisecond), harness.Job(harness.OK), pawl.WithFixedRate()))
		require.NoError(t, s.Every("grid", longest.Truncate(time.Millisecond), harness.Job(harness.OK), pawl.WithAligned()))
		require.NoError(t, s.Every("late", longest, harness.Job(harness.OK), pawl.WithBetween(last, last)))
		require.NoError(t, s.Cron("cron", "* * * * *", harness.Job(harness.OK), pawl.WithJitter(longest), pawl.WithCatchUpWithin(longest)))
		require.NoError(t, s.Once("once", last, harness.Job(harness.OK)))
		require.NoError(t, s.Manual("queue", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapAllow(5, math.MaxInt)), pawl.WithKeyWindow(longest), pawl.WithRetention(0, longest)))
		require.NoError(t, s.Manual("backoff", failing, pawl.WithBackoff(policy)))
		require.NoError(t, s.Manual("retry", failing, pawl.WithRetry(math.MaxInt, policy)))
		require.NoError(t, s.Manual("after", harness.Job(func(context.Context) error { return pawl.RetryAfter(longest, errors.New("no")) }), pawl.WithRetry(1, pawl.BackoffPolicy{Jitter: pawl.NoJitter})))
		r := harness.Start(t, s)
		ctx := t.Context()
		require.NoError(t, r.Pause(ctx, "every", "", pawl.PauseFor(longest)))
		require.NoError(t, r.Pause(ctx, "cron", "", pawl.PauseUntil(last)))
		_, err := r.Trigger(ctx, "queue", pawl.WithStartAt(last), pawl.WithKey("k"))
		require.NoError(t, err)
		_, err = r.TriggerMany(ctx, "queue", make([]any, 20))
		require.NoError(t, err)
		for _, id := range []string{"backoff", "retry", "after"} {
			_, err = r.Trigger(ctx, id)
			require.NoError(t, err)
		}
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		now := time.Now()
		for _, id := range []string{"every", "rate", "grid", "late", "once", "backoff"} {
			f := harness.Status(t, r, id)
			for _, at := range []time.Time{f.NextRun, f.NextEligible, f.PausedUntil} {
				assert.True(t, at.IsZero() || at.After(now) && !at.After(last), "%s: %s", id, at)
			}
		}
		assert.Equal(t, 1, harness.Status(t, r, "queue").Waiting)
		assert.Equal(t, 1, harness.Status(t, r, "retry").Waiting)
		assert.Equal(t, 1, harness.Status(t, r, "after").Waiting)
		list, err := r.Next("late", 3)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, last, list[0].At)
		harness.Stop(t, r, db)
		again := harness.Quiet(db)
		require.NoError(t, again.Manual("queue", harness.Job(harness.OK)))
		r = harness.Start(t, again)
		assert.Equal(t, 1, harness.Status(t, r, "queue").Waiting)
		harness.Stop(t, r, db)
	})
}

// time S3, time S4: an expression can be looked at before any flow has it.
func TestExpressionCanBeLookedAtBeforeItIsUsed(t *testing.T) {
	const expr = "CRON_TZ=Europe/Berlin 30 2 * * *"
	from := time.Date(2027, 3, 26, 12, 0, 0, 0, time.UTC)
	list, err := pawl.CronInstants(expr, from, 3)
	require.NoError(t, err)
	assert.Equal(t, []time.Time{
		time.Date(2027, 3, 27, 1, 30, 0, 0, time.UTC),
		time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC), // right after the gap
		time.Date(2027, 3, 29, 0, 30, 0, 0, time.UTC),
	}, list)
	odd, err := pawl.CronOddities(expr, from, from.AddDate(0, 0, 7))
	require.NoError(t, err)
	require.Len(t, odd, 1)
	assert.True(t, odd[0].Gap && odd[0].Runs)
	assert.Contains(t, odd[0].Text, "02:30")

	_, err = pawl.CronInstants("* * *", from, 1)
	assert.ErrorIs(t, err, pawl.ErrInvalidSchedule)
	_, err = pawl.CronOddities("* * *", from, from)
	assert.ErrorIs(t, err, pawl.ErrInvalidSchedule)
}

// A simulation starts what a scheduler starts, at the same instants.
func TestSimulationIsWhatHappens(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var mu sync.Mutex // of happened
		var happened []string
		register := func(s *pawl.Scheduler) {
			sleeps := harness.Job(func(ctx context.Context) error {
				defer time.Sleep(7 * time.Minute)
				run, _ := pawl.RunFrom(ctx)
				mu.Lock()
				defer mu.Unlock()
				happened = append(happened, fmt.Sprintf("%s %d", run.FlowID, time.Now().Unix()))
				return nil
			})
			require.NoError(t, s.Cron("cron", "*/5 9-17 * * *", sleeps, pawl.WithOverlap(pawl.OverlapBufferOne)))
			require.NoError(t, s.Every("every", 10*time.Minute, sleeps))
			require.NoError(t, s.Cron("skips", "*/5 * * * *", sleeps))
		}
		var simulated []string
		from := time.Now()
		plan := harness.Quiet(db)
		register(plan)
		require.NoError(t, plan.Simulate(t.Context(), pawl.Simulation{From: from, To: from.Add(24*time.Hour - time.Second),
			Job: func(pawl.RunInfo) (time.Duration, error) { return 7 * time.Minute, nil },
			Each: func(step pawl.SimulationStep) error {
				for _, r := range step.Runs {
					if r.Status == pawl.RunRunning {
						simulated = append(simulated, fmt.Sprintf("%s %d", r.FlowID, r.StartedAt.Unix()))
					}
				}
				return nil
			}}))

		s := harness.Quiet(db, pawl.WithStopTimeout(time.Hour))
		register(s)
		r := harness.Start(t, s)
		time.Sleep(24*time.Hour - time.Second)
		synctest.Wait()
		harness.Stop(t, r, db)
		assert.Greater(t, len(simulated), 300)
		assert.ElementsMatch(t, happened, simulated)
	})
}

func TestSimulationReportsWhatIsWrong(t *testing.T) {
	s := pawl.NewScheduler("")
	assert.NoError(t, s.Simulate(t.Context(), pawl.Simulation{}), "there is nothing to play")
	assert.Error(t, s.Cron("a", "* * *", harness.Job(harness.OK)))
	assert.ErrorIs(t, s.Simulate(t.Context(), pawl.Simulation{}), pawl.ErrInvalidSchedule)
}
