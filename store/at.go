package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// transitionRow is a row of the log with what the plan says of its flow today.
type transitionRow struct {
	flowRow
	At    int64
	Run   int64
	Event int64
	Note  string
	Until int64 // the end of the pause that it sets or moves
}

const selectTransitionsUntil = `SELECT x.flow AS key, x.at, COALESCE(x.run_number, 0) AS run, x.event, x.to_status AS status, x.run_count, x.in_flight,
    x.failure_streak, COALESCE(x.last_run, 0) AS last_run, COALESCE(x.next_eligible, 0) AS next_eligible,
    COALESCE(x.next_run, 0) AS next_run, COALESCE(x.waiting, 0) AS waiting, COALESCE(x.note, '') AS note, COALESCE(x.paused_until, 0) AS until, x.version,
    p.id, p.position, p.kind, p.schedule, p.time_zone, p.backoff, p.streak_limit, p.policy, COALESCE(p.policies, '') AS policies, p.run_group, p.retention, COALESCE(p.anchor, 0) AS anchor, p.created_at
FROM pawl_transition_log x JOIN pawl_flow_plan p ON p.key = x.flow
WHERE x.at <= ? ORDER BY x.seq`

// At tells of every flow as it stood at an instant, in the order of registration,
// by folding its transitions up to then. A flow that became known later is not
// there. What no transition keeps is that of today (the schedule, the policy), or
// is left out (LastScheduled, Suspect, Held, Fired; Waiting is with a backfill). Where the wall clock went back and showed
// an instant twice, it is taken to be the later one.
//
// It reads the whole log, a million transitions in about three seconds.
func (r *Reader) At(ctx context.Context, at time.Time) ([]core.FlowInfo, error) {
	if err := core.CheckInstant("at", at); err != nil {
		return nil, err
	}
	rows, err := r.db.QueryxContext(ctx, selectTransitionsUntil, at.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("at %s: %w", iso(at), explain(r.path, err))
	}
	defer rows.Close()
	flows := map[int64]*core.FlowInfo{}
	failed := map[int64]int64{} // by flow: the run that its last error is from
	for rows.Next() {
		var row transitionRow
		if err := rows.StructScan(&row); err != nil {
			return nil, fmt.Errorf("at %s: %w", iso(at), err)
		}
		row.fold(flows, failed)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("at %s: %w", iso(at), explain(r.path, err))
	}
	for _, f := range flows {
		if f.PauseOver(at) { // which nobody has noted yet
			f.PausedAt, f.PauseNote, f.PausedUntil = time.Time{}, "", time.Time{}
		}
	}
	return r.inOrder(ctx, flows, failed)
}

// fold makes of a flow what a transition led to.
func (t transitionRow) fold(flows map[int64]*core.FlowInfo, failed map[int64]int64) {
	was := flows[t.Key]
	if was == nil {
		was = &core.FlowInfo{Registered: true} // its adoption is not kept any more, or comes now
	}
	now := t.info()
	now.UpdatedAt = instant(t.At)
	now.Registered, now.LastNumber, now.LastEnd = was.Registered, was.LastNumber, was.LastEnd
	now.PausedAt, now.PauseNote, now.PausedUntil = was.PausedAt, was.PauseNote, was.PausedUntil
	switch events.word(t.Event) {
	case "adopt":
		now.Registered = true
	case "retire":
		now.Registered = false
	case "reserve":
		now.LastNumber = t.Run
	case "reset":
		delete(failed, t.Key)
	case "pause":
		if was.PausedAt.IsZero() || was.PauseOver(now.UpdatedAt) { // else it goes on, with another note
			now.PausedAt = now.UpdatedAt
		}
		now.PauseNote, now.PausedUntil = t.Note, instant(t.Until)
	case "adjust", "correct": // which moves the end of a pause for a while
		if t.Until != 0 && !was.PausedAt.IsZero() {
			now.PausedUntil = instant(t.Until)
		}
	case "resume":
		now.PausedAt, now.PauseNote, now.PausedUntil = time.Time{}, "", time.Time{}
	case "cancel":
		now.LastEnd = now.UpdatedAt
	case "outcome", "interrupt", "timeout":
		now.LastEnd = now.UpdatedAt
		failed[t.Key] = t.Run
		if now.Status == core.StatusCompleted {
			delete(failed, t.Key)
		}
	}
	flows[t.Key] = &now
}

// inOrder lists the flows and looks up the errors of those that have one.
func (r *Reader) inOrder(ctx context.Context, flows map[int64]*core.FlowInfo, failed map[int64]int64) ([]core.FlowInfo, error) {
	list := make([]core.FlowInfo, 0, len(flows))
	for key, f := range flows {
		if number := failed[key]; number != 0 {
			run, _, err := r.Run(ctx, f.ID, number)
			if err != nil {
				return nil, err
			}
			f.LastError = core.ClipLastError(run.Error)
		}
		list = append(list, *f)
	}
	slices.SortFunc(list, func(a, b core.FlowInfo) int {
		if a.Registered != b.Registered {
			if a.Registered {
				return -1
			}
			return 1
		}
		return a.Position - b.Position
	})
	return list, nil
}
