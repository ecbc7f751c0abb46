package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// A relative wait is one that was asked for as a length: a retry, a backoff window, a
// pause for a while, a key's window, a deadline, the rest before a stalled run goes on.
// The store has the instant at which it ends. When the wall clock steps, that instant
// moves by the step, in one transition of each flow that has such waits ([Adjust],
// [Correct]): the wait ends when it would have ended without the step. A start that finds
// the clock behind the newest transition takes the difference for a step, so that what is
// left of a wait is what was left of it then.
//
// Absolute times (a start at an instant, a pause until one, the instants of a schedule)
// follow the clock.

// adjust moves the relative waits of a flow by a step of the wall clock. After a step back
// wildcards and intervals keep their rate; after a step forward what is due runs.
func (c *Change) adjust(e Adjust, now time.Time, p Plan) error {
	moved, next, last := c.moveWaits(e, now, p), c.NextRun, c.LastScheduled
	if !e.Since.IsZero() && !c.CreatedAt.Before(e.Since) {
		c.CreatedAt, c.Rare, moved = moveBy(c.CreatedAt, e.By), true, true
	}
	if p.Schedule != nil && e.By < 0 {
		if s := c.schedule(p); c.floats(s, now) && c.NextRun.After(moveBy(now, -e.By)) {
			c.NextRun = moveBy(c.NextRun, e.By)
		}
		c.planBack(now, p)
		if limit := p.Schedule.Horizon(now); !limit.IsZero() {
			c.NextRun = earlier(c.NextRun, later(limit, c.NextEligible))
		}
	}
	if !moved && c.NextRun.Equal(next) && c.LastScheduled.Equal(last) {
		return fmt.Errorf("%w: flow %q", ErrUnchanged, c.ID)
	}
	c.noteStep(e, "the clock went")
	return nil
}

// correct plans the next run anew from a clock that was far ahead before. What
// happened then lies in the future now and holds nothing back.
func (c *Change) correct(e Correct, now time.Time, p Plan) error {
	moved := c.moveWaits(Adjust(e), now, p)
	if !moved && c.NextRun.IsZero() && c.Held.IsZero() && !c.LastScheduled.After(now) && !c.LastEnd.After(now) {
		return fmt.Errorf("%w: flow %q", ErrUnchanged, c.ID)
	}
	if c.LastScheduled.After(now) {
		c.reach(now)
	}
	if c.Kind != schedule.KindOnce { // what has fired once has
		c.LastScheduled = earlier(c.LastScheduled, now)
	}
	c.LastEnd = earlier(c.LastEnd, now)
	if !c.NextRun.IsZero() {
		c.resume(now, p)
	} else if c.Held.After(now) {
		c.Held = c.schedule(p).Next(now, c.LastScheduled)
	}
	c.noteStep(Adjust(e), "the clock was corrected: it went")
	return nil
}

// noteStep says by how much the clock stepped.
func (c *Change) noteStep(e Adjust, text string) {
	direction := "forward"
	if e.By < 0 {
		direction = "back"
	}
	text += " " + direction
	if e.By != 0 {
		text += " by " + (time.Duration(max(e.By, -e.By)) * time.Millisecond).String()
	}
	c.note(text)
}

// moveWaits moves what has not ended yet. The rows of runs that wait are the store's to
// move ([Change.MovedBy]); those in memory are moved here, by the same rule.
func (c *Change) moveWaits(e Adjust, now time.Time, p Plan) (moved bool) {
	if e.By == 0 {
		return false
	}
	before := moveBy(now, -e.By) // what the clock would show
	if c.NextEligible.After(before) {
		c.NextEligible, moved = moveBy(c.NextEligible, e.By), true
	}
	if p.Backoff != nil && e.By < 0 && c.NextEligible.After(now.Add(p.Backoff.cap())) { // who wrote it knew nothing of the step
		c.NextEligible, moved = now.Add(p.Backoff.cap()), true
	}
	if c.PausedFor > 0 && c.PausedUntil.After(before) {
		paused := *c.Paused
		paused.PausedUntil = moveBy(paused.PausedUntil, e.By)
		c.Paused, c.Rare, moved = &paused, true, true
	}
	moved = c.moveDeadlines(e.By) || moved
	queue, some := moveRuns(c.Queue(), e.By)
	fill, others := moveRuns(c.BackfillQueue(), e.By)
	c.SetQueue(queue, fill)
	some = c.moveAside(e.By) || some
	unread := len(queue)+len(fill) < c.Waiting+c.Backfill || c.AsideUnread()
	if some || others || unread || e.Keys {
		c.MovedBy, moved = e.By, true
	}
	return moved
}

// moveAside moves deadlines of runs that are aside, and when those wake that are parked for
// a length of time, or until their deadline.
func (c *Change) moveAside(by int64) (moved bool) {
	if c.aside == nil {
		return false
	}
	a := *c.aside
	for _, list := range []*[]*Run{&a.parked, &a.blocked} {
		*list = slices.Clone(*list)
		for i, r := range *list {
			if !r.Timed && r.Deadline.IsZero() {
				continue
			}
			run := *r
			run.Deadline = moveBy(run.Deadline, by)
			if run.Status == RunParked {
				run.DueAt = moveWake(r, by)
				run.Rank += run.DueAt.UnixMilli() - r.DueAt.UnixMilli()
			}
			(*list)[i], moved = &run, true
		}
		slices.SortStableFunc(*list, ByRank)
	}
	c.State.aside = &a
	return moved
}

// moveWake is when a parked run wakes after a step: an instant stays, but no run sleeps past
// its deadline.
func moveWake(r *Run, by int64) time.Time {
	deadline := moveBy(r.Deadline, by)
	switch {
	case r.Timed, r.DueAt.Equal(r.Deadline):
		return moveBy(r.DueAt, by)
	case !deadline.IsZero():
		return earlier(r.DueAt, deadline)
	}
	return r.DueAt
}

// moveDeadlines moves the deadlines of runs in flight. Their jobs have a timer each, which knows
// no wall clock.
func (c *Change) moveDeadlines(by int64) (moved bool) {
	for i, r := range c.Open {
		if r.Deadline.IsZero() {
			continue
		}
		if !moved {
			c.Open, moved = slices.Clone(c.Open), true
		}
		run := *r
		run.Was, run.Deadline = RunRunning, moveBy(run.Deadline, by)
		c.Open[i] = &run
		c.Runs = append(c.Runs, run)
	}
	return moved
}

// moveRuns moves runs that wait: the start of one that has begun, and deadlines. A start
// at a time of its own stays.
func moveRuns(runs []*Run, by int64) (_ []*Run, moved bool) {
	for i, r := range runs {
		if r.StartedAt.IsZero() && r.Deadline.IsZero() {
			continue
		}
		if !moved {
			runs, moved = slices.Clone(runs), true
		}
		run := *r
		run.Deadline = moveBy(run.Deadline, by)
		if !run.StartedAt.IsZero() && !run.DueAt.IsZero() {
			if run.Rank%BackfillRank == run.DueAt.UnixMilli() { // its turn comes by its time
				run.Rank += by
			}
			run.DueAt = moveBy(run.DueAt, by)
		}
		runs[i] = &run
	}
	if moved {
		slices.SortStableFunc(runs, ByRank)
	}
	return runs, moved
}

// moveBy moves an instant by milliseconds; none stays none.
func moveBy(t time.Time, by int64) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMilli(t.UnixMilli() + by).UTC()
}
