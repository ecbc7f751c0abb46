package pawl

import (
	"errors"
	"slices"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/permanent"
	"github.com/pawl-go/pawl/store"
)

// FlowInfo is what is known of a flow, as it was last committed. It marshals to
// JSON with the names of the columns of the view pawl_flows; zero times are
// omitted.
//
//	ID            string
//	Position      int       // place in the order of registration, from 0
//	Kind          string    // every, cron, once, manual
//	Schedule      string    // as text: "5m0s", "0 0 9 * * *", ""
//	TimeZone      string    // of a cron schedule
//	Backoff       string    // the policy as text; empty: none
//	StreakLimit   int       // failures in a row that trip the flow; 0: it never trips
//	Status        Status
//	RunCount      int64     // runs ever started
//	LastNumber    int64     // number of the newest run
//	InFlight      int       // runs that are running
//	FailureStreak int       // failures in a row since the last success or reset
//	LastRun       time.Time // start of the newest run; zero: never; all times UTC, milliseconds
//	LastScheduled time.Time // newest instant of the schedule that was run
//	LastEnd       time.Time // when a run was last over
//	LastError     string    // at most 1 KiB; the run's row has it whole, up to 8 KiB
//	NextEligible  time.Time // end of the backoff window
//	NextRun       time.Time // nominal instant; zero: nothing scheduled
//	Waiting       int       // starts that were accepted and wait, those of a backfill apart
//	Backfill      int       // starts of a backfill that wait
//	Fired         int64     // instants of the schedule that were run
//	Held          time.Time // first instant that a window, a pause or a trip holds back
//	PausedAt      time.Time // zero: not paused
//	PauseNote     string    // why it is
//	PausedUntil   time.Time // when the pause ends by itself; zero: when somebody resumes it
//	Anchor        time.Time // of a fixed rate: its instants are whole intervals from it
//	Policy        string    // overlap, catch-up and the like as text; empty: the defaults
//	Policies      *Policies // what Policy and Backoff say, as values; nil: the defaults
//	Group         string    // whose limit on runs in flight it shares
//	Leaked        int       // jobs that go on although their runs were closed
//	Retention     string    // how much of its history is kept
//	Suspect       bool      // in flight with others when the process died
//	Registered    bool      // false: kept from a program that had it, never run
//	Version       int64     // transitions so far
//	CreatedAt     time.Time
//	UpdatedAt     time.Time
type FlowInfo = core.FlowInfo

// Policies are the policies of a flow as values; the zero value is the defaults. In JSON, and in
// the column policies of pawl_flows, defaults are left out and durations are numbers of seconds.
//
//	Overlap        Overlap
//	CatchUp        CatchUp
//	Retries        int           // further attempts of a run that failed
//	RetryDelay     BackoffPolicy // before each of them, with its defaults filled in
//	Backoff        BackoffPolicy // with its defaults filled in; the zero value: there is none
//	Timeout        time.Duration
//	AttemptTimeout time.Duration
//	Jitter         time.Duration
//	Limit          int64 // occurrences that are run; 0: all
//	StopCancels    bool
type Policies = core.Policies

// RunInfo is one run of a flow. It marshals to JSON with the names of the
// columns of the view pawl_runs; zero times are omitted.
//
//	FlowID      string
//	Number      int64     // from 1, per flow; never repeated
//	Trigger     string    // schedule, manual, probe, backfill
//	Status      RunStatus
//	Attempt     int       // above 1: it was tried before, or an earlier run for its instant was cancelled
//	Suspect     bool      // it was in flight with others when the process died, and waits or runs again
//	Restarts    int       // how often it started again as the same attempt, after a stop or crash that was not its failure
//	ScheduledAt time.Time // the instant the schedule asked for; for a manual run, when it was asked for
//	StartedAt   time.Time
//	FinishedAt  time.Time // zero while running, and for an interrupted run
//	DueAt       time.Time // while waiting: it starts then or later
//	Deadline    time.Time // its context is cancelled then
//	Error       string    // at most 8 KiB; of a skipped run, why
//	ExitCode    int       // of the command that failed: of an error of the job with a method ExitCode() int, as [exec.ExitError] has; 0: not known
//	Input       JSON      // left out of lists beyond 64 KiB
//	Output      JSON      // likewise
//	Omitted     *Omitted  // the sizes of what a list left out, which [View.Run] has; nil: nothing
type RunInfo = core.RunInfo

