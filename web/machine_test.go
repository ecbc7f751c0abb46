package web

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/workflow"
)

// stays is a task that is never called.
func stays(context.Context, *workflow.Resources) (string, error) { return "", nil }

// anyWorkflow draws a workflow with any texts, splits, exits and paths.
func anyWorkflow(rt *rapid.T, most int) *workflow.Workflow[string] {
	w := workflow.New[string]()
	texts := rapid.SliceOfNDistinct(rapid.OneOf(rapid.StringN(0, 30, -1), rapid.SampledFrom([]string{
		`a" as s9`, "x --> y", "[*]", "s1fork <<fork>>", "class s0 here", "a : b", "#34;", "{}<b>&\\", "line\nfeed", "\u202e", "日本語", ""})), 1, most, rapid.ID[string]).Draw(rt, "texts")
	pick := rapid.SampledFrom(texts)
	for _, text := range texts {
		switch rapid.IntRange(0, 5).Draw(rt, "kind") {
		case 0:
			w.Exit(text)
		case 1:
			branches := make([]workflow.Branch, rapid.IntRange(1, 10).Draw(rt, "branches"))
			w.RegisterSplit(text, branches, workflow.Percentage(50, pick.Draw(rt, "join")))
		case 2:
			w.Register(text, stays)
		default:
			w.Register(text, stays, workflow.To(rapid.SliceOfNDistinct(pick, 0, 3, rapid.ID[string]).Draw(rt, "to")...))
		}
	}
	if rapid.Bool().Draw(rt, "begins") {
		w.Initial(texts[0])
	}
	return w
}

// written is the text that package workflow writes for a machine.
func written(m machine) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "    "+format+"\n", args...) }
	quote := func(text string) string {
		var q strings.Builder
		for _, c := range text {
			if c < ' ' || strings.ContainsRune("\"#;<>&\\%{}`:", c) {
				fmt.Fprintf(&q, "#%d;", c)
			} else {
				q.WriteRune(c)
			}
		}
		return q.String()
	}
	b.WriteString("stateDiagram-v2\n")
	for i, p := range m.Places {
		line(`state "%s" as s%d`, quote(p.Text), i)
	}
	if m.Start >= 0 {
		line("[*] --> s%d", m.Start)
	}
	for i, p := range m.Places {
		tail := ""
		if len(p.Branches) > 0 {
			line("state s%dfork <<fork>>", i)
			line("state s%djoin <<join>>", i)
			line("s%d --> s%dfork", i, i)
			for k, text := range p.Branches {
				line(`state "%s" as s%dbranch%d`, text, i, k)
				line("s%dfork --> s%dbranch%d", i, i, k)
				line("s%dbranch%d --> s%djoin", i, k, i)
			}
			tail = "join"
		}
		for _, e := range m.Edges {
			if e.From == i {
				label := ""
				if p.Join != "" {
					label = " : " + quote(p.Join)
				}
				line("s%d%s --> s%d%s", i, tail, e.To, label)
			}
		}
		if p.Exit {
			line("s%d --> [*]", i)
		}
	}
	return b.String()
}

// workflow F12: what package workflow writes is read in full, whatever its states are called.
func TestMachineIsReadFromItsMermaidText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := anyWorkflow(rt, 12).Mermaid()
		m, ok := parseMachine(text)
		if !ok || written(m) != text {
			rt.Fatalf("%s\nis read as\n%s", text, written(m))
		}
	})
	for _, text := range []string{"", "graph TD", "stateDiagram-v2", "stateDiagram-v2\n    s0 --> s1", "stateDiagram-v2\n    state \"a\" as s1",
		"stateDiagram-v2\n    state \"a\" as s0\n    s0 --> s-1", "stateDiagram-v2\n    state \"a\" as s0\n    note"} {
		_, ok := parseMachine(text)
		assert.False(t, ok, text)
	}
}

