package engine

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a caller can act on, for [errors.Is].
var (
	ErrFlowExists      = errors.New("flow exists already")
	ErrFlowNotFound    = errors.New("no such flow")
	ErrInvalidFlow     = errors.New("invalid flow")
	ErrInvalidSchedule = errors.New("invalid schedule")
	ErrInvalidBackoff  = errors.New("invalid backoff")
	ErrStarted         = errors.New("the scheduler was started already")
	ErrAlreadyRunning  = errors.New("flow is running already")
	ErrTripped         = errors.New("flow is tripped")
	ErrStopped         = errors.New("the runner is stopped")
	ErrQueueFull       = errors.New("the command queue is full")
	ErrStopTimeout     = errors.New("the stop window passed")
	ErrRunNotFound     = errors.New("no such run")
)

// Refusals that stay inside: whoever meets one looks at the state again.
var (
	errNotDue    = errors.New("flow is not due")
	errNotOpen   = errors.New("run is not in flight")
	errUnchanged = errors.New("nothing to change")
)

// Rejected is what a [Store] returns when the database turned down one change
// of a batch: a version that does not follow, a constraint. Nothing of the
// batch was committed, and the store itself is well.
type Rejected struct {
	Flow int64 // key of the flow
	Err  error
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

// Clip makes text fit to be stored and shown: valid UTF-8 without NUL, at most
// limit bytes, and a mark where something was cut off.
func Clip(text string, limit int) string {
	const mark = "... [cut]"
	whole := len(text)
	if whole > 4*limit { // more than can be left over, so never scan a megabyte
		text = text[:4*limit]
	}
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) <= limit && whole <= 4*limit {
		return text
	}
	end := limit - len(mark)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
