package main

import (
	"slices"

	"github.com/pawl-go/pawl/internal/cronexpr"
)

// A cronField is one field of an expression that was accepted.
type cronField struct{ cronexpr.Field }

// any says that the field asks for nothing.
func (f cronField) any() bool {
	return slices.ContainsFunc(f.Parts, func(p cronexpr.Part) bool { return p.Star && p.Step == 1 })
}

// listed are the numbers of a field that has no range, no step and no day that needs a
// calendar; false: it has one.
func (f cronField) listed() (numbers []int, ok bool) {
	for _, p := range f.Parts {
		if p.Kind != cronexpr.Numbers || p.From != p.To || p.Star {
			return nil, false
		}
		numbers = append(numbers, p.From)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), true
}

func (f cronField) namesOf(numbers []int) []string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = f.Name(n)
	}
	return names
}
