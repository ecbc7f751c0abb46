package pawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/pawl-go/pawl/engine"
)

// WithMiddleware wraps the job of every flow, when that is registered. The first one
// given is the outermost: it is entered first and left last; those of a flow
// ([WithFlowMiddleware]) are within. It sees each attempt, with its context, and what
// it returns in place of the job's error counts; a panic passes through it.
//
// Only the Run of what it returns is used: the [Resource] and [Validator] of a flow are
// those of the job as it was registered. Returning nil is [ErrInvalidFlow].
func WithMiddleware(wrap func(Job) Job) Option {
	return func(o *options) error {
		if wrap == nil {
			return errors.New("WithMiddleware(nil)")
		}
		o.middleware = append(o.middleware, wrap)
		return nil
	}
}

// WithFlowMiddleware is [WithMiddleware] for one flow.
func WithFlowMiddleware(wrap func(Job) Job) FlowOption {
	return func(r *registration) error {
		if wrap == nil {
			return fmt.Errorf("%w: WithFlowMiddleware(nil)", ErrInvalidFlow)
		}
		r.wraps = append(r.wraps, wrap)
		return nil
	}
}

// wrapped is the job in all that stands around it.
func (r *registration) wrapped(outer []func(Job) Job) (func(context.Context) error, error) {
	job := r.job
	for _, wrap := range slices.Backward(slices.Concat(outer, r.wraps)) {
		job = wrap(job)
		if f, ok := job.(JobFunc); job == nil || ok && f == nil {
			return nil, fmt.Errorf("%w: a middleware makes nil of its job", ErrInvalidFlow)
		}
	}
	return job.Run, nil
}

// Logger is the scheduler's logger with the flow, the run and the attempt that a job's
// context belongs to, as the attributes flow, run and attempt. Of any other context it
// is slog.Default().
func Logger(ctx context.Context) *slog.Logger {
	if l := engine.LoggerFrom(ctx); l != nil {
		return l
	}
	return slog.Default()
}
