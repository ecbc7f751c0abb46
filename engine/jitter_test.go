package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// S5: whole milliseconds in [0, d), the same for the same instant of the same flow.
func TestSpreadStaysBelowItsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(-1e9, 1e15).Draw(t, "bound"))
		nominal := epoch.Add(time.Duration(rapid.Int64Range(0, 1e18).Draw(t, "nominal")))
		got := spread("db", "flow", nominal, d)
		require.Equal(t, got, spread("db", "flow", nominal, d))
		require.Zero(t, got%time.Millisecond)
		require.GreaterOrEqual(t, got, time.Duration(0))
		require.True(t, got < d || got == 0 && d < time.Millisecond)
	})
}

// S5: flows, instants and databases are spread apart, over all of the range.
func TestSpreadFillsItsRange(t *testing.T) {
	seen := map[time.Duration]int{}
	for i := range 1000 {
		seen[spread("db", "flow", at(float64(i)), 10*time.Millisecond)]++
	}
	assert.Len(t, seen, 10)
	for d, n := range seen {
		assert.InDelta(t, 100, n, 40, d)
	}
	assert.NotEqual(t, spread("db", "flow", epoch, time.Hour), spread("db", "other", epoch, time.Hour))
	assert.NotEqual(t, spread("db", "flow", epoch, time.Hour), spread("db 2", "flow", epoch, time.Hour))
}
