package core

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// scheduler T5
func TestDelayGrowsToItsCap(t *testing.T) {
	p := BackoffPolicy{Initial: time.Second, Multiplier: 2, MaxDelay: 10 * time.Second, Jitter: 0.5}
	for _, test := range []struct {
		streak int
		jitter float64
		want   time.Duration
	}{
		{-3, 0, time.Second}, {0, 0, time.Second}, {1, 0, time.Second}, {2, 0, 2 * time.Second},
		{4, 0, 8 * time.Second}, {5, 0, 10 * time.Second}, {math.MaxInt, 0, 10 * time.Second},
		{1, 1, 1500 * time.Millisecond}, {1, -1, 500 * time.Millisecond},
		{4, 1, 10 * time.Second}, {5, -1, 5 * time.Second},
	} {
		assert.Equal(t, test.want, p.Delay(test.streak, test.jitter), "streak %d jitter %v", test.streak, test.jitter)
	}
	assert.Equal(t, time.Duration(math.MaxInt64), BackoffPolicy{Initial: math.MaxInt64}.Delay(9, 1))
}

// scheduler T5: no overflow and nothing negative, whatever the policy.
func TestDelayStaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := BackoffPolicy{
			Initial:    time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "initial")),
			Multiplier: rapid.Float64Range(1, math.MaxFloat64).Draw(t, "multiplier"),
			MaxDelay:   time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "max")),
			Jitter:     rapid.Float64Range(0, 1).Draw(t, "jitter"),
		}
		if p.Validate() != nil {
			return
		}
		d := p.Delay(rapid.Int().Draw(t, "streak"), rapid.Float64Range(-1, 1).Draw(t, "r"))
		require.True(t, d >= 0 && d <= p.cap(), "%s", d)
	})
}

// scheduler B5
func TestPolicyThatMakesNoSenseNamesItsField(t *testing.T) {
	for _, test := range []struct {
		policy BackoffPolicy
		field  string
	}{
		{BackoffPolicy{Initial: -1}, "Initial"},
		{BackoffPolicy{Multiplier: 0.5}, "Multiplier"},
		{BackoffPolicy{Multiplier: -1}, "Multiplier"},
		{BackoffPolicy{Multiplier: math.NaN()}, "Multiplier"},
		{BackoffPolicy{Multiplier: math.Inf(1)}, "Multiplier"},
		{BackoffPolicy{MaxDelay: -1}, "MaxDelay"},
		{BackoffPolicy{Initial: time.Minute, MaxDelay: time.Second}, "MaxDelay"},
		{BackoffPolicy{Jitter: -0.1}, "Jitter"},
		{BackoffPolicy{Jitter: 1.1}, "Jitter"},
		{BackoffPolicy{Jitter: math.NaN()}, "Jitter"},
		{BackoffPolicy{StreakLimit: -1}, "StreakLimit"},
	} {
		err := test.policy.Validate()
		require.ErrorIs(t, err, ErrInvalidBackoff, "%+v", test.policy)
		assert.ErrorContains(t, err, test.field+" is")
	}
	for _, p := range []BackoffPolicy{{}, DefaultBackoff(), TripAfter(3), {Initial: time.Hour}, {Multiplier: 1, Jitter: 1}} {
		assert.NoError(t, p.Validate(), "%+v", p)
	}
}

func TestDefaultsOfAPolicy(t *testing.T) {
	assert.Equal(t, DefaultBackoff().String(), BackoffPolicy{Jitter: 0.1}.String())
	assert.Equal(t, time.Hour, BackoffPolicy{Initial: time.Hour}.cap(), "or Initial if that is more")
	assert.False(t, DefaultBackoff().Trips(math.MaxInt))
	assert.True(t, TripAfter(0).Trips(1))
	assert.True(t, TripAfter(-7).Trips(1))
	assert.False(t, TripAfter(3).Trips(2))
	assert.True(t, TripAfter(3).Trips(3))
	assert.Equal(t, "1s x2 up to 5m0s, jitter 0.1, trips at 3", TripAfter(3).String())
}

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
