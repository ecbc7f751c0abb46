package core

import (
	"fmt"
	"sort"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/instant"
)

// tick decides on the instants of the schedule that have come. Waits says that a
// run waits that could start.
func (c *Change) tick(e Reserve, waits bool, now time.Time, p Plan) error {
	busy := c.SlotsTaken(p) >= p.Overlap.limit() || waits || c.retrying(p) || e.Full
	if busy && !c.room(now, p) {
		return fmt.Errorf("%w: flow %q", ErrFull, c.ID)
	}
	s, first := c.schedule(p), c.NextRun
	c.endWindow(s, now)
	since := c.pending(s)
	if !c.floats(s, now) {
		s = withoutRuns(s, e.Ran, p.Since)
	}
	at, attempt, next := first, 1, time.Time{}
	number := c.LastNumber + 1
	owed := c.owed()
	switch {
	case owed:
		attempt, next = c.Attempt+1, c.repay(s, number, now, p)
	case p.Limit > 0 && c.Fired >= p.Limit: // it was lowered
		c.NextRun, c.Event = time.Time{}, "miss"
		return nil
	default:
		first = c.miss(s, schedule.FirstFrom(s, first), now, p)
		if first.IsZero() || first.After(now) {
			c.NextRun, c.Event = first, "miss"
			c.passRan(s, e.Ran, since, before(first, now))
			if c.Kind == schedule.KindOnce { // it has its verdict, whatever the policy will be
				c.LastScheduled = since
			}
			return nil
		}
		at, next = c.choose(s, first, number, now, p)
	}
	run := c.newRun(e.Key, TriggerSchedule, at)
	run.Attempt, run.DueAt = attempt, now
	if at.Before(c.LastScheduled) {
		c.reach(at)
	}
	_, again := e.Ran[at.UnixMilli()]
	run.Repeated = again && !owed && c.MayHaveRun(at)
	c.LastScheduled, c.Attempt = at, attempt
	if !owed {
		c.Fired++
	}
	c.planAt(next, p)
	c.passRan(s, e.Ran, since, before(c.undecided(), now))
	if !busy {
		c.open(run, now, p)
		return nil
	}
	if p.Overlap.Cancel {
		c.cancelOthers(run, c.Queue(), now, p)
	}
	c.accept(run, run.DueAt.UnixMilli(), p)
	return nil
}

// repay plans the instant after one that a stop cancelled, whose run makes up for what
// was missed since, unless each of those is to have its own.
func (c *Change) repay(s schedule.Schedule, number int64, now time.Time, p Plan) time.Time {
	since := c.pending(s)
	c.Held = time.Time{}
	switch {
	case c.floats(s, now):
		return time.Time{}
	case since.After(now): // nothing has passed
		return s.NextWhileRunning(now, c.NextRun)
	case p.CatchUp.Mode == CatchAll:
		return since
	}
	c.decide(s, since, now, Verdict{Kind: VerdictCoalesced, Run: number})
	return later(s.NextWhileRunning(now, c.NextRun), since)
}

// miss passes over the instants from first on that are too old to be made up for.
func (c *Change) miss(s schedule.Schedule, first, now time.Time, p Plan) time.Time {
	if first.IsZero() {
		return first
	}
	if before := c.unregistered(now); first.Before(before) && !c.floats(s, now) {
		c.decide(s, first, before.Add(-time.Millisecond), Verdict{Kind: VerdictMissed, Reason: "the flow was not registered then"})
		if first = reconsidered(s, first, before); first.IsZero() {
			return first
		}
	}
	if before := p.CatchUp.tooOld(now, p); first.Before(before) {
		until := earlier(before, now.Add(time.Millisecond))
		c.decide(s, first, until.Add(-time.Millisecond), Verdict{Kind: VerdictMissed, Reason: "catch-up " + p.CatchUp.String()})
		first = reconsidered(s, first, until)
	}
	if p.CatchUp.Mode != CatchAll || first.IsZero() || c.floats(s, now) {
		return first
	}
	until := now
	if first.Before(p.Since) { // what comes while these have their turn is not missed
		until = earlier(until, p.Since.Add(-time.Millisecond))
	}
	n, _ := s.Count(first, until)
	if surplus := n - int64(p.CatchUp.Max); surplus > 0 {
		from := passOver(s, first, until, surplus)
		c.decide(s, first, from.Add(-time.Millisecond), Verdict{Kind: VerdictMissed, Reason: "catch-up " + p.CatchUp.String()})
		return from
	}
	return first
}

// passOver is the instant that n others in first..until are before.
func passOver(s schedule.Schedule, first, until time.Time, n int64) time.Time {
	span := int(until.Sub(first)/time.Millisecond) + 1
	i := sort.Search(span, func(i int) bool {
		count, _ := s.Count(first, first.Add(time.Duration(i)*time.Millisecond))
		return count > n
	})
	return first.Add(time.Duration(i) * time.Millisecond)
}

// choose picks the instant of first..now that the run is for. The others are made
// up for by it, or have their turn.
func (c *Change) choose(s schedule.Schedule, first time.Time, number int64, now time.Time, p Plan) (at, next time.Time) {
	coalesced := Verdict{Kind: VerdictCoalesced, Run: number}
	switch mode := p.CatchUp.Mode; {
	case c.floats(s, now):
		return first, time.Time{}
	case mode == CatchAll:
		return first, s.After(first)
	case mode == CatchEarliest:
		c.decide(s, s.After(first), now, coalesced)
		return first, s.NextWhileRunning(now, first)
	}
	at = s.Latest(first, now)
	c.decide(s, first, at.Add(-time.Millisecond), coalesced)
	return at, s.NextWhileRunning(now, at)
}

// floats says whether the instants of a schedule are counted from the ends of runs:
// then there is one at a time, which nothing makes up for.
func (c *Change) floats(s schedule.Schedule, now time.Time) bool {
	return s.Kind() == schedule.KindEvery && s.NextWhileRunning(now, c.LastScheduled).IsZero()
}

// planAt sets the next instant, unless as many were run as the plan allows.
func (c *Change) planAt(next time.Time, p Plan) {
	if p.Limit > 0 && c.Fired >= p.Limit {
		next = time.Time{}
	}
	c.NextRun = instant.OrNever(next)
}
