package pawl_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/workflow"
)

// A database of the version before time, overlap and inputs came opens, is migrated and
// carries on: streak, window, trip and history are as they were, what was missed is made
// up for, and all that is new works. The owner that made it was killed.
func TestDatabaseOfTheVersionBeforeCarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_time.sqlite")
	require.NoError(t, err)
	harness.Bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		last := time.Date(2026, 11, 27, 17, 42, 39, 86e6, time.UTC)
		time.Sleep(time.Until(last.Add(10 * time.Second)))
		_, err := pawl.Open(db)
		require.ErrorContains(t, err, "start its program once")

		ran, mu := map[string]int{}, sync.Mutex{}
		s := harness.Quiet(db)
		count := func(id string, then pawl.JobFunc) pawl.Job {
			return harness.Job(func(ctx context.Context) error {
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
			s.Every("heartbeat", 5*time.Second, count("heartbeat", harness.OK)),
			s.Every("flaky", 4*time.Second, count("flaky", harness.Failing), policy(20*time.Second, 5)),
			s.Every("broken", 2*time.Second, count("broken", harness.Failing), policy(time.Second, 3)),
			s.Cron("minutely", "* * * * *", count("minutely", harness.OK)),
			s.Manual("by-hand", count("by-hand", harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(5))),
		))
		r := harness.Start(t, s)
		synctest.Wait()
		assert.Equal(t, map[string]int{"heartbeat": 1}, ran, "the one that is overdue")
		flaky := harness.Status(t, r, "flaky")
		assert.Equal(t, pawl.StatusBackoff, flaky.Status)
		assert.Equal(t, 1, flaky.FailureStreak)
		assert.Equal(t, time.Date(2026, 11, 27, 17, 42, 56, 24e6, time.UTC), flaky.NextEligible)
		assert.Equal(t, "exit status 7: no answer\nconnecting to the moon\nno answer", flaky.LastError)
		broken := harness.Status(t, r, "broken")
		assert.Equal(t, pawl.StatusTripped, broken.Status)
		assert.Equal(t, 3, broken.FailureStreak)
		assert.Contains(t, broken.LastError, "a-folder-that-is-not-there")
		assert.Equal(t, time.Date(2026, 11, 27, 17, 43, 0, 0, time.UTC), harness.Status(t, r, "minutely").NextRun)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{})
		require.NoError(t, err)
		assert.Len(t, runs, 10)
		assert.Equal(t, pawl.RunFailed, harness.RunOf(t, r, "broken", 1).Status)
		assert.Equal(t, last, harness.RunOf(t, r, "heartbeat", 3).FinishedAt)

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
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, r, "broken").Status)
		harness.Stop(t, r, db)
		c := harness.OpenClient(t, db)
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

// A database of schema 5 opens, is migrated and carries on, and Verify finds nothing. What it
// said in texts alone is a fact of its own where that is certain (facts T1). A pawl run and then another
// program made it, both were killed, on a machine that has restarted since.
func TestDatabaseOfSchema5KeepsItsFacts(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_facts.sqlite")
	require.NoError(t, err)
	harness.Bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		before := time.Date(2026, 12, 1, 5, 23, 47, 946e6, time.UTC)
		time.Sleep(time.Until(time.Date(2026, 12, 1, 5, 24, 0, 0, time.UTC)))
		s := factsOfSchema5(db)
		r := harness.Start(t, s)
		synctest.Wait()
		const vendor = "until 2030-01-01T00:00:00.000Z: vendor"
		for id, want := range map[string]pawl.FlowInfo{
			"moving":       {PauseNote: "the office moves", PausedUntil: time.Date(2026, 12, 3, 5, 23, 46, 213e6, time.UTC)},
			"vendor":       {PauseNote: vendor},
			"vendor-twice": {PauseNote: "again", PausedUntil: time.Date(2026, 12, 4, 5, 23, 47, 945e6, time.UTC)},
			"resumed":      {},
		} {
			is := harness.Status(t, r, id)
			assert.Equal(t, want, pawl.FlowInfo{PauseNote: is.PauseNote, PausedUntil: is.PausedUntil}, id)
		}
		for id, code := range map[string]int{"seven": 7, "signal": 139, "says": 3, "long": 0, "tool": 0, "text": 0} { // facts T5
			assert.Equal(t, code, harness.RunOf(t, r, id, 1).ExitCode, id)
		}
		assert.Equal(t, []string{"0"}, harness.Texts(t, db, "SELECT count(*) FROM pawl_transitions WHERE event = 'adopt' AND at >= '2026-12-01T05:24'"),
			"facts T3: the values of the policies are those of the texts, so no flow has changed")
		assert.Equal(t, int64(400), harness.Status(t, r, "often").Policies.Limit)
		require.NoError(t, r.Pause(t.Context(), "vendor", vendor+" again"))
		time.Sleep(80 * time.Hour)
		synctest.Wait()
		assert.Zero(t, harness.Status(t, r, "moving").PausedAt)
		assert.Equal(t, time.Date(2026, 12, 1, 5, 23, 46, 215e6, time.UTC), harness.Status(t, r, "vendor").PausedAt)
		assert.NotZero(t, harness.Status(t, r, "lapsed").RunCount)
		harness.Stop(t, r, db)
		c := harness.OpenClient(t, db)
		flows, err := c.At(t.Context(), before)
		require.NoError(t, err)
		for _, f := range flows {
			switch f.ID {
			case "moving":
				assert.Equal(t, time.Date(2026, 12, 3, 5, 23, 46, 213e6, time.UTC), f.PausedUntil)
			case "vendor":
				assert.Equal(t, vendor, f.PauseNote)
				assert.Zero(t, f.PausedUntil)
			}
		}
		found, err := c.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, found)
		checks, err := c.Doctor(t.Context())
		require.NoError(t, err)
		for _, check := range checks {
			assert.Empty(t, check.Found, check.Name)
		}
		require.NoError(t, c.Close())
	})
}

