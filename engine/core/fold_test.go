package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// requireFolded applies a transition to the state that was folded so far, and requires what
// Apply decided.
func requireFolded(t require.TestingT, folded *State, c Change) {
	transition := c.Transition()
	folded.Fold(&transition)
	type told struct {
		status                                Status
		registered                            bool
		number, runs, version, seq            int64
		inFlight, streak, notOver             int
		end, last, eligible, next, at, paused time.Time
		until                                 time.Time
		note                                  string
	}
	tell := func(s *State) told {
		return told{s.Status, s.Registered, s.LastNumber, s.RunCount, s.Version, s.LastSeq, s.InFlight, s.FailureStreak, s.NotOver(),
			s.LastEnd, s.LastRun, s.NextEligible, s.NextRun, s.UpdatedAt, s.PausedAt, s.PausedUntil, s.PauseNote}
	}
	require.Equal(t, tell(c.State), tell(folded), c.Event)
}

// A log whose beginning was deleted tells only what its transitions tell: a state after the gap
// counts no runs that were accepted before it.
func TestFoldAcrossAGapInventsNothing(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s := NewState("import", 1)
	s.Fold(&Transition{Version: 7, At: at, Event: "accept", RunNumber: 9, Waiting: 4, ToStatus: StatusIdle})
	assert.True(t, s.Registered)
	assert.EqualValues(t, 9, s.LastNumber)
	assert.Equal(t, 4, s.NotOver())
	s.Fold(&Transition{Version: 8, At: at, Event: "accept", RunNumber: 10, Waiting: 6, ToStatus: StatusIdle})
	assert.EqualValues(t, 11, s.LastNumber)
	require.Equal(t, NotPaused, s.Paused)
}
