package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// skip says whether there was nothing to do, as errors of the scheduler do.
type skip bool

func (s skip) Error() string { return "nothing to do" }
func (s skip) Skipped() bool { return bool(s) }

// workflow F4, workflow F11: a task that has nothing to do ends the run at once, with its error as it is:
// nothing failed, so nothing is tried again, undone or told.
func TestTaskThatSkipsEndsTheRunAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l ledger
		j, calls := newJournal(), 0
		b := workflow.NewBreaker(1, time.Minute)
		said := fmt.Errorf("since monday: %w", skip(true))
		w := workflow.New[state](watch(&l))
		w.Register("start", goes("more"), workflow.WithUndo(func(context.Context, *resources, int) error { return errors.New("undone") }))
		w.Register("more", func(context.Context, *resources) (state, error) { calls++; return "", said }, workflow.WithBreaker(b))
		w.Exit("end")
		final, err := w.Run(j.in(t.Context()), "start")
		assert.Equal(t, said, err)
		assert.Equal(t, state("more"), final)
		assert.Equal(t, 1, calls)
		assert.Equal(t, workflow.BreakerClosed, b.State())
		assert.Equal(t, []string{"enter start", "enter more"}, j.path())
		for _, line := range l.lines {
			assert.NotContains(t, line, "failed")
		}
		assert.Zero(t, time.Since(midnight))
	})
}

// workflow F4: an error that could say so, and does not, is one like any other.
func TestErrorThatDoesNotSkipIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls, err := attempts(t, skip(false))
		require.ErrorIs(t, err, skip(false))
		require.ErrorAs(t, err, new(*workflow.TaskError))
		assert.Len(t, calls, 4)
	})
}

// workflow F3, workflow F11: one branch does not speak for the run: when the split fails, that is a failure,
// and no error says that it was skipped.
func TestBranchThatSkipsFailsWithoutFurtherAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		undos, calls := 0, 0
		branches := []workflow.Branch{
			sleeper(time.Minute, nil),
			func(context.Context, *resources) error { calls++; return skip(true) },
		}
		w := workflow.New[state]()
		w.Register("start", goes("fan"), workflow.WithUndo(func(context.Context, *resources, int) error { undos++; return nil }))
		w.RegisterSplit("fan", branches, workflow.All[state]("end"))
		w.Exit("end")
		_, err := run(t, w)
		require.ErrorContains(t, err, "branch 1: nothing to do")
		require.False(t, errors.As(err, new(skip)))
		assert.Equal(t, 1, undos)
		assert.Equal(t, 1, calls)
	})
}

// workflow F11: an undo that has nothing to do is done.
func TestUndoThatSkipsIsDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j, calls := newJournal(), 0
		w := workflow.New[state]()
		w.Register("start", goes("more"), workflow.WithUndo(func(context.Context, *resources, int) error { calls++; return skip(true) }))
		w.Register("more", fails(errBoom), workflow.WithoutRetry())
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "start")
		require.EqualError(t, err, "state more: boom")
		assert.Equal(t, 1, calls)
		assert.Equal(t, 1, j.count(workflow.KindUndo))
	})
}
