package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// canvas is a layout on its way to be drawn.
type canvas struct {
	*layout
	tops, heights []float64 // of the rows
	left, right   []float64 // how far each row reaches, with the edges that pass beside it
	shift         float64
	width, height float64
	arrows        []arrow
}

const (
	margin  = 4.0
	channel = 13.0 // between what lies there and an edge that leads back beside it
)

func newCanvas(m machine, l *layout) *canvas {
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

// x is the middle of a vertex.
func (c *canvas) x(n int) float64 { return c.vertices[n].x + c.shift }

func (c *canvas) top(n int) float64 { return c.tops[c.vertices[n].row] }

func (c *canvas) bottom(n int) float64 { return c.top(n) + c.vertices[n].h }

// side is the height at which an edge leaves a place beside it.
func (c *canvas) side(n int) float64 { return c.top(n) + boxHeight/2 }

// route draws the edges. Those that lead back come first: they say how wide it gets.
func (c *canvas) route(m machine, t trail) {
	slices.SortStableFunc(c.back, func(a, b edge) int { return cmp.Compare(c.span(a), c.span(b)) })
	lanes := make([]lanes, len(c.back))
	for i, e := range c.back {
		lanes[i] = c.lane(e)
	}
	c.shift = margin - slices.Min(c.left)
	c.width = slices.Max(c.right) + c.shift + margin
	if last := len(c.rows) - 1; slices.ContainsFunc(c.back, func(e edge) bool { return c.vertices[e.From].row == last && len(c.rows[last]) > 1 }) {
		c.height += rowGap / 2
	}
	taken := func(e edge) bool { return t.Taken[[2]string{m.Places[e.From].Text, m.Places[e.To].Text}] }
	for i, e := range c.back {
		c.arrows = append(c.arrows, c.returns(e, lanes[i], taken(e)))
	}
	for _, e := range m.Edges {
		if chain := c.chains[e]; chain != nil {
			c.arrows = append(c.arrows, c.leads(chain, taken(e)))
		}
	}
}

// span is how many rows an edge leads back.
func (c *canvas) span(e edge) int { return c.vertices[e.From].row - c.vertices[e.To].row }

// lanes is where an edge that leads back runs upwards.
type lanes struct {
	x    float64
	sign float64 // 1: to the right of all, -1: to the left
}

// lane finds room for an edge beside the rows that it passes.
func (c *canvas) lane(e edge) lanes {
	from, to := c.vertices[e.From].row, c.vertices[e.To].row
	if c.edgeOf(e.From, -1) && c.edgeOf(e.To, -1) && !(c.edgeOf(e.From, 1) && c.edgeOf(e.To, 1)) {
		x := slices.Min(c.left[to:from+1]) - channel
		for i := to; i <= from; i++ {
			c.left[i] = x
		}
		return lanes{x, -1}
	}
	x := slices.Max(c.right[to:from+1]) + channel
	for i := to; i <= from; i++ {
		c.right[i] = x
	}
	return lanes{x, 1}
}

// edgeOf says that nothing lies beside a place on that side.
func (c *canvas) edgeOf(n int, sign float64) bool {
	row := c.rows[c.vertices[n].row]
	if sign < 0 {
		return row[0] == n
	}
	return row[len(row)-1] == n
}

// leads draws an edge down its chain.
func (c *canvas) leads(chain []int, taken bool) arrow {
	var b strings.Builder
	first, last := chain[0], chain[len(chain)-1]
	x, y := c.x(first), c.bottom(first)
	fmt.Fprintf(&b, "M%s %s", decimal(x), decimal(y))
	for i, n := range chain[1:] {
		row := c.vertices[chain[i]].row
		if end := c.tops[row] + c.heights[row]; end > y {
			fmt.Fprintf(&b, "V%s", decimal(end))
			y = end
		}
		to, top := c.x(n), c.top(n)
		if n == last {
			top -= 4
		}
		half := (top - y) / 2
		fmt.Fprintf(&b, "C%s %s %s %s %s %s", decimal(x), decimal(y+half), decimal(to), decimal(top-half), decimal(to), decimal(top))
		x, y = to, top
	}
	return arrow{Path: b.String(), Head: headDown(x, c.top(last)), Taken: taken}
}

// returns draws an edge that leads back: out beside the place, up, and in again. Where
// something lies beside it, it runs through the gap between the rows.
func (c *canvas) returns(e edge, l lanes, taken bool) arrow {
	var b strings.Builder
	x, s := l.x+c.shift, l.sign
	y, end := c.side(e.From), c.side(e.To)
	if e.From == e.To {
		y, end = y+7, end-7
	}
	from, to := c.vertices[e.From], c.vertices[e.To]
	if c.edgeOf(e.From, s) {
		fmt.Fprintf(&b, "M%s %s", decimal(c.x(e.From)+s*c.boxSide(e.From)), decimal(y))
	} else {
		start := c.x(e.From) + s*from.w/4
		y = c.tops[from.row] + c.heights[from.row] + rowGap/2
		fmt.Fprintf(&b, "M%s %sV%s", decimal(start), decimal(c.bottom(e.From)), decimal(y))
	}
	head := ""
	inside := c.edgeOf(e.To, s)
	if !inside {
		end = c.top(e.To) - rowGap/2
	}
	r := min(6.0, (y-end)/2)
	fmt.Fprintf(&b, "H%sQ%s %s %s %sV%sQ%s %s %s %s", decimal(x-s*r), decimal(x), decimal(y), decimal(x), decimal(y-r),
		decimal(end+r), decimal(x), decimal(end), decimal(x-s*r), decimal(end))
	if inside {
		tip := c.x(e.To) + s*c.boxSide(e.To)
		fmt.Fprintf(&b, "H%s", decimal(tip+s*4))
		head = fmt.Sprintf("M%s %sl%s -4v8z", decimal(tip), decimal(end), decimal(s*7))
	} else {
		tip := c.x(e.To) + s*to.w/4
		fmt.Fprintf(&b, "H%sV%s", decimal(tip), decimal(c.top(e.To)-4))
		head = headDown(tip, c.top(e.To))
	}
	return arrow{Path: b.String(), Head: head, Taken: taken}
}

// boxSide is how far the side of a place's box is from its middle.
func (c *canvas) boxSide(n int) float64 { return c.vertices[n].box / 2 }

// headDown is the head of an arrow that ends there from above.
func headDown(x, y float64) string { return fmt.Sprintf("M%s %sl-4 -7h8z", decimal(x), decimal(y)) }
