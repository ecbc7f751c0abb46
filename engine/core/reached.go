package core

import (
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// Reached is how far a schedule had come before the wall clock went back: instants up to
// At may have had runs, the newest of them or an older one with the run key Key. If the
// clock went back again before it showed At, the runs after the one with the key First are
// in no order of time. Nobody changes one.
type Reached struct {
	At         time.Time
	Key, First int64
}

// reach keeps how far the schedule has come, since its instants from one on come again.
func (c *Change) reach(from time.Time) {
	r := Reached{c.LastScheduled, c.LastKey, c.LastKey}
	if before := c.Reached; before != nil && !before.At.Before(from) {
		r.At, r.First = later(r.At, before.At), before.First
	}
	c.Reached, c.Rare = &r, true
}

// MayHaveRun says whether an instant may have had a run before the clock went back.
func (s *State) MayHaveRun(at time.Time) bool { return s.Reached != nil && !at.After(s.Reached.At) }

// planBack plans the next run of a schedule that keeps its rate, after the clock went back
// a little: its instants come again. Fixed times do not come again, see [schedule.HasFixedTimes].
func (c *Change) planBack(now time.Time, p Plan) {
	s := c.schedule(p)
	if c.owed() || c.floats(s, now) || schedule.HasFixedTimes(p.Schedule) {
		return
	}
	if c.LastScheduled.After(now) {
		c.reach(now)
		c.LastScheduled = now
	}
	next := s.Next(now, c.LastScheduled)
	if c.NextRun.IsZero() || next.IsZero() || !next.Before(c.NextRun) {
		return
	}
	if !c.Held.IsZero() {
		c.release(s, now, VerdictBackoff, "")
	}
	c.planAt(next, p)
	c.avoidWindow(p)
}
