package store

import (
	"context"

	"github.com/pawl-go/pawl/engine/core"
)

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
