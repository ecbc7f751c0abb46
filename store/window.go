package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// WindowQuery selects the newest runs of several flows. The zero value of a field
// asks for nothing in particular.
type WindowQuery struct {
	Flows []string
	From  time.Time // accepted or started at or after, or still going on then
	To    time.Time // accepted or started before
	Limit int       // of each flow at most; default 20
}

// The walk of each flow begins at its newest run, or at the marked one that is not far
// after the window, and ends one run before the window: that may reach into it.
const walkWindow = `WITH RECURSIVE start (place, key) AS (
    SELECT j.key, COALESCE(CASE WHEN :ended THEN (SELECT m.key FROM pawl_run_log m INDEXED BY pawl_run_mark
        WHERE m.flow = s.key AND m.number % 64 = 0 AND m.key >= :until ORDER BY m.number LIMIT 1) END, s.last_key)
    FROM json_each(:flows) j CROSS JOIN pawl_flow_plan p ON p.id = j.value CROSS JOIN pawl_flow_state s ON s.key = p.key
), walk (place, key, n) AS (
    SELECT place, key, key < :until FROM start WHERE key IS NOT NULL
    UNION ALL
    SELECT k.place, w.prev, k.n + (w.prev < :until) FROM walk k CROSS JOIN pawl_run_log w ON w.key = k.key
    WHERE k.key >= :from AND k.n < :limit AND w.prev BETWEEN 1 AND w.key - 1
)
SELECT k.place, r.number, r.trigger, r.status, r.attempt, r.scheduled_at, COALESCE(r.started_at, 0), COALESCE(r.finished_at, 0),
    COALESCE(r.due_at, 0), COALESCE(substr(r.error, 1, 200), ''), COALESCE(r.exit_code, 0)
FROM walk k CROSS JOIN pawl_run_log r ON r.key = k.key
WHERE r.key < :until AND (r.key >= :from OR r.status = ` + codes.Running + ` OR r.finished_at >= :from_at)`

// Window reads the newest runs of several flows at once, by flow and newest first, with
// the first 200 characters of their errors and without their inputs and outputs.
func (r *Reader) Window(ctx context.Context, q WindowQuery) (map[string][]core.RunInfo, error) {
	args, err := r.windowArguments(ctx, q)
	if err != nil {
		return nil, err
	}
	query, values, err := sqlx.Named(walkWindow, args)
	if err != nil {
		return nil, err
	}
	rows, err := r.db.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, explainRead(r.path, err)
	}
	defer rows.Close()
	runs := make(map[string][]core.RunInfo, len(q.Flows))
	for rows.Next() {
		run, err := scanRun(rows, q.Flows)
		if err != nil {
			return nil, err
		}
		runs[run.FlowID] = append(runs[run.FlowID], run)
	}
	return runs, rows.Err()
}

// scanRun reads a row column by column: there may be thousands, and a window is drawn
// while somebody waits.
func scanRun(rows *sql.Rows, flows []string) (run core.RunInfo, err error) {
	var place, trigger, status, scheduled, started, finished, due int64
	err = rows.Scan(&place, &run.Number, &trigger, &status, &run.Attempt, &scheduled, &started, &finished, &due, &run.Error, &run.ExitCode)
	if err != nil {
		return run, err
	}
	run.FlowID, run.Trigger, run.Status = flows[place], codes.Triggers.Word(trigger), codes.RunStatuses.Word(status)
	run.ScheduledAt, run.StartedAt, run.FinishedAt, run.DueAt = instant(scheduled), instant(started), instant(finished), instant(due)
	return run, nil
}

const windowLimit = 20 // runs of a flow, where a query names none

func (r *Reader) windowArguments(ctx context.Context, q WindowQuery) (args map[string]any, err error) {
	flows, err := json.Marshal(append([]string{}, q.Flows...))
	if err = errors.Join(err, core.CheckInstant("From", q.From), core.CheckInstant("To", q.To)); err != nil {
		return nil, err
	}
	args = map[string]any{"flows": string(flows), "from": int64(1), "from_at": q.From.UnixMilli(), "until": int64(1) << 62, "ended": !q.To.IsZero(), "limit": q.Limit}
	if q.Limit <= 0 {
		args["limit"] = windowLimit
	}
	if !q.From.IsZero() {
		if args["from"], err = r.firstSince(ctx, q.From); err != nil {
			return nil, err
		}
	}
	if !q.To.IsZero() {
		args["until"], err = r.firstSince(ctx, q.To)
	}
	return args, err
}
