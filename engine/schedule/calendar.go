package schedule

import (
	"math/bits"
	"time"

	"github.com/robfig/cron/v3"
)

// calendar is the fields of a cron expression as sets of bits, on the line of a
// clock that never changes. A reading of the clock is its seconds since 1970.
// robfig/cron's own search knows no way back, and cannot count.
type calendar struct {
	cron.SpecSchedule
	special *specialDays // nil: none
}

const (
	daySeconds = 86400   // in seconds
	starBit    = 1 << 63 // robfig/cron sets it where a field is a star
)

// fires says whether there is a day for it, in a century that has all kinds.
func (c calendar) fires() bool {
	from := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	_, ok := c.next(from, from+searchYears*366*daySeconds)
	return ok && c.times() > 0
}

// next is the first match in from..to, to not included.
func (c calendar) next(from, to int64) (int64, bool) {
	date := floor(from, daySeconds)
	passed := c.timesBefore(from - date*daySeconds)
	if passed == c.times() || !c.matchesDay(date) {
		date, passed = c.nextDay(date+1, to), 0
	}
	at := date*daySeconds + c.time(passed)
	return at, at < to
}

// prev is the last match in from..to, to not included.
func (c calendar) prev(from, to int64) (int64, bool) {
	date := floor(to, daySeconds)
	passed := c.timesBefore(to - date*daySeconds)
	if passed == 0 || !c.matchesDay(date) {
		date, passed = c.prevDay(date-1, from), c.times()
	}
	at := date*daySeconds + c.time(passed-1)
	return at, at >= from
}

// count is how many matches there are in from..to, to not included.
func (c calendar) count(from, to int64) int64 {
	if from >= to {
		return 0
	}
	first, last := floor(from, daySeconds), floor(to, daySeconds)
	n := c.days(first, last) * c.times()
	if c.matchesDay(first) {
		n -= c.timesBefore(from - first*daySeconds)
	}
	if c.matchesDay(last) {
		n += c.timesBefore(to - last*daySeconds)
	}
	return n
}

// times is how many matches a day has.
func (c calendar) times() int64 { return ones(c.Hour, 24) * ones(c.Minute, 60) * ones(c.Second, 60) }

// timesBefore is how many of them are before a second of the day.
func (c calendar) timesBefore(second int64) int64 {
	hour, minute, second := second/3600, second/60%60, second%60
	n := ones(c.Hour, hour) * ones(c.Minute, 60) * ones(c.Second, 60)
	if c.Hour>>hour&1 == 0 {
		return n
	}
	n += ones(c.Minute, minute) * ones(c.Second, 60)
	if c.Minute>>minute&1 == 0 {
		return n
	}
	return n + ones(c.Second, second)
}

// time is the second of the day at which its nth match is, from 0.
func (c calendar) time(n int64) int64 {
	seconds := ones(c.Second, 60)
	minutes := ones(c.Minute, 60) * seconds
	return nth(c.Hour, n/minutes)*3600 + nth(c.Minute, n%minutes/seconds)*60 + nth(c.Second, n%seconds)
}

// ones counts the bits below a limit, and nth finds one of them.
func ones(set uint64, limit int64) int64 { return int64(bits.OnesCount64(set & (1<<limit - 1))) }

func nth(set uint64, n int64) int64 {
	for ; n > 0; n-- {
		set &= set - 1
	}
	return int64(bits.TrailingZeros64(set))
}

// monthDays is a month of the calendar, with the days of it that match as bits.
type monthDays struct {
	first, next int64 // days since 1970 of its first day and that of the month after
	days        uint64
}

func (c calendar) matchesDay(date int64) bool { return c.month(date).from(date)&1 != 0 }

// days counts the days that match in from..to, to not included.
func (c calendar) days(from, to int64) (n int64) {
	for from < to {
		m := c.month(from)
		n += ones(m.from(from), min(to, m.next)-from)
		from = m.next
	}
	return n
}

// nextDay is the first day that matches from a date on, or one past the limit.
func (c calendar) nextDay(date, limit int64) int64 {
	for date*daySeconds < limit {
		m := c.month(date)
		if days := m.from(date); days != 0 {
			return date + int64(bits.TrailingZeros64(days))
		}
		date = m.next
	}
	return date
}

// prevDay is the last day that matches up to a date, or one past the limit.
func (c calendar) prevDay(date, limit int64) int64 {
	for (date+1)*daySeconds > limit {
		m := c.month(date)
		if days := m.days & (2<<(date-m.first) - 1); days != 0 {
			return m.first + int64(bits.Len64(days)) - 1
		}
		date = m.first - 1
	}
	return date
}

// month is the month of a date. Bit 0 of its days is the first.
func (c calendar) month(date int64) monthDays {
	t := time.Unix(date*daySeconds, 0).UTC()
	year, name, number := t.Date()
	first := date - int64(number) + 1
	m := monthDays{first: first, next: first + int64(time.Date(year, name+1, 0, 0, 0, 0, 0, time.UTC).Day())}
	if c.Month>>name&1 != 0 {
		m.days = c.daysFrom(first, int(m.next-first)) & (1<<(m.next-first) - 1)
	}
	return m
}

// daysFrom is the days that match, of a month that begins at a date. As in Unix
// cron one of day and weekday has to match, but both where one of them is a star.
func (c calendar) daysFrom(first int64, length int) uint64 {
	weekday := weekdayOf(first)
	weekdays := everyWeek(c.Dow&0x7f, weekday)
	days := c.Dom &^ starBit >> 1
	if c.special != nil {
		days |= c.special.dates(weekday, length)
		weekdays |= c.special.weekdays(weekday, length)
	}
	if c.Dom&starBit != 0 || c.Dow&starBit != 0 {
		return days & weekdays
	}
	return days | weekdays
}

// weekdayOf is the weekday of a date, Sunday is 0.
func weekdayOf(date int64) int { return int(date + 4 - 7*floor(date+4, 7)) } // 1970 began on a Thursday

// everyWeek is the days of a month that are some weekdays, if it begins on a weekday.
func everyWeek(set uint64, weekday int) uint64 {
	week := (set>>weekday | set<<(7-weekday)) & 0x7f
	return week | week<<7 | week<<14 | week<<21 | week<<28
}

// from is the days from a date on, with that one as bit 0.
func (m monthDays) from(date int64) uint64 { return m.days >> (date - m.first) }

// floor divides and rounds down, for a positive b.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
