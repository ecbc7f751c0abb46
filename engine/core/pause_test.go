package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/schedule"
)

// What the end of a pause leads to is what a resume at that instant leads to, whether
// somebody sees it then or three hours later: what passed since stays due. time M1, time C3.
func TestPauseEndsAsIfItWasResumedThen(t *testing.T) {
	afternoon, err := schedule.Once(at(2 * 3600))
	require.NoError(t, err)
	for name, plan := range map[string]Plan{
		"cron": {Schedule: hourly}, "cron that catches up on nothing": {Schedule: hourly, CatchUp: CatchUpNone},
		"rate": {Schedule: fixedRate(7 * time.Minute)}, "delay": {Schedule: minute}, "once": {Schedule: afternoon}, "manual": {Schedule: schedule.Manual()},
		"jitter": {Schedule: hourly, Jitter: time.Hour}, "backoff": {Schedule: hourly, Backoff: policy},
	} {
		for _, status := range allStatuses {
			if status == StatusBackoff && plan.Backoff == nil {
				continue
			}
			t.Run(name+"/"+string(status), func(t *testing.T) {
				if status == StatusTripped {
					plan.Backoff = policy
				}
				s := *apply(t, stateIn(status, plan), Pause{Note: "why", Until: at(9000)}, at(70), plan).State
				assert.Equal(t, at(9000), s.PausedUntil)
				_, err := Apply(s, Resume{Expired: true}, at(8999.999), plan)
				require.ErrorIs(t, err, ErrNotDue)
				want := apply(t, s, Resume{}, at(9000), plan)
				for _, seen := range []float64{9000, 9000 + 3*3600} {
					got := apply(t, s, Resume{Expired: true}, at(seen), plan)
					assert.Equal(t, "resume", got.Event)
					assert.Contains(t, got.Note, "the pause was over at 2026-11-22T11:30:00.000Z")
					assert.True(t, got.PausedAt.IsZero() && got.PausedUntil.IsZero() && got.PauseNote == "")
					got.UpdatedAt = want.UpdatedAt
					assert.Equal(t, want, got)
					late := apply(t, s, Resume{}, at(seen), plan)
					late.UpdatedAt = want.UpdatedAt
					assert.Equal(t, want, late, "who resumes after the end is too late to pause for longer")
				}
			})
		}
	}
}

// A pause of a paused flow replaces its note and its end; what says the same is no
// change, and an end that is not ahead is refused. time M1.
func TestPauseReplacesNoteAndEnd(t *testing.T) {
	plan := Plan{Schedule: hourly}
	s := *apply(t, stateIn(StatusCompleted, plan), Pause{Note: "why", Until: at(9000.0001)}, at(70), plan).State
	assert.Equal(t, at(9000.001), s.PausedUntil, "not before what was asked for")
	for _, test := range []struct {
		name    string
		pause   Pause
		summary string // of the transition
		err     error
	}{
		{"the same", Pause{Note: "why", Until: at(9000.001)}, "", ErrUnchanged},
		{"longer", Pause{Note: "why", Until: at(9999)}, "until 2026-11-22T11:46:39.000Z: why", nil},
		{"shorter, without a note", Pause{Until: at(81)}, "until 2026-11-22T09:01:21.000Z", nil},
		{"another note", Pause{Note: "because", Until: at(9000.001)}, "until 2026-11-22T11:30:00.001Z: because", nil},
		{"without an end", Pause{Note: "why"}, "why", nil},
		{"a note that looks like an end", Pause{Note: "until 2030-01-01T00:00:00.000Z: vendor"}, "until 2030-01-01T00:00:00.000Z: vendor", nil},
		{"until now", Pause{Until: at(80)}, "", ErrInvalidRange},
		{"until before", Pause{Until: at(1)}, "", ErrInvalidRange},
		{"until a year that no text holds", Pause{Until: at(0).AddDate(9000, 0, 0)}, "", ErrInvalidRange},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Apply(s, test.pause, at(80), plan)
			require.ErrorIs(t, err, test.err)
			if test.err != nil {
				return
			}
			assert.Equal(t, s.PausedAt, c.PausedAt)
			assert.Equal(t, test.pause, Pause{Note: c.PauseNote, Until: c.PausedUntil})
			told := c.Transition()
			assert.Equal(t, test.pause, Pause{Note: told.Note, Until: told.PausedUntil}, "the transition tells both")
			assert.Equal(t, test.summary, told.Summary())
		})
	}
}

