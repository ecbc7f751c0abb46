package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/pawl-go/pawl"
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
	text := counted(entered, "state") + " entered"
	if attempts > 1 {
		text += fmt.Sprintf(", in %d attempts", attempts)
	}
	return text
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
	g.Mermaid = printable(text)
	return g, partial, nil
}

// machineOf draws the machine of a flow; nil: it has none that is known.
func (d *dashboard) machineOf(ctx context.Context, id string) (*diagram, error) {
	m, text, err := d.parsed(ctx, id, 0)
	if err != nil || len(m.Places) == 0 {
		return nil, err
	}
	if len(m.Places) > mostPlaces {
		return &diagram{Many: len(m.Places), Mermaid: printable(text)}, nil
	}
	g := draw(m, trail{}, "The machine of "+printable(id))
	g.Mermaid = printable(text)
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
