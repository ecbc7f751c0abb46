package engine

import (
	"errors"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

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

// errorCodes are the words in pawl_commands.error_code for the errors above. A code is never
// given to another error: programs of other versions read it.
var errorCodes = []struct {
	code string
	err  error
}{
	{"flow_exists", core.ErrFlowExists}, {"flow_not_found", core.ErrFlowNotFound}, {"invalid_flow", core.ErrInvalidFlow},
	{"invalid_schedule", schedule.ErrInvalid}, {"invalid_backoff", core.ErrInvalidBackoff}, {"started", core.ErrStarted},
	{"already_running", core.ErrAlreadyRunning}, {"tripped", core.ErrTripped}, {"stopped", core.ErrStopped}, {"queue_full", core.ErrQueueFull},
	{"stop_timeout", core.ErrStopTimeout}, {"run_not_found", core.ErrRunNotFound}, {"passive", core.ErrPassive}, {"buffer_full", core.ErrBufferFull},
	{"run_over", core.ErrRunOver}, {"too_large", core.ErrTooLarge}, {"registered", core.ErrRegistered}, {"invalid_range", core.ErrInvalidRange},
	{"would_wait_for_itself", core.ErrWouldWaitForItself},
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
