package term

import (
	"time"

	"github.com/pawl-go/pawl/internal/lengths"
)

// Ago says how long before now something was.
func Ago(d time.Duration) string {
	if d < time.Second {
		return "now"
	}
	return lengths.Coarse(d) + " ago"
}

// ZoneName is what clocks call their offset at an instant, such as CET, or -03.
func ZoneName(t time.Time) string {
	name, _ := t.Local().Zone()
	return name
}

// FormatTime is an instant as a layout shows it. A table names the offset of now once, in its
// title; an instant with another offset names its own.
func FormatTime(t, now time.Time, layout string) string {
	if ZoneName(t) != ZoneName(now) {
		layout += " MST"
	}
	return t.Local().Format(layout)
}

// Clock is the local time of an instant, with the day unless it is near.
func Clock(t, now time.Time) string {
	if t.Sub(now).Abs() < 12*time.Hour {
		return FormatTime(t, now, "15:04:05")
	}
	return FormatTime(t, now, "2006-01-02 15:04:05")
}

// ShortTime is the local time of an instant, in few characters: the nearer, the finer.
func ShortTime(t, now time.Time) string {
	switch away := t.Sub(now).Abs(); {
	case away < 12*time.Hour:
		return FormatTime(t, now, "15:04:05")
	case away < 6*24*time.Hour:
		return FormatTime(t, now, "Mon 15:04")
	}
	return FormatTime(t, now, "2006-01-02 15:04")
}

func Stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
