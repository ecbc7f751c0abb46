package engine

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// but is a schedule without some instants of the past, which have a run.
type but struct {
	Schedule
	ran        []time.Time // in order
	backfilled map[int64]bool
}

// leaving is a schedule of fixed instants without those that have a run, as of [Store.Ran]:
// a backfill's, or one of a time that is caught up on, before since. Later instants come
// as the clock shows them, and run again if the clock was ahead when they had their runs.
func leaving(s Schedule, ran map[int64]bool, since time.Time) Schedule {
	b := but{Schedule: s, backfilled: ran}
	for at, backfilled := range ran {
		t := time.UnixMilli(at).UTC()
		if n, _ := s.Count(t, t); (backfilled || t.Before(since)) && n > 0 {
			b.ran = append(b.ran, t)
		}
	}
	if len(b.ran) == 0 {
		return s
	}
	slices.SortFunc(b.ran, time.Time.Compare)
	return b
}

// left is the first instant from one on that has not been run.
func left(s Schedule, first time.Time) time.Time {
	if b, ok := s.(but); ok && b.has(first) {
		return b.After(first)
	}
	return first
}

func (b but) has(t time.Time) bool {
	_, found := slices.BinarySearchFunc(b.ran, t, time.Time.Compare)
	return found
}

func (b but) After(t time.Time) time.Time {
	at := b.Schedule.After(t)
	for b.has(at) {
		at = b.Schedule.After(at)
	}
	return at
}

func (b but) Latest(next, now time.Time) time.Time {
	_, last := b.Count(next, now)
	return last
}

func (b but) Count(from, to time.Time) (n int64, last time.Time) {
	n, last = b.Schedule.Count(from, to)
	for _, t := range b.ran {
		if !t.Before(from) && !t.After(to) {
			n--
		}
	}
	if n <= 0 {
		return 0, time.Time{}
	}
	for b.has(last) {
		_, last = b.Schedule.Count(from, last.Add(-time.Millisecond))
	}
	return n, last
}

// decide is that of the change, for the instants that are left: a range has no gaps.
func (b but) decide(c *Change, first, until time.Time, v Verdict) {
	for _, t := range b.ran {
		if t.Before(first) || t.After(until) {
			continue
		}
		c.decide(b.Schedule, first, t.Add(-time.Millisecond), v)
		first = b.Schedule.After(t)
	}
	c.decide(b.Schedule, first, until, v)
}

// passRan records which of first..until a backfill has run, so that they were not run
// again. It is a pause that kept them from the schedule. The others have their runs.
func (c *Change) passRan(s Schedule, first, until time.Time) {
	b, ok := s.(but)
	if !ok {
		return
	}
	ran := slices.DeleteFunc(slices.Clone(b.ran), func(t time.Time) bool { return t.Before(first) || t.After(until) || !b.backfilled[t.UnixMilli()] })
	for i, j := 0, 1; i < len(ran); i, j = j, j+1 {
		for j < len(ran) && b.Schedule.After(ran[j-1]).Equal(ran[j]) {
			j++
		}
		c.decide(b.Schedule, ran[i], ran[j-1], Verdict{Kind: VerdictPaused, Reason: "a backfill has run it"})
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
	if f.ran != nil {
		return f.ran, nil
	}
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
	if !again || s.NextRun.Before(f.terms.Load().shared.Since) { // else each of them comes by itself
		f.ran = ran
	}
	return ran, nil
}
