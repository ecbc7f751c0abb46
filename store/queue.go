package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// readQueue walks the index of the queued runs. The runs of a backfill come after all others of
// their flow. An input of more than 4 KiB is read only when its job asks for it.
const (
	queueColumns = `SELECT key, COALESCE(prev, 0), number, trigger, attempt, scheduled_at, COALESCE(started_at, 0), COALESCE(due_at, 0),
    rank, COALESCE(deadline, 0), COALESCE(ending, 0), input IS NOT NULL, CASE WHEN length(input) <= 4096 THEN input END, COALESCE(error, ''),
    COALESCE(restarts, 0), status, recorded IS NOT NULL, COALESCE(recorded, 0), suspect IS NOT NULL, COALESCE(start_order, 0), COALESCE(exit_code, 0)
FROM pawl_run_log INDEXED BY pawl_run_queue
`
	readQueue = queueColumns + `WHERE flow = ?1 AND status = ` + codes.Waiting + ` AND rank IS NOT NULL AND rank >= ?2 AND rank < ?3 ORDER BY rank, key LIMIT ?4`

	// The runs that are parked or blocked.
	readAside = queueColumns + `WHERE flow = ?1 AND status IN (` + codes.Aside + `) AND rank IS NOT NULL ORDER BY rank, key`
)

// Waiting implements [engine.Store].
func (s *Store) Waiting(ctx context.Context, flow int64, n, fill int) (queue, backfill []*core.Run, err error) {
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return nil, nil, err
	}
	w.conn.SetInterrupt(ctx.Done())
	defer w.conn.SetInterrupt(nil)
	if queue, err = w.waiting(flow, core.FirstRank, core.FirstBackfillRank, n); err == nil {
		backfill, err = w.waiting(flow, core.FirstBackfillRank, 2*core.BackfillRank, fill)
	}
	return queue, backfill, err
}

func (w *writer) waiting(flow, from, to int64, n int) (queue []*core.Run, err error) {
	q := w.readQueue
	defer func() { err = errors.Join(err, q.Reset()) }()
	for i, number := range []int64{flow, from, to, int64(n)} {
		q.BindInt64(i+1, number)
	}
	for {
		more, err := q.Step()
		if err != nil || !more {
			return queue, err
		}
		queue = append(queue, scanWaiting(q))
	}
}

// Aside implements [engine.Store].
func (s *Store) Aside(ctx context.Context, flow int64) (runs []*core.Run, err error) {
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return nil, err
	}
	w.conn.SetInterrupt(ctx.Done())
	defer w.conn.SetInterrupt(nil)
	q, _, err := w.conn.PrepareTransient(readAside)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, q.Finalize()) }()
	q.BindInt64(1, flow)
	for {
		more, err := q.Step()
		if err != nil || !more {
			return runs, err
		}
		runs = append(runs, scanWaiting(q))
	}
}

// scanWaiting reads a row of queueColumns.
func scanWaiting(q *sqlite.Stmt) *core.Run {
	status := codes.RunStatuses.Word(q.ColumnInt64(15))
	return &core.Run{
		Key: q.ColumnInt64(0), Prev: q.ColumnInt64(1), Was: status, Recorded: recordedBy(q), Queued: true, Rank: q.ColumnInt64(8),
		Ending: q.ColumnInt64(10)&1 != 0, Lost: q.ColumnInt64(10)&2 != 0, Unprobed: q.ColumnInt64(10)&4 != 0, Timed: q.ColumnInt64(10)&8 != 0, Woken: q.ColumnInt64(10)&16 != 0, HasInput: q.ColumnBool(11), Order: q.ColumnInt64(19),
		RunInfo: core.RunInfo{
			Number: q.ColumnInt64(2), Trigger: codes.Triggers.Word(q.ColumnInt64(3)), Status: status, Attempt: q.ColumnInt(4),
			ScheduledAt: instant(q.ColumnInt64(5)), StartedAt: instant(q.ColumnInt64(6)), DueAt: instant(q.ColumnInt64(7)),
			Deadline: instant(q.ColumnInt64(9)), Input: core.JSON(q.ColumnText(12)), Error: q.ColumnText(13), Restarts: q.ColumnInt(14), Suspect: q.ColumnBool(18), ExitCode: q.ColumnInt(20),
		},
	}
}

// recordedBy is the version that recorded a blocked run.
func recordedBy(q *sqlite.Stmt) *int {
	if !q.ColumnBool(16) {
		return nil
	}
	v := q.ColumnInt(17)
	return &v
}

// WaitingRun implements [engine.Store].
func (s *Store) WaitingRun(ctx context.Context, flow, number int64) (core.Run, bool, error) {
	var id string
	if err := s.db.GetContext(ctx, &id, `SELECT id FROM pawl_flow_plan WHERE key = ?`, flow); err != nil {
		return core.Run{}, false, err
	}
	row, ok, err := s.runRow(ctx, id, number)
	if err != nil || !ok {
		return core.Run{}, false, err
	}
	run := row.run()
	return run, run.Status == core.RunWaiting, nil
}

// Input implements [engine.Store].
func (s *Store) Input(ctx context.Context, key int64) (input core.JSON, err error) {
	err = s.db.GetContext(ctx, &input, `SELECT COALESCE(input, '') FROM pawl_run_log WHERE key = ?`, key)
	return input, err
}

