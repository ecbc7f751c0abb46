// Package chart draws curves over sizes as SVG: points with the range that was
// measured, joined by lines, on logarithmic axes where values span decades. A figure
// brings its own background, so it is legible on a light page and on a dark one.
package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Figure is one SVG: panels side by side.
type Figure struct {
	Title  string
	Panels []Panel
}

// Panel is one diagram. X is logarithmic.
type Panel struct {
	Title  string // with the unit of Y
	X      string // label of the axis, with its unit
	Log    bool   // Y is logarithmic; otherwise it begins at 0
	Series []Series
	Limits []Limit
}

// Series is one curve.
type Series struct {
	Name   string
	Points []Point
}

// Point is the median of the rounds at X, and their range.
type Point struct{ X, Low, Y, High float64 }

// Limit is a horizontal line, such as a target.
type Limit struct {
	Name string
	Y    float64
}

// Sizes in pixels.
const (
	height                   = 420.0
	left, right, top, bottom = 70.0, 24.0, 64.0, 56.0 // between a panel's border and its plot
	lineHeight               = 18.0
	textSize                 = 13.0
)

// SVG is the figure as a file. It is empty if no panel has a point.
func (f Figure) SVG() string {
	var drawn []Panel
	for _, p := range f.Panels {
		if !p.empty() {
			drawn = append(drawn, p)
		}
	}
	if len(drawn) == 0 {
		return ""
	}
	width := 680.0
	if len(drawn) > 1 {
		width = 520
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`+"\n",
		width*float64(len(drawn)), height, width*float64(len(drawn)), height)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", html.EscapeString(f.Title), style)
	fmt.Fprintf(&b, `<rect class="page" x="0.5" y="0.5" width="%.0f" height="%.0f" rx="8"/>`+"\n", width*float64(len(drawn))-1, height-1)
	for i, p := range drawn {
		fmt.Fprintf(&b, `<g transform="translate(%.0f 0)">`+"\n%s</g>\n", width*float64(i), p.draw(width))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p Panel) empty() bool {
	for _, s := range p.Series {
		if len(s.Points) > 0 {
			return false
		}
	}
	return true
}

// draw draws the panel from back to front.
func (p Panel) draw(width float64) string {
	low, high := p.bounds()
	legend := p.legend(width)
	head := top + lineHeight*float64(legend.rows)
	x := sizeScale(p.sizes(), left+14, width-right-14)
	y := linearScale(high, height-bottom, head)
	if p.Log {
		y = niceLogScale(low, high, height-bottom, head)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<text class="title" x="%.0f" y="30">%s</text>`+"\n", left, html.EscapeString(p.Title))
	b.WriteString(legend.text)
	p.drawGrid(&b, x, y, width)
	for i, s := range p.Series {
		s.draw(&b, i, x, y)
	}
	p.drawLimits(&b, x, y, width)
	return b.String()
}

func (p Panel) drawGrid(b *strings.Builder, x, y scale, width float64) {
	for _, t := range y.ticks {
		at := y.at(t)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, left, width-right, at, at)
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="end">%s</text>`+"\n", left-8, at+4.5, short(t))
	}
	for _, t := range x.ticks {
		at := x.at(t)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, at, at, y.to, y.from)
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", at, y.from+19, short(t))
	}
	fmt.Fprintf(b, `<text class="label" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n",
		(left+width-right)/2, height-14, html.EscapeString(p.X))
}

func (p Panel) drawLimits(b *strings.Builder, x, y scale, width float64) {
	for _, l := range p.Limits {
		at := y.at(l.Y)
		fmt.Fprintf(b, `<line class="limit" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, left, width-right, at, at)
		tx, ty := p.freePlace(l, x, y, width)
		fmt.Fprintf(b, `<text class="limits" x="%.1f" y="%.1f">%s</text>`+"\n", tx, ty, html.EscapeString(l.Name))
	}
}

func (s Series) draw(b *strings.Builder, i int, x, y scale) {
	var path strings.Builder
	for _, p := range s.Points {
		fmt.Fprintf(&path, " %.1f,%.1f", x.at(p.X), y.at(p.Y))
	}
	fmt.Fprintf(b, `<polyline class="line s%d" points="%s"/>`+"\n", i, strings.TrimSpace(path.String()))
	for _, p := range s.Points {
		at, low, high := x.at(p.X), y.at(p.Low), y.at(p.High)
		if low-high > 1 {
			fmt.Fprintf(b, `<path class="range s%d" d="M%.1f %.1fV%.1fM%.1f %.1fh8M%.1f %.1fh8"/>`, i, at, low, high, at-4, low, at-4, high)
		}
		b.WriteString(marker(i, at, y.at(p.Y)) + "\n")
	}
}

// marker differs in shape too, for who does not tell the colours apart.
func marker(i int, x, y float64) string {
	shapes := []string{"m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0", "m-4 -4h8v8h-8z", "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z", "m0 -5l5.2 9h-10.4z"}
	return fmt.Sprintf(`<path class="point s%d" d="M%.1f %.1f%s"/>`, i, x, y, shapes[i%len(shapes)])
}

type legend struct {
	rows int
	text string
}

// legend names the curves, in as many rows as they need.
func (p Panel) legend(width float64) legend {
	var b strings.Builder
	x, row := left, 0
	for i, s := range p.Series {
		if len(s.Points) == 0 {
			continue
		}
		w := 30 + 0.53*textSize*float64(len([]rune(s.Name)))
		if x > left && x+w > width-right {
			x, row = left, row+1
		}
		y := 52 + lineHeight*float64(row)
		fmt.Fprintf(&b, `<path class="line s%d" d="M%.1f %.1fh20"/>%s`, i, x, y-4.5, marker(i, x+10, y-4.5))
		fmt.Fprintf(&b, `<text class="label" x="%.1f" y="%.1f">%s</text>`+"\n", x+27, y, html.EscapeString(s.Name))
		x += w + 14
	}
	return legend{rows: row, text: b.String()}
}

// bounds are the lowest and the highest value of Y that are shown.
func (p Panel) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range p.Series {
		for _, q := range s.Points {
			low, high = min(low, q.Low), max(high, q.High)
		}
	}
	for _, l := range p.Limits {
		low, high = min(low, l.Y), max(high, l.Y)
	}
	return low, high
}

// sizes are the values of X, ascending.
func (p Panel) sizes() (all []float64) {
	for _, s := range p.Series {
		for _, q := range s.Points {
			all = append(all, q.X)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
