// Package lengths writes and reads lengths of time as people do, in the program and on its pages
// alike.
package lengths

import (
	"fmt"
	"strings"
	"time"
)

// Span is a length of time as one says it: 12ms, 4.2s, 3m 40s, 2d 5h.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", max(d, 0).Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return Coarse(d)
}

var units = []struct {
	length time.Duration
	name   string
}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}

// Coarse is a length of time in its largest unit and the one below: 3m 40s.
func Coarse(d time.Duration) string {
	text, i := Largest(d), largest(d)
	if i+1 < len(units) {
		if n := d % units[i].length / units[i+1].length; n > 0 {
			text += fmt.Sprintf(" %d%s", n, units[i+1].name)
		}
	}
	return text
}

// Largest is a length of time in its largest unit alone: 3m.
func Largest(d time.Duration) string {
	u := units[largest(d)]
	return fmt.Sprintf("%d%s", d/u.length, u.name)
}

func largest(d time.Duration) (i int) {
	for i < len(units)-1 && d < units[i].length {
		i++
	}
	return i
}

// Exact is a duration without the zeros that Go adds: 5m, not 5m0s.
func Exact(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
