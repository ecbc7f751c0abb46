package core

import (
	"fmt"
	"slices"
	"time"
)

// CancellingRun is, of a flow whose starts cancel what is before them, the run with a time
// of its own that does so when that comes, and when. Of several that have come it is
// the newest. Nil: none has anything before it.
func (s *State) CancellingRun(now time.Time, p Plan) (place int, at time.Time) {
	place = -1
	if !p.Overlap.Cancel || !s.Registered || s.tripping(p) {
		return place, at
	}
	ahead := false // somebody waits before it whom nobody has cancelled
	for i, r := range s.Queue() {
		free := !ahead && !s.busyBefore(r.DueAt)
		ahead = ahead || !r.Ending
		switch {
		case !r.later() || free:
		case !r.DueAt.After(now):
			place, at = i, r.DueAt
		case place < 0:
			return i, r.DueAt
		}
	}
	return place, at
}

// busyBefore says whether a run that started up to an instant is in flight, and nobody
// has cancelled it.
func (s *State) busyBefore(at time.Time) bool {
	before := func(r *Run) bool { return !r.Ending && !r.StartedAt.After(at) }
	return slices.ContainsFunc(s.Open, before) || slices.ContainsFunc(s.sides().parked, before)
}

// overtake cancels what is before a run whose time has come. The run waits for its end.
func (c *Change) overtake(place int, now time.Time, p Plan) {
	run := *c.Queue()[place]
	c.cancelOthers(run, c.Queue()[:place], now, p)
	c.Event = "abort"
}

// cancelOthers makes room for a run: what waits before it is cancelled at once, what is
// in flight is asked to end. A probe of a trip stays: it decides whether the trip ends, which
// the run waits for.
func (c *Change) cancelOthers(run Run, before []*Run, now time.Time, p Plan) {
	why := fmt.Sprintf("cancelled: run %d takes its place", run.Number)
	probes := func(r *Run) bool { return r.isProbe() && c.tripping(p) }
	for _, other := range slices.Clone(before) {
		switch {
		case probes(other):
		case other.goesOnLater(p) && !other.Ending:
			c.askToEnd(*other, now, p)
		case other.goesOnLater(p):
		case other.ready(now):
			c.unqueue(other)
			c.cancelWaiting(*other, why, now)
		}
	}
	c.rouseParked(now, p)
	c.Open = slices.Clone(c.Open)
	for i, r := range c.Open {
		if !r.Ending && !probes(r) {
			asked := *r
			asked.Ending, asked.Was = true, RunRunning
			c.Open[i] = &asked
			c.record(asked)
		}
	}
	if len(c.Runs) > 0 {
		c.note("run " + fmt.Sprint(run.Number) + " cancels what is in flight")
	}
}
