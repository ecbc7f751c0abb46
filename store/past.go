package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/audit"
)

// Verify checks the whole file and returns a sentence for each violation; none: all is well. It
// reads one snapshot, so an owner may be running. See [audit.Verify].
func (r *Reader) Verify(ctx context.Context) ([]string, error) {
	tx, err := r.db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", r.path, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	found, err := audit.Verify(ctx, tx)
	if err != nil {
		err = fmt.Errorf("verify %s: %w", r.path, err)
	}
	return found, err
}

// At returns every flow as it was at an instant, in the order of registration, folded from its
// transitions up to then ([core.State.Fold]). A flow that was added later is left out. What the log
// does not keep is as it is today (the schedule, the policy), or is left out (LastScheduled,
// Suspect, Held, Fired; Waiting counts the runs of a backfill too). Where the clock went back and
// showed an instant twice, the later one counts.
//
// It reads the whole log, a million transitions in about three seconds.
func (r *Reader) At(ctx context.Context, at time.Time) ([]core.FlowInfo, error) {
	if err := core.CheckInstant("at", at); err != nil {
		return nil, err
	}
	flows, err := r.pastFlows(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("at %s: %w", iso(at), explainRead(r.path, err))
	}
	slices.SortFunc(flows, func(a, b core.FlowInfo) int {
		if a.Registered != b.Registered {
			if a.Registered {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Position-b.Position, strings.Compare(a.ID, b.ID))
	})
	return flows, nil
}

func (r *Reader) pastFlows(ctx context.Context, at time.Time) ([]core.FlowInfo, error) {
	var rows []flowRow
	if err := r.db.SelectContext(ctx, &rows, selectFlows); err != nil {
		return nil, err
	}
	starts := make(map[int64]core.State, len(rows))
	for _, row := range rows {
		starts[row.Key] = row.unrun()
	}
	past, err := audit.At(ctx, r.db, at, starts)
	if err != nil {
		return nil, err
	}
	flows := make([]core.FlowInfo, 0, len(past))
	for _, p := range past {
		f := p.Info()
		if f.PauseOver(at) { // which no transition says yet
			f.PausedAt, f.PauseNote, f.PausedUntil = time.Time{}, "", time.Time{}
		}
		if p.Failed != 0 {
			run, _, err := r.Run(ctx, f.ID, p.Failed)
			if err != nil {
				return nil, err
			}
			f.LastError = core.ClipLastError(run.Error)
		}
		flows = append(flows, f)
	}
	return flows, nil
}

// unrun is the flow with its plan of today, and no history.
func (r flowRow) unrun() core.State {
	d := r.definition(readPolicies)
	s := core.NewState(r.ID, r.Key)
	s.Definition, s.Position, s.Anchor, s.CreatedAt = &d, r.Position, instant(r.Anchor), instant(r.CreatedAt)
	return s
}
