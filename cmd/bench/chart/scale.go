package chart

import (
	"math"
	"strconv"
)

// scale places values between two pixels.
type scale struct {
	low, high float64 // values
	from, to  float64 // their pixels
	log       bool
	ticks     []float64
}

func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		v, low, high = math.Log10(max(v, s.low)), math.Log10(low), math.Log10(high)
	}
	if low == high {
		return (s.from + s.to) / 2
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// sizeScale has the sizes that were measured as its ticks, but for those that
// would touch the one before.
func sizeScale(sizes []float64, from, to float64) scale {
	s := scale{low: sizes[0], high: sizes[len(sizes)-1], from: from, to: to, log: true}
	for _, size := range sizes {
		if n := len(s.ticks); n == 0 || s.at(size)-s.at(s.ticks[n-1]) >= 34 {
			s.ticks = append(s.ticks, size)
		}
	}
	return s
}

// niceLogScale begins and ends at a 1, 2 or 5 of a decade. It has a tick at each
// of them if it is short, and at each decade if it is long.
func niceLogScale(low, high, from, to float64) scale {
	var steps []float64
	for decade := math.Floor(math.Log10(low)); decade <= math.Ceil(math.Log10(high)); decade++ {
		for _, step := range []float64{1, 2, 5} {
			steps = append(steps, step*math.Pow(10, decade))
		}
	}
	first, last := 0, len(steps)-1
	for first+1 < len(steps) && steps[first+1] <= low {
		first++
	}
	for last-1 > first && steps[last-1] >= high {
		last--
	}
	s := scale{low: steps[first], high: steps[last], from: from, to: to, log: true}
	for i := first; i <= last; i++ {
		if last-first <= 7 || i%3 == 0 { // the first of three is the 1
			s.ticks = append(s.ticks, steps[i])
		}
	}
	return s
}

// linearScale reaches from 0 to high in about five steps.
func linearScale(high, from, to float64) scale {
	if high <= 0 {
		high = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(high/5)))
	for _, f := range []float64{1, 2, 5, 10} {
		if high/(f*step) <= 6 {
			step *= f
			break
		}
	}
	s := scale{high: math.Ceil(high/step-1e-9) * step, from: from, to: to}
	for i := 0.0; i*step <= s.high+step/2; i++ {
		s.ticks = append(s.ticks, i*step)
	}
	return s
}

// short writes a number of a scale: 20k, 0.5.
func short(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.size {
			return strconv.FormatFloat(v/unit.size, 'g', 4, 64) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
