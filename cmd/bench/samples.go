package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// results are the samples of the experiments, by name.
type results map[string]samples

// of is what was measured of a side's value, "side.value"; nil if nothing was.
func (r results) of(experiment, value string) []float64 { return r[experiment][value] }

// ratios are those of two values, round by round.
func (r results) ratios(experiment, value, to string) []float64 {
	return ratios(r.of(experiment, value), r.of(experiment, to))
}

// samples are the values of the rounds, by "side.value".
type samples map[string][]float64

func (s samples) add(side string, v values) {
	for name, value := range v {
		s[side+"."+name] = append(s[side+"."+name], value)
	}
}

func ratios(a, b []float64) []float64 {
	if len(a) != len(b) { // a side has failed
		return nil
	}
	all := make([]float64, len(a))
	for i := range all {
		all[i] = a[i] / b[i]
	}
	return all
}

// median of the rounds; NaN of none.
func median(rounds []float64) float64 {
	n := len(rounds)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(rounds))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread is the median of the rounds and, if there are several, their range.
func spread(rounds []float64) string {
	switch len(rounds) {
	case 0:
		return ""
	case 1:
		return number(rounds[0])
	}
	low, high := number(slices.Min(rounds)), number(slices.Max(rounds))
	if low == high {
		return low
	}
	return fmt.Sprintf("%s (%s–%s)", number(median(rounds)), low, high)
}

// number shows what is significant in a value.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case math.IsNaN(v):
		return ""
	case abs >= 100 || abs == 0:
		return grouped(v)
	case abs >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case abs >= 0.095:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
}

// grouped is a whole number with its thousands set apart.
func grouped[N int | float64](v N) string {
	digits := strconv.FormatInt(int64(math.Round(math.Abs(float64(v)))), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if v < 0 {
		return "-" + digits
	}
	return digits
}
