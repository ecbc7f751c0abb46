package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// Occurrence is the verdict on occurrences of a flow that did not run, or did not run as
// scheduled: Count of them, from First to Last.
type Occurrence struct {
	FlowID  string           `json:"flow_id"`
	First   time.Time        `json:"first_at"`
	Last    time.Time        `json:"last_at"`
	Count   int64            `json:"count"`
	Verdict core.VerdictKind `json:"verdict"`
	Reason  string           `json:"reason,omitempty"`
	Run     int64            `json:"run_number,omitzero"` // that caught up on them, or was in the way
}

const selectOccurrences = `SELECT p.id AS flow_id, v.first_at, v.last_at, v.count, v.verdict, COALESCE(v.reason, '') AS reason,
    COALESCE(v.run_number, 0) AS run_number
FROM json_each(?) j CROSS JOIN pawl_flow_plan p ON p.id = j.value CROSS JOIN pawl_verdict_log v ON v.flow = p.key
WHERE v.last_at >= ? AND v.first_at < ? ORDER BY v.last_at DESC LIMIT ?`

// Occurrences reads at most n ranges that reach into from..to, which ends before to, of
// several flows, the newest first.
func (r *Reader) Occurrences(ctx context.Context, flows []string, from, to time.Time, n int) ([]Occurrence, error) {
	ids, err := json.Marshal(append([]string{}, flows...))
	if err = errors.Join(err, core.CheckInstant("from", from), core.CheckInstant("to", to)); err != nil {
		return nil, err
	}
	var rows []struct {
		FlowID  string `db:"flow_id"`
		FirstAt int64  `db:"first_at"`
		LastAt  int64  `db:"last_at"`
		Count   int64
		Verdict int64
		Reason  string
		Run     int64 `db:"run_number"`
	}
	if err := r.db.SelectContext(ctx, &rows, selectOccurrences, string(ids), from.UnixMilli(), to.UnixMilli(), n); err != nil {
		return nil, explainRead(r.path, err)
	}
	list := make([]Occurrence, len(rows))
	for i, row := range rows {
		list[i] = Occurrence{
			FlowID: row.FlowID, First: instant(row.FirstAt), Last: instant(row.LastAt), Count: row.Count,
			Verdict: codes.Verdicts.Word(row.Verdict), Reason: row.Reason, Run: row.Run,
		}
	}
	return list, nil
}
