package schedule

import (
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/instant"
)

// Between returns s without the occurrences before start and after end. The zero time leaves
// a side open. [Every] begins at start. An end before start is an [ErrInvalid], and so are
// bounds in which s has no occurrence.
func Between(s Schedule, start, end time.Time) (Schedule, error) {
	if err := errors.Join(instant.Check("the start", start), instant.Check("the end", end)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	b := between{s, instant.RoundUp(start), end.UTC().Truncate(time.Millisecond)}
	switch {
	case b.start.IsZero() && b.end.IsZero():
		return s, nil
	case !b.end.IsZero() && b.start.After(b.end):
		return nil, fmt.Errorf("%w: it starts at %s, after its end at %s", ErrInvalid, instant.Format(b.start), instant.Format(b.end))
	case b.empty():
		return nil, fmt.Errorf("%w: %s never fires: there is no instant in that time", ErrInvalid, b)
	}
	if _, ok := s.(Anchored); ok {
		return anchoredBetween{b}, nil
	}
	return b, nil
}

type between struct {
	Schedule
	start, end time.Time // zero: open
}

// empty reports whether the bounds leave nothing of a cron schedule or of Once. The others
// have occurrences in all bounds, or none at all.
func (b between) empty() bool {
	if kind := b.Kind(); kind != KindCron && kind != KindOnce {
		return false
	}
	before := b.start
	if !before.IsZero() {
		before = before.Add(-time.Millisecond)
	}
	return b.After(before).IsZero()
}

func (b between) String() string {
	text := b.Schedule.String()
	if !b.start.IsZero() {
		text += " from " + instant.Format(b.start)
	}
	if !b.end.IsZero() {
		text += " until " + instant.Format(b.end)
	}
	return text
}

// bounded moves an occurrence before start to the first one in the bounds. After end there is
// none.
func (b between) bounded(at time.Time) time.Time {
	if !at.IsZero() && at.Before(b.start) {
		at = b.Schedule.NotBefore(at, b.start)
	}
	if at.Before(b.start) || (!b.end.IsZero() && at.After(b.end)) {
		return time.Time{}
	}
	return at
}

// untilEnd returns t, or end if that is earlier.
func (b between) untilEnd(t time.Time) time.Time {
	if b.end.IsZero() {
		return t
	}
	return instant.Earlier(t, b.end)
}

func (b between) Next(now, last time.Time) time.Time {
	return b.bounded(b.Schedule.Next(now, last))
}

func (b between) NextWhileRunning(now, last time.Time) time.Time {
	return b.bounded(b.Schedule.NextWhileRunning(now, last))
}

func (b between) Resume(now, lastEnd, last time.Time) time.Time {
	return b.bounded(b.Schedule.Resume(now, lastEnd, last))
}

func (b between) Latest(next, now time.Time) time.Time {
	return b.Schedule.Latest(next, b.untilEnd(now))
}

func (b between) NotBefore(next, eligible time.Time) time.Time {
	return b.bounded(b.Schedule.NotBefore(next, eligible))
}

// Horizon includes start, which may be further away than an interval.
func (b between) Horizon(now time.Time) time.Time {
	horizon := b.Schedule.Horizon(now)
	if horizon.IsZero() {
		return horizon
	}
	return instant.Later(horizon, b.start)
}

func (b between) After(t time.Time) time.Time { return b.bounded(b.Schedule.After(t)) }

func (b between) Count(from, to time.Time) (int64, time.Time) {
	if from.Before(b.start) {
		if from = b.After(from); from.IsZero() {
			return 0, from
		}
	}
	return b.Schedule.Count(from, b.untilEnd(to))
}

func (b between) DSTTimes(from, to time.Time) []DSTTime {
	if !b.end.IsZero() {
		to = instant.Earlier(to, b.end.Add(time.Millisecond))
	}
	return b.Schedule.DSTTimes(instant.Later(from, b.start), to)
}

type anchoredBetween struct{ between }

func (b anchoredBetween) Anchor(t time.Time) Schedule {
	b.Schedule = b.Schedule.(Anchored).Anchor(t)
	return b
}
