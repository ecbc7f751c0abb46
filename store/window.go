package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pawl-go/pawl/engine"
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
const walkWindow = `WITH RECURSIVE start (key) AS (
    SELECT COALESCE(CASE WHEN :ended THEN (SELECT m.key FROM pawl_run_log m INDEXED BY pawl_run_mark
        WHERE m.flow = s.key AND m.number % 64 = 0 AND m.key >= :until ORDER BY m.number LIMIT 1) END, s.last_key)
    FROM json_each(:flows) j CROSS JOIN pawl_flow_plan p ON p.id = j.value CROSS JOIN pawl_flow_state s ON s.key = p.key
), walk (key, n) AS (
    SELECT key, key < :until FROM start WHERE key IS NOT NULL
    UNION ALL
    SELECT w.prev, k.n + (w.prev < :until) FROM walk k CROSS JOIN pawl_run_log w ON w.key = k.key
    WHERE k.key >= :from AND k.n < :limit AND w.prev BETWEEN 1 AND w.key - 1
)
SELECT p.id AS flow_id, r.number, r.trigger, r.status, r.attempt, r.scheduled_at, COALESCE(r.started_at, 0) AS started_at,
    COALESCE(r.finished_at, 0) AS finished_at, COALESCE(r.due_at, 0) AS due_at, substr(COALESCE(r.error, ''), 1, 200) AS error
FROM walk k CROSS JOIN pawl_run_log r ON r.key = k.key CROSS JOIN pawl_flow_plan p ON p.key = r.flow
WHERE r.key < :until AND (r.key >= :from OR r.status = 0 OR r.finished_at >= :from_at)`

// Window reads the newest runs of several flows at once, by flow and newest first, with
// the first 200 characters of their errors and without their inputs and outputs.
func (r *Reader) Window(ctx context.Context, q WindowQuery) (map[string][]engine.RunInfo, error) {
	args, err := r.windowArguments(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := r.rows(ctx, walkWindow, args)
	if err != nil {
		return nil, explain(r.path, err)
	}
	runs := make(map[string][]engine.RunInfo, len(q.Flows))
	for i := range rows {
		run := rows[i].run().RunInfo
		runs[run.FlowID] = append(runs[run.FlowID], run)
	}
	return runs, nil
}

const windowLimit = 20 // runs of a flow, where a query names none

func (r *Reader) windowArguments(ctx context.Context, q WindowQuery) (args map[string]any, err error) {
	flows, err := json.Marshal(append([]string{}, q.Flows...))
	if err != nil {
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
