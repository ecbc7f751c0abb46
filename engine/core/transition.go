package core

import "time"

// Transition is a step of a flow, as it was committed: what happened, and the state
// that it led to. Times as in [FlowInfo]. It marshals to JSON with the names of the
// columns of the view pawl_transitions.
type Transition struct {
	Seq           int64     `json:"seq"` // ascending over all flows
	At            time.Time `json:"at"`
	FlowID        string    `json:"flow_id"`
	RunNumber     int64     `json:"run_number,omitempty"` // the run that it happened to; 0: none
	Event         string    `json:"event"`                // adopt, reserve, outcome, ...
	FromStatus    Status    `json:"from_status"`
	ToStatus      Status    `json:"to_status"`
	RunCount      int64     `json:"run_count"`
	InFlight      int       `json:"in_flight"`
	FailureStreak int       `json:"failure_streak"`
	LastRun       time.Time `json:"last_run,omitzero"`
	NextEligible  time.Time `json:"next_eligible,omitzero"`
	NextRun       time.Time `json:"next_run,omitzero"`
	Version       int64     `json:"version"` // of the flow: 1 more than before
	Note          string    `json:"note,omitempty"`
	Waiting       int       `json:"waiting"`               // runs that are not over and not in flight: they wait, are parked or blocked
	PausedUntil   time.Time `json:"paused_until,omitzero"` // the end of the pause that it sets or moves; zero: it does neither, or the pause has no end
}

// Transition is the change as its row in the store will tell of it.
func (c *Change) Transition() Transition {
	return Transition{
		Seq: c.Seq, At: c.UpdatedAt, FlowID: c.ID, RunNumber: c.RunNumber, Event: c.Event, FromStatus: c.From, ToStatus: c.Status,
		RunCount: c.RunCount, InFlight: c.InFlight, FailureStreak: c.FailureStreak, LastRun: c.LastRun, NextEligible: c.NextEligible,
		NextRun: c.NextRun, Version: c.Version, Note: c.Note, Waiting: c.NotOver(), PausedUntil: c.PauseEnd(),
	}
}

// Summary is the note for people, with the end of the pause that the transition sets or moves.
func (t Transition) Summary() string { return PauseText(t.Note, t.PausedUntil) }

// NotOver is how many runs of the flow are not over, those in flight apart: they wait, those
// of a backfill included, or are parked or blocked.
func (s *State) NotOver() int { return s.Waiting + s.Backfill + s.Parked() + s.Blocked() }

// Trips says whether the flow tripped with it.
func (c *Change) Trips() bool { return c.Status == StatusTripped && c.From != StatusTripped }
