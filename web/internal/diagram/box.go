package diagram

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/pawl-go/pawl/web/internal/plain"
)

// A Box is a state as it is drawn. Below a split its branches are drawn between two bars.
type Box struct {
	X, Y, W, H         string
	Round              string // radius of the corners
	Inner              bool   // an exit: it has a second line, within the first
	InnerX, InnerY     string
	InnerW, InnerH     string
	IconX, IconY       string
	TextX, TextY       string
	Text               string // cut to what fits
	Title              string // all of it, and what the run did here
	Mark               Mark
	Icon               string
	Stem, Tail         string // lines from the box to the first bar, and on from the second
	Went               bool   // the run went on from the second bar
	Bars               []Bar
	Branches           []Branch
	Join, JoinX, JoinY string
}

// A Bar is one of the two lines that enclose the branches of a split.
type Bar struct{ X, Y, W string }

// A Branch is a branch of a split as it is drawn.
type Branch struct {
	X, Y, W, TextX, TextY string
	Text, Title           string
	Mark                  Mark
	In, Out               string // lines from the first bar and to the second
}

const (
	boxHeight    = 30.0
	minBoxWidth  = 64.0
	boxPadding   = 28.0 // both sides together
	iconWidth    = 18.0
	branchHeight = 20.0
	branchGap    = 4.0
	barHeight    = 3.0
	barGap       = 9.0 // above and below a bar
)

// A shape is how large a state is drawn.
type shape struct {
	w, h         float64 // all of it
	boxWidth     float64
	text         string
	branchWidths []float64
}

func shapeOf(state State, t Trail) shape {
	s := shape{h: boxHeight, text: clip(plain.Line(state.Text))}
	if n := t.Visits[state.Text]; n > 1 {
		s.text += fmt.Sprintf(" ×%d", n)
	}
	s.boxWidth = textWidth(s.text) + boxPadding
	if t.Marks[state.Text] != "" {
		s.boxWidth += iconWidth
	}
	s.boxWidth = max(s.boxWidth, minBoxWidth)
	s.w = s.boxWidth
	if len(state.Branches) == 0 {
		return s
	}
	for _, b := range state.Branches {
		s.branchWidths = append(s.branchWidths, max(textWidth(branchNumber(b))+10, 24))
	}
	s.w = max(s.w, s.branchesWidth()+12, 2*(textWidth(state.Join)+10))
	s.h += 4*barGap + branchHeight + 2*barHeight
	if state.Join != "" {
		s.h += 14
	}
	return s
}

// branchesWidth returns the width of all branches side by side.
func (s shape) branchesWidth() float64 {
	sum := -branchGap
	for _, w := range s.branchWidths {
		sum += w + branchGap
	}
	return sum
}

func branchNumber(text string) string { return strings.TrimPrefix(text, "branch ") }

// box draws the state with its middle at x and its top at y.
func (s shape) box(state State, t Trail, x, y float64) Box {
	left := x - s.boxWidth/2
	b := Box{
		X: plain.Decimal(left), Y: plain.Decimal(y), W: plain.Decimal(s.boxWidth), H: plain.Decimal(boxHeight), Round: "6",
		Text: s.text, Title: title(state, t), TextX: plain.Decimal(x), TextY: plain.Decimal(y + boxHeight/2 + 4.5), Mark: t.Marks[state.Text],
	}
	if b.Mark == "" {
		b.Mark = untouched
	}
	if b.Icon = icons[b.Mark]; b.Icon != "" {
		b.IconX, b.IconY, b.TextX = plain.Decimal(left+9), plain.Decimal(y+boxHeight/2-6), plain.Decimal(x+9)
	}
	if state.Exit {
		b.Round, b.Inner = "15", true
		b.InnerX, b.InnerY = plain.Decimal(left+3), plain.Decimal(y+3)
		b.InnerW, b.InnerH = plain.Decimal(s.boxWidth-6), plain.Decimal(boxHeight-6)
	}
	if len(state.Branches) > 0 {
		s.drawBranches(&b, state, t, x, y+boxHeight)
	}
	return b
}

// title returns what a box stands for, in full.
func title(state State, t Trail) string {
	text := plain.Line(state.Text)
	switch mark := t.Marks[state.Text]; mark {
	case "":
	case Here:
		text += ": the run is here"
	default:
		text += ": " + string(mark)
	}
	if n := t.Visits[state.Text]; n > 1 {
		text += fmt.Sprintf(", entered %d times", n)
	}
	if state.Exit {
		text += " (an exit)"
	}
	return text
}

// drawBranches draws the branches of a split below its box, which ends at y.
func (s shape) drawBranches(b *Box, state State, t Trail, x, y float64) {
	width := s.branchesWidth()
	firstBar := y + barGap
	branches := firstBar + barHeight + barGap
	lastBar := branches + branchHeight + barGap
	for _, bar := range []float64{firstBar, lastBar} {
		b.Bars = append(b.Bars, Bar{plain.Decimal(x - width/2 - 6), plain.Decimal(bar), plain.Decimal(width + 12)})
	}
	left, ended := x-width/2, t.Ended[state.Text]
	for i, text := range state.Branches {
		w := s.branchWidths[i]
		branch := drawBranch(text, left, branches, w)
		branch.Mark = untouched
		if t.Marks[state.Text] == Here {
			branch.Mark = Here
		}
		if len(ended) == len(state.Branches) {
			branch.Mark, branch.Title = ended[i].Mark, text+": "+ended[i].Text
		}
		b.Branches = append(b.Branches, branch)
		left += w + branchGap
	}
	b.Stem = fmt.Sprintf("M%s %sv%s", plain.Decimal(x), plain.Decimal(y), plain.Decimal(barGap))
	b.Tail = fmt.Sprintf("M%s %sV%s", plain.Decimal(x), plain.Decimal(lastBar+barHeight), plain.Decimal(y-boxHeight+s.h))
	b.Went = ended != nil
	b.Join, b.JoinX, b.JoinY = state.Join, plain.Decimal(x+8), plain.Decimal(lastBar+15)
}

func drawBranch(text string, left, top, w float64) Branch {
	middle := plain.Decimal(left + w/2)
	return Branch{
		X: plain.Decimal(left), Y: plain.Decimal(top), W: plain.Decimal(w), TextX: middle, TextY: plain.Decimal(top + 14),
		Text: branchNumber(text), Title: text,
		In:  fmt.Sprintf("M%s %sv%s", middle, plain.Decimal(top-barGap), plain.Decimal(barGap)),
		Out: fmt.Sprintf("M%s %sv%s", middle, plain.Decimal(top+branchHeight), plain.Decimal(barGap)),
	}
}

const (
	letterWidth  = 6.8 // about as wide as most letters are
	maxTextWidth = 200.0
)

// textWidth estimates how wide a text is drawn.
func textWidth(text string) (w float64) {
	for _, r := range text {
		w += runeWidth(r)
	}
	return w
}

func runeWidth(r rune) float64 {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x2e80, unicode.IsUpper(r) && r > 127:
		return 2 * letterWidth
	case unicode.IsUpper(r), r == 'm', r == 'w':
		return 1.25 * letterWidth
	}
	return letterWidth
}

// clip cuts a text to what fits into a box.
func clip(text string) string {
	w := 0.0
	for i, r := range text {
		if w += runeWidth(r); w > maxTextWidth {
			return strings.TrimSpace(text[:i]) + "…"
		}
	}
	return text
}
