package diagram

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-go/pawl/web/internal/plain"
)

// A Drawing is a machine as the coordinates and paths of an SVG. The zero Drawing has nothing
// to show.
type Drawing struct {
	Width, Height  string
	Broad          bool // wider than a narrow page
	Boxes          []Box
	Arrows         []Arrow // those that the run took come last, so that they lie on top
	StartX, StartY string  // of the dot where runs begin; empty: unknown
	Title          string
	Description    string // for readers who cannot see the drawing
	Legend         []LegendEntry
}

// A LegendEntry explains a mark that the drawing has.
type LegendEntry struct {
	Mark       Mark
	Icon, Text string
}

// MaxStates is the number of states of the largest machine that is worth drawing.
const MaxStates = 60

const broadWidth = 400.0

// Draw draws a machine with what a run did in it. The zero Trail stands for no run.
func Draw(m Machine, t Trail, title string) Drawing {
	shapes := make([]shape, len(m.States))
	for i, s := range m.States {
		shapes[i] = shapeOf(s, t)
	}
	c := newCanvas(m, layOut(m, shapes))
	c.routeEdges(m, t)
	d := Drawing{
		Title: title, Description: strings.TrimSpace(m.describe() + " " + t.describe()), Legend: legend(t),
		Width: plain.Decimal(c.width), Height: plain.Decimal(c.height), Broad: c.width > broadWidth,
	}
	for i, s := range m.States {
		d.Boxes = append(d.Boxes, shapes[i].box(s, t, c.x(i), c.top(i)))
	}
	if m.Start >= 0 {
		d.drawStart(c.x(m.Start), c.top(m.Start), len(t.Path) > 0)
	}
	slices.SortStableFunc(c.arrows, func(a, b Arrow) int { return cmp.Compare(order(a.Taken), order(b.Taken)) })
	d.Arrows = append(d.Arrows, c.arrows...)
	return d
}

// drawStart draws the dot above the first state, whose top is at x and y.
func (d *Drawing) drawStart(x, y float64, taken bool) {
	d.StartX, d.StartY = plain.Decimal(x), plain.Decimal(y-20)
	line := fmt.Sprintf("M%s %sV%s", d.StartX, d.StartY, plain.Decimal(y-4))
	d.Arrows = append(d.Arrows, Arrow{Path: line, Head: headDown(x, y), Taken: taken})
}

func order(taken bool) int {
	if taken {
		return 1
	}
	return 0
}

// legend explains the marks of a trail.
func legend(t Trail) (list []LegendEntry) {
	has := map[Mark]bool{}
	for _, mark := range t.Marks {
		has[mark] = true
	}
	for _, mark := range []Mark{Passed, Here, Failed, Cancelled, Undone} {
		text := string(mark)
		if mark == Here {
			text = "the run is here"
		}
		if has[mark] {
			list = append(list, LegendEntry{mark, icons[mark], text})
		}
	}
	return list
}

// describe says in words what the machine is.
func (m Machine) describe() string {
	var parts, exits []string
	if m.Start >= 0 {
		parts = append(parts, "It begins in "+plain.Line(m.States[m.Start].Text)+".")
	}
	for i, s := range m.States {
		if s.Exit {
			exits = append(exits, s.Text)
		}
		if next := m.next(i); len(next) > 0 {
			parts = append(parts, plain.Line(s.Text)+s.splitWords()+" leads to "+names(next)+".")
		}
	}
	if len(exits) > 0 {
		parts = append(parts, "It ends in "+names(exits)+".")
	}
	return strings.Join(parts, " ")
}

// next returns the states that a state leads to.
func (m Machine) next(state int) (texts []string) {
	for _, e := range m.Edges {
		if e.From == state {
			texts = append(texts, m.States[e.To].Text)
		}
	}
	return texts
}

// splitWords describes a split; it returns nothing for any other state.
func (s State) splitWords() string {
	branches := ""
	switch len(s.Branches) {
	case 0:
		return ""
	case 1: // "branch 0", or "9 branches" of a split whose branches are not listed
		branches = strings.Replace(s.Branches[0], "branch 0", "1 branch", 1)
	default:
		branches = fmt.Sprintf("%d branches", len(s.Branches))
	}
	return ", a split of " + branches + " that joins with " + s.Join + ","
}
