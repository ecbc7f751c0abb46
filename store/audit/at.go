package audit

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/instant"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// Past is a flow as it was at an instant.
type Past struct {
	core.State
	Failed int64 // the run that its last error is from; 0: it has none
}

const selectTransitionsUntil = `SELECT flow, seq, at, COALESCE(run_number, 0), event, to_status, run_count, in_flight, failure_streak,
    COALESCE(last_run, 0), COALESCE(next_eligible, 0), COALESCE(next_run, 0), version, COALESCE(waiting, 0), COALESCE(note, ''), COALESCE(paused_until, 0)
FROM pawl_transition_log WHERE at <= ? ORDER BY seq`

// At folds the transitions up to an instant ([core.State.Fold]). Flows has, by key, what each flow
// starts from: the state of a flow without history, with its plan of today. A flow that had no
// transition yet is not in the result.
func At(ctx context.Context, db sqlx.QueryerContext, at time.Time, flows map[int64]core.State) (map[int64]*Past, error) {
	rows, err := db.QueryContext(ctx, selectTransitionsUntil, at.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	past := map[int64]*Past{}
	for rows.Next() {
		var key, event, status, at, lastRun, nextEligible, nextRun, until int64
		var t core.Transition
		if err := rows.Scan(&key, &t.Seq, &at, &t.RunNumber, &event, &status, &t.RunCount, &t.InFlight, &t.FailureStreak,
			&lastRun, &nextEligible, &nextRun, &t.Version, &t.Waiting, &t.Note, &until); err != nil {
			return nil, err
		}
		t.Event, t.ToStatus, t.At = codes.Events.Word(event), codes.Statuses.Word(status), instant.OfMillis(at)
		t.LastRun, t.NextEligible, t.NextRun = instant.OfMillis(lastRun), instant.OfMillis(nextEligible), instant.OfMillis(nextRun)
		t.PausedUntil = instant.OfMillis(until)
		p := past[key]
		if p == nil {
			start, ok := flows[key]
			if !ok { // added since, or its plan is gone
				continue
			}
			p = &Past{State: start}
			past[key] = p
		}
		p.add(t)
	}
	return past, rows.Err()
}

// add takes the next transition.
func (p *Past) add(t core.Transition) {
	p.Fold(&t)
	switch t.Event {
	case "reset":
		p.Failed = 0
	case "outcome", "interrupt", "timeout":
		p.Failed = t.RunNumber
		if p.Status == core.StatusCompleted {
			p.Failed = 0
		}
	}
}
