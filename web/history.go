package web

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// step is a transition.
type step struct {
	At       moment
	Event    string
	From, To badge
	Run      int64
	RunURL   string
	Note     string
	Streak   int
	Version  int64
}

// runRow is a line of a table of runs.
type runRow struct {
	Number   int64
	URL      string
	State    badge
	Attempt  int
	Restarts int
	Trigger  string
	Started  moment
	Took     string
	Error    string
	Cancel   string // address of the question; empty: there is nothing to cancel
}

const (
	listedRuns  = 20
	listedSteps = 20
)

// listRuns lists a page of runs: the newest, or those before one.
func (d *dashboard) listRuns(ctx context.Context, q url.Values, f pawl.FlowInfo, newest []pawl.RunInfo, p *flowPage, cancel bool) (err error) {
	runs := newest
	if before, _ := strconv.ParseInt(q.Get("before"), 10, 64); before > 0 {
		if runs, err = d.view.Runs(ctx, pawl.RunsQuery{Flow: f.ID, Before: before, Limit: listedRuns + 1}); err != nil {
			return err
		}
	}
	if len(runs) > listedRuns {
		runs = runs[:listedRuns]
		p.MoreRuns = "flow?" + url.Values{"id": {f.ID}, "before": {strconv.FormatInt(runs[listedRuns-1].Number, 10)}}.Encode() + "#runs"
	}
	for _, r := range runs {
		row := p.Clock.runRow(r)
		if cancel && !r.Status.Over() {
			row.Cancel = confirmURL("cancel", f.ID, r.Number)
		}
		p.List = append(p.List, row)
	}
	return nil
}

func (c clock) runRow(r pawl.RunInfo) runRow {
	row := runRow{
		Number: r.Number, URL: runURL(r.FlowID, r.Number), State: runState(r.Status), Attempt: r.Attempt, Restarts: r.Restarts, Trigger: r.Trigger,
		Started: c.At(r.StartedAt), Error: plain.FirstLine(r.Error),
	}
	if d, ok := length(r, c.Now); ok {
		row.Took = lengths.Span(d)
	}
	return row
}

// listSteps lists a page of transitions.
func (d *dashboard) listSteps(ctx context.Context, q url.Values, f pawl.FlowInfo, p *flowPage) error {
	before, err := strconv.ParseInt(q.Get("version"), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrSyntax) || before < 0 {
		before = 0
	}
	list, err := d.view.Transitions(ctx, pawl.TransitionsQuery{Flow: f.ID, Before: before, Limit: listedSteps + 1})
	if err != nil {
		return err
	}
	if len(list) > listedSteps {
		list = list[:listedSteps]
		p.MoreSteps = "flow?" + url.Values{"id": {f.ID}, "version": {strconv.FormatInt(list[listedSteps-1].Version, 10)}}.Encode() + "#transitions"
	}
	for _, t := range list {
		p.Transitions = append(p.Transitions, p.Clock.step(t))
	}
	return nil
}

func (c clock) step(t pawl.Transition) step {
	s := step{
		At: c.At(t.At), Event: t.Event, From: badge{string(t.FromStatus), string(t.FromStatus)}, To: badge{string(t.ToStatus), string(t.ToStatus)},
		Run: t.RunNumber, Note: plain.FirstLine(t.Summary()), Streak: t.FailureStreak, Version: t.Version,
	}
	if t.RunNumber != 0 {
		s.RunURL = runURL(t.FlowID, t.RunNumber)
	}
	return s
}
