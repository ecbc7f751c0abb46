package workflow

import (
	"context"
	"encoding/json"
	"time"
)

// A Journal keeps what a run has done so far, so that the next process goes on from
// there. The scheduler serves one in the context of each run; a program of its own may
// pass one with [WithJournal].
//
// A journal may also have a method Attempt() int, from 1: which attempt of the run this is.
// A run that was undone and is met again in the same attempt, since its outcome was lost in
// a crash, then ends with the error that it had, and begins anew in a later attempt.
// Without the method it begins anew.
//
// With a method Park(until time.Time) error a run that waits for a timer for longer than a
// few seconds records that, and returns the error of Park; it is to be run again at that
// instant. With ParkFor(d time.Duration, until time.Time) error it does so for a timer that
// is a length of time: until is its end by the clock as it is now, and Woken() bool says, of
// the run that is run again, that it is over however the clock was set. With Now() time.Time
// that is the clock of its checkpoints and timers. With Name() string, another for each run,
// the jitter of waits differs between runs that begin together. With a method Blocked(version int, err error) error a run that another version
// recorded returns the error of that, in place of a permanent one.
type Journal interface {
	// Checkpoints are those of this run so far, in order (Seq 1, 2, ...).
	Checkpoints(ctx context.Context) ([]Checkpoint, error)

	// Record appends checkpoints, in one transaction; durable when it returns nil. Seq
	// and At of what is passed are ignored and filled in by the journal. What an error
	// leaves behind is all or nothing. The context does not end with the run's: what was
	// done is recorded also when the run was cancelled meanwhile.
	//
	// After an error the run stops where it is, and the next process goes on: the journal
	// cannot be written now. One that wraps [ErrTooLarge] says that it never takes this:
	// then the state fails, and what was done is undone. A journal takes at least what
	// [MaxPayload], [MaxState] and [MaxCheckpoints] allow.
	Record(ctx context.Context, cs ...Checkpoint) error

	// Suspending is closed when the process is about to end in an orderly way: a
	// workflow that only waits (a timer, a poll, between two states or steps) stops and
	// returns Suspend's error; a task that is at work is finished first.
	Suspending() <-chan struct{}

	// Suspend is the error to return then: the run is not over, the next process
	// resumes it.
	Suspend() error

	// Permanent marks an error that a further attempt would meet again, such as that of
	// another version.
	Permanent(err error) error
}

// parker is a journal that starts a run again at an instant. A run that waits for longer
// than a few seconds records that, and returns the error of Park: it holds no memory.
type parker interface{ Park(until time.Time) error }

// timer is a parker that keeps lengths of time.
type timer interface {
	ParkFor(d time.Duration, until time.Time) error
	Woken() bool
}

// named is a journal that says which run it is of.
type named interface{ Name() string }

// timekeeper is a journal with a clock.
type timekeeper interface{ Now() time.Time }

// blocker is a journal that keeps a run which the workflow cannot go on with, for a
// workflow with the version that recorded it. Blocked is the error to return.
type blocker interface {
	Blocked(version int, err error) error
}

// A Checkpoint is one entry of a journal.
type Checkpoint struct {
	Seq     int64
	State   string          // text form of the state
	Kind    string          // KindEnter, KindStep, ...
	Payload json.RawMessage // nil: none
	At      time.Time

	// Work is what the journal does in the same transaction, see [Attach]; nil: nothing. An
	// error of it leaves nothing behind, and is an [ErrWork]. A []any is several, to be done
	// in order; each may be a []any itself.
	Work any

	// Replaces says that it may take the place of the one before it, which is of no use
	// any more: the cursor of a step, above all.
	Replaces bool
}

// The kinds of checkpoints. Their payloads are this package's own business.
const (
	KindEnter  = "enter"  // the run is in this state now; its task comes next. An exit: the run is over
	KindStep   = "step"   // a stepped task finished a step
	KindTimer  = "timer"  // a timer knows its instant
	KindFailed = "failed" // the task failed for good, and undos follow
	KindUndo   = "undo"   // what the state did is undone, or its undo failed for good
)

type journalKey struct{}

// WithJournal returns a context in which workflows are durable: they record in j, and
// go on from what j holds.
func WithJournal(ctx context.Context, j Journal) context.Context {
	return context.WithValue(ctx, journalKey{}, j)
}

// journalFrom is the journal of ctx, or nil.
func journalFrom(ctx context.Context) Journal {
	j, _ := ctx.Value(journalKey{}).(Journal)
	return j
}
