package diagram

import (
	"cmp"
	"slices"
)

const (
	sideGap    = 18.0  // between the vertices of a row
	looseWidth = 330.0 // of a row of states without edges
	sweeps     = 8     // over all rows, to order them and to move what is in them
)

// untangle orders the vertices of each row so that few edges cross. Sweep after sweep it
// sorts every row by where the neighbours in the next row are, and keeps the best order.
func (l *layout) untangle() {
	best, fewest := l.cloneRows(), l.crossings()
	for i := 0; i < sweeps && fewest > 0; i++ {
		l.sweep(i%2 == 0, func(row []int, down bool) {
			index := l.indexes()
			mean := func(n int) float64 {
				return l.neighbourMean(n, down, func(v int) float64 { return index[v] }, index[n])
			}
			slices.SortStableFunc(row, func(a, b int) int { return cmp.Compare(mean(a), mean(b)) })
		})
		if n := l.crossings(); n < fewest {
			best, fewest = l.cloneRows(), n
		}
	}
	l.rows = best
}

func (l *layout) cloneRows() (rows [][]int) {
	for _, row := range l.rows {
		rows = append(rows, slices.Clone(row))
	}
	return rows
}

// sweep visits the rows, from the top down or from the bottom up.
func (l *layout) sweep(down bool, visit func(row []int, down bool)) {
	for i := range l.rows {
		if !down {
			i = len(l.rows) - 1 - i
		}
		visit(l.rows[i], down)
	}
}

// indexes returns each vertex's index in its row.
func (l *layout) indexes() []float64 {
	index := make([]float64, len(l.vertices))
	for _, row := range l.rows {
		for i, n := range row {
			index[n] = float64(i)
		}
	}
	return index
}

// neighbourMean returns the mean value of a vertex's neighbours in the row above, or below.
// It returns otherwise for a vertex without such neighbours.
func (l *layout) neighbourMean(n int, above bool, value func(int) float64, otherwise float64) float64 {
	near := l.vertices[n].down
	if above {
		near = l.vertices[n].up
	}
	if len(near) == 0 {
		return otherwise
	}
	sum := 0.0
	for _, v := range near {
		sum += value(v)
	}
	return sum / float64(len(near))
}

// crossings counts the pairs of edges between neighbouring rows that cross.
func (l *layout) crossings() (n int) {
	index := l.indexes()
	for _, row := range l.rows {
		var edges [][2]float64
		for _, v := range row {
			for _, to := range l.vertices[v].down {
				edges = append(edges, [2]float64{index[v], index[to]})
			}
		}
		for i, a := range edges {
			for _, b := range edges[i+1:] {
				if (a[0]-b[0])*(a[1]-b[1]) < 0 {
					n++
				}
			}
		}
	}
	return n
}

// spread sets the x of each vertex. It keeps the order of the rows, and moves vertices towards
// their neighbours in the rows above and below.
func (l *layout) spread() {
	for _, row := range l.rows {
		l.place(row, make([]float64, len(row)))
	}
	for i := range sweeps {
		l.sweep(i%2 == 0, func(row []int, down bool) {
			want := make([]float64, len(row))
			for i, n := range row {
				v := l.vertices[n]
				want[i] = l.neighbourMean(n, down, func(v int) float64 { return l.vertices[v].x }, v.x)
			}
			l.place(row, want)
		})
	}
}

// place puts the vertices of a row as near as possible to where they want to be. Vertices that
// would overlap form a block, which lies where its vertices want to be on average.
func (l *layout) place(row []int, want []float64) {
	type block struct {
		sum   float64
		count int
	}
	offsets := make([]float64, len(row)) // from the first vertex, if they stood side by side
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
