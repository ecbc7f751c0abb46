package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// Commit implements [engine.Store]. The end of ctx does not interrupt a transaction that has
// begun.
func (s *Store) Commit(ctx context.Context, b engine.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.writer.write(b); err != nil || b.Owner == nil {
		return err
	}
	return s.recordOrigin(b.Owner)
}

const (
	measureLog = `PRAGMA wal_checkpoint(NOOP)` // pages in the log, and how many of them are in the file
	checkpoint = `PRAGMA wal_checkpoint(PASSIVE)`

	// The number of pages in the log alone at which Checkpoint copies them into the file: while
	// nobody waits for a commit, and in any case.
	checkpointAt  = 1000
	checkpointMax = 8 * checkpointAt

	pageSize    = 4096
	changePages = 16 // more than a change writes, apart from its runs
	runPages    = 4  // more than a run writes, apart from its texts
)

// countLogPages adds the most pages that a batch may have written to the log. Where it cannot
// know, Checkpoint has to measure: a Work that joined the batch, rows that are written again
// with texts that they had before, and rows that the batch does not name.
func (w *writer) countLogPages(b *engine.Batch) {
	known := b.Join == nil && len(b.Answers) == 0
	w.behind += changePages * (1 + len(b.Changes) + len(b.Late))
	for i := range b.Changes {
		c := &b.Changes[i]
		known = known && c.Checkpoints == nil && !c.Drop
		if c.Tried != nil {
			w.behind += runPages + len(c.Tried.Error)/pageSize
		}
		for j := range c.Runs {
			r := &c.Runs[j]
			if codes.InRunEnds(r.Status) {
				w.behind += endPages
			}
			w.behind += runPages + (len(r.Input)+len(r.Output)+len(r.Error))/pageSize
			known = known && (r.Was == "" || r.Attempt <= 1 && (!r.HasInput || r.Input != ""))
		}
	}
	if !known {
		w.behind = max(w.behind, checkpointMax)
	}
}

// Checkpoint implements [engine.Store]. SQLite would checkpoint within the COMMIT that makes the
// log long enough, and the callers of that commit would wait.
func (s *Store) Checkpoint(busy bool) error {
	limit := checkpointAt
	if busy {
		limit = checkpointMax
	}
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil || w.behind < limit { // a measurement takes as long as writing a row
		return nil
	}
	pages, moved, err := pair(w.measureLog)
	if err == nil && pages-moved >= limit {
		pages, moved, err = pair(w.statements.checkpoint)
	}
	if pages >= 0 { // else another process is checkpointing
		w.behind = pages - moved
	}
	if err != nil {
		w.discard()
		return fmt.Errorf("checkpoint: %w", explainWrite(w.path, err))
	}
	return nil
}

// pair runs a checkpoint and returns its result: the pages in the log, and how many of them
// are in the file.
func pair(stmt *sqlite.Stmt) (pages, moved int, err error) {
	if _, err := stmt.Step(); err != nil {
		return 0, 0, err
	}
	pages, moved = stmt.ColumnInt(1), stmt.ColumnInt(2)
	return pages, moved, stmt.Reset()
}

const (
	begin    = `BEGIN IMMEDIATE`
	commit   = `COMMIT`
	rollback = `ROLLBACK`
)

// write commits a batch in one transaction.
func (w *writer) write(b engine.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return err
	}
	if err := w.beginTransaction(); err != nil {
		return w.afterFailure(err)
	}
	if err := w.join(b); err != nil {
		return w.afterFailure(err)
	}
	if err := w.writeBatch(b); err != nil {
		return w.afterFailure(err)
	}
	if _, err := w.exec(w.statements.commit); err != nil {
		return w.afterFailure(err)
	}
	w.countLogPages(&b)
	return w.files.check() // else the commit went to a file that nobody finds again
}

