package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// diagram is a machine as it is drawn, with the way of a run through it.
type diagram struct {
	Width, Height string
	Broad         bool // it does not fit a narrow page
	Boxes         []box
	Arrows        []arrow // those that a run took last, on top
	StartX        string  // of the dot where runs begin
	StartY        string
	Title, Words  string
	Legend        []legend
	Many          int    // states, when they are too many to be drawn
	Mermaid       string // the text of it
}

// box is a state; of a split with its branches between two bars.
type box struct {
	X, Y, W, H         string
	Round              string // the radius of its corners
	Inner              bool   // an exit: a line within
	InnerX, InnerY     string
	InnerW, InnerH     string
	IconX, IconY       string
	TextX, TextY       string
	Text, Full         string
	Mark               string
	Icon               string
	Stem, Tail         string // lines to the first bar, and on from the second
	Went               bool   // a run took the second
	Bars               []bars
	Branches           []branch
	Join, JoinX, JoinY string
}

// bars is one of the two between which branches are drawn.
type bars struct{ X, Y, W string }

type branch struct {
	X, Y, W, TextX, TextY string
	Text, Full, Mark      string
	In, Out               string // paths from and to the bars
}

// arrow is an edge: a line and its head.
type arrow struct {
	Path, Head string
	Taken      bool
}

type legend struct{ Mark, Icon, Text string }

const (
	mostPlaces = 60
	boxHeight  = 30.0
	rowGap     = 28.0
	textLimit  = 200.0 // of the text in a box
	letter     = 6.8   // about as wide as one is
)

// icons are the symbols of the marks.
var icons = map[string]string{"passed": "completed", "here": "running", "failed": "failed", "cancelled": "cancelled", "undone": "undone"}

// draw draws a machine; t is what a run did, or the zero trail.
func draw(m machine, t trail, title string) *diagram {
	d := &diagram{Title: title, Words: strings.TrimSpace(m.words() + " " + t.words())}
	shapes := make([]shape, len(m.Places))
	for i, p := range m.Places {
		shapes[i] = shapeOf(p, t)
	}
	c := newCanvas(m, lay(m, shapes))
	c.route(m, t)
	for i, p := range m.Places {
		d.Boxes = append(d.Boxes, shapes[i].box(p, t, c.x(i), c.top(i)))
	}
	d.Arrows = c.arrows
	slices.SortStableFunc(d.Arrows, func(a, b arrow) int { return cmp.Compare(boolean(a.Taken), boolean(b.Taken)) })
	if m.Start >= 0 {
		x, y := c.x(m.Start), c.top(m.Start)
		d.StartX, d.StartY = decimal(x), decimal(y-20)
		line := fmt.Sprintf("M%s %sV%s", decimal(x), decimal(y-20), decimal(y-4))
		d.Arrows = append([]arrow{{Path: line, Head: headDown(x, y), Taken: len(t.Path) > 0}}, d.Arrows...)
	}
	d.Width, d.Height, d.Broad = decimal(c.width), decimal(c.height), c.width > 400
	d.Legend = t.legend()
	return d
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// legend is the marks that there are.
func (t trail) legend() (list []legend) {
	for _, l := range []legend{{"passed", "", "passed"}, {"here", "", "is here"}, {"failed", "", "failed"}, {"cancelled", "", "cancelled"}, {"undone", "", "undone"}} {
		for _, mark := range t.Marks {
			if mark == l.Mark {
				l.Icon = icons[mark]
				list = append(list, l)
				break
			}
		}
	}
	return list
}

// words says what the machine is.
func (m machine) words() string {
	if len(m.Places) == 0 {
		return ""
	}
	var parts []string
	if m.Start >= 0 {
		parts = append(parts, "It begins in "+oneLine(m.Places[m.Start].Text)+".")
	}
	var exits []string
	for i, p := range m.Places {
		var to []string
		for _, e := range m.Edges {
			if e.From == i {
				to = append(to, oneLine(m.Places[e.To].Text))
			}
		}
		if p.Exit {
			exits = append(exits, p.Text)
		}
		if len(to) == 0 {
			continue
		}
		text := oneLine(p.Text)
		if n := p.branches(); n != "" {
			text += ", a split of " + n + " that joins with " + p.Join + ","
		}
		parts = append(parts, text+" leads to "+strings.Join(to, ", ")+".")
	}
	if len(exits) > 0 {
		parts = append(parts, "It ends in "+quoted(exits)+".")
	}
	return strings.Join(parts, " ")
}

// branches is how many a split has.
func (p place) branches() string {
	switch len(p.Branches) {
	case 0:
		return ""
	case 1:
		return strings.Replace(p.Branches[0], "branch 0", "1 branch", 1) // or "9 branches"
	}
	return fmt.Sprintf("%d branches", len(p.Branches))
}

// wide is about how wide a text is.
func wide(text string) (w float64) {
	for _, r := range text {
		w += runeWide(r)
	}
	return w
}

func runeWide(r rune) float64 {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x2e80, unicode.IsUpper(r) && r > 127:
		return 2 * letter
	case unicode.IsUpper(r), r == 'm', r == 'w':
		return 1.25 * letter
	}
	return letter
}

// clipped is a text that fits into a box.
func clipped(text string) string {
	w := 0.0
	for i, r := range text {
		if w += runeWide(r); w > textLimit {
			return strings.TrimSpace(text[:i]) + "…"
		}
	}
	return text
}
