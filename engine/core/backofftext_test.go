package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the database shows of a policy says all of it.
func TestBackoffIsReadAsItIsWritten(t *testing.T) {
	for _, p := range []BackoffPolicy{
		DefaultBackoff(), TripAfter(5), {}, {Initial: 90 * time.Minute}, {Initial: time.Millisecond, Multiplier: 1.5, MaxDelay: 36 * time.Hour, StreakLimit: 3},
	} {
		got, err := ParseBackoff(p.String())
		require.NoError(t, err)
		assert.Equal(t, p.filled(), got.filled(), p.String())
	}
	for _, bad := range []string{"", "1s", "1s x2", "1s x0.5 up to 5m", "x x2 up to 5m", "1s x2 up to 5m, trips at 99999999999999999999", "1s x2 up to 5m, jitter 2", "1s x2 up to 5m0s, jitter -2"} {
		_, err := ParseBackoff(bad)
		assert.ErrorIs(t, err, ErrInvalidBackoff, bad)
	}
}
