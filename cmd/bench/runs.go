package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/store"
)

// knownFlows is how many flows the database has in the experiments about runs.
// Those in flight are spread evenly over the table, as users' are.
const knownFlows = 1000

// runsExperiment is durable runs per second with n flows in flight.
func runsExperiment(n int) experiment {
	flight := fmt.Sprintf("%s in flight", grouped(float64(n)))
	return experiment{
		name: fmt.Sprintf("runs-%d", n),
		sides: []side{
			{"pawl", func(ctx context.Context, t trial) (values, error) { return runsOfPawl(ctx, t, n) }},
			{"raw", func(ctx context.Context, t trial) (values, error) { return runsOfRaw(ctx, t, n) }},
			{"store", func(ctx context.Context, t trial) (values, error) { return runsOfStore(ctx, t, n) }},
		},
		rows: []row{
			{"runs, " + flight, "1/s", "pawl.rate", "raw.rate"},
			{"the same, store alone", "1/s", "store.rate", "raw.rate"},
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
func runsOfPawl(ctx context.Context, t trial, n int) (values, error) {
	ctx, cancel := context.WithCancel(ctx) // as users have it
	defer cancel()
	r, err := start(ctx, t.pawlFile(), knownFlows, noop)
	if err != nil {
		return nil, err
	}
	var runs atomic.Int64
	var stop atomic.Bool
	ended := make(chan error, n) // one each
	for _, i := range inFlight(n) {
		go func() { ended <- churn(ctx, r, flowID(i), &runs, &stop) }()
	}
	time.Sleep(t.warmUp())
	before, began := runs.Load(), time.Now()
	time.Sleep(t.length)
	rate := float64(runs.Load()-before) / time.Since(began).Seconds()
	stop.Store(true)
	for range n {
		err = errors.Join(err, <-ended)
	}
	err = errors.Join(err, r.Stop(ctx))
	if err == nil {
		err = audit(ctx, t.pawlFile())
	}
	return values{"rate": rate}, err
}

func (t trial) warmUp() time.Duration { return t.length / 10 }

func churn(ctx context.Context, r *pawl.Runner, id string, runs *atomic.Int64, stop *atomic.Bool) error {
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

// runsOfRaw commits the reserves of n flows, then their outcomes, and again.
func runsOfRaw(ctx context.Context, t trial, n int) (values, error) {
	file := t.file("raw")
	if err := makeFile(ctx, file, knownFlows); err != nil {
		return nil, err
	}
	raw, err := openRaw(ctx, file)
	if err != nil {
		return nil, err
	}
	flows := make([]*rawFlow, n)
	for i, place := range inFlight(n) {
		flows[i] = newRawFlow(place)
	}
	rate, err := t.repeat(n, func() (time.Duration, error) {
		began := time.Now()
		err := raw.reserve(ctx, flows)
		if err == nil {
			err = raw.outcome(ctx, flows)
		}
		return time.Since(began), err
	})
	err = errors.Join(err, raw.close())
	if err == nil {
		err = audit(ctx, file)
	}
	return values{"rate": rate}, err
}

// repeat repeats a cycle of n runs and returns the runs per second of the time
// that the cycles say they took.
func (t trial) repeat(n int, cycle func() (time.Duration, error)) (rate float64, err error) {
	var runs int
	var spent time.Duration
	for began := time.Now(); time.Since(began) < t.warmUp()+t.length; {
		took, err := cycle()
		if err != nil {
			return 0, err
		}
		if time.Since(began) > t.warmUp() {
			runs, spent = runs+n, spent+took
		}
	}
	return float64(runs) / spent.Seconds(), nil
}

// runsOfStore commits the same batches through Pawl's own store. What the core
// takes to prepare them is not counted.
func runsOfStore(ctx context.Context, t trial, n int) (values, error) {
	file := t.file("store")
	if err := makeFile(ctx, file, knownFlows); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, file, store.Options{Owner: store.Self(time.Now())})
	if err != nil {
		return nil, err
	}
	snapshot, err := db.Load(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	fleet := fleet{counters: snapshot.Counters}
	for _, i := range inFlight(n) {
		fleet.states = append(fleet.states, snapshot.Flows[i])
	}
	rate, err := t.repeat(n, func() (time.Duration, error) {
		reserved, err := fleet.commit(ctx, db, func(s engine.State, key int64) engine.Event {
			return engine.Reserve{Trigger: engine.TriggerManual, Key: key}
		})
		if err != nil {
			return 0, err
		}
		settled, err := fleet.commit(ctx, db, func(s engine.State, _ int64) engine.Event {
			return engine.Outcome{Run: s.LastNumber}
		})
		return reserved + settled, err
	})
	err = errors.Join(err, db.Close())
	if err == nil {
		err = audit(ctx, file)
	}
	return values{"rate": rate}, err
}

// fleet is flows that go from state to state together, without an engine.
type fleet struct {
	states   []engine.State
	counters engine.Counters
}

// commit applies an event to each flow, commits them in one batch and returns
// how long the commit took.
func (f *fleet) commit(ctx context.Context, db *store.Store, event func(engine.State, int64) engine.Event) (time.Duration, error) {
	plan := engine.Plan{Schedule: engine.Manual()}
	now := time.Now().UTC().Truncate(time.Millisecond)
	changes := make([]engine.Change, len(f.states))
	for i, s := range f.states {
		c, err := engine.Apply(s, event(s, f.counters.Run+1), now, plan)
		if err != nil {
			return 0, err
		}
		f.counters.Seq++
		f.counters.Run = max(f.counters.Run, c.LastKey)
		c.Seq = f.counters.Seq
		changes[i], f.states[i] = c, c.State
	}
	began := time.Now()
	err := db.Commit(ctx, engine.Batch{Changes: changes})
	return time.Since(began), err
}
