package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

// pause lies between two samples, so that each finds an idle machine.
const pause = 2 * time.Millisecond

// latencyExperiment is how long it takes from the call of Trigger to the first
// line of the job, one at a time.
func latencyExperiment() experiment {
	return experiment{
		name:  "latency",
		sides: []side{{"pawl", latencyOfPawl}, {"raw", latencyOfRaw}},
		rows: []row{
			{"trigger to first line of the job, p50", "ms", "pawl.p50", "raw.p50"},
			{"trigger to first line of the job, p99", "ms", "pawl.p99", "raw.p99"},
		},
	}
}

func latencyOfPawl(ctx context.Context, t trial) (values, error) {
	ctx, cancel := context.WithCancel(ctx) // as users have it
	defer cancel()
	started := make(chan time.Time, 1) // one run at a time
	r, err := start(ctx, t.pawlFile(), knownFlows, func(context.Context) error {
		started <- time.Now()
		return nil
	})
	if err != nil {
		return nil, err
	}
	v, err := t.sample(func(i int) (time.Duration, error) {
		id := flowID(i % knownFlows)
		began := time.Now()
		number, err := r.Trigger(ctx, id)
		if err != nil {
			return 0, err
		}
		took := (<-started).Sub(began)
		_, err = r.WaitRun(ctx, id, number)
		return took, err
	})
	return v, errors.Join(err, r.Stop(ctx))
}

// latencyOfRaw is one transaction with the rows of a reserve.
func latencyOfRaw(ctx context.Context, t trial) (values, error) {
	file := t.file("raw")
	if err := makeFile(ctx, file, knownFlows); err != nil {
		return nil, err
	}
	raw, err := openRaw(ctx, file)
	if err != nil {
		return nil, err
	}
	flows := make([]*rawFlow, knownFlows)
	for i := range flows {
		flows[i] = newRawFlow(i)
	}
	v, err := t.sample(func(i int) (time.Duration, error) {
		flow := flows[i%knownFlows:][:1]
		began := time.Now()
		if err := raw.reserve(ctx, flow); err != nil {
			return 0, err
		}
		took := time.Since(began)
		return took, raw.outcome(ctx, flow)
	})
	return v, errors.Join(err, raw.close())
}

// sample takes one sample after the other, with pauses.
func (t trial) sample(take func(i int) (time.Duration, error)) (values, error) {
	var all []time.Duration
	for began, i := time.Now(), 0; time.Since(began) < t.warmUp()+t.length || len(all) == 0; i++ {
		time.Sleep(pause)
		took, err := take(i)
		if err != nil {
			return nil, err
		}
		if time.Since(began) > t.warmUp() {
			all = append(all, took)
		}
	}
	slices.Sort(all)
	return values{"p50": milliseconds(all[len(all)/2]), "p99": milliseconds(all[len(all)*99/100])}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// machineCommit is one small durable transaction, one at a time.
var machineCommit = experiment{name: "commit", sides: []side{{"raw", latencyOfCommit}}}

func latencyOfCommit(ctx context.Context, t trial) (values, error) {
	file := t.file("raw")
	if err := makeFile(ctx, file, 1); err != nil {
		return nil, err
	}
	raw, err := openRaw(ctx, file)
	if err != nil {
		return nil, err
	}
	stmt, err := raw.conn.PrepareContext(ctx, `UPDATE pawl_database SET generation = generation + 1`)
	if err != nil {
		return nil, errors.Join(err, raw.close())
	}
	t.length = min(t.length, time.Second)
	v, err := t.sample(func(int) (time.Duration, error) {
		began := time.Now()
		_, err := stmt.ExecContext(ctx)
		return time.Since(began), err
	})
	return v, errors.Join(err, stmt.Close(), raw.close())
}
