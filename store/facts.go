package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// Facts reads all that the database says about an occurrence of a flow; false: there is no such
// flow.
func (r *Reader) Facts(ctx context.Context, flow string, at, now time.Time) (f core.Facts, ok bool, err error) {
	f.At, f.Now = at.UTC().Truncate(time.Millisecond), now.UTC()
	if f.Flow, ok, err = r.Flow(ctx, flow); err != nil || !ok {
		return f, ok, err
	}
	if f.Schedule, err = schedule.Parse(f.Flow.ID, f.Flow.Kind, f.Flow.Schedule, f.Flow.TimeZone); err != nil {
		return f, true, fmt.Errorf("the schedule of flow %q in the database: %w", flow, err)
	}
	f.At = core.Meant(f.Flow, f.Schedule, f.At)
	within := time.Millisecond
	if core.Floats(f.Flow, f.Schedule, f.At) {
		within = time.Second
	}
	if f.Runs, err = r.runsFor(ctx, flow, f.Flow.LastNumber, f.At, within); err != nil {
		return f, true, err
	}
	if len(f.Runs) > 0 {
		f.At = f.Runs[0].ScheduledAt
		f.Runs = slices.DeleteFunc(f.Runs, func(run core.RunInfo) bool { return !run.ScheduledAt.Equal(f.At) })
	}
	if f.Verdicts, err = r.verdicts(ctx, flow, f.At); err != nil {
		return f, true, err
	}
	if f.Database, err = r.Database(ctx); err != nil {
		return f, true, err
	}
	f.Known, err = r.keptSince(ctx, flow)
	return f, true, err
}

const selectVerdicts = `SELECT v.first_at, v.last_at, v.count, v.verdict, COALESCE(v.run_number, 0) AS run_number, COALESCE(v.reason, '') AS reason
FROM pawl_flow_plan p CROSS JOIN pawl_verdict_log v ON v.flow = p.key
WHERE p.id = ? AND v.last_at >= ? AND v.first_at <= ? ORDER BY v.last_at LIMIT 10`

func (r *Reader) verdicts(ctx context.Context, flow string, at time.Time) (list []core.Verdict, err error) {
	var rows []struct {
		FirstAt int64 `db:"first_at"`
		LastAt  int64 `db:"last_at"`
		Count   int64
		Verdict int64
		Run     int64 `db:"run_number"`
		Reason  string
	}
	if err := r.db.SelectContext(ctx, &rows, selectVerdicts, flow, at.UnixMilli(), at.UnixMilli()); err != nil {
		return nil, err
	}
	for _, row := range rows {
		list = append(list, core.Verdict{
			First: instant(row.FirstAt), Last: instant(row.LastAt), Count: row.Count, Kind: codes.Verdicts.Word(row.Verdict), Run: row.Run, Reason: row.Reason,
		})
	}
	return list, nil
}

// A run for an instant begins after it, and numbers ascend with time but for starts
// that waited. So the search begins at the last marked run that began before, and
// ends some blocks later.
const (
	markAfter = `SELECT r.number AS number, COALESCE(r.started_at, r.scheduled_at) AS at
FROM pawl_flow_plan p CROSS JOIN pawl_run_log r ON r.flow = p.key AND r.number >= ? AND r.number % 64 = 0
WHERE p.id = ? ORDER BY r.number LIMIT 1`

	markEvery  = 64
	markBlocks = 16
)

// runsFor finds the runs whose scheduled instant is at, or less than within later,
// oldest first.
func (r *Reader) runsFor(ctx context.Context, flow string, last int64, at time.Time, within time.Duration) (found []core.RunInfo, err error) {
	low, high := int64(1), last+1 // the first mark that began at or after at is in low..high
	for low < high {
		middle := low + (high-low)/2
		var mark struct{ Number, At int64 }
		err := r.db.GetContext(ctx, &mark, markAfter, middle, flow)
		if err != nil && !isNoRow(err) {
			return nil, err
		}
		if isNoRow(err) || mark.At >= at.UnixMilli() {
			high = middle
		} else {
			low = mark.Number + 1
		}
	}
	for block := int64(0); block < markBlocks; block++ {
		before := (low/markEvery+block)*markEvery + 1
		runs, err := r.Runs(ctx, RunsQuery{Flow: flow, Before: max(before, 2), Limit: markEvery})
		if err != nil {
			return nil, err
		}
		for i := len(runs) - 1; i >= 0; i-- {
			if after := runs[i].ScheduledAt.Sub(at); after >= 0 && after < within && (runs[i].Trigger == core.TriggerSchedule || runs[i].Trigger == core.TriggerBackfill) {
				found = append(found, runs[i])
			}
		}
		if before > last {
			break
		}
	}
	return found, nil
}

// keptSince is when the kept history of a flow begins; zero: nothing was deleted.
func (r *Reader) keptSince(ctx context.Context, flow string) (time.Time, error) {
	var pruned int64
	if err := r.db.GetContext(ctx, &pruned, `SELECT pruned FROM pawl_flow_plan WHERE id = ?`, flow); err != nil || pruned == 0 {
		return time.Time{}, err
	}
	runs, err := r.Runs(ctx, RunsQuery{Flow: flow, Before: pruned + 2, Limit: 1})
	if err != nil || len(runs) == 0 {
		return time.Time{}, err
	}
	return runs[0].ScheduledAt, nil
}

func isNoRow(err error) bool { return errors.Is(err, sql.ErrNoRows) }

const selectInFlight = `SELECT p.run_group, sum(s.in_flight) AS running,
    COALESCE(min(CASE WHEN s.suspect <> 0 THEN p.id END), '') AS trial
FROM pawl_flow_plan p JOIN pawl_flow_state s ON s.key = p.key WHERE s.in_flight > 0 GROUP BY p.run_group`

// Surroundings reads the runs in flight of all flows, and the limits of the newest owner.
func (r *Reader) Surroundings(ctx context.Context) (core.Surroundings, error) {
	s := core.Surroundings{Grouped: map[string]int{}}
	var rows []struct {
		Group   string `db:"run_group"`
		Running int
		Trial   string
	}
	if err := r.db.SelectContext(ctx, &rows, selectInFlight); err != nil {
		return s, err
	}
	for _, row := range rows {
		s.Running += row.Running
		s.Grouped[row.Group] = row.Running
		if s.Trial == "" {
			s.Trial = row.Trial
		}
	}
	owner, err := r.LastOwner(ctx)
	if owner != nil {
		s.Limits = owner.Limits
	}
	if owner == nil || !owner.Isolates {
		s.Trial = ""
	}
	return s, err
}
