package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// time S5: whole milliseconds in [0, d), the same for the same instant of the same flow.
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

// time S5: flows, instants and databases are spread apart, over all of the range.
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

// time S5, time O1: a run is in the way of an instant when it is in flight at the start that the
// jitter gives it, not before: at the end of a run, or by a pause, an instant that has
// come and is yet to start stays.
func TestOverlapIsJudgedAtTheJitteredStart(t *testing.T) {
	p := Plan{Schedule: mustCron("* * * * *"), Database: "db", Jitter: time.Minute}
	first := epoch.Add(time.Minute)
	for delayed("f", p.Schedule, first.Add(time.Minute), p).Sub(first) < 90*time.Second { // the second one is late
		p.Database += "+"
	}
	start, second := delayed("f", p.Schedule, first, p), first.Add(time.Minute)
	begin := func() State {
		s := NewState("f", 1)
		for _, e := range []Event{Adopt{}, Reserve{Trigger: TriggerManual, Key: 1}} {
			c, err := Apply(s, e, epoch, p)
			require.NoError(t, err)
			s = *c.State
		}
		require.Equal(t, first, s.NextRun)
		return s
	}
	skipped := Verdict{First: first, Last: first, Count: 1, Kind: VerdictOverlap, Run: 1, Reason: "a run was in flight"}

	c, err := Apply(begin(), Outcome{Run: 1}, start.Add(-time.Millisecond), p)
	require.NoError(t, err)
	assert.Equal(t, first, c.NextRun, "its start has not come")
	assert.Empty(t, c.Verdicts)

	c, err = Apply(begin(), Outcome{Run: 1}, start, p)
	require.NoError(t, err)
	assert.Equal(t, second, c.NextRun)
	assert.Equal(t, []Verdict{skipped}, c.Verdicts)

	c, err = Apply(begin(), Outcome{Run: 1}, second.Add(time.Millisecond), p)
	require.NoError(t, err)
	assert.Equal(t, second, c.NextRun, "it has come, its start has not")
	assert.Equal(t, []Verdict{skipped}, c.Verdicts)

	c, err = Apply(begin(), Pause{}, second.Add(time.Millisecond), p)
	require.NoError(t, err)
	assert.Equal(t, second, c.Held)
	assert.Equal(t, []Verdict{skipped}, c.Verdicts)
}
