package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// noting is a middleware that notes when it is entered and left.
func noting(name string, log *[]string) func(pawl.Job) pawl.Job {
	return func(next pawl.Job) pawl.Job {
		return job(func(ctx context.Context) error {
			*log = append(*log, "enter "+name)
			defer func() { *log = append(*log, "leave "+name) }()
			return next.Run(ctx)
		})
	}
}

// time V2: outermost first, the scheduler's around the flow's, for every flow, also one of
// an update.
func TestMiddlewareIsEnteredInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var log []string
		s := quiet(db, pawl.WithMiddleware(noting("1", &log)), pawl.WithMiddleware(noting("2", &log)))
		work := job(func(context.Context) error { log = append(log, "work"); return nil })
		require.NoError(t, s.Manual("a", work, pawl.WithFlowMiddleware(noting("3", &log)), pawl.WithFlowMiddleware(noting("4", &log))))
		r := start(t, s)
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []string{"enter 1", "enter 2", "enter 3", "enter 4", "work", "leave 4", "leave 3", "leave 2", "leave 1"}, log)
		log = nil
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("b", work) }))
		_, err = r.Trigger(t.Context(), "b")
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []string{"enter 1", "enter 2", "work", "leave 2", "leave 1"}, log)
		stop(t, r, db)
	})
}

// time V2: what it returns counts, what it adds to the context arrives, and a panic is the
// run's.
func TestMiddlewareMayChangeContextAndOutcome(t *testing.T) {
	type key struct{}
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithMiddleware(func(next pawl.Job) pawl.Job {
			return job(func(ctx context.Context) error {
				if err := next.Run(context.WithValue(ctx, key{}, "token")); err != nil {
					return pawl.Skipped(err.Error())
				}
				panic("too good to be true")
			})
		}))
		require.NoError(t, s.Manual("fails", job(func(ctx context.Context) error { return errors.New(ctx.Value(key{}).(string)) })))
		require.NoError(t, s.Manual("succeeds", job(ok)))
		r := start(t, s)
		for id, want := range map[string]pawl.RunStatus{"fails": pawl.RunSkipped, "succeeds": pawl.RunFailed} {
			run, err := r.Trigger(t.Context(), id)
			require.NoError(t, err)
			info, err := r.WaitRun(t.Context(), id, run)
			require.NoError(t, err)
			assert.Equal(t, want, info.Status, id)
			assert.Contains(t, info.Error, map[string]string{"fails": "token", "succeeds": "panic: too good to be true"}[id])
		}
		stop(t, r, db)
	})
}

// time V2, scheduler B3: the job keeps what else it is.
func TestMiddlewareHidesNeitherResourceNorValidator(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var log, steps []string
		s := quiet(db, pawl.WithMiddleware(noting("m", &log)))
		require.NoError(t, s.Manual("a", pooled{&steps}))
		stop(t, start(t, s), db)
		assert.Equal(t, []string{"validate", "setup", "teardown"}, steps)
	})
}

type pooled struct{ steps *[]string }

func (p pooled) note(step string) error         { *p.steps = append(*p.steps, step); return nil }
func (p pooled) Run(context.Context) error      { return p.note("run") }
func (p pooled) Validate() error                { return p.note("validate") }
func (p pooled) Setup(context.Context) error    { return p.note("setup") }
func (p pooled) Teardown(context.Context) error { return p.note("teardown") }

// time V2, scheduler B5
func TestMiddlewareThatMakesNothingIsRefused(t *testing.T) {
	none := func(pawl.Job) pawl.Job { return nil }
	s := quiet("unused.db", pawl.WithMiddleware(none))
	require.ErrorIs(t, s.Manual("a", job(ok)), pawl.ErrInvalidFlow)
	s = quiet("unused.db")
	require.ErrorIs(t, s.Manual("a", job(ok), pawl.WithFlowMiddleware(none)), pawl.ErrInvalidFlow)
	require.ErrorIs(t, s.Manual("a", job(ok), pawl.WithFlowMiddleware(nil)), pawl.ErrInvalidFlow)
	assert.Zero(t, s.Len())
}

// time V2: it tells each attempt apart.
func TestLoggerOfAJobNamesItsRun(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var log bytes.Buffer
		plain := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		s := quiet(db, pawl.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: plain}))))
		work := func(ctx context.Context) error { pawl.Logger(ctx).Warn("hello"); return errors.New("boom") }
		require.NoError(t, s.Manual("a", job(work), pawl.WithRetry(1, pawl.BackoffPolicy{Initial: time.Second, Jitter: pawl.NoJitter})))
		r := start(t, s)
		for range 2 {
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
		}
		stop(t, r, db)
		assert.Equal(t, "level=WARN msg=hello flow=a run=1 attempt=1\nlevel=WARN msg=hello flow=a run=1 attempt=2\n"+
			"level=WARN msg=hello flow=a run=2 attempt=1\nlevel=WARN msg=hello flow=a run=2 attempt=2\n", log.String())
		assert.Same(t, slog.Default(), pawl.Logger(t.Context()))
	})
}
