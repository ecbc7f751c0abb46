package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whose failure a crash is, and who is a suspect after it: the row of the matrix
// on several runs in flight, by all that recovery knows.
func TestCrashIsBlamedOnTheOneThatCanBeNamed(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy, Database: "db"}
	for _, test := range []struct {
		name            string
		suspect, spared bool
		flows, suspects int
		guilty, after   bool // a suspect
		why             string
	}{
		{"alone", false, false, 1, 0, true, false, ""},
		{"alone, a suspect", true, false, 1, 1, true, true, ""},
		{"one of two", false, false, 2, 0, false, true, "suspect: one of 2 flows with a run in flight"},
		{"the only suspect", true, false, 3, 1, true, true, "it was the only suspect of 3 flows with a run in flight"},
		{"beside the only suspect", false, false, 3, 1, false, false, "not blamed: another flow was the only suspect of 3 with a run in flight"},
		{"one of two suspects", true, false, 2, 2, false, true, "suspect: one of 2 flows with a run in flight"},
		{"beside two suspects", false, false, 3, 2, false, true, "suspect: one of 3 flows with a run in flight"},
		{"spared", false, true, 2, 0, false, false, ""},
		{"a suspect spared", true, true, 2, 1, false, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stateIn(StatusRunning, p)
			s.Suspect = test.suspect
			c := apply(t, s, Interrupt{Run: 4, Error: "interrupted: x", Flows: test.flows, Suspects: test.suspects, Spared: test.spared}, at(100), p)
			assert.Equal(t, test.after, c.Suspect)
			assert.Equal(t, test.why, c.Note)
			if test.why != "" {
				assert.Equal(t, "interrupted: x; "+test.why, c.Runs[0].Error)
			}
			if test.guilty {
				assert.Equal(t, StatusBackoff, c.Status)
				assert.Equal(t, s.FailureStreak+1, c.FailureStreak)
				return
			}
			assert.Equal(t, StatusFailed, c.Status)
			assert.Equal(t, s.FailureStreak, c.FailureStreak)
			assert.Equal(t, s.NextEligible, c.NextEligible)
		})
	}
}

// The end of a suspect's run, or a minute of it, clears the flow; nothing else does.
func TestSuspectIsClearedByARunThatDoesNoHarm(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy, Database: "db"}
	s := stateIn(StatusRunning, p)
	s.Suspect = true
	for _, test := range []struct {
		event Event
		note  string
	}{
		{Outcome{Run: 4}, "no suspect any more: its run ended"},
		{Outcome{Run: 4, Error: "boom"}, "no suspect any more: its run ended"},
		{Cancel{Run: 4, Error: "cancelled"}, "no suspect any more: its run ended"},
		{Clear{Run: 4}, "no suspect any more: it ran for 1m0s"},
	} {
		c := apply(t, s, test.event, at(30), p)
		assert.False(t, c.Suspect, "%T", test.event)
		assert.Equal(t, test.note, c.Note, "%T", test.event)
		assert.Equal(t, int64(4), c.RunNumber)
	}
	for _, event := range []Event{Reset{}, Adopt{}, Retire{}, Interrupt{Run: 4, Error: "interrupted: x"}} {
		assert.True(t, apply(t, s, event, at(30), p).Suspect, "%T", event)
	}

	c := apply(t, s, Clear{Run: 4}, at(60), p)
	want := s
	want.Suspect, want.Version, want.UpdatedAt = false, s.Version+1, at(60)
	assert.Equal(t, want, *c.State, "nothing else changes")
	_, err := Apply(*c.State, Clear{Run: 4}, at(120), p)
	require.ErrorIs(t, err, errUnchanged)
}
