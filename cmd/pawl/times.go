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

// clock is the local time of an instant, with the day unless it is near.
func clock(t, now time.Time) string {
	if t.Sub(now).Abs() < 12*time.Hour {
		return t.Local().Format("15:04:05")
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// day is the local time of an instant, in few characters: the nearer, the finer.
func day(t, now time.Time) string {
	switch away := t.Sub(now).Abs(); {
	case away < 12*time.Hour:
		return t.Local().Format("15:04:05")
	case away < 6*24*time.Hour:
		return t.Local().Format("Mon 15:04")
	}
	return t.Local().Format("2006-01-02 15:04")
}
