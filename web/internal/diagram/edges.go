package diagram

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pawl-go/pawl/web/internal/plain"
)

// An Arrow is an edge as it is drawn: a line and its head.
type Arrow struct {
	Path, Head string
	Taken      bool // by the run
}

const (
	margin  = 4.0
	rowGap  = 28.0
	laneGap = 13.0 // between an edge that leads back and what it passes
	headGap = 4.0  // between the end of a line and the box: the head covers it
	corner  = 6.0  // radius
)

// A canvas is a layout with coordinates, on which edges are drawn.
type canvas struct {
	*layout
	tops, heights []float64 // of the rows
	left, right   []float64 // how far each row reaches, with the edges that pass beside it
	shift         float64   // from the layout's x to the drawing's
	width, height float64
	arrows        []Arrow
}

func newCanvas(m Machine, l *layout) *canvas {
	c := &canvas{layout: l}
	y := 18.0
	if m.Start >= 0 {
		y = 26
	}
	for _, row := range l.rows {
		height, left, right := 0.0, math.Inf(1), math.Inf(-1)
		for _, n := range row {
			v := l.vertices[n]
			height, left, right = max(height, v.h), min(left, v.x-v.w/2), max(right, v.x+v.w/2)
		}
		c.tops, c.heights = append(c.tops, y), append(c.heights, height)
		c.left, c.right = append(c.left, left), append(c.right, right)
		y += height + rowGap
	}
	c.height = y - rowGap + margin
	return c
}

// x returns the middle of a vertex.
func (c *canvas) x(n int) float64 { return c.vertices[n].x + c.shift }

func (c *canvas) top(n int) float64 { return c.tops[c.vertices[n].row] }

func (c *canvas) bottom(n int) float64 { return c.top(n) + c.vertices[n].h }

func (c *canvas) rowBottom(row int) float64 { return c.tops[row] + c.heights[row] }

// routeEdges draws every edge. The edges that lead back choose their lanes first: the lanes
// decide how wide the drawing is.
func (c *canvas) routeEdges(m Machine, t Trail) {
	slices.SortStableFunc(c.back, func(a, b Edge) int { return cmp.Compare(c.rowsBack(a), c.rowsBack(b)) })
	lanes := make([]lane, len(c.back))
	for i, e := range c.back {
		lanes[i] = c.findLane(e)
	}
	c.shift = margin - slices.Min(c.left)
	c.width = slices.Max(c.right) + c.shift + margin
	last := len(c.rows) - 1
	if len(c.rows[last]) > 1 && slices.ContainsFunc(c.back, func(e Edge) bool { return c.vertices[e.From].row == last }) {
		c.height += rowGap / 2 // for the edge that leaves below the last row
	}
	taken := func(e Edge) bool { return t.Taken[[2]string{m.States[e.From].Text, m.States[e.To].Text}] }
	for i, e := range c.back {
		arrow := c.drawBack(e, lanes[i])
		arrow.Taken = taken(e)
		c.arrows = append(c.arrows, arrow)
	}
	for _, e := range m.Edges {
		if chain := c.chains[e]; chain != nil {
			arrow := c.drawDown(chain)
			arrow.Taken = taken(e)
			c.arrows = append(c.arrows, arrow)
		}
	}
}

// rowsBack returns how many rows an edge leads back.
func (c *canvas) rowsBack(e Edge) int { return c.vertices[e.From].row - c.vertices[e.To].row }

// A lane is where an edge that leads back runs upwards.
type lane struct {
	x    float64
	side side
}

// A side is the right or the left of what an edge passes; it is the sign of the way there.
type side float64

const (
	left  side = -1
	right side = 1
)

// findLane finds room for an edge beside the rows that it passes, and takes it.
func (c *canvas) findLane(e Edge) lane {
	from, to := c.vertices[e.From].row, c.vertices[e.To].row
	if c.isOutermost(e.From, left) && c.isOutermost(e.To, left) && !(c.isOutermost(e.From, right) && c.isOutermost(e.To, right)) {
		x := slices.Min(c.left[to:from+1]) - laneGap
		for row := to; row <= from; row++ {
			c.left[row] = x
		}
		return lane{x, left}
	}
	x := slices.Max(c.right[to:from+1]) + laneGap
	for row := to; row <= from; row++ {
		c.right[row] = x
	}
	return lane{x, right}
}

