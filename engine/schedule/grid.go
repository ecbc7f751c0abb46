package schedule

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/instant"
)

// FixedRate runs a flow at once and then at every interval from there on,
// however long its runs take. The first instant is the anchor, which the caller
// keeps and hands back with [Anchored]; before that it is 1970. The interval is
// of whole milliseconds, anything else is an [ErrInvalid].
func FixedRate(interval time.Duration) (Schedule, error) {
	step, err := gridStep(interval)
	if err != nil {
		return nil, err
	}
	return rate{grid{step: step}}, nil
}

// Aligned runs a flow at every multiple of the interval since 1970 in UTC: with
// 15m at the quarters of an hour. A new flow waits for the next of them. The
// interval is as that of [FixedRate].
func Aligned(interval time.Duration) (Schedule, error) {
	step, err := gridStep(interval)
	if err != nil {
		return nil, err
	}
	return aligned{grid{step: step}}, nil
}

// gridStep is an interval in milliseconds. A fraction could not be kept without
// a drift.
func gridStep(interval time.Duration) (int64, error) {
	switch {
	case interval < time.Millisecond:
		return 0, fmt.Errorf("%w: interval %s is below 1ms", ErrInvalid, interval)
	case interval%time.Millisecond != 0:
		return 0, fmt.Errorf("%w: interval %s is not of whole milliseconds; round it", ErrInvalid, interval)
	}
	return interval.Milliseconds(), nil
}

// grid is the instants anchor + n*step for all whole n, in milliseconds.
type grid struct{ anchor, step int64 }

func (g grid) Kind() string              { return KindEvery }
func (g grid) Zone() string              { return "" }
func (g grid) interval() string          { return (time.Duration(g.step) * time.Millisecond).String() }
func (g grid) Reach(time.Time) time.Time { return time.Time{} }

// index is the number of the last instant up to t.
func (g grid) index(t time.Time) int64 { return floor(t.UnixMilli()-g.anchor, g.step) }

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

func (g grid) DSTTimes(_, _ time.Time) []DSTTime { return nil }

type aligned struct{ grid }

func (a aligned) String() string                          { return a.interval() + " aligned" }
func (a aligned) Next(now, last time.Time) time.Time      { return following(a, now, last) }
func (a aligned) During(now, last time.Time) time.Time    { return following(a, now, last) }
func (a aligned) Resume(now, _, last time.Time) time.Time { return following(a, now, last) }

type rate struct{ grid }

func (r rate) String() string                       { return r.interval() + " fixed rate" }
func (r rate) Next(now, last time.Time) time.Time   { return following(r, now, last) }
func (r rate) During(now, last time.Time) time.Time { return following(r, now, last) }

// Resume of a flow that never fired may be its anchor, which is now.
func (r rate) Resume(now, _, last time.Time) time.Time {
	if last.IsZero() {
		return r.After(now.Add(-time.Nanosecond))
	}
	return following(r, now, last)
}

func (r rate) Anchor(t time.Time) Schedule { return rate{grid{anchor: t.UnixMilli(), step: r.step}} }
