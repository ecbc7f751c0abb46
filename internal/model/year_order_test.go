package model_test

import (
	"context"
	"fmt"
	"sync"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/workflow"
)

// The orders of the simulated year are runs of a workflow that wait for longer than a process
// lives. Every few processes are of another version, which leaves the runs of the other alone.
const (
	yearOrder = "order"
	orderWait = 30 * time.Hour
)

// orderBook is what the tasks of the workflow saw, by run.
type orderBook struct {
	mu     sync.Mutex
	placed map[int64]orderPlaced
	ready  map[int64][]time.Time
}

type orderPlaced struct {
	at      time.Time
	version int
}

// orderJob is the workflow as a version has it.
func (o *orderBook) orderJob(version int) pawl.Job {
	w := workflow.New[string](workflow.Version(version))
	w.Register("placed", func(ctx context.Context, _ *workflow.Resources) (string, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.placed[numberOfRun(ctx)] = orderPlaced{time.Now(), version}
		return "wait", nil
	})
	w.Register("wait", workflow.After("ready", orderWait))
	w.Register("ready", func(ctx context.Context, _ *workflow.Resources) (string, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		number := numberOfRun(ctx)
		o.ready[number] = append(o.ready[number], time.Now())
		return "end", nil
	})
	w.Exit("end")
	return w.Job("placed")
}

func numberOfRun(ctx context.Context) int64 {
	run, _ := pawl.RunFrom(ctx)
	return run.Number
}

// order places one.
func (y *year) order() {
	_, err := y.runner.Trigger(context.Background(), yearOrder)
	require.NoError(y.t, err)
	synctest.Wait()
}

// check returns the first order that was not ready when it had to be: after the wait, at the
// first instant at which a process of its version is up. found Q6, found Q7.
func (o *orderBook) check(happenings []happening) error {
	for number, p := range o.placed {
		want, due := time.Time{}, p.at.Add(orderWait)
		var from time.Time // since when a process of the version is up; zero: none is
		for _, h := range happenings {
			switch {
			case h.what == "start" && h.n == p.version:
				from = h.at
			case (h.what == "stop" || h.what == "down") && !from.IsZero():
				if want.IsZero() && due.Before(h.at) {
					want = due
					if from.After(due) {
						want = from
					}
				}
				from = time.Time{}
			}
		}
		switch ready := o.ready[number]; {
		case want.IsZero() && len(ready) == 0:
		case want.IsZero() || len(ready) != 1:
			return fmt.Errorf("order %d, placed at %s by version %d, was ready at %v, want %s", number, p.at, p.version, ready, want)
		case ready[0].Sub(want).Abs() > time.Second:
			return fmt.Errorf("order %d, placed at %s by version %d, was ready at %s, want %s", number, p.at, p.version, ready[0], want)
		}
	}
	return nil
}