// The note of the transition that pauses a flow is what the operator wrote, and nothing that
// Pawl adds: the skipped occurrence has its row in the ledger. facts T1.
func TestNoteOfAPauseIsTheOperators(t *testing.T) {
	plan := Plan{Schedule: hourly}
	c := apply(t, stateIn(StatusRunning, plan), Pause{Note: "why", Until: at(9000)}, at(3600), plan)
	require.NotEmpty(t, c.Verdicts)
	assert.Equal(t, "why", c.Note)
}

// A trip and the end of a pause do not touch each other: the flow stays tripped, what
// was held up to the trip or the end is the pause's doing, and the rest the trip's. time M1.
func TestPauseThatEndsLeavesATrip(t *testing.T) {
	plan := Plan{Schedule: hourly, Backoff: &BackoffPolicy{StreakLimit: 1}}
	pause := Pause{Note: "why", Until: at(9000)} // 11:30
	first := func(c Change) (list []Verdict) {
		for _, v := range c.Verdicts {
			list = append(list, Verdict{First: v.First, Last: v.Last, Count: v.Count, Kind: v.Kind})
		}
		return list
	}
	running := *apply(t, stateIn(StatusRunning, plan), pause, at(70), plan).State
	for name, trip := range map[string]struct {
		at     float64
		paused Verdict
		held   time.Time
	}{
		"before the end":                {7300, Verdict{First: at(3600), Last: at(7200), Count: 2, Kind: VerdictPaused}, at(10800)},
		"after an end that nobody saw":  {15000, Verdict{First: at(3600), Last: at(7200), Count: 2, Kind: VerdictPaused}, at(10800)},
		"at the very instant of an end": {9000, Verdict{First: at(3600), Last: at(7200), Count: 2, Kind: VerdictPaused}, at(10800)},
	} {
		t.Run(name, func(t *testing.T) {
			c := apply(t, running, Outcome{Run: 4, Error: "boom"}, at(trip.at), plan)
			assert.Equal(t, StatusTripped, c.Status)
			assert.Equal(t, []Verdict{trip.paused}, first(c))
			assert.Equal(t, trip.held, c.Held)
			c = apply(t, *c.State, Resume{Expired: true}, at(16000), plan)
			assert.Equal(t, StatusTripped, c.Status)
			assert.True(t, c.PausedAt.IsZero())
			assert.Empty(t, c.Verdicts)
			c = apply(t, *c.State, Reset{}, at(19000), plan)
			assert.Equal(t, []Verdict{{First: at(10800), Last: at(18000), Count: 3, Kind: VerdictTripped}}, first(c))
			assert.Equal(t, at(21600), c.NextRun)
		})
	}
}

// A pause that follows one whose end nobody saw begins anew: what passed in between was
// due and had not started.
func TestPauseAfterTheEndOfAnotherBeginsAnew(t *testing.T) {
	plan := Plan{Schedule: hourly}
	s := *apply(t, stateIn(StatusCompleted, plan), Pause{Note: "why", Until: at(9000)}, at(70), plan).State
	c := apply(t, s, Pause{Note: "again", Until: at(30000)}, at(15000), plan)
	assert.Equal(t, at(15000), c.PausedAt)
	assert.Equal(t, at(10800), c.Held)
	assert.Equal(t, []Verdict{{First: at(3600), Last: at(7200), Count: 2, Kind: VerdictPaused, Reason: "why"}}, c.Verdicts)
	c = apply(t, *c.State, Resume{Expired: true}, at(30000), plan)
	assert.Equal(t, []Verdict{
		{First: at(10800), Last: at(14400), Count: 2, Kind: VerdictPaused, Reason: "it was due and had not started; again"},
		{First: at(18000), Last: at(28800), Count: 4, Kind: VerdictPaused, Reason: "again"},
	}, c.Verdicts)
}

// What was due before the schedule was changed is not run under the new one because a
// pause had ended by then. time C3.
func TestEndOfAPauseReconsidersNoOtherSchedule(t *testing.T) {
	s := *apply(t, stateIn(StatusCompleted, Plan{Schedule: hourly}), Pause{Until: at(9000)}, at(70), Plan{Schedule: hourly}).State
	plan := Plan{Schedule: mustCron("0 */10 * * * *"), Since: at(15100)}
	s = *apply(t, s, Adopt{}, at(15100), plan).State
	c := apply(t, s, Resume{Expired: true}, at(15100), plan)
	assert.Equal(t, at(15600), c.NextRun, "not 11:40")
	assert.Empty(t, c.Verdicts)
}
