package web

import "slices"

// layout is where the places of a machine lie: in rows, each below those that lead to it,
// without the edges that lead back. An edge over several rows has a vertex in each of them.
type layout struct {
	vertices []vertex // the places first, by their indices
	rows     [][]int
	chains   map[edge][]int // vertices that an edge runs through; of those that lead on
	back     []edge
	alone    []int // places without edges
}

type vertex struct {
	row      int
	w, h     float64
	box      float64 // how wide the box of a place is, which may have more below it
	x        float64 // of its middle
	up, down []int
}

// lay lays out a machine whose places are drawn so. The same machine is always laid
// out in the same way.
func lay(m machine, shapes []shape) *layout {
	l := &layout{chains: map[edge][]int{}}
	for _, s := range shapes {
		l.vertices = append(l.vertices, vertex{w: s.w, h: s.h, box: s.boxWide})
	}
	for _, n := range l.rank(m) {
		l.put(n)
	}
	for _, e := range m.Edges {
		if !slices.Contains(l.back, e) {
			l.chain(e)
		}
	}
	l.untangle()
	l.shelve()
	l.spread()
	return l
}

// rank finds the edges that lead back, and the row of each place. It returns the places in the order in which a walk from the start meets them.
func (l *layout) rank(m machine) (order []int) {
	next := make([][]int, len(m.Places))
	edges := make([]int, len(m.Places))
	for _, e := range m.Edges {
		next[e.From] = append(next[e.From], e.To)
		edges[e.From]++
		edges[e.To]++
	}
	const fresh, open, closed = 0, 1, 2
	state := make([]int, len(m.Places))
	var over []int // the last first
	var walk func(n int)
	walk = func(n int) {
		state[n] = open
		order = append(order, n)
		for _, to := range next[n] {
			switch state[to] {
			case fresh:
				walk(to)
			case open:
				l.back = append(l.back, edge{n, to})
			}
		}
		state[n] = closed
		over = append(over, n)
	}
	if m.Start >= 0 {
		walk(m.Start)
	}
	for n := range m.Places {
		switch {
		case state[n] != fresh:
		case edges[n] == 0:
			l.alone = append(l.alone, n)
		default:
			walk(n)
		}
	}
	l.lower(m, over)
	return order
}

// lower puts places below those that lead to them; over has those before these. One that
// no other leads to, and that is not the start, then comes next to where it leads.
func (l *layout) lower(m machine, over []int) {
	next := make([][]int, len(m.Places))
	led := make([]bool, len(m.Places))
	for _, e := range m.Edges {
		if !slices.Contains(l.back, e) {
			next[e.From] = append(next[e.From], e.To)
			led[e.To] = true
		}
	}
	row := func(n int) *int { return &l.vertices[n].row }
	for _, n := range slices.Backward(over) {
		for _, to := range next[n] {
			*row(to) = max(*row(to), *row(n)+1)
		}
	}
	for n, to := range next {
		if !led[n] && n != m.Start && len(to) > 0 {
			*row(n) = *row(slices.MinFunc(to, func(a, b int) int { return *row(a) - *row(b) })) - 1
		}
	}
}

// put adds a vertex to its row.
func (l *layout) put(n int) {
	for len(l.rows) <= l.vertices[n].row {
		l.rows = append(l.rows, nil)
	}
	l.rows[l.vertices[n].row] = append(l.rows[l.vertices[n].row], n)
}

// chain leads an edge through the rows between its ends.
func (l *layout) chain(e edge) {
	chain := []int{e.From}
	for row := l.vertices[e.From].row + 1; row < l.vertices[e.To].row; row++ {
		l.vertices = append(l.vertices, vertex{row: row, w: 8})
		bend := len(l.vertices) - 1
		l.put(bend)
		chain = append(chain, bend)
	}
	chain = append(chain, e.To)
	for i, n := range chain[1:] {
		l.vertices[chain[i]].down = append(l.vertices[chain[i]].down, n)
		l.vertices[n].up = append(l.vertices[n].up, chain[i])
	}
	l.chains[e] = chain
}
