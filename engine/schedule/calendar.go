package schedule

import (
	"errors"
	"math/bits"
	"time"

	robfig "github.com/robfig/cron/v3"

	"github.com/pawl-go/pawl/internal/cronexpr"
)

// calendar is what a cron expression matches on a clock that is never changed: its fields as
// sets of bits. A local time is what such a clock shows, in seconds since 1970; a date is a
// local time in days. robfig/cron has the same sets, but its search goes only forward, and
// does not count.
type calendar struct {
	robfig.SpecSchedule
	special *specialDays // nil: none
}

const (
	daySeconds = 24 * 60 * 60
	starBit    = 1 << 63 // robfig/cron sets it in a field that is a star
)

var plainFields = robfig.NewParser(robfig.Second | robfig.Minute | robfig.Hour | robfig.Dom | robfig.Month | robfig.Dow)

// calendarOf returns the calendar of an expression. robfig/cron sees plain numbers only, so
// never what it would panic on, round up, or read in another meaning.
func calendarOf(e *cronexpr.Expr) (c calendar, err error) {
	parsed, err := plainFields.Parse(e.Plain())
	if err != nil {
		return c, err
	}
	c = calendar{*parsed.(*robfig.SpecSchedule), specialDaysOf(e)}
	if !e.Day.HasNumbers() {
		c.Dom = 0
	}
	if !e.Weekday.HasNumbers() {
		c.Dow = 0
	}
	if !c.matchesAnything() {
		return c, errors.New("it never fires, since no such day exists; change the day or the month")
	}
	return c, nil
}

// matchesAnything looks through years that have all kinds of month.
func (c calendar) matchesAnything() bool {
	from := date(2000).Unix()
	_, ok := c.next(from, from+searchYears*366*daySeconds)
	return ok
}

// next returns the first match in from..to, to not included.
func (c calendar) next(from, to int64) (local int64, ok bool) {
	date := floorDiv(from, daySeconds)
	n := c.timesBefore(from - date*daySeconds)
	if n == c.timesOfDay() || !c.matchesDate(date) {
		date, n = c.nextDate(date+1, to), 0
	}
	local = date*daySeconds + c.timeOfDay(n)
	return local, local < to
}

// prev returns the last match in from..to, to not included.
func (c calendar) prev(from, to int64) (local int64, ok bool) {
	date := floorDiv(to, daySeconds)
	n := c.timesBefore(to - date*daySeconds)
	if n == 0 || !c.matchesDate(date) {
		date, n = c.prevDate(date-1, from), c.timesOfDay()
	}
	local = date*daySeconds + c.timeOfDay(n-1)
	return local, local >= from
}

// count returns the number of matches in from..to, to not included.
func (c calendar) count(from, to int64) int64 {
	if from >= to {
		return 0
	}
	first, last := floorDiv(from, daySeconds), floorDiv(to, daySeconds)
	n := c.countDates(first, last) * c.timesOfDay()
	if c.matchesDate(first) {
		n -= c.timesBefore(from - first*daySeconds)
	}
	if c.matchesDate(last) {
		n += c.timesBefore(to - last*daySeconds)
	}
	return n
}

// timesOfDay returns how many times match on a day that matches.
func (c calendar) timesOfDay() int64 {
	return countBelow(c.Hour, 24) * countBelow(c.Minute, 60) * countBelow(c.Second, 60)
}

// timesBefore returns how many of them are before a second of the day.
func (c calendar) timesBefore(second int64) int64 {
	hour, minute, second := second/3600, second/60%60, second%60
	n := countBelow(c.Hour, hour) * countBelow(c.Minute, 60) * countBelow(c.Second, 60)
	if c.Hour>>hour&1 == 0 {
		return n
	}
	n += countBelow(c.Minute, minute) * countBelow(c.Second, 60)
	if c.Minute>>minute&1 == 0 {
		return n
	}
	return n + countBelow(c.Second, second)
}

// timeOfDay returns the second of the day of match n, counted from 0.
func (c calendar) timeOfDay(n int64) int64 {
	seconds := countBelow(c.Second, 60)
	minutes := countBelow(c.Minute, 60) * seconds
	return element(c.Hour, n/minutes)*3600 + element(c.Minute, n%minutes/seconds)*60 + element(c.Second, n%seconds)
}

// countBelow returns how many elements of a set are below a limit.
func countBelow(set uint64, limit int64) int64 { return int64(bits.OnesCount64(set & (1<<limit - 1))) }

// element returns element n of a set, counted from 0.
func element(set uint64, n int64) int64 {
	for ; n > 0; n-- {
		set &= set - 1
	}
	return int64(bits.TrailingZeros64(set))
}

// floorDiv returns a/b, rounded down. b is above 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func date(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
