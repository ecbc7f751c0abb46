package store

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
)

// Commit implements [engine.Store]. A transaction that has begun is not
// interrupted by the end of ctx.
func (s *Store) Commit(ctx context.Context, b engine.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.writer.write(b); err != nil || b.Owner == nil {
		return err
	}
	return s.sign(b.Owner)
}

const (
	measureLog = `PRAGMA wal_checkpoint(NOOP)` // pages in the log, and how many of them are in the file
	checkpoint = `PRAGMA wal_checkpoint(PASSIVE)`

	// At how many pages that are in the log alone one checkpoints: while nobody
	// waits, and at the latest.
	checkpointAt  = 1000
	checkpointMax = 8 * checkpointAt
)

// Checkpoint implements [engine.Store]: SQLite by itself would do this within the
// COMMIT that makes the log long enough, and let its callers wait.
func (s *Store) Checkpoint(busy bool) error {
	limit := int64(checkpointAt)
	if busy {
		limit = checkpointMax
	}
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	pages, moved, err := pair(w.measureLog)
	if err == nil && pages-moved >= limit {
		_, _, err = pair(w.statements.checkpoint)
	}
	if err != nil {
		w.discard()
		return fmt.Errorf("checkpoint: %w", trouble(w.path, err))
	}
	return nil
}

// pair runs a checkpoint and returns what it says: pages in the log, pages of it
// that are in the file.
func pair(stmt *sqlite.Stmt) (pages, moved int64, err error) {
	if _, err := stmt.Step(); err != nil {
		return 0, 0, err
	}
	pages, moved = stmt.ColumnInt64(1), stmt.ColumnInt64(2)
	return pages, moved, stmt.Reset()
}

const (
	begin    = `BEGIN IMMEDIATE`
	commit   = `COMMIT`
	rollback = `ROLLBACK`
)

// write writes a batch, every change of it, in one transaction.
func (w *writer) write(b engine.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return err
	}
	if err := w.beginTransaction(); err != nil {
		return w.failed(err)
	}
	if err := w.writeBatch(b); err != nil {
		return w.failed(err)
	}
	if _, err := w.exec(w.statements.commit); err != nil {
		return w.failed(err)
	}
	return w.place.check() // else nobody would find again what is reported
}

// failed rolls back, and gives up the connection unless it is known to be well.
func (w *writer) failed(err error) error {
	var rejected *engine.Rejected
	well := errors.As(err, &rejected) || code(err) == sqlite.ResultBusy
	if !w.conn.AutocommitEnabled() { // else SQLite has rolled back by itself, or BEGIN failed
		if _, undo := w.exec(w.rollback); undo != nil {
			well = false
		}
	}
	if !well {
		w.discard()
	}
	return trouble(w.path, err)
}

func (w *writer) writeBatch(b engine.Batch) error {
	if b.Owner != nil {
		if err := w.writeOwner(b.Owner); err != nil {
			return fmt.Errorf("write the owner's row: %w", err)
		}
	}
	for i := range b.Changes {
		if err := w.writeChange(&b.Changes[i]); err != nil {
			return rejection(err, &b.Changes[i])
		}
	}
	for _, a := range b.Answers {
		if err := w.answer(a); err != nil {
			err = fmt.Errorf("answer command %d: %w", a.ID, err)
			if code(err) == sqlite.ResultConstraint {
				return &engine.Rejected{Command: a.ID, Err: err}
			}
			return err
		}
	}
	return nil
}

func (w *writer) writeChange(c *engine.Change) error {
	if err := w.writeFlow(c); err != nil {
		return err
	}
	for i := range c.Runs {
		if err := w.writeRun(c.Key, &c.Runs[i]); err != nil {
			return fmt.Errorf("run %d: %w", c.Runs[i].Number, err)
		}
	}
	bindNullable(w.insertTransition, 15, c.Note)
	_, err := w.exec(w.insertTransition, c.Seq, c.UpdatedAt.UnixMilli(), c.Key, nonzero(c.RunNumber),
		events.of(c.Event), statuses.of(c.From), statuses.of(c.Status), c.RunCount, int64(c.InFlight), int64(c.FailureStreak),
		millis(c.LastRun), millis(c.NextEligible), millis(c.NextRun), c.Version)
	return err
}

