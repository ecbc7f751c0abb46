package core

import (
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// UpcomingFrom is the next n instants of a flow that are not before from, as [Upcoming]
// tells of those from now on. Instants that depend on when runs end are counted on from
// the next one, at most 100,000 of them.
func UpcomingFrom(f FlowInfo, s schedule.Schedule, now, from time.Time, n int) (list []Instant) {
	next := Upcoming(f, s, now, 1)
	if len(next) == 0 || !next[0].At.Before(from) {
		return Upcoming(f, s, now, n)
	}
	c := Change{State: f.state()}
	s = c.schedule(Plan{Schedule: s})
	floats := c.floats(s, now)
	at := next[0].At
	if floats {
		for i := 0; i < 100_000 && !at.IsZero() && at.Before(from); i++ {
			at = s.After(at)
		}
	} else {
		if limit := f.limit(); limit > 0 {
			before, _ := s.Count(at, from.Add(-time.Millisecond))
			n = int(min(int64(n), max(limit-f.Fired-before, 0)))
		}
		at = s.After(from.Add(-time.Millisecond))
	}
	for ; !at.IsZero() && !at.Before(from) && len(list) < n; at = s.After(at) {
		list = append(list, Instant{At: at.UTC(), Held: f.inTheWayAt(at), Estimate: floats})
	}
	return list
}