// Omitted is the size in bytes of an input and of an output that a list left out; 0: it was
// not. [View.Run], `pawl logs FLOW RUN -o json` and /api/run have the whole.
type Omitted = core.Omitted

// Transition is a step of a flow, as it was committed: what happened, and the state
// that it led to. It marshals to JSON with the names of the columns of the view
// pawl_transitions; zero times are omitted.
//
//	Seq           int64     // ascending over all flows
//	At            time.Time
//	FlowID        string
//	RunNumber     int64     // the run that it happened to; 0: none
//	Event         string    // adopt, reserve, outcome, interrupt, reset, ...
//	FromStatus    Status
//	ToStatus      Status
//	RunCount      int64
//	InFlight      int
//	FailureStreak int
//	LastRun       time.Time
//	NextEligible  time.Time
//	NextRun       time.Time
//	Version       int64     // of the flow, 1 more than before
//	Note          string    // what a reader of the history should know
//	Waiting       int       // starts that wait, those of a backfill included
//	PausedUntil   time.Time // the end of the pause that it sets or moves; zero: it does neither, or the pause has no end
type Transition = core.Transition

// RunsQuery selects runs, newest first. The zero value of a field asks for
// nothing in particular.
//
//	Flow   string    // of this flow; empty: of all
//	Status RunStatus // with this status; empty: any
//	Before int64     // with a number below this one; needs Flow
//	Since  time.Time // started at or after
//	Limit  int       // at most; default 100
type RunsQuery = store.RunsQuery

// JSON is text that is JSON.
type JSON = core.JSON

// Check is one thing that [Client.Doctor] looked at.
//
//	Name   string
//	Detail string   // what is so
//	Found  []string // what is wrong; nothing: all is well
//	Help   string   // what to do about it
type Check = store.Check

// Status is where a flow stands.
type Status = core.Status

// A flow is idle until its first run and after a reset, running while a run is
// in flight, and otherwise what its last run made of it.
const (
	StatusIdle      = core.StatusIdle
	StatusRunning   = core.StatusRunning
	StatusCompleted = core.StatusCompleted
	StatusFailed    = core.StatusFailed
	StatusBackoff   = core.StatusBackoff
	StatusTripped   = core.StatusTripped
)

// RunStatus is what became of a run.
type RunStatus = core.RunStatus

// A run is waiting, or running, until it is over in one of the other ways.
const (
	RunRunning     = core.RunRunning
	RunCompleted   = core.RunCompleted
	RunFailed      = core.RunFailed
	RunInterrupted = core.RunInterrupted
	RunCancelled   = core.RunCancelled
	RunWaiting     = core.RunWaiting
	RunTimedOut    = core.RunTimedOut
	RunParked      = core.RunParked
	RunBlocked     = core.RunBlocked
	RunSkipped     = core.RunSkipped
)

// BlockedFor is how long a run is blocked until status --check and the doctor name it.
const BlockedFor = core.BlockedFor

// RunStatuses are all statuses of a run, with what is true of each: whether the run is over,
// and whether it counts as a failure.
func RunStatuses() []RunStatusFact { return slices.Clone(core.RunStatuses) }

// RunStatusFact is what is true of all runs with a status.
type RunStatusFact = core.RunStatusFact

// BackoffPolicy says what failures in a row do to a flow: after each it waits
// longer, and after StreakLimit of them it trips and is not run until it is reset.
//
//	Initial     time.Duration // wait after the first failure; 0: the default's, 1 s
//	Multiplier  float64       // growth per further failure, at least 1; 0: the default's, 2
//	MaxDelay    time.Duration // cap of the wait; 0: the default's, 5 min, or Initial if that is more
//	Jitter      float64       // spread, 0..1; 0: none, but for WithRetry 0.1; NoJitter: none
//	StreakLimit int           // consecutive failures that trip the flow; 0: never
type BackoffPolicy = core.BackoffPolicy

