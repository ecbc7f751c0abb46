package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
)

// showPath prints what a run did so far: the path of a workflow through its states, else
// the transitions that happened to it; then its attempts, if it was tried again, and the
// whole of its error.
func showPath(ctx context.Context, c *pawl.Client, id string, number int64, out format) (err error) {
	run, err := runOf(ctx, c, id, number)
	if err != nil {
		return err
	}
	tried, err := c.Attempts(ctx, id, number)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil || !out.forPeople() {
			return
		}
		if retried(run, tried) {
			fmt.Fprintln(stdout)
			err = show(out, tried, func() table { return attemptsTable(tried, time.Now()) }, nil)
		}
		if err == nil && run.Error != "" {
			fmt.Fprintf(stdout, "\n%s\n", whole(run.Error, out))
		}
	}()
	path, err := c.Checkpoints(ctx, id, number)
	if err != nil {
		return err
	}
	if len(path) > 0 {
		return show(out, path, func() table { return pathTable(path, time.Now()) }, nil)
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
	return show(out, steps, func() table { return stepsTable(steps, time.Now()) }, nil)
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

func pathTable(path []pawl.Checkpoint, now time.Time) table {
	t := table{rest: 24, columns: []column{{title: "SEQ"}, {title: "AT (" + zoneLabel(now) + ")"}, {title: "WHAT"}, {title: "STATE", limit: 32}, {title: "AFTER", rank: 2}, {title: "DATA", rank: 1}}}
	for i, p := range path {
		after := "first"
		if i > 0 {
			after = lengths.Span(p.At.Sub(path[i-1].At))
		}
		t.rows = append(t.rows, []string{fmt.Sprint(p.Seq), clock(p.At, now), p.Kind, printable(p.State), after, printable(string(p.Payload))})
	}
	return t
}

func stepsTable(steps []listedStep, now time.Time) table {
	t := table{rest: 24, columns: []column{{title: "SEQ", rank: 1}, {title: "AT (" + zoneLabel(now) + ")"}, {title: "EVENT"}, {title: "FLOW WAS", rank: 2}, {title: "FLOW IS"}, {title: "NOTE"}}}
	for _, s := range steps {
		if s.LeftOut != "" {
			t.rows = append(t.rows, []string{"…", "…", "…", "…", "…", s.LeftOut})
			continue
		}
		t.rows = append(t.rows, []string{fmt.Sprint(s.Seq), clock(s.At, now), s.Event, string(s.FromStatus), string(s.ToStatus), printable(s.Summary())})
	}
	return t
}
