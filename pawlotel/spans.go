package pawlotel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/tally"
)

// Spans is a middleware, for [pawl.WithMiddleware] or [pawl.WithFlowMiddleware], that makes a
// span of each attempt of a run. A job that is run by others than a scheduler gets none.
func Spans(opts ...Option) func(pawl.Job) pawl.Job {
	tracer := configured(opts).tracers.Tracer(scope, trace.WithInstrumentationVersion(tally.Version()))
	return func(job pawl.Job) pawl.Job { return traced{job, tracer} }
}

// traced is a job whose attempts are spans.
type traced struct {
	job    pawl.Job
	tracer trace.Tracer
}

// Run implements [pawl.Job].
func (t traced) Run(ctx context.Context) error {
	run, ok := pawl.RunFrom(ctx)
	if !ok {
		return t.job.Run(ctx)
	}
	ctx, span := t.start(ctx, run)
	defer span.End() // deferred by itself, since it records a panic
	returned := false
	defer func() {
		if !returned {
			end(span, "failed", "panic", "the job panicked or called runtime.Goexit")
		}
	}()
	err := t.job.Run(ctx)
	returned = true
	judge(ctx, span, err)
	return err
}

// start begins the span. A trace that the whole process is in would never end, so it is
// one of its own.
func (t traced) start(ctx context.Context, run pawl.RunInfo) (context.Context, trace.Span) {
	opts := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithAttributes(
		attribute.String("pawl.flow", run.FlowID),
		attribute.Int64("pawl.run", run.Number),
		attribute.Int("pawl.attempt", run.Attempt),
		attribute.String("pawl.trigger", run.Trigger),
		attribute.String("pawl.scheduled_at", run.ScheduledAt.Format(time.RFC3339Nano)),
		attribute.Float64("pawl.lateness", tally.Lateness(run).Seconds()),
	)}
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: parent}))
	}
	return t.tracer.Start(ctx, "run "+run.FlowID, opts...)
}

// judge tells what came of the attempt, as the engine takes it.
func judge(ctx context.Context, span trace.Span, err error) {
	cause := context.Cause(ctx)
	switch {
	case err == nil:
		end(span, "completed", "", "")
	case says(err, skipped.Skipped):
		span.AddEvent("skipped", trace.WithAttributes(attribute.String("reason", err.Error())))
		end(span, "skipped", "", "")
	case says(err, suspended.Suspended):
		end(span, "suspended", "", "")
	case says(err, func(a aside) bool { return a.Aside() != "" }):
		var a aside
		errors.As(err, &a)
		end(span, string(a.Aside()), "", "")
	case errors.Is(cause, pawl.ErrTimedOut), errors.Is(cause, pawl.ErrAttemptTimedOut):
		end(span, "timed_out", "timed_out", err.Error())
	case cause != nil:
		end(span, "cancelled", "cancelled", err.Error())
	default:
		span.RecordError(err)
		end(span, "failed", kind(err), err.Error())
	}
}

// What an error of a job may say of itself.
type (
	skipped   interface{ Skipped() bool }
	suspended interface{ Suspended() bool }
	aside     interface{ Aside() pawl.RunStatus } // parked, blocked; empty: neither
)

// says asks the first error in the chain that can tell.
func says[E any](err error, ask func(E) bool) bool {
	var e E
	return errors.As(err, &e) && ask(e)
}

// end sets what is known when an attempt is over; without a type of error it is none.
func end(span trace.Span, outcome, errorType, text string) {
	span.SetAttributes(attribute.String("pawl.outcome", outcome))
	if errorType != "" {
		span.SetAttributes(attribute.String("error.type", errorType))
		span.SetStatus(codes.Error, text)
	}
}

// kind is the type of the innermost error.
func kind(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Sprintf("%T", err)
}