const (
	insertPlan = `INSERT INTO pawl_flow_plan (key, position, streak_limit, registered, created_at, id, kind, schedule, time_zone, backoff)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	updatePlan = `UPDATE pawl_flow_plan
SET position = ?2, streak_limit = ?3, registered = ?4, kind = ?5, schedule = ?6, time_zone = ?7, backoff = ?8
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

func (w *writer) writeFlow(c *engine.Change) error {
	stmt := w.updateState
	switch {
	case c.Version == 1:
		if err := w.adopt(c); err != nil {
			return err
		}
		stmt = w.insertState
	case c.Event == "adopt" || c.Event == "retire":
		bindTexts(w.updatePlan, 5, c.Kind, c.Schedule, c.TimeZone, c.Backoff)
		if _, err := w.exec(w.updatePlan, c.Key, int64(c.Position), int64(c.StreakLimit), truth(c.Registered)); err != nil {
			return err
		}
	}
	n, err := w.exec(stmt, statuses.of(c.Status), c.RunCount, c.LastNumber, int64(c.InFlight), int64(c.FailureStreak),
		int64(c.Attempt), millis(c.LastRun), millis(c.LastScheduled), millis(c.LastEnd), millis(c.NextEligible),
		millis(c.NextRun), truth(c.Suspect), nonzero(c.LastKey), nonzero(c.ErrorKey), c.UpdatedAt.UnixMilli(), c.Key, c.Version)
	if err == nil && n != 1 {
		err = errVersion
	}
	return err
}

func (w *writer) adopt(c *engine.Change) error {
	bindTexts(w.insertPlan, 6, c.ID, c.Kind, c.Schedule, c.TimeZone, c.Backoff)
	_, err := w.exec(w.insertPlan, c.Key, int64(c.Position), int64(c.StreakLimit), truth(c.Registered), c.CreatedAt.UnixMilli())
	return err
}

const (
	insertRun = `INSERT INTO pawl_run_log (key, prev, flow, number, trigger, status, attempt, scheduled_at, started_at, finished_at, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	closeRun = `UPDATE pawl_run_log SET status = ?2, finished_at = ?3, error = ?4 WHERE key = ?1 AND status = 0`

	insertTransition = `INSERT INTO pawl_transition_log (seq, at, flow, run_number, event, from_status, to_status, run_count,
    in_flight, failure_streak, last_run, next_eligible, next_run, version, note)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func (w *writer) writeRun(flow int64, r *engine.Run) error {
	if r.Status == engine.RunRunning {
		bindNullable(w.insertRun, 11, r.Error)
		_, err := w.exec(w.insertRun, r.Key, nonzero(r.Prev), flow, r.Number, triggers.of(r.Trigger),
			runStatuses.of(r.Status), int64(r.Attempt), r.ScheduledAt.UnixMilli(), millis(r.StartedAt), millis(r.FinishedAt))
		return err
	}
	bindNullable(w.closeRun, 4, r.Error)
	n, err := w.exec(w.closeRun, r.Key, runStatuses.of(r.Status), millis(r.FinishedAt))
	if err == nil && n != 1 {
		err = errNotOpen
	}
	return err
}

const answerCommand = `UPDATE pawl_commands SET handled_at = ?2, result = ?3, error = ?4 WHERE id = ?1`

func (w *writer) answer(a engine.Answer) error {
	bindTexts(w.answerCommand, 2, iso(a.At))
	bindNullable(w.answerCommand, 3, a.Result, a.Error)
	_, err := w.exec(w.answerCommand, a.ID)
	return err
}

const (
	writeRunner = `INSERT INTO pawl_runners (id, generation, pid, host, boot_id, version, started_at, stopping_at, stopped_at)
VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (id) DO UPDATE SET stopping_at = excluded.stopping_at, stopped_at = excluded.stopped_at`

	writeDatabase = `UPDATE pawl_database SET generation = ?1, passive = ?2`
)

func (w *writer) writeOwner(o *engine.Owner) error {
	bindTexts(w.writeRunner, 3, o.Host, o.BootID, o.Version, iso(o.StartedAt))
	bindNullable(w.writeRunner, 7, iso(o.StoppingAt), iso(o.StoppedAt))
	if _, err := w.exec(w.writeRunner, o.Generation, int64(o.PID)); err != nil {
		return err
	}
	bindNullable(w.writeDatabase, 2, o.Passive)
	_, err := w.exec(w.writeDatabase, o.Generation)
	return err
}

// What the database is silent about, but what no writer of this program does.
var (
	errVersion = errors.New("its version is not the one before this transition")
	errNotOpen = errors.New("its row is not that of a run in flight")
)

// rejection tells what the database has against a change from a database that
// takes no change at all.
func rejection(err error, c *engine.Change) error {
	ours := errors.Is(err, errVersion) || errors.Is(err, errNotOpen)
	err = fmt.Errorf("flow %q: %w", c.ID, err)
	switch code(err) {
	case sqlite.ResultConstraint, sqlite.ResultMismatch, sqlite.ResultTooBig:
	default:
		if !ours {
			return err
		}
	}
	return &engine.Rejected{Flow: c.Key, Err: err}
}
