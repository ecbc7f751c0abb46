package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pawl-go/pawl/engine"
)

// Commit implements [engine.Store].
func (s *Store) Commit(ctx context.Context, b engine.Batch) error {
	return s.writer.commit(ctx, b)
}

// writer is the one connection that writes, with its statements prepared: BEGIN
// and COMMIT too, since sql.Tx costs more than a row. Parameters are plain
// question marks on this path alone: the driver asks SQLite for the name of each,
// and a number is a name too.
type writer struct {
	mu    sync.Mutex // so that close waits for a commit that a dead disk holds up
	db    *sqlx.DB
	conn  *sqlx.Conn
	stmts map[string]driver.Stmt // without database/sql, which costs as much as a row does
	args  []driver.NamedValue    // of the statement under way, from one to the next
}

func newWriter(ctx context.Context, db *sqlx.DB) (*writer, error) {
	w := &writer{db: db}
	return w, w.open(ctx)
}

// open takes the connection and prepares every statement on it.
func (w *writer) open(ctx context.Context) (err error) {
	if w.conn, err = w.db.Connx(ctx); err != nil {
		return err
	}
	w.stmts = map[string]driver.Stmt{}
	for _, query := range []string{
		begin, commit, rollback, insertPlan, updatePlan, insertState, updateState,
		insertRun, closeRun, insertTransition, answerCommand, writeRunner, writeGeneration,
	} {
		if err := w.prepare(ctx, query); err != nil {
			w.discard()
			return fmt.Errorf("prepare %s: %w", query, err)
		}
	}
	return nil
}

// prepare keeps the driver's own statement, which is used outside of Raw: the
// connection is the writer's alone.
func (w *writer) prepare(ctx context.Context, query string) error {
	return w.conn.Raw(func(c any) error {
		stmt, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, query)
		if err == nil {
			w.stmts[query] = stmt
		}
		return err
	})
}

func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	return errors.Join(w.finalize(), w.conn.Close())
}

func (w *writer) finalize() (err error) {
	for _, stmt := range w.stmts {
		err = errors.Join(err, stmt.Close())
	}
	w.stmts = nil
	return err
}

// discard closes the connection for good, so that the next commit begins on a
// new one: what a connection has cached is not to be trusted after an I/O error.
func (w *writer) discard() {
	if w.conn == nil {
		return
	}
	_ = w.finalize()                                             // or SQLite keeps the connection for them
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // takes it out of the pool
	w.conn = nil
}

const (
	begin    = `BEGIN IMMEDIATE`
	commit   = `COMMIT`
	rollback = `ROLLBACK`
)

// commit writes a batch, every change of it, in one transaction.
func (w *writer) commit(ctx context.Context, b engine.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		if err := w.open(ctx); err != nil {
			return err
		}
	}
	if _, err := w.exec(ctx, begin); err != nil {
		return w.failed(ctx, err)
	}
	if err := w.write(ctx, b); err != nil {
		return w.failed(ctx, err)
	}
	if _, err := w.exec(ctx, commit); err != nil {
		return w.failed(ctx, err)
	}
	return nil
}

// failed rolls back, and gives up the connection unless it is known to be well.
func (w *writer) failed(ctx context.Context, err error) error {
	var rejected *engine.Rejected
	well := errors.As(err, &rejected) || code(err) == sqlite3.SQLITE_BUSY
	_, undo := w.exec(ctx, rollback)
	if undo != nil && strings.Contains(undo.Error(), "no transaction is active") {
		undo = nil // SQLite has rolled back by itself, or BEGIN failed
	}
	if !well || undo != nil {
		w.discard()
	}
	return err
}

