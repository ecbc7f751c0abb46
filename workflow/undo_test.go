package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// trip is a machine whose states each have an undo, until the last, whose task is do.
func trip(l *ledger, states int, do task, opts ...workflow.Option) *machine {
	w := workflow.New[state](opts...)
	for i := range states {
		next := state(fmt.Sprint("s", i+1))
		w.Register(state(fmt.Sprint("s", i)), func(ctx context.Context, _ *resources) (state, error) {
			l.add("do %d", i)
			return next, workflow.SetUndo(ctx, i)
		}, workflow.WithUndo(func(ctx context.Context, _ *resources, v int) error {
			l.add("undo %d", v)
			return ctx.Err()
		}))
	}
	w.Register(state(fmt.Sprint("s", states)), do, workflow.WithoutRetry())
	w.Exit("end")
	return w
}

// workflow F11
func TestUndosRunInReverseWhenAStateFailsForGood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l ledger
		final, err := trip(&l, 3, fails(errBoom)).Run(t.Context(), "s0")
		require.EqualError(t, err, "state s3: boom")
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, state("s3"), final)
		assert.Equal(t, []string{"do 0", "do 1", "do 2", "undo 2", "undo 1", "undo 0"}, l.lines)
	})
}

// workflow F11: the undo of a state whose task handed over nothing gets the zero value.
func TestUndoWithoutAnOutputGetsTheZeroValue(t *testing.T) {
	var got []string
	undo := workflow.WithUndo(func(_ context.Context, _ *resources, v struct{ ID string }) error {
		got = append(got, "undone "+v.ID)
		return nil
	})
	w := workflow.New[state]()
	w.Register("start", goes("more"), undo)
	w.Register("more", fails(errBoom), workflow.WithoutRetry(), undo)
	w.Exit("end")
	_, err := run(t, w)
	require.ErrorIs(t, err, errBoom)
	assert.Equal(t, []string{"undone "}, got, "and the state that failed is not undone")
}

// workflow F11, workflow F5: whoever ends a run: what it did is undone, with a context that lives.
func TestCancelAndTimeoutUndoWhatWasDone(t *testing.T) {
	hangs := func(ctx context.Context, _ *resources) (state, error) { return "end", works(ctx, time.Hour) }
	for name, opts := range map[string][]workflow.Option{"cancel": nil, "timeout": {workflow.WithTimeout(time.Minute)}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var l ledger
				ctx := t.Context()
				if name == "cancel" {
					c, cancel := context.WithTimeout(ctx, time.Minute)
					defer cancel()
					ctx = c
				}
				_, err := trip(&l, 2, hangs, opts...).Run(ctx, "s0")
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, []string{"do 0", "do 1", "undo 1", "undo 0"}, l.lines)
			})
		})
	}
}

// workflow F11: an undo is tried like a task; one that fails for good is part of the error, and the others go on.
func TestUndoIsTriedAgainAndOneThatFailsDoesNotStopTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := newJournal()
		calls := make(map[string]int)
		undo := func(_ context.Context, _ *resources, v string) error {
			calls[v]++
			switch {
			case v == "never":
				return errors.New("no refund")
			case v == "exits" && calls[v] == 1:
				runtime.Goexit()
			case calls[v] < 3:
				panic("not yet")
			}
			return nil
		}
		w := workflow.New[state]()
		for i, v := range []string{"late", "never", "exits"} {
			w.Register(state(fmt.Sprint("s", i)), func(ctx context.Context, _ *resources) (state, error) {
				return state(fmt.Sprint("s", i+1)), workflow.SetUndo(ctx, v)
			}, workflow.WithUndo(undo))
		}
		w.Register("s3", fails(errBoom), workflow.WithoutRetry())
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "s0")
		require.EqualError(t, err, "state s3: boom\nstate s1, after 4 attempts: undo: no refund")
		assert.Equal(t, map[string]int{"late": 3, "never": 4, "exits": 3}, calls)
		assert.Equal(t, []string{"enter s0", "enter s1", "enter s2", "enter s3", "failed s3", "undo s2", "undo s1", "undo s0"}, j.path())
	})
}

