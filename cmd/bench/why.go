package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pawl-go/pawl"
)

// Before its history every flow has ranges of instants that nobody ran.
const (
	missedRanges = 100
	missedLength = 50 // instants, one a second
)

// askWhy asks about instants of the history as those of a schedule of every second
// that has ended with it, and about instants before it that were not run.
func askWhy(ctx context.Context, t trial) (values, error) {
	file := t.file("history")
	first, runs, err := missBefore(ctx, file)
	if err != nil {
		return nil, err
	}
	last := first.Add(time.Duration(runs-1) * time.Second)
	r, err := startEnded(ctx, file, last)
	if err != nil {
		return nil, err
	}
	c, err := pawl.Open(file)
	if err != nil {
		return nil, errors.Join(err, r.Stop(ctx))
	}
	random := rand.New(rand.NewPCG(1, 2))
	ran := func() time.Time { return first.Add(time.Duration(random.IntN(runs)) * time.Second) }
	missed := func() time.Time {
		return first.Add(-time.Duration(random.IntN(missedRanges*missedLength)+1) * time.Second)
	}
	v, err := times(askedTimes, question{"runner", func(id string) error {
		return wantVerdict(pawl.VerdictFired)(r.Why(ctx, id, ran()))
	}}, question{"client", func(id string) error {
		return wantVerdict(pawl.VerdictFired)(c.Why(ctx, id, ran()))
	}}, question{"range", func(id string) error {
		return wantVerdict(pawl.VerdictMissed)(c.Why(ctx, id, missed()))
	}})
	return v, errors.Join(err, c.Close(), r.Stop(ctx))
}

func wantVerdict(want pawl.VerdictKind) func(pawl.Reason, error) error {
	return func(r pawl.Reason, err error) error {
		if err == nil && r.Verdict != want {
			err = fmt.Errorf("%q, not %q: %s", r.Verdict, want, r)
		}
		return err
	}
}

// startEnded starts the flows with a schedule of every second until last.
func startEnded(ctx context.Context, file string, last time.Time) (*pawl.Runner, error) {
	s, err := scheduler(file, 0, "", noop)
	if err != nil {
		return nil, err
	}
	for i := range knownFlows {
		if err := s.Cron(flowID(i), "* * * * * *", pawl.JobFunc(noop), keepAll, pawl.WithBetween(time.Time{}, last)); err != nil {
			return nil, err
		}
	}
	return s.Start(ctx)
}

// missBefore adds the ranges, unless they are there from the round before, and returns
// when the history begins and how many runs of each flow it has.
func missBefore(ctx context.Context, file string) (first time.Time, runs int, err error) {
	db, err := openFile(file)
	if err != nil {
		return first, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var at int64
	const oldest = `SELECT scheduled_at, (SELECT min(run_count) FROM pawl_flow_state) FROM pawl_run_log ORDER BY key LIMIT 1`
	if err := db.QueryRowContext(ctx, oldest).Scan(&at, &runs); err != nil {
		return first, 0, err
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf(`WITH RECURSIVE ranges (i) AS (SELECT %[1]d UNION ALL SELECT i - 1 FROM ranges WHERE i > 1)
INSERT INTO pawl_verdict_log (flow, first_at, last_at, count, verdict, seq)
SELECT p.key, %[2]d - i * %[3]d, %[2]d - (i - 1) * %[3]d - 1000, %[4]d, 6, 1 FROM ranges CROSS JOIN pawl_flow_plan p
WHERE NOT EXISTS (SELECT 1 FROM pawl_verdict_log)`, missedRanges, at, 1000*missedLength, missedLength))
	return time.UnixMilli(at), runs, err
}
