package web

import (
	"fmt"
	"time"
)

// stretch is the time that a lane shows, and by when.
type stretch struct {
	clock
	From, To time.Time
}

// place is where an instant lies, in percent; what is outside is at the edge.
func (s stretch) place(t time.Time) float64 {
	x := 100 * float64(t.Sub(s.From)) / float64(s.To.Sub(s.From))
	return min(max(x, 0), 100)
}

// NowX is where now is; empty: outside.
func (s stretch) NowX() string {
	if s.Now.Before(s.From) || !s.Now.Before(s.To) {
		return ""
	}
	return percent(s.place(s.Now))
}

// edge is at which edge the text of a mark would be cut off.
func (s stretch) edge(t time.Time) string {
	switch x := s.place(t); {
	case x < 5:
		return "left"
	case x > 95:
		return "right"
	}
	return ""
}

// Zone is the name of the zone, as it is in the middle.
func (s stretch) Zone() string {
	name, _ := s.From.Add(s.To.Sub(s.From) / 2).In(s.zone).Zone()
	return name
}

func percent(x float64) string { return fmt.Sprintf("%.2f%%", x) }

// hour is a mark of the axis.
type hour struct {
	X, Text string
	Major   bool
	Edge    string // left or right, if it is near one
}

// Hours are the marks at full hours, with a text at every third.
func (s stretch) Hours() (list []hour) {
	first := s.From.In(s.zone)
	first = first.Add(-time.Duration(first.Minute()) * time.Minute).Truncate(time.Minute)
	for t := first; t.Before(s.To); t = t.Add(time.Hour) {
		if t.Before(s.From) {
			continue
		}
		h := hour{X: percent(s.place(t)), Major: t.In(s.zone).Hour()%6 == 0, Edge: s.edge(t)}
		if t.In(s.zone).Hour()%3 == 0 {
			h.Text = t.In(s.zone).Format("15:04")
			if name := t.In(s.zone).Format("MST"); name != s.Zone() {
				h.Text += " " + name
			}
		}
		list = append(list, h)
	}
	return list
}
