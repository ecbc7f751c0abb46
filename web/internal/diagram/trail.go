package diagram

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-go/pawl/web/internal/plain"
)

// A Trail is what one run did to the states of its machine in its last attempt.
type Trail struct {
	Path   []string               // the states that it entered, in order
	Marks  map[string]Mark        // by state
	Visits map[string]int         // how often it entered each state
	Taken  map[[2]string]bool     // the edges that it took: from, to
	Ended  map[string][]BranchEnd // how the branches of a split ended, by state
}

// A Mark says how a state or a branch stands. It is the class of its colour on the page.
type Mark string

// The marks. A state without one was not entered.
const (
	Passed    Mark = "passed"
	Here      Mark = "here"
	Failed    Mark = "failed"
	Cancelled Mark = "cancelled"
	Undone    Mark = "undone"
	untouched Mark = "todo"
)

// icons are the symbols that stand for marks.
var icons = map[Mark]string{Passed: "completed", Here: "running", Failed: "failed", Cancelled: "cancelled", Undone: "undone"}

// A BranchEnd is how one branch of a split ended.
type BranchEnd struct {
	Mark Mark
	Text string // "failed: no stock"
}

// On returns the machine with the states and edges of the trail added that it does not
// declare.
func (t Trail) On(m Machine) Machine {
	m.States, m.Edges = slices.Clone(m.States), slices.Clone(m.Edges)
	before := -1
	for _, text := range t.Path {
		n := m.find(text)
		if n < 0 {
			n = len(m.States)
			m.States = append(m.States, State{Text: text})
		}
		if before >= 0 {
			m.addEdge(before, n)
		}
		before = n
	}
	return m
}

const mostNamed = 40 // states of a path that its description names

// describe says in words what the run did.
func (t Trail) describe() string {
	if len(t.Path) == 0 {
		return ""
	}
	path, text := t.Path, "The run went "
	if skip := len(path) - mostNamed; skip > 0 {
		path, text = path[skip:], text+"on to "
	}
	text += names(path) + "."
	for _, kind := range []struct {
		mark Mark
		text string
	}{{Here, "It is in %s."}, {Failed, "It failed in %s."}, {Cancelled, "It was cancelled in %s."}, {Undone, "Undone: %s."}} {
		if states := t.marked(kind.mark); len(states) > 0 {
			text += " " + fmt.Sprintf(kind.text, names(states))
		}
	}
	return text
}

// marked returns the states with a mark, in the order in which the run first entered them.
func (t Trail) marked(mark Mark) (states []string) {
	seen := map[string]bool{}
	for _, s := range t.Path {
		if t.Marks[s] == mark && !seen[s] {
			states = append(states, s)
		}
		seen[s] = true
	}
	return states
}

func names(states []string) string {
	list := make([]string, len(states))
	for i, s := range states {
		list[i] = plain.Line(s)
	}
	return strings.Join(list, ", ")
}
