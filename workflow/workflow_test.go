package workflow_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// order has tasks as methods.
type order struct{ seen []int }

func (o *order) Run(context.Context, *resources) (int, error) {
	o.seen = append(o.seen, len(o.seen))
	return min(len(o.seen), 3), nil
}

// workflow F1: any comparable state, methods as tasks, a run until an exit.
func TestRunGoesFromStateToStateUntilAnExit(t *testing.T) {
	o := &order{}
	w := workflow.New[int]()
	for i := range 3 {
		w.Register(i, o.Run)
	}
	w.Exit(3)
	final, err := w.Run(t.Context(), 0)
	require.NoError(t, err)
	assert.Equal(t, 3, final)
	assert.Equal(t, []int{0, 1, 2}, o.seen)
	o.seen = nil
	require.NoError(t, w.Job(0).Run(t.Context()), "a job is a run")
}

// workflow F1
func TestTaskThatReturnsAnUnknownStateFailsTheRun(t *testing.T) {
	calls := 0
	w := of(func(context.Context, *resources) (state, error) { calls++; return "nowhere", nil })
	final, err := run(t, w)
	require.ErrorContains(t, err, "state start: its task returned the state nowhere, which is neither registered nor an exit")
	assert.Equal(t, state("start"), final)
	assert.Equal(t, 1, calls, "to call it again would not help")
}

// workflow F2
func TestTaskThatReturnsAnUndeclaredStateFailsTheRun(t *testing.T) {
	w := of(goes("end"), workflow.To[state]("start"))
	_, err := run(t, w)
	require.ErrorContains(t, err, "state start: its task returned the state end, which it does not declare")
}

// workflow F5: a panic is an error with the stack, and is tried again like any other.
func TestPanicIsTheErrorOfTheTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		_, err := run(t, of(func(context.Context, *resources) (state, error) { calls++; panic(errBoom) }))
		var p *workflow.PanicError
		require.ErrorAs(t, err, &p)
		require.ErrorIs(t, err, errBoom)
		assert.Contains(t, string(p.Stack), "workflow_test.go")
		assert.Equal(t, 4, calls)
	})
}

// workflow F5: the goroutine that the task ended is replaced, and the run goes on.
func TestGoexitIsTheErrorOfTheTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		w := of(func(context.Context, *resources) (state, error) {
			if calls++; calls < 3 {
				runtime.Goexit()
			}
			return "end", nil
		})
		final, err := run(t, w)
		require.NoError(t, err)
		assert.Equal(t, state("end"), final)
		assert.Equal(t, 3, calls)

		_, err = run(t, of(func(context.Context, *resources) (state, error) { runtime.Goexit(); return "", nil }))
		require.ErrorIs(t, err, workflow.ErrGoexit)
		var p *workflow.PanicError
		require.ErrorAs(t, err, &p)
		assert.Contains(t, string(p.Stack), "workflow_test.go")
		var e *workflow.TaskError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 4, e.Attempts)
	})
}

// workflow F5: inside a task.
func TestCancelEndsATask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(errBoom) })
		w := of(func(ctx context.Context, _ *resources) (state, error) { return "end", works(ctx, time.Hour) })
		_, err := w.Run(ctx, "start")
		require.ErrorIs(t, err, errBoom, "the cause")
		require.ErrorIs(t, err, context.Canceled, "what the task returned")
		assert.Equal(t, midnight.Add(time.Minute), time.Now().UTC())
	})
}

// workflow F5: between tasks, and in the wait before a retry.
func TestCancelEndsARunBetweenTasksAndAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := workflow.New[state]()
		w.Register("start", func(context.Context, *resources) (state, error) { cancel(); return "more", nil })
		w.Register("more", func(context.Context, *resources) (state, error) { panic("not to be called") })
		w.Exit("end")
		final, err := w.Run(ctx, "start")
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, state("more"), final)

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		_, err = of(fails(errBoom), workflow.WithRetry(3, workflow.Fixed(time.Hour))).Run(ctx, "start")
		require.EqualError(t, err, "state start: context canceled: boom", "why it ended, and the last attempt's error")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, midnight.Add(time.Minute), time.Now().UTC())
	})
}

