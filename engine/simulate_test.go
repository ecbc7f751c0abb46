package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// simulated counts what a day of one flow has: starts, by hour, the most runs at once,
// and instants that were passed over.
type simulated struct {
	starts, most, running int
	skipped               int64
	waited                time.Duration
	status                core.Status
}

func simulate(t *testing.T, plans []core.Plan, s Simulation) simulated {
	t.Helper()
	var got simulated
	for i, p := range plans {
		s.Flows = append(s.Flows, Flow{ID: fmt.Sprint("flow ", i), Plan: &p})
	}
	s.From, s.To = epoch, epoch.Add(24*time.Hour-time.Millisecond)
	s.Each = func(c *core.Change) error {
		for _, r := range c.Runs {
			switch {
			case r.Status == core.RunRunning && r.Was != core.RunRunning:
				got.starts++
				got.running++
				got.waited = max(got.waited, r.StartedAt.Sub(r.ScheduledAt))
			case r.Was == core.RunRunning && r.Status != core.RunRunning:
				got.running--
			}
		}
		for _, v := range c.Verdicts {
			got.skipped += v.Count
		}
		got.most, got.status = max(got.most, got.running), c.Status
		return nil
	}
	require.NoError(t, Simulate(t.Context(), s))
	return got
}

func took(d time.Duration) func(core.RunInfo) (time.Duration, error) {
	return func(core.RunInfo) (time.Duration, error) { return d, nil }
}

// A simulation decides as the engine does, since it is the same function that decides.
func TestSimulationDecidesAsTheEngine(t *testing.T) {
	hourly, minutely := mustCron("0 * * * *"), mustCron("* * * * *")
	backoff := core.BackoffPolicy{Initial: time.Minute, StreakLimit: 3}
	t.Run("on time", func(t *testing.T) {
		assert.Equal(t, simulated{starts: 23, most: 1, status: core.StatusCompleted}, simulate(t, []core.Plan{{Schedule: hourly}}, Simulation{Job: took(time.Minute)}))
	})
	t.Run("skips what overlaps", func(t *testing.T) {
		got := simulate(t, []core.Plan{{Schedule: minutely}}, Simulation{Job: took(90 * time.Second)})
		assert.Equal(t, 720, got.starts)
		assert.InDelta(t, 719, got.skipped, 1)
		assert.Equal(t, 1, got.most)
	})
	t.Run("buffers what overlaps, more than a window holds", func(t *testing.T) {
		got := simulate(t, []core.Plan{{Schedule: minutely, Overlap: core.OverlapBuffer(500)}}, Simulation{Job: took(90 * time.Second)})
		assert.Equal(t, 960, got.starts, "one after another, all day long")
		assert.Equal(t, 1, got.most)
		assert.Greater(t, got.waited, 7*time.Hour)
	})
	t.Run("runs side by side", func(t *testing.T) {
		got := simulate(t, []core.Plan{{Schedule: minutely, Overlap: core.OverlapAllow(2, 0)}}, Simulation{Job: took(90 * time.Second)})
		assert.Equal(t, 2, got.most)
		assert.Equal(t, 1439, got.starts)
	})
	t.Run("cancels what overlaps", func(t *testing.T) {
		got := simulate(t, []core.Plan{{Schedule: minutely, Overlap: core.OverlapCancel}}, Simulation{Job: took(90 * time.Second)})
		assert.Equal(t, 1439, got.starts)
		assert.Equal(t, 1, got.most)
	})
	t.Run("trips", func(t *testing.T) {
		fails := func(core.RunInfo) (time.Duration, error) { return 0, errors.New("no") }
		got := simulate(t, []core.Plan{{Schedule: hourly, Backoff: &backoff}}, Simulation{Job: fails})
		assert.Equal(t, 3, got.starts)
		assert.Equal(t, core.StatusTripped, got.status)
	})
	t.Run("times out", func(t *testing.T) {
		got := simulate(t, []core.Plan{{Schedule: hourly, Timeout: time.Minute}}, Simulation{Job: took(10 * time.Hour)})
		assert.Equal(t, 23, got.starts)
		assert.Equal(t, core.StatusFailed, got.status)
	})
	t.Run("tries again", func(t *testing.T) {
		fails := func(core.RunInfo) (time.Duration, error) { return time.Second, errors.New("no") }
		got := simulate(t, []core.Plan{{Schedule: hourly, Retry: &core.Retry{Max: 2}}}, Simulation{Job: fails})
		assert.Equal(t, 3*23, got.starts)
	})
	t.Run("waits for a limit", func(t *testing.T) {
		plans := []core.Plan{{Schedule: hourly}, {Schedule: hourly, Group: "g"}, {Schedule: hourly, Group: "g"}}
		assert.Equal(t, 2, simulate(t, plans, Simulation{Job: took(time.Minute), Groups: map[string]int{"g": 1}}).most)
		got := simulate(t, plans, Simulation{Job: took(time.Minute), MaxRunning: 1})
		assert.Equal(t, simulated{starts: 69, most: 1, waited: 2 * time.Minute, status: core.StatusCompleted}, got)
	})
}

func TestSimulationEndsWithItsContextOrAnError(t *testing.T) {
	p := core.Plan{Schedule: mustCron("* * * * *")}
	s := Simulation{Flows: []Flow{{ID: "a", Plan: &p}}, From: epoch, To: epoch.AddDate(100, 0, 0), Job: took(0)}
	ctx, cancel := context.WithCancel(t.Context())
	s.Each = func(*core.Change) error {
		cancel()
		return nil
	}
	assert.ErrorIs(t, Simulate(ctx, s), context.Canceled)
	enough := errors.New("enough")
	s.Each = func(*core.Change) error { return enough }
	assert.ErrorIs(t, Simulate(t.Context(), s), enough)
}

var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func mustCron(expr string) schedule.Schedule {
	s, err := schedule.Cron(expr)
	if err != nil {
		panic(err)
	}
	return s
}
