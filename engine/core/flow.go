package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/instant"
)

// Apply is the scheduler: it decides what the event e does to a flow in state s
// at the instant now under the plan p. It is a pure function. An error is a
// refusal and changes nothing.
//
// The caller truncates now to milliseconds, the precision of the store, and
// numbers the change (Seq) before it commits it.
func Apply(s State, e Event, now time.Time, p Plan) (Change, error) {
	c := Change{State: &s, Event: e.name(), From: s.Status}
	undecided, next, last := s.undecided(), s.NextRun, s.LastScheduled
	err := c.apply(e, now, p)
	if err != nil {
		return Change{}, err
	}
	if c.FailureStreak == 0 {
		c.StreakFrom = 0
		c.judgeBy(Marks{Succeeded: c.marks().Succeeded})
	}
	if p.Schedule != nil {
		c.decideDSTTimes(c.schedule(p), undecided, now)
		c.derive(next, last, p)
	}
	c.Version++
	c.UpdatedAt = now
	return c, nil
}

func (c *Change) apply(e Event, now time.Time, p Plan) error {
	switch e := e.(type) {
	case Retire:
		c.Registered = false
		return nil
	case Interrupt:
		return c.interrupt(e, now, p)
	case Abort:
		return c.abort(e, now, p)
	case Drop:
		return c.drop(e)
	case Adjust:
		return c.adjust(e, now, p)
	}
	if p.Schedule == nil {
		return fmt.Errorf("%w: %q is not registered any more", ErrFlowNotFound, c.ID)
	}
	if !c.Registered && !settles(e) {
		return fmt.Errorf("%w: %q is not registered any more", ErrFlowNotFound, c.ID)
	}
	switch e := e.(type) {
	case Adopt:
		return c.adopt(now, p)
	case Reserve:
		return c.reserve(e, now, p)
	case Accept:
		return c.enqueueAll(e, now, p)
	case Outcome:
		return c.outcome(e, now, p)
	case Timeout:
		return c.timeout(e, now, p)
	case Cancel:
		return c.cancel(e, now, p)
	case Checkpoint:
		return c.checkpoint(e, now)
	case Clear:
		return c.clear(e)
	case Reset:
		return c.reset(e, now, p)
	case Pause:
		return c.pause(e, now, p)
	case Resume:
		return c.unpause(e, now, p)
	case Wake:
		return c.wake(now, p)
	case Backfill:
		return c.backfill(e, now, p)
	case Correct:
		return c.correct(e, now, p)
	}
	panic(fmt.Sprintf("engine: unknown event %T", e))
}

// settles says whether an event is about runs in flight, which a flow that was taken
// out of the program finishes, or takes it in again.
func settles(e Event) bool {
	switch e.(type) {
	case Adopt, Checkpoint, Outcome, Timeout, Cancel, Clear:
		return true
	}
	return false
}

// schedule is that of the plan, with the anchor that the flow has got.
func (s *State) schedule(p Plan) schedule.Schedule {
	if a, ok := p.Schedule.(schedule.Anchored); ok && !s.Anchor.IsZero() {
		return a.Anchor(s.Anchor)
	}
	return p.Schedule
}

// adopt is the only writer of what the plan says. Only a schedule that means something
// else plans the next run anew; a plan without a policy forgets the streak, but a trip
// stays until it is reset.
func (c *Change) adopt(now time.Time, p Plan) error {
	before, undecided := c.Definition, c.undecided()
	old := c.former(p)
	c.Registered, c.Position, c.Definition = true, p.Position, p.Describe()
	if c.Version == 0 {
		c.CreatedAt = now
	}
	if c.Kind != before.Kind { // its instants were others
		c.LastScheduled = time.Time{}
	}
	if p.Backoff == nil && c.Status != StatusTripped {
		c.FailureStreak, c.NextEligible = 0, time.Time{}
		if c.Status == StatusBackoff {
			c.Status = StatusFailed
		}
	}
	if was, is := schedule.IdentityOf(old), schedule.IdentityOf(p.Schedule); !was.Same(is) {
		c.Fired, c.Offsets = 0, nil
		c.anchor(was, is, now, p)
		if !c.keepDue(old, was.SameWithoutBounds(is), now, p) {
			if !undecided.IsZero() && !undecided.After(now) {
				c.Verdicts = append(c.Verdicts, Verdict{First: undecided, Last: undecided, Count: 1, Kind: VerdictMissed, Reason: "the schedule was changed before it was run"})
			}
			c.replan(now, p)
		}
	} else if c.undecided().IsZero() { // it may have been interrupted while it had no plan
		c.replan(now, p)
	} else if c.rezoned(p) {
		c.rezone(now, p)
	}
	return nil
}

