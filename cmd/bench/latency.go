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
// line of the job, one at a time, beside one durable commit.
var latencyExperiment = experiment{
	name:  "latency",
	sides: []side{{"pawl", latencyOfPawl}, {"commit", latencyOfCommit}},
}

// commitExperiment tells what the machine's disk does.
var commitExperiment = experiment{name: "commit", sides: []side{{"commit", latencyOfCommit}}}

func latencyOfPawl(ctx context.Context, t trial) (values, error) {
	ctx, cancel := context.WithCancel(ctx) // as users have it
	defer cancel()
	started := make(chan time.Time, 1) // one run at a time
	r, err := start(ctx, t.file("pawl"), knownFlows, func(context.Context) error {
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

// latencyOfCommit is the least that is durable: an UPDATE of a row of two integers.
func latencyOfCommit(ctx context.Context, t trial) (_ values, err error) {
	db, err := openFile(t.file("commit"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, `CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES (1, 0)`); err != nil {
		return nil, err
	}
	stmt, err := db.PrepareContext(ctx, `UPDATE counter SET n = n + 1 WHERE id = 1`)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	return t.sample(func(int) (time.Duration, error) {
		began := time.Now()
		_, err := stmt.ExecContext(ctx)
		return time.Since(began), err
	})
}

// sample takes one sample after the other, with pauses.
func (t trial) sample(take func(i int) (time.Duration, error)) (values, error) {
	var all []time.Duration
	for began, i := time.Now(), 0; time.Since(began) < t.warmUp()+t.Length || len(all) == 0; i++ {
		time.Sleep(pause)
		took, err := take(i)
		if err != nil {
			return nil, err
		}
		if time.Since(began) > t.warmUp() {
			all = append(all, took)
		}
	}
	return quantiles(all), nil
}

// quantiles are of times in milliseconds.
func quantiles(all []time.Duration) values {
	slices.Sort(all)
	return values{
		"p50": milliseconds(all[len(all)/2]), "p99": milliseconds(all[len(all)*99/100]), "max": milliseconds(all[len(all)-1]),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
