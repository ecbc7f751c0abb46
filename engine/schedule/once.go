package schedule

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/instant"
)

// Once returns a schedule with a single occurrence, cut to milliseconds. A flow that is late
// for it still runs. The zero time, and an instant outside the years 1 to 9999, are an
// [ErrInvalid].
func Once(at time.Time) (Schedule, error) {
	at = at.UTC().Truncate(time.Millisecond)
	if at.IsZero() {
		return nil, fmt.Errorf("%w: the instant is the zero time; give the one to run at", ErrInvalid)
	}
	if err := instant.Check("the instant to run at", at); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return once{at}, nil
}

type once struct{ at time.Time }

func (o once) Kind() string   { return KindOnce }
func (o once) String() string { return instant.Format(o.at) }
func (o once) Zone() string   { return "" }

// The flow is due until it ran, whatever the time is.
func (o once) Next(_, last time.Time) time.Time             { return o.After(last) }
func (o once) NextWhileRunning(_, last time.Time) time.Time { return o.After(last) }
func (o once) Resume(_, _, last time.Time) time.Time        { return o.After(last) }
func (o once) Latest(next, _ time.Time) time.Time           { return next }

// NotBefore keeps the occurrence although it is before eligible, since no other one follows.
// The flow runs at the end of its backoff window.
func (o once) NotBefore(next, _ time.Time) time.Time { return next }

func (o once) Horizon(time.Time) time.Time       { return time.Time{} }
func (o once) DSTTimes(_, _ time.Time) []DSTTime { return nil }

func (o once) After(t time.Time) time.Time {
	if t.Before(o.at) {
		return o.at
	}
	return time.Time{}
}

func (o once) Count(from, to time.Time) (int64, time.Time) {
	if o.at.Before(from) || o.at.After(to) {
		return 0, time.Time{}
	}
	return 1, o.at
}
