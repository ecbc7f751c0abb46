package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
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

// What asked for a run.
const (
	TriggerSchedule = "schedule"
	TriggerManual   = "manual"
	TriggerProbe    = "probe"    // of a tripped flow, to see whether it is well again
	TriggerBackfill = "backfill" // an instant of the past that an operator asked for
)

// Run is a run as the store keeps it: append-only rows, each pointing at the
// flow's run before, so that nothing on the hot path is ordered by flow.
type Run struct {
	RunInfo
	Key      int64     // of the run's row, ascending over all flows
	Prev     int64     // key of the flow's run before; 0: none
	Was      RunStatus // what its row says before a change; empty: it has none
	Rank     int64     // order among the runs of its flow that wait: milliseconds, so that who asked first is first
	Order    int64     // order among the first starts of its flow's runs; 0: not known, as one runs at a time
	Queued   bool      // it waits, or did before it started
	Ending   bool      // somebody asked to cancel it
	Lost     bool      // it was interrupted too often: it goes on only to undo what it did
	Unprobed bool      // it was a probe of a trip that a reset has ended
	Timed    bool      // it is parked for a length of time: DueAt is when that ends, however the clock is set
	Woken    bool      // that has ended, and the run has recorded nothing since
	HasInput bool      // also if Input was left in the store
	Recorded *int      // of a blocked run: the version that recorded it; nil: not known, or it was not enough
}

// State is all that decides what may happen to a flow. What [FlowInfo] has too is as of
// there. It is laid out so that a million of them fit into memory: what the plan says is
// shared, and what few flows have is behind a pointer.
type State struct {
	ID  string
	Key int64 // of the flow's rows
	*Definition
	*Paused

	Position      int
	Registered    bool
	Suspect       bool  // for runs that a crash ended: every run that it starts is one
	Suspects      int32 // runs of it, in flight or waiting, that are suspects themselves
	Status        Status
	RunCount      int64
	LastNumber    int64
	LastKey       int64 // of the newest run's row; 0: never run
	ErrorKey      int64 // of the row of the run that LastError is from; 0: none
	StreakFrom    int64 // lowest run of the failures in a row; 0: there are none
	LastSeq       int64 // of the newest transition's row
	InFlight      int
	FailureStreak int
	Attempt       int // of the newest run of the schedule
	Waiting       int
	Backfill      int
	Fired         int64
	Leaked        int
	Version       int64
	LastError     string

	LastRun, LastScheduled, LastEnd time.Time
	NextEligible, NextRun           time.Time
	Held, Anchor                    time.Time
	CreatedAt, UpdatedAt            time.Time

	Offsets *Offsets // nil: none are known, or the schedule is in UTC
	Reached *Reached // nil: the clock has not gone back behind an instant that was run
	Marks   *Marks   // nil: the order of its runs does not matter to the streak, or is not known

	Open []*Run // in flight, oldest first; nobody changes one

	line  *line  // nil: no run that waits is in memory
	aside *aside // nil: no run is parked or blocked
}

// Definition is what the plan says of a flow, as of [FlowInfo]. Nobody changes
// one: flows that are alike share it.
type Definition struct {
	Kind        string
	Schedule    string
	TimeZone    string
	Backoff     string
	StreakLimit int
	Policy      string
	Group       string
	Retention   string
	Jitter      time.Duration
	Policies    Policies // what Policy and Backoff say, as values
}

// Paused is a pause, as of [FlowInfo]. Nobody changes one.
type Paused struct {
	PausedAt    time.Time
	PauseNote   string
	PausedUntil time.Time
	PausedFor   time.Duration // that was asked for; 0: until an instant, or somebody resumes
}

// NotPaused is what a flow has in the place of a pause.
var NotPaused = &Paused{}

var undefined = &Definition{}

// NewState is that of a flow that has no history, nor a definition, yet.
func NewState(id string, key int64) State {
	return State{ID: id, Key: key, Definition: undefined, Paused: NotPaused, Status: StatusIdle}
}

// Run finds a run in flight.
func (s *State) run(number int64) (Run, error) {
	for _, r := range s.Open {
		if r.Number == number {
			run := *r
			run.Was = RunRunning
			return run, nil
		}
	}
	return Run{}, fmt.Errorf("%w: run %d of flow %q", ErrNotInFlight, number, s.ID)
}

// HasInFlight says whether a run is in flight.
func (s *State) HasInFlight(number int64) bool {
	return slices.ContainsFunc(s.Open, func(r *Run) bool { return r.Number == number })
}

