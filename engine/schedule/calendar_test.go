package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	robfig "github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// scheduler B3.
func TestOccurrencesInUTCAreThoseOfRobfigCron(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.Join(drawPlainExpr(t), " ")
		s, err := Cron(expr)
		if err != nil {
			t.Skip(err)
		}
		parsed, err := plainFields.Parse(expr)
		if err != nil {
			t.Skip(err) // a range that wraps around
		}
		spec := parsed.(*robfig.SpecSchedule)
		spec.Location = time.UTC
		at := time.UnixMilli(rapid.Int64Range(-4e12, 8e12).Draw(t, "from")).UTC()
		for range 20 {
			next := s.After(at)
			if want := spec.Next(at); !want.IsZero() { // it looks only five years ahead
				require.Equal(t, want, next)
			}
			if at = next; at.IsZero() {
				return
			}
		}
	})
}

// time C1: Latest looks for the newest occurrence from the end.
func TestSearchFromTheEndFindsTheSameMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := parseCron(drawExpr(t), cronOptions{})
		if err != nil {
			t.Skip(err)
		}
		c := s.calendar
		from := rapid.Int64Range(-4e9, 8e9).Draw(t, "from")
		to := from + rapid.Int64Range(0, 4e7).Draw(t, "span")
		var ascending, descending []int64
		for at, ok := c.next(from, to); ok && len(ascending) < 100; at, ok = c.next(at+1, to) {
			ascending = append(ascending, at)
		}
		if len(ascending) == 100 {
			to = ascending[99] + 1
		}
		for at, ok := c.prev(from, to); ok; at, ok = c.prev(from, at) {
			descending = append(descending, at)
		}
		slices.Reverse(descending)
		require.Equal(t, ascending, descending)
		require.Equal(t, int64(len(ascending)), c.count(from, to))
	})
}

// time S4: in any zone, at any time, and After never stays where it is.
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
		require.NoError(t, checkCount(s, from, last, n, last))
		if n > 1 {
			require.NoError(t, checkCount(s, from.Add(-1), last.Add(-1), n-1, s.Latest(from, last.Add(-1))))
		}
	})
}

// drawExpr draws six fields: numbers, lists, ranges, steps, stars, or special days.
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

// drawPlainExpr draws six fields that robfig/cron reads, except ranges that wrap around.
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