// workflow F12: with the path of a run the machine is the same, and has the edges that it took.
func TestMachineIsReadWithAPathInIt(t *testing.T) {
	w := workflow.New[string]()
	w.Register("a", stays, workflow.To("b"))
	w.Register("b", stays)
	w.Exit("c")
	w.Initial("a")
	m, ok := parseMachine(w.Mermaid("a", "b", "c"))
	require.True(t, ok)
	assert.Equal(t, []edge{{0, 1}, {1, 2}}, m.Edges)
	plain, _ := parseMachine(w.Mermaid())
	plain = trail{Path: []string{"a", "b", "c", "d"}}.on(plain)
	assert.Equal(t, []edge{{0, 1}, {1, 2}, {2, 3}}, plain.Edges)
	assert.Equal(t, "d", plain.Places[3].Text, "a state that is not registered any more")
}

// workflow F12: of any machine each state lies in its place, no two in the same, edges lead down
// but for those that lead back, and the same machine is drawn in the same way.
func TestAnyMachineIsLaidOut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := anyWorkflow(rt, mostPlaces).Mermaid()
		m, _ := parseMachine(text)
		var shapes []shape
		for _, p := range m.Places {
			shapes = append(shapes, shapeOf(p, trail{}))
		}
		l := lay(m, shapes)
		seen := map[int]bool{}
		for r, row := range l.rows {
			end := math.Inf(-1)
			for _, n := range row {
				v := l.vertices[n]
				if seen[n] || v.row != r || v.x-v.w/2 < end {
					rt.Fatalf("vertex %d of row %d is at %v, the one before ends at %v", n, r, v.x, end)
				}
				seen[n], end = true, v.x+v.w/2
			}
		}
		if len(seen) != len(l.vertices) || len(l.chains)+len(l.back) != len(m.Edges) {
			rt.Fatalf("%d of %d vertices, %d of %d edges", len(seen), len(l.vertices), len(l.chains)+len(l.back), len(m.Edges))
		}
		for e := range l.chains {
			if l.vertices[e.From].row >= l.vertices[e.To].row {
				rt.Fatalf("%v leads up", e)
			}
		}
		again, _ := parseMachine(text)
		first, second := draw(m, trail{}, ""), draw(again, trail{}, "")
		if fmt.Sprint(*first) != fmt.Sprint(*second) || len(first.Boxes) != len(m.Places) || strings.Contains(fmt.Sprint(*first), "NaN") {
			rt.Fatalf("%+v\n%+v", first, second)
		}
	})
}

// What is read is called as it is written.
func TestKindsAreThoseOfWorkflows(t *testing.T) {
	assert.Equal(t, []string{workflow.KindEnter, workflow.KindStep, workflow.KindTimer, workflow.KindFailed, workflow.KindUndo, core.KindInterrupt, core.KindGiveUp},
		[]string{kindEnter, kindStep, kindTimer, kindFailed, kindUndo, kindInterrupt, kindGiveUp})
	assert.Equal(t, []workflow.OutcomeStatus{workflow.BranchSucceeded, workflow.BranchFailed, workflow.BranchCancelled},
		[]workflow.OutcomeStatus{branchSucceeded, branchFailed, branchCancelled})
}

// workflow F12: a chain is straight, and what is alternative stands side by side.
func TestSimpleMachinesLookSimple(t *testing.T) {
	m := machine{Places: make([]place, 5), Edges: []edge{{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}, {3, 0}}}
	shapes := make([]shape, 5)
	for i := range shapes {
		shapes[i] = shape{w: 80, h: boxHeight, boxWide: 80}
	}
	l := lay(m, shapes)
	assert.Equal(t, [][]int{{0}, {1, 2}, {3}, {4}}, l.rows)
	assert.Equal(t, []edge{{3, 0}}, l.back)
	assert.InDelta(t, l.vertices[0].x, l.vertices[3].x, 0.1)
	assert.InDelta(t, l.vertices[3].x, l.vertices[4].x, 0.1)
	assert.InDelta(t, l.vertices[0].x, (l.vertices[1].x+l.vertices[2].x)/2, 0.1)
}