func (w *writer) exec(ctx context.Context, query string, args ...any) (int64, error) {
	w.args = w.args[:0]
	for i, v := range args {
		if n, ok := v.(int); ok {
			v = int64(n) // the driver knows no other integer
		}
		w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	result, err := w.stmts[query].(driver.StmtExecContext).ExecContext(ctx, w.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (w *writer) write(ctx context.Context, b engine.Batch) error {
	if b.Owner != nil {
		if err := w.writeOwner(ctx, b.Owner); err != nil {
			return err
		}
	}
	for i := range b.Changes {
		if err := w.writeChange(ctx, &b.Changes[i]); err != nil {
			return rejection(err, &b.Changes[i])
		}
	}
	for _, a := range b.Answers {
		if _, err := w.exec(ctx, answerCommand, a.ID, iso(a.At), nullable(a.Result), nullable(a.Error)); err != nil {
			err = fmt.Errorf("answer command %d: %w", a.ID, err)
			if code(err) == sqlite3.SQLITE_CONSTRAINT {
				return &engine.Rejected{Command: a.ID, Err: err}
			}
			return err
		}
	}
	return nil
}

func (w *writer) writeChange(ctx context.Context, c *engine.Change) error {
	if err := w.writeFlow(ctx, c); err != nil {
		return err
	}
	for _, run := range c.Runs {
		if err := w.writeRun(ctx, c.Key, run); err != nil {
			return fmt.Errorf("run %d: %w", run.Number, err)
		}
	}
	_, err := w.exec(ctx, insertTransition, c.Seq, c.UpdatedAt.UnixMilli(), c.Key, nullable(c.RunNumber),
		events.of(c.Event), statuses.of(c.From), statuses.of(c.Status), c.RunCount, c.InFlight, c.FailureStreak,
		millis(c.LastRun), millis(c.NextEligible), millis(c.NextRun), c.Version, nullable(c.Note))
	return err
}

const (
	insertPlan = `INSERT INTO pawl_flow_plan (key, id, position, kind, schedule, time_zone, backoff, streak_limit, registered, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`

	updatePlan = `UPDATE pawl_flow_plan
SET position = ?2, kind = ?3, schedule = ?4, time_zone = ?5, backoff = ?6, streak_limit = ?7, registered = ?8
WHERE key = ?1`

	insertState = `INSERT INTO pawl_flow_state (status, run_count, last_number, in_flight, failure_streak, attempt,
    last_run, last_scheduled, last_end, next_eligible, next_run, suspect, last_key, error_key, updated_at, key, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	// The version is the fence against another writer: n+1 goes over n alone.
	updateState = `UPDATE pawl_flow_state
SET status = ?, run_count = ?, last_number = ?, in_flight = ?, failure_streak = ?, attempt = ?,
    last_run = ?, last_scheduled = ?, last_end = ?, next_eligible = ?, next_run = ?, suspect = ?,
    last_key = ?, error_key = ?, updated_at = ?, version = version + 1
WHERE key = ? AND version = ? - 1`
)

func (w *writer) writeFlow(ctx context.Context, c *engine.Change) error {
	query := updateState
	switch {
	case c.Version == 1:
		if _, err := w.exec(ctx, insertPlan, c.Key, c.ID, c.Position, c.Kind, c.Schedule, c.TimeZone, c.Backoff,
			c.StreakLimit, c.Registered, c.CreatedAt.UnixMilli()); err != nil {
			return err
		}
		query = insertState
	case c.Event == "adopt" || c.Event == "retire":
		if _, err := w.exec(ctx, updatePlan, c.Key, c.Position, c.Kind, c.Schedule, c.TimeZone, c.Backoff,
			c.StreakLimit, c.Registered); err != nil {
			return err
		}
	}
	n, err := w.exec(ctx, query, statuses.of(c.Status), c.RunCount, c.LastNumber, c.InFlight, c.FailureStreak,
		c.Attempt, millis(c.LastRun), millis(c.LastScheduled), millis(c.LastEnd), millis(c.NextEligible),
		millis(c.NextRun), c.Suspect, nullable(c.LastKey), nullable(c.ErrorKey), c.UpdatedAt.UnixMilli(), c.Key, c.Version)
	if err == nil && n != 1 {
		err = errVersion
	}
	return err
}

var errVersion = errors.New("its version is not the one before this transition")

const (
	insertRun = `INSERT INTO pawl_run_log (key, prev, flow, number, trigger, status, attempt, scheduled_at, started_at, finished_at, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	closeRun = `UPDATE pawl_run_log SET status = ?, finished_at = ?, error = ? WHERE key = ? AND status = 0`

	insertTransition = `INSERT INTO pawl_transition_log (seq, at, flow, run_number, event, from_status, to_status, run_count,
    in_flight, failure_streak, last_run, next_eligible, next_run, version, note)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func (w *writer) writeRun(ctx context.Context, flow int64, r engine.Run) error {
	if r.Status == engine.RunRunning {
		_, err := w.exec(ctx, insertRun, r.Key, nullable(r.Prev), flow, r.Number, triggers.of(r.Trigger),
			runStatuses.of(r.Status), r.Attempt, r.ScheduledAt.UnixMilli(), millis(r.StartedAt),
			millis(r.FinishedAt), nullable(r.Error))
		return err
	}
	n, err := w.exec(ctx, closeRun, runStatuses.of(r.Status), millis(r.FinishedAt), nullable(r.Error), r.Key)
	if err == nil && n != 1 {
		err = errors.New("its row is not that of a run in flight")
	}
	return err
}

const answerCommand = `UPDATE pawl_commands SET handled_at = ?2, result = ?3, error = ?4 WHERE id = ?1`

const (
	writeRunner = `INSERT INTO pawl_runners (id, host, pid, boot_id, version, generation, started_at, stopping_at, stopped_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?1, ?6, ?7, ?8)
ON CONFLICT (id) DO UPDATE SET stopping_at = excluded.stopping_at, stopped_at = excluded.stopped_at`

	writeGeneration = `UPDATE pawl_database SET generation = ?1`
)

func (w *writer) writeOwner(ctx context.Context, o *engine.Owner) error {
	if _, err := w.exec(ctx, writeRunner, o.Generation, o.Host, o.PID, o.BootID, o.Version,
		iso(o.StartedAt), iso(o.StoppingAt), iso(o.StoppedAt)); err != nil {
		return fmt.Errorf("write the owner's row: %w", err)
	}
	_, err := w.exec(ctx, writeGeneration, o.Generation)
	return err
}

// rejection tells what the database has against a change from a database that
// takes no change at all.
func rejection(err error, c *engine.Change) error {
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
	default:
		var e *sqlite.Error
		if errors.As(err, &e) {
			return fmt.Errorf("flow %q: %w", c.ID, err)
		}
	}
	return &engine.Rejected{Flow: c.Key, Err: fmt.Errorf("flow %q: %w", c.ID, err)}
}

// code is the primary result code of SQLite; 0 for any other error.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}
