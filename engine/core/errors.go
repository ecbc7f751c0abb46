package core

import (
	"errors"
	"fmt"
	"time"

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

const (
	maxLastError = 1 << 10 // bytes of FlowInfo.LastError
	MaxRunError  = 8 << 10 // bytes of RunInfo.Error
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

// NoRun is the [ErrRunNotFound] of a number that no run of a flow has: not yet, not any
// more, or never.
func NoRun(f FlowInfo, number int64) error {
	switch {
	case number < 1:
		return fmt.Errorf("%w: runs are numbered from 1 on, and %d is none of flow %q", ErrRunNotFound, number, f.ID)
	case f.LastNumber == 0:
		return fmt.Errorf("%w: flow %q has not run yet", ErrRunNotFound, f.ID)
	case number > f.LastNumber:
		return fmt.Errorf("%w: flow %q has no run %d yet, its newest is %d", ErrRunNotFound, f.ID, number, f.LastNumber)
	}
	return fmt.Errorf("%w: run %d of flow %q is not kept any more", ErrRunNotFound, number, f.ID)
}
