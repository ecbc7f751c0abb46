package engine

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/permanent"
)

// The first and the last millisecond of the years that texts and views have four digits for.
// Sums of an instant between them and of any duration do not overflow.
var (
	firstInstant = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastInstant  = time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
)

// inCalendar is an instant of a schedule; zero, for none, after the last one that there is.
func inCalendar(at time.Time) time.Time {
	if at.After(lastInstant) {
		return time.Time{}
	}
	return at
}

// CheckInstant refuses an instant that a caller gave outside of the years 1 to 9999, as an
// [ErrInvalidRange]. The zero time is none, and stays so.
func CheckInstant(what string, t time.Time) error {
	if t.Before(firstInstant) || t.Truncate(time.Millisecond).After(lastInstant) {
		return permanent.Wrap(fmt.Errorf("%w: %s, %d seconds from 1970, is not in the years 1 to 9999; give an instant in them", ErrInvalidRange, what, t.Unix()))
	}
	return nil
}