// workflow F11: an undo has a limit of its own.
func TestUndoTimeoutEndsAnUndo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := workflow.New[state](workflow.WithUndoTimeout(time.Minute))
		w.Register("start", goes("more"), workflow.WithUndo(func(ctx context.Context, _ *resources, _ int) error {
			return works(ctx, time.Hour)
		}))
		w.Register("more", fails(errBoom), workflow.WithoutRetry())
		w.Exit("end")
		_, err := run(t, w)
		require.ErrorIs(t, err, errBoom)
		require.ErrorContains(t, err, "undo: timeout of an undo, 1m0s")
		assert.Equal(t, midnight.Add(time.Minute), time.Now().UTC())
	})
}

// workflow F11: an open breaker keeps nobody from undoing.
func TestBreakerDoesNotRefuseAnUndo(t *testing.T) {
	b := workflow.NewBreaker(1, time.Hour)
	undone := 0
	w := workflow.New[state]()
	w.Register("start", goes("more"), workflow.WithBreaker(b), workflow.WithUndo(func(context.Context, *resources, int) error {
		undone++
		return nil
	}))
	w.Register("more", fails(errBoom), workflow.WithBreaker(b), workflow.WithoutRetry())
	w.Exit("end")
	_, err := run(t, w)
	require.ErrorIs(t, err, errBoom)
	assert.Equal(t, workflow.BreakerOpen, b.State())
	assert.Equal(t, 1, undone)
}

// workflow F11: the next attempt of a run that was undone is a new beginning; the same attempt,
// whose outcome was lost, has failed.
func TestRunThatWasUndoneBeginsAnewInTheNextAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l ledger
		j := newJournal()
		w := trip(&l, 1, func(ctx context.Context, _ *resources) (state, error) {
			if j.attempt == 1 {
				return "", errors.Join(workflow.Put(ctx, "x", 1), errBoom)
			}
			_, ok, err := workflow.Value[int](ctx, "x")
			assert.False(t, ok)
			return "end", err
		})
		_, first := w.Run(j.in(t.Context()), "s0")
		require.ErrorIs(t, first, errBoom)
		_, again := w.Run(j.in(t.Context()), "s0")
		require.EqualError(t, again, first.Error())
		assert.Equal(t, []string{"do 0", "undo 0"}, l.lines)
		j.attempt = 2
		final, err := w.Run(j.in(t.Context()), "s0")
		require.NoError(t, err)
		assert.Equal(t, state("end"), final)
		assert.Equal(t, []string{"do 0", "undo 0", "do 0"}, l.lines)
		assert.Equal(t, []string{"enter s0", "enter s1", "failed s1", "undo s0", "enter s0", "enter s1", "enter end"}, j.path())
		_, err = w.Run(j.in(t.Context()), "s0")
		require.NoError(t, err, "it is over")
	})
}

// workflow F11: what fails for good and for ever is told to the journal, after a crash, too.
func TestPermanentErrorIsToldToTheJournal(t *testing.T) {
	for _, cut := range []int{0, 3, 4} {
		var l ledger
		j := newJournal()
		j.cuts = map[int]string{cut: "after"}
		w := trip(&l, 1, fails(workflow.Permanent(errBoom)))
		_, err := w.Run(j.in(t.Context()), "s0")
		if cut > 0 {
			require.ErrorIs(t, err, errCrash)
			j.reborn()
			_, err = w.Run(j.in(t.Context()), "s0")
		}
		require.ErrorAs(t, err, new(permanent), "cut %d", cut)
		require.ErrorContains(t, err, "boom")
		assert.Equal(t, []string{"do 0", "undo 0"}, l.lines)
	}
}

// workflow F9, workflow F11: an undo finds the values of the run, and may put some for those after it.
func TestUndoFindsTheValuesOfTheRun(t *testing.T) {
	for cut := range 7 {
		j := newJournal()
		j.cuts = map[int]string{cut: "after"}
		w := workflow.New[state]()
		w.Register("start", goes("more"), workflow.WithUndo(func(ctx context.Context, _ *resources, _ int) error {
			assert.Equal(t, 8, value[int](t, ctx, "x"))
			return nil
		}))
		w.Register("more", func(ctx context.Context, _ *resources) (state, error) { return "bad", workflow.Put(ctx, "x", 7) },
			workflow.WithUndo(func(ctx context.Context, _ *resources, _ int) error {
				require.Error(t, workflow.SetUndo(ctx, 1))
				return workflow.Put(ctx, "x", value[int](t, ctx, "x")+1)
			}))
		w.Register("bad", fails(errBoom), workflow.WithoutRetry())
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "start")
		if errors.Is(err, errCrash) {
			j.reborn()
			_, err = w.Run(j.in(t.Context()), "start")
		}
		require.ErrorContains(t, err, "boom")
		assert.Len(t, j.path(), 6)
	}
}

