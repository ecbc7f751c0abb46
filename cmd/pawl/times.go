package main

import (
	"time"

	"github.com/pawl-go/pawl/internal/lengths"
)

// ago says how long before now something was.
func ago(d time.Duration) string {
	if d < time.Second {
		return "now"
	}
	return lengths.Coarse(d) + " ago"
}

// zoneLabel is what clocks call their offset at an instant, such as CET, or -03.
func zoneLabel(t time.Time) string {
	name, _ := t.Local().Zone()
	return name
}

// labelled is an instant as a layout shows it. A table names the offset of now once, in its
// title; an instant with another offset names its own.
func labelled(t, now time.Time, layout string) string {
	if zoneLabel(t) != zoneLabel(now) {
		layout += " MST"
	}
	return t.Local().Format(layout)
}

// clock is the local time of an instant, with the day unless it is near.
func clock(t, now time.Time) string {
	if t.Sub(now).Abs() < 12*time.Hour {
		return labelled(t, now, "15:04:05")
	}
	return labelled(t, now, "2006-01-02 15:04:05")
}

// day is the local time of an instant, in few characters: the nearer, the finer.
func day(t, now time.Time) string {
	switch away := t.Sub(now).Abs(); {
	case away < 12*time.Hour:
		return labelled(t, now, "15:04:05")
	case away < 6*24*time.Hour:
		return labelled(t, now, "Mon 15:04")
	}
	return labelled(t, now, "2006-01-02 15:04")
}
