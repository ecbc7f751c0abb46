package diagram

import (
	"slices"
	"strconv"
	"strings"
)

// A Machine is a workflow as a graph.
type Machine struct {
	States []State
	Edges  []Edge
	Start  int // index of the state in which runs begin; -1: unknown
}

// A State is a state of a workflow.
type State struct {
	Text     string
	Exit     bool     // runs can end here
	Branches []string // of a split
	Join     string   // of a split: when its run goes on, like "quorum of 2"
}

// An Edge leads from one state to another, by index.
type Edge struct{ From, To int }

// None is the machine of a job that has none, or whose machine is unknown.
func None() Machine { return Machine{Start: -1} }

// Parse reads the Mermaid text that package workflow writes, and no other. It ignores the
// path of a run in the text.
func Parse(text string) (m Machine, ok bool) {
	m = None()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "stateDiagram-v2" {
		return m, false
	}
	for _, line := range lines[1:] {
		if !m.parseLine(strings.TrimPrefix(line, "    ")) {
			return m, false
		}
	}
	return m, len(m.States) > 0
}

func (m *Machine) parseLine(line string) (ok bool) {
	if rest, is := strings.CutPrefix(line, `state "`); is {
		text, id, named := strings.Cut(rest, `" as `)
		return named && m.addState(unescape(text), id)
	}
	if from, to, is := strings.Cut(line, " --> "); is {
		to, label, _ := strings.Cut(to, " : ")
		return m.addArrow(from, to, unescape(label))
	}
	return strings.HasPrefix(line, "class") || strings.HasSuffix(line, " <<fork>>") || strings.HasSuffix(line, " <<join>>")
}

// addState adds a state, or a branch to the split that it belongs to.
func (m *Machine) addState(text, id string) (ok bool) {
	n, part := parseID(id)
	switch {
	case part == "" && n == len(m.States):
		m.States = append(m.States, State{Text: text})
	case strings.HasPrefix(part, "branch") && n >= 0 && n < len(m.States):
		m.States[n].Branches = append(m.States[n].Branches, text)
	default:
		return false
	}
	return true
}

// addArrow adds the edge that a line of the text describes. Lines within a split add none:
// its branches say it all.
func (m *Machine) addArrow(from, to, label string) (ok bool) {
	a, tail := parseID(from)
	b, head := parseID(to)
	if from != "[*]" && (a < 0 || a >= len(m.States)) || to != "[*]" && (b < 0 || b >= len(m.States)) {
		return false
	}
	switch {
	case from == "[*]":
		m.Start = b
	case to == "[*]":
		m.States[a].Exit = true
	case head == "" && tail == "join":
		m.States[a].Join = label
		m.addEdge(a, b)
	case head == "" && tail == "":
		m.addEdge(a, b)
	}
	return true
}

// addEdge adds an edge unless the machine has it.
func (m *Machine) addEdge(from, to int) {
	if e := (Edge{from, to}); !slices.Contains(m.Edges, e) {
		m.Edges = append(m.Edges, e)
	}
}

// find returns the index of a state, or -1.
func (m *Machine) find(text string) int {
	return slices.IndexFunc(m.States, func(s State) bool { return s.Text == text })
}

// parseID splits an id like s3, s3fork, s3join or s3branch0 into the index and the rest.
// The index of any other id is -1.
func parseID(id string) (n int, part string) {
	digits, is := strings.CutPrefix(id, "s")
	if !is {
		return -1, ""
	}
	end := strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(digits)
	}
	n, err := strconv.Atoi(digits[:end])
	if err != nil {
		return -1, ""
	}
	return n, digits[end:]
}

// unescape replaces codes of characters, like #34;, by the characters.
func unescape(label string) string {
	var b strings.Builder
	for {
		before, rest, is := strings.Cut(label, "#")
		b.WriteString(before)
		if !is {
			return b.String()
		}
		code, after, _ := strings.Cut(rest, ";")
		if n, err := strconv.Atoi(code); err == nil {
			b.WriteRune(rune(n))
		}
		label = after
	}
}
