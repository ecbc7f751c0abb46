package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A limit that came down to the streak acts at the next failure, not when a run ends
// that is nobody's. T9, X3.
func TestLowerLimitActsAtTheNextFailure(t *testing.T) {
	plan := Plan{Schedule: minute, Backoff: &BackoffPolicy{}, Database: "db"}
	s := State{FlowInfo: FlowInfo{ID: "f", Status: StatusIdle}, Key: 1}
	apply := func(e Event) {
		t.Helper()
		c, err := Apply(s, e, epoch, plan)
		require.NoError(t, err)
		s = *c.State
	}
	apply(Adopt{})
	apply(Reserve{Trigger: TriggerManual, Key: 1})
	apply(Outcome{Run: 1, Error: "boom"})
	require.Equal(t, StatusBackoff, s.Status)
	plan.Backoff = &BackoffPolicy{StreakLimit: 1}
	apply(Adopt{})
	apply(Reserve{Trigger: TriggerManual, Key: 2})
	apply(Interrupt{Run: 2, Error: "interrupted", Spared: true})
	assert.Equal(t, StatusBackoff, s.Status)
	apply(Reserve{Trigger: TriggerManual, Key: 3})
	apply(Outcome{Run: 3, Error: "boom"})
	assert.Equal(t, StatusTripped, s.Status)
	assert.Zero(t, s.NextEligible)
	assert.Zero(t, s.NextRun)
}
