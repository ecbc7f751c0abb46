package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

const caption = `**pawl** is the library as its users call it; **raw** is the same work by hand through database/sql and modernc.org/sqlite, on the
same schema with the same settings (WAL, synchronous=FULL, foreign keys), statements prepared once on one connection, no scheduler:

- runs: pawl has one goroutine per flow in flight that calls Trigger and WaitRun over and over; the job does nothing. raw repeats two transactions,
  one with the three statements of a reserve (update state, insert run, insert transition) for each of these flows and one with the three of
  an outcome (update state, update run, insert transition). Both spread their flows over %s known ones. "store alone" is Pawl's own store
  fed with the same batches, its time in Commit alone. Afterwards every database is checked for a row of each run and two transitions.
- trigger to first line of the job: one at a time with pauses of %s; raw is one transaction with a reserve's three statements.
- start: Scheduler.Start from call to return in a new process, flows manual; raw opens the file and reads every row with Pawl's SELECT.
  First start: an empty file; raw inserts the same rows in one transaction into a file with the schema.
- memory: growth of live heap and resident set over a process with a scheduler of one flow behind it. Flows that ran did so twice, 250 at once
  in random order.

| | unit | pawl | raw | pawl / raw |
|---|---|---|---|---|
`

// samples are the values of the rounds, by "side.value".
type samples map[string][]float64

func (s samples) add(side string, v values) {
	for name, value := range v {
		s[side+"."+name] = append(s[side+"."+name], value)
	}
}

func (x experiment) print(s samples) {
	for _, r := range x.rows {
		pawl, raw, ratio := s[r.pawl], "", ""
		if r.raw != "" {
			raw = spread(s[r.raw])
			ratio = spread(ratios(pawl, s[r.raw]))
		}
		fmt.Printf("| %s | %s | %s | %s | %s |\n", r.title, r.unit, spread(pawl), raw, ratio)
	}
}

func ratios(pawl, raw []float64) []float64 {
	all := make([]float64, len(pawl))
	for i := range all {
		all[i] = pawl[i] / raw[i]
	}
	return all
}

// spread is the median of the rounds and, if there are several, their range.
func spread(rounds []float64) string {
	sorted := slices.Sorted(slices.Values(rounds))
	middle := median(sorted)
	if len(sorted) == 1 {
		return number(middle)
	}
	return fmt.Sprintf("%s (%s–%s)", number(middle), number(sorted[0]), number(sorted[len(sorted)-1]))
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// number shows what is significant in a value.
func number(v float64) string {
	switch {
	case math.Abs(v) >= 100:
		return grouped(v)
	case math.Abs(v) >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// grouped is a whole number with its thousands set apart.
func grouped(v float64) string {
	digits := strconv.FormatInt(int64(math.Round(math.Abs(v))), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if v < 0 {
		return "-" + digits
	}
	return digits
}