// isOutermost says whether nothing in its row lies beside a vertex on that side.
func (c *canvas) isOutermost(n int, s side) bool {
	row := c.rows[c.vertices[n].row]
	if s == left {
		return row[0] == n
	}
	return row[len(row)-1] == n
}

// drawDown draws an edge along its chain: straight through each row, and a curve to the next.
func (c *canvas) drawDown(chain []int) Arrow {
	var b strings.Builder
	first, last := chain[0], chain[len(chain)-1]
	x, y := c.x(first), c.bottom(first)
	fmt.Fprintf(&b, "M%s %s", plain.Decimal(x), plain.Decimal(y))
	for i, n := range chain[1:] {
		if end := c.rowBottom(c.vertices[chain[i]].row); end > y {
			fmt.Fprintf(&b, "V%s", plain.Decimal(end))
			y = end
		}
		to, top := c.x(n), c.top(n)
		if n == last {
			top -= headGap
		}
		half := (top - y) / 2
		fmt.Fprintf(&b, "C%s %s %s %s %s %s", plain.Decimal(x), plain.Decimal(y+half), plain.Decimal(to), plain.Decimal(top-half), plain.Decimal(to), plain.Decimal(top))
		x, y = to, top
	}
	return Arrow{Path: b.String(), Head: headDown(x, c.top(last))}
}

// drawBack draws an edge that leads back: out of the state, up its lane, and in again.
func (c *canvas) drawBack(e Edge, l lane) Arrow {
	out, y := c.leave(e, l.side)
	in, head, end := c.enter(e, l.side)
	x, s := l.x+c.shift, float64(l.side)
	r := min(corner, (y-end)/2)
	up := fmt.Sprintf("H%sQ%s %s %s %sV%sQ%s %s %s %s", plain.Decimal(x-s*r), plain.Decimal(x), plain.Decimal(y), plain.Decimal(x), plain.Decimal(y-r),
		plain.Decimal(end+r), plain.Decimal(x), plain.Decimal(end), plain.Decimal(x-s*r), plain.Decimal(end))
	return Arrow{Path: out + up + in, Head: head}
}

// leave draws the beginning of an edge that leads back, and returns the height at which it
// goes on to its lane: beside the box, or below it if something lies beside it.
func (c *canvas) leave(e Edge, s side) (path string, y float64) {
	x, from := c.x(e.From), c.vertices[e.From]
	if c.isOutermost(e.From, s) {
		y = c.boxMiddle(e.From)
		if e.From == e.To {
			y += 7
		}
		return fmt.Sprintf("M%s %s", plain.Decimal(x+float64(s)*from.boxWidth/2), plain.Decimal(y)), y
	}
	y = c.rowBottom(from.row) + rowGap/2
	return fmt.Sprintf("M%s %sV%s", plain.Decimal(x+float64(s)*from.w/4), plain.Decimal(c.bottom(e.From)), plain.Decimal(y)), y
}

// enter draws the end of an edge that leads back, and returns the height at which it comes
// from its lane: beside the box, or above it if something lies beside it.
func (c *canvas) enter(e Edge, s side) (path, head string, y float64) {
	x, to := c.x(e.To), c.vertices[e.To]
	if c.isOutermost(e.To, s) {
		y = c.boxMiddle(e.To)
		if e.From == e.To {
			y -= 7
		}
		tip := x + float64(s)*to.boxWidth/2
		return fmt.Sprintf("H%s", plain.Decimal(tip+float64(s)*headGap)), headAside(tip, y, s), y
	}
	tip, top := x+float64(s)*to.w/4, c.top(e.To)
	return fmt.Sprintf("H%sV%s", plain.Decimal(tip), plain.Decimal(top-headGap)), headDown(tip, top), top - rowGap/2
}

// boxMiddle returns the height of the middle of a state's box.
func (c *canvas) boxMiddle(n int) float64 { return c.top(n) + boxHeight/2 }

// headDown returns the head of an arrow that ends at x and y from above.
func headDown(x, y float64) string {
	return fmt.Sprintf("M%s %sl-4 -7h8z", plain.Decimal(x), plain.Decimal(y))
}

// headAside returns the head of an arrow that ends at x and y from that side.
func headAside(x, y float64, s side) string {
	return fmt.Sprintf("M%s %sl%s -4v8z", plain.Decimal(x), plain.Decimal(y), plain.Decimal(float64(s)*7))
}
