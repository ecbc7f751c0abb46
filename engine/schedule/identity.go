package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Identity is what a schedule means, however it is spelled: schedules with the same identity
// have the same occurrences. Bounds are apart, so that a caller can tell whether only they
// changed.
type Identity struct {
	Zone       Zone // the rules that the occurrences depend on; the zero Zone: none
	Start, End time.Time

	occurrences string
}

// IdentityOf returns the identity of s.
func IdentityOf(s Schedule) (id Identity) {
	switch b := s.(type) {
	case anchoredBetween:
		s, id.Start, id.End = b.Schedule, b.start, b.end
	case between:
		s, id.Start, id.End = b.Schedule, b.start, b.end
	}
	c, ok := s.(*cronSchedule)
	if !ok {
		id.occurrences = s.Kind() + " " + s.String() // there is one way to spell it
		return id
	}
	id.occurrences = c.canonical()
	if !c.zone.sameRules(Zone{time.UTC}) {
		id.Zone = c.zone
	}
	return id
}

// Same reports whether two schedules have the same occurrences.
func (id Identity) Same(other Identity) bool {
	return id.SameWithoutBounds(other) && id.Start.Equal(other.Start) && id.End.Equal(other.End)
}

// SameWithoutBounds reports whether two schedules have the same occurrences but for those
// that their bounds leave out.
func (id Identity) SameWithoutBounds(other Identity) bool {
	return id.occurrences == other.occurrences && id.Zone.sameRules(other.Zone)
}

// canonical returns the sets of numbers of a cron schedule, and its DST policy if that makes
// a difference.
func (s *cronSchedule) canonical() string {
	c := s.calendar
	days, weekdays, both := c.Dom&^starBit, c.Dow&^starBit&0x7f, c.bothDays()
	special := specialDays{}
	if c.special != nil {
		special = *c.special
	}
	const everyDay, everyWeekday = 1<<32 - 2, 0x7f
	if !both && (days == everyDay || weekdays == everyWeekday) { // one of the two has to match, and one does on each day
		days, weekdays, both, special = everyDay, everyWeekday, true, specialDays{}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cron %x %x %x %x %x %x %t %v", first60(c.Second), first60(c.Minute), c.Hour&(1<<24-1), days, c.Month&(1<<13-2), weekdays, both, special)
	if !s.zone.sameRules(Zone{time.UTC}) {
		fmt.Fprintf(&b, " %t", s.fixed)
		if s.fixed {
			b.WriteString(s.dst.String())
		}
	}
	return b.String()
}

func first60(set uint64) uint64 { return set & (1<<60 - 1) }

// maxStillDue bounds how many occurrences StillDue looks back.
const maxStillDue = 10_000

// StillDue returns the first of the occurrences in first..now that stay due when the schedule
// old becomes changed. The zero time means that none does. It goes back from now as far as
// both schedules have the same occurrences. Newer occurrences that only changed has were
// never due, so it passes over them.
func StillDue(old, changed Schedule, first, now time.Time) (from time.Time) {
	at := changed.Latest(first, now)
	for looked := 0; looked < maxStillDue && Has(changed, at); looked++ {
		switch {
		case Has(old, at):
			from = at
		case !from.IsZero():
			return from
		}
		if !at.After(first) {
			return from
		}
		at = changed.Latest(first, at.Add(-time.Millisecond))
	}
	return from
}
