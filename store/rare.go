package store

import (
	"fmt"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// writeRare writes what few transitions have: verdicts on occurrences without a run,
// idempotency keys, checkpoints, failed attempts, jobs that outlast their runs, a dropped backfill.
func (w *writer) writeRare(c *core.Change, generation int64) error {
	for i := range c.Verdicts {
		if err := w.writeVerdict(c, &c.Verdicts[i]); err != nil {
			return fmt.Errorf("verdict: %w", err)
		}
	}
	if c.Token != nil {
		bindTexts(w.writeKey, 5, c.Token.Key)
		if _, err := w.exec(w.writeKey, c.Key, c.Token.Number, c.Token.At.UnixMilli(), c.LastKey); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	if c.Leak != 0 {
		bindTexts(w.writeLeak, 3, c.ID, iso(c.UpdatedAt))
		if _, err := w.exec(w.writeLeak, c.Leak, generation); err != nil {
			return fmt.Errorf("leak: %w", err)
		}
	}
	if c.Checkpoints != nil {
		if err := w.writeCheckpoints(c.Checkpoints); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	if c.Tried != nil {
		if err := w.writeAttempt(c.Tried); err != nil {
			return fmt.Errorf("attempt: %w", err)
		}
	}
	if c.Drop {
		if err := w.once(endBackfill, c.Key); err != nil { // before the rows change, so that it finds them
			return err
		}
		if _, err := w.exec(w.dropBackfill, c.Key, c.UpdatedAt.UnixMilli()); err != nil {
			return fmt.Errorf("drop the backfill: %w", err)
		}
	}
	if c.Unmarked {
		if err := w.once(unmarkWaiting, c.Key); err != nil {
			return fmt.Errorf("clear suspects: %w", err)
		}
	}
	if c.MovedBy != 0 {
		if err := w.moveWaits(c); err != nil {
			return fmt.Errorf("move waits: %w", err)
		}
	}
	return nil
}

const unmarkWaiting = `UPDATE pawl_run_log SET suspect = NULL WHERE flow = ? AND status IN (` + codes.Resting + `) AND rank IS NOT NULL AND suspect IS NOT NULL`

// Where the wall clock stepped, what waits for a length of time moves by the step, as
// engine.moveRuns has it for the runs in memory.
var moveWaits = []string{
	fmt.Sprintf(`UPDATE pawl_run_log SET deadline = deadline + ?2,
    rank = CASE WHEN started_at IS NOT NULL AND rank %% %d = due_at THEN rank + ?2 ELSE rank END,
    due_at = CASE WHEN started_at IS NOT NULL THEN due_at + ?2 ELSE due_at END
WHERE flow = ?1 AND status = `+codes.Waiting+` AND rank IS NOT NULL AND (started_at IS NOT NULL OR deadline IS NOT NULL)`, core.BackfillRank),
	`UPDATE pawl_run_log SET deadline = deadline + ?2, due_at = due_at + s.by, rank = rank + s.by
FROM (SELECT key AS parked, CASE WHEN ending & 8 <> 0 OR due_at = deadline THEN ?2 ELSE min(due_at, COALESCE(deadline + ?2, due_at)) - due_at END AS by
    FROM pawl_run_log WHERE flow = ?1 AND status = ` + codes.Parked + ` AND rank IS NOT NULL) s
WHERE key = s.parked`,
	`UPDATE pawl_run_log SET deadline = deadline + ?2 WHERE flow = ?1 AND status = ` + codes.Blocked + ` AND rank IS NOT NULL AND deadline IS NOT NULL`,
	`UPDATE pawl_keys SET at = at + ?2 WHERE flow = ?1`,
}

func (w *writer) moveWaits(c *core.Change) error {
	w.behind = checkpointMax // as far as one knows
	for _, query := range moveWaits {
		if err := w.once(query, c.Key, c.MovedBy); err != nil {
			return err
		}
	}
	return nil
}

const insertVerdict = `INSERT INTO pawl_verdict_log (flow, first_at, last_at, count, verdict, run_number, seq, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

func (w *writer) writeVerdict(c *core.Change, v *core.Verdict) error {
	bindNullable(w.insertVerdict, 8, core.ClipLastError(v.Reason))
	_, err := w.exec(w.insertVerdict, c.Key, v.First.UnixMilli(), v.Last.UnixMilli(), v.Count, codes.Verdicts.Code(v.Kind), nonzero(v.Run), c.Seq)
	return err
}

const (
	writeKey = `INSERT INTO pawl_keys (flow, number, at, run, key) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (flow, key) DO UPDATE SET number = excluded.number, at = excluded.at, run = excluded.run`

	writeLeak = `INSERT INTO pawl_leaks (run_number, generation, flow_id, closed_at) VALUES (?, ?, ?, ?)`

	returnLeak = `UPDATE pawl_leaks SET returned_at = ?4, error = ?5 WHERE run_number = ?1 AND generation = ?2 AND flow_id = ?3`

	dropBackfill = `UPDATE pawl_run_log SET status = ` + codes.Cancelled + `, finished_at = ?2, error = 'cancelled: the backfill was', due_at = NULL, rank = NULL
WHERE ` + ofBackfill
	endBackfill = `INSERT INTO pawl_run_ends (status, run, flow) SELECT 4, key, flow FROM pawl_run_log WHERE ` + ofBackfill + ` ON CONFLICT DO NOTHING`
	ofBackfill  = `flow = ?1 AND status = ` + codes.Waiting + ` AND rank IS NOT NULL AND trigger = ` + codes.ByBackfill
)

func (w *writer) writeLate(l engine.Late) error {
	bindTexts(w.returnLeak, 3, l.Flow, iso(l.At))
	bindNullable(w.returnLeak, 5, l.Error)
	_, err := w.exec(w.returnLeak, l.Run, l.Generation)
	return err
}
