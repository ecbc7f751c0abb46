package store

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/engine/core"
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
	_, err = w.exec(w.insertAttempt, t.Key, int64(t.Number), runStatuses.of(t.Status), millis(t.StartedAt), millis(t.FinishedAt), nonzero(int64(t.ExitCode)))
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
	return core.Attempt{Number: r.Attempt, Status: runStatuses.word(r.Status), StartedAt: instant(r.Started), FinishedAt: instant(r.Finished), Error: r.Error, ExitCode: r.Code}
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
		return nil, false, explain(r.path, err)
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

// readAttempts finds attempts of runs that are not there, and those that do not fit their
// runs: the last that failed is the one before the run's, or the run's own if that was over
// before another started.
func (v *verifier) readAttempts(ctx context.Context) error {
	const query = `SELECT a.run, COALESCE(p.id, ''), COALESCE(r.number, 0), COALESCE(r.attempt, 0), COALESCE(r.status, 0), count(*), min(a.attempt), max(a.attempt),
    COALESCE(sum(a.next_at IS NULL), 0)
FROM pawl_attempt_log a
LEFT JOIN pawl_run_log r ON r.key = a.run LEFT JOIN pawl_flow_plan p ON p.key = r.flow
GROUP BY a.run`
	var run, number, attempt, status, count, first, last, unknown int64
	var flow string
	return v.each(ctx, query, func(scan func(...any) error) error {
		if err := scan(&run, &flow, &number, &attempt, &status, &count, &first, &last, &unknown); err != nil {
			return err
		}
		before := last == attempt-1 || last == attempt && runStatuses.word(status) == core.RunTimedOut
		switch {
		case number == 0:
			v.found = append(v.found, fmt.Sprintf("%d failed attempts are of a run that is not there (key %d)", count, run))
		case first < 1 || count != last-first+1:
			v.found = append(v.found, fmt.Sprintf("flow %q: %d failed attempts of run %d are kept, from %d to %d", flow, count, number, first, last))
		case !before:
			v.found = append(v.found, fmt.Sprintf("flow %q: run %d is at attempt %d, and its last failed attempt is %d", flow, number, attempt, last))
		case unknown > 1:
			v.found = append(v.found, fmt.Sprintf("flow %q: run %d has %d failed attempts that no other followed", flow, number, unknown))
		}
		return nil
	})
}
