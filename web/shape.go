package web

import (
	"fmt"
	"strings"
)

// shape is how large a state is drawn.
type shape struct {
	w, h     float64
	boxWide  float64
	text     string
	branches []float64 // how wide each is
}

const (
	branchHeight = 20.0
	branchGap    = 4.0
	barGap       = 9.0 // between a bar and what is above or below
)

func shapeOf(p place, t trail) shape {
	s := shape{h: boxHeight, text: clipped(oneLine(p.Text))}
	if n := t.Visits[p.Text]; n > 1 {
		s.text += fmt.Sprintf(" ×%d", n)
	}
	s.boxWide = wide(s.text) + 28
	if t.Marks[p.Text] != "" {
		s.boxWide += 18
	}
	s.boxWide = max(s.boxWide, 64)
	s.w = s.boxWide
	if len(p.Branches) == 0 {
		return s
	}
	row := -branchGap
	for _, b := range p.Branches {
		w := max(wide(shortBranch(b))+10, 24)
		s.branches = append(s.branches, w)
		row += w + branchGap
	}
	s.w = max(s.w, row+12, 2*(wide(p.Join)+10))
	s.h += 4*barGap + branchHeight + 6
	if p.Join != "" {
		s.h += 14
	}
	return s
}

// shortBranch is the number of a branch.
func shortBranch(text string) string { return strings.TrimPrefix(text, "branch ") }

// box draws the state around x, below y.
func (s shape) box(p place, t trail, x, y float64) box {
	left := x - s.boxWide/2
	b := box{
		X: decimal(left), Y: decimal(y), W: decimal(s.boxWide), H: decimal(boxHeight), Round: "6", Text: s.text, Full: s.full(p, t),
		TextX: decimal(x), TextY: decimal(y + boxHeight/2 + 4.5), Mark: t.Marks[p.Text],
	}
	if b.Mark == "" {
		b.Mark = "todo"
	}
	if b.Icon = icons[b.Mark]; b.Icon != "" {
		b.IconX, b.IconY, b.TextX = decimal(left+9), decimal(y+boxHeight/2-6), decimal(x+9)
	}
	if p.Exit {
		b.Round, b.Inner = "15", true
		b.InnerX, b.InnerY, b.InnerW, b.InnerH = decimal(left+3), decimal(y+3), decimal(s.boxWide-6), decimal(boxHeight-6)
	}
	if len(p.Branches) > 0 {
		s.fork(&b, p, t, x, y+boxHeight)
	}
	return b
}

// full is all of what a box stands for.
func (s shape) full(p place, t trail) string {
	text := oneLine(p.Text)
	switch mark := t.Marks[p.Text]; mark {
	case "":
	case "here":
		text += ": the run is here"
	default:
		text += ": " + mark
	}
	if n := t.Visits[p.Text]; n > 1 {
		text += fmt.Sprintf(", entered %d times", n)
	}
	if p.Exit {
		text += " (an exit)"
	}
	return text
}

// fork draws the branches of a split below its box.
func (s shape) fork(b *box, p place, t trail, x, y float64) {
	row := -branchGap
	for _, w := range s.branches {
		row += w + branchGap
	}
	top := y + barGap
	low := top + 3 + barGap + branchHeight + barGap
	for _, bar := range []float64{top, low} {
		b.Bars = append(b.Bars, bars{decimal(x - row/2 - 6), decimal(bar), decimal(row + 12)})
	}
	left := x - row/2
	for i, text := range p.Branches {
		w, middle := s.branches[i], left+s.branches[i]/2
		one := branch{
			X: decimal(left), Y: decimal(top + 3 + barGap), W: decimal(w), TextX: decimal(middle), TextY: decimal(top + 3 + barGap + 14),
			Text: shortBranch(text), Full: text, Mark: branchMark(t.Marks[p.Text]),
			In:  fmt.Sprintf("M%s %sv%s", decimal(middle), decimal(top+3), decimal(barGap)),
			Out: fmt.Sprintf("M%s %sv%s", decimal(middle), decimal(low-barGap), decimal(barGap)),
		}
		if ended := t.Ended[p.Text]; i < len(ended) && len(p.Branches) == len(ended) {
			one.Mark, one.Full = endMark(ended[i].Status), text+": "+withMore(ended[i].Status, firstLine(ended[i].Error))
		}
		b.Branches = append(b.Branches, one)
		left += w + branchGap
	}
	b.Stem = fmt.Sprintf("M%s %sv%s", decimal(x), decimal(y), decimal(barGap))
	b.Tail = fmt.Sprintf("M%s %sV%s", decimal(x), decimal(low+3), decimal(y-boxHeight+s.h))
	b.Went = t.Ended[p.Text] != nil
	b.Join, b.JoinX, b.JoinY = p.Join, decimal(x+8), decimal(low+15)
}

// branchMark is that of the branches while nothing is known of each.
func branchMark(mark string) string {
	if mark == "here" {
		return mark
	}
	return "todo"
}

func endMark(status string) string {
	switch status {
	case branchSucceeded:
		return "passed"
	case branchFailed:
		return "failed"
	}
	return "cancelled"
}
