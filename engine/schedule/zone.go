package schedule

import "time"

// Zone is the rules of a time zone, by which a cron schedule turns local times into instants.
type Zone struct{ location *time.Location }

// ZoneOf returns the zone whose rules decide on the instants of s. False: none does; s is in
// UTC, or knows no local times.
func ZoneOf(s Schedule) (Zone, bool) {
	if b, ok := s.(between); ok {
		s = b.Schedule
	}
	c, ok := s.(*instants)
	if !ok || c.location == time.UTC {
		return Zone{}, false
	}
	return Zone{c.location}, true
}

func (z Zone) String() string { return z.location.String() }

// Offset returns how many seconds the clocks of z are ahead of UTC at t.
func (z Zone) Offset(t time.Time) int64 {
	_, seconds := t.In(z.location).Zone()
	return int64(seconds)
}

// SameLocalTime returns the instant at which the clocks of z show what they showed at t when
// they were offset seconds ahead of UTC.
func (z Zone) SameLocalTime(t time.Time, offset int64) time.Time {
	at := t
	for range 2 { // the offset may change between t and at
		at = t.Add(time.Duration(offset-z.Offset(at)) * time.Second)
	}
	return at
}
