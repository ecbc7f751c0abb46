package workflow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An Option is a setting of a whole workflow, for [New].
type Option func(*settings)

type settings struct {
	version     int
	timeout     time.Duration
	undoTimeout time.Duration // 0: the default
	volatile    bool
	observers   []Observer
	errs        []error
}

// undoLimit is how long each undo may take.
func (s *settings) undoLimit() time.Duration { return cmp.Or(s.undoTimeout, 5*time.Minute) }

// Version numbers the workflow; default 0. A run that was recorded under another version is
// not resumed. Under a scheduler it is blocked until a program with its version starts; with
// a journal that cannot keep it so it fails with [ErrVersion]. Raise the version with every
// change that runs on their way must not meet.
func Version(n int) Option { return func(s *settings) { s.version = n } }

// WithTimeout limits a run as a whole, counted from when it entered its first state,
// also over crashes and further attempts, unless one begins anew. What follows is as after
// any failure, see [WithUndo].
func WithTimeout(d time.Duration) Option {
	return func(s *settings) {
		s.timeout = d
		s.errs = append(s.errs, positive("WithTimeout", d)...)
	}
}

// WithUndoTimeout limits each undo with all its attempts; default 5 minutes. It is their
// only limit: they go on when the run's own context has ended.
func WithUndoTimeout(d time.Duration) Option {
	return func(s *settings) {
		s.undoTimeout = d
		s.errs = append(s.errs, positive("WithUndoTimeout", d)...)
	}
}

// WithoutJournal makes runs forgetful: they record nothing, and after a crash begin at
// the start, if at all.
func WithoutJournal() Option { return func(s *settings) { s.volatile = true } }

// WithObserver has an observer told of what happens. It may be given several times.
func WithObserver(o Observer) Option {
	return func(s *settings) { s.observers = append(s.observers, o) }
}

// A StateOption is a setting of one state, for [Workflow.Register] and
// [Workflow.RegisterSplit].
type StateOption func(*stateOptions)

type stateOptions struct {
	policy
	to          []any
	undo        undo
	bulkhead    int
	joinTimeout time.Duration
	errs        []error
}

// policy is how a task is called.
type policy struct {
	text    string // of the state
	retries int
	backoff Backoff
	timeout time.Duration // of one attempt; 0: none
	breaker *Breaker      // nil: none
}

// undo takes back what a state did; its output as JSON, nil: it handed over none.
type undo func(context.Context, *Resources, json.RawMessage) error

func defaultStateOptions() stateOptions {
	return stateOptions{policy: policy{retries: 3, backoff: Exponential()}}
}

// To declares where the task of a state may lead. A task that returns another state then
// fails. When all states declare it, one that no path leads to is an error of
// [Workflow.Validate], and [Workflow.Mermaid] draws the whole machine.
func To[S comparable](states ...S) StateOption {
	return func(o *stateOptions) {
		if len(states) == 0 {
			o.errs = append(o.errs, errors.New("To() without a state"))
		}
		for _, s := range states {
			o.to = append(o.to, s)
		}
	}
}

// WithRetry has the task called again after a failure, up to max times, with these waits
// in between, which spread by a tenth unless b says otherwise ([NoJitter]). Default: 3,
// [Exponential]. Attempts are not durable: after a crash they begin again. See [Permanent].
// Between two attempts the run stays in memory, and under a scheduler it keeps its slot: let
// waits be short, and use the retries of the flow, or a state that is an [After], for long ones.
func WithRetry(max int, b Backoff) StateOption {
	return func(o *stateOptions) {
		o.retries, o.backoff = max, b.spread()
		if max < 0 {
			o.errs = append(o.errs, fmt.Errorf("WithRetry(%d): at least 0", max))
		}
		if err := b.validate(); err != nil {
			o.errs = append(o.errs, fmt.Errorf("WithRetry: %w", err))
		}
	}
}

// WithoutRetry has the task called once.
func WithoutRetry() StateOption { return func(o *stateOptions) { o.retries = 0 } }

// WithAttemptTimeout limits one attempt. Its context ends then; the attempt is over when
// the task returns, and has failed if it returns an error.
func WithAttemptTimeout(d time.Duration) StateOption {
	return func(o *stateOptions) {
		o.timeout = d
		o.errs = append(o.errs, positive("WithAttemptTimeout", d)...)
	}
}

// WithBreaker has b asked before each attempt. While b is open the task is not called,
// and the state fails with [ErrBreakerOpen] and the error of its last attempt, if there was
// one, whatever attempts are left.
func WithBreaker(b *Breaker) StateOption {
	return func(o *stateOptions) {
		o.breaker = b
		switch {
		case b == nil:
			o.errs = append(o.errs, errors.New("WithBreaker(nil)"))
		case b.failures == 0:
			o.errs = append(o.errs, errors.New("WithBreaker: make the breaker with NewBreaker"))
		}
	}
}

// WithUndo names what takes back the work of a state. When a later state fails for good,
// or the run is cancelled or times out, the undos of the states that were left are called,
// the last one first, each with what the task handed over with [SetUndo], or the zero
// value of T. A state that failed itself is not undone: its task leaves nothing behind,
// or bears to be called again.
//
// An undo is tried as often as the task, and recorded: after a crash the rest go on. One
// that was at work in the crash is called again. One that fails for good is recorded
// too, its error becomes part of the run's, and the others go on. Its context does not end
// with the run's, see [WithUndoTimeout]; [Value] finds in it what the run put last.
//
// Undos begin when the task that was at work, or all branches, have returned: one that does
// not look at its context keeps them waiting for as long. A scheduler waits for it, and
// for each undo, no longer than [Job.Grace]; of a run that it closes before nothing more is
// undone.
func WithUndo[T any](f func(ctx context.Context, res *Resources, v T) error) StateOption {
	return func(o *stateOptions) {
		o.undo = func(ctx context.Context, res *Resources, output json.RawMessage) error {
			var v T
			if output != nil {
				if err := json.Unmarshal(output, &v); err != nil {
					return Permanent(fmt.Errorf("read what it needs: %w", err))
				}
			}
			return f(ctx, res, v)
		}
		if f == nil {
			o.errs = append(o.errs, errors.New("WithUndo(nil)"))
		}
	}
}

// WithBulkhead limits how many branches of a split are at work at once. They begin in
// their order. Default: all of them.
func WithBulkhead(n int) StateOption {
	return func(o *stateOptions) {
		o.bulkhead = n
		if n < 1 {
			o.errs = append(o.errs, fmt.Errorf("WithBulkhead(%d): at least 1", n))
		}
	}
}

// WithJoinTimeout limits a split as a whole. Branches still at work then are cancelled,
// and the split fails.
func WithJoinTimeout(d time.Duration) StateOption {
	return func(o *stateOptions) {
		o.joinTimeout = d
		o.errs = append(o.errs, positive("WithJoinTimeout", d)...)
	}
}

// positive is what is wrong with the duration of an option, if anything.
func positive(option string, d time.Duration) []error {
	if d > 0 {
		return nil
	}
	return []error{fmt.Errorf("%s(%v): more than 0", option, d)}
}
