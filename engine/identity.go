package engine

import (
	"fmt"
	"strings"
	"time"
)

// meaning is what a schedule means, however it is spelled: two schedules with the same
// meaning have the same instants. Bounds are apart, so that one can tell whether only they
// moved.
type meaning struct {
	instants   string
	start, end time.Time
}

func meaningOf(s Schedule) (m meaning) {
	switch b := s.(type) {
	case anchoredBetween:
		s, m.start, m.end = b.Schedule, b.start, b.end
	case between:
		s, m.start, m.end = b.Schedule, b.start, b.end
	}
	if c, ok := s.(*instants); ok {
		m.instants = c.canonical()
	} else {
		m.instants = s.Kind() + " " + s.String() // the other kinds are spelled in one way
	}
	return m
}

// same says whether two schedules mean the same.
func (m meaning) same(n meaning) bool {
	return m.instants == n.instants && m.start.Equal(n.start) && m.end.Equal(n.end)
}

// SamePlan says whether two plans have schedules that mean the same, however they are
// spelled, and the same policies.
func SamePlan(a, b *Plan) bool {
	p, q := *a, *b
	same := meaningOf(p.Schedule).same(meaningOf(q.Schedule)) && alike(p.Backoff, q.Backoff) && alike(p.Retry, q.Retry)
	p.Schedule, p.Backoff, p.Retry, p.definition = nil, nil, nil, nil
	q.Schedule, q.Backoff, q.Retry, q.definition = nil, nil, nil, nil
	return same && p == q
}

func alike[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// canonical is the sets of numbers of an expression, with what becomes of them in its zone.
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
	if zone := s.location.String(); zone != "UTC" && zone != "Etc/UTC" {
		fmt.Fprintf(&b, " %s %t", zone, s.fixed)
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
func kept(old, changed Schedule, first, now time.Time, each bool) (from time.Time) {
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