// replan forgets what was planned, and plans anew.
func (c *Change) replan(now time.Time, p Plan) {
	c.Held = time.Time{}
	c.resume(now, p)
}

// former is the schedule that the flow had, with its anchor. One that is not read any more, or of
// a flow that is new, is that of a manual flow.
func (c *Change) former(p Plan) schedule.Schedule {
	if *c.Definition == *p.Describe() {
		return c.schedule(p)
	}
	old, err := schedule.Parse(c.ID, c.Kind, c.Schedule, c.TimeZone)
	if err != nil {
		return schedule.Manual()
	}
	return c.schedule(Plan{Schedule: old})
}

// keepDue leaves due what was due before the schedule changed: where only its bounds moved, or
// as far as the new schedule has the same instants. False: nothing stays.
func (c *Change) keepDue(old schedule.Schedule, bounds bool, now time.Time, p Plan) bool {
	next, s := c.NextRun, c.schedule(p)
	switch {
	case c.undecided().IsZero() || c.undecided().After(now):
		return false
	case bounds:
		return true
	case next.IsZero() || next.After(now) || !c.Held.IsZero() && !c.owed() || c.floats(s, now) || c.floats(old, now):
		return false
	}
	if p.CatchUp.Mode == CatchAll && !schedule.Has(old, s.Latest(next, now)) {
		return false // each occurrence gets its own run, and the newest was not due before
	}
	from := schedule.StillDue(old, s, next, now)
	if from.IsZero() || c.owed() && !from.Equal(next) {
		return false
	}
	if from.After(next) {
		c.decide(old, next, from.Add(-time.Millisecond), Verdict{Kind: VerdictMissed, Reason: "the schedule was changed before it was run"})
		c.NextRun = from
	}
	return true
}

// anchor gives a fixed rate the instant that its own are counted from: the start of its
// bounds, or else the last one that fired, or now. Where only the end moved, it stays.
func (c *Change) anchor(was, is schedule.Identity, now time.Time, p Plan) {
	_, anchored := p.Schedule.(schedule.Anchored)
	switch {
	case !anchored:
		c.Anchor = time.Time{}
	case was.SameWithoutBounds(is) && was.Start.Equal(is.Start) && !c.Anchor.IsZero():
	case !is.Start.IsZero():
		c.Anchor = is.Start
	case !c.LastScheduled.IsZero() && !c.LastScheduled.After(now):
		c.Anchor = c.LastScheduled
	default:
		c.Anchor = now
	}
}

// MatchesPlan says whether a flow is what the plan says of it.
func (s *State) MatchesPlan(p Plan) bool {
	return s.Version > 0 && s.Registered && s.Position == p.Position && *s.Definition == *p.Describe() && !s.rezoned(p)
}

// record adds the row of a run to the change.
func (c *Change) record(run Run) {
	if run.Status.Over() {
		c.mark(&run, false)
	}
	c.RunNumber = run.Number
	c.Runs = append(c.Runs, run)
}

// planNext plans the next run at the end of a run: an instant that is still ahead
// stays, one that could not even wait is skipped, and none is before the window
// ends. Blocked says that the flow took no start before.
func (c *Change) planNext(blocked bool, now time.Time, p Plan) {
	s := c.schedule(p)
	passed := c.NextRun
	switch {
	case passed.IsZero() && !c.Held.IsZero() && (c.tripHolds() || !c.PausedAt.IsZero()):
		return // the trip, or the pause, goes on
	case passed.IsZero() && c.Held.IsZero() && c.floats(s, now) && c.busySchedule():
		return // the end of that run plans
	case passed.IsZero():
		c.release(s, now, VerdictTripped, "") // by a plan without a policy
		c.planAt(s.Next(now, c.lastLocal(s)), p)
	case c.jittered(p).After(now) || !blocked || c.backlog(p):
	default:
		c.note("skipped " + stamp(passed) + ": running")
		c.skip(s, c.RunNumber, now, p)
	}
	if c.Status == StatusTripped || !c.PausedAt.IsZero() {
		c.withhold(s, now)
		return
	}
	c.avoidWindow(p)
}

