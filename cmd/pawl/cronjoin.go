package main

import (
	"fmt"
	"strings"
)

// and joins a list as one speaks it.
func and(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " and " + list[last]
}

// abridged is a list, the middle of a long one left out.
func abridged(list []string) string {
	if len(list) <= 7 {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:3], ", ") + ", …, " + list[len(list)-1]
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// ordinal is 2nd, 3rd, 4th, 11th, 22nd.
func ordinal(n int) string {
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			return fmt.Sprintf("%dst", n)
		case 2:
			return fmt.Sprintf("%dnd", n)
		case 3:
			return fmt.Sprintf("%drd", n)
		}
	}
	return fmt.Sprintf("%dth", n)
}
