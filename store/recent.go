package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/engine"
)

// One row for each flow: twenty thousand of them would take ten times as long to hand
// over as to find.
const selectRecent = `SELECT p.id, (
    WITH RECURSIVE walk (key, prev, status, n) AS (
        SELECT r.key, r.prev, r.status, 1 FROM pawl_run_log r WHERE r.key = s.last_key
        UNION ALL
        SELECT r.key, r.prev, r.status, w.n + 1 FROM walk w CROSS JOIN pawl_run_log r ON r.key = w.prev
        WHERE w.n < ? AND w.prev < w.key
    )
    SELECT group_concat(status, ' ' ORDER BY n) FROM walk
)
FROM pawl_flow_plan p CROSS JOIN pawl_flow_state s ON s.key = p.key
WHERE s.last_key IS NOT NULL`

// Recent reads what became of the newest n runs of every flow that has some, by flow and
// newest first.
func (r *Reader) Recent(ctx context.Context, n int) (map[string][]engine.RunStatus, error) {
	rows, err := r.db.QueryContext(ctx, selectRecent, n)
	if err != nil {
		return nil, explain(r.path, err)
	}
	defer rows.Close()
	recent := map[string][]engine.RunStatus{}
	for rows.Next() {
		var id, codes string
		if err := rows.Scan(&id, &codes); err != nil {
			return nil, explain(r.path, err)
		}
		for _, text := range strings.Fields(codes) {
			code, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("a run of flow %q has the status %q: %w", id, text, err)
			}
			recent[id] = append(recent[id], runStatuses.word(code))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, explain(r.path, err)
	}
	return recent, nil
}
