package diagram

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/web/internal/plain"
	"github.com/pawl-go/pawl/workflow"
)

// neverCalled is a task for machines that do not run.
func neverCalled(context.Context, *workflow.Resources) (string, error) { return "", nil }

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
			w.Register(text, neverCalled)
		default:
			w.Register(text, neverCalled, workflow.To(rapid.SliceOfNDistinct(pick, 0, 3, rapid.ID[string]).Draw(rt, "to")...))
		}
	}
	if rapid.Bool().Draw(rt, "begins") {
		w.Initial(texts[0])
	}
	return w
}

// mermaid writes a machine as package workflow does.
func mermaid(m Machine) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "    "+format+"\n", args...) }
	b.WriteString("stateDiagram-v2\n")
	for i, s := range m.States {
		line(`state "%s" as s%d`, escape(s.Text), i)
	}
	if m.Start >= 0 {
		line("[*] --> s%d", m.Start)
	}
	for i, s := range m.States {
		tail := ""
		if len(s.Branches) > 0 {
			tail = "join"
			line("state s%dfork <<fork>>", i)
			line("state s%djoin <<join>>", i)
			line("s%d --> s%dfork", i, i)
			for k, text := range s.Branches {
				line(`state "%s" as s%dbranch%d`, text, i, k)
				line("s%dfork --> s%dbranch%d", i, i, k)
				line("s%dbranch%d --> s%djoin", i, k, i)
			}
		}
		for _, e := range m.Edges {
			if e.From == i {
				label := ""
				if s.Join != "" {
					label = " : " + escape(s.Join)
				}
				line("s%d%s --> s%d%s", i, tail, e.To, label)
			}
		}
		if s.Exit {
			line("s%d --> [*]", i)
		}
	}
	return b.String()
}

func escape(text string) string {
	var b strings.Builder
	for _, c := range text {
		if c < ' ' || strings.ContainsRune("\"#;<>&\\%{}`:", c) {
			fmt.Fprintf(&b, "#%d;", c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// workflow F12: Parse loses nothing that package workflow writes, whatever the states are called.
func TestParsedMachineIsAllOfTheMermaidText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := anyWorkflow(rt, 12).Mermaid()
		m, ok := Parse(text)
		if !ok || mermaid(m) != text {
			rt.Fatalf("%s\nis read as\n%s", text, mermaid(m))
		}
	})
}

func TestParseRefusesOtherTexts(t *testing.T) {
	for _, text := range []string{"", "graph TD", "stateDiagram-v2", "stateDiagram-v2\n    s0 --> s1", "stateDiagram-v2\n    state \"a\" as s1",
		"stateDiagram-v2\n    state \"a\" as s0\n    s0 --> s-1", "stateDiagram-v2\n    state \"a\" as s0\n    note"} {
		_, ok := Parse(text)
		assert.False(t, ok, text)
	}
}

// workflow F12: the path of a run adds the edges that it took, and states that are not
// registered any more.
func TestMachineHasEveryStateOfATrail(t *testing.T) {
	w := workflow.New[string]()
	w.Register("a", neverCalled, workflow.To("b"))
	w.Register("b", neverCalled)
	w.Exit("c")
	w.Initial("a")
	m, ok := Parse(w.Mermaid("a", "b", "c"))
	require.True(t, ok)
	assert.Equal(t, []Edge{{0, 1}, {1, 2}}, m.Edges)
	declared, _ := Parse(w.Mermaid())
	whole := Trail{Path: []string{"a", "b", "c", "d"}}.On(declared)
	assert.Equal(t, []Edge{{0, 1}, {1, 2}, {2, 3}}, whole.Edges)
	assert.Equal(t, "d", whole.States[3].Text)
	assert.Len(t, declared.States, 3, "the declared machine stays as it is")
}

// workflow F12: every state has a place, no two the same; every edge leads down, except the
// edges that lead back; the same machine gives the same drawing.
func TestAnyMachineIsDrawn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := anyWorkflow(rt, MaxStates).Mermaid()
		m, _ := Parse(text)
		l := layOut(m, shapesOf(m))
		checkRows(rt, l)
		if len(l.chains)+len(l.back) != len(m.Edges) {
			rt.Fatalf("%d of %d edges", len(l.chains)+len(l.back), len(m.Edges))
		}
		for e := range l.chains {
			if l.vertices[e.From].row >= l.vertices[e.To].row {
				rt.Fatalf("%v leads up", e)
			}
		}
		again, _ := Parse(text)
		first, second := Draw(m, Trail{}, ""), Draw(again, Trail{}, "")
		if fmt.Sprint(first) != fmt.Sprint(second) || len(first.Boxes) != len(m.States) || strings.Contains(fmt.Sprint(first), "NaN") {
			rt.Fatalf("%+v\n%+v", first, second)
		}
	})
}

func shapesOf(m Machine) (shapes []shape) {
	for _, s := range m.States {
		shapes = append(shapes, shapeOf(s, Trail{}))
	}
	return shapes
}

// checkRows fails unless every vertex is in its row once and overlaps no other.
func checkRows(rt *rapid.T, l *layout) {
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
	if len(seen) != len(l.vertices) {
		rt.Fatalf("%d of %d vertices", len(seen), len(l.vertices))
	}
}

// workflow F12.
func TestChainIsStraightAndAlternativesStandSideBySide(t *testing.T) {
	m := Machine{States: make([]State, 5), Edges: []Edge{{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}, {3, 0}}}
	l := layOut(m, slices.Repeat([]shape{{w: 80, h: boxHeight, boxWidth: 80}}, 5))
	assert.Equal(t, [][]int{{0}, {1, 2}, {3}, {4}}, l.rows)
	assert.Equal(t, []Edge{{3, 0}}, l.back)
	assert.InDelta(t, l.vertices[0].x, l.vertices[3].x, 0.1)
	assert.InDelta(t, l.vertices[3].x, l.vertices[4].x, 0.1)
	assert.InDelta(t, l.vertices[0].x, (l.vertices[1].x+l.vertices[2].x)/2, 0.1)
}

// workflow F12.
func TestTextsAreCutToTheirBoxes(t *testing.T) {
	for _, text := range []string{"plain", "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "日本語日本語日本語日本語日本語日本語日本語日本語", "e\u0301e\u0301"} {
		assert.LessOrEqual(t, textWidth(clip(text)), maxTextWidth+2*letterWidth, text)
	}
	assert.Equal(t, "reserved", clip("reserved"))
	assert.Equal(t, "(empty)", plain.Line(" \n"))
	assert.Equal(t, "a b \ufffdc", plain.Line("a\n\tb \u202ec"))
}

func TestLongTrailIsDescribedFromItsEnd(t *testing.T) {
	trail := Trail{Marks: map[string]Mark{"s299": Here}}
	for i := range 300 {
		trail.Path = append(trail.Path, fmt.Sprintf("s%d", i))
	}
	text := trail.describe()
	assert.Contains(t, text, "The run went on to s260, s261")
	assert.Contains(t, text, "s299. It is in s299.")
}
