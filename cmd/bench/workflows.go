package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/workflow"
)

// idlerStates is how many states the workflow has that does nothing, but for its exit.
const idlerStates = 10

// idler is a workflow of states whose tasks do nothing.
func idler() *workflow.Workflow[int] {
	w := workflow.New[int]()
	for i := range idlerStates {
		w.Register(i, func(context.Context, *workflow.Resources) (int, error) { return i + 1, nil })
	}
	w.Exit(idlerStates)
	return w
}

// workflowsAtOnce is how many of them run.
var workflowsAtOnce = []int{1, 10, 100}

func workflowsName(n int) string { return fmt.Sprintf("workflows-%d", n) }

// workflowsExperiment is the states per second of n workflows that run at once: each on
// its own, in memory, and durable in a scheduler.
func workflowsExperiment(n int) experiment {
	return experiment{
		name: workflowsName(n),
		sides: []side{
			{"alone", func(ctx context.Context, t trial) (values, error) { return statesAlone(ctx, t, n) }},
			{"durable", func(ctx context.Context, t trial) (values, error) { return statesOfPawl(ctx, t, n) }},
		},
	}
}

// statesAlone runs the workflow without a scheduler.
func statesAlone(ctx context.Context, t trial, n int) (values, error) {
	w := idler()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var ever int64
	v, err := t.again(n, func(int) error {
		_, err := w.Run(ctx, 0)
		return err
	}, &ever)
	runtime.ReadMemStats(&after)
	v["allocations"] = float64(after.Mallocs-before.Mallocs) / float64(ever)
	return v, err
}

// statesOfPawl triggers n flows again as soon as their runs are over.
func statesOfPawl(ctx context.Context, t trial, n int) (values, error) {
	s := pawl.NewScheduler(t.file("workflows"), pawl.WithLogger(slog.New(slog.DiscardHandler)))
	for i := range n {
		if err := s.Manual(flowID(i), idler().Job(0), keepAll); err != nil {
			return nil, err
		}
	}
	r, err := s.Start(ctx)
	if err != nil {
		return nil, err
	}
	var ever int64
	v, err := t.again(n, func(i int) error { return runOnce(ctx, r, flowID(i)) }, &ever)
	return v, errors.Join(err, r.Stop(ctx), wantStates(ctx, t.file("workflows"), ever))
}

// again has n goroutines do something over and over, for the length of the trial, that
// goes through all states. Ever is how many states there were, warm-up included.
func (t trial) again(n int, do func(i int) error, ever *int64) (values, error) {
	var states atomic.Int64
	var stop atomic.Bool
	ended := make(chan error, n) // one each
	for i := range n {
		go func() {
			for !stop.Load() {
				if err := do(i); err != nil {
					ended <- err
					return
				}
				states.Add(idlerStates)
			}
			ended <- nil
		}()
	}
	v := t.rate(&states)
	stop.Store(true)
	var err error
	for range n {
		err = errors.Join(err, <-ended)
	}
	*ever = states.Load()
	return v, err
}

// wantStates finds every state in the file: those with a task, and the exits.
func wantStates(ctx context.Context, file string, states int64) error {
	db, err := openFile(file)
	if err != nil {
		return err
	}
	defer db.Close()
	var found int64
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM pawl_checkpoint_log`).Scan(&found); err != nil {
		return err
	}
	if want := states / idlerStates * (idlerStates + 1); found != want {
		return fmt.Errorf("the file has %d checkpoints, not %d", found, want)
	}
	return nil
}
