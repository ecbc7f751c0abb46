// Package instant has the rules for every point in time that Pawl stores: UTC, whole
// milliseconds, and a year of four digits. The zero time stands for never.
package instant

import (
	"fmt"
	"time"
)

// First and Last are the first and the last millisecond of the years 1 to 9999. The sum
// of an instant between them and any duration does not overflow.
var (
	First = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	Last  = time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
)

// Check returns an error if t is outside the years 1 to 9999; what names t in it. The zero
// time is valid.
func Check(what string, t time.Time) error {
	if t.Before(First) || t.Truncate(time.Millisecond).After(Last) {
		return fmt.Errorf("%s, %d seconds from 1970, is not in the years 1 to 9999; give an instant in them", what, t.Unix())
	}
	return nil
}

// OrNever returns t, or the zero time if t is after [Last].
func OrNever(t time.Time) time.Time {
	if t.After(Last) {
		return time.Time{}
	}
	return t
}

// RoundUp returns t in UTC, rounded up to a whole millisecond. Never stays never.
func RoundUp(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Add(time.Millisecond - 1).Truncate(time.Millisecond)
}

// OfMillis returns the instant that a column keeps as milliseconds since 1970; 0 stands for never.
func OfMillis(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// Format writes t, which is in UTC, as texts and columns show it: ISO 8601 with milliseconds.
func Format(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }

// Later returns the later of two instants.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Earlier returns the earlier of two instants.
func Earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
