package core

import (
	"fmt"
	"math"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// Offsets are the UTC offsets, in seconds, that the zone of a schedule had at NextRun and at
// LastScheduled when these were derived from local times. The rules of a zone can change
// between two starts; a start sees from them which local times were meant. Nobody changes
// one.
type Offsets struct{ Next, Last int64 }

// NoOffset stands for an offset that is not known, as of an instant that there is not.
const NoOffset = math.MinInt32

// derive notes the offsets of a next or last instant that a change has set. They are written
// rarely: most instants of a schedule have the offset of the instant before.
func (c *Change) derive(next, last time.Time, p Plan) {
	z, ok := schedule.ZoneOf(p.Schedule)
	if !ok {
		if c.Offsets != nil {
			c.Offsets, c.Rare = nil, true
		}
		return
	}
	fresh := c.Offsets == nil
	o := Offsets{NoOffset, NoOffset}
	if !fresh {
		o = *c.Offsets
	}
	if !c.NextRun.IsZero() && (fresh || !c.NextRun.Equal(next)) {
		o.Next = z.Offset(c.NextRun)
	}
	if !c.LastScheduled.IsZero() && (fresh || !c.LastScheduled.Equal(last)) {
		o.Last = z.Offset(c.LastScheduled)
	}
	if fresh || o != *c.Offsets {
		c.Offsets, c.Rare = &o, true
	}
}

// rezoned says whether the rules of the zone have changed since the next instant was derived.
func (s *State) rezoned(p Plan) bool {
	if s.Offsets == nil || s.Offsets.Next == NoOffset || s.NextRun.IsZero() {
		return false
	}
	z, ok := schedule.ZoneOf(p.Schedule)
	return ok && z.Offset(s.NextRun) != s.Offsets.Next
}

// rezone derives the next instant again from its local time, by the rules that the zone has
// now. A local time that has run does not run again. Where time elapses, local times mean
// nothing, and the next instant is the same if the schedule still has it.
func (c *Change) rezone(now time.Time, p Plan) {
	z, _ := schedule.ZoneOf(p.Schedule)
	s, was := c.schedule(p), c.NextRun
	shown := schedule.Again(p.Schedule, was, c.Offsets.Next)
	o := Offsets{z.Offset(was), c.Offsets.Last}
	if !c.owed() { // an instant that a stop cancelled has had its local time
		next := s.After(shown.Add(-time.Millisecond))
		if last := c.lastLocal(s); !next.IsZero() && !next.After(last) {
			next = s.After(last)
		}
		c.planAt(next, p)
		c.avoidWindow(p)
		if !c.NextRun.IsZero() {
			o.Next = z.Offset(c.NextRun)
		}
	}
	c.Offsets, c.Rare = &o, true
	if c.NextRun.Equal(was) {
		c.note("the rules of " + z.String() + " have changed")
		return
	}
	c.note(fmt.Sprintf("the rules of %s have changed: the next run was planned for %s", z, stamp(was)))
}

// lastLocal is the newest instant of the schedule that was run, or where that stands by the
// rules that the zone has now: its local time is the one that is not to come again. Where the
// rules are the same, or differ by so much that they were corrected, that is LastScheduled.
func (s *State) lastLocal(of schedule.Schedule) time.Time {
	z, ok := schedule.ZoneOf(of)
	if !ok || !schedule.HasFixedTimes(of) || s.Offsets == nil || s.Offsets.Last == NoOffset || s.LastScheduled.IsZero() {
		return s.LastScheduled
	}
	at := z.SameLocalTime(s.LastScheduled, s.Offsets.Last)
	if at.Sub(s.LastScheduled).Abs() >= schedule.CorrectionJump {
		return s.LastScheduled
	}
	return at
}
