package schedule

import (
	"archive/zip"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for machines that know no time zones

	"github.com/stretchr/testify/require"
)

// clockChange is a change of the offset of a zone.
type clockChange struct {
	at            int64 // the first second with the new offset
	before, after int64 // offsets in seconds
}

// zoneChanges finds the changes of a zone in from..to, by comparing offsets.
func zoneChanges(location *time.Location, from, to time.Time) (changes []clockChange) {
	const step = 6 * 3600
	offset := func(at int64) int64 {
		_, seconds := time.Unix(at, 0).In(location).Zone()
		return int64(seconds)
	}
	for at := from.Unix(); at < to.Unix(); at += step {
		before, after := offset(at), offset(at+step)
		if before == after {
			continue
		}
		low, high := at, at+step
		for high-low > 1 {
			if mid := (low + high) / 2; offset(mid) == before {
				low = mid
			} else {
				high = mid
			}
		}
		changes = append(changes, clockChange{high, before, after})
	}
	return changes
}

// zoneNames returns the zones that come with Go.
func zoneNames(t *testing.T) (names []string) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	require.NoError(t, err)
	defer func() { require.NoError(t, archive.Close()) }()
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	require.Greater(t, len(names), 400)
	return names
}

// everyChange returns every change from 2015 to 2035, by zone. A change that several zones have
// is there once.
func everyChange(t *testing.T) map[*time.Location][]clockChange {
	zones, seen := map[*time.Location][]clockChange{}, map[clockChange]bool{}
	for _, name := range zoneNames(t) {
		location, err := time.LoadLocation(name)
		require.NoError(t, err)
		for _, c := range zoneChanges(location, time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)) {
			if !seen[c] {
				zones[location], seen[c] = append(zones[location], c), true
			}
		}
	}
	return zones
}

// oracle finds the occurrences of an expression by looking at the clock of a zone at every step.
// A nil set has every number.
type oracle struct {
	seconds, minutes, hours, days, months, weekdays []int
	onDay                                           func(reading) bool // the rule for days; nil: the sets
	text                                            string             // the fields of the expression
	elapses                                         bool               // a wildcard or step in the hour or the minute
}

func (o oracle) matches(r reading) bool {
	if !in(o.minutes, r.minute) || !in(o.hours, r.hour) {
		return false
	}
	day, weekday := in(o.days, r.day), in(o.weekdays, r.weekday)
	if o.days != nil && o.weekdays != nil {
		day, weekday = day || weekday, true
	}
	if o.onDay != nil {
		day, weekday = o.onDay(r), true
	}
	return in(o.seconds, r.second) && in(o.months, r.month) && day && weekday
}

func in(set []int, v int) bool { return set == nil || slices.Contains(set, v) }

// reading is what a clock shows.
type reading struct{ year, month, day, weekday, hour, minute, second int }

func read(t time.Time) reading {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return reading{year, int(month), day, int(t.Weekday()), hour, minute, second}
}

// inUTC returns the time at which a clock in UTC shows the same.
func (r reading) inUTC() time.Time {
	return time.Date(r.year, time.Month(r.month), r.day, r.hour, r.minute, r.second, 0, time.UTC)
}

// nth returns 2 for the second Friday of the month.
func (r reading) nth() (n int) {
	for day := r.day; day > 0; day -= 7 {
		n++
	}
	return n
}

// daysLeft returns how many days of the month follow.
func (r reading) daysLeft() int {
	return time.Date(r.year, time.Month(r.month)+1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1).Day() - r.day
}

// nearestWorkday reports whether no other workday of the month is nearer to a day that the
// month has.
func (r reading) nearestWorkday(day int) bool {
	near, by := 0, 99
	for d := 1; d <= r.day+r.daysLeft(); d++ {
		away := max(d-day, day-d)
		if w := time.Date(r.year, time.Month(r.month), d, 0, 0, 0, 0, time.UTC).Weekday(); w != time.Saturday && w != time.Sunday && away < by {
			near, by = d, away
		}
	}
	return near == r.day && day <= r.day+r.daysLeft()
}

