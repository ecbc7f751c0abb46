package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var dstPolicies = []DST{0, GapSkip, FoldSecond, FoldBoth, GapSkip | FoldSecond, GapSkip | FoldBoth}

// time S4, found X2: every zone, every change of its clock from 2015 to 2035, every policy, with
// times inside of the change, at its edges and beside it. With -short a third of the changes, and
// half of the expressions for each.
func TestInstantsAroundEveryChangeOfEveryZone(t *testing.T) {
	t.Parallel()
	changes := 0
	for location, all := range everyChange(t) {
		for _, c := range all {
			changes++
			day := int(c.at / daySeconds)
			if testing.Short() && day%3 != 0 {
				continue
			}
			w := observe(location, c.at, 48*time.Hour, time.Minute)
			for i, o := range timesAround(c) {
				if !testing.Short() || (day/3+i)%2 == 0 {
					checkPolicies(t, o, w)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d changes", changes)
	assert.Greater(t, changes, 1000)
}

// time S4, found X5: changes by seconds, and corrections by hours or a day.
func TestInstantsAroundOldChanges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		zone string
		year int
	}{
		{"Europe/Amsterdam", 1937}, // 28 s forward
		{"Africa/Monrovia", 1972},  // 44 min 30 s forward
		{"Europe/Dublin", 1916},    // 25 min 21 s back
		{"Asia/Singapore", 1905},   // 20 s back
		{"Pacific/Apia", 2011},     // left out 30 December
		{"Pacific/Kwajalein", 1993},
		{"America/Juneau", 1867}, // had a day twice
		{"Asia/Manila", 1845},
	} {
		location, err := time.LoadLocation(test.zone)
		require.NoError(t, err)
		start := time.Date(test.year, 1, 1, 0, 0, 0, 0, time.UTC)
		changes := zoneChanges(location, start.AddDate(0, 0, -1), start.AddDate(1, 0, 0))
		require.NotEmpty(t, changes, test.zone)
		for _, c := range changes {
			w := observe(location, c.at, 5*time.Hour, time.Second)
			for _, o := range append(timesAround(c), secondsAround(c)...) {
				checkPolicies(t, o, w)
			}
		}
	}
}

// timesAround returns expressions for times near those that a change skips or shows twice.
func timesAround(c clockChange) []oracle {
	low := time.Unix(c.at+min(c.before, c.after), 0).UTC()
	high := time.Unix(c.at+max(c.before, c.after), 0).UTC()
	middle := low.Add(high.Sub(low) / 2)
	weekday, yesterday := int(middle.Weekday()), int(middle.Weekday()+6)%7
	both := []int{low.Hour()}
	if high.Hour() != low.Hour() {
		both = append(both, high.Hour())
	}
	return []oracle{
		daily(low), daily(middle), daily(high), daily(low.Add(-time.Minute)), daily(high.Add(-time.Minute)),
		daily(time.Time{}), daily(time.Time{}.Add(12 * time.Hour)),
		fixedTime([]int{10, 50}, []int{low.Hour()}, nil, 0, nil),
		fixedTime([]int{0, 30}, both, nil, 0, nil),
		fixedTime([]int{0, 1, 2, 3, 58, 59}, []int{low.Hour(), (low.Hour() + 1) % 24}, nil, 0, nil),
		fixedTime([]int{middle.Minute()}, both, nil, 0, []int{weekday}),
		fixedTime([]int{middle.Minute()}, both, nil, 0, []int{yesterday}),
		fixedTime([]int{middle.Minute()}, []int{middle.Hour()}, []int{middle.Day()}, 0, nil),
		fixedTime([]int{middle.Minute()}, []int{middle.Hour()}, []int{middle.Day()}, int(middle.Month()), nil),
		fixedTime([]int{middle.Minute()}, []int{middle.Hour()}, []int{middle.AddDate(0, 0, 1).Day()}, 0, []int{yesterday}),
		{seconds: []int{0}, minutes: []int{middle.Minute()}, hours: wrapped(low.Hour(), 23), text: fmt.Sprintf("%d %d-%d * * *", middle.Minute(), low.Hour(), (low.Hour()+22)%24)},
		onDays(middle, "* * SUN-7", func(reading) bool { return true }),
		onDays(middle, fmt.Sprintf("* * %d", (weekday+6)%7+1), func(r reading) bool { return r.weekday == weekday }), // 1 to 7
		onDays(middle, fmt.Sprintf("* * %s-%s", weekdayName(weekday), weekdayName(weekday+5)), func(r reading) bool { return r.weekday != yesterday }),
		onDays(middle, fmt.Sprintf("* * %s#%d", weekdayName(weekday)[:3], (middle.Day()+6)/7), func(r reading) bool { return r.weekday == weekday && r.nth() == (middle.Day()+6)/7 }),
		onDays(middle, fmt.Sprintf("* * %sL", strings.ToUpper(weekdayName(weekday))), func(r reading) bool { return r.weekday == weekday && r.daysLeft() < 7 }),
		onDays(middle, fmt.Sprintf("L-%d * *", read(middle).daysLeft()), func(r reading) bool { return r.daysLeft() == read(middle).daysLeft() }),
		onDays(middle, "L,LW * ?", func(r reading) bool { return r.daysLeft() == 0 || r.nearestWorkday(r.day+r.daysLeft()) }),
		onDays(middle, fmt.Sprintf("%dW * *", middle.Day()), func(r reading) bool { return r.nearestWorkday(middle.Day()) }),
		onDays(middle, fmt.Sprintf("%dW * %s", middle.AddDate(0, 0, 1).Day(), weekdayName(weekday)), func(r reading) bool {
			return r.nearestWorkday(middle.AddDate(0, 0, 1).Day()) || r.weekday == weekday
		}),
		{seconds: []int{0}, minutes: []int{0, 20, 40}, elapses: true, text: "*/20 * * * *"},
		{seconds: []int{0}, minutes: []int{middle.Minute()}, elapses: true, text: fmt.Sprint(middle.Minute(), " * * * *")},
		{seconds: []int{0}, hours: []int{low.Hour()}, elapses: true, text: fmt.Sprint("* ", low.Hour(), " * * *")},
		{seconds: []int{0}, minutes: []int{15, 45}, hours: both, elapses: true, text: "15/30 " + list(both) + " * * *"},
		{seconds: []int{0}, minutes: []int{0}, hours: []int{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22}, elapses: true, text: "0 */2 * * *"},
	}
}

// onDays returns a fixed time on days that the oracle finds by a rule of its own.
func onDays(at time.Time, fields string, onDay func(reading) bool) oracle {
	o := daily(at)
	o.onDay, o.text = onDay, fmt.Sprint(at.Minute(), " ", at.Hour(), " ", fields)
	return o
}

// wrapped returns n hours in a row. The hour after 23 is 0.
func wrapped(from, n int) (hours []int) {
	for i := range n {
		hours = append(hours, (from+i)%24)
	}
	return hours
}

func weekdayName(n int) string { return strings.ToLower(time.Weekday(n % 7).String()) }

// secondsAround returns the same for changes by seconds.
func secondsAround(c clockChange) (all []oracle) {
	low := time.Unix(c.at+min(c.before, c.after), 0).UTC()
	for _, t := range []time.Time{low, low.Add(time.Second), low.Add(7 * time.Second), time.Unix(c.at+max(c.before, c.after)-1, 0).UTC()} {
		o := daily(t)
		o.seconds, o.text = []int{t.Second()}, fmt.Sprint(t.Second(), " ", o.text)
		all = append(all, o)
	}
	return all
}

func daily(at time.Time) oracle {
	return fixedTime([]int{at.Minute()}, []int{at.Hour()}, nil, 0, nil)
}

func fixedTime(minutes, hours, days []int, month int, weekdays []int) oracle {
	o := oracle{seconds: []int{0}, minutes: minutes, hours: hours, days: days, weekdays: weekdays}
	months := "*"
	if month != 0 {
		o.months, months = []int{month}, fmt.Sprint(month)
	}
	o.text = strings.Join([]string{list(minutes), list(hours), list(days), months, list(weekdays)}, " ")
	return o
}

func list(numbers []int) string {
	if numbers == nil {
		return "*"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ","), "[]")
}

// checkPolicies compares a schedule with its oracle, under every policy.
func checkPolicies(t *testing.T, o oracle, w observation) {
	parsed, err := parseCron(o.text, cronOptions{})
	require.NoError(t, err)
	matching := o.matching(w)
	for _, policy := range dstPolicies {
		s := *parsed
		s.text, s.zone, s.dst = o.text, Zone{w.zone}, policy
		want, dst := o.expected(w, matching, policy)
		if err := agree(&s, w, want, dst); err != nil {
			t.Errorf("%q in %s%s, around %s: %v", o.text, w.zone, policy, w.ticks[w.change].at, err)
		}
		if o.elapses && policy != 0 {
			return // one more policy shows that none makes a difference
		}
	}
}

// agree returns an error if a schedule has other occurrences or other DST times than it should.
func agree(s Schedule, w observation, want []time.Time, dst []DSTTime) error {
	from, to, change := w.ticks[0].at, w.ticks[len(w.ticks)-1].at, w.ticks[w.change].at
	if got := walk(s, from, to); !slices.Equal(got, want) {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	for i, at := range want {
		if i > 0 && at.Sub(change).Abs() > time.Hour && i < len(want)-1 {
			continue
		}
		if err := checkCount(s, from, at, int64(i+1), at); err != nil {
			return err
		}
		if err := checkCount(s, at, to, int64(len(want)-i), want[len(want)-1]); err != nil {
			return err
		}
		if got := s.Latest(want[0], at.Add(time.Millisecond-1)); got != at {
			return fmt.Errorf("latest until %s is %s", at, got)
		}
	}
	var parts []DSTTime // of ranges that follow each other
	for _, end := range []time.Time{change.Add(-20 * time.Minute), change, change.Add(time.Millisecond), to} {
		parts = append(parts, s.DSTTimes(from, end)...)
		from = end
	}
	from = w.ticks[0].at
	if whole := s.DSTTimes(from, to); !slices.Equal(parts, dst) || !slices.Equal(whole, dst) {
		return fmt.Errorf("DST times: got %v and %v, want %v", whole, parts, dst)
	}
	return nil
}
