package web

import (
	"cmp"
	"slices"
)

const (
	sideGap   = 18.0  // between the places of a row
	sweeps    = 8     // over the rows, to order them and to move what is in them
	aloneWide = 330.0 // a row of places without edges
)

// untangle orders the rows so that few edges cross: again and again each vertex goes
// where its neighbours in the row beside are, and the best of these orders stays.
func (l *layout) untangle() {
	best, least := l.order(), l.crossings()
	for i := 0; i < sweeps && least > 0; i++ {
		l.sweep(i%2 == 0, func(row []int, down bool) {
			at := l.positions()
			mean := func(n int) float64 { return l.mean(n, down, func(v int) float64 { return at[v] }, at[n]) }
			slices.SortStableFunc(row, func(a, b int) int { return cmp.Compare(mean(a), mean(b)) })
		})
		if c := l.crossings(); c < least {
			best, least = l.order(), c
		}
	}
	l.rows = best
}

func (l *layout) order() (rows [][]int) {
	for _, row := range l.rows {
		rows = append(rows, slices.Clone(row))
	}
	return rows
}

// sweep visits the rows from the top down, or up.
func (l *layout) sweep(down bool, visit func(row []int, down bool)) {
	for i := range l.rows {
		if !down {
			i = len(l.rows) - 1 - i
		}
		visit(l.rows[i], down)
	}
}

// positions says the how manieth of its row each vertex is.
func (l *layout) positions() []float64 {
	at := make([]float64, len(l.vertices))
	for _, row := range l.rows {
		for i, n := range row {
			at[n] = float64(i)
		}
	}
	return at
}

// mean is that of the neighbours in the row above, or below; without any, otherwise.
func (l *layout) mean(n int, above bool, of func(int) float64, otherwise float64) float64 {
	near := l.vertices[n].down
	if above {
		near = l.vertices[n].up
	}
	if len(near) == 0 {
		return otherwise
	}
	sum := 0.0
	for _, v := range near {
		sum += of(v)
	}
	return sum / float64(len(near))
}

// crossings is how often edges between neighbouring rows cross.
func (l *layout) crossings() (n int) {
	at := l.positions()
	for _, row := range l.rows {
		var spans [][2]float64
		for _, v := range row {
			for _, to := range l.vertices[v].down {
				spans = append(spans, [2]float64{at[v], at[to]})
			}
		}
		for i, a := range spans {
			for _, b := range spans[i+1:] {
				if (a[0]-b[0])*(a[1]-b[1]) < 0 {
					n++
				}
			}
		}
	}
	return n
}

// shelve puts the places without edges into rows of their own, below the others.
func (l *layout) shelve() {
	width := aloneWide
	for _, n := range l.alone {
		if width += l.vertices[n].w + sideGap; width > aloneWide {
			l.rows = append(l.rows, nil)
			width = l.vertices[n].w
		}
		l.vertices[n].row = len(l.rows) - 1
		l.rows[len(l.rows)-1] = append(l.rows[len(l.rows)-1], n)
	}
}

// spread moves the vertices of the rows, in their order, towards their neighbours.
func (l *layout) spread() {
	for _, row := range l.rows {
		l.settle(row, make([]float64, len(row)))
	}
	for i := range sweeps {
		l.sweep(i%2 == 0, func(row []int, down bool) {
			want := make([]float64, len(row))
			for i, n := range row {
				v := l.vertices[n]
				want[i] = l.mean(n, down, func(v int) float64 { return l.vertices[v].x }, v.x)
			}
			l.settle(row, want)
		})
	}
}

// settle puts a row as near as can be to where it should be: what would overlap is moved
// apart together, evenly.
func (l *layout) settle(row []int, want []float64) {
	type block struct {
		sum   float64
		count int
	}
	offsets := make([]float64, len(row))
	var blocks []block
	for i, n := range row {
		if i > 0 {
			offsets[i] = offsets[i-1] + (l.vertices[row[i-1]].w+l.vertices[n].w)/2 + sideGap
		}
		b := block{want[i] - offsets[i], 1}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if last.sum/float64(last.count) <= b.sum/float64(b.count) {
				break
			}
			b = block{last.sum + b.sum, last.count + b.count}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	i := 0
	for _, b := range blocks {
		for range b.count {
			l.vertices[row[i]].x = b.sum/float64(b.count) + offsets[i]
			i++
		}
	}
}
