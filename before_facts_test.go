package pawl_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A database of schema 5 opens, is migrated and carries on, and Verify finds nothing. What it
// said in texts alone is a fact of its own where that is certain (facts T1). A pawl run and then another
// program made it, both were killed, on a machine that has restarted since.
func TestDatabaseOfSchema5KeepsItsFacts(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_facts.sqlite")
	require.NoError(t, err)
	bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		before := time.Date(2026, 12, 1, 5, 23, 47, 946e6, time.UTC)
		time.Sleep(time.Until(time.Date(2026, 12, 1, 5, 24, 0, 0, time.UTC)))
		s := factsOfSchema5(db)
		r := start(t, s)
		synctest.Wait()
		const vendor = "until 2030-01-01T00:00:00.000Z: vendor"
		for id, want := range map[string]pawl.FlowInfo{
			"moving":       {PauseNote: "the office moves", PausedUntil: time.Date(2026, 12, 3, 5, 23, 46, 213e6, time.UTC)},
			"vendor":       {PauseNote: vendor},
			"vendor-twice": {PauseNote: "again", PausedUntil: time.Date(2026, 12, 4, 5, 23, 47, 945e6, time.UTC)},
			"resumed":      {},
		} {
			is := status(t, r, id)
			assert.Equal(t, want, pawl.FlowInfo{PauseNote: is.PauseNote, PausedUntil: is.PausedUntil}, id)
		}
		for id, code := range map[string]int{"seven": 7, "signal": 139, "says": 3, "long": 0, "tool": 0, "text": 0} { // facts T5
			assert.Equal(t, code, runOf(t, r, id, 1).ExitCode, id)
		}
		assert.Equal(t, []string{"0"}, texts(t, db, "SELECT count(*) FROM pawl_transitions WHERE event = 'adopt' AND at >= '2026-12-01T05:24'"),
			"facts T3: the values of the policies are those of the texts, so no flow has changed")
		assert.Equal(t, int64(400), status(t, r, "often").Policies.Limit)
		require.NoError(t, r.Pause(t.Context(), "vendor", vendor+" again"))
		time.Sleep(80 * time.Hour)
		synctest.Wait()
		assert.Zero(t, status(t, r, "moving").PausedAt)
		assert.Equal(t, time.Date(2026, 12, 1, 5, 23, 46, 215e6, time.UTC), status(t, r, "vendor").PausedAt)
		assert.NotZero(t, status(t, r, "lapsed").RunCount)
		stop(t, r, db)
		c := openClient(t, db)
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
	s := quiet(db)
	exit9 := job(func(context.Context) error { return exec.Command("sh", "-c", "exit 9").Run() })
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for _, id := range []string{"moving", "vendor", "vendor-twice", "lapsed", "resumed", "asked", "asked-vendor"} {
		must(s.Cron(id, "0 * * * *", job(ok)))
	}
	must(s.Cron("often", "0 * * * *", job(ok), pawl.WithOverlap(pawl.OverlapAllow(3, 20)), pawl.WithCatchUp(pawl.CatchUpAll(5)),
		pawl.WithCatchUpWithin(36*time.Hour), pawl.WithJitter(90*time.Second), pawl.WithTimeout(time.Hour),
		pawl.WithAttemptTimeout(10*time.Minute), pawl.WithStopCancels(), pawl.WithLimit(400)))
	must(s.Every("twice", time.Hour, job(ok), pawl.WithFixedRate(), pawl.WithLimit(2),
		pawl.WithRetry(4, pawl.BackoffPolicy{Initial: 5 * time.Second, Multiplier: 1.5, MaxDelay: time.Minute})))
	must(s.Manual("tool", exit9))
	must(s.Manual("text", job(func(context.Context) error { return errors.New("exit status 4: says a job in Go") })))
	must(s.Manual("trips", exit9, pawl.WithBackoff(pawl.BackoffPolicy{Initial: 2 * time.Hour, Multiplier: 3, MaxDelay: 9 * time.Hour,
		Jitter: 0.25, StreakLimit: 2}), pawl.WithOverlap(pawl.OverlapCancel)))
	must(s.Manual("buffered", job(ok), pawl.WithOverlap(pawl.OverlapBuffer(10))))
	return s
}
