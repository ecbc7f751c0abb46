package pawl_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/workflow"
)

// A database of schema 4 opens, is migrated and carries on: what waited runs, waits that
// have not ended go on, and what was tripped stays tripped. The owner that made it was
// killed twice with runs of three flows in flight, on a machine that has restarted since.
func TestDatabaseOfSchema4CarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_found.sqlite")
	require.NoError(t, err)
	bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		time.Sleep(time.Until(time.Date(2026, 11, 30, 21, 49, 0, 0, time.UTC)))
		ran, mu := map[string]int{}, sync.Mutex{}
		count := func(id string, err error) pawl.Job {
			return job(func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				ran[id]++
				return err
			})
		}
		w := workflow.New[string]()
		w.Register("a", func(ctx context.Context, _ *workflow.Resources) (string, error) { return "wait", nil })
		w.Register("wait", workflow.After[string]("b", 48*time.Hour))
		w.Register("b", func(ctx context.Context, _ *workflow.Resources) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			ran["order"]++
			return "done", nil
		})
		w.Exit("done")
		broken := errors.New("no answer from the bank")
		slow := pawl.BackoffPolicy{Initial: time.Hour, Multiplier: 2, StreakLimit: 5, Jitter: pawl.NoJitter}
		trips := pawl.TripAfter(2)
		trips.Initial = 30 * time.Millisecond
		s := quiet(db)
		require.NoError(t, errors.Join(
			s.Every("grid", time.Hour, count("grid", nil), pawl.WithFixedRate()),
			s.Cron("nightly", "0 9 * * *", count("nightly", nil), pawl.WithLocation("Europe/Berlin")),
			s.Cron("spread", "*/5 * * * *", count("spread", nil), pawl.WithJitter(time.Minute)),
			s.Every("broken", 30*time.Millisecond, count("broken", broken), pawl.WithBackoff(trips)),
			s.Manual("windowed", count("windowed", broken), pawl.WithBackoff(slow)),
			s.Manual("retried", count("retried", nil), pawl.WithRetry(5, slow)),
			s.Cron("holiday", "0 * * * *", count("holiday", nil)),
			s.Cron("stopped", "0 * * * *", count("stopped", nil)),
			s.Manual("queue", count("queue", nil), pawl.WithOverlap(pawl.OverlapAllow(2, 100)), pawl.WithKeyWindow(time.Hour)),
			s.Manual("plain", count("plain", nil)),
			s.Manual("later", count("later", nil), pawl.WithOverlap(pawl.OverlapBuffer(10))),
			s.Manual("order", w.Job("a"), pawl.WithOverlap(pawl.OverlapAllow(5, 10))),
			s.Cron("past", "30 * * * *", count("past", nil), pawl.WithOverlap(pawl.OverlapBuffer(5))),
		))
		r := start(t, s)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, map[string]int{"queue": 5, "past": 3}, ran, "what waited")
		assert.Equal(t, pawl.StatusTripped, status(t, r, "broken").Status)
		assert.Equal(t, 1, status(t, r, "windowed").FailureStreak)
		assert.Equal(t, time.Date(2026, 12, 2, 21, 48, 4, 778e6, time.UTC), status(t, r, "holiday").PausedUntil)
		known, err := r.Trigger(t.Context(), "queue", pawl.WithKey("k1"))
		require.NoError(t, err)
		assert.Equal(t, int64(2), known, "the key of an earlier run holds for an hour")

		time.Sleep(80 * time.Hour)
		synctest.Wait()
		assert.Equal(t, 3, ran["order"], "each timer ran out once")
		assert.Equal(t, 1, ran["retried"])
		tried, err := r.Attempts(t.Context(), "retried", 1) // found B2: its first attempt failed before the upgrade
		require.NoError(t, err)
		require.Len(t, tried, 2)
		assert.Equal(t, pawl.Attempt{Number: 1, Status: pawl.RunFailed, StartedAt: time.Date(2026, 11, 30, 21, 48, 4, 777e6, time.UTC), Error: "no answer from the bank"}, tried[0])
		assert.Equal(t, pawl.RunCompleted, tried[1].Status)
		assert.Equal(t, runOf(t, r, "retried", 1).StartedAt, tried[1].StartedAt)
		assert.Equal(t, 1, ran["later"])
		assert.Equal(t, 3, ran["nightly"])
		assert.Zero(t, ran["stopped"])
		assert.Zero(t, ran["broken"])
		assert.NotZero(t, ran["holiday"])
		assert.Equal(t, pawl.RunInterrupted, runOf(t, r, "plain", 2).Status)
		stop(t, r, db)
		c := openClient(t, db)
		checks, err := c.Doctor(t.Context())
		require.NoError(t, err)
		for _, check := range checks {
			assert.Empty(t, check.Found, check.Name)
		}
		require.NoError(t, c.Close())
	})
}
