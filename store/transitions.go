package store

import (
	"context"

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

// Transitions reads the first n transitions after one, in order. What is not kept any
// more is left out.
func (r *Reader) Transitions(ctx context.Context, after int64, n int) ([]core.Transition, error) {
	var rows []loggedRow
	if err := r.db.SelectContext(ctx, &rows, selectTransitionsAfter, after, n); err != nil {
		return nil, explain(r.path, err)
	}
	list := make([]core.Transition, len(rows))
	for i, row := range rows {
		list[i] = row.transition()
	}
	return list, nil
}
