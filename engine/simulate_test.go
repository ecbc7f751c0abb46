package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// simulated counts what a day of one flow has: starts, by hour, the most runs at once,
// and instants that were passed over.
type simulated struct {
	starts, most, running int
	skipped               int64
	waited                time.Duration
	status                Status
}

func simulate(t *testing.T, plans []Plan, s Simulation) simulated {
	t.Helper()
	var got simulated
	for i, p := range plans {
		s.Flows = append(s.Flows, Flow{ID: fmt.Sprint("flow ", i), Plan: &p})
	}
	s.From, s.To = epoch, epoch.Add(24*time.Hour-time.Millisecond)
	s.Each = func(c *Change) error {
		for _, r := range c.Runs {
			switch {
			case r.Status == RunRunning && r.Was != RunRunning:
				got.starts++
				got.running++
				got.waited = max(got.waited, r.StartedAt.Sub(r.ScheduledAt))
			case r.Was == RunRunning && r.Status != RunRunning:
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

func took(d time.Duration) func(RunInfo) (time.Duration, error) {
	return func(RunInfo) (time.Duration, error) { return d, nil }
}

// A simulation decides as the engine does, since it is the same function that decides.
func TestSimulationDecidesAsTheEngine(t *testing.T) {
	hourly, minutely := mustCron("0 * * * *"), mustCron("* * * * *")
	backoff := BackoffPolicy{Initial: time.Minute, StreakLimit: 3}
	t.Run("on time", func(t *testing.T) {
		assert.Equal(t, simulated{starts: 23, most: 1, status: StatusCompleted}, simulate(t, []Plan{{Schedule: hourly}}, Simulation{Job: took(time.Minute)}))
	})
	t.Run("skips what overlaps", func(t *testing.T) {
		got := simulate(t, []Plan{{Schedule: minutely}}, Simulation{Job: took(90 * time.Second)})
		assert.Equal(t, 720, got.starts)
		assert.InDelta(t, 719, got.skipped, 1)
		assert.Equal(t, 1, got.most)
	})
	t.Run("buffers what overlaps, more than a window holds", func(t *testing.T) {
		got := simulate(t, []Plan{{Schedule: minutely, Overlap: OverlapBuffer(500)}}, Simulation{Job: took(90 * time.Second)})
		assert.Equal(t, 960, got.starts, "one after another, all day long")
		assert.Equal(t, 1, got.most)
		assert.Greater(t, got.waited, 7*time.Hour)
	})
	t.Run("runs side by side", func(t *testing.T) {
		got := simulate(t, []Plan{{Schedule: minutely, Overlap: OverlapAllow(2, 0)}}, Simulation{Job: took(90 * time.Second)})
		assert.Equal(t, 2, got.most)
		assert.Equal(t, 1439, got.starts)
	})
	t.Run("cancels what overlaps", func(t *testing.T) {
		got := simulate(t, []Plan{{Schedule: minutely, Overlap: OverlapCancel}}, Simulation{Job: took(90 * time.Second)})
		assert.Equal(t, 1439, got.starts)
		assert.Equal(t, 1, got.most)
	})
	t.Run("trips", func(t *testing.T) {
		fails := func(RunInfo) (time.Duration, error) { return 0, errors.New("no") }
		got := simulate(t, []Plan{{Schedule: hourly, Backoff: &backoff}}, Simulation{Job: fails})
		assert.Equal(t, 3, got.starts)
		assert.Equal(t, StatusTripped, got.status)
	})
	t.Run("times out", func(t *testing.T) {
		got := simulate(t, []Plan{{Schedule: hourly, Timeout: time.Minute}}, Simulation{Job: took(10 * time.Hour)})
		assert.Equal(t, 23, got.starts)
		assert.Equal(t, StatusFailed, got.status)
	})
	t.Run("tries again", func(t *testing.T) {
		fails := func(RunInfo) (time.Duration, error) { return time.Second, errors.New("no") }
		got := simulate(t, []Plan{{Schedule: hourly, Retry: &Retry{Max: 2}}}, Simulation{Job: fails})
		assert.Equal(t, 3*23, got.starts)
	})
	t.Run("waits for a limit", func(t *testing.T) {
		plans := []Plan{{Schedule: hourly}, {Schedule: hourly, Group: "g"}, {Schedule: hourly, Group: "g"}}
		assert.Equal(t, 2, simulate(t, plans, Simulation{Job: took(time.Minute), Groups: map[string]int{"g": 1}}).most)
		got := simulate(t, plans, Simulation{Job: took(time.Minute), MaxRunning: 1})
		assert.Equal(t, simulated{starts: 69, most: 1, waited: 2 * time.Minute, status: StatusCompleted}, got)
	})
}

func TestSimulationEndsWithItsContextOrAnError(t *testing.T) {
	p := Plan{Schedule: mustCron("* * * * *")}
	s := Simulation{Flows: []Flow{{ID: "a", Plan: &p}}, From: epoch, To: epoch.AddDate(100, 0, 0), Job: took(0)}
	ctx, cancel := context.WithCancel(t.Context())
	s.Each = func(*Change) error {
		cancel()
		return nil
	}
	assert.ErrorIs(t, Simulate(ctx, s), context.Canceled)
	enough := errors.New("enough")
	s.Each = func(*Change) error { return enough }
	assert.ErrorIs(t, Simulate(t.Context(), s), enough)
}
