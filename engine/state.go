package engine

import (
	"fmt"
	"slices"
	"time"
)

// Status is where a flow stands.
type Status string

// A flow is idle until its first run and after a reset, running while a run is
// in flight, and otherwise what its last run made of it.
const (
	StatusIdle      Status = "idle"      // never run, reset, or its last run was cancelled
	StatusRunning   Status = "running"   // a run is in flight
	StatusCompleted Status = "completed" // the last run succeeded
	StatusFailed    Status = "failed"    // the last run failed and the flow has no backoff policy
	StatusBackoff   Status = "backoff"   // the last run failed; not due before NextEligible
	StatusTripped   Status = "tripped"   // failed StreakLimit times in a row; not run until it is reset
)

// RunStatus is what became of a run.
type RunStatus string

// A run is running until it is over in one of the other ways.
const (
	RunRunning     RunStatus = "running"
	RunCompleted   RunStatus = "completed"   // the job returned nil
	RunFailed      RunStatus = "failed"      // the job returned an error, panicked, or called Goexit
	RunInterrupted RunStatus = "interrupted" // the process died while the job ran
	RunCancelled   RunStatus = "cancelled"   // the stop window passed while the job ran
)

// What asked for a run.
const (
	TriggerSchedule = "schedule"
	TriggerManual   = "manual"
)

// Kinds of schedule.
const (
	KindEvery  = "every"
	KindCron   = "cron"
	KindOnce   = "once"
	KindManual = "manual"
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
	NextRun       time.Time `json:"next_run,omitzero"`       // zero: nothing scheduled
	Suspect       bool      `json:"suspect,omitempty"`       // was in flight, among others, when the process died
	Registered    bool      `json:"registered"`              // false: kept from a program that had it, never run
	Version       int64     `json:"version"`                 // transitions so far
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// RunInfo is one run of a flow. Times as in [FlowInfo]. It marshals to JSON
// with the names of the columns of the view pawl_runs.
type RunInfo struct {
	FlowID      string    `json:"flow_id"`
	Number      int64     `json:"number"`  // from 1, per flow
	Trigger     string    `json:"trigger"` // schedule or manual
	Status      RunStatus `json:"status"`
	Attempt     int       `json:"attempt"`      // above 1: an earlier run for the same scheduled instant was cancelled
	ScheduledAt time.Time `json:"scheduled_at"` // the instant the schedule asked for; for a manual run, when it was asked for
	StartedAt   time.Time `json:"started_at,omitzero"`
	FinishedAt  time.Time `json:"finished_at,omitzero"` // zero while running, and for an interrupted run
	Error       string    `json:"error,omitempty"`      // at most 8 KiB
}

// Run is a run as the store keeps it: append-only rows, each pointing at the
// flow's run before, so that nothing on the hot path is ordered by flow.
type Run struct {
	RunInfo
	Key  int64 // of the run's row, ascending over all flows
	Prev int64 // key of the flow's run before; 0: none
}

// State is all that decides what may happen to a flow.
type State struct {
	FlowInfo
	Key      int64 // of the flow's rows
	LastKey  int64 // of the newest run's row; 0: never run
	ErrorKey int64 // of the row of the run that LastError is from; 0: none
	Attempt  int   // of the newest run of the schedule
	Open     []Run // in flight, oldest first
}

// run finds a run in flight.
func (s State) run(number int64) (Run, error) {
	for _, r := range s.Open {
		if r.Number == number {
			return r, nil
		}
	}
	return Run{}, fmt.Errorf("%w: run %d of flow %q", errNotOpen, number, s.ID)
}

// has says whether a run is in flight.
func (s *State) has(number int64) bool {
	return slices.ContainsFunc(s.Open, func(r Run) bool { return r.Number == number })
}

// Change is a transition: the next state of a flow with the rows that record it.
type Change struct {
	*State           // the flow as it becomes; nobody changes it any more
	Seq       int64  // of the transition's row, ascending over all flows
	Event     string // what happened: adopt, reserve, outcome, ...
	From      Status // what the flow was
	RunNumber int64  // the run that it happened to; 0: none
	Runs      []Run  // rows of the runs that begin or end with it
	Note      string // what a reader of the history should know
}

// Plan is what the program says of a flow. It is never read from the database.
// The zero Plan is that of a flow that is not registered any more.
type Plan struct {
	Schedule Schedule
	Backoff  *BackoffPolicy // nil: a failure has no consequence but its record
	Position int            // place in the order of registration
	Database string         // id of the database: seeds the jitter, so that equal fleets spread
}
