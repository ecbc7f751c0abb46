package main

import (
	"context"
	"errors"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store"
)

// runsOfStore commits batches of n runs through Pawl's own store. What the core
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
		fleet.states = append(fleet.states, *snapshot.Flows[i])
	}
	rate, err := t.repeat(n, func() (time.Duration, error) { return fleet.run(ctx, db) })
	err = errors.Join(err, db.Close())
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
	for began := time.Now(); time.Since(began) < t.warmUp()+t.Length; {
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

// fleet is flows that go from state to state together, without an engine.
type fleet struct {
	states   []core.State
	counters engine.Counters
}

// run commits one run of each flow.
func (f *fleet) run(ctx context.Context, db *store.Store) (time.Duration, error) {
	reserved, err := f.commit(ctx, db, func(s core.State, key int64) core.Event {
		return core.Reserve{Trigger: core.TriggerManual, Key: key}
	})
	if err != nil {
		return 0, err
	}
	settled, err := f.commit(ctx, db, func(s core.State, _ int64) core.Event {
		return core.Outcome{Run: s.LastNumber}
	})
	return reserved + settled, err
}

// commit applies an event to each flow, commits them in one batch and returns
// how long the commit took.
func (f *fleet) commit(ctx context.Context, db *store.Store, event func(core.State, int64) core.Event) (time.Duration, error) {
	plan := core.Plan{Schedule: schedule.Manual()}
	now := time.Now().UTC().Truncate(time.Millisecond)
	changes := make([]core.Change, len(f.states))
	for i, s := range f.states {
		c, err := core.Apply(s, event(s, f.counters.Run+1), now, plan)
		if err != nil {
			return 0, err
		}
		f.counters.Seq++
		f.counters.Run = max(f.counters.Run, c.LastKey)
		c.Number(f.counters.Seq)
		changes[i], f.states[i] = c, *c.State
	}
	began := time.Now()
	err := db.Commit(ctx, engine.Batch{Changes: changes})
	return time.Since(began), err
}
