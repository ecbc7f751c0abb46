package core

import "fmt"

// plural is a number of things.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// times is how often something happened.
func times(n int) string { return plural(n, "time") }

// queued says how many starts of a flow wait.
func queued(n int, flow string) string {
	if n == 1 {
		return fmt.Sprintf("1 start of flow %q waits", flow)
	}
	return fmt.Sprintf("%d starts of flow %q wait", n, flow)
}
