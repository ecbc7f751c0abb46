package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/workflow"
)

// runPath is the way of a run through its workflow.
type runPath struct {
	Rows    []pathRow
	Summary string
	Before  int // checkpoints that are left out
	API     string
	Machine *diagram
	Partial string // why the machine is not all of it
}

// pathRow is something that a run did: it entered a state, or did something in one.
type pathRow struct {
	State string // that it entered; empty: it is still in the one above
	Kind  string // of its colour
	Icon  string
	What  string
	Note  string
	At    moment
	Until moment // of a timer
	Took  string // how long it was in the state
	Here  bool
	Now   string // what it is doing there
}

const listedPath = 200

// pathOf is nil for a run that has recorded nothing.
func (d *dashboard) pathOf(ctx context.Context, c clock, run pawl.RunInfo) (*runPath, error) {
	done, err := d.view.Checkpoints(ctx, run.FlowID, run.Number)
	if errors.Is(err, pawl.ErrRunNotFound) || err == nil && len(done) == 0 {
		return nil, nil // it has just been pruned, or keeps none
	}
	if err != nil {
		return nil, err
	}
	p := &runPath{API: "api/checkpoints?" + url.Values{"id": {run.FlowID}, "number": {strconv.FormatInt(run.Number, 10)}}.Encode()}
	p.Rows, p.Before = c.pathRows(run, done)
	t := trailOf(run, done)
	p.Summary = summaryOf(done)
	p.Machine, p.Partial, err = d.machineWith(ctx, run, t)
	return p, err
}

// summaryOf says how far a run came.
func summaryOf(done []pawl.Checkpoint) string {
	entered, attempts := int64(0), 0
	for _, c := range done {
		if c.Kind == workflow.KindEnter {
			entered++
			if loadOf(c).Begin != nil {
				attempts++
			}
		}
	}
	text := counted(entered, "state") + " entered"
	if attempts > 1 {
		text += fmt.Sprintf(", in %d attempts", attempts)
	}
	return text
}

// pathRows is the newest checkpoints, in the order of time. Steps in a row are one.
func (c clock) pathRows(run pawl.RunInfo, done []pawl.Checkpoint) (rows []pathRow, before int) {
	for i, p := range done {
		if p.Kind == workflow.KindStep && i > 0 && done[i-1].Kind == workflow.KindStep && done[i-1].State == p.State {
			rows = rows[:len(rows)-1] // nor are all of them kept
		}
		row := c.pathRow(p)
		switch p.Kind {
		case workflow.KindEnter:
			row.Took = c.stay(run, done[i:])
			if split := entered(rows); split != nil {
				split.Note = branchesOf(p)
			}
		case workflow.KindFailed:
			blank(entered(rows))
		}
		rows = append(rows, row)
	}
	if end, ok := c.endRow(run, done); ok {
		blank(entered(rows))
		rows = append(rows, end)
	}
	c.point(run, rows, done)
	if before = len(rows) - listedPath; before > 0 {
		rows = rows[before:]
	}
	return rows, max(before, 0)
}

// entered is the row of the state entered last, or nil.
func entered(rows []pathRow) *pathRow {
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].State != "" {
			return &rows[i]
		}
	}
	return nil
}

// blank takes back that the run passed a state.
func blank(row *pathRow) {
	if row != nil {
		row.Kind, row.Icon = "step", "dot"
	}
}

func (c clock) pathRow(p pawl.Checkpoint) pathRow {
	l := loadOf(p)
	row := pathRow{At: c.At(p.At), Note: printable(l.Error)}
	set := func(kind, icon, what string) { row.Kind, row.Icon, row.What = kind, icon, what }
	switch p.Kind {
	case workflow.KindEnter:
		set("completed", "completed", "")
		row.State = oneLine(p.State)
		if l.Begin != nil && l.Begin.Attempt > 1 {
			row.What = fmt.Sprintf("attempt %d begins", l.Begin.Attempt)
		}
	case workflow.KindStep:
		set("step", "skipped", "steps so far to cursor "+cursorOf(l))
	case workflow.KindTimer:
		set("waiting", "waiting", "waits until")
		row.Until = c.At(l.Until)
	case workflow.KindFailed:
		set("failed", "failed", "failed"+after(l.Attempts))
	case workflow.KindUndo:
		set("undone", "undone", oneLine(p.State)+" undone")
		if l.Error != "" {
			set("failed", "failed", "the undo of "+oneLine(p.State)+" failed"+after(l.Attempts))
		}
	case "interrupt":
		set("interrupted", "interrupted", "interrupted by a crash")
	default:
		set("step", "dot", oneLine(p.Kind))
	}
	return row
}

func after(attempts int) string {
	if attempts < 2 {
		return ""
	}
	return fmt.Sprintf(" after %d attempts", attempts)
}

const cursorLength = 120

func cursorOf(l load) string {
	text := []rune(printable(string(l.Cursor)))
	if len(text) > cursorLength {
		return string(text[:cursorLength]) + "…"
	}
	return string(text)
}

