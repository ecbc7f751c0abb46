package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/diagram"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// runPath is the way of a run through its workflow.
type runPath struct {
	Rows    []pathRow
	Summary string
	Before  int // checkpoints that are left out
	API     string
	Machine *machine
	Partial string // why the machine is not all of it
}

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
		if c.Kind == kindEnter {
			entered++
			if loadOf(c).Begin != nil {
				attempts++
			}
		}
	}
	text := plain.Count(entered, "state") + " entered"
	if attempts > 1 {
		text += fmt.Sprintf(", in %d attempts", attempts)
	}
	return text
}

// machine is the machine of a workflow as a page shows it.
type machine struct {
	diagram.Drawing
	TooMany int    // its number of states, if they are too many to draw
	Mermaid string // the text of it
}

// machineWith draws the machine of a flow with what a run did in it. Of a machine that is
// unknown or too large it draws the states that the run went through; partial says so.
func (d *dashboard) machineWith(ctx context.Context, run pawl.RunInfo, t diagram.Trail) (m *machine, partial string, err error) {
	declared, _, err := d.readMachine(ctx, run.FlowID, 0)
	if err != nil {
		return nil, "", err
	}
	_, text, err := d.readMachine(ctx, run.FlowID, run.Number)
	if err != nil {
		return nil, "", err
	}
	whole := t.On(declared)
	switch {
	case len(declared.States) == 0:
		partial = "the states that the run went through"
	case len(whole.States) > diagram.MaxStates:
		partial = fmt.Sprintf("the part of its %d states that the run went through", len(whole.States))
	}
	if partial != "" {
		t.Path = t.Path[max(0, len(t.Path)-diagram.MaxStates):]
		whole = t.On(diagram.None())
	}
	if len(whole.States) == 0 {
		return nil, "", nil
	}
	title := fmt.Sprintf("The way of run %d of %s through its machine", run.Number, plain.Text(run.FlowID))
	return &machine{Drawing: diagram.Draw(whole, t, title), Mermaid: plain.Text(text)}, partial, nil
}

// machineOf draws the machine of a flow. It returns nil if none is known.
func (d *dashboard) machineOf(ctx context.Context, id string) (*machine, error) {
	m, text, err := d.readMachine(ctx, id, 0)
	if err != nil || len(m.States) == 0 {
		return nil, err
	}
	if len(m.States) > diagram.MaxStates {
		return &machine{TooMany: len(m.States), Mermaid: plain.Text(text)}, nil
	}
	return &machine{Drawing: diagram.Draw(m, diagram.Trail{}, "The machine of "+plain.Text(id)), Mermaid: plain.Text(text)}, nil
}

// readMachine returns the machine of a flow and its Mermaid text, which contains the path of
// a run unless run is 0. It returns neither for a job that is no workflow, or that the source
// does not know.
func (d *dashboard) readMachine(ctx context.Context, id string, run int64) (m diagram.Machine, text string, err error) {
	text, err = d.view.Diagram(ctx, id, run)
	if errors.Is(err, pawl.ErrFlowNotFound) || errors.Is(err, pawl.ErrRunNotFound) {
		return diagram.None(), "", nil
	}
	if err != nil || text == "" {
		return diagram.None(), "", err
	}
	m, ok := diagram.Parse(text)
	if !ok {
		m = diagram.None()
	}
	return m, text, nil
}
