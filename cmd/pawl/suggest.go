package main

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean is ": did you mean ...?" with the known word nearest to a mistyped
// one. If none is near it names them, unless they are many.
func didYouMean(word string, known []string) string {
	if hint := suggestion(word, known); hint != "" || len(known) > 12 {
		return hint
	}
	return ": there is " + strings.Join(known, ", ")
}

// suggestion is ": did you mean ...?" with the known word nearest to a mistyped one; empty:
// none is near.
func suggestion(word string, known []string) string {
	best, least := "", min(len(word), 60)/3+2
	for _, k := range known {
		if d := distance([]rune(word), []rune(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance counts the letters to add, drop or change to make b out of a.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next := slices.Clone(row)
		next[0] = i + 1
		for j := range b {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
		}
		row = next
	}
	return row[len(b)]
}