// workflow F5
func TestExitThatIsReachedCountsAlthoughTheContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	final, err := of(func(context.Context, *resources) (state, error) { cancel(); return "end", nil }).Run(ctx, "start")
	require.NoError(t, err)
	assert.Equal(t, state("end"), final)
}

// workflow F5
func TestTimeoutOfTheWorkflowEndsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := workflow.New[state](workflow.WithTimeout(90 * time.Second))
		w.Register("start", func(ctx context.Context, _ *resources) (state, error) { return "more", works(ctx, time.Minute) })
		w.Register("more", func(ctx context.Context, _ *resources) (state, error) { return "end", works(ctx, time.Minute) })
		w.Exit("end")
		final, err := run(t, w)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "state more: timeout of the workflow, 1m30s: context deadline exceeded")
		assert.Equal(t, state("more"), final)
		assert.Equal(t, midnight.Add(90*time.Second), time.Now().UTC())
	})
}

// workflow F9: also alone.
func TestValuesGoFromStateToState(t *testing.T) {
	type point struct{ X, Y int }
	w := workflow.New[state]()
	w.Register("start", func(ctx context.Context, _ *resources) (state, error) {
		err := workflow.Put(ctx, "point", point{1, 2})
		assert.Equal(t, point{1, 2}, value[point](t, ctx, "point"), "at once")
		return "more", err
	})
	w.Register("more", func(ctx context.Context, _ *resources) (state, error) {
		assert.Equal(t, point{1, 2}, value[point](t, ctx, "point"))
		_, _, err := workflow.Value[string](ctx, "point")
		require.ErrorContains(t, err, `value "point"`)
		_, ok, err := workflow.Value[string](ctx, "nothing")
		assert.False(t, ok)
		return "end", errors.Join(err, workflow.Put(ctx, "point", 3))
	})
	w.Exit("end")
	_, err := run(t, w)
	require.NoError(t, err)
}

// workflow F9
func TestAttemptThatFailedLeavesNoValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		_, err := run(t, of(func(ctx context.Context, _ *resources) (state, error) {
			_, ok, err := workflow.Value[int](ctx, "x")
			assert.False(t, ok, "attempt %d finds a value", calls)
			if calls++; calls < 3 {
				return "", errors.Join(err, workflow.Put(ctx, "x", calls), errBoom)
			}
			return "end", err
		}))
		require.NoError(t, err)
	})
}

// workflow F9
func TestValuesNeedTheContextOfATask(t *testing.T) {
	require.ErrorContains(t, workflow.Put(t.Context(), "x", 1), "not that of a workflow's task")
	_, _, err := workflow.Value[int](t.Context(), "x")
	require.Error(t, err)
	require.Error(t, workflow.SetUndo(t.Context(), 1))
	_, err = workflow.Outcomes(t.Context())
	require.Error(t, err)
	_, err = run(t, of(func(ctx context.Context, _ *resources) (state, error) {
		require.ErrorContains(t, workflow.Put(ctx, "x", func() {}), `put "x"`)
		require.Error(t, workflow.SetUndo(ctx, func() {}))
		return "end", nil
	}))
	require.NoError(t, err)
}

// workflow F1: what a workflow costs alone does not grow with its states.
func TestStatesAllocateNothing(t *testing.T) {
	allocs := func(states int) float64 {
		w := workflow.New[int]()
		for i := range states {
			w.Register(i, func(context.Context, *workflow.Resources) (int, error) { return i + 1, nil })
		}
		w.Exit(states)
		ctx := t.Context()
		return testing.AllocsPerRun(20, func() { _, _ = w.Run(ctx, 0) })
	}
	assert.InDelta(t, allocs(1), allocs(500), 5)
}
