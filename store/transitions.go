package store

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// loggedRow is a row of the log of transitions with the id of its flow.
type loggedRow struct {
	Seq           int64
	At            int64
	FlowID        string `db:"flow_id"`
	RunNumber     int64  `db:"run_number"`
	Event         int64
	FromStatus    int64 `db:"from_status"`
	ToStatus      int64 `db:"to_status"`
	RunCount      int64 `db:"run_count"`
	InFlight      int   `db:"in_flight"`
	FailureStreak int   `db:"failure_streak"`
	LastRun       int64 `db:"last_run"`
	NextEligible  int64 `db:"next_eligible"`
	NextRun       int64 `db:"next_run"`
	Version       int64
	Note          string
	Waiting       int
	PausedUntil   int64 `db:"paused_until"`
}

func (r loggedRow) transition() core.Transition {
	return core.Transition{
		Seq: r.Seq, At: instant(r.At), FlowID: r.FlowID, RunNumber: r.RunNumber, Event: codes.Events.Word(r.Event),
		FromStatus: codes.Statuses.Word(r.FromStatus), ToStatus: codes.Statuses.Word(r.ToStatus),
		RunCount: r.RunCount, InFlight: r.InFlight, FailureStreak: r.FailureStreak, LastRun: instant(r.LastRun),
		NextEligible: instant(r.NextEligible), NextRun: instant(r.NextRun), Version: r.Version, Note: r.Note, Waiting: r.Waiting,
		PausedUntil: instant(r.PausedUntil),
	}
}

const selectTransitionsAfter = `SELECT x.seq, x.at, p.id AS flow_id, COALESCE(x.run_number, 0) AS run_number, x.event, x.from_status, x.to_status,
    x.run_count, x.in_flight, x.failure_streak, COALESCE(x.last_run, 0) AS last_run, COALESCE(x.next_eligible, 0) AS next_eligible,
    COALESCE(x.next_run, 0) AS next_run, x.version, COALESCE(x.note, '') AS note, COALESCE(x.waiting, 0) AS waiting,
    COALESCE(x.paused_until, 0) AS paused_until
FROM pawl_transition_log x CROSS JOIN pawl_flow_plan p ON p.key = x.flow
WHERE x.seq > ? ORDER BY x.seq LIMIT ?`

// Transitions reads the first n transitions after one, in order. Deleted ones are left out.
func (r *Reader) Transitions(ctx context.Context, after int64, n int) ([]core.Transition, error) {
	var rows []loggedRow
	if err := r.db.SelectContext(ctx, &rows, selectTransitionsAfter, after, n); err != nil {
		return nil, explainRead(r.path, err)
	}
	list := make([]core.Transition, len(rows))
	for i, row := range rows {
		list[i] = row.transition()
	}
	return list, nil
}

// TransitionsQuery selects transitions of one flow, newest first. The zero value of the
// other fields asks for nothing in particular.
type TransitionsQuery struct {
	Flow   string
	Run    int64 // that happened to this run
	Before int64 // with a version of the flow below this one
	Limit  int   // at most; default 100
}

// As runs, the transitions of a flow are found by walking from its newest, or from a
// marked one that is not far above.
const walkTransitions = `WITH RECURSIVE walk (seq) AS (
    SELECT COALESCE(CASE WHEN :before > 0 THEN (SELECT m.seq FROM pawl_transition_log m INDEXED BY pawl_transition_mark
        WHERE m.flow = s.key AND m.version % 64 = 0 AND m.version >= :before ORDER BY m.version LIMIT 1) END,
      CASE WHEN :until > 0 THEN (SELECT m.seq FROM pawl_transition_log m INDEXED BY pawl_transition_mark
        WHERE m.flow = s.key AND m.version % 64 = 0 AND m.seq >= :until ORDER BY m.version LIMIT 1) END, s.last_seq)
    FROM pawl_flow_plan p CROSS JOIN pawl_flow_state s ON s.key = p.key
    WHERE p.id = :flow
    UNION ALL
    SELECT w.prev FROM walk k CROSS JOIN pawl_transition_log w ON w.seq = k.seq WHERE w.prev BETWEEN :from AND w.seq - 1
)
SELECT x.seq, x.at, p.id AS flow_id, COALESCE(x.run_number, 0) AS run_number, x.event, x.from_status, x.to_status,
    x.run_count, x.in_flight, x.failure_streak, COALESCE(x.last_run, 0) AS last_run, COALESCE(x.next_eligible, 0) AS next_eligible,
    COALESCE(x.next_run, 0) AS next_run, x.version, COALESCE(x.note, '') AS note, COALESCE(x.waiting, 0) AS waiting,
    COALESCE(x.paused_until, 0) AS paused_until
FROM walk k CROSS JOIN pawl_transition_log x ON x.seq = k.seq CROSS JOIN pawl_flow_plan p ON p.key = x.flow
WHERE (:before = 0 OR x.version < :before) AND (:run = 0 OR x.run_number = :run)
LIMIT :limit`

