package schedule

import (
	"math/bits"
	"time"

	"github.com/pawl-go/pawl/internal/cronexpr"
)

// The days that a calendar matches, a month at a time. Dates are days since 1970. Bit 0 of a
// set of days is the first day of the month.

// month has the days of one month that match.
type month struct {
	first, next int64 // the dates of its first day and of the first day of the next month
	days        uint64
}

func (c calendar) month(date int64) month {
	year, name, day := time.Unix(date*daySeconds, 0).UTC().Date()
	first := date - int64(day) + 1
	m := month{first: first, next: first + int64(time.Date(year, name+1, 0, 0, 0, 0, 0, time.UTC).Day())}
	if c.Month>>name&1 != 0 {
		m.days = c.days(first, int(m.next-first)) & (1<<(m.next-first) - 1)
	}
	return m
}

// daysFrom returns the days from a date on, with that date as bit 0.
func (m month) daysFrom(date int64) uint64 { return m.days >> (date - m.first) }

func (c calendar) matchesDate(date int64) bool { return c.month(date).daysFrom(date)&1 != 0 }

// countDates returns the number of dates that match in from..to, to not included.
func (c calendar) countDates(from, to int64) (n int64) {
	for from < to {
		m := c.month(from)
		n += countBelow(m.daysFrom(from), min(to, m.next)-from)
		from = m.next
	}
	return n
}

// nextDate returns the first date from date on that matches. If there is none before limit, a
// local time, the date that it returns is not before limit.
func (c calendar) nextDate(date, limit int64) int64 {
	for date*daySeconds < limit {
		m := c.month(date)
		if days := m.daysFrom(date); days != 0 {
			return date + int64(bits.TrailingZeros64(days))
		}
		date = m.next
	}
	return date
}

// prevDate returns the last date up to date that matches. If there is none after limit, a
// local time, the date that it returns is before limit.
func (c calendar) prevDate(date, limit int64) int64 {
	for (date+1)*daySeconds > limit {
		m := c.month(date)
		if days := m.days & (2<<(date-m.first) - 1); days != 0 {
			return m.first + int64(bits.Len64(days)) - 1
		}
		date = m.first - 1
	}
	return date
}

// days returns the days that match in a month, whatever month it is. Its first day is given as
// a date. As in Unix cron, the day or the weekday has to match; if one of them is a star, both.
func (c calendar) days(first int64, length int) uint64 {
	weekday := weekdayOf(first)
	days, weekdays := c.Dom&^starBit>>1, everyWeek(c.Dow&0x7f, weekday)
	if c.special != nil {
		days |= c.special.days(weekday, length)
		weekdays |= c.special.weekdays(weekday, length)
	}
	if c.bothDays() {
		return days & weekdays
	}
	return days | weekdays
}

// bothDays reports whether the day and the weekday both have to match.
func (c calendar) bothDays() bool { return c.Dom&starBit != 0 || c.Dow&starBit != 0 }

// weekdayOf returns the weekday of a date, 0 for Sunday. 1970 began on a Thursday.
func weekdayOf(date int64) int { return int(date + 4 - 7*floorDiv(date+4, 7)) }

// everyWeek returns the days of a month that are one of some weekdays. first is the weekday of
// its first day.
func everyWeek(weekdays uint64, first int) uint64 {
	week := (weekdays>>first | weekdays<<(7-first)) & 0x7f
	return week | week<<7 | week<<14 | week<<21 | week<<28
}

// specialDays are days that differ from month to month: L, L-3, LW, 15W, FRI#2, FRIL.
type specialDays struct {
	fromEnd     uint64   // bit n: n days before the last day of the month
	nearest     uint64   // bit n: the workday of the month that is nearest to day n
	lastWorkday bool     // a workday is a day from Monday to Friday
	nth         [5]uint8 // sets of weekdays: the first of them in the month, the second and so on
	last        uint8    // set of weekdays: the last of them in the month
}

// specialDaysOf returns nil if an expression has no special days.
func specialDaysOf(e *cronexpr.Expr) *specialDays {
	var d specialDays
	for _, f := range []cronexpr.Field{e.Day, e.Weekday} {
		for _, p := range f.Parts {
			switch p.Kind {
			case cronexpr.LastDay:
				d.fromEnd |= 1 << p.From
			case cronexpr.LastWorkday:
				d.lastWorkday = true
			case cronexpr.NearestWorkday:
				d.nearest |= 1 << p.From
			case cronexpr.NthWeekday:
				d.nth[p.Step-1] |= 1 << p.From
			case cronexpr.LastWeekday:
				d.last |= 1 << p.From
			}
		}
	}
	if d == (specialDays{}) {
		return nil
	}
	return &d
}

// days returns the special days of the field of days. first is the weekday of the first day of
// the month.
func (d *specialDays) days(first, length int) (days uint64) {
	for n := range length {
		if d.fromEnd>>n&1 != 0 {
			days |= 1 << (length - 1 - n)
		}
	}
	for day := 1; day <= length; day++ {
		if d.nearest>>day&1 != 0 {
			days |= 1 << (workdayNear(day, first, length) - 1)
		}
	}
	if d.lastWorkday {
		days |= 1 << (workdayNear(length, first, length) - 1)
	}
	return days
}

// workdayNear returns the workday that is nearest to a day, in the same month.
func workdayNear(day, first, length int) int {
	switch weekday := time.Weekday((first + day - 1) % 7); {
	case weekday == time.Saturday && day == 1:
		return 3
	case weekday == time.Saturday:
		return day - 1
	case weekday == time.Sunday && day == length:
		return day - 2
	case weekday == time.Sunday:
		return day + 1
	}
	return day
}

// weekdays returns the special days of the field of weekdays.
func (d *specialDays) weekdays(first, length int) (days uint64) {
	for i, set := range d.nth {
		days |= everyWeek(uint64(set), first) & (0x7f << (7 * i))
	}
	return days | everyWeek(uint64(d.last), first)&(0x7f<<(length-7))
}
