package core

import (
	"time"
)

// FlowInfo is what is known of a flow. All times are UTC with millisecond
// precision; the zero time means never, or nothing. It marshals to JSON with
// the names of the columns of the view pawl_flows.
type FlowInfo struct {
	ID            string    `json:"id"`
	Position      int       `json:"position"`               // place in the order of registration, from 0
	Kind          string    `json:"kind"`                   // every, cron, once or manual
	Schedule      string    `json:"schedule"`               // as text: "5m0s", "5m0s aligned", "0 0 9 * * *", ""
	TimeZone      string    `json:"time_zone,omitempty"`    // of a cron schedule: "UTC", "Europe/Berlin"
	Backoff       string    `json:"backoff,omitempty"`      // the backoff policy as text, empty for none
	StreakLimit   int       `json:"streak_limit,omitempty"` // failures in a row that trip the flow; 0: it never trips
	Status        Status    `json:"status"`
	RunCount      int64     `json:"run_count"`               // runs ever started
	LastNumber    int64     `json:"last_number"`             // number of the newest run; numbers never repeat
	InFlight      int       `json:"in_flight"`               // runs that are running
	FailureStreak int       `json:"failure_streak"`          // failures in a row since the last success or reset
	LastRun       time.Time `json:"last_run,omitzero"`       // start of the newest run
	LastScheduled time.Time `json:"last_scheduled,omitzero"` // newest instant of the schedule that was run
	LastEnd       time.Time `json:"last_end,omitzero"`       // when a run was last over
	LastError     string    `json:"last_error,omitempty"`    // at most 1 KiB; the run's row has it whole, up to 8 KiB
	NextEligible  time.Time `json:"next_eligible,omitzero"`  // end of the backoff window
	NextRun       time.Time `json:"next_run,omitzero"`       // nominal instant; zero: nothing scheduled
	DueAt         time.Time `json:"due_at,omitzero"`         // when the schedule starts its next run: NextRun with its jitter, or NextEligible if that is later
	Waiting       int       `json:"waiting,omitempty"`       // starts that were accepted and wait, those of a backfill apart
	WaitingSince  time.Time `json:"waiting_since,omitzero"`  // since when the oldest of them may start; zero: none waits
	NextAttempt   time.Time `json:"next_attempt,omitzero"`   // when the first of them starts that was cut short or failed, and is tried again before all others; zero: none is
	Backfill      int       `json:"backfill,omitempty"`      // starts of a backfill that wait
	Parked        int       `json:"parked,omitempty"`        // runs that wait for an instant and hold no place of a limit
	NextWake      time.Time `json:"next_wake,omitzero"`      // when the first of them goes on
	Blocked       int       `json:"blocked,omitempty"`       // runs that only another version of the program can go on with
	BlockedSince  time.Time `json:"blocked_since,omitzero"`  // since when the first of them is
	Fired         int64     `json:"fired,omitempty"`         // instants of the schedule that were run
	Held          time.Time `json:"held,omitzero"`           // first instant that a window, a pause or a trip holds back
	PausedAt      time.Time `json:"paused_at,omitzero"`      // zero: not paused
	PauseNote     string    `json:"pause_note,omitempty"`    // why
	PausedUntil   time.Time `json:"paused_until,omitzero"`   // when the pause ends by itself; zero: until somebody resumes
	Anchor        time.Time `json:"anchor,omitzero"`         // of a fixed rate: its instants are whole intervals from it
	Policy        string    `json:"policy,omitempty"`        // overlap, catch-up and the like as text; empty: the defaults
	Group         string    `json:"run_group,omitempty"`     // whose limit on runs in flight it shares
	Leaked        int       `json:"leaked,omitempty"`        // jobs that go on although their runs were closed
	Retention     string    `json:"retention,omitempty"`     // how much of its history is kept
	Suspect       bool      `json:"suspect,omitempty"`       // it, or a run of it, was in flight with others when the process died
	Registered    bool      `json:"registered"`              // false: kept from a program that had it, never run
	Version       int64     `json:"version"`                 // transitions so far
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`

	Policies *Policies `json:"policies,omitempty"` // what Policy and Backoff say, as values; nil: the defaults

	Jitter time.Duration `json:"-"` // a scheduled start is delayed by less than this; Policy has it as text
}

// RunInfo is one run of a flow. Times as in [FlowInfo]. It marshals to JSON
// with the names of the columns of the view pawl_runs.
type RunInfo struct {
	FlowID      string    `json:"flow_id"`
	Number      int64     `json:"number"`  // from 1, per flow
	Trigger     string    `json:"trigger"` // schedule, manual, probe or backfill
	Status      RunStatus `json:"status"`
	Attempt     int       `json:"attempt"`            // above 1: it was tried before, or an earlier run for its instant was cancelled
	Restarts    int       `json:"restarts,omitempty"` // how often it started again as the same attempt, after a stop or crash that was not its failure
	Suspect     bool      `json:"suspect,omitempty"`  // it was in flight with others when the process died, and waits or runs again
	ScheduledAt time.Time `json:"scheduled_at"`       // the instant the schedule asked for; for a manual run, when it was asked for
	DueAt       time.Time `json:"due_at,omitzero"`    // while waiting: it starts then or later
	Deadline    time.Time `json:"deadline,omitzero"`  // its context is cancelled then
	StartedAt   time.Time `json:"started_at,omitzero"`
	FinishedAt  time.Time `json:"finished_at,omitzero"` // zero while running, and for an interrupted run
	Repeated    bool      `json:"repeated,omitempty"`   // the clock went back, and the instant had a run before
	Error       string    `json:"error,omitempty"`      // at most 8 KiB; of a skipped run, why
	ExitCode    int       `json:"exit_code,omitempty"`  // of the command that failed; 0: there was none, or nobody knows
	Input       JSON      `json:"input,omitempty"`
	Output      JSON      `json:"output,omitempty"`
	Omitted     *Omitted  `json:"omitted,omitempty"` // what a list left out of it; nil: nothing
}

// Omitted is the size in bytes of an input and of an output that a list left out.
type Omitted struct {
	Input  int64 `json:"input,omitempty"`
	Output int64 `json:"output,omitempty"`
}

// Info is what the state tells of its flow.
func (s *State) Info() FlowInfo {
	return FlowInfo{
		ID: s.ID, Position: s.Position, Kind: s.Kind, Schedule: s.Schedule, TimeZone: s.TimeZone, Backoff: s.Backoff,
		StreakLimit: s.StreakLimit, Status: s.Status, RunCount: s.RunCount, LastNumber: s.LastNumber, InFlight: s.InFlight,
		FailureStreak: s.FailureStreak, LastRun: s.LastRun, LastScheduled: s.LastScheduled, LastEnd: s.LastEnd,
		LastError: s.LastError, NextEligible: s.NextEligible, NextRun: s.NextRun, Waiting: s.Waiting, WaitingSince: s.waitingSince(), NextAttempt: s.nextAttempt(), Backfill: s.Backfill,
		Parked: s.Parked(), NextWake: first(s.sides().parked), Blocked: s.Blocked(), BlockedSince: first(s.sides().blocked),
		Fired: s.Fired, Held: s.Held, PausedAt: s.PausedAt, PauseNote: s.PauseNote, PausedUntil: s.PausedUntil, Anchor: s.Anchor, Policy: s.Policy,
		Group: s.Group, Leaked: s.Leaked, Retention: s.Retention, Suspect: s.HasSuspects(), Registered: s.Registered,
		Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Jitter: s.Jitter, Policies: s.known(),
	}
}

// known is the policies of a flow that are not all the defaults; nil: they are. Nobody changes
// them.
func (d *Definition) known() *Policies {
	if d.Policies == (Policies{}) {
		return nil
	}
	return &d.Policies
}

// first is when the first of some runs that are aside wakes, or since when it is blocked.
func first(runs []*Run) time.Time {
	if len(runs) == 0 {
		return time.Time{}
	}
	return runs[0].DueAt
}

// ParkedInTheWay says whether the flow's starts wait for the end of a parked run.
func (f FlowInfo) ParkedInTheWay() bool {
	return f.Parked > 0 && f.InFlight == 0 && f.policies().Overlap.follows()
}

// state is a state that tells this of its flow.
func (f FlowInfo) state() *State {
	s := &State{
		ID: f.ID, Position: f.Position, Status: f.Status, RunCount: f.RunCount, LastNumber: f.LastNumber, InFlight: f.InFlight,
		FailureStreak: f.FailureStreak, LastRun: f.LastRun, LastScheduled: f.LastScheduled, LastEnd: f.LastEnd,
		LastError: f.LastError, NextEligible: f.NextEligible, NextRun: f.NextRun, Waiting: f.Waiting, Backfill: f.Backfill,
		Fired: f.Fired, Held: f.Held, Anchor: f.Anchor, Leaked: f.Leaked,
		Suspect: f.Suspect, Registered: f.Registered, Version: f.Version, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
		Definition: &Definition{
			Kind: f.Kind, Schedule: f.Schedule, TimeZone: f.TimeZone, Backoff: f.Backoff, StreakLimit: f.StreakLimit,
			Policy: f.Policy, Group: f.Group, Retention: f.Retention, Jitter: f.Jitter, Policies: f.policies(),
		},
		Paused: &Paused{PausedAt: f.PausedAt, PauseNote: f.PauseNote, PausedUntil: f.PausedUntil},
	}
	s.SetAside(f.Parked, f.Blocked)
	return s
}

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
