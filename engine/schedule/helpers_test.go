package schedule

import (
	"fmt"
	"time"
)

// epoch is a Sunday.
var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// at is a number of seconds after epoch.
func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

func utc(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05.999", text)
	if err != nil {
		panic(err)
	}
	return t
}

func must(s Schedule, err error) Schedule {
	if err != nil {
		panic(err)
	}
	return s
}

func cronIn(expr, zone string, policies ...DST) Schedule {
	return must(Cron(expr, WithLocation(zone), WithDST(policies...)))
}

// walk returns the occurrences in from..to, found by After.
func walk(s Schedule, from, to time.Time) (all []time.Time) {
	for at := s.After(from.Add(-time.Nanosecond)); !at.IsZero() && !at.After(to); at = s.After(at) {
		all = append(all, at)
	}
	return all
}

// checkCount returns an error if Count does not return n and last for from..to.
func checkCount(s Schedule, from, to time.Time, n int64, last time.Time) error {
	if got, at := s.Count(from, to); got != n || at != last {
		return fmt.Errorf("%s..%s: got %d until %s, want %d until %s", from, to, got, at, n, last)
	}
	return nil
}
