package schedule

import (
	"errors"
	"fmt"
	"time"
)

// Zone is a time zone, by whose rules a cron schedule turns local times into instants. The
// zero Zone has no rules.
type Zone struct{ location *time.Location }

// ZoneOf returns the zone whose rules decide on the occurrences of s. It is false if no rules
// do: s is in UTC, or has no local times.
func ZoneOf(s Schedule) (Zone, bool) {
	if b, ok := s.(between); ok {
		s = b.Schedule
	}
	c, ok := s.(*cronSchedule)
	if !ok || c.zone.isUTC() {
		return Zone{}, false
	}
	return c.zone, true
}

func (z Zone) String() string { return z.location.String() }

// Offset returns how many seconds the clocks of z are ahead of UTC at t.
func (z Zone) Offset(t time.Time) int64 { return z.offset(t.Unix()) }

// SameLocalTime returns the instant at which the clocks of z show what they showed at t when
// they were offset seconds ahead of UTC.
func (z Zone) SameLocalTime(t time.Time, offset int64) time.Time {
	at := t
	for range 2 { // the offset may change between t and at
		at = t.Add(time.Duration(offset-z.Offset(at)) * time.Second)
	}
	return at
}

// first returns the first instant at which the clocks of z show a local time, or, where they
// skip it, the first one after it.
func (z Zone) first(local int64) int64 {
	at := local - daySeconds // before it in each zone
	for {
		start, end := z.stretch(at)
		if shown := local - z.offset(at); shown < end || end == lastSecond {
			return max(shown, start)
		}
		at = end
	}
}

// Again returns from when on occurrences of s stand for the local time that t stood for when
// the clocks of its zone were offset seconds ahead of UTC. The rules of the zone have changed
// since: what was in a DST gap may not be now, or the other way round.
func Again(s Schedule, t time.Time, offset int64) time.Time {
	if b, ok := s.(between); ok {
		s = b.Schedule
	}
	c, ok := s.(*cronSchedule)
	if !ok || !c.fixed {
		return t
	}
	local := t.Unix() + offset
	if _, matches := c.calendar.next(local, local+1); !matches { // t came after a gap
		if skipped, ok := c.calendar.prev(local-int64(CorrectionJump/time.Second), local); ok {
			local = skipped
		}
	}
	return time.Unix(c.zone.first(local), 0).UTC()
}

// isUTC reports whether z is UTC itself. Other zones may have the same rules.
func (z Zone) isUTC() bool { return z.location == time.UTC }

// offset returns how many seconds the clocks of z are ahead of UTC.
func (z Zone) offset(at int64) int64 {
	_, seconds := time.Unix(at, 0).In(z.location).Zone()
	return int64(seconds)
}

// stretch returns a time around an instant in which the offset stays the same. The end is not
// included; the next stretch may have the same offset.
func (z Zone) stretch(at int64) (start, end int64) {
	from, to := time.Unix(at, 0).In(z.location).ZoneBounds()
	start, end = firstSecond, lastSecond
	if !from.IsZero() {
		start = from.Unix()
	}
	if !to.IsZero() {
		end = to.Unix()
	}
	if end <= at { // package time ends a leap year a day early where a zone goes by rules
		start, end = end, (floorDiv(at, daySeconds)+1)*daySeconds
	}
	return start, end
}

// setForward returns by how many seconds the clocks of z are set forward at an instant. It is
// 0 for a correction.
func (z Zone) setForward(at int64) int64 {
	if at == firstSecond || at == lastSecond {
		return 0
	}
	by := z.offset(at) - z.offset(at-1)
	if time.Duration(max(by, -by))*time.Second >= CorrectionJump {
		return 0
	}
	return by
}

// sameRules reports whether two zones have the same rules from 1990 to 2100. A zone that was
// renamed keeps its old name as an alias, so names say nothing.
func (z Zone) sameRules(other Zone) bool {
	a, b := z.location, other.location
	if a == nil || b == nil || a.String() == b.String() {
		return (a == nil) == (b == nil)
	}
	for t, end := date(1990), date(2100); t.Before(end); {
		if z.Offset(t) != other.Offset(t) {
			return false
		}
		next := nextChange(a, b, t)
		switch {
		case next.IsZero():
			return true
		case !next.After(t): // package time ends a leap year a day early
			next = t.AddDate(0, 0, 1)
		}
		t = next
	}
	return true
}

// nextChange returns the first instant after t at which one of two zones changes its offset.
func nextChange(a, b *time.Location, t time.Time) time.Time {
	_, next := t.In(a).ZoneBounds()
	_, other := t.In(b).ZoneBounds()
	if next.IsZero() || !other.IsZero() && other.Before(next) {
		return other
	}
	return next
}

// onlyZone loads the zone that all names agree on. No name is UTC.
func onlyZone(names []string) (Zone, error) {
	if len(names) == 0 {
		return Zone{time.UTC}, nil
	}
	var z Zone
	for _, name := range names {
		location, err := loadZone(name)
		switch {
		case err != nil:
			return z, err
		case name != names[0]:
			return z, fmt.Errorf("two time zones, %s and %s; leave one out", names[0], name)
		}
		z.location = location
	}
	return z, nil
}

func loadZone(name string) (*time.Location, error) {
	switch name {
	case "":
		return nil, errors.New("it names no time zone; give one, such as Europe/Berlin, or leave it out for UTC")
	case "Local":
		return nil, errors.New("the time zone Local depends on the machine; name the zone, such as Europe/Berlin")
	}
	location, err := time.LoadLocation(name)
	if err == nil {
		return location, nil
	}
	return nil, fmt.Errorf("time zone: %w%s", err, zoneHint(time.LoadLocation))
}

// zoneHint says what to do on a machine that can load no zone.
func zoneHint(load func(string) (*time.Location, error)) string {
	if _, err := load("Europe/Berlin"); err == nil {
		return ""
	}
	return `; this machine has no time-zone data: import _ "time/tzdata" in the program, or install the package tzdata`
}