// afterFailure rolls back. It closes the connection, unless the error shows that the connection
// still works.
func (w *writer) afterFailure(err error) error {
	well := errors.As(err, new(*engine.Rejected)) || errors.As(err, new(*engine.JoinFailed)) || code(err) == sqlite.ResultBusy
	if !w.conn.AutocommitEnabled() { // else SQLite has rolled back by itself, or BEGIN failed
		if _, undo := w.exec(w.rollback); undo != nil {
			well = false
		}
	}
	if !well {
		w.discard()
	}
	return explainWrite(w.path, err)
}

func (w *writer) writeBatch(b engine.Batch) error {
	if b.Owner != nil {
		if err := w.writeOwner(b.Owner); err != nil {
			return fmt.Errorf("write the owner's row: %w", err)
		}
	}
	for i := range b.Changes {
		if err := w.writeChange(&b.Changes[i], w.generation); err != nil {
			return rejection(err, &b.Changes[i])
		}
	}
	for _, l := range b.Late {
		if err := w.writeLate(l); err != nil {
			return fmt.Errorf("late return of run %d of flow %q: %w", l.Run, l.Flow, err)
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

func (w *writer) writeChange(c *core.Change, generation int64) error {
	if err := w.writeFlow(c); err != nil {
		return err
	}
	for i := range c.Runs {
		if err := w.writeRun(c.Key, &c.Runs[i]); err != nil {
			return fmt.Errorf("run %d: %w", c.Runs[i].Number, err)
		}
	}
	if err := w.writeRare(c, generation); err != nil {
		return err
	}
	err := w.append(&w.insertTransition, w.moveTransition, c.Seq, []int64{c.UpdatedAt.UnixMilli(), c.Key, nonzero(c.RunNumber),
		codes.Events.Code(c.Event), codes.Statuses.Code(c.From), codes.Statuses.Code(c.Status), c.RunCount, int64(c.InFlight), int64(c.FailureStreak),
		millis(c.LastRun), millis(c.NextEligible), millis(c.NextRun), c.Version, nonzero(int64(c.NotOver())),
		nonzero(c.Before)}, c.Note)
	if until := c.PauseEnd(); err == nil && !until.IsZero() {
		err = w.once(`UPDATE pawl_transition_log SET paused_until = ? WHERE seq = ?`, until.UnixMilli(), c.Seq)
	}
	return err
}

const (
	insertPlan = `INSERT INTO pawl_flow_plan (key, position, streak_limit, registered, anchor, paused_at, created_at, paused_until,
    id, kind, schedule, time_zone, backoff, policy, run_group, retention, pause_note, paused_for, reached, reached_key, jitter, next_offset,
    last_offset, reached_first, policies)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	updatePlan = `UPDATE pawl_flow_plan
SET position = ?2, streak_limit = ?3, registered = ?4, anchor = ?5, paused_at = ?6, created_at = ?7,
    paused_until = ?8, id = ?9, kind = ?10, schedule = ?11, time_zone = ?12, backoff = ?13, policy = ?14, run_group = ?15, retention = ?16,
    pause_note = ?17, paused_for = ?18, reached = ?19, reached_key = ?20, jitter = ?21, next_offset = ?22, last_offset = ?23,
    reached_first = ?24, policies = ?25
WHERE key = ?1`

	// Its parameters are those of updateState; it has no use for ?19.
	insertState = `INSERT INTO pawl_flow_state (status, run_count, last_number, in_flight, failure_streak, attempt,
    last_run, last_scheduled, last_end, next_eligible, next_run, last_key, waiting, fired, updated_at, last_seq, key, version,
    suspect, error_key, streak_from, backfill, held, parked, blocked, succeeded_order, failed_order)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
    ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)`

	updatePlainState = `UPDATE pawl_flow_state
SET ` + plainColumns + thisVersion
	updateState = `UPDATE pawl_flow_state
SET ` + plainColumns + `, suspect = ?20, error_key = ?21, streak_from = ?22, backfill = ?23, held = ?24,
    parked = ?25, blocked = ?26, succeeded_order = ?27, failed_order = ?28` + thisVersion

	plainColumns = `status = ?1, run_count = ?2, last_number = ?3, in_flight = ?4, failure_streak = ?5, attempt = ?6,
    last_run = ?7, last_scheduled = ?8, last_end = ?9, next_eligible = ?10, next_run = ?11, last_key = ?12,
    waiting = ?13, fired = ?14, updated_at = ?15, last_seq = ?16, version = ?18`
	// The version is the fence against another writer: a change goes over the one before it alone.
	thisVersion = `
WHERE key = ?17 AND version = ?19`

	plainParameters = 19 // the others are of columns that few flows use, see core.Change.Plain
)

func (w *writer) writeFlow(c *core.Change) error {
	switch {
	case c.Version == 1:
		if err := w.writePlan(w.insertPlan, c); err != nil {
			return err
		}
	case c.Event == "adopt" || c.Event == "retire" || c.Event == "pause" || c.Event == "resume",
		c.Rare:
		if err := w.writePlan(w.updatePlan, c); err != nil {
			return err
		}
	}
	if c.Passing {
		return nil
	}
	marks := core.Marks{}
	if c.Marks != nil {
		marks = *c.Marks
	}
	numbers := []int64{codes.Statuses.Code(c.Status), c.RunCount, c.LastNumber, int64(c.InFlight), int64(c.FailureStreak), int64(c.Attempt),
		millis(c.LastRun), millis(c.LastScheduled), millis(c.LastEnd), millis(c.NextEligible), millis(c.NextRun), nonzero(c.LastKey),
		int64(c.Waiting), c.Fired, c.UpdatedAt.UnixMilli(), c.Seq, c.Key, c.Version, c.Version - 1 - c.Passed,
		truth(c.Suspect) + 2*int64(c.Suspects), nonzero(c.ErrorKey), nonzero(c.StreakFrom), int64(c.Backfill), millis(c.Held),
		nonzero(int64(c.Parked())), nonzero(int64(c.Blocked())), nonzero(marks.Succeeded), nonzero(marks.Failed)}
	if c.Version == 1 {
		_, err := w.repeat(&w.insertState, numbers)
		return err
	}
	update := &w.updateState
	if c.Plain {
		update, numbers = &w.updatePlainState, numbers[:plainParameters]
	}
	n, err := w.repeat(update, numbers)
	if err == nil && n != 1 {
		err = errVersion
	}
	return err
}

// writePlan writes what is rarely written of a flow.
func (w *writer) writePlan(stmt *sqlite.Stmt, c *core.Change) error {
	bindTexts(stmt, 9, c.ID, c.Kind, c.Schedule, c.TimeZone, c.Backoff, c.Policy, c.Group, c.Retention)
	bindNullable(stmt, 17, c.PauseNote)
	stmt.BindNull(18)
	if c.PausedFor > 0 {
		stmt.BindInt64(18, c.PausedFor.Milliseconds())
	}
	stmt.BindNull(19)
	stmt.BindNull(20)
	stmt.BindNull(24)
	if c.Reached != nil {
		stmt.BindInt64(19, c.Reached.At.UnixMilli())
		stmt.BindInt64(20, c.Reached.Key)
		stmt.BindInt64(24, c.Reached.First)
	}
	stmt.BindNull(25)
	if c.Policies != (core.Policies{}) {
		text, err := json.Marshal(c.Policies)
		if err != nil {
			return err
		}
		stmt.BindText(25, string(text))
	}
	stmt.BindInt64(21, c.Jitter.Milliseconds())
	stmt.BindNull(22)
	stmt.BindNull(23)
	if o := c.Offsets; o != nil && o.Next != core.NoOffset {
		stmt.BindInt64(22, o.Next)
	}
	if o := c.Offsets; o != nil && o.Last != core.NoOffset {
		stmt.BindInt64(23, o.Last)
	}
	_, err := w.exec(stmt, c.Key, int64(c.Position), int64(c.StreakLimit), truth(c.Registered), millis(c.Anchor),
		millis(c.PausedAt), c.CreatedAt.UnixMilli(), millis(c.PausedUntil))
	return err
}

const (
	// Without its key, since SQLite need not look for where a row goes that it numbers itself; see append.
	insertRun = `INSERT INTO pawl_run_log (prev, flow, number, trigger, status, attempt, scheduled_at, started_at, due_at, rank, deadline, start_order, input)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	moveRun = `UPDATE pawl_run_log SET key = ?1 WHERE key = ?2`

	// The end of a run that never waited, which the index of those that do is not about.
	closeRun = `UPDATE pawl_run_log SET status = ?2, finished_at = ?3, exit_code = ?4, error = ?5, output = COALESCE(?6, output) WHERE key = ?1 AND status = ` + codes.Running

	changeRun = `UPDATE pawl_run_log
SET status = ?2, attempt = ?3, started_at = ?4, finished_at = ?5, due_at = ?6, rank = ?7, deadline = ?8, ending = ?9, restarts = ?10, recorded = ?12, suspect = ?13, start_order = ?14, exit_code = ?15, error = ?16, output = COALESCE(?17, output)
WHERE key = ?1 AND status = ?11`

	insertTransition = `INSERT INTO pawl_transition_log (at, flow, run_number, event, from_status, to_status, run_count,
    in_flight, failure_streak, last_run, next_eligible, next_run, version, waiting, prev, note)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	moveTransition = `UPDATE pawl_transition_log SET seq = ?1 WHERE seq = ?2`
)

// writeRun makes the row of a run, or changes it if it is as the change takes it to be.
func (w *writer) writeRun(flow int64, r *core.Run) (err error) {
	n := 1
	switch {
	case r.Was == "":
		err = w.append(&w.insertRun, w.moveRun, r.Key, []int64{nonzero(r.Prev), flow, r.Number, codes.Triggers.Code(r.Trigger), codes.RunStatuses.Code(r.Status),
			int64(r.Attempt), r.ScheduledAt.UnixMilli(), millis(r.StartedAt), millis(r.DueAt), rank(r), millis(r.Deadline), nonzero(r.Order)}, string(r.Input))
	case r.Was == core.RunRunning && r.Status.Over() && !r.Queued:
		n, err = w.repeat(&w.closeRun, []int64{r.Key, codes.RunStatuses.Code(r.Status), millis(r.FinishedAt), nonzero(int64(r.ExitCode))}, r.Error, string(r.Output))
	default:
		n, err = w.repeat(&w.changeRun, []int64{r.Key, codes.RunStatuses.Code(r.Status), int64(r.Attempt), millis(r.StartedAt), millis(r.FinishedAt),
			millis(r.DueAt), rank(r), millis(r.Deadline), nonzero(ending(r)), nonzero(int64(r.Restarts)), codes.RunStatuses.Code(r.Was), recorded(r), nonzero(truth(r.Suspect)), nonzero(r.Order), nonzero(int64(r.ExitCode))}, r.Error, string(r.Output))
	}
	if err == nil && n != 1 {
		err = errNotOpen
	}
	if err == nil && r.Repeated && r.Was == "" {
		err = w.once(`UPDATE pawl_run_log SET repeated = 1 WHERE key = ?`, r.Key)
	}
	if err == nil && codes.InRunEnds(r.Status) {
		_, err = w.exec(w.insertEnd, codes.RunStatuses.Code(r.Status), r.Key, flow)
	}
	return err
}

// rank is the place among those that wait of a run that does, or did before it started.
func rank(r *core.Run) int64 {
	if !r.Queued || r.Status.Over() {
		return null
	}
	return r.Rank
}

// recorded is the version that recorded a blocked run.
func recorded(r *core.Run) int64 {
	if r.Recorded == nil {
		return null
	}
	return int64(*r.Recorded)
}

// ending packs the flags of a run that is not over.
func ending(r *core.Run) int64 {
	return truth(r.Ending) + 2*truth(r.Lost) + 4*truth(r.Unprobed) + 8*truth(r.Timed) + 16*truth(r.Woken)
}

// An input moves from the row to the run, and is deleted with the run.
const answerCommand = `UPDATE pawl_commands
SET handled_at = ?2, result = ?3, error = ?4, error_code = ?5, args = CASE WHEN ?6 IS NULL THEN args ELSE nullif(?6, '') END WHERE id = ?1`

// A row that gets shorter leaves its space on its page, and SQLite joins pages only where a
// row is deleted. So a row with more than a small input is deleted and written again, or the
// inbox would take the space of the inputs for as long as it keeps the rows.
const (
	takeCommand = `DELETE FROM pawl_commands WHERE id = ?1 AND octet_length(args) > 256 RETURNING created_at, command, flow_id, requested_by, reason`

	putCommand = `INSERT INTO pawl_commands (id, created_at, command, flow_id, requested_by, reason, handled_at, result, args)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`
)

func (w *writer) answer(a engine.Answer) error {
	if a.Rest != nil && a.Error == "" {
		if done, err := w.replaceAnswered(a); done || err != nil {
			return err
		}
	}
	bindTexts(w.answerCommand, 2, iso(a.At))
	bindNullable(w.answerCommand, 3, a.Result, a.Error, a.Code)
	if a.Rest == nil {
		w.answerCommand.BindNull(6)
	} else {
		w.answerCommand.BindText(6, *a.Rest)
	}
	_, err := w.exec(w.answerCommand, a.ID)
	return err
}

// replaceAnswered answers a row whose input moves to its run: it puts a new row in its place.
// False: the input is so small that the row can stay.
func (w *writer) replaceAnswered(a engine.Answer) (done bool, err error) {
	err = w.each(w.takeCommand, func(s *sqlite.Stmt) {
		done = true
		bindNullable(w.putCommand, 2, s.ColumnText(0), s.ColumnText(1), s.ColumnText(2), s.ColumnText(3), s.ColumnText(4), iso(a.At), a.Result, *a.Rest)
	}, a.ID)
	if err == nil && done {
		_, err = w.exec(w.putCommand, a.ID)
	}
	return done, err
}

const (
	writeRunner = `INSERT INTO pawl_runners (id, generation, pid, host, boot_id, version, started_at, stopping_at, stopped_at, program, isolates, oom_kills, limits)
VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT (id) DO UPDATE SET stopping_at = excluded.stopping_at, stopped_at = excluded.stopped_at, isolates = excluded.isolates`

	writeDatabase = `UPDATE pawl_database SET generation = ?1, passive = ?2, clock_seq = max(clock_seq, ?3), ages_wait = ?4`
)

func (w *writer) writeOwner(o *engine.Owner) error {
	w.generation = o.Generation
	bindTexts(w.writeRunner, 3, o.Host, o.BootID, o.Version, iso(o.StartedAt))
	bindNullable(w.writeRunner, 7, iso(o.StoppingAt), iso(o.StoppedAt), o.Program)
	w.writeRunner.BindInt64(10, truth(o.Isolates))
	if w.writeRunner.BindInt64(11, o.OOMKills); o.OOMKills < 0 {
		w.writeRunner.BindNull(11)
	}
	bindNullable(w.writeRunner, 12, o.Limits.String())
	if _, err := w.exec(w.writeRunner, o.Generation, int64(o.PID)); err != nil {
		return err
	}
	bindNullable(w.writeDatabase, 2, o.Passive)
	w.writeDatabase.BindInt64(3, o.ClockSeq)
	w.writeDatabase.BindInt64(4, o.AgesWait.Milliseconds())
	_, err := w.exec(w.writeDatabase, o.Generation)
	return err
}

// What SQLite accepts, but no writer of this program does.
var (
	errVersion  = errors.New("its version is not the one before this transition")
	errNotOpen  = errors.New("its row is not that of a run in flight")
	errNotAdded = errors.New("a trigger kept its row out of the log")
)

// rejection separates a change that the database rejects from a database that fails.
func rejection(err error, c *core.Change) error {
	ours := errors.Is(err, errVersion) || errors.Is(err, errNotOpen) || errors.Is(err, errNotAdded)
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
