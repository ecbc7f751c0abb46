package chart

import "math"

// freePlace is where the name of a limit keeps furthest from the curves: above or
// below its line, at either end or in the middle.
func (p Panel) freePlace(l Limit, x, y scale, width float64) (bestX, bestY float64) {
	w := 0.5 * textSize * float64(len([]rune(l.Name)))
	best := math.Inf(-1)
	for _, tx := range []float64{width - right - w - 6, left + 6, (left + width - right - w) / 2} {
		for _, ty := range []float64{y.at(l.Y) - 6, y.at(l.Y) + 15} {
			room := min(p.clearance(tx, tx+w, ty-5, x, y), y.from-ty, ty-12-y.to)
			if room > best+1 { // the first ones look best
				best, bestX, bestY = room, tx, ty
			}
		}
	}
	return bestX, bestY
}

// clearance is how far the curves and their ranges, and other limits, keep from
// the middle of a text, in pixels up or down.
func (p Panel) clearance(from, to, middle float64, x, y scale) float64 {
	room := 40.0 // more is not better
	for _, s := range p.Series {
		for i, q := range s.Points {
			if at := x.at(q.X); at > from-8 && at < to+8 {
				room = min(room, outside(middle, y.at(q.High), y.at(q.Low)))
			}
			if i == 0 {
				continue
			}
			before := s.Points[i-1]
			x1, x2, y1, y2 := x.at(before.X), x.at(q.X), y.at(before.Y), y.at(q.Y)
			for step := 0.0; step <= 1; step += 0.02 {
				if at := x1 + step*(x2-x1); at > from && at < to {
					room = min(room, math.Abs(middle-y1-step*(y2-y1)))
				}
			}
		}
	}
	for _, l := range p.Limits {
		if d := math.Abs(middle - y.at(l.Y)); d < 9 { // not its own line
			room = min(room, d)
		}
	}
	return room
}

// outside is how far a value lies outside of low..high.
func outside(v, low, high float64) float64 { return max(low-v, v-high, 0) }
