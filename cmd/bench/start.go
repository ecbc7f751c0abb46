package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// startExperiment is what a start takes with n flows: the first, which adopts
// them all, and the next, in which nothing has changed.
func startExperiment(n int) experiment {
	flows := grouped(float64(n)) + " flows"
	return experiment{
		name: fmt.Sprintf("start-%d", n),
		sides: []side{
			{"first", func(ctx context.Context, t trial) (values, error) { return startOfPawl(ctx, t, n) }},
			{"inserts", func(ctx context.Context, t trial) (values, error) { return insertFlows(ctx, t, n) }},
			{"again", func(ctx context.Context, t trial) (values, error) { return startOfPawl(ctx, t, n) }},
			{"select", func(ctx context.Context, t trial) (values, error) { return selectFlows(ctx, t, n) }},
		},
		rows: []row{
			{"start, " + flows + " known", "ms", "again.start", "select.start"},
			{"the same and registering them", "ms", "again.all", "select.start"},
			{"first start, " + flows + " adopted", "ms", "first.start", "inserts.start"},
		},
	}
}

// startOfPawl starts on the file that an earlier side of the round has left, if any.
func startOfPawl(ctx context.Context, t trial, n int) (values, error) {
	began := time.Now()
	s, err := scheduler(t.pawlFile(), n, noop)
	if err != nil {
		return nil, err
	}
	registered := time.Now()
	r, err := s.Start(ctx)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	return values{
		"start": milliseconds(started.Sub(registered)),
		"all":   milliseconds(started.Sub(began)),
	}, r.Stop(ctx)
}

// insertFlows adopts n flows by hand, in one transaction.
func insertFlows(ctx context.Context, t trial, n int) (_ values, err error) {
	file := t.file("raw")
	if err := makeFile(ctx, file, 0); err != nil {
		return nil, err
	}
	began := time.Now()
	db, err := sql.Open("sqlite", dsn(file))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := adoptAll(ctx, tx, n); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	return values{"start": milliseconds(time.Since(began))}, nil
}

// The statements of an adoption, those of store/commit.go.
const (
	insertPlan = `INSERT INTO pawl_flow_plan (key, id, position, kind, schedule, time_zone, backoff, streak_limit, registered, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	insertState = `INSERT INTO pawl_flow_state (key, status, run_count, last_number, in_flight, failure_streak, attempt,
    last_run, last_scheduled, last_end, next_eligible, next_run, suspect, last_key, error_key, version, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func adoptAll(ctx context.Context, tx *sql.Tx, n int) error {
	var stmts [3]*sql.Stmt
	for i, query := range []string{insertPlan, insertState, insertTransition} {
		var err error
		if stmts[i], err = tx.PrepareContext(ctx, query); err != nil {
			return err
		}
	}
	now := time.Now().UnixMilli()
	for i := range n {
		key := i + 1
		_, e1 := stmts[0].ExecContext(ctx, key, flowID(i), i, "manual", "", "", "", 0, true, now)
		_, e2 := stmts[1].ExecContext(ctx, key, idle, 0, 0, 0, 0, 0, nil, nil, nil, nil, nil, false, nil, nil, 1, now)
		_, e3 := stmts[2].ExecContext(ctx, key, now, key, nil, adopt, idle, idle, 0, 0, 0, nil, nil, nil, 1, nil)
		if err := errors.Join(e1, e2, e3); err != nil {
			return err
		}
	}
	return nil
}

// selectFlows reads the rows of n flows by hand.
func selectFlows(ctx context.Context, t trial, n int) (_ values, err error) {
	began := time.Now()
	db, err := sql.Open("sqlite", dsn(t.pawlFile()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, loadFlows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	found := 0
	for ; rows.Next(); found++ {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if found != n {
		return nil, fmt.Errorf("%d flows in %s, want %d", found, t.pawlFile(), n)
	}
	return values{"start": milliseconds(time.Since(began))}, nil
}

// loadFlows is that of store/load.go.
const loadFlows = `SELECT p.key, p.id, p.position, p.kind, p.schedule, p.time_zone, p.backoff, p.streak_limit, p.registered,
    p.created_at, s.status, s.run_count, s.last_number, s.in_flight, s.failure_streak, s.attempt, s.last_run,
    s.last_scheduled, s.last_end, s.next_eligible, s.next_run, s.suspect, COALESCE(s.last_key, 0) AS last_key,
    COALESCE(s.error_key, 0) AS error_key, s.version, s.updated_at, COALESCE(e.error, '') AS last_error
FROM pawl_flow_plan p
JOIN pawl_flow_state s ON s.key = p.key
LEFT JOIN pawl_run_log e ON e.key = s.error_key
ORDER BY p.registered DESC, p.position, p.key`
