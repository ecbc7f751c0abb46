package pawlotel_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawlotel"
)

func job(f func(context.Context) error) pawl.Job { return pawl.JobFunc(f) }

func ok(context.Context) error { return nil }

func failing(context.Context) error { return errors.New("boom") }

// bubble runs a test under virtual time, which begins at 2000-01-01 00:00 UTC, with the
// path of a database that does not exist yet.
func bubble(t *testing.T, test func(t *testing.T, db string)) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) { test(t, db) })
}

func quiet(db string, opts ...pawl.Option) *pawl.Scheduler {
	return pawl.NewScheduler(db, append(opts, pawl.WithLogger(slog.New(slog.DiscardHandler)), pawl.WithInboxPoll(0))...)
}

// recording makes spans and keeps them.
func recording() (*tracetest.SpanRecorder, *sdk.TracerProvider) {
	recorder := tracetest.NewSpanRecorder()
	return recorder, sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
}

// of is what a span says with a key; nil: nothing.
func of(span sdk.ReadOnlySpan, key attribute.Key) any {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value.AsInterface()
		}
	}
	return nil
}

// Observability: a span for each attempt, which tells which run it is of.
func TestEachAttemptIsASpan(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		recorder, provider := recording()
		for life := range 2 {
			s := quiet(db, pawl.WithMiddleware(pawlotel.Spans(pawlotel.WithTracerProvider(provider))))
			require.NoError(t, s.Cron("sync", "0 * * * *", job(func(context.Context) error {
				time.Sleep(3 * time.Second)
				return errors.New("boom")
			}), pawl.WithRetry(1, pawl.BackoffPolicy{Initial: time.Minute, Jitter: pawl.NoJitter})))
			r, err := s.Start(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Duration(1-life) * 89 * time.Minute)
			synctest.Wait()
			require.NoError(t, r.Stop(context.Background()))
			time.Sleep(46 * time.Minute)
		}
		spans := recorder.Ended()
		require.Len(t, spans, 3, "two attempts, and one that makes up for what was missed")
		nominal := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)
		for i, want := range []struct {
			run, attempt int64
			at           time.Time
			late         time.Duration
		}{{1, 1, nominal, 0}, {1, 2, nominal, 63 * time.Second}, {2, 1, nominal.Add(time.Hour), 15 * time.Minute}} {
			span := spans[i]
			assert.Equal(t, "run sync", span.Name())
			assert.Equal(t, "sync", of(span, "pawl.flow"))
			assert.Equal(t, want.run, of(span, "pawl.run"))
			assert.Equal(t, want.attempt, of(span, "pawl.attempt"))
			assert.Equal(t, "schedule", of(span, "pawl.trigger"))
			assert.Equal(t, want.at.Format(time.RFC3339), of(span, "pawl.scheduled_at"))
			assert.Equal(t, want.late.Seconds(), of(span, "pawl.lateness"))
			assert.Equal(t, want.at.Add(want.late), span.StartTime().UTC())
			assert.Equal(t, 3*time.Second, span.EndTime().Sub(span.StartTime()))
			assert.Equal(t, sdk.Status{Code: codes.Error, Description: "boom"}, span.Status())
			assert.Equal(t, "github.com/pawl-go/pawl/pawlotel", span.InstrumentationScope().Name)
		}
	})
}

// Observability: the job's own spans are children; a span around Start is linked, not a parent.
func TestSpansOfAJobAreChildren(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		recorder, provider := recording()
		tracer := provider.Tracer("app")
		s := quiet(db, pawl.WithMiddleware(pawlotel.Spans(pawlotel.WithTracerProvider(provider))))
		require.NoError(t, s.Manual("a", job(func(ctx context.Context) error {
			_, span := tracer.Start(ctx, "child")
			span.End()
			return nil
		})))
		ctx, whole := tracer.Start(t.Context(), "the whole process")
		r, err := s.Start(ctx)
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		require.NoError(t, r.Stop(context.Background()))
		spans := recorder.Ended()
		require.Len(t, spans, 2)
		child, run := spans[0], spans[1]
		assert.Equal(t, run.SpanContext().SpanID(), child.Parent().SpanID())
		assert.Equal(t, run.SpanContext().TraceID(), child.SpanContext().TraceID())
		assert.False(t, run.Parent().IsValid())
		require.Len(t, run.Links(), 1)
		assert.Equal(t, whole.SpanContext(), run.Links()[0].SpanContext)
		whole.End()
	})
}

