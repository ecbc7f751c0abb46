package workflow

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pawl-go/pawl/internal/permanent"
)

// Errors for errors.Is.
var (
	// ErrInvalid: the workflow is misconfigured; the message says what to fix.
	ErrInvalid = permanent.New("invalid workflow")
	// ErrVersion: the run was recorded under another version of the workflow, or in a
	// state that it no longer has.
	ErrVersion = errors.New("another version of the workflow")
	// ErrWork: work that was to join a checkpoint failed, and neither is there. The state
	// has failed. Journals return it.
	ErrWork = errors.New("the work of a checkpoint failed")
	// ErrBreakerOpen: a circuit breaker refused the call.
	ErrBreakerOpen = errors.New("the circuit breaker is open")
	// ErrTooLarge: values do not fit into a checkpoint, or checkpoints into the journal;
	// see [MaxValues] and [MaxCheckpoints].
	ErrTooLarge = permanent.New("too large for the journal")
)

var errNoContext = errors.New("the context is nil: pass context.Background() if there is no other")

// Permanent makes of a task's error one that no further attempt can change: none is
// made. Nil stays nil. Any error with a method Permanent() bool that returns true counts
// as such, that of pawl.Permanent too, and so does what wraps one. These are permanent by
// themselves: [ErrTooLarge], and the errors of encoding and decoding values as JSON.
func Permanent(err error) error {
	return permanent.Wrap(err)
}

// isSkipped says whether a task's error means that there was nothing to do, see [Task].
func isSkipped(err error) bool {
	var s interface{ Skipped() bool }
	return errors.As(err, &s) && s.Skipped()
}

// asFailure makes a failure of a branch's error that says there was nothing to do: one branch
// does not speak for the run.
func asFailure(err error) error {
	if isSkipped(err) {
		return errors.New(err.Error())
	}
	return err
}

// A TaskError is why a state failed for good.
type TaskError struct {
	State    string // its text form
	Attempts int    // how often its task was called; 0: it was not, or that is not known
	Err      error
}

func (e *TaskError) Error() string {
	if e.Attempts > 1 {
		return fmt.Sprintf("state %s, after %d attempts: %v", e.State, e.Attempts, e.Err)
	}
	return fmt.Sprintf("state %s: %v", e.State, e.Err)
}

// Unwrap is the error of the last attempt.
func (e *TaskError) Unwrap() error { return e.Err }

// A SplitError says why a join is not satisfied: Errs has the error of each branch that
// failed, as a [*BranchError], in the order of the branches.
type SplitError struct {
	Join      string // such as "quorum of 2"
	Succeeded int
	Branches  int
	Cause     error // nil: too many branches failed; else what ended the split
	Errs      []error
}

func (e *SplitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is not reached: %d of %d branches succeeded", e.Join, e.Succeeded, e.Branches)
	if e.Cause != nil {
		fmt.Fprintf(&b, ", %v", e.Cause)
	}
	for _, err := range e.Errs {
		fmt.Fprintf(&b, "; %v", err)
	}
	return b.String()
}

// Unwrap is the cause, and the errors of the branches.
func (e *SplitError) Unwrap() []error {
	if e.Cause == nil {
		return e.Errs
	}
	return append([]error{e.Cause}, e.Errs...)
}

// A BranchError is why a branch of a split failed for good.
type BranchError struct {
	Branch   int // its index
	Attempts int
	Err      error
}

func (e *BranchError) Error() string { return fmt.Sprintf("branch %d: %v", e.Branch, e.Err) }

// Unwrap is the error of the last attempt.
func (e *BranchError) Unwrap() error { return e.Err }

// A PanicError is what becomes of a panic in a task, and of runtime.Goexit, whose Value is
// [ErrGoexit].
type PanicError struct {
	Value any
	Stack []byte
}

// ErrGoexit: a task called runtime.Goexit, as testing.T.FailNow does.
var ErrGoexit = errors.New("runtime.Goexit")

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n\n%s", e.Value, e.Stack) }

// Unwrap is the value of the panic, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
