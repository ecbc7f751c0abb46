package schedule

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/instant"
)

// Every runs a flow at once, then interval after the end of each run. An
// interval below 1 ms is an [ErrInvalid].
func Every(interval time.Duration) (Schedule, error) {
	if interval < time.Millisecond {
		return nil, fmt.Errorf("%w: interval %s is below 1ms", ErrInvalid, interval)
	}
	return every(interval), nil
}

type every time.Duration

func (d every) Kind() string   { return KindEvery }
func (d every) String() string { return time.Duration(d).String() }
func (d every) Zone() string   { return "" }

func (d every) Next(now, _ time.Time) time.Time { return d.After(now) }

// During is never: the instant is counted from the end of the run.
func (d every) During(_, _ time.Time) time.Time { return time.Time{} }

func (d every) Resume(now, lastEnd, _ time.Time) time.Time {
	if lastEnd.IsZero() {
		return now
	}
	return instant.Later(now, d.After(lastEnd))
}

func (d every) Latest(next, _ time.Time) time.Time           { return next }
func (d every) NotBefore(next, eligible time.Time) time.Time { return instant.Later(next, eligible) }
func (d every) Reach(now time.Time) time.Time                { return d.After(now) }

func (d every) After(t time.Time) time.Time {
	return t.Add(time.Duration(d)).Truncate(time.Millisecond)
}

func (d every) Count(from, to time.Time) (int64, time.Time) {
	if to.Before(from) {
		return 0, time.Time{}
	}
	first, step := d.After(from), time.Duration(d).Milliseconds()
	if first.After(to) {
		return 1, from
	}
	n := (to.UnixMilli() - first.UnixMilli()) / step
	return n + 2, time.UnixMilli(first.UnixMilli() + n*step).UTC()
}

func (d every) DSTTimes(_, _ time.Time) []DSTTime { return nil }
