package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var dstPolicies = []DST{0, GapSkip, FoldSecond, FoldBoth, GapSkip | FoldSecond, GapSkip | FoldBoth}

// S4: every zone, every change of its clock from 2015 to 2035, every policy, with
// times that fall into the change, to its edges and beside it.
func TestInstantsAroundEveryChangeOfEveryZone(t *testing.T) {
	t.Parallel()
	changes := 0
	for location, all := range everyChange(t) {
		for _, c := range all {
			changes++
			w := look(location, c.at, 48*time.Hour, time.Minute)
			for _, o := range timesAround(c) {
				checkPolicies(t, o, w)
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d changes", changes)
	assert.Greater(t, changes, 1000)
}

// S4: offsets of seconds, and corrections of a clock by hours or a day.
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
			w := look(location, c.at, 5*time.Hour, time.Second)
			for _, o := range append(timesAround(c), secondsAround(c)...) {
				checkPolicies(t, o, w)
			}
		}
	}
}

// timesAround is expressions whose times are near those that a change leaves out,
// or makes the clock show twice.
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

// onDays is a fixed time on days that the oracle knows by a rule of its own.
func onDays(at time.Time, fields string, on func(reading) bool) oracle {
	o := daily(at)
	o.on, o.text = on, fmt.Sprint(at.Minute(), " ", at.Hour(), " ", fields)
	return o
}

// wrapped is n hours in a row, from one on.
func wrapped(from, n int) (hours []int) {
	for i := range n {
		hours = append(hours, (from+i)%24)
	}
	return hours
}

func weekdayName(n int) string { return strings.ToLower(time.Weekday(n % 7).String()) }

// secondsAround is the same for what changes by seconds.
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

// checkPolicies compares a schedule with its oracle under every policy.
func checkPolicies(t *testing.T, o oracle, w walls) {
	parsed, err := parseCron(o.text, cronOptions{})
	require.NoError(t, err)
	matching := o.matching(w)
	for _, policy := range dstPolicies {
		s := *parsed
		s.text, s.zone, s.dst = o.text, Zone{w.zone}, policy
		want, odd := o.expected(w, matching, policy)
		if err := agree(&s, w, want, odd); err != nil {
			t.Errorf("%q in %s%s, around %s: %v", o.text, w.zone, policy, w.ticks[w.turn].at, err)
		}
		if o.elapses && policy != 0 {
			return // one is enough, to see that it makes no difference
		}
	}
}

// agree compares all that a schedule says of some time with what it should say.
func agree(s Schedule, w walls, want []time.Time, odd []DSTTime) error {
	from, to, change := w.ticks[0].at, w.ticks[len(w.ticks)-1].at, w.ticks[w.turn].at
	if got := walk(s, from, to); !slices.Equal(got, want) {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	for i, at := range want {
		if i > 0 && at.Sub(change).Abs() > time.Hour && i < len(want)-1 {
			continue
		}
		if err := counts(s, from, at, int64(i+1), at); err != nil {
			return err
		}
		if err := counts(s, at, to, int64(len(want)-i), want[len(want)-1]); err != nil {
			return err
		}
		if got := s.Latest(want[0], at.Add(time.Millisecond-1)); got != at {
			return fmt.Errorf("latest until %s is %s", at, got)
		}
	}
	var got []DSTTime // of parts
	for _, end := range []time.Time{change.Add(-20 * time.Minute), change, change.Add(time.Millisecond), to} {
		got = append(got, s.DSTTimes(from, end)...)
		from = end
	}
	from = w.ticks[0].at
	if !slices.Equal(got, odd) || !slices.Equal(s.DSTTimes(from, to), odd) {
		return fmt.Errorf("odd: got %v and %v, want %v", s.DSTTimes(from, to), got, odd)
	}
	return nil
}

// walk is the instants in from..to, by After.
func walk(s Schedule, from, to time.Time) (all []time.Time) {
	for at := s.After(from.Add(-time.Nanosecond)); !at.IsZero() && !at.After(to); at = s.After(at) {
		all = append(all, at)
	}
	return all
}

func counts(s Schedule, from, to time.Time, n int64, last time.Time) error {
	if got, at := s.Count(from, to); got != n || at != last {
		return fmt.Errorf("%s..%s: got %d until %s, want %d until %s", from, to, got, at, n, last)
	}
	return nil
}

// S4: in any zone, at any time, Count counts what After finds, and After goes on.
func TestCountAgreesWithAfter(t *testing.T) {
	zones := zoneNames(t)
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		location, err := time.LoadLocation(zone)
		require.NoError(t, err)
		policy := rapid.SampledFrom(dstPolicies).Draw(t, "policy")
		s, err := Cron(drawExpr(t), WithLocation(zone), WithDST(policy))
		if err != nil {
			t.Skip(err) // no such day
		}
		from := time.UnixMilli(rapid.Int64Range(-4e12, 8e12).Draw(t, "from")) // 1843 to 2223
		if _, change := from.In(location).ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "near a change") {
			from = change.Add(time.Duration(rapid.Int64Range(-9e6, 9e6).Draw(t, "by")) * time.Millisecond)
		}
		n, last := int64(0), time.Time{}
		previous, steps := from.Add(-1), rapid.Int64Range(0, 400).Draw(t, "steps")
		for at := s.After(previous); n < steps && !at.IsZero(); at = s.After(at) {
			require.True(t, at.After(previous), "%s after %s", at, previous)
			n, last, previous = n+1, at, at
		}
		if n == 0 {
			return
		}
		require.NoError(t, counts(s, from, last, n, last))
		if n > 1 {
			require.NoError(t, counts(s, from.Add(-1), last.Add(-1), n-1, s.Latest(from, last.Add(-1))))
		}
	})
}

// drawExpr draws six fields that are numbers, lists, ranges, steps or stars, or days that
// need a calendar.
func drawExpr(t *rapid.T) string {
	fields := drawPlainExpr(t)
	weekday := rapid.SampledFrom([]string{"SUN", "1", "tuesday", "Wed", "4", "FRIDAY", "7"}).Draw(t, "weekday")
	switch rapid.IntRange(0, 8).Draw(t, "special") {
	case 0:
		fields[3] = "L"
	case 1:
		fields[3] = fmt.Sprintf("L-%d", rapid.IntRange(0, 30).Draw(t, "back"))
	case 2:
		fields[3] = "LW"
	case 3:
		fields[3] = fmt.Sprintf("%dW", rapid.IntRange(1, 31).Draw(t, "day"))
	case 4:
		fields[5] = fmt.Sprintf("%s#%d", weekday, rapid.IntRange(1, 5).Draw(t, "nth"))
	case 5:
		fields[5] = weekday + "L"
	case 6:
		fields[3], fields[5] = "15W,L", "MON,"+weekday+"L"
	}
	return strings.Join(fields, " ")
}

// drawPlainExpr draws six fields that robfig/cron reads as they are, but for ranges that
// wrap around.
func drawPlainExpr(t *rapid.T) []string {
	fields := make([]string, 6)
	for i, limits := range [][2]int{{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}} {
		number := func() int { return rapid.IntRange(limits[0], limits[1]).Draw(t, "number") }
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			fields[i] = fmt.Sprintf("%d-%d", number(), number())
		case 1:
			fields[i] = fmt.Sprintf("%d,%d", number(), number())
		case 2:
			fields[i] = fmt.Sprintf("*/%d", max(1, number()))
		case 3:
			fields[i] = fmt.Sprint(number())
		default:
			fields[i] = "*"
		}
	}
	return fields
}
