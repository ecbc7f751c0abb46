package instant

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// found C5.
func TestInstantsOfFourDigitYearsAreValid(t *testing.T) {
	for _, valid := range []time.Time{{}, First, Last, Last.Add(999 * time.Microsecond)} {
		assert.NoError(t, Check("from", valid))
	}
	for _, invalid := range []time.Time{First.Add(-1), Last.Add(time.Millisecond)} {
		assert.ErrorContains(t, Check("from", invalid), "from, ")
	}
	assert.Equal(t, Last, OrNever(Last))
	assert.Zero(t, OrNever(Last.Add(time.Millisecond)))
}

func TestRoundUpTakesTheNextMillisecond(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 1_000_000, time.FixedZone("", 3600))
	assert.Equal(t, "2026-11-22T09:00:00.001Z", Format(RoundUp(at)))
	assert.Equal(t, "2026-11-22T09:00:00.002Z", Format(RoundUp(at.Add(1))))
	assert.Zero(t, RoundUp(time.Time{}))
}
