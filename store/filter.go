package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// A read of runs with a status must not walk over all those without it: of a million runs
// ten may have failed. So each kind of status has its own way:
//
//   - completed: nearly all runs are, so the walk of all runs finds them at once;
//   - over in another way: a table has those runs alone, which costs a run that completes
//     nothing;
//   - running: the state of a flow says how many there are, so the walk ends at the last;
//   - waiting, parked, blocked: the index of the queue has them.

const (
	insertEnd = `INSERT INTO pawl_run_ends (status, run, flow) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`
	endPages  = 4 // more than that writes
)

// Where the walk or the search of a flow's runs before one begins: at the marked run that is
// not far above it.
const beforeKey = `(SELECT m.key FROM pawl_run_log m INDEXED BY pawl_run_mark
    WHERE m.flow = p.key AND m.number >= :before AND m.number % 64 = 0 AND :before > 0 ORDER BY m.number LIMIT 1)`

// byKeys reads the runs whose keys a query returns, newest first.
func byKeys(keys string) string {
	return runColumns + `FROM (` + keys + `) k CROSS JOIN pawl_run_log r ON r.key = k.key CROSS JOIN pawl_flow_plan p ON p.key = r.flow
ORDER BY r.key DESC LIMIT :limit`
}

// endedRuns searches the table for the newest runs that ended in one of some ways, each way
// apart: SQLite merges them in their order, and ends early.
func endedRuns(flow bool, codes []int) string {
	from, of := "pawl_run_ends e CROSS JOIN pawl_run_log r ON r.key = e.run", ""
	if flow {
		from = "pawl_flow_plan p CROSS JOIN pawl_run_ends e INDEXED BY pawl_run_ends_of ON e.flow = p.key CROSS JOIN pawl_run_log r ON r.key = e.run"
		of = " AND p.id = :flow AND e.run <= COALESCE(" + beforeKey + ", 9223372036854775807) AND (:before = 0 OR r.number < :before)"
	}
	parts := make([]string, len(codes))
	for i, code := range codes {
		parts[i] = fmt.Sprintf(`SELECT e.run AS key FROM %s WHERE e.status = %d AND r.status = %[2]d AND e.run >= :from%s`, from, code, of)
	}
	return byKeys(strings.Join(parts, "\nUNION ALL\n") + "\nORDER BY 1 DESC LIMIT :limit")
}

// openRuns walks each flow that has runs in flight from its newest run down to the last of
// them.
func openRuns(flow bool) string {
	of := ""
	if flow {
		of = " AND f.id = :flow"
	}
	return byKeys(`WITH RECURSIVE walk (key, status, number, prev, remaining) AS (
    SELECT w.key, w.status, w.number, w.prev, s.in_flight - (w.status = ` + codes.Running + `)
    FROM pawl_flow_state s CROSS JOIN pawl_flow_plan f ON f.key = s.key CROSS JOIN pawl_run_log w ON w.key = s.last_key
    WHERE s.in_flight > 0` + of + `
    UNION ALL
    SELECT w.key, w.status, w.number, w.prev, k.remaining - (w.status = ` + codes.Running + `)
    FROM walk k CROSS JOIN pawl_run_log w ON w.key = k.prev WHERE k.remaining > 0 AND w.key < k.key AND w.key >= :from
)
SELECT key FROM walk WHERE status = ` + codes.Running + ` AND key >= :from AND (:before = 0 OR number < :before)`)
}

// waitingRuns searches the queue of each flow that has queued runs.
func waitingRuns(flow bool, status core.RunStatus) string {
	of := ""
	if flow {
		of = " AND f.id = :flow"
	}
	return byKeys(fmt.Sprintf(`SELECT r.key FROM pawl_flow_state s CROSS JOIN pawl_flow_plan f ON f.key = s.key
CROSS JOIN pawl_run_log r INDEXED BY pawl_run_queue
WHERE s.waiting + s.backfill + COALESCE(s.parked, 0) + COALESCE(s.blocked, 0) > 0%s AND r.flow = s.key AND r.status = %d AND r.rank IS NOT NULL AND r.key >= :from
    AND (:before = 0 OR r.number < :before)`, of, codes.RunStatuses.Code(status)))
}

// runsQuery is the SQL for a query.
func runsQuery(q RunsQuery) string {
	flow := q.Flow != ""
	var ends []int // codes of statuses in pawl_run_ends
	for code, fact := range core.RunStatuses {
		if codes.InRunEnds(fact.Word) && (q.Status == fact.Word || q.Status == "" && fact.Failure) && (!q.Failed || fact.Failure) {
			ends = append(ends, code)
		}
	}
	switch {
	case len(ends) > 0 && (q.Failed || q.Status != ""):
		return endedRuns(flow, ends)
	case q.Status == core.RunRunning && !q.Failed:
		return openRuns(flow)
	case (q.Status == core.RunWaiting || q.Status == core.RunParked || q.Status == core.RunBlocked) && !q.Failed:
		return waitingRuns(flow, q.Status)
	case flow:
		return walkFlow
	}
	return walkLog
}

// none reports whether nothing can match: the query asks for failures with a status that is none.
func (q RunsQuery) none() bool {
	return q.Failed && q.Status != "" && !slices.ContainsFunc(core.RunStatuses, func(f core.RunStatusFact) bool { return f.Word == q.Status && f.Failure })
}