// branchesOf says how the split ended that led to a state; empty: none did.
func branchesOf(p pawl.Checkpoint) string {
	l := loadOf(p)
	counts := map[string]int{}
	var failures []string
	for _, b := range l.Branches {
		counts[b.Status]++
		if b.Error != "" {
			failures = append(failures, fmt.Sprintf("branch %d: %s", b.Branch, firstLine(b.Error)))
		}
	}
	var parts []string
	for _, status := range []workflow.OutcomeStatus{workflow.BranchSucceeded, workflow.BranchFailed, workflow.BranchCancelled} {
		if n := counts[string(status)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(append([]string{"branches: " + strings.Join(parts, ", ")}, failures...), "\n")
}

// stay is how long the run was in the state that it entered with the first of these.
func (c clock) stay(run pawl.RunInfo, rest []pawl.Checkpoint) string {
	from := rest[0].At
	for _, p := range rest[1:] {
		if p.Kind == workflow.KindEnter || p.Kind == workflow.KindFailed {
			return span(p.At.Sub(from))
		}
	}
	if run.Status == pawl.RunCompleted || run.FinishedAt.IsZero() {
		return "" // an exit, or it is there still
	}
	return span(run.FinishedAt.Sub(from))
}

// endRow is the end of a run that failed and recorded nothing of that, since there was
// nothing to undo.
func (c clock) endRow(run pawl.RunInfo, done []pawl.Checkpoint) (row pathRow, ok bool) {
	mark := endOf(run.Status)
	if mark == "here" || mark == "passed" {
		return row, false
	}
	for i := len(done) - 1; i >= 0 && done[i].Kind != workflow.KindEnter; i-- {
		if done[i].Kind == workflow.KindFailed {
			return row, false
		}
	}
	at := run.FinishedAt
	if at.IsZero() {
		at = done[len(done)-1].At
	}
	state := runState(run.Status)
	return pathRow{Kind: state.Kind, Icon: state.Kind, What: state.Word, At: c.At(at)}, true
}

// point marks the row of where the run is.
func (c clock) point(run pawl.RunInfo, rows []pathRow, done []pawl.Checkpoint) {
	if run.Status.Over() {
		return
	}
	at := len(rows) - 1
	for at > 0 && rows[at].State == "" && rows[at].Kind != "failed" {
		at--
	}
	row := &rows[at]
	row.Here, row.Now, row.Took = true, "here since", ""
	if row.State == "" {
		row.Now = "undoing since"
		return
	}
	row.Kind, row.Icon = "running", "running"
	if run.Status == pawl.RunWaiting {
		row.Kind, row.Icon = "waiting", "waiting"
	}
}

// machineWith draws the machine of a flow with the way of a run through it; without its
// machine the states that the run went through.
func (d *dashboard) machineWith(ctx context.Context, run pawl.RunInfo, t trail) (*diagram, string, error) {
	m, _, err := d.parsed(ctx, run.FlowID, 0)
	if err != nil {
		return nil, "", err
	}
	_, text, err := d.parsed(ctx, run.FlowID, run.Number)
	if err != nil {
		return nil, "", err
	}
	whole := t.on(m)
	partial := ""
	switch {
	case len(m.Places) == 0:
		partial = "the states that the run went through"
	case len(whole.Places) > mostPlaces:
		partial = fmt.Sprintf("the part of its %d states that the run went through", len(whole.Places))
	}
	if partial != "" {
		t.Path = t.Path[max(0, len(t.Path)-mostPlaces):]
		whole = t.on(machine{Start: -1})
	}
	if len(whole.Places) == 0 {
		return nil, "", nil
	}
	g := draw(whole, t, fmt.Sprintf("The way of run %d of %s through its machine", run.Number, printable(run.FlowID)))
	g.Mermaid = text
	return g, partial, nil
}

// machineOf draws the machine of a flow; nil: it has none that is known.
func (d *dashboard) machineOf(ctx context.Context, id string) (*diagram, error) {
	m, text, err := d.parsed(ctx, id, 0)
	if err != nil || len(m.Places) == 0 {
		return nil, err
	}
	if len(m.Places) > mostPlaces {
		return &diagram{Many: len(m.Places), Mermaid: text}, nil
	}
	g := draw(m, trail{}, "The machine of "+printable(id))
	g.Mermaid = text
	return g, nil
}

// parsed is the machine of a flow, with the text of its diagram; neither for a job that
// is no workflow, or is not known here.
func (d *dashboard) parsed(ctx context.Context, id string, run int64) (machine, string, error) {
	text, err := d.view.Diagram(ctx, id, run)
	if errors.Is(err, pawl.ErrFlowNotFound) || errors.Is(err, pawl.ErrRunNotFound) || err == nil && text == "" {
		return machine{Start: -1}, "", nil
	}
	if err != nil {
		return machine{Start: -1}, "", err
	}
	m, ok := parseMachine(text)
	if !ok {
		return machine{Start: -1}, text, nil
	}
	return m, text, nil
}
