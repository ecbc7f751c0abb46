package schedule

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/instant"
)

// Once runs a flow at one instant, and never again; late, but once, if it passed
// while nobody ran. It is cut to milliseconds. The zero time, or a year that has
// not four digits, is an [ErrInvalid].
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

// Next is the instant until it has fired, however late it is.
func (o once) Next(_, last time.Time) time.Time { return o.After(last) }

func (o once) During(_, last time.Time) time.Time    { return o.After(last) }
func (o once) Resume(_, _, last time.Time) time.Time { return o.After(last) }
func (o once) Latest(next, _ time.Time) time.Time    { return next }

// NotBefore leaves the instant as it is: there is no other one. The flow is due
// at the end of the window.
func (o once) NotBefore(next, _ time.Time) time.Time { return next }

func (o once) Reach(time.Time) time.Time { return time.Time{} }

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

func (o once) DSTTimes(_, _ time.Time) []DSTTime { return nil }
