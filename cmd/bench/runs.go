package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/bench/meter"
)

// knownFlows is how many flows the database has in the experiments about runs.
// Those in flight are spread evenly over the table, as users' are.
const knownFlows = 1000

func runsName(n int) string { return fmt.Sprintf("runs-%d", n) }

// runsExperiment is durable runs per second with n flows in flight.
func runsExperiment(n int) experiment {
	return experiment{
		name: runsName(n),
		sides: []side{
			{"pawl", func(ctx context.Context, t trial) (values, error) { return runsOfPawl(ctx, t, t.file("pawl"), n) }},
			{"yardstick", func(ctx context.Context, t trial) (values, error) { return runsOfYardstick(ctx, t, n) }},
			{"store", func(ctx context.Context, t trial) (values, error) { return runsOfStore(ctx, t, n) }},
		},
	}
}

// inFlight is the positions of n of the known flows.
func inFlight(n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i * knownFlows / n
	}
	return places
}

// runsOfPawl triggers each flow again as soon as its run is over.
func runsOfPawl(ctx context.Context, t trial, file string, n int) (values, error) {
	ctx, cancel := context.WithCancel(ctx) // as users have it
	defer cancel()
	if err := makeFile(ctx, file, knownFlows); err != nil {
		return nil, err
	}
	before, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	v, runs, err := t.churn(ctx, file, n)
	if err != nil {
		return nil, err
	}
	if err := audit(ctx, file); err != nil {
		return nil, err
	}
	after, err := os.Stat(file) // Stop has emptied the WAL into it
	if err != nil {
		return nil, err
	}
	v["file"] = float64(after.Size()-before.Size()) / float64(runs)
	return v, nil
}

// churn keeps n flows in flight and returns the rate and the cost of their runs,
// and how many there were.
func (t trial) churn(ctx context.Context, file string, n int) (values, int64, error) {
	r, err := start(ctx, file, knownFlows, noop)
	if err != nil {
		return nil, 0, err
	}
	var runs atomic.Int64
	var stop atomic.Bool
	ended := make(chan error, n) // one each
	for _, i := range inFlight(n) {
		go func() { ended <- runAgain(ctx, r, flowID(i), &runs, &stop) }()
	}
	v := t.rate(&runs)
	stop.Store(true)
	for range n {
		err = errors.Join(err, <-ended)
	}
	return v, runs.Load(), errors.Join(err, r.Stop(ctx))
}

// rate watches a counter of runs for the length of the trial.
func (t trial) rate(runs *atomic.Int64) values {
	time.Sleep(t.warmUp())
	used, before, began := meter.Now(), runs.Load(), time.Now()
	time.Sleep(t.Length)
	took, used := time.Since(began), meter.Since(used)
	n := float64(runs.Load() - before)
	return values{
		"rate":    n / took.Seconds(),
		"cpu":     float64(used.CPU.Microseconds()) / n,
		"written": float64(used.Written) / n,
	}
}

func runAgain(ctx context.Context, r *pawl.Runner, id string, runs *atomic.Int64, stop *atomic.Bool) error {
	for !stop.Load() {
		if err := runOnce(ctx, r, id); err != nil {
			return err
		}
		runs.Add(1)
	}
	return nil
}

func runOnce(ctx context.Context, r *pawl.Runner, id string) error {
	number, err := r.Trigger(ctx, id)
	if err != nil {
		return err
	}
	run, err := r.WaitRun(ctx, id, number)
	if err == nil && run.Status != pawl.RunCompleted {
		err = fmt.Errorf("run %d of %s: %s", number, id, run.Status)
	}
	return err
}
