package main

import (
	"fmt"
	"strings"
	"time"
)

// span is a length of time for people: 12ms, 4.2s, 3m 40s, 2d 5h.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", max(d, 0).Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return coarse(d)
}

var units = []struct {
	length time.Duration
	name   string
}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}

// coarse is a length of time in its largest unit and the one below.
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

// exact is a duration without the zeros that Go adds: 5m, not 5m0s.
func exact(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// ago says how long before now something was.
func ago(d time.Duration) string {
	if d < time.Second {
		return "now"
	}
	return coarse(d) + " ago"
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
