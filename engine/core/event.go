package core

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/pawl-go/pawl/internal/permanent"
)

// Event is something that happens to a flow.
type Event interface{ name() string }

// The events, as [Apply] knows them.
type (
	// Adopt makes a flow known, or takes over a plan that changed.
	Adopt struct{}

	// Retire marks a flow that the program does not register any more.
	Retire struct{}

	// Reserve moves a flow to running, before the work starts; Key is that of
	// the run's row. One of the schedule does what the flow is due for: it starts
	// the run that waits first, or decides on instants that have come, and is
	// refused before; those in Ran get none. A manual one ignores the backoff
	// window. Where the overlap policy says so, or Full, the run waits instead.
	Reserve struct {
		Trigger string
		Key     int64
		Full    bool           // a limit that the flow shares with others leaves no room
		Ran     map[int64]bool // instants, in milliseconds, that a backfill has run
		Posted  bool           // a trigger that is committed in the inbox, and nobody waits for its answer
		Ask
	}

	// Accept accepts many runs at once, or none; they wait until there is room.
	// Key is that of the first row, the others follow.
	Accept struct {
		Key  int64
		Asks []Ask
	}

	// Outcome is what the job of a run returned; an empty Error is success.
	Outcome struct {
		Run        int64
		Error      string
		As         RunStatus     // RunTimedOut, with Limited only for the last attempt; RunSkipped; RunWaiting: it goes on in the next process; RunParked, RunBlocked: as Rest says; empty: as Error says
		Permanent  bool          // no further attempt
		Limited    bool          // the limit of the attempt passed, not the deadline of the run
		RetryAfter time.Duration // before the next attempt; 0: as the policy says
		ExitCode   int           // of a command that failed; 0: none
		Output     JSON
		Ended      int64 // when the job returned, in milliseconds: the commit may be long after that; 0: now
		Rest       *Rest // of a run that goes aside
	}

	// Abort cancels a run: one that waits at once, one that is in flight when its
	// job returns or its grace is over. Found is a run that waits and is not in
	// memory.
	//
	// One that has begun and waits or is aside ends when it goes on, so that its job can
	// undo what it did. With Force it is closed as it is.
	Abort struct {
		Run    int64
		Reason string
		Found  *Run
		Force  bool
	}

	// Wake lets the runs that are aside go on which have a reason to.
	Wake struct{}

	// Timeout closes a run whose job did not return in the grace after its
	// deadline passed or it was cancelled.
	// Limit is the limit of the attempt, if that passed; 0: the deadline passed.
	Timeout struct {
		Run     int64
		Attempt int
		Limit   time.Duration
	}

	// Pause holds the schedule back until Resume, or until an instant that is ahead. Its
	// note and its end replace those of an older one.
	Pause struct {
		Note  string
		Until time.Time     // zero: until somebody resumes
		For   time.Duration // not 0: how long was asked for, which Until is the end of; alone it begins now
	}

	// Resume ends a pause. Occurrences from the instant From on are caught up as if no
	// process had run; zero: time spent paused is not missed.
	//
	// Expired is for a pause whose own end has come: it ends as of that end. Any other pause
	// is refused then.
	Resume struct {
		From    time.Time
		Expired bool
	}

	// Backfill accepts runs for instants of the past. Key is as of Accept.
	Backfill struct {
		Key      int64
		Instants []time.Time
		Posted   bool // as of Reserve
	}

	// Drop cancels what waits of a backfill.
	Drop struct{ Reason string }

	// Checkpoint keeps what a run has done so far.
	Checkpoint struct {
		Run    int64
		Steps  []CheckpointData
		Output JSON // that the job has set; empty: none yet
	}

	// Interrupt settles a run whose process died. It counts as a failure unless it is
	// Spared: the machine went down, the process was already draining, or another run may
	// be to blame.
	Interrupt struct {
		Run      int64
		Error    string
		Spared   bool
		Suspect  bool   // the crash leaves it a suspect; see judge
		Why      string // it is, or is not, to blame
		Repeated bool   // another run of the flow was interrupted before it: one crash is one failure
		Mark     Mark
	}

	// Cancel settles a run that a stop cut short; Error is what the job returned, or that
	// it did not. Key is the key for the row of another run for the same instant of the schedule.
	Cancel struct {
		Run   int64
		Error string
		Key   int64
		Ended int64 // as of an Outcome
	}

	// Clear takes the mark off a suspect whose run has gone on without harm. Without a
	// run it clears the flow and its runs that wait.
	Clear struct{ Run int64 }

	// Reset clears the streak, the backoff window and a trip.
	Reset struct{ Reason string }

	// Adjust moves the relative waits of a flow when the wall clock steps. After a step back
	// it plans the next run of a wildcard or an interval anew.
	Adjust struct {
		By    int64     // milliseconds
		Keys  bool      // the flow has idempotency keys
		Since time.Time // not zero: the clock was not believed from then on, so that what was created since was created later by By
	}

	// Correct also plans the next run anew: the clock went back so far
	// ([schedule.CorrectionJump]) that it was wrong before.
	Correct Adjust
)

// CutShort says whether an outcome that came after the driver cancelled every job is no
// result of the job.
func (o *Outcome) CutShort() bool { return o.Error != "" && !o.Permanent && o.As == "" }

// Rest is what a run that goes aside waits for.
type Rest struct {
	Until   time.Time     // RunParked
	For     time.Duration // of RunParked: how long is asked for, which Until is the end of; 0: until an instant
	Version *int          // RunBlocked: which recorded it
}

// Ask is what a caller wants of a run.
type Ask struct {
	Input   JSON
	StartAt time.Time // not before
	Token   string    // idempotency key
	Known   *RunKey   // what the key stands for; nil: nothing
	Overlap *Overlap  // in place of the flow's
}

// Validate names what makes no sense: an input that is no JSON or too large
// ([ErrTooLarge]), a key that is too long.
func (a Ask) Validate() error {
	switch {
	case len(a.Input) > MaxPayload:
		return fmt.Errorf("%w: the input has %d bytes, at most %d are allowed; store it elsewhere and pass a reference", ErrTooLarge, len(a.Input), MaxPayload)
	case a.Input != "" && !json.Valid([]byte(a.Input)):
		return permanent.New("the input is no JSON")
	case len(a.Token) > maxToken || !utf8.ValidString(a.Token):
		return permanent.Wrap(fmt.Errorf("a key has at most %d bytes of UTF-8", maxToken))
	}
	return CheckInstant("the start of the run", a.StartAt)
}

const (
	MaxPayload = 1 << 20 // bytes of an input or output
	maxToken   = 255
)

func (Adopt) name() string      { return "adopt" }
func (Accept) name() string     { return "accept" }
func (Wake) name() string       { return "wake" }
func (Abort) name() string      { return "abort" }
func (Timeout) name() string    { return "timeout" }
func (Pause) name() string      { return "pause" }
func (Resume) name() string     { return "resume" }
func (Backfill) name() string   { return "backfill" }
func (Drop) name() string       { return "drop" }
func (Checkpoint) name() string { return "checkpoint" }
func (Retire) name() string     { return "retire" }
func (Reserve) name() string    { return "reserve" }
func (Outcome) name() string    { return "outcome" }
func (Interrupt) name() string  { return "interrupt" }
func (Cancel) name() string     { return "cancel" }
func (Clear) name() string      { return "clear" }
func (Reset) name() string      { return "reset" }
func (Adjust) name() string     { return "adjust" }
func (Correct) name() string    { return "correct" }
