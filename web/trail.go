package web

import (
	"fmt"
	"strings"

	"github.com/pawl-go/pawl"
)

// trail is what a run did to the states of its machine in its last attempt.
type trail struct {
	Path   []string             // the states that it entered
	Marks  map[string]string    // by the state: passed, here, failed, cancelled or undone
	Visits map[string]int       // how often each was entered
	Taken  map[[2]string]bool   // from where to where it went
	Ended  map[string][]outcome // of the branches of a split
}

func trailOf(run pawl.RunInfo, done []pawl.Checkpoint) trail {
	t := newTrail()
	for _, c := range done {
		t.follow(c)
	}
	if last := len(t.Path) - 1; last >= 0 && t.Marks[t.Path[last]] == "here" {
		t.Marks[t.Path[last]] = endOf(run.Status)
	}
	return t
}

func newTrail() trail {
	return trail{Marks: map[string]string{}, Visits: map[string]int{}, Taken: map[[2]string]bool{}, Ended: map[string][]outcome{}}
}

// follow is one checkpoint more.
func (t *trail) follow(c pawl.Checkpoint) {
	l := loadOf(c)
	switch c.Kind {
	case kindEnter:
		if l.Begin != nil {
			*t = newTrail()
		}
		t.enter(c.State, l.Branches)
	case kindFailed:
		t.Marks[c.State] = "failed"
	case kindUndo:
		t.Marks[c.State] = "undone"
		if l.Error != "" {
			t.Marks[c.State] = "failed"
		}
	}
}

func (t *trail) enter(state string, came []outcome) {
	if len(t.Path) > 0 {
		from := t.Path[len(t.Path)-1]
		t.Marks[from] = "passed"
		t.Taken[[2]string{from, state}] = true
		if came != nil {
			t.Ended[from] = came
		}
	}
	t.Path = append(t.Path, state)
	t.Visits[state]++
	t.Marks[state] = "here"
}

// endOf is how a run left the last state that it entered, if nothing else was recorded
// of that.
func endOf(s pawl.RunStatus) string {
	switch {
	case !s.Over():
		return "here"
	case s == pawl.RunCompleted, s == pawl.RunSkipped:
		return "passed"
	case s == pawl.RunCancelled:
		return "cancelled"
	}
	return "failed"
}

// on is the machine with the states and edges of the trail that it does not declare.
func (t trail) on(m machine) machine {
	before := -1
	for _, text := range t.Path {
		n := m.find(text)
		if n < 0 {
			n = len(m.Places)
			m.Places = append(m.Places, place{Text: text})
		}
		if before >= 0 {
			m.lead(before, n)
		}
		before = n
	}
	return m
}

// words says what the trail was.
func (t trail) words() string {
	if len(t.Path) == 0 {
		return ""
	}
	path := t.Path
	text := "The run went "
	if skip := len(path) - mostWords; skip > 0 {
		path = path[skip:]
		text += "on to "
	}
	text += quoted(path) + "."
	for _, kind := range []struct{ mark, text string }{
		{"here", "It is in %s."}, {"failed", "It failed in %s."}, {"cancelled", "It was cancelled in %s."}, {"undone", "Undone: %s."},
	} {
		if states := t.marked(kind.mark); len(states) > 0 {
			text += " " + fmt.Sprintf(kind.text, quoted(states))
		}
	}
	return text
}

const mostWords = 40 // states that are named in a row

// marked is the states with a mark, in the order in which they were first entered.
func (t trail) marked(mark string) (states []string) {
	seen := map[string]bool{}
	for _, s := range t.Path {
		if t.Marks[s] == mark && !seen[s] {
			states = append(states, s)
		}
		seen[s] = true
	}
	return states
}

func quoted(states []string) string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = oneLine(s)
	}
	return strings.Join(names, ", ")
}

// oneLine is a text, of a state, as it is shown.
func oneLine(text string) string {
	if text = strings.Join(strings.Fields(printable(text)), " "); text == "" {
		return "(empty)"
	}
	return text
}