// skip passes over instants that a run was in the way of. The newest that has come is
// not one of them when it is yet to start.
func (c *Change) skip(s schedule.Schedule, run int64, now time.Time, p Plan) {
	c.endWindow(s, now)
	until, next := now, s.Next(now, c.lastLocal(s))
	if newest := s.Latest(c.NextRun, now); !c.owed() && delayed(c.ID, s, newest, p).After(now) {
		until, next = newest.Add(-time.Millisecond), newest
	}
	c.decide(s, c.pending(s), until, Verdict{Kind: VerdictOverlap, Run: run, Reason: c.inTheWay(p)})
	c.Held = time.Time{}
	c.planAt(next, p)
}

// withhold begins to hold instants back.
func (c *Change) withhold(s schedule.Schedule, now time.Time) {
	c.endWindow(s, now)
	c.Held, c.NextRun = c.pending(s), time.Time{}
}

// inTheWay is why an instant was skipped.
func (c *Change) inTheWay(p Plan) string {
	if r := c.parkedInTheWay(p); r != nil && c.InFlight == 0 {
		return r.untilText()
	}
	if p.Overlap.Buffer > 0 {
		return "the buffer was full"
	}
	return "a run was in flight"
}

// backlog says whether the next instant is one of those that passed while nobody
// ran and are made up for one by one.
func (c *Change) backlog(p Plan) bool {
	return p.CatchUp.Mode == CatchAll && c.NextRun.Before(p.Since)
}

// busySchedule says whether a run of the schedule is in flight, or waits.
func (s *State) busySchedule() bool {
	scheduled := func(r *Run) bool { return r.Trigger == TriggerSchedule }
	return slices.ContainsFunc(s.Open, scheduled) || slices.ContainsFunc(s.Queue(), scheduled) || slices.ContainsFunc(s.sides().parked, scheduled) ||
		len(s.Queue()) < s.Waiting // one may be among those in the store
}

// resume plans the next run of a flow that waited for a reset or whose schedule
// is another one now. While a run of the schedule is in flight, its end does so.
func (c *Change) resume(now time.Time, p Plan) {
	s := c.schedule(p)
	if c.NextRun.IsZero() && c.Held.IsZero() && c.floats(s, now) && c.busySchedule() {
		return
	}
	c.Held = time.Time{}
	c.planAt(s.Resume(now, c.LastEnd, c.lastLocal(s)), p)
	if c.Status == StatusTripped || !c.PausedAt.IsZero() {
		c.withhold(s, now)
		return
	}
	c.avoidWindow(p)
}

// avoidWindow moves the next run out of the backoff window, but not one that a stop
// cancelled: that waits for its end.
func (c *Change) avoidWindow(p Plan) {
	if c.NextRun.IsZero() || !c.NextRun.Before(c.NextEligible) || c.owed() {
		return
	}
	s := c.schedule(p)
	next := s.NotBefore(c.NextRun, c.NextEligible)
	if !next.Equal(c.NextRun) && !c.floats(s, c.NextEligible) {
		c.note("skipped " + stamp(c.NextRun) + ": backoff until " + stamp(c.NextEligible))
		if c.Held.IsZero() {
			c.Held = c.NextRun
		}
	}
	c.NextRun = next
}

// note adds a remark to the transition.
func (c *Change) note(text string) {
	if c.Note != "" {
		text = c.Note + "; " + text
	}
	c.Note = text
}

func stamp(t time.Time) string { return instant.Format(t) }

func later(a, b time.Time) time.Time { return instant.Later(a, b) }

func earlier(a, b time.Time) time.Time { return instant.Earlier(a, b) }
