package workflow

import (
	"fmt"
	"slices"
	"strings"
)

// drawnBranches is how many branches of a split are drawn one by one.
const drawnBranches = 8

// Mermaid draws the machine as a stateDiagram-v2: the initial state, the exits, splits with
// their join, and the paths that are declared, see [To]. With the states of a run, in text
// form and in their order, its path is drawn, too; the last is where it is now. A text of
// no state, such as "", begins the path anew, as a further attempt does. The same machine
// is always drawn in the same way.
func (w *Workflow[S]) Mermaid(path ...string) string { return w.mermaid(w.initial, path) }

func (w *Workflow[S]) mermaid(initial *S, path []string) string {
	d := &drawing{ids: make(map[string]string)}
	d.line("stateDiagram-v2")
	for i, n := range w.order {
		d.ids[n.text] = fmt.Sprintf("s%d", i)
		d.state(d.ids[n.text], n.text)
	}
	if initial != nil {
		if n := w.lookup(*initial); n != nil {
			d.arrow("[*]", d.ids[n.text], "")
		}
	}
	for _, n := range w.order {
		drawNode(d, w, n)
	}
	d.path(path)
	return d.b.String()
}

func drawNode[S comparable](d *drawing, w *Workflow[S], n *node[S]) {
	id := d.ids[n.text]
	if n.split != nil {
		d.fork(id, len(n.split.branches))
	}
	for _, to := range n.to {
		next := w.lookup(to)
		switch {
		case next == nil:
		case n.split != nil:
			d.leads(id, d.ids[next.text], id+"join", n.split.join.name)
		default:
			d.leads(id, d.ids[next.text], id, "")
		}
	}
	if n.exit {
		d.arrow(id, "[*]", "")
	}
}

// drawing is a diagram on its way.
type drawing struct {
	b     strings.Builder
	ids   map[string]string // by the text of a state
	drawn []string          // arrows between states
}

func (d *drawing) line(s string) { d.b.WriteString(s + "\n") }

func (d *drawing) state(id, text string) {
	d.line(fmt.Sprintf(`    state "%s" as %s`, escape(text), id))
}

func (d *drawing) arrow(from, to, label string) {
	if label != "" {
		label = " : " + escape(label)
	}
	d.line("    " + from + " --> " + to + label)
}

// leads draws the path between two states, whose arrow begins at tail.
func (d *drawing) leads(from, to, tail, label string) {
	d.drawn = append(d.drawn, from+" "+to)
	d.arrow(tail, to, label)
}

// fork draws the branches of a split, up to where they join.
func (d *drawing) fork(id string, branches int) {
	d.line(fmt.Sprintf("    state %sfork <<fork>>\n    state %sjoin <<join>>", id, id))
	d.arrow(id, id+"fork", "")
	labels := make([]string, min(branches, drawnBranches))
	for i := range labels {
		labels[i] = fmt.Sprintf("branch %d", i)
	}
	if branches > drawnBranches {
		labels = []string{fmt.Sprintf("%d branches", branches)}
	}
	for i, label := range labels {
		b := fmt.Sprintf("%sbranch%d", id, i)
		d.state(b, label)
		d.arrow(id+"fork", b, "")
		d.arrow(b, id+"join", "")
	}
}

// path marks the states of a run, and draws what it went and nobody declared.
func (d *drawing) path(states []string) {
	var ids []string
	before := ""
	for _, text := range states {
		id := d.ids[text]
		if id != "" {
			ids = append(ids, id)
		}
		if id != "" && before != "" && !slices.Contains(d.drawn, before+" "+id) {
			d.leads(before, id, before, "")
		}
		before = id
	}
	if len(ids) == 0 {
		return
	}
	d.line("    classDef passed fill:#dcefdc,stroke:#2e7d32")
	d.line("    classDef here fill:#2e7d32,stroke:#2e7d32,color:#fff")
	here := ids[len(ids)-1]
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id != here {
			d.line("    class " + id + " passed")
		}
	}
	d.line("    class " + here + " here")
}

// escape writes what would end or bend a label by its code.
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
