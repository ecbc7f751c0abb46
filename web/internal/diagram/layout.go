package diagram

import "slices"

// A layout gives each state a row and a place in it. A row lies below the states that lead
// to it; edges that lead back do not count for this.
//
// An edge over several rows is a chain of vertices: its two states, and a bend in each row
// between them.
type layout struct {
	vertices []vertex // first the states, by index, then the bends
	rows     [][]int  // vertices from left to right
	chains   map[Edge][]int
	back     []Edge // the edges that lead back; they have no chain
	loose    []int  // states without edges
}

// A vertex is a state or a bend.
type vertex struct {
	row      int
	w, h     float64
	boxWidth float64 // of a state; its branches may make w larger
	x        float64 // of the middle
	up, down []int   // neighbours in the rows above and below
}

// layOut lays out a machine whose states have these shapes. The same machine always gets the
// same layout.
func layOut(m Machine, shapes []shape) *layout {
	l := &layout{chains: map[Edge][]int{}}
	for _, s := range shapes {
		l.vertices = append(l.vertices, vertex{w: s.w, h: s.h, boxWidth: s.boxWidth})
	}
	entered, finished := l.walk(m)
	l.assignRows(m, finished)
	for _, n := range entered {
		l.addToRow(n)
	}
	for _, e := range m.Edges {
		if !slices.Contains(l.back, e) {
			l.addChain(e)
		}
	}
	l.untangle()
	l.addLooseRows()
	l.spread()
	return l
}

// walk visits every state with edges, depth first from the start. It finds the edges that
// lead back and the states without edges. It returns the states in the order of entering and
// in the order of leaving them.
func (l *layout) walk(m Machine) (entered, finished []int) {
	next, edges := make([][]int, len(m.States)), make([]int, len(m.States))
	for _, e := range m.Edges {
		next[e.From] = append(next[e.From], e.To)
		edges[e.From]++
		edges[e.To]++
	}
	const fresh, open, closed = 0, 1, 2
	state := make([]int, len(m.States))
	var visit func(n int)
	visit = func(n int) {
		state[n] = open
		entered = append(entered, n)
		for _, to := range next[n] {
			switch state[to] {
			case fresh:
				visit(to)
			case open:
				l.back = append(l.back, Edge{n, to})
			}
		}
		state[n] = closed
		finished = append(finished, n)
	}
	if m.Start >= 0 {
		visit(m.Start)
	}
	for n := range m.States {
		switch {
		case state[n] != fresh:
		case edges[n] == 0:
			l.loose = append(l.loose, n)
		default:
			visit(n)
		}
	}
	return entered, finished
}

// assignRows puts each state one row below the lowest state that leads to it. finished has
// every state after those that it leads to. A state that nothing leads to, other than the
// start, goes one row above the highest state that it leads to.
func (l *layout) assignRows(m Machine, finished []int) {
	next, hasBefore := make([][]int, len(m.States)), make([]bool, len(m.States))
	for _, e := range m.Edges {
		if !slices.Contains(l.back, e) {
			next[e.From] = append(next[e.From], e.To)
			hasBefore[e.To] = true
		}
	}
	row := func(n int) *int { return &l.vertices[n].row }
	for _, n := range slices.Backward(finished) {
		for _, to := range next[n] {
			*row(to) = max(*row(to), *row(n)+1)
		}
	}
	for n, to := range next {
		if !hasBefore[n] && n != m.Start && len(to) > 0 {
			*row(n) = *row(slices.MinFunc(to, func(a, b int) int { return *row(a) - *row(b) })) - 1
		}
	}
}

func (l *layout) addToRow(n int) {
	for len(l.rows) <= l.vertices[n].row {
		l.rows = append(l.rows, nil)
	}
	l.rows[l.vertices[n].row] = append(l.rows[l.vertices[n].row], n)
}

const bendWidth = 8.0

// addChain leads an edge through the rows between its ends.
func (l *layout) addChain(e Edge) {
	chain := []int{e.From}
	for row := l.vertices[e.From].row + 1; row < l.vertices[e.To].row; row++ {
		l.vertices = append(l.vertices, vertex{row: row, w: bendWidth})
		bend := len(l.vertices) - 1
		l.addToRow(bend)
		chain = append(chain, bend)
	}
	chain = append(chain, e.To)
	for i, n := range chain[1:] {
		l.vertices[chain[i]].down = append(l.vertices[chain[i]].down, n)
		l.vertices[n].up = append(l.vertices[n].up, chain[i])
	}
	l.chains[e] = chain
}

// addLooseRows puts the states without edges into rows of their own, below the others.
func (l *layout) addLooseRows() {
	width := looseWidth
	for _, n := range l.loose {
		if width += l.vertices[n].w + sideGap; width > looseWidth {
			l.rows = append(l.rows, nil)
			width = l.vertices[n].w
		}
		l.vertices[n].row = len(l.rows) - 1
		l.rows[len(l.rows)-1] = append(l.rows[len(l.rows)-1], n)
	}
}
