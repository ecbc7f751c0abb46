package schedule

import "github.com/pawl-go/pawl/internal/cronexpr"

// specialDays is the days of a cron expression that no fixed set of numbers gives.
type specialDays struct {
	fromEnd     uint64   // bit n: n days before the last day of the month
	nearest     uint64   // bit n: the day from Monday to Friday of the month nearest to day n
	lastWorkday bool     // the last day from Monday to Friday
	nth         [5]uint8 // weekdays as bits: the first of them in the month, the second and so on
	last        uint8    // weekdays as bits: the last of them in the month
}

// specialDaysOf is nil if an expression has none.
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

// onlySpecial says whether a field has no plain numbers.
func onlySpecial(f cronexpr.Field) bool {
	for _, p := range f.Parts {
		if p.Kind == cronexpr.Numbers {
			return false
		}
	}
	return true
}

// dates is the days of a month that the field of days asks for. Bit 0 is the first; first
// is its weekday.
func (d *specialDays) dates(first, length int) (days uint64) {
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

// workdayNear is the day from Monday to Friday that is nearest to a day, in the same month.
func workdayNear(day, first, length int) int {
	switch (first + day - 1) % 7 {
	case 6: // Saturday
		if day == 1 {
			return 3
		}
		return day - 1
	case 0: // Sunday
		if day == length {
			return day - 2
		}
		return day + 1
	}
	return day
}

// weekdays is the days of a month that the field of weekdays asks for.
func (d *specialDays) weekdays(first, length int) (days uint64) {
	for i, set := range d.nth {
		days |= everyWeek(uint64(set), first) & (0x7f << (7 * i))
	}
	return days | everyWeek(uint64(d.last), first)&(0x7f<<(length-7))
}
