package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/clip"
	"github.com/pawl-go/pawl/internal/instant"
	"github.com/pawl-go/pawl/internal/permanent"
	"github.com/pawl-go/pawl/internal/wording"
)

// What a caller can act on, for [errors.Is]. Those of package permanent are the same at each
// attempt: a job that returns one, wrapped or not, is not tried again.
var (
	ErrFlowExists     = errors.New("flow exists already")
	ErrFlowNotFound   = permanent.New("no such flow")
	ErrInvalidFlow    = permanent.New("invalid flow")
	ErrInvalidBackoff = permanent.New("invalid backoff")
	ErrStarted        = errors.New("the scheduler was started already")
	ErrAlreadyRunning = errors.New("flow is running already")
	ErrTripped        = errors.New("flow is tripped")
	ErrStopped        = errors.New("the runner is stopped")
	ErrQueueFull      = errors.New("the command queue is full")
	ErrStopTimeout    = errors.New("the stop window passed")
	ErrRunNotFound    = errors.New("no such run")
	ErrPassive        = errors.New("the runner is passive")
	ErrBufferFull     = errors.New("too many starts wait")
	ErrRunOver        = errors.New("run is over")
	ErrTooLarge       = permanent.New("too large")
	ErrRegistered     = errors.New("flow is registered")
	ErrInvalidRange   = errors.New("invalid range") // permanent, unless time changes it

	ErrWouldWaitForItself = errors.New("the job would wait for itself")
)

// invalidFlow is an [ErrInvalidFlow]. What is wrong is an error of its own in it, for whoever
// says which flow, or which key, it is about.
func invalidFlow(format string, args ...any) error {
	return wording.Errorf("%w: %w", ErrInvalidFlow, wording.Errorf(format, args...))
}

// errorCodes are the words in pawl_commands.error_code for the errors above. A code is never
// given to another error: programs of other versions read it.
var errorCodes = []struct {
	code string
	err  error
}{
	{"flow_exists", ErrFlowExists}, {"flow_not_found", ErrFlowNotFound}, {"invalid_flow", ErrInvalidFlow},
	{"invalid_schedule", schedule.ErrInvalid}, {"invalid_backoff", ErrInvalidBackoff}, {"started", ErrStarted},
	{"already_running", ErrAlreadyRunning}, {"tripped", ErrTripped}, {"stopped", ErrStopped}, {"queue_full", ErrQueueFull},
	{"stop_timeout", ErrStopTimeout}, {"run_not_found", ErrRunNotFound}, {"passive", ErrPassive}, {"buffer_full", ErrBufferFull},
	{"run_over", ErrRunOver}, {"too_large", ErrTooLarge}, {"registered", ErrRegistered}, {"invalid_range", ErrInvalidRange},
	{"would_wait_for_itself", ErrWouldWaitForItself},
}

// errorCode is the code of an error; empty: it has none.
func errorCode(err error) string {
	for _, c := range errorCodes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return ""
}

// AnswerError is the error that a row of the inbox was answered with; nil: it was carried out.
// [errors.Is] finds the error that its code stands for. Without a code, or with one that this
// program does not know, the error has the text alone.
func (a Answer) AnswerError() error {
	if a.Error == "" {
		return nil
	}
	for _, c := range errorCodes {
		if c.code == a.Code {
			return &answered{a.Error, c.err}
		}
	}
	return errors.New(a.Error)
}

// answered is an error of another process.
type answered struct {
	text string
	err  error // which its code stands for
}

func (a *answered) Error() string { return a.text }

func (a *answered) Unwrap() error { return a.err }

// Refusals that stay inside: whoever meets one looks at the state again.
var (
	errNotDue    = errors.New("flow is not due")
	errNotOpen   = errors.New("run is not in flight")
	errUnchanged = errors.New("nothing to change")
	errFull      = errors.New("there is no room for a run")
	errUnread    = errors.New("the runs of a backfill cannot be read")
)

// known refuses a start whose key stands for a run already.
type known struct{ run int64 }

func (k *known) Error() string { return fmt.Sprintf("its key stands for run %d", k.run) }

// Rejected is what a [Store] returns when the database turned down one change, or
// one answer, of a batch: a version that does not follow, a constraint. Nothing of
// the batch was committed, and the store itself is well.
type Rejected struct {
	Flow    int64 // key of the flow, if it was a change
	Command int64 // id of the command, if it was an answer
	Err     error
}

func (r *Rejected) Error() string {
	return fmt.Sprintf("the database rejected a transition: %v", r.Err)
}

func (r *Rejected) Unwrap() error { return r.Err }

const (
	maxLastError = 1 << 10 // bytes of FlowInfo.LastError
	maxRunError  = 8 << 10 // bytes of RunInfo.Error
)

// ClipLastError cuts the error of a run to what a flow shows of it.
func ClipLastError(text string) string { return Clip(text, maxLastError) }

// Clip is [clip.Text].
func Clip(text string, limit int) string { return clip.Text(text, limit) }

// CheckInstant returns an [ErrInvalidRange] if t, which a caller gave, is outside the years
// 1 to 9999. The zero time is valid.
func CheckInstant(what string, t time.Time) error {
	if err := instant.Check(what, t); err != nil {
		return permanent.Wrap(fmt.Errorf("%w: %w", ErrInvalidRange, err))
	}
	return nil
}
