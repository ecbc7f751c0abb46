package pawl_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
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
	return job(func(ctx context.Context) error {
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
	bubble(t, func(t *testing.T, db string) {
		time.Sleep(7*time.Minute + 123*time.Millisecond)
		registered := time.Now().UTC()
		var rate, grid starts
		build := func(interval time.Duration) *pawl.Scheduler {
			s := quiet(db, pawl.WithStopTimeout(time.Minute))
			require.NoError(t, s.Every("rate", interval, rate.job(7*time.Second), pawl.WithFixedRate()))
			require.NoError(t, s.Every("grid", interval, grid.job(11*time.Second), pawl.WithAligned()))
			return s
		}
		for range 20 {
			r := start(t, build(time.Hour))
			time.Sleep(5*time.Hour + 17*time.Minute)
			stop(t, r, db)
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
		r := start(t, build(25*time.Minute))
		assert.Equal(t, last, status(t, r, "rate").Anchor)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		for i := range rate.nominal {
			assert.Zero(t, rate.nominal[i].Sub(last)%(25*time.Minute))
		}
		stop(t, r, db)
	})
}

// time S2: a flow that runs once does so once, ever, also when its time passed while nobody
// ran, and when restarts follow.
func TestOnceRunsOnceEver(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var launch, missed starts
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Once("launch", time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC), launch.job(0)))
			require.NoError(t, s.Once("missed", time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC), missed.job(0)))
			return s
		}
		r := start(t, build())
		time.Sleep(2 * time.Hour)
		stop(t, r, db)
		time.Sleep(2 * time.Hour)
		for range 3 {
			r = start(t, build())
			time.Sleep(time.Hour)
			stop(t, r, db)
		}
		synctest.Wait()
		assert.Equal(t, []time.Time{time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)}, launch.real)
		assert.Equal(t, []time.Time{time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC)}, missed.nominal)
		assert.Equal(t, []time.Time{time.Date(2000, 1, 1, 4, 0, 0, 0, time.UTC)}, missed.real)
	})
}

// time S3: an unknown zone is that flow's error, never silently UTC.
func TestUnknownZoneIsAnErrorOfItsFlow(t *testing.T) {
	s := quiet("unused.db")
	for _, zone := range []string{"Mars/Olympus", "", "Local"} {
		err := s.Cron("a", "0 9 * * *", job(ok), pawl.WithLocation(zone))
		require.ErrorIs(t, err, pawl.ErrInvalidSchedule, zone)
	}
	require.ErrorIs(t, s.Every("b", time.Hour, job(ok), pawl.WithLocation("Europe/Berlin")), pawl.ErrInvalidSchedule)
	require.NoError(t, s.Cron("c", "0 9 * * *", job(ok), pawl.WithLocation("Europe/Berlin")))
	assert.Equal(t, 1, s.Len())
}

// time S5: jitter is the same after a restart, and never past the next instant. Runs and the
// ledger have the nominal one.
func TestJitterIsAHashOfTheInstant(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var spread, wide starts
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Cron("spread", "0 * * * *", spread.job(0), pawl.WithJitter(10*time.Minute)))
			require.NoError(t, s.Cron("wide", "* * * * *", wide.job(0), pawl.WithJitter(time.Hour)))
			return s
		}
		r := start(t, build())
		for range 24 { // a restart between the instant and its start does not draw again, nor start at once
			time.Sleep(time.Hour - time.Since(time.Now().Truncate(time.Hour)) + time.Millisecond)
			stop(t, r, db)
			r = start(t, build())
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
		assert.Zero(t, status(t, r, "spread").NextRun.Minute(), "the nominal instant")
		assert.GreaterOrEqual(t, len(wide.nominal), 24*60+29, "each before the next")
		assert.Empty(t, ledgerRows(t, db))
		stop(t, r, db)
	})
}

// time S6: no instant before the first or after the last, and no more than so many.
func TestBetweenAndLimitEndASchedule(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var between, limited starts
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Cron("between", "0 * * * *", between.job(0),
				pawl.WithBetween(time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC), time.Date(2000, 1, 1, 6, 0, 0, 0, time.UTC))))
			require.NoError(t, s.Cron("limited", "0 * * * *", limited.job(0), pawl.WithLimit(3)))
			return s
		}
		r := start(t, build())
		time.Sleep(2*time.Hour + time.Minute)
		stop(t, r, db)
		r = start(t, build())
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		assert.Len(t, between.real, 4)
		assert.Equal(t, time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC), between.real[0])
		assert.Len(t, limited.real, 3)
		for _, id := range []string{"between", "limited"} {
			assert.True(t, status(t, r, id).NextRun.IsZero(), id)
			next, err := r.Next(id, 3)
			require.NoError(t, err)
			assert.Empty(t, next, id)
		}
		_, text := whySays(t, r, "between", "20:00:00")
		assert.Contains(t, text, "is no instant of between")
		_, text = whySays(t, r, "limited", "20:00:00")
		assert.Equal(t, "limited will not run at 2000-01-01 20:00:00 UTC: its limit (3) was reached with the run for 2000-01-01 03:00:00 UTC.", text)
		stop(t, r, db)
	})
}

// time O1, time Q1: a start with a time of its own is in nobody's way before that, whatever the
// overlap policy; then it is a start like others, and not dropped.
func TestLaterStartIsInNobodysWay(t *testing.T) {
	for name, overlap := range map[string]pawl.Overlap{"skip": pawl.OverlapSkip, "buffer one": pawl.OverlapBufferOne, "cancel": pawl.OverlapCancel} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				var ran starts
				s := quiet(db, pawl.WithStopTimeout(2*time.Hour))
				require.NoError(t, s.Cron("hour", "0 * * * *", ran.job(90*time.Minute), pawl.WithOverlap(overlap)))
				r := start(t, s)
				later := time.Date(2000, 1, 2, 12, 30, 0, 0, time.UTC)
				run, err := r.Trigger(t.Context(), "hour", pawl.WithStartAt(later))
				require.NoError(t, err)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				assert.GreaterOrEqual(t, ran.count(), 12, "the schedule goes on")
				assert.GreaterOrEqual(t, status(t, r, "hour").Waiting, 1)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				info, err := r.WaitRun(t.Context(), "hour", run)
				require.NoError(t, err)
				assert.False(t, info.StartedAt.Before(later))
				stop(t, r, db)
			})
		})
	}
}
