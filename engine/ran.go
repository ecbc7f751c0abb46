package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// withoutRuns is s without the instants that have a run, as of [Store.Ran]: those that a
// backfill ran (true in ran), and those before since, which are caught up on. Later instants
// come as the clock shows them, and run again if the clock was ahead when they had their runs.
func withoutRuns(s schedule.Schedule, ran map[int64]bool, since time.Time) schedule.Schedule {
	var excluded []time.Time
	for at, backfilled := range ran {
		if t := time.UnixMilli(at).UTC(); backfilled || t.Before(since) {
			excluded = append(excluded, t)
		}
	}
	return schedule.Exclude(s, excluded)
}

// passRan records which of the instants in first..until a backfill has run, so that they were
// not run again. It is a pause that kept them from the schedule. The others have their runs.
func (c *Change) passRan(s schedule.Schedule, ran map[int64]bool, first, until time.Time) {
	x, ok := s.(schedule.Excluding)
	if !ok {
		return
	}
	backfilled := slices.DeleteFunc(slices.Clone(x.Excluded), func(t time.Time) bool {
		return t.Before(first) || t.After(until) || !ran[t.UnixMilli()]
	})
	for from, to := range schedule.Consecutive(x.Schedule, backfilled) {
		c.decide(x.Schedule, from, to, Verdict{Kind: VerdictPaused, Reason: "a backfill has run it"})
	}
}

// ran is which of the instants that a tick decides on have a run. Only those that had
// passed when the flow last changed can, and they are the same ones until they have
// their verdicts: a backfill leaves out what the schedule is about to run. If the clock
// went back, so can all up to where the schedule had come.
func (e *Engine) ran(f *flow, s *State, now time.Time) (map[int64]bool, error) {
	again := s.reached(s.NextRun)
	if s.NextRun.IsZero() || s.NextRun.After(s.UpdatedAt) && !again || s.NextRun.After(now) {
		f.ran = nil
		return nil, nil
	}
	known := !again || s.NextRun.Before(f.terms.Load().shared.Since) // else each of them comes by itself
	if f.ran != nil && known {
		return f.ran, nil
	}
	f.ran = nil
	var before *Reached
	if again {
		before = s.Reached
	}
	ctx, cancel := context.WithTimeout(context.Background(), backfillTimeout)
	defer cancel()
	ran, err := e.Store.Ran(ctx, s.Key, before, s.NextRun, now)
	if err != nil {
		return nil, fmt.Errorf("%w: flow %q: %w", errUnread, f.id, err)
	}
	if known {
		f.ran = ran
	}
	return ran, nil
}
