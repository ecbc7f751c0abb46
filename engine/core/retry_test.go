package core

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/schedule"
)

// A run that is tried very often keeps less of its later errors. found B2.
func TestErrorsOfManyAttemptsAreShort(t *testing.T) {
	plan := Plan{Database: "db", Schedule: schedule.Manual(), Retry: &Retry{Max: 1000, Delay: BackoffPolicy{Initial: time.Second, Multiplier: 1}}}
	c, err := Apply(NewState("f", 1), Adopt{}, epoch, plan)
	require.NoError(t, err)
	c, err = Apply(*c.State, Reserve{Trigger: TriggerManual, Key: 1}, epoch, plan)
	require.NoError(t, err)
	assert.Nil(t, c.Tried, "the first attempt costs nothing")
	now := epoch
	for attempt := 1; attempt <= 150; attempt++ {
		c, err = Apply(*c.State, Outcome{Run: 1, Error: strings.Repeat("x", 20_000)}, now, plan)
		require.NoError(t, err)
		require.NotNil(t, c.Tried)
		assert.Equal(t, attempt, c.Tried.Number)
		if attempt <= 100 {
			assert.InDelta(t, MaxRunError, len(c.Tried.Error), 40)
		} else {
			assert.InDelta(t, maxLastError, len(c.Tried.Error), 40)
		}
		now = now.Add(time.Hour)
		c, err = Apply(*c.State, Reserve{Trigger: TriggerSchedule}, now, plan)
		require.NoError(t, err)
		require.Equal(t, &Tried{Key: 1, Attempt: Attempt{Number: attempt + 1, Status: RunRunning, StartedAt: now}}, c.Tried)
	}
}
