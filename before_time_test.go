package pawl_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A database of the version before time, overlap and inputs came opens, is migrated and
// carries on: streak, window, trip and history are as they were, what was missed is made
// up for, and all that is new works. The owner that made it was killed.
func TestDatabaseOfTheVersionBeforeCarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_time.sqlite")
	require.NoError(t, err)
	bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		last := time.Date(2026, 11, 27, 17, 42, 39, 86e6, time.UTC)
		time.Sleep(time.Until(last.Add(10 * time.Second)))
		_, err := pawl.Open(db)
		require.ErrorContains(t, err, "start its program once")

		ran, mu := map[string]int{}, sync.Mutex{}
		s := quiet(db)
		count := func(id string, then pawl.JobFunc) pawl.Job {
			return job(func(ctx context.Context) error {
				mu.Lock()
				ran[id]++
				mu.Unlock()
				return then(ctx)
			})
		}
		policy := func(initial time.Duration, limit int) pawl.FlowOption {
			return pawl.WithBackoff(pawl.BackoffPolicy{Initial: initial, Jitter: 0.1, StreakLimit: limit})
		}
		require.NoError(t, errors.Join(
			s.Every("heartbeat", 5*time.Second, count("heartbeat", ok)),
			s.Every("flaky", 4*time.Second, count("flaky", failing), policy(20*time.Second, 5)),
			s.Every("broken", 2*time.Second, count("broken", failing), policy(time.Second, 3)),
			s.Cron("minutely", "* * * * *", count("minutely", ok)),
			s.Manual("by-hand", count("by-hand", ok), pawl.WithOverlap(pawl.OverlapBuffer(5))),
		))
		r := start(t, s)
		synctest.Wait()
		assert.Equal(t, map[string]int{"heartbeat": 1}, ran, "the one that is overdue")
		flaky := status(t, r, "flaky")
		assert.Equal(t, pawl.StatusBackoff, flaky.Status)
		assert.Equal(t, 1, flaky.FailureStreak)
		assert.Equal(t, time.Date(2026, 11, 27, 17, 42, 56, 24e6, time.UTC), flaky.NextEligible)
		assert.Equal(t, "exit status 7: no answer\nconnecting to the moon\nno answer", flaky.LastError)
		broken := status(t, r, "broken")
		assert.Equal(t, pawl.StatusTripped, broken.Status)
		assert.Equal(t, 3, broken.FailureStreak)
		assert.Contains(t, broken.LastError, "a-folder-that-is-not-there")
		assert.Equal(t, time.Date(2026, 11, 27, 17, 43, 0, 0, time.UTC), status(t, r, "minutely").NextRun)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{})
		require.NoError(t, err)
		assert.Len(t, runs, 10)
		assert.Equal(t, pawl.RunFailed, runOf(t, r, "broken", 1).Status)
		assert.Equal(t, last, runOf(t, r, "heartbeat", 3).FinishedAt)

		time.Sleep(time.Minute)
		synctest.Wait()
		assert.GreaterOrEqual(t, ran["flaky"], 1)
		assert.Equal(t, 1, ran["minutely"])
		assert.Zero(t, ran["broken"])
		run, err := r.Probe(t.Context(), "broken")
		require.NoError(t, err)
		assert.Equal(t, int64(4), run)
		require.NoError(t, r.Pause(t.Context(), "heartbeat", "for now"))
		_, err = r.TriggerMany(t.Context(), "by-hand", []any{1, 2, 3})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 3, ran["by-hand"])
		assert.Equal(t, pawl.StatusTripped, status(t, r, "broken").Status)
		stop(t, r, db)
		c := openClient(t, db)
		checks, err := c.Doctor(t.Context())
		require.NoError(t, err)
		for _, check := range checks {
			assert.Empty(t, check.Found, check.Name)
		}
		require.NoError(t, c.Close())
	})
	left, err := filepath.Glob("store/testdata/*.sqlite*")
	require.NoError(t, err)
	assert.Equal(t, []string{"store/testdata/before_facts.sqlite", "store/testdata/before_found.sqlite", "store/testdata/before_house.sqlite", "store/testdata/before_pause.sqlite", "store/testdata/before_time.sqlite", "store/testdata/before_workflow.sqlite"}, left)
}
