package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/workflow"
)

// state is that of most tests.
type state string

type (
	resources = workflow.Resources
	machine   = workflow.Workflow[state]
	task      = workflow.Task[state]
)

var (
	errBoom    = errors.New("boom")
	errCrash   = errors.New("the process is dead")
	errSuspend = errors.New("the run is suspended")
)

// midnight is when the time of a bubble begins.
var midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// bubble has virtual time, and fails for goroutines that are left behind.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// goes is a task that does nothing.
func goes(next state) task {
	return func(context.Context, *resources) (state, error) { return next, nil }
}

// fails is a task that always fails.
func fails(err error) task {
	return func(context.Context, *resources) (state, error) { return "", err }
}

// works sleeps, unless its context ends.
func works(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sleeper is a branch that works for so long and returns err.
func sleeper(d time.Duration, err error) workflow.Branch {
	return func(ctx context.Context, _ *resources) error {
		if err := works(ctx, d); err != nil {
			return err
		}
		return err
	}
}

// of registers one task, from "start" to the exit "end".
func of(do task, opts ...workflow.StateOption) *machine {
	w := workflow.New[state]()
	w.Register("start", do, opts...)
	w.Exit("end")
	return w
}

// run runs alone from "start".
func run(t *testing.T, w *machine) (state, error) {
	t.Helper()
	return w.Run(t.Context(), "start")
}

// journal is one in memory that can be cut at any Record. It refuses what the engine does,
// and replaces what may be replaced.
type journal struct {
	mu         sync.Mutex
	cs         []workflow.Checkpoint
	records    int            // asked for, in all
	cuts       map[int]string // by the number of the record: "before" it is kept, or "after"
	dead       bool           // since a cut
	suspending chan struct{}
	attempt    int
}

func newJournal() *journal { return &journal{suspending: make(chan struct{}), attempt: 1} }

// reborn is what the next process finds.
func (j *journal) reborn() {
	j.dead = false
	j.suspending = make(chan struct{})
}

func (j *journal) Checkpoints(context.Context) ([]workflow.Checkpoint, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.cs), nil
}

func (j *journal) Record(ctx context.Context, cs ...workflow.Checkpoint) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records++
	cut := j.cuts[j.records]
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case j.dead:
		return errCrash
	case cut == "before":
		j.dead = true
		return errCrash
	}
	for _, c := range cs {
		if c.Replaces {
			j.cs = j.cs[:len(j.cs)-1]
		}
		c.Seq, c.At = int64(len(j.cs)+1), time.Now()
		if err := (core.CheckpointData{Seq: c.Seq, State: c.State, Kind: c.Kind, Payload: core.JSON(c.Payload)}).Validate(); err != nil {
			return err
		}
		j.cs = append(j.cs, c)
	}
	if cut == "after" {
		j.dead = true
		return errCrash
	}
	return nil
}

func (j *journal) Suspending() <-chan struct{} { return j.suspending }
func (j *journal) Suspend() error              { return errSuspend }
func (j *journal) Attempt() int                { return j.attempt }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

func (j *journal) Permanent(err error) error { return permanent{err} }

// in is a context with the journal.
func (j *journal) in(ctx context.Context) context.Context { return workflow.WithJournal(ctx, j) }

// lines are the checkpoints without their times.
func (j *journal) lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	for _, c := range j.cs {
		line := c.Kind + " " + c.State
		if c.Kind != workflow.KindTimer && c.Payload != nil {
			line += " " + string(c.Payload)
		}
		lines = append(lines, line)
	}
	return lines
}

// path is the kinds and states.
func (j *journal) path() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var path []string
	for _, c := range j.cs {
		path = append(path, c.Kind+" "+c.State)
	}
	return path
}

// last is the newest checkpoint of a kind.
func (j *journal) last(kind string) (workflow.Checkpoint, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range slices.Backward(j.cs) {
		if c.Kind == kind {
			return c, true
		}
	}
	return workflow.Checkpoint{}, false
}

// count is how many checkpoints there are of a kind.
func (j *journal) count(kind string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.cs {
		if c.Kind == kind {
			n++
		}
	}
	return n
}

// ledger is what tasks did, in order.
type ledger struct {
	mu    sync.Mutex
	lines []string
}

func (l *ledger) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// value is Value of something that is there.
func value[T any](t require.TestingT, ctx context.Context, key string) T {
	v, ok, err := workflow.Value[T](ctx, key)
	require.NoError(t, err)
	require.True(t, ok, "nothing was put under %s", key)
	return v
}