// factsOfSchema5 has the flows of the program that drove before_facts.sqlite last.
func factsOfSchema5(db string) *pawl.Scheduler {
	s := harness.Quiet(db)
	exit9 := harness.Job(func(context.Context) error { return exec.Command("sh", "-c", "exit 9").Run() })
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for _, id := range []string{"moving", "vendor", "vendor-twice", "lapsed", "resumed", "asked", "asked-vendor"} {
		must(s.Cron(id, "0 * * * *", harness.Job(harness.OK)))
	}
	must(s.Cron("often", "0 * * * *", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapAllow(3, 20)), pawl.WithCatchUp(pawl.CatchUpAll(5)),
		pawl.WithCatchUpWithin(36*time.Hour), pawl.WithJitter(90*time.Second), pawl.WithTimeout(time.Hour),
		pawl.WithAttemptTimeout(10*time.Minute), pawl.WithStopCancels(), pawl.WithLimit(400)))
	must(s.Every("twice", time.Hour, harness.Job(harness.OK), pawl.WithFixedRate(), pawl.WithLimit(2),
		pawl.WithRetry(4, pawl.BackoffPolicy{Initial: 5 * time.Second, Multiplier: 1.5, MaxDelay: time.Minute})))
	must(s.Manual("tool", exit9))
	must(s.Manual("text", harness.Job(func(context.Context) error { return errors.New("exit status 4: says a job in Go") })))
	must(s.Manual("trips", exit9, pawl.WithBackoff(pawl.BackoffPolicy{Initial: 2 * time.Hour, Multiplier: 3, MaxDelay: 9 * time.Hour,
		Jitter: 0.25, StreakLimit: 2}), pawl.WithOverlap(pawl.OverlapCancel)))
	must(s.Manual("buffered", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(10))))
	return s
}

// A database of schema 4 opens, is migrated and carries on: what waited runs, waits that
// have not ended go on, and what was tripped stays tripped. The owner that made it was
// killed twice with runs of three flows in flight, on a machine that has restarted since.
func TestDatabaseOfSchema4CarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_found.sqlite")
	require.NoError(t, err)
	harness.Bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		time.Sleep(time.Until(time.Date(2026, 11, 30, 21, 49, 0, 0, time.UTC)))
		ran, mu := map[string]int{}, sync.Mutex{}
		count := func(id string, err error) pawl.Job {
			return harness.Job(func(context.Context) error {
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
		s := harness.Quiet(db)
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
		r := harness.Start(t, s)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, map[string]int{"queue": 5, "past": 3}, ran, "what waited")
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, r, "broken").Status)
		assert.Equal(t, 1, harness.Status(t, r, "windowed").FailureStreak)
		assert.Equal(t, time.Date(2026, 12, 2, 21, 48, 4, 778e6, time.UTC), harness.Status(t, r, "holiday").PausedUntil)
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
		assert.Equal(t, harness.RunOf(t, r, "retried", 1).StartedAt, tried[1].StartedAt)
		assert.Equal(t, 1, ran["later"])
		assert.Equal(t, 3, ran["nightly"])
		assert.Zero(t, ran["stopped"])
		assert.Zero(t, ran["broken"])
		assert.NotZero(t, ran["holiday"])
		assert.Equal(t, pawl.RunInterrupted, harness.RunOf(t, r, "plain", 2).Status)
		harness.Stop(t, r, db)
		c := harness.OpenClient(t, db)
		checks, err := c.Doctor(t.Context())
		require.NoError(t, err)
		for _, check := range checks {
			assert.Empty(t, check.Found, check.Name)
		}
		require.NoError(t, c.Close())
	})
}

// A database of schema 5 opens, is migrated and carries on: what waited runs, what is parked
// wakes, and what was tripped or paused stays so. The owner that made it was killed with
// runs of two flows in flight, on a machine that has restarted since.
func TestDatabaseOfSchema5CarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_house.sqlite")
	require.NoError(t, err)
	harness.Bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		time.Sleep(time.Until(time.Date(2026, 12, 1, 5, 24, 0, 0, time.UTC)))
		ran, mu := map[string]int{}, sync.Mutex{}
		count := func(id string, err error) pawl.Job {
			return harness.Job(func(context.Context) error {
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
		s := harness.Quiet(db)
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
		r := harness.Start(t, s)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, r, "broken").Status)
		assert.Equal(t, pawl.RunInterrupted, harness.RunOf(t, r, "plain", 1).Status)
		assert.Equal(t, 1, harness.Status(t, r, "order").Parked)
		assert.Equal(t, time.Date(2026, 12, 3, 5, 23, 4, 565e6, time.UTC), harness.Status(t, r, "holiday").PausedUntil)
		known, err := r.Trigger(t.Context(), "queue", pawl.WithKey("k1"))
		require.NoError(t, err)
		assert.Equal(t, int64(1), known, "the key of an earlier run holds for an hour")
		time.Sleep(50 * time.Hour)
		synctest.Wait()
		assert.Equal(t, map[string]int{"grid": 50, "nightly": 2, "retried": 1, "holiday": 2, "queue": 1, "again": 1, "order": 1}, ran)
		harness.Stop(t, r, db)
		c := harness.OpenClient(t, db)
		checks, err := c.Doctor(t.Context())
		require.NoError(t, err)
		for _, check := range checks {
			assert.Empty(t, check.Found, check.Name)
		}
		require.NoError(t, c.Close())
	})
}
