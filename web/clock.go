package web

import (
	"fmt"
	"time"
)

// clock is when a page is made, and the zone of its times.
type clock struct {
	Now  time.Time
	zone *time.Location
}

// moment is an instant as a page shows it: relative, with the absolute time beside it.
type moment struct {
	ISO   string // for programs
	Text  string // "in 3m", "2h ago"
	Title string // absolute, with the zone
	Clock string // time of day; with the day, if that is another
}

// Zero says that there is nothing to show.
func (m moment) Zero() bool { return m.ISO == "" }

// At is an instant relative to now.
func (c clock) At(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{
		ISO: t.UTC().Format("2006-01-02T15:04:05.000Z"), Text: c.relative(t),
		Title: t.In(c.zone).Format("Mon 2 Jan 2006 15:04:05 MST"), Clock: c.near(t),
	}
}

// Stamp is when the page was made.
func (c clock) Stamp() moment { return c.At(c.Now) }

// relative says how far an instant is away. live.js says it in the same words.
func (c clock) relative(t time.Time) string {
	switch d := t.Sub(c.Now).Round(time.Second); {
	case d > 0:
		return "in " + coarse(d)
	case d < 0:
		return coarse(-d) + " ago"
	}
	return "now"
}

func (c clock) near(t time.Time) string {
	t, now := t.In(c.zone), c.Now.In(c.zone)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05")
	}
	return t.Format("2 Jan 15:04:05")
}

var units = []struct {
	length time.Duration
	name   string
}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}

// coarse is a length of time in its largest unit and the one below: 3m 40s.
func coarse(d time.Duration) string {
	i := 0
	for i < len(units)-1 && d < units[i].length {
		i++
	}
	text := fmt.Sprintf("%d%s", d/units[i].length, units[i].name)
	if i+1 < len(units) {
		if n := d % units[i].length / units[i+1].length; n > 0 {
			text += fmt.Sprintf(" %d%s", n, units[i+1].name)
		}
	}
	return text
}

// span is a length of time for people: 12ms, 4.2s, 3m 40s.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", max(d, 0).Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return coarse(d)
}
