package engine

import (
	"fmt"
	"slices"
	"time"
)

// reset forgets the streak, the window and a trip. A flow that waited for the
// end of a window, or for a reset, is planned anew.
func (c *Change) reset(e Reset, now time.Time, p Plan) error {
	waited := c.NextEligible.After(now) || c.tripHolds()
	s := c.schedule(p)
	held := c.pending(s)
	kind, reason := c.State.hold()
	c.unprobe()
	c.FailureStreak, c.NextEligible = 0, time.Time{}
	c.LastError, c.ErrorKey = "", 0
	if c.InFlight == 0 {
		c.Status = StatusIdle
	}
	if e.Reason != "" {
		c.note(e.Reason)
	}
	if !waited || kind == VerdictPaused { // which goes on
		return nil
	}
	c.resume(now, p)
	if !c.floats(s, now) || kind == VerdictTripped {
		c.decide(s, held, before(c.undecided(), now), Verdict{Kind: kind, Reason: reason})
	}
	return nil
}

// unprobe makes a probe in flight a run like others: there is no trip any more.
func (c *Change) unprobe() {
	for i, r := range c.Open {
		if r.Trigger == TriggerProbe {
			run := *r
			run.Trigger = TriggerManual
			c.Open = slices.Clone(c.Open)
			c.Open[i] = &run
		}
	}
}

// before is the last millisecond up to now that is not next itself.
func before(next, now time.Time) time.Time {
	if next.IsZero() || next.After(now) {
		return now
	}
	return next.Add(-time.Millisecond)
}

// pause holds the schedule back, also an instant that has come and has not started.
// What waits already, and what is asked for, runs.
func (c *Change) pause(e Pause, now time.Time, p Plan) error {
	if !c.PausedAt.IsZero() && c.PauseNote == e.Note {
		return fmt.Errorf("%w: flow %q is paused", errUnchanged, c.ID)
	}
	if e.Note != "" {
		c.note(e.Note)
	}
	c.PauseNote = e.Note
	if !c.PausedAt.IsZero() {
		return nil
	}
	blocked := c.blocked(now, p)
	c.PausedAt = now
	if c.tripHolds() || c.NextRun.IsZero() {
		return nil // the trip goes on, or the end of a run plans
	}
	s := c.schedule(p)
	if blocked && !c.jittered(p).After(now) && !c.backlog(p) {
		c.skip(s, c.LastNumber, now, p)
	}
	c.withhold(s, now)
	return nil
}

// unpause lets the schedule go on, from now or from an instant of the past.
func (c *Change) unpause(e Resume, now time.Time, p Plan) error {
	if c.PausedAt.IsZero() {
		return fmt.Errorf("%w: flow %q is not paused", errUnchanged, c.ID)
	}
	since, note := c.PausedAt, c.PauseNote
	c.PausedAt, c.PauseNote = time.Time{}, ""
	if c.tripHolds() || c.Held.IsZero() {
		return nil
	}
	s, held := c.schedule(p), c.Held
	c.Held = time.Time{}
	if e.From.IsZero() || p.CatchUp.Mode == CatchNone {
		c.planAt(s.Resume(now, c.LastEnd, c.LastScheduled), p)
	} else {
		c.planAt(reconsidered(s, held, earlier(e.From.UTC().Truncate(time.Millisecond), now)), p)
	}
	c.endPause(s, held, before(c.NextRun, now), since, note)
	c.avoidWindow(p)
	return nil
}

// trip makes the flow tripped, when no other run is in flight. What a pause held back so
// far was its doing; from now on it is that of the trip, which a probe does not end by
// its failure.
func (c *Change) trip(probed bool, now time.Time, p Plan) {
	c.settleAs(StatusTripped)
	if c.Status != StatusTripped || probed || c.PausedAt.IsZero() || c.Held.IsZero() || !c.NextRun.IsZero() {
		return
	}
	s := c.schedule(p)
	c.endPause(s, c.Held, now, c.PausedAt, c.PauseNote)
	if !c.Held.After(now) {
		c.Held = s.Next(now, c.LastScheduled)
	}
}

// endPause records what a pause held back in first..until. What was due before it
// began had not started, for its jitter or a limit, and is told apart.
func (c *Change) endPause(s Schedule, first, until, since time.Time, note string) {
	if !first.After(since) && !c.floats(s, since) {
		due := "it was due and had not started"
		if note != "" {
			due += "; " + note
		}
		c.decide(s, first, earlier(since, until), Verdict{Kind: VerdictPaused, Reason: due})
		first = s.After(since)
	}
	c.decide(s, first, until, Verdict{Kind: VerdictPaused, Reason: note})
}

// reconsidered is the first instant of those since held that is not before from.
func reconsidered(s Schedule, held, from time.Time) time.Time {
	if !held.Before(from) {
		return held
	}
	if n, last := s.Count(held, from.Add(-time.Millisecond)); n > 0 {
		return s.After(last)
	}
	return s.After(from.Add(-time.Millisecond))
}

// drop cancels what waits of a backfill.
func (c *Change) drop(e Drop) error {
	if c.Backfill == 0 {
		return fmt.Errorf("%w: no backfill of flow %q waits", errUnchanged, c.ID)
	}
	c.note(fmt.Sprintf("%d runs cancelled", c.Backfill))
	if e.Reason != "" {
		c.note(e.Reason)
	}
	c.Backfill, c.Drop = 0, true
	c.await(c.queue(), nil)
	return nil
}
