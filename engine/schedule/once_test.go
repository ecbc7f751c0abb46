package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// time S2.
func TestOnceFiresOnceHoweverLate(t *testing.T) {
	s := must(Once(at(60).In(time.FixedZone("", 3600))))
	assert.Equal(t, KindOnce, s.Kind())
	assert.Equal(t, "2026-11-22T09:01:00.000Z", s.String())
	for _, now := range []time.Time{at(0), at(60), at(1e6)} {
		assert.Equal(t, at(60), s.Resume(now, time.Time{}, time.Time{}))
		assert.Equal(t, at(60), s.Resume(now, at(30), time.Time{}), "a manual run is not it")
		assert.Equal(t, at(60), s.Next(now, time.Time{}))
		assert.Zero(t, s.Next(now, at(60)))
		assert.Zero(t, s.NextWhileRunning(now, at(60)))
		assert.Zero(t, s.Resume(now, at(90), at(60)))
	}
	assert.Equal(t, at(60), s.Latest(at(60), at(1e6)))
	assert.Equal(t, at(60), s.NotBefore(at(60), at(90)), "due at the end of the window")
	assert.Equal(t, at(60), s.After(at(59)))
	assert.Zero(t, s.After(at(60)))
	assert.NoError(t, checkCount(s, at(60), at(60), 1, at(60)))
	assert.NoError(t, checkCount(s, at(0), at(59.999), 0, time.Time{}))
	assert.NoError(t, checkCount(s, at(60.001), at(1e6), 0, time.Time{}))
}

// time S2, found C5.
func TestOnceNeedsAnInstantOfAFourDigitYear(t *testing.T) {
	for _, at := range []time.Time{{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := Once(at)
		require.ErrorIs(t, err, ErrInvalid)
	}
}