// Change is a transition: the next state of a flow with the rows that record it.
type Change struct {
	*State           // the flow as it becomes; nobody changes it any more
	Seq       int64  // of the transition's row, ascending over all flows; see Number
	Before    int64  // that of the flow's transition before; 0: there was none
	Event     string // what happened: adopt, reserve, outcome, ...
	From      Status // what the flow was
	RunNumber int64  // the run that it happened to; 0: none
	Runs      []Run  // rows of the runs that it makes or changes
	Note      string // what a reader of the history should know
	Verdicts  []Verdict
	Token     *RunKey       // an idempotency key that stands for the run from now on; nil: none
	Leak      int64         // a run that was closed although its job goes on; 0: none
	Began     int64         // the run that starts with it, for the first time; 0: none
	Tried     *Tried        // an attempt that failed and is not the run's last, or a further one that starts; nil: none
	Delay     time.Duration // by which jitter delayed that run, if it is one of the schedule

	Checkpoints *Checkpoints // that a run reached; nil: none
	Drop        bool         // every run of a backfill that waits is cancelled
	Unmarked    bool         // no run that waits is a suspect any more, also of those in the store alone
	MovedBy     int64        // milliseconds by which relative waits of runs that wait, and keys, move in the store; 0: none do

	Rare bool // the flow changes in what is rarely written: its pause, how far it came before the clock went back

	// Plain says that the stored flow has nothing in its rarely set columns, and gets
	// nothing: the store leaves them as they are.
	Plain bool

	Passing bool  // a later change of the batch is of the same flow: the state need not be stored
	Passed  int64 // how many changes before this one, and of the same flow, are passing
}

// IsPlain says that nothing is set that most flows never have: suspects, a failure, a
// backfill, suppressed starts, runs that are parked or blocked, an order of starts. The
// store has a shorter statement for such a flow, which must leave out just these.
func (s *State) IsPlain() bool {
	return !s.Suspect && s.Suspects == 0 && s.ErrorKey == 0 && s.StreakFrom == 0 && s.Backfill == 0 && s.Held.IsZero() &&
		s.aside == nil && s.Marks == nil
}

// Number gives the transition the key of its row.
func (c *Change) Number(seq int64) {
	c.Seq, c.Before = seq, c.LastSeq
	c.LastSeq = seq
}

// Plan is what the program says of a flow. It is never read from the database.
// The zero Plan is that of a flow that is not registered any more.
type Plan struct {
	Schedule       schedule.Schedule
	Backoff        *BackoffPolicy // nil: a failure has no consequence but its record
	Position       int            // place in the order of registration
	Database       string         // id of the database: seeds the jitter, so that equal fleets spread
	FormerID       string         // what it was called before; empty: nothing else
	Overlap        Overlap
	CatchUp        CatchUp
	Retry          *Retry        // nil: a run is tried once
	Timeout        time.Duration // of a run, all its attempts; 0: none
	AttemptTimeout time.Duration // of one attempt; 0: none
	Jitter         time.Duration // a scheduled start is delayed by less than this
	Limit          int64         // instants of the schedule that are run; 0: all
	KeyFor         time.Duration // how long a key stands for a run that is over
	Group          string        // whose limit on runs in flight it shares; empty: none
	Resumes        bool          // its runs keep checkpoints, and go on from there in the next process
	Version        int           // of a job whose runs do, which says which runs it can go on with
	Grace          time.Duration // what its jobs get to return when their contexts have ended; 0: CancelGrace
	Keep           Retention
	StopCancels    bool      // a run that a stop cut short is cancelled, and does not go back to the queue
	Since          time.Time // when the process started, or a resume that reconsiders the past: instants before it were missed
	Behind         bool      // the clock is not believed: occurrences wait

	// Isolated says that suspects of the flow have to wait for others: as many as may run
	// at a time are in flight. The program does not say it, the driver does.
	Isolated bool

	Definition *Definition // what it says as text, if that is known
}

// RunKey is an idempotency key with the run that it stands for.
type RunKey struct {
	Key    string
	Number int64
	At     time.Time // when the run was accepted
	Over   bool      // the run is
}

// Retention is how much of a flow's history is kept. What the newest failures in a
// row are about is kept in any case.
type Retention struct {
	Runs     int           // the newest; 0: all
	For      time.Duration // since a run ended; 0: for ever
	Failures FailureRetention
}

// FailureRetention is which of the failures are kept that would be deleted as other runs are.
type FailureRetention struct {
	Runs int           // the newest; 0: none
	For  time.Duration // since they ended; 0: for ever
}

// JSON is text that is JSON, and marshals as it stands.
type JSON string

// MarshalJSON implements json.Marshaler.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j == "" {
		return []byte("null"), nil
	}
	return []byte(j), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (j *JSON) UnmarshalJSON(data []byte) error {
	*j = JSON(data)
	return nil
}
