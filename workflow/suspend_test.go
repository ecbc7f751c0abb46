package workflow_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// suspended runs the workflow until the process is about to end, after d, and returns when
// the run stopped. The next process finishes it.
func suspended(t *testing.T, w *machine, j *journal, d time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	time.AfterFunc(d, func() { close(j.suspending) })
	_, err := w.Run(j.in(t.Context()), "start")
	require.ErrorIs(t, err, errSuspend)
	stopped := time.Since(began)
	j.reborn()
	_, err = w.Run(j.in(t.Context()), "start")
	require.NoError(t, err)
	return stopped
}

// workflow F7: what only waits stops at once, and goes on in the next process.
func TestRunThatWaitsIsSuspendedAtOnce(t *testing.T) {
	tries := 0
	for name, do := range map[string]task{
		"timer": workflow.After[state]("end", time.Hour),
		"poll": workflow.Poll[state]("end", workflow.Fixed(time.Hour), func(context.Context, *resources) (bool, error) {
			tries++
			return tries%2 == 0, nil
		}),
		"retry": func(context.Context, *resources) (state, error) {
			if tries++; tries%2 == 1 {
				return "", errBoom
			}
			return "end", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tries = 0
				w := of(do, workflow.WithRetry(1, workflow.Fixed(time.Hour)))
				assert.Equal(t, time.Minute, suspended(t, w, newJournal(), time.Minute))
			})
		})
	}
}

// workflow F7, workflow F10: a task at work is finished, and recorded.
func TestTaskAtWorkIsFinishedBeforeTheRunIsSuspended(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		w := workflow.New[state]()
		w.Register("start", func(ctx context.Context, _ *resources) (state, error) {
			calls++
			return "more", works(ctx, time.Hour)
		})
		w.Register("more", goes("end"))
		w.Exit("end")
		assert.Equal(t, time.Hour, suspended(t, w, newJournal(), time.Minute))
		assert.Equal(t, 1, calls)
	})
}

// workflow F10: between two steps.
func TestRunIsSuspendedBetweenSteps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var cursors []int
		w := of(workflow.Steps[state]("end", func(ctx context.Context, _ *resources, n int) (int, bool, error) {
			cursors = append(cursors, n)
			return n + 1, n == 4, works(ctx, time.Minute)
		}))
		assert.Equal(t, 2*time.Minute, suspended(t, w, newJournal(), 90*time.Second))
		assert.Equal(t, []int{0, 1, 2, 3, 4}, cursors)
	})
}

// workflow F3, workflow F7: branches at work are finished. If they do, the run is suspended behind the
// split; if one waits for its next attempt, the split begins again in the next process.
func TestBranchesAtWorkAreFinishedBeforeTheRunIsSuspended(t *testing.T) {
	bubble(t, func(t *testing.T) {
		looks := 0
		w := splits(sleepers(3), workflow.All[state]("joined"), func(context.Context) { looks++ })
		j := newJournal()
		assert.Equal(t, 3*time.Minute, suspended(t, w, j, time.Second))
		assert.Equal(t, 1, looks)

		tries := 0
		flaky := func(context.Context, *resources) error {
			if tries++; tries == 1 {
				return errBoom
			}
			return nil
		}
		w = splits([]workflow.Branch{flaky, sleeper(time.Minute, nil)}, workflow.All[state]("joined"), func(context.Context) {},
			workflow.WithRetry(1, workflow.Fixed(time.Hour)))
		assert.Equal(t, time.Minute, suspended(t, w, newJournal(), time.Second))
		assert.Equal(t, 2, tries)
	})
}

// workflow F11: the end of the process, also when it does not wait for the task, undoes nothing.
func TestEndOfTheProcessUndoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l ledger
		j := newJournal()
		w := trip(&l, 2, func(ctx context.Context, _ *resources) (state, error) { return "end", works(ctx, time.Hour) })
		ctx, cancel := context.WithCancel(j.in(t.Context()))
		time.AfterFunc(time.Minute, func() { close(j.suspending) })
		time.AfterFunc(2*time.Minute, cancel)
		_, err := w.Run(ctx, "s0")
		require.ErrorIs(t, err, errSuspend)
		assert.Equal(t, 2*time.Minute, time.Since(midnight))
		assert.Equal(t, []string{"enter s0", "enter s1", "enter s2"}, j.path())
		j.reborn()
		_, err = w.Run(j.in(t.Context()), "s0")
		require.NoError(t, err)
		assert.Equal(t, []string{"do 0", "do 1"}, l.lines)
	})
}

// workflow F11: undos, too, go on in the next process.
func TestUndosAreSuspendedAndGoOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l ledger
		j := newJournal()
		w := workflow.New[state]()
		undo := workflow.WithUndo(func(ctx context.Context, _ *resources, v string) error {
			err := works(ctx, time.Hour)
			l.add("%s %v", v, err)
			return err
		})
		hands := func(v string, next state) task {
			return func(ctx context.Context, _ *resources) (state, error) { return next, workflow.SetUndo(ctx, v) }
		}
		w.Register("start", hands("a", "more"), undo)
		w.Register("more", hands("b", "bad"), undo)
		w.Register("bad", fails(errBoom), workflow.WithoutRetry())
		w.Exit("end")

		time.AfterFunc(time.Minute, func() { close(j.suspending) })
		ctx, cancel := context.WithCancel(j.in(t.Context()))
		time.AfterFunc(2*time.Minute, cancel)
		_, err := w.Run(ctx, "start")
		require.ErrorIs(t, err, errSuspend)
		assert.Equal(t, 2*time.Minute, time.Since(midnight), "the context ended while the process stops: so does the undo")

		w2 := workflow.New[state](workflow.WithUndoTimeout(3 * time.Hour))
		w2.Register("start", hands("a", "more"), undo)
		w2.Register("more", hands("b", "bad"), undo)
		w2.Register("bad", goes("end"))
		w2.Exit("end")
		j.reborn()
		_, err = w2.Run(j.in(t.Context()), "start")
		require.EqualError(t, err, "state bad: boom")
		assert.Equal(t, []string{"b context canceled", "b <nil>", "a <nil>"}, l.lines)
	})
}

// workflow F3, workflow F11: a split that the end of the process cuts short is no failure either.
func TestEndOfTheProcessDoesNotFailASplit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := newJournal()
		ctx, cancel := context.WithCancel(j.in(t.Context()))
		time.AfterFunc(time.Second, func() { close(j.suspending) })
		time.AfterFunc(90*time.Second, cancel)
		w := splits(sleepers(3), workflow.All[state]("joined"), func(context.Context) {})
		_, err := w.Run(ctx, "start")
		require.ErrorIs(t, err, errSuspend)
		assert.Equal(t, 90*time.Second, time.Since(midnight))
	})
}
