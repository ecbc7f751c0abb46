package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// showPath prints what a run did so far: the path of a workflow through its states, else
// the transitions that happened to it; then its attempts, if it was tried again, and the
// whole of its error.
func showPath(ctx context.Context, c *pawl.Client, id string, number int64, out term.Format) (err error) {
	run, err := runOf(ctx, c, id, number)
	if err != nil {
		return err
	}
	tried, err := c.Attempts(ctx, id, number)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil || !out.ForPeople() {
			return
		}
		if retried(run, tried) {
			fmt.Fprintln(term.Stdout)
			err = term.Show(out, tried, func() term.Table { return attemptsTable(tried, time.Now()) }, nil)
		}
		if err == nil && run.Error != "" {
			fmt.Fprintf(term.Stdout, "\n%s\n", whole(run.Error, out))
		}
	}()
	path, err := c.Checkpoints(ctx, id, number)
	if err != nil {
		return err
	}
	if len(path) > 0 {
		return term.Show(out, path, func() term.Table { return pathTable(path, time.Now()) }, nil)
	}
	kept, pruned, err := c.View().RunTransitions(ctx, run)
	if err != nil {
		return err
	}
	var steps []listedStep
	if pruned {
		steps = append(steps, listedStep{Transition: pawl.Transition{FlowID: id, RunNumber: number}, LeftOut: prunedText})
	}
	for _, t := range kept {
		steps = append(steps, listedStep{Transition: t})
	}
	return term.Show(out, steps, func() term.Table { return stepsTable(steps, time.Now()) }, nil)
}

// prunedText stands in the place of transitions that are not kept.
const prunedText = "earlier transitions of this run were deleted, as the flow's retention says"

// A listedStep is a transition, or what stands in the place of those that are left out.
type listedStep struct {
	pawl.Transition
	LeftOut string `json:"left_out,omitempty"` // why; empty: it is a transition
}

// MarshalJSON leaves out what is known of transitions only.
func (s listedStep) MarshalJSON() ([]byte, error) {
	if s.LeftOut == "" {
		return json.Marshal(s.Transition)
	}
	return json.Marshal(struct {
		Flow    string `json:"flow_id"`
		Run     int64  `json:"run_number"`
		LeftOut string `json:"left_out"`
	}{s.FlowID, s.RunNumber, s.LeftOut})
}

func pathTable(path []pawl.Checkpoint, now time.Time) term.Table {
	t := term.Table{MinLast: 24, Columns: []term.Column{{Title: "SEQ"}, {Title: "AT (" + term.ZoneName(now) + ")"}, {Title: "WHAT"}, {Title: "STATE", Max: 32}, {Title: "AFTER", Drop: 2}, {Title: "DATA", Drop: 1}}}
	for i, p := range path {
		after := "first"
		if i > 0 {
			after = lengths.Span(p.At.Sub(path[i-1].At))
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(p.Seq), term.Clock(p.At, now), p.Kind, term.Printable(p.State), after, term.Printable(string(p.Payload))})
	}
	return t
}

func stepsTable(steps []listedStep, now time.Time) term.Table {
	t := term.Table{MinLast: 24, Columns: []term.Column{{Title: "SEQ", Drop: 1}, {Title: "AT (" + term.ZoneName(now) + ")"}, {Title: "EVENT"}, {Title: "FLOW WAS", Drop: 2}, {Title: "FLOW IS"}, {Title: "NOTE"}}}
	for _, s := range steps {
		if s.LeftOut != "" {
			t.Rows = append(t.Rows, []string{"…", "…", "…", "…", "…", s.LeftOut})
			continue
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(s.Seq), term.Clock(s.At, now), s.Event, string(s.FromStatus), string(s.ToStatus), term.Printable(s.Summary())})
	}
	return t
}