// FlowTransitions reads transitions of one flow, newest first.
func (r *Reader) FlowTransitions(ctx context.Context, q TransitionsQuery) (list []core.Transition, err error) {
	args := map[string]any{"flow": q.Flow, "run": q.Run, "before": q.Before, "limit": q.Limit, "from": int64(1), "until": int64(0)}
	switch {
	case q.Limit < 0:
		return nil, fmt.Errorf("transitions: limit %d is negative", q.Limit)
	case q.Limit == 0:
		args["limit"] = defaultLimit
	}
	if q.Run != 0 {
		run, ok, err := r.runRow(ctx, q.Flow, q.Run)
		if err != nil || !ok {
			return nil, err
		}
		if args["from"], args["until"], err = r.lifeOf(ctx, run); err != nil {
			return nil, err
		}
	}
	rows, err := r.db.NamedQueryContext(ctx, walkTransitions, args)
	if err != nil {
		return nil, explainRead(r.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var row loggedRow
		if err := rows.StructScan(&row); err != nil {
			return nil, err
		}
		list = append(list, row.transition())
	}
	return list, rows.Err()
}

// lifeOf is between which transitions those of a run are: the first one of the instant
// that it was accepted or started at, and the first after its end; 0: it goes on. A
// scheduled run is accepted no earlier than its instant.
func (r *Reader) lifeOf(ctx context.Context, run runRow) (from, until int64, err error) {
	first := run.ScheduledAt
	if run.StartedAt != 0 {
		first = min(first, run.StartedAt)
	}
	if from, err = r.firstSeq(ctx, first); err != nil || run.FinishedAt == 0 {
		return max(from, 1), 0, err
	}
	until, err = r.firstSeq(ctx, run.FinishedAt+1)
	return max(from, 1), until, err
}

// firstSeq is the first transition at an instant or later, the one behind the last if
// there is none. They ascend with time, so it halves the log.
func (r *Reader) firstSeq(ctx context.Context, at int64) (int64, error) {
	counters, err := r.counters(ctx)
	if err != nil {
		return 0, err
	}
	low, high := int64(1), counters.Seq+1
	for low < high {
		middle := low + (high-low)/2
		var row struct{ Seq, At int64 }
		err := r.db.GetContext(ctx, &row, `SELECT seq, at FROM pawl_transition_log WHERE seq >= ? ORDER BY seq LIMIT 1`, middle)
		switch {
		case isNoRow(err) || err == nil && row.At >= at:
			high = middle
		case err != nil:
			return 0, err
		default:
			low = row.Seq + 1
		}
	}
	return low, nil
}

// LastSeq is the number of the newest transition, also if it was deleted; 0: there was none.
func (r *Reader) LastSeq(ctx context.Context) (int64, error) {
	c, err := r.counters(ctx)
	return c.Seq, err
}

const selectNewestSeq = `SELECT COALESCE(max(seq), 0) FROM pawl_transition_log`

// NewestSeq reads the Seq of the newest transition; 0: there is none.
func (r *Reader) NewestSeq(ctx context.Context) (seq int64, err error) {
	if err := r.db.GetContext(ctx, &seq, selectNewestSeq); err != nil {
		return 0, explainRead(r.path, err)
	}
	return seq, nil
}
