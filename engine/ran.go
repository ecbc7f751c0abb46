package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// ran is which of the instants that a tick decides on have a run. Only those that had
// passed when the flow last changed can, and they are the same ones until they have
// their verdicts: a backfill leaves out what the schedule is about to run. If the clock
// went back, so can all up to where the schedule had come.
func (e *Engine) ran(f *flow, s *core.State, now time.Time) (map[int64]bool, error) {
	again := s.MayHaveRun(s.NextRun)
	if s.NextRun.IsZero() || s.NextRun.After(s.UpdatedAt) && !again || s.NextRun.After(now) {
		f.ran = nil
		return nil, nil
	}
	known := !again || s.NextRun.Before(f.terms.Load().shared.Since) // else each of them comes by itself
	if f.ran != nil && known {
		return f.ran, nil
	}
	f.ran = nil
	var before *core.Reached
	if again {
		before = s.Reached
	}
	ctx, cancel := context.WithTimeout(context.Background(), backfillTimeout)
	defer cancel()
	ran, err := e.Store.Ran(ctx, s.Key, before, s.NextRun, now)
	if err != nil {
		return nil, fmt.Errorf("%w: flow %q: %w", core.ErrUnread, f.id, err)
	}
	if known {
		f.ran = ran
	}
	return ran, nil
}
