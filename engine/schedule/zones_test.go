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

// clockChange is an instant at which the clocks of a zone are set: the first one
// with the new offset. Both offsets are in seconds.
type clockChange struct {
	at            int64
	before, after int64
}

// zoneChanges are those of a zone in from..to, found by walking.
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

// zoneNames are those that come with Go.
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

// everyChange is every change of a clock from 2015 to 2035, by the zone; of zones in
// which it is the same, by one of them.
func everyChange(t *testing.T) map[*time.Location][]clockChange {
	zones, known := map[*time.Location][]clockChange{}, map[clockChange]bool{}
	for _, name := range zoneNames(t) {
		location, err := time.LoadLocation(name)
		require.NoError(t, err)
		for _, c := range zoneChanges(location, time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)) {
			if !known[c] {
				zones[location], known[c] = append(zones[location], c), true
			}
		}
	}
	return zones
}

// oracle reads a cron expression in its own way and finds its instants by looking
// at the clock at every step. Nil is any.
type oracle struct {
	seconds, minutes, hours, days, months, weekdays []int
	on                                              func(reading) bool // the days, where no set of numbers gives them; nil: the sets do
	text                                            string             // of the fields
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
	if o.on != nil {
		day, weekday = o.on(r), true
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

// shown is the time at which a clock in UTC shows the same.
func (r reading) shown() time.Time {
	return time.Date(r.year, time.Month(r.month), r.day, r.hour, r.minute, r.second, 0, time.UTC)
}

// nth is how many days of the same weekday the month had up to this one.
func (r reading) nth() (n int) {
	for day := r.day; day > 0; day -= 7 {
		n++
	}
	return n
}

// daysLeft is how many days of the month follow.
func (r reading) daysLeft() int {
	return time.Date(r.year, time.Month(r.month)+1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1).Day() - r.day
}

// nearestWorkday says whether no other day of the month from Monday to Friday is nearer to
// a day that the month has.
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

// walls is what one sees who looks at the clock of a zone at every step, for a while
// before and after a change. It is set once, by a jump, at the tick number turn.
type walls struct {
	zone  *time.Location
	step  time.Duration
	ticks []tick
	jump  time.Duration
	turn  int
}

func look(zone *time.Location, at int64, while, step time.Duration) walls {
	w := walls{zone: zone, step: step}
	start, end := time.Unix(at, 0).UTC().Add(-while), time.Unix(at, 0).UTC().Add(while)
	for t := start; t.Before(end); t = t.Add(step) {
		now := read(t.In(zone))
		if n := len(w.ticks); n > 0 {
			if by := now.shown().Sub(w.ticks[n-1].local.shown()) - step; by != 0 {
				w.jump, w.turn = by, n
			}
		}
		w.ticks = append(w.ticks, tick{t, now})
	}
	return w
}

// matching is the numbers of the ticks at which the clock shows what is asked for.
func (o oracle) matching(w walls) (all []int) {
	for i, tick := range w.ticks {
		if o.matches(tick.local) {
			all = append(all, i)
		}
	}
	return all
}

// expected is the instants and the oddities, in order.
func (o oracle) expected(w walls, matching []int, policy DST) (instants []time.Time, odd []DSTTime) {
	if o.elapses || w.jump.Abs() >= 3*time.Hour {
		w.jump = 0
	}
	if w.jump > 0 {
		instants, odd = o.gap(w, policy)
	}
	width := int(-w.jump / w.step) // of the fold, if it is above 0
	for _, i := range matching {
		tick := w.ticks[i]
		first, second := i >= w.turn-width && i < w.turn, i >= w.turn && i < w.turn+width
		skipped := second && policy&FoldSecond == 0 || first && policy&FoldSecond != 0
		if skipped {
			odd = append(odd, DSTTime{At: tick.at, Runs: policy&FoldBoth != 0, Text: told(tick.local, "comes twice", w.zone) + copied[first]})
		}
		if !skipped || policy&FoldBoth != 0 {
			instants = append(instants, tick.at)
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	return instants, odd
}

// gap is the instants and the oddities of what is left out.
func (o oracle) gap(w walls, policy DST) (made []time.Time, odd []DSTTime) {
	at, last := w.ticks[w.turn].at, w.ticks[w.turn-1].local.shown()
	if o.matches(w.ticks[w.turn].local) && policy&GapSkip == 0 {
		at = at.Add(time.Millisecond)
	}
	for left := last.Add(w.step); left.Before(w.ticks[w.turn].local.shown()); left = left.Add(w.step) {
		if !o.matches(read(left)) {
			continue
		}
		odd = append(odd, DSTTime{At: at, Gap: true, Runs: policy&GapSkip == 0, Text: told(read(left), "does not exist", w.zone)})
		if policy&GapSkip == 0 {
			made = append(made, at)
			at = at.Add(time.Millisecond)
		}
	}
	return made, odd
}

var copied = map[bool]string{true: "; this is its first copy", false: "; this is its second copy"}

func told(r reading, does string, zone *time.Location) string {
	clock := fmt.Sprintf("%02d:%02d", r.hour, r.minute)
	if r.second != 0 {
		clock += fmt.Sprintf(":%02d", r.second)
	}
	return fmt.Sprintf("%s %s on %04d-%02d-%02d in %s", clock, does, r.year, r.month, r.day, zone)
}
