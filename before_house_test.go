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

// A database of schema 5 opens, is migrated and carries on: what waited runs, what is parked
// wakes, and what was tripped or paused stays so. The owner that made it was killed with
// runs of two flows in flight, on a machine that has restarted since.
func TestDatabaseOfSchema5CarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_house.sqlite")
	require.NoError(t, err)
	bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		time.Sleep(time.Until(time.Date(2026, 12, 1, 5, 24, 0, 0, time.UTC)))
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
			s.Every("broken", 30*time.Millisecond, count("broken", broken), pawl.WithBackoff(trips)),
			s.Manual("retried", count("retried", nil), pawl.WithRetry(5, slow)),
			s.Cron("holiday", "0 * * * *", count("holiday", nil)),
			s.Manual("queue", count("queue", nil), pawl.WithOverlap(pawl.OverlapAllow(2, 100)), pawl.WithKeyWindow(time.Hour)),
			s.Manual("plain", count("plain", nil)),
			s.Manual("again", count("again", nil), pawl.WithRetry(2, slow)),
			s.Manual("order", w.Job("a"), pawl.WithOverlap(pawl.OverlapAllow(5, 10))),
		))
		r := start(t, s)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, pawl.StatusTripped, status(t, r, "broken").Status)
		assert.Equal(t, pawl.RunInterrupted, runOf(t, r, "plain", 1).Status)
		assert.Equal(t, 1, status(t, r, "order").Parked)
		assert.Equal(t, time.Date(2026, 12, 3, 5, 23, 4, 565e6, time.UTC), status(t, r, "holiday").PausedUntil)
		known, err := r.Trigger(t.Context(), "queue", pawl.WithKey("k1"))
		require.NoError(t, err)
		assert.Equal(t, int64(1), known, "the key of an earlier run holds for an hour")
		time.Sleep(50 * time.Hour)
		synctest.Wait()
		assert.Equal(t, map[string]int{"grid": 50, "nightly": 2, "retried": 1, "holiday": 2, "queue": 1, "again": 1, "order": 1}, ran)
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