var readKey = `SELECT k.number, k.at, COALESCE(r.status, 1) NOT IN (` + codes.NotOver + `)
FROM pawl_keys k LEFT JOIN pawl_run_log r ON r.key = k.run WHERE k.flow = ? AND k.key = ?`

// RunKey implements [engine.Store].
func (s *Store) RunKey(ctx context.Context, flow int64, key string) (known *core.RunKey, err error) {
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return nil, err
	}
	q := w.readKey
	defer func() { err = errors.Join(err, q.Reset()) }()
	q.BindInt64(1, flow)
	q.BindText(2, key)
	more, err := q.Step()
	if err != nil || !more {
		return nil, err
	}
	return &core.RunKey{Key: key, Number: q.ColumnInt64(0), At: instant(q.ColumnInt64(1)), Over: q.ColumnBool(2)}, nil
}

// Keyed implements [engine.Store].
func (s *Store) Keyed(ctx context.Context) (map[int64]bool, error) {
	const query = `SELECT p.key FROM pawl_flow_plan p WHERE EXISTS (SELECT 1 FROM pawl_keys k WHERE k.flow = p.key)`
	var flows []int64
	if err := s.db.SelectContext(ctx, &flows, query); err != nil {
		return nil, fmt.Errorf("flows with keys: %w", err)
	}
	keyed := make(map[int64]bool, len(flows))
	for _, key := range flows {
		keyed[key] = true
	}
	return keyed, nil
}

// Ran implements [engine.Store].
func (s *Store) Ran(ctx context.Context, flow int64, before *core.Reached, from, to time.Time) (map[int64]bool, error) {
	const query = `WITH RECURSIVE walk (key) AS (
    SELECT last_key FROM pawl_flow_state WHERE key = ?1 AND last_key IS NOT NULL
    UNION
    SELECT key FROM pawl_run_log WHERE key = ?4 AND flow = ?1
    UNION
    SELECT w.prev FROM walk k CROSS JOIN pawl_run_log w ON w.key = k.key
    WHERE w.prev < w.key AND (w.key > ?5 OR w.started_at IS NULL OR w.trigger = ` + codes.ByBackfill + ` OR max(w.started_at, w.scheduled_at) >= ?2)
)
SELECT r.scheduled_at AS at, r.trigger = ` + codes.ByBackfill + ` AS backfilled FROM walk k CROSS JOIN pawl_run_log r ON r.key = k.key
WHERE r.scheduled_at BETWEEN ?2 AND ?3 AND r.trigger IN (` + codes.BySchedule + `, ` + codes.ByBackfill + `) AND r.status <> ` + codes.Cancelled
	key, first := int64(0), int64(math.MaxInt64)
	if before != nil {
		key, first = before.Key, before.First
	}
	var runs []struct {
		At         int64
		Backfilled bool
	}
	if err := s.db.SelectContext(ctx, &runs, query, flow, from.UnixMilli(), to.UnixMilli(), key, first); err != nil {
		return nil, fmt.Errorf("runs of %s to %s: %w", iso(from), iso(to), err)
	}
	ran := make(map[int64]bool, len(runs))
	for _, r := range runs {
		ran[r.At] = ran[r.At] || r.Backfilled
	}
	return ran, nil
}

// keepCounters lets no key be given away again.
const keepCounters = `UPDATE pawl_database SET
    last_run = max(last_run, (SELECT COALESCE(max(key), 0) FROM pawl_run_log)),
    last_seq = max(last_seq, (SELECT COALESCE(max(seq), 0) FROM pawl_transition_log))`

// Forget implements [engine.Store]. It reads the logs to their end, as no index is
// ordered by flow.
func (s *Store) Forget(ctx context.Context, flow int64, answer *engine.Answer) error {
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return err
	}
	if err := w.beginTransaction(); err != nil {
		return w.afterFailure(err)
	}
	if err := w.once(keepCounters); err != nil {
		return w.afterFailure(err)
	}
	for _, query := range []string{
		`DELETE FROM pawl_leaks WHERE flow_id = (SELECT id FROM pawl_flow_plan WHERE key = ?)`,
		`DELETE FROM pawl_keys WHERE flow = ?`,
		`DELETE FROM pawl_verdict_log WHERE flow = ?`,
		`DELETE FROM pawl_transition_log WHERE flow = ?`,
		`DELETE FROM pawl_checkpoint_log WHERE run IN (SELECT key FROM pawl_run_log WHERE flow = ?)`,
		`DELETE FROM pawl_attempt_log WHERE run IN (SELECT key FROM pawl_run_log WHERE flow = ?)`,
		`DELETE FROM pawl_run_log WHERE flow = ?`,
		`DELETE FROM pawl_run_ends WHERE flow = ?`,
		`DELETE FROM pawl_flow_state WHERE key = ?`,
		`DELETE FROM pawl_flow_plan WHERE key = ?`,
	} {
		if err := w.once(query, flow); err != nil {
			return w.afterFailure(err)
		}
	}
	if answer != nil {
		if err := w.answer(*answer); err != nil {
			return w.afterFailure(fmt.Errorf("answer command %d: %w", answer.ID, err))
		}
	}
	w.behind = checkpointMax // as far as one knows
	if _, err := w.exec(w.statements.commit); err != nil {
		return w.afterFailure(err)
	}
	return nil
}

// once runs a statement that is not worth keeping.
func (w *writer) once(query string, numbers ...int64) (err error) {
	stmt, _, err := w.conn.PrepareTransient(query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Finalize()) }()
	_, err = w.exec(stmt, numbers...)
	return err
}
