package schedule

import (
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/instant"
)

// Between is a schedule that has no instant before start and none after end;
// the zero time leaves that side open. A delay begins at start. An end before
// start, or a range in which a schedule of fixed instants has none, is an
// [ErrInvalid].
func Between(schedule Schedule, start, end time.Time) (Schedule, error) {
	if err := errors.Join(instant.Check("the start", start), instant.Check("the end", end)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	start, end = instant.RoundUp(start), end.UTC().Truncate(time.Millisecond)
	if start.IsZero() && end.IsZero() {
		return schedule, nil
	}
	if !end.IsZero() && start.After(end) {
		return nil, fmt.Errorf("%w: it starts at %s, after its end at %s", ErrInvalid, instant.Format(start), instant.Format(end))
	}
	b := between{schedule, start, end}
	if !b.fires() {
		return nil, fmt.Errorf("%w: %s never fires: there is no instant in that time", ErrInvalid, b)
	}
	if _, ok := schedule.(Anchored); ok {
		return anchoredBetween{b}, nil
	}
	return b, nil
}

type between struct {
	Schedule
	start, end time.Time // zero: open
}

// fires says whether a schedule of fixed instants has one in the range.
func (b between) fires() bool {
	before := b.start
	if !before.IsZero() {
		before = before.Add(-time.Millisecond)
	}
	kind := b.Kind()
	return kind != KindCron && kind != KindOnce || !b.After(before).IsZero()
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

// within moves an instant to the start, and makes never of one after the end.
func (b between) within(at time.Time) time.Time {
	if !at.IsZero() && at.Before(b.start) {
		at = b.Schedule.NotBefore(at, b.start)
	}
	if at.Before(b.start) || (!b.end.IsZero() && at.After(b.end)) {
		return time.Time{}
	}
	return at
}

func (b between) Next(now, last time.Time) time.Time   { return b.within(b.Schedule.Next(now, last)) }
func (b between) During(now, last time.Time) time.Time { return b.within(b.Schedule.During(now, last)) }
func (b between) After(t time.Time) time.Time          { return b.within(b.Schedule.After(t)) }

func (b between) Resume(now, lastEnd, last time.Time) time.Time {
	return b.within(b.Schedule.Resume(now, lastEnd, last))
}

func (b between) Latest(next, now time.Time) time.Time {
	return b.Schedule.Latest(next, b.untilEnd(now))
}

func (b between) NotBefore(next, eligible time.Time) time.Time {
	return b.within(b.Schedule.NotBefore(next, eligible))
}

// Reach includes the start, which may be further away than an interval.
func (b between) Reach(now time.Time) time.Time {
	reach := b.Schedule.Reach(now)
	if reach.IsZero() {
		return reach
	}
	return instant.Later(reach, b.start)
}

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

func (b between) untilEnd(t time.Time) time.Time {
	if b.end.IsZero() {
		return t
	}
	return instant.Earlier(t, b.end)
}

type anchoredBetween struct{ between }

func (b anchoredBetween) Anchor(t time.Time) Schedule {
	b.Schedule = b.Schedule.(Anchored).Anchor(t)
	return b
}
