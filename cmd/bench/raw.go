package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// raw is what Pawl's transactions cost by hand: its SQL, prepared once on one
// connection with its settings, and nothing around it.
type raw struct {
	db       *sql.DB
	conn     *sql.Conn
	stmts    map[string]*sql.Stmt
	run, seq int64 // keys given away
}

// The statements of a run, those of store/commit.go. Parameters are plain question
// marks, since the driver looks up the name of any other.
const (
	begin    = `BEGIN IMMEDIATE`
	commit   = `COMMIT`
	rollback = `ROLLBACK`

	updateState = `UPDATE pawl_flow_state
SET status = ?, run_count = ?, last_number = ?, in_flight = ?, failure_streak = ?, attempt = ?,
    last_run = ?, last_scheduled = ?, last_end = ?, next_eligible = ?, next_run = ?, suspect = ?,
    last_key = ?, error_key = ?, updated_at = ?, version = version + 1
WHERE key = ? AND version = ? - 1`

	insertRun = `INSERT INTO pawl_run_log (key, prev, flow, number, trigger, status, attempt, scheduled_at, started_at, finished_at, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	closeRun = `UPDATE pawl_run_log SET status = ?, finished_at = ?, error = ? WHERE key = ? AND status = 0`

	insertTransition = `INSERT INTO pawl_transition_log (seq, at, flow, run_number, event, from_status, to_status, run_count,
    in_flight, failure_streak, last_run, next_eligible, next_run, version, note)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// Words as numbers, see the table pawl_words.
const (
	idle, running, completed = 0, 1, 2 // status
	runningRun, completedRun = 0, 1    // status of a run
	manual                   = 1       // trigger
	adopt, reserve, outcome  = 0, 2, 3 // event
)

// dsn opens a file with the settings of Pawl's writer.
func dsn(file string) string {
	u := url.URL{Scheme: "file", Path: file, RawQuery: "mode=rw&_busy_timeout=5000&_pragma=synchronous(FULL)" +
		"&_pragma=fullfsync(1)&_pragma=checkpoint_fullfsync(1)&_foreign_keys=on"}
	return u.String()
}

// openRaw opens a database that Pawl has made and left.
func openRaw(ctx context.Context, file string) (r *raw, err error) {
	r = &raw{stmts: map[string]*sql.Stmt{}}
	if r.db, err = sql.Open("sqlite", dsn(file)); err != nil {
		return nil, err
	}
	if r.conn, err = r.db.Conn(ctx); err != nil {
		return nil, err
	}
	for _, query := range []string{begin, commit, rollback, updateState, insertRun, closeRun, insertTransition} {
		if r.stmts[query], err = r.conn.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
	}
	row := r.conn.QueryRowContext(ctx, `SELECT COALESCE(max(seq), 0) FROM pawl_transition_log`)
	return r, row.Scan(&r.seq)
}

func (r *raw) close() error {
	var err error
	for _, stmt := range r.stmts {
		err = errors.Join(err, stmt.Close())
	}
	return errors.Join(err, r.conn.Close(), r.db.Close())
}

// rawFlow is what a manual flow's rows are made of.
type rawFlow struct {
	key, version, runs int64
	status             int64
	run                int64 // key of the newest run
	lastRun, lastEnd   any
}

// newRawFlow is a flow as it was adopted at a position.
func newRawFlow(position int) *rawFlow {
	return &rawFlow{key: int64(position) + 1, version: 1, status: idle}
}

func (r *raw) reserve(ctx context.Context, flows []*rawFlow) error {
	return r.transaction(ctx, flows, func(f *rawFlow, now int64) error {
		prev := nullable(f.run)
		r.run++
		f.runs, f.run, f.lastRun = f.runs+1, r.run, now
		if err := r.writeState(ctx, f, running, 1, now); err != nil {
			return err
		}
		if _, err := r.exec(ctx, insertRun, f.run, prev, f.key, f.runs, manual, runningRun, 1, now, now, nil, nil); err != nil {
			return err
		}
		return r.writeTransition(ctx, f, reserve, running, 1, now)
	})
}

func (r *raw) outcome(ctx context.Context, flows []*rawFlow) error {
	return r.transaction(ctx, flows, func(f *rawFlow, now int64) error {
		f.lastEnd = now
		if err := r.writeState(ctx, f, completed, 0, now); err != nil {
			return err
		}
		if err := one(r.exec(ctx, closeRun, completedRun, now, nil, f.run)); err != nil {
			return err
		}
		return r.writeTransition(ctx, f, outcome, completed, 0, now)
	})
}

func (r *raw) transaction(ctx context.Context, flows []*rawFlow, write func(*rawFlow, int64) error) error {
	now := time.Now().UnixMilli()
	if _, err := r.exec(ctx, begin); err != nil {
		return err
	}
	for _, f := range flows {
		if err := write(f, now); err != nil {
			_, undo := r.exec(ctx, rollback)
			return errors.Join(err, undo)
		}
	}
	_, err := r.exec(ctx, commit)
	return err
}

func (r *raw) writeState(ctx context.Context, f *rawFlow, status, inFlight, now int64) error {
	f.version++
	return one(r.exec(ctx, updateState, status, f.runs, f.runs, inFlight, 0, 1,
		f.lastRun, nil, f.lastEnd, nil, nil, false, nullable(f.run), nil, now, f.key, f.version))
}

func (r *raw) writeTransition(ctx context.Context, f *rawFlow, event, status, inFlight, now int64) error {
	r.seq++
	_, err := r.exec(ctx, insertTransition, r.seq, now, f.key, f.runs, event, f.status, status, f.runs,
		inFlight, 0, f.lastRun, nil, nil, f.version, nil)
	f.status = status
	return err
}

func (r *raw) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := r.stmts[query].ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func one(rows int64, err error) error {
	if err == nil && rows != 1 {
		err = fmt.Errorf("%d rows were changed, want one", rows)
	}
	return err
}

func nullable(v int64) any {
	if v == 0 {
		return nil
	}
	return v
}