// NoJitter is the Jitter of waits that do not spread, also for [WithRetry], where 0 means
// 0.1.
const NoJitter = core.NoJitter

// DefaultBackoff waits 1 s, 2 s, 4 s and so on up to 5 minutes, a tenth more or
// less, and never trips.
func DefaultBackoff() BackoffPolicy { return core.DefaultBackoff() }

// TripAfter is [DefaultBackoff] with a flow that trips at the n-th failure in a
// row; n of 0 or less trips on the first.
func TripAfter(n int) BackoffPolicy { return core.TripAfter(n) }

// What a caller can act on, for errors.Is. The messages name the flow, and the
// owner where there is one.
var (
	ErrFlowExists      = core.ErrFlowExists        // a flow with this id is registered
	ErrFlowNotFound    = core.ErrFlowNotFound      // no such flow is registered
	ErrInvalidFlow     = core.ErrInvalidFlow       // id empty, too long, with control characters or not UTF-8; job nil
	ErrInvalidSchedule = schedule.ErrInvalid       // cron expression, or interval below 1 ms
	ErrInvalidBackoff  = core.ErrInvalidBackoff    // the message names the field
	ErrStarted         = core.ErrStarted           // a Scheduler starts once
	ErrAlreadyRunning  = core.ErrAlreadyRunning    // a run of the flow is in flight
	ErrTripped         = core.ErrTripped           // the flow failed too often in a row; Reset it
	ErrStopped         = core.ErrStopped           // the Runner was stopped
	ErrQueueFull       = core.ErrQueueFull         // too many commands wait; Trigger only
	ErrStopTimeout     = core.ErrStopTimeout       // runs outlasted the stop window; the message names their flows
	ErrRunNotFound     = core.ErrRunNotFound       // the flow has no run with this number
	ErrBufferFull      = core.ErrBufferFull        // as many starts wait as the overlap policy lets
	ErrRunOver         = core.ErrRunOver           // the run is over
	ErrTimedOut        = engine.ErrTimedOut        // cause of the end of a job's context: its deadline passed
	ErrAttemptTimedOut = engine.ErrAttemptTimedOut // cause of the end of a job's context: the limit of the attempt passed
	ErrCancelled       = engine.ErrCancelled       // cause of the end of a job's context: its run was cancelled
	ErrTooLarge        = core.ErrTooLarge          // an input or output
	ErrInvalidRange    = core.ErrInvalidRange      // of a backfill
	ErrRegistered      = core.ErrRegistered        // the flow is registered; only one that is not can be forgotten
	ErrPassive         = core.ErrPassive           // the database was copied or restored; claim it first, see WithRestoreGuard

	ErrWouldWaitForItself = core.ErrWouldWaitForItself // a job waits for a run that cannot end before the job does

	ErrDatabaseOwned   = store.ErrOwned        // another Runner drives the database; the message names it
	ErrSchemaTooNew    = store.ErrSchemaTooNew // a newer version of Pawl wrote the database
	ErrDatabaseChanged = store.ErrChanged      // somebody began to change a file that a Client may only read; ask again
	ErrSchemaTooOld    = store.ErrSchemaTooOld // an older version of Pawl wrote the database: see Migrate
	ErrForeignDatabase = store.ErrForeign      // no SQLite file, or one with tables that are not Pawl's
	ErrDatabaseDamaged = store.ErrDamaged      // its pages do not hold together; it was not touched

	// ErrLogGone is a database whose write-ahead log was deleted, replaced or cut while another
	// process has it open; the message says what helps.
	ErrLogGone = store.ErrLogGone

	// ErrReadFirst is a TriggerTx in a transaction that began with a read, which SQLite does
	// not let write any more since others have committed: begin it with BEGIN IMMEDIATE.
	ErrReadFirst = store.ErrReadFirst

	// ErrInCommit is a call of the Runner from within a function given to Committing.
	ErrInCommit = permanent.New("called from within a commit")

	// ErrUnanswered is a Client's: the owner has not answered yet. The command was committed,
	// and may still be carried out.
	ErrUnanswered = errors.New("waits in the inbox")

	// ErrNoOwner is a Client's: nobody drives the database, so nobody would
	// carry a command out.
	ErrNoOwner = errors.New("no runner owns the database")
)
