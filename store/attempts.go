package store

import (
	"context"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

const (
	// When an attempt started is in the row of the attempt before it. The row of the run has
	// it for the first attempt, and for one whose forerunner an older version did not keep.
	insertAttempt = `INSERT INTO pawl_attempt_log (run, attempt, status, started_at, finished_at, exit_code, error)
VALUES (?1, ?2, ?3, COALESCE((SELECT next_at FROM pawl_attempt_log WHERE run = ?1 AND attempt = ?2 - 1), ?4), ?5, ?6, ?7)`

	startAttempt = `UPDATE pawl_attempt_log SET next_at = CASE WHEN ?4 THEN COALESCE(next_at, ?3) ELSE ?3 END
WHERE run = ?1 AND attempt = ?2 - 1`
)

// writeAttempt keeps an attempt that failed and is not the last of its run, or when the next
// one starts.
func (w *writer) writeAttempt(t *core.Tried) (err error) {
	if t.Status == core.RunRunning {
		_, err = w.exec(w.startAttempt, t.Key, int64(t.Number), t.StartedAt.UnixMilli(), truth(t.GoesOn))
		return err
	}
	bindNullable(w.insertAttempt, 7, t.Error)
	_, err = w.exec(w.insertAttempt, t.Key, int64(t.Number), codes.RunStatuses.Code(t.Status), millis(t.StartedAt), millis(t.FinishedAt), nonzero(int64(t.ExitCode)))
	return err
}

// attemptRow is an attempt that failed, or the run itself.
type attemptRow struct {
	Own      bool // it is the run
	Attempt  int
	Status   int64
	Started  int64
	Finished int64
	Next     int64
	Error    string
	Code     int
}

func (r attemptRow) attempt() core.Attempt {
	return core.Attempt{Number: r.Attempt, Status: codes.RunStatuses.Word(r.Status), StartedAt: instant(r.Started), FinishedAt: instant(r.Finished), Error: r.Error, ExitCode: r.Code}
}

// AttemptsOf reads the attempts of a run that have started, in order. False: there is no
// such run.
func (r *Reader) AttemptsOf(ctx context.Context, flow string, number int64) (list []core.Attempt, ok bool, err error) {
	const query = `SELECT 0 AS own, attempt, status, COALESCE(started_at, 0) AS started, COALESCE(finished_at, 0) AS finished,
    COALESCE(next_at, 0) AS next, COALESCE(error, '') AS error, COALESCE(exit_code, 0) AS code
FROM pawl_attempt_log WHERE run = ?1
UNION ALL
SELECT 1, attempt, status, COALESCE(started_at, 0), COALESCE(finished_at, 0), 0, COALESCE(error, ''), COALESCE(exit_code, 0) FROM pawl_run_log WHERE key = ?1
ORDER BY own, attempt`
	run, ok, err := r.runRow(ctx, flow, number)
	if err != nil || !ok {
		return nil, false, err
	}
	var rows []attemptRow // as of one instant
	if err := r.db.SelectContext(ctx, &rows, query, run.Key); err != nil {
		return nil, false, explainRead(r.path, err)
	}
	next := int64(0)
	for _, row := range rows {
		if row.Own {
			return core.AttemptsOf(row.attempt(), list, instant(next)), true, nil
		}
		list, next = append(list, row.attempt()), row.Next
	}
	return nil, false, nil // it has just been deleted
}
