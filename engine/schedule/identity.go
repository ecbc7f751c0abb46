package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Identity is what a schedule means, however it is spelled: two schedules with the same
// meaning have the same instants. Bounds are apart, so that one can tell whether only they
// moved.
type Identity struct {
	instants   string
	Zone       *time.Location // whose rules they depend on; nil: none's
	Start, End time.Time
}

// Same says whether two schedules have the same meaning.
func (m Identity) Same(other Identity) bool {
	return m.SameInstants(other) && m.Start.Equal(other.Start) && m.End.Equal(other.End)
}

// SameInstants is [Identity.Same] without the bounds.
func (m Identity) SameInstants(other Identity) bool {
	return m.instants == other.instants && sameZone(m.Zone, other.Zone)
}

// sameZone says whether two zones have the same rules, whatever their names are: a zone that
// was renamed keeps its old name as an alias. Rules of long ago matter to no schedule.
func sameZone(a, b *time.Location) bool {
	if a == nil || b == nil || a.String() == b.String() {
		return (a == nil) == (b == nil)
	}
	for t, end := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC); ; {
		_, offset := t.In(a).Zone()
		_, other := t.In(b).Zone()
		if offset != other {
			return false
		}
		_, next := t.In(a).ZoneBounds()
		if _, until := t.In(b).ZoneBounds(); next.IsZero() || !until.IsZero() && until.Before(next) {
			next = until
		}
		switch {
		case next.IsZero() || !next.Before(end):
			return true
		case !next.After(t): // as the library has it for some ends of years
			next = t.AddDate(0, 0, 1)
		}
		t = next
	}
}

func IdentityOf(s Schedule) (m Identity) {
	switch b := s.(type) {
	case anchoredBetween:
		s, m.Start, m.End = b.Schedule, b.start, b.end
	case between:
		s, m.Start, m.End = b.Schedule, b.start, b.end
	}
	if c, ok := s.(*instants); ok {
		m.instants, m.Zone = c.canonical(), c.location
		if sameZone(m.Zone, time.UTC) {
			m.Zone = nil
		}
	} else {
		m.instants = s.Kind() + " " + s.String() // the other kinds are spelled in one way
	}
	return m
}

// canonical is the sets of numbers of an expression, with what becomes of them where clocks are
// changed.
func (s *instants) canonical() string {
	var b strings.Builder
	c := s.calendar
	days, weekdays, both := c.Dom&^starBit, c.Dow&^starBit&0x7f, c.Dom&starBit != 0 || c.Dow&starBit != 0
	special := specialDays{}
	if c.special != nil {
		special = *c.special
	}
	const everyDay, everyWeekday = 1<<32 - 2, 0x7f
	if !both && (days == everyDay || weekdays == everyWeekday) { // one of them has to match, and does each day
		days, weekdays, both, special = everyDay, everyWeekday, true, specialDays{}
	}
	fmt.Fprintf(&b, "cron %x %x %x %x %x %x %t %v", ones60(c.Second), ones60(c.Minute), c.Hour&(1<<24-1), days, c.Month&(1<<13-2), weekdays, both, special)
	if !sameZone(s.location, time.UTC) {
		fmt.Fprintf(&b, " %t", s.fixed)
		if s.fixed {
			b.WriteString(s.dst.String())
		}
	}
	return b.String()
}

func ones60(set uint64) uint64 { return set & (1<<60 - 1) }

// has says whether t is an instant of a schedule.
func has(s Schedule, t time.Time) bool { return s.After(t.Add(-time.Millisecond)).Equal(t) }

// mostKept bounds how far a change of the schedule looks back for instants to catch up on.
const mostKept = 10_000

// kept is the first of the instants in first..now that stay due when the schedule becomes
// another; zero: none does. It goes back from now as far as both schedules have the same
// instants. Newer instants that only the new schedule has are passed over, unless each is to
// have its own run: they were not due.
func StillDue(old, changed Schedule, first, now time.Time, each bool) (from time.Time) {
	at := changed.Latest(first, now)
	for looked := 0; looked < mostKept && has(changed, at); looked++ {
		switch {
		case has(old, at):
			from = at
		case !from.IsZero() || each:
			return from
		}
		if !at.After(first) {
			return from
		}
		at = changed.Latest(first, at.Add(-time.Millisecond))
	}
	return from
}