// tick is an instant and what the clock of a zone shows then.
type tick struct {
	at    time.Time
	local reading
}

// observation is what the clock of a zone shows at every step, for a while before and after a
// change.
type observation struct {
	zone   *time.Location
	step   time.Duration
	ticks  []tick
	jump   time.Duration // how far the clock is set forward
	change int           // the number of the first tick after that
}

func observe(zone *time.Location, at int64, while, step time.Duration) observation {
	w := observation{zone: zone, step: step, ticks: make([]tick, 0, 2*while/step)}
	start, end := time.Unix(at, 0).UTC().Add(-while), time.Unix(at, 0).UTC().Add(while)
	for t := start; t.Before(end); t = t.Add(step) {
		now := read(t.In(zone))
		if n := len(w.ticks); n > 0 {
			if by := now.inUTC().Sub(w.ticks[n-1].local.inUTC()) - step; by != 0 {
				w.jump, w.change = by, n
			}
		}
		w.ticks = append(w.ticks, tick{t, now})
	}
	return w
}

// matching returns the numbers of the ticks at which the clock shows a time of the expression.
func (o oracle) matching(w observation) (all []int) {
	for i, tick := range w.ticks {
		if o.matches(tick.local) {
			all = append(all, i)
		}
	}
	return all
}

// expected returns the occurrences and the DST times, in order.
func (o oracle) expected(w observation, matching []int, policy DST) (occurrences []time.Time, dst []DSTTime) {
	if o.elapses || w.jump.Abs() >= 3*time.Hour {
		w.jump = 0
	}
	if w.jump > 0 {
		occurrences, dst = o.gap(w, policy)
	}
	width := int(-w.jump / w.step) // of the fold, if it is above 0
	for _, i := range matching {
		tick := w.ticks[i]
		first, second := i >= w.change-width && i < w.change, i >= w.change && i < w.change+width
		skipped := second && policy&FoldSecond == 0 || first && policy&FoldSecond != 0
		if skipped {
			dst = append(dst, DSTTime{At: tick.at, Runs: policy&FoldBoth != 0, Text: dstText(tick.local, "comes twice", w.zone) + copyText[first]})
		}
		if !skipped || policy&FoldBoth != 0 {
			occurrences = append(occurrences, tick.at)
		}
	}
	slices.SortFunc(occurrences, time.Time.Compare)
	return occurrences, dst
}

// gap returns what a gap makes of the times in it: occurrences after it, and DST times.
func (o oracle) gap(w observation, policy DST) (occurrences []time.Time, dst []DSTTime) {
	at, last := w.ticks[w.change].at, w.ticks[w.change-1].local.inUTC()
	if o.matches(w.ticks[w.change].local) && policy&GapSkip == 0 {
		at = at.Add(time.Millisecond)
	}
	for skipped := last.Add(w.step); skipped.Before(w.ticks[w.change].local.inUTC()); skipped = skipped.Add(w.step) {
		if !o.matches(read(skipped)) {
			continue
		}
		dst = append(dst, DSTTime{At: at, Gap: true, Runs: policy&GapSkip == 0, Text: dstText(read(skipped), "does not exist", w.zone)})
		if policy&GapSkip == 0 {
			occurrences = append(occurrences, at)
			at = at.Add(time.Millisecond)
		}
	}
	return occurrences, dst
}

var copyText = map[bool]string{true: "; this is its first copy", false: "; this is its second copy"}

func dstText(r reading, does string, zone *time.Location) string {
	clock := fmt.Sprintf("%02d:%02d", r.hour, r.minute)
	if r.second != 0 {
		clock += fmt.Sprintf(":%02d", r.second)
	}
	return fmt.Sprintf("%s %s on %04d-%02d-%02d in %s", clock, does, r.year, r.month, r.day, zone)
}
