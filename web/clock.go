package web

import (
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
)

// clock is when a page is made, and the zone of its times.
type clock struct {
	Now    time.Time
	zone   *time.Location
	around pawl.Surroundings // of the flows, on a page about them
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
		return "in " + lengths.Coarse(d)
	case d < 0:
		return lengths.Coarse(-d) + " ago"
	}
	return "now"
}

func (c clock) near(t time.Time) string {
	t, now := t.In(c.zone), c.Now.In(c.zone)
	layout := "2 Jan 15:04:05"
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		layout = "15:04:05"
	}
	if t.Format("MST") != now.Format("MST") { // the page names the offset of now once
		layout += " MST"
	}
	return t.Format(layout)
}