// workflow F11
func TestUndoThatCannotReadWhatItNeedsIsAnError(t *testing.T) {
	calls := 0
	w := workflow.New[state]()
	w.Register("start", func(ctx context.Context, _ *resources) (state, error) { return "more", workflow.SetUndo(ctx, "text") },
		workflow.WithUndo(func(context.Context, *resources, int) error { calls++; return nil }))
	w.Register("more", fails(errBoom), workflow.WithoutRetry())
	w.Exit("end")
	_, err := run(t, w)
	require.ErrorContains(t, err, "state start: undo: read what it needs")
	assert.Zero(t, calls)
}

// workflow F11: what an attempt that failed handed over does not count.
func TestUndoGetsTheOutputOfTheAttemptThatSucceeded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		got := "nothing"
		w := workflow.New[state]()
		w.Register("start", func(ctx context.Context, _ *resources) (state, error) {
			if calls++; calls == 1 {
				return "", errors.Join(workflow.SetUndo(ctx, "of the first"), errBoom)
			}
			return "more", nil
		}, workflow.WithUndo(func(_ context.Context, _ *resources, v string) error { got = v; return nil }))
		w.Register("more", fails(errBoom), workflow.WithoutRetry())
		w.Exit("end")
		_, err := run(t, w)
		require.ErrorIs(t, err, errBoom)
		assert.Empty(t, got)
	})
}

// workflow F9, workflow F11
func TestUndoFindsWhatTheUndoBeforeItPut(t *testing.T) {
	w := workflow.New[state]()
	w.Register("start", goes("more"), workflow.WithUndo(func(ctx context.Context, _ *resources, _ int) error {
		assert.Equal(t, 1, value[int](t, ctx, "x"))
		return nil
	}))
	w.Register("more", goes("bad"), workflow.WithUndo(func(ctx context.Context, _ *resources, _ int) error {
		return workflow.Put(ctx, "x", 1)
	}))
	w.Register("bad", fails(errBoom), workflow.WithoutRetry())
	w.Exit("end")
	_, err := run(t, w)
	require.EqualError(t, err, "state bad: boom")
}

// workflow F11: the same error, whether the process died behind the undo that failed or not.
func TestErrorOfAnUndoIsToldAfterACrash(t *testing.T) {
	for _, cut := range []int{0, 5, 6} {
		j := newJournal()
		j.cuts = map[int]string{cut: "after"}
		w := workflow.New[state]()
		w.Register("start", goes("more"), workflow.WithUndo(func(context.Context, *resources, int) error { return nil }))
		w.Register("more", goes("bad"), workflow.WithoutRetry(),
			workflow.WithUndo(func(context.Context, *resources, int) error { return errors.New("no refund") }))
		w.Register("bad", fails(errBoom), workflow.WithoutRetry())
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "start")
		if cut > 0 {
			require.ErrorIs(t, err, errCrash)
			j.reborn()
			_, err = w.Run(j.in(t.Context()), "start")
		}
		require.EqualError(t, err, "state bad: boom\nstate more: undo: no refund")
	}
}

// workflow F5, workflow F11: a run that was late and undone begins anew in its next attempt, with its whole
// time: its error is not for ever.
func TestTimeoutOfARunThatWasUndoneIsNotPermanent(t *testing.T) {
	for _, cut := range []int{0, 3, 4} {
		bubble(t, func(t *testing.T) {
			var l ledger
			j := newJournal()
			j.cuts = map[int]string{cut: "after"}
			w := trip(&l, 1, func(ctx context.Context, _ *resources) (state, error) {
				return "end", works(ctx, time.Duration(2-j.attempt)*time.Hour)
			}, workflow.WithTimeout(time.Minute))
			_, err := w.Run(j.in(t.Context()), "s0")
			if cut > 0 {
				require.ErrorIs(t, err, errCrash)
				j.reborn()
				_, err = w.Run(j.in(t.Context()), "s0")
			}
			require.ErrorContains(t, err, "timeout of the workflow, 1m0s")
			require.False(t, errors.As(err, new(permanent)), "cut %d", cut)
			j.attempt = 2
			_, err = w.Run(j.in(t.Context()), "s0")
			require.NoError(t, err)
		})
	}
}