// Observability: the status of a span is what the attempt came to.
func TestStatusOfASpanIsThatOfItsAttempt(t *testing.T) {
	wait := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("gave up: %w", ctx.Err())
	}
	for outcome, test := range map[string]struct {
		work   func(context.Context) error
		opts   []pawl.FlowOption
		status codes.Code
		kind   any
	}{
		"completed": {work: ok, status: codes.Unset},
		"failed":    {work: func(context.Context) error { return pawl.Permanent(fmt.Errorf("import: %w", errors.ErrUnsupported)) }, status: codes.Error, kind: "*errors.errorString"},
		"skipped":   {work: func(context.Context) error { return pawl.Skipped("no orders") }, status: codes.Unset},
		"timed_out": {work: wait, opts: []pawl.FlowOption{pawl.WithTimeout(time.Minute)}, status: codes.Error, kind: "timed_out"},
		"cancelled": {work: wait, status: codes.Error, kind: "cancelled"},
	} {
		t.Run(outcome, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				recorder, provider := recording()
				s := quiet(db, pawl.WithMiddleware(pawlotel.Spans(pawlotel.WithTracerProvider(provider))))
				require.NoError(t, s.Manual("a", job(test.work), test.opts...))
				r, err := s.Start(t.Context())
				require.NoError(t, err)
				number, err := r.Trigger(t.Context(), "a")
				require.NoError(t, err)
				if outcome == "cancelled" {
					time.Sleep(time.Second)
					require.NoError(t, r.Cancel(t.Context(), "a", number))
				}
				run, err := r.WaitRun(t.Context(), "a", number)
				require.NoError(t, err)
				require.NoError(t, r.Stop(context.Background()))
				spans := recorder.Ended()
				require.Len(t, spans, 1)
				assert.Equal(t, outcome, of(spans[0], "pawl.outcome"))
				assert.Equal(t, string(run.Status), of(spans[0], "pawl.outcome"), "as the run")
				assert.Equal(t, test.status, spans[0].Status().Code)
				assert.Equal(t, test.kind, of(spans[0], "error.type"))
			})
		})
	}
}

// Observability: a panic, and a Goexit, end the span, and the run as they would without it.
func TestJobThatPanicsHasASpan(t *testing.T) {
	for name, work := range map[string]func(context.Context) error{
		"panic":  func(context.Context) error { panic("ouch") },
		"goexit": func(context.Context) error { runtime.Goexit(); return nil },
	} {
		bubble(t, func(t *testing.T, db string) {
			recorder, provider := recording()
			s := quiet(db, pawl.WithMiddleware(pawlotel.Spans(pawlotel.WithTracerProvider(provider))))
			require.NoError(t, s.Manual("a", job(work)))
			r, err := s.Start(t.Context())
			require.NoError(t, err)
			number, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			run, err := r.WaitRun(t.Context(), "a", number)
			require.NoError(t, err)
			require.NoError(t, r.Stop(context.Background()))
			spans := recorder.Ended()
			require.Len(t, spans, 1)
			assert.Equal(t, codes.Error, spans[0].Status().Code)
			assert.Equal(t, "panic", of(spans[0], "error.type"))
			if name == "panic" {
				assert.Contains(t, run.Error, "panic: ouch")
				assert.Contains(t, run.Error, "spans_test.go", "the stack is the job's")
				require.Len(t, spans[0].Events(), 1)
				assert.Contains(t, spans[0].Events()[0].Attributes, attribute.String("exception.message", "ouch"))
			} else {
				assert.Contains(t, run.Error, "Goexit")
			}
		})
	}
}

// A job that is called by somebody else is no run.
func TestJobOutsideOfASchedulerHasNoSpan(t *testing.T) {
	recorder, provider := recording()
	wrap := pawlotel.Spans(pawlotel.WithTracerProvider(provider))
	require.EqualError(t, wrap(job(failing)).Run(t.Context()), "boom")
	assert.Empty(t, recorder.Started())
}
