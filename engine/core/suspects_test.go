package core

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whose failure a crash is, and who is a suspect after it, by what was in flight.
// found Q3, found A12.
func TestCrashIsBlamedOnTheOneThatCanBeNamed(t *testing.T) {
	for _, test := range []struct {
		name             string
		suspects, others int
		suspect, other   CrashVerdict // of each of them
		isolates, clears bool
	}{
		{"one alone", 0, 1, CrashVerdict{}, CrashVerdict{Failed: true}, false, false},
		{"a suspect alone", 1, 0, CrashVerdict{Failed: true, Suspect: true}, CrashVerdict{}, false, true},
		{"the first crash of several", 0, 3, CrashVerdict{}, CrashVerdict{Suspect: true, Why: "suspect: one of 3 that were in flight"}, false, false},
		{"one suspect", 1, 2, CrashVerdict{Failed: true, Suspect: true, Why: "it was the only suspect of 3 that were in flight"},
			CrashVerdict{Why: "not blamed: another was the only suspect of 3 that were in flight"}, false, true},
		{"several suspects", 2, 1, CrashVerdict{Suspect: true, Why: "suspect: one of 2 suspects that were in flight"},
			CrashVerdict{Why: "not blamed: 2 suspects were in flight"}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var units []CrashUnit
			for i := range test.suspects + test.others {
				units = append(units, CrashUnit{Run: int64(i), Suspect: i < test.suspects})
			}
			j := JudgeCrash(units)
			for _, u := range units {
				want := test.other
				if u.Suspect {
					want = test.suspect
				}
				assert.Equal(t, want, j.Units[u])
			}
			assert.Equal(t, []bool{test.isolates, test.clears}, []bool{j.Isolates, j.Clears})
		})
	}
}

// A crash that is not the failure of the flow changes no streak and uses up no attempt. Of a
// run that goes on the run is the suspect, else the flow. found Q1, found Q3.
func TestCrashLeavesASuspect(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy, Database: "db"}
	s := stateIn(StatusRunning, p)
	crash := Interrupt{Run: 4, Error: "interrupted: x", Spared: true, Suspect: true, Why: "suspect: one of 2 that were in flight"}
	c := apply(t, s, crash, at(100), p)
	assert.True(t, c.Suspect)
	assert.Equal(t, []int{s.FailureStreak, 0}, []int{c.FailureStreak, int(c.Suspects)})
	assert.Equal(t, crash.Why, c.Note)
	assert.Equal(t, "interrupted: x; "+crash.Why, c.Runs[0].Error)
	assert.Equal(t, StatusFailed, c.Status)

	p.Retry = &Retry{Max: 1}
	c = apply(t, s, crash, at(100), p)
	assert.False(t, c.Suspect)
	assert.Equal(t, []int{s.FailureStreak, 1}, []int{c.FailureStreak, int(c.Suspects)})
	run := c.Runs[0]
	assert.Equal(t, []any{RunWaiting, 1, 1, true}, []any{run.Status, run.Attempt, run.Restarts, run.Suspect})

	p.Isolated = true
	head, _ := c.NextQueued(at(100), p)
	assert.Nil(t, head, "it waits for other suspects")
	d := apply(t, *c.State, Clear{}, at(101), p)
	assert.Zero(t, d.Suspects, "the process crashed without it")
	assert.False(t, d.Runs[0].Suspect)
	head, _ = d.NextQueued(at(101), p)
	assert.Equal(t, int64(4), head.Number)

	d = apply(t, *c.State, Abort{Run: 4}, at(101), p)
	assert.Zero(t, d.Suspects, "it is over")
	p.Isolated = false
	d = apply(t, *c.State, Reserve{Trigger: TriggerSchedule, Key: 9}, at(101), p)
	assert.Equal(t, 1, d.SuspectsInFlight())
	d = apply(t, *d.State, Clear{Run: 4}, at(161), p)
	assert.Equal(t, []int{0, 0}, []int{d.SuspectsInFlight(), d.SuspectCount()})
	assert.False(t, d.Open[0].Suspect)
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
	for _, event := range []Event{Reset{}, Adopt{}, Retire{}, Interrupt{Run: 4, Error: "interrupted: x", Suspect: true}} {
		assert.True(t, apply(t, s, event, at(30), p).Suspect, "%T", event)
	}

	c := apply(t, s, Clear{Run: 4}, at(60), p)
	want := s
	want.Suspect, want.Version, want.UpdatedAt = false, s.Version+1, at(60)
	assert.Equal(t, want, *c.State, "nothing else changes")
	_, err := Apply(*c.State, Clear{Run: 4}, at(120), p)
	require.ErrorIs(t, err, ErrUnchanged)
}
