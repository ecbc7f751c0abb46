package schedule

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/instant"
)

// An interval is counted in one of three ways: from the end of the last run (Every), from an
// anchor (FixedRate), or from 1970 (Aligned). The last two are grids: a run that is late or
// long does not move what comes after it, so they never drift.

// Every returns a schedule that is due at once, then one interval after the end of each run.
// An interval below 1 ms is an [ErrInvalid].
func Every(interval time.Duration) (Schedule, error) {
	if interval < time.Millisecond {
		return nil, fmt.Errorf("%w: interval %s is below 1ms", ErrInvalid, interval)
	}
	return every(interval), nil
}

// FixedRate returns a schedule that is due at once, then at every interval from there on,
// however long runs take. It counts from its anchor, see [Anchored]; without one, from 1970.
// An interval that is not of whole milliseconds would drift, and is an [ErrInvalid].
func FixedRate(interval time.Duration) (Schedule, error) {
	step, err := gridStep(interval)
	if err != nil {
		return nil, err
	}
	return fixedRate{grid{step: step}}, nil
}

// Aligned returns a schedule that is due at every multiple of the interval since 1970 in UTC:
// every quarter of an hour with 15m. A new flow waits for the next multiple. The interval must
// be of whole milliseconds, as for [FixedRate].
func Aligned(interval time.Duration) (Schedule, error) {
	step, err := gridStep(interval)
	if err != nil {
		return nil, err
	}
	return aligned{grid{step: step}}, nil
}

type every time.Duration

func (d every) Kind() string   { return KindEvery }
func (d every) String() string { return time.Duration(d).String() }
func (d every) Zone() string   { return "" }

func (d every) Next(now, _ time.Time) time.Time              { return d.After(now) }
func (d every) NextWhileRunning(_, _ time.Time) time.Time    { return time.Time{} }
func (d every) Latest(next, _ time.Time) time.Time           { return next }
func (d every) NotBefore(next, eligible time.Time) time.Time { return instant.Later(next, eligible) }
func (d every) Horizon(now time.Time) time.Time              { return d.After(now) }
func (d every) DSTTimes(_, _ time.Time) []DSTTime            { return nil }

func (d every) Resume(now, lastEnd, _ time.Time) time.Time {
	if lastEnd.IsZero() {
		return now
	}
	return instant.Later(now, d.After(lastEnd))
}

func (d every) After(t time.Time) time.Time {
	return t.Add(time.Duration(d)).Truncate(time.Millisecond)
}

func (d every) Count(from, to time.Time) (int64, time.Time) {
	if to.Before(from) {
		return 0, time.Time{}
	}
	second, step := d.After(from), time.Duration(d).Milliseconds()
	if second.After(to) {
		return 1, from
	}
	n := (to.UnixMilli() - second.UnixMilli()) / step
	return n + 2, time.UnixMilli(second.UnixMilli() + n*step).UTC()
}

// grid has the occurrences anchor + n*step for every whole n. Both are in milliseconds.
type grid struct{ anchor, step int64 }

func gridStep(interval time.Duration) (int64, error) {
	switch {
	case interval < time.Millisecond:
		return 0, fmt.Errorf("%w: interval %s is below 1ms", ErrInvalid, interval)
	case interval%time.Millisecond != 0:
		return 0, fmt.Errorf("%w: interval %s is not of whole milliseconds; round it", ErrInvalid, interval)
	}
	return interval.Milliseconds(), nil
}

func (g grid) Kind() string     { return KindEvery }
func (g grid) Zone() string     { return "" }
func (g grid) interval() string { return (time.Duration(g.step) * time.Millisecond).String() }

func (g grid) Next(now, _ time.Time) time.Time             { return g.After(now) }
func (g grid) NextWhileRunning(now, _ time.Time) time.Time { return g.After(now) }
func (g grid) Horizon(time.Time) time.Time                 { return time.Time{} }
func (g grid) DSTTimes(_, _ time.Time) []DSTTime           { return nil }

// index returns the n of the last occurrence up to t.
func (g grid) index(t time.Time) int64 { return floorDiv(t.UnixMilli()-g.anchor, g.step) }

func (g grid) at(n int64) time.Time { return time.UnixMilli(g.anchor + n*g.step).UTC() }

func (g grid) After(t time.Time) time.Time { return instant.OrNever(g.at(g.index(t) + 1)) }

func (g grid) Count(from, to time.Time) (int64, time.Time) {
	last := g.index(to)
	n := last - g.index(from.Add(-time.Nanosecond))
	if n <= 0 {
		return 0, time.Time{}
	}
	return n, g.at(last)
}

func (g grid) Latest(next, now time.Time) time.Time {
	if n, last := g.Count(next, now); n > 0 {
		return last
	}
	return next
}

func (g grid) NotBefore(next, eligible time.Time) time.Time {
	if !next.Before(eligible) {
		return next
	}
	return g.After(eligible.Add(-time.Nanosecond))
}

type aligned struct{ grid }

func (a aligned) String() string                       { return a.interval() + " aligned" }
func (a aligned) Resume(now, _, _ time.Time) time.Time { return a.After(now) }

type fixedRate struct{ grid }

func (r fixedRate) String() string { return r.interval() + " fixed rate" }

// Resume includes now if the flow never ran: its anchor is now.
func (r fixedRate) Resume(now, _, last time.Time) time.Time {
	if last.IsZero() {
		return r.After(now.Add(-time.Nanosecond))
	}
	return r.After(now)
}

func (r fixedRate) Anchor(t time.Time) Schedule {
	return fixedRate{grid{anchor: t.UnixMilli(), step: r.step}}
}
