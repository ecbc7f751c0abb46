package engine

import (
	"context"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// PruneNow deletes what is too much of the history in a store that no engine drives, and
// returns how many rows that were. Keep tells how much of a flow is kept; false: leave
// it alone. Told, if there is one, is called now and then with the rows so far. It ends
// early with the error of ctx, and goes on the next time.
func PruneNow(ctx context.Context, st Store, now time.Time, keep func(id string) (core.Retention, bool), told func(rows int)) (rows int, err error) {
	snap, err := st.Load(ctx)
	if err != nil {
		return 0, err
	}
	for _, s := range snap.Flows {
		retention, meant := keep(s.ID)
		if !meant {
			continue
		}
		plan := core.Plan{Schedule: schedule.Manual(), Keep: retention, KeyFor: core.DefaultRetention.For}
		n, err := pruneFlow(ctx, st, s.Cut(plan, plan.Ages(now)), snap.Pruned[s.Key], func(n int) {
			if told != nil {
				told(rows + n)
			}
		})
		if rows += n; err != nil {
			return rows, err
		}
	}
	for more := true; more; {
		if more, err = st.Tidy(ctx, core.Plan{}.Ages(now).Rest); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// pruneFlow deletes slice after slice of what a cut says.
func pruneFlow(ctx context.Context, st Store, c core.Cut, pruned int64, told func(rows int)) (rows int, err error) {
	c.Pruned, c.Looked, c.All = pruned, pruned, true
	for {
		results, err := st.Prune(ctx, []core.Cut{c}, pruneSlice)
		if err != nil {
			return rows, err
		}
		r := results[0]
		if rows += r.Deleted; !r.More {
			return rows, st.Checkpoint(false)
		}
		told(rows)
		stuck := r.Deleted == 0 && r.Resume == c.Resume && r.Looked == c.Looked && r.KeysOn.Equal(c.KeysOn)
		if stuck && !sleep(ctx, lockedPause) { // another program writes
			return rows, ctx.Err()
		}
		c.Pruned, c.Looked, c.Resume, c.KeysOn, c.Stayed = r.Pruned, r.Looked, r.Resume, r.KeysOn, r.Stayed
	}
}

const lockedPause = 50 * time.Millisecond

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
