package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// RecentMost is the most runs of a flow that [Reader.Recent] reads: SQLite joins at most
// 64 tables.
const RecentMost = 50

// recentQuery has one row for each flow, since twenty thousand rows would take ten times
// as long to hand over as to find, and goes from run to run by joins, which takes
// less than half of the time of a recursive query.
func recentQuery(n int) string {
	var columns, joins strings.Builder
	before := "s.last_key"
	for i := range n {
		fmt.Fprintf(&columns, ", r%d.status", i)
		fmt.Fprintf(&joins, "LEFT JOIN pawl_run_log r%d ON r%d.key = %s\n", i, i, before)
		before = fmt.Sprintf("r%d.prev", i)
	}
	return "SELECT p.id, concat_ws(' '" + columns.String() + `)
FROM pawl_flow_plan p CROSS JOIN pawl_flow_state s ON s.key = p.key
` + joins.String() + "WHERE s.last_key IS NOT NULL"
}

// Recent reads the statuses of the newest n runs, by flow and newest first: of the named flows,
// or of all flows that have runs.
func (r *Reader) Recent(ctx context.Context, n int, flows ...string) (map[string][]core.RunStatus, error) {
	if n < 1 {
		return nil, nil
	}
	query, args := recentQuery(min(n, RecentMost)), []any(nil)
	if len(flows) > 0 {
		names, err := json.Marshal(flows)
		if err != nil {
			return nil, err
		}
		query, args = query+" AND p.id IN (SELECT value FROM json_each(?))", []any{string(names)}
	}
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, explainRead(r.path, err)
	}
	defer rows.Close()
	recent := map[string][]core.RunStatus{}
	for rows.Next() {
		var id, numbers string
		if err := rows.Scan(&id, &numbers); err != nil {
			return nil, explainRead(r.path, err)
		}
		for _, text := range strings.Fields(numbers) {
			code, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("a run of flow %q has the status %q: %w", id, text, err)
			}
			recent[id] = append(recent[id], codes.RunStatuses.Word(code))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, explainRead(r.path, err)
	}
	return recent, nil
}
