package workflow_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// watch writes down what an observer is told.
func watch(l *ledger) workflow.Option {
	return workflow.WithObserver(workflow.Observer{
		Entered: func(_ context.Context, s string) { l.add("entered %s", s) },
		Resumed: func(_ context.Context, s string) { l.add("resumed %s", s) },
		Retried: func(_ context.Context, s string, n int, err error, wait time.Duration) {
			l.add("retried %s after %d: %v, in %v", s, n, err, wait)
		},
		Failed:   func(_ context.Context, s string, err error) { l.add("failed %s: %v", s, err) },
		Recorded: func(_ context.Context, c workflow.Checkpoint) { l.add("recorded %s of %s", c.Kind, c.State) },
	})
}

// workflow F13: state entered, task retried, task failed, checkpoint, resume.
func TestObserverIsToldWhatHappens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l ledger
		j := newJournal()
		j.cuts = map[int]string{3: "before"}
		w := workflow.New[state](watch(&l), workflow.WithObserver(workflow.Observer{}))
		w.Register("start", goes("more"), workflow.WithUndo(func(context.Context, *resources, int) error { return errBoom }),
			workflow.WithoutRetry())
		w.Register("more", workflow.After[state]("bad", time.Hour))
		w.Register("bad", fails(errBoom), workflow.WithRetry(1, steady(time.Second)))
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "start")
		require.ErrorIs(t, err, errCrash)
		assert.Equal(t, []string{"recorded enter of start", "entered start", "recorded enter of more", "entered more"}, l.lines)
		l.lines = nil
		j.reborn()
		_, err = w.Run(j.in(t.Context()), "start")
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, []string{"resumed more", "recorded timer of more", "recorded enter of bad", "entered bad",
			"retried bad after 1: boom, in 1s", "failed bad: state bad, after 2 attempts: boom", "recorded failed of bad",
			"failed start: state start: undo: boom", "recorded undo of start"}, l.lines)
	})
}

// workflow F13: branches, too, with their index.
func TestObserverIsToldOfBranches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l ledger
		w := workflow.New[state](watch(&l))
		w.RegisterSplit("start", []workflow.Branch{sleeper(0, nil), func(context.Context, *resources) error { return errBoom }},
			workflow.PartialResults[state](2, "end"), workflow.WithRetry(1, steady(time.Second)))
		w.Exit("end")
		_, err := run(t, w)
		require.NoError(t, err)
		assert.Equal(t, []string{"entered start", "retried start after 1: branch 1: boom, in 1s", "failed start: branch 1: boom", "entered end"}, l.lines)
	})
}

// workflow F13
func TestPanicOfAnObserverEndsThatCallAlone(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var log strings.Builder
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	calls := 0
	w := workflow.New[state](workflow.WithObserver(workflow.Observer{Entered: func(context.Context, string) { calls++; panic("oh") }}))
	w.Register("start", goes("end"))
	w.Exit("end")
	_, err := run(t, w)
	require.NoError(t, err)
	assert.Equal(t, 2, calls)
	assert.Contains(t, log.String(), "panic=oh")
}
