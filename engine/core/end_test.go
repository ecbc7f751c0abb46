package core

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scheduler T9: a lower limit acts at the next failure, not at the end of a run that is none.
func TestALowerLimitDoesNotTripWithoutAFailure(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: &BackoffPolicy{StreakLimit: 3}}
	s := NewState("f", 1)
	for _, e := range []Event{Adopt{}, Reserve{Trigger: TriggerManual, Key: 1}, Outcome{Run: 1, Error: "boom"}, Reserve{Trigger: TriggerManual, Key: 2}} {
		c, err := Apply(s, e, epoch, p)
		require.NoError(t, err)
		s = *c.State
	}
	p.Backoff = &BackoffPolicy{StreakLimit: 1}
	c, err := Apply(s, Interrupt{Run: 2, Error: "interrupted", Spared: true}, epoch, p)
	require.NoError(t, err)
	assert.Equal(t, StatusBackoff, c.Status)
	assert.False(t, c.NextRun.IsZero())
}
