// Package moment reads the times that people write: "2026-11-22 09:00", 09:00, a date, RFC 3339.
// It refuses or explains a local time that the clocks skip or show twice.
package moment

import (
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
)

// Parse reads an instant: RFC 3339, or a local date and time, which has to be
// there once: the night that clocks are changed has some twice and lacks others.
func Parse(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return startOfDay(day, zone), nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if wall, err := time.Parse(layout, text); err == nil {
			return localTime(text, wall, zone)
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write it as 2026-11-22T09:00:00Z, or as \"2026-11-22 09:00\" in %s", text, ZoneWords(zone))
}

// IsDate says whether a text is a date without a time of day.
func IsDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// startOfDay is the first instant of a day, given by a time in UTC with the same date: midnight, or
// the end of the gap where clocks are put forward over it.
func startOfDay(day time.Time, zone *time.Location) time.Time {
	at, err := localTime("", day, zone)
	if e, odd := errors.AsType[WallError](err); odd {
		return e.meant.In(zone)
	}
	return at
}

// EndOfDay is the last millisecond of the day that an instant is in.
func EndOfDay(at time.Time) time.Time {
	next := time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, time.UTC)
	return startOfDay(next, at.Location()).Add(-time.Millisecond)
}

// localTime is the one instant at which clocks in zone show what wall shows in UTC.
func localTime(text string, wall time.Time, zone *time.Location) (time.Time, error) {
	const layout = "2006-01-02 15:04:05"
	var shown []time.Time
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, east := wall.Add(near).In(zone).Zone()
		at := wall.Add(-time.Duration(east) * time.Second).In(zone)
		if at.Format(layout) == wall.Format(layout) && (len(shown) == 0 || !shown[0].Equal(at)) {
			shown = append(shown, at)
		}
	}
	switch len(shown) {
	case 1:
		return shown[0], nil
	case 2:
		return time.Time{}, WallError{text: fmt.Sprintf("%q comes twice in %s", text, ZoneWords(zone)), meant: shown[0], second: shown[1]}
	}
	_, east := wall.Add(-24 * time.Hour).In(zone).Zone()
	after, _ := wall.Add(-time.Duration(east) * time.Second).In(zone).ZoneBounds()
	return time.Time{}, WallError{text: fmt.Sprintf("%q does not come in %s, where clocks are put forward over it", text, ZoneWords(zone)), meant: after.In(zone)}
}

// A WallError is a local time that clocks show twice, or not at all.
type WallError struct {
	text   string
	meant  time.Time // its first copy, or the instant at which clocks are put forward over it
	second time.Time // zero: it does not come
}

func (e WallError) Error() string {
	if e.second.IsZero() {
		return fmt.Sprintf("%s: write it as %s, the first instant after the gap", e.text, e.meant.Format(time.RFC3339))
	}
	return fmt.Sprintf("%s: write it as %s or %s", e.text, e.meant.Format(time.RFC3339), e.second.Format(time.RFC3339))
}

// ParseLast reads a time as parseTime does in the zone of now, or a time of day: the
// last one up to now.
func ParseLast(text string, now time.Time) (time.Time, error) {
	return parseNear(text, now, -1, func(at time.Time) bool { return !at.After(now) })
}

// ParseNext is parseMoment, but a time of day is the next one.
func ParseNext(text string, now time.Time) (time.Time, error) {
	return parseNear(text, now, 1, func(at time.Time) bool { return at.After(now) })
}

// parseNear reads a time, where one of day is that of the day of now, or a day on if it
// does not fit.
func parseNear(text string, now time.Time, day int, fits func(time.Time) bool) (at time.Time, err error) {
	clock, ok := timeOfDay(text)
	if !ok {
		return Parse(text, now.Location())
	}
	for i := range 2 {
		wall := time.Date(now.Year(), now.Month(), now.Day()+i*day, clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
		at, err = localTime(wall.Format(time.DateOnly)+" "+text, wall, now.Location())
		first := at
		if e, odd := errors.AsType[WallError](err); odd {
			first = e.meant
		}
		if fits(first) {
			break
		}
	}
	return at, err
}

func timeOfDay(text string) (clock time.Time, ok bool) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if clock, err := time.Parse(layout, text); err == nil {
			return clock, true
		}
	}
	return time.Time{}, false
}

// A Moment is an instant that somebody meant by a text, and how it was read.
type Moment struct {
	time.Time
	Zone  *time.Location   // in which the text was read; nil: it names one itself
	Clock pawl.VerdictKind // VerdictGap, VerdictFold: clocks leave it out, or show it twice
	Note  string           // the same in words
}

// ParseMeant reads a time as parseMoment does. One that clocks are put forward over is
// the instant at which they are, where a schedule has what stands for it; one that they
// show twice is the first, which is what a schedule takes.
func ParseMeant(text string, now time.Time) (Moment, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return Moment{Time: at}, nil
	}
	at, err := ParseLast(text, now)
	e, odd := errors.AsType[WallError](err)
	switch {
	case !odd:
		return Moment{Time: at, Zone: now.Location()}, err
	case e.second.IsZero():
		return Moment{e.meant, now.Location(), pawl.VerdictGap, e.text + "; the instant at which they are is meant"}, nil
	}
	return Moment{e.meant, now.Location(), pawl.VerdictFold, fmt.Sprintf("%s; the first is meant, the second is %s", e.text, e.second.Format(time.RFC3339))}, nil
}

// ZoneWords names a zone in a sentence.
func ZoneWords(zone *time.Location) string {
	if name := zone.String(); name != "Local" {
		return name
	}
	return "the local zone"
}
