package web

import (
	"slices"
	"strconv"
	"strings"
)

// machine is a workflow as a graph.
type machine struct {
	Places []place
	Edges  []edge
	Start  int // -1: nobody says where runs begin
}

// place is a state.
type place struct {
	Text     string
	Exit     bool
	Branches []string // of a split
	Join     string   // when that goes on
}

// edge leads from one place to another, by their indices.
type edge struct{ From, To int }

// parseMachine reads a diagram of package workflow, and no other. The marks of a path in
// it are left out.
func parseMachine(text string) (machine, bool) {
	m := machine{Start: -1}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "stateDiagram-v2" {
		return m, false
	}
	for _, line := range lines[1:] {
		if !m.read(strings.TrimPrefix(line, "    ")) {
			return m, false
		}
	}
	return m, len(m.Places) > 0
}

func (m *machine) read(line string) bool {
	if rest, is := strings.CutPrefix(line, `state "`); is {
		text, id, named := strings.Cut(rest, `" as `)
		return named && m.state(unescape(text), id)
	}
	if from, to, is := strings.Cut(line, " --> "); is {
		to, label, _ := strings.Cut(to, " : ")
		return m.arrow(from, to, unescape(label))
	}
	return strings.HasPrefix(line, "class") || strings.HasSuffix(line, " <<fork>>") || strings.HasSuffix(line, " <<join>>")
}

// state adds a state, or a branch of a split.
func (m *machine) state(text, id string) bool {
	n, part := placeOf(id)
	switch {
	case part == "" && n == len(m.Places):
		m.Places = append(m.Places, place{Text: text})
	case strings.HasPrefix(part, "branch") && n >= 0 && n < len(m.Places):
		m.Places[n].Branches = append(m.Places[n].Branches, text)
	default:
		return false
	}
	return true
}

// arrow adds an edge. Those within a split are known by its branches.
func (m *machine) arrow(from, to, label string) bool {
	a, tail := placeOf(from)
	b, head := placeOf(to)
	if from != "[*]" && (a < 0 || a >= len(m.Places)) || to != "[*]" && (b < 0 || b >= len(m.Places)) {
		return false
	}
	switch {
	case from == "[*]":
		m.Start = b
	case to == "[*]":
		m.Places[a].Exit = true
	case head == "" && tail == "join":
		m.Places[a].Join = label
		m.lead(a, b)
	case head == "" && tail == "":
		m.lead(a, b)
	}
	return true
}

// lead adds an edge that is not there yet.
func (m *machine) lead(from, to int) {
	if e := (edge{from, to}); !slices.Contains(m.Edges, e) {
		m.Edges = append(m.Edges, e)
	}
}

// find is the index of a state, or -1.
func (m *machine) find(text string) int {
	return slices.IndexFunc(m.Places, func(p place) bool { return p.Text == text })
}

// placeOf takes apart an id like s3, s3fork, s3join and s3branch0; -1: it is none.
func placeOf(id string) (n int, part string) {
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

// unescape reads the codes of characters, like #34;, that a label holds.
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
