package core

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
	c.FailureStreak, c.NextEligible, c.Marks = 0, time.Time{}, nil
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

// unprobe makes a probe in flight, or one that waits to start again, a run like others:
// there is no trip any more.
func (c *Change) unprobe() {
	plain := func(r *Run, was RunStatus) *Run {
		run := *r
		run.Was, run.Unprobed = was, true
		c.Runs = append(c.Runs, run)
		return &run
	}
	for i, r := range c.Open {
		if r.isProbe() {
			c.Open = slices.Clone(c.Open)
			c.Open[i] = plain(r, RunRunning)
		}
	}
	if probe := c.waitingProbe(); probe != nil {
		queue := slices.Clone(c.Queue())
		queue[slices.Index(queue, probe)] = plain(probe, RunWaiting)
		c.SetQueue(queue, c.BackfillQueue())
	}
}

// isProbe says whether a run is to show whether a trip is over.
func (r *Run) isProbe() bool { return r.Trigger == TriggerProbe && !r.Unprobed }

// before is the last millisecond up to now that is not next itself.
func before(next, now time.Time) time.Time {
	if next.IsZero() || next.After(now) {
		return now
	}
	return next.Add(-time.Millisecond)
}

// drop cancels what waits of a backfill.
func (c *Change) drop(e Drop) error {
	if c.Backfill == 0 {
		return fmt.Errorf("%w: no backfill of flow %q waits", ErrUnchanged, c.ID)
	}
	c.note(fmt.Sprintf("%d runs cancelled", c.Backfill))
	if e.Reason != "" {
		c.note(e.Reason)
	}
	for _, r := range c.BackfillQueue() {
		c.Suspects -= int32(truth(r.Suspect))
	}
	c.Backfill, c.Drop = 0, true
	c.SetQueue(c.Queue(), nil)
	return nil
}
