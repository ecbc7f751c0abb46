package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

var exportable = []string{"flows", "runs", "attempts", "transitions"}

func exportVerb(database *string) *cobra.Command {
	var flow string
	cmd := &cobra.Command{
		Use:   "export flows|runs|attempts|transitions",
		Short: "Print the database's content for other programs",
		Long: `Print every flow, run, attempt or transition that the database has, a line for each:
as JSON, or in another form with -o. Runs are in the order of flows, the newest first;
so are attempts, but those of one run are in their order. Transitions are in the order
of time. No more than a page is in memory. No daemon need run.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return argsError{errors.New("export what? There is flows, runs, attempts and transitions")}
			}
			if !slices.Contains(exportable, args[0]) {
				return argsError{fmt.Errorf("cannot export %q%s", args[0], term.DidYouMean(args[0], exportable))}
			}
			return nil
		},
		ValidArgs: exportable,
	}
	out := formatFlagOr(cmd, "jsonl")
	cmd.Flags().StringVar(&flow, "flow", "", "only of this `FLOW`")
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			var ids []string
			if flow != "" {
				ids = []string{flow}
			}
			flows, err := list(cmd.Context(), c, ids)
			if err != nil {
				return err
			}
			now := time.Now()
			switch args[0] {
			case "flows":
				return exportFlows(cmd.Context(), c, flows, *database, *out)
			case "runs":
				p := &term.Pages[pawl.RunInfo]{Format: *out, Table: func(l []pawl.RunInfo) term.Table { return historyTable(l, now) }}
				return exportRuns(cmd.Context(), c, flows, wholeRuns(cmd.Context(), c, p.Print), p.End)
			case "attempts":
				p := &term.Pages[runAttempt]{Format: *out, Table: func(l []runAttempt) term.Table { return runAttemptsTable(l, now) }}
				return exportRuns(cmd.Context(), c, flows, attemptsOf(cmd.Context(), c, p), p.End)
			}
			return exportTransitions(cmd.Context(), c, flow, &term.Pages[pawl.Transition]{Format: *out, Table: func(l []pawl.Transition) term.Table { return transitionsTable(l, now) }})
		})
	})
	return cmd
}

// exportFlows prints flows, in a table as pawl status shows them.
func exportFlows(ctx context.Context, c *pawl.Client, flows []pawl.FlowInfo, database string, out term.Format) error {
	s := statusReport{flows: flows, now: time.Now(), database: database}
	width := 0
	if out == "table" {
		width = term.Width()
	}
	if out == "table" || out == "md" {
		if err := s.strip(ctx, c, nil); err != nil {
			return err
		}
		if err := s.surround(ctx, c); err != nil {
			return err
		}
	}
	return term.Show(out, flows, func() term.Table { return s.table(width) }, nil)
}

// exportRuns prints runs, a page at a time, and what stands at the end.
func exportRuns(ctx context.Context, c *pawl.Client, flows []pawl.FlowInfo, print func(...pawl.RunInfo) error, end func() error) error {
	for _, f := range flows {
		query := pawl.RunsQuery{Flow: f.ID, Limit: 1000}
		for {
			runs, err := c.Runs(ctx, query)
			if err == nil && len(runs) > 0 {
				err = print(runs...)
			}
			if err != nil {
				return err
			}
			if len(runs) < query.Limit {
				break
			}
			query.Before = runs[len(runs)-1].Number
		}
	}
	return end()
}

// wholeRuns prints runs with all of their inputs and outputs. Those that a list leaves out
// are read one after another.
func wholeRuns(ctx context.Context, c *pawl.Client, print func(...pawl.RunInfo) error) func(...pawl.RunInfo) error {
	return func(runs ...pawl.RunInfo) error {
		for len(runs) > 0 {
			large := slices.IndexFunc(runs, func(r pawl.RunInfo) bool { return r.Omitted != nil })
			if large < 0 {
				return print(runs...)
			}
			if large > 0 {
				if err := print(runs[:large]...); err != nil {
					return err
				}
			}
			run, ok, err := c.View().Run(ctx, runs[large].FlowID, runs[large].Number)
			if err == nil && ok { // else it was deleted meanwhile
				err = print(run)
			}
			if err != nil {
				return err
			}
			runs = runs[large+1:]
		}
		return nil
	}
}

// A runAttempt is an attempt with the run that it is of, as the view pawl_attempts has it.
type runAttempt struct {
	FlowID    string `json:"flow_id"`
	RunNumber int64  `json:"run_number"`
	pawl.Attempt
}

// attemptsOf prints the attempts of runs.
func attemptsOf(ctx context.Context, c *pawl.Client, p *term.Pages[runAttempt]) func(...pawl.RunInfo) error {
	return func(runs ...pawl.RunInfo) error {
		for _, run := range runs {
			list, err := c.Attempts(ctx, run.FlowID, run.Number)
			if errors.Is(err, pawl.ErrRunNotFound) {
				continue // it has just been deleted
			}
			if err != nil {
				return err
			}
			page := make([]runAttempt, len(list))
			for i, a := range list {
				page[i] = runAttempt{run.FlowID, run.Number, a}
			}
			if len(page) == 0 {
				continue
			}
			if err := p.Print(page...); err != nil {
				return err
			}
		}
		return nil
	}
}

func runAttemptsTable(list []runAttempt, now time.Time) term.Table {
	own := make([]pawl.Attempt, len(list))
	for i, a := range list {
		own[i] = a.Attempt
	}
	t := attemptsTable(own, now)
	t.Columns = append([]term.Column{{Title: "FLOW", Max: 24, Min: 12}, {Title: "RUN", Min: 4}}, t.Columns...)
	for i, a := range list {
		t.Rows[i] = append([]string{term.Printable(a.FlowID), fmt.Sprint(a.RunNumber)}, t.Rows[i]...)
	}
	return t
}

// exportTransitions prints those that there are now.
func exportTransitions(ctx context.Context, c *pawl.Client, flow string, p *term.Pages[pawl.Transition]) error {
	last, err := c.NewestTransition(ctx)
	if err != nil {
		return err
	}
	if last == 0 {
		return p.End()
	}
	var page []pawl.Transition
	for t, err := range c.Transitions(ctx, 0) {
		if err != nil {
			return err
		}
		if flow == "" || t.FlowID == flow {
			page = append(page, t)
		}
		if len(page) == 1000 || t.Seq >= last && len(page) > 0 {
			if err := p.Print(page...); err != nil {
				return err
			}
			page = page[:0]
		}
		if t.Seq >= last {
			break
		}
	}
	return p.End()
}

func transitionsTable(list []pawl.Transition, now time.Time) term.Table {
	t := term.Table{MinLast: 16, Columns: []term.Column{{Title: "SEQ", Drop: 1, Min: 6}, {Title: "AT (" + term.ZoneName(now) + ")", Min: 19}, {Title: "FLOW", Max: 24, Min: 12}, {Title: "RUN", Min: 4},
		{Title: "EVENT", Min: 9}, {Title: "FLOW WAS", Drop: 2, Min: 9}, {Title: "FLOW IS", Min: 9}, {Title: "NOTE"}}}
	for _, s := range list {
		run := "none"
		if s.RunNumber > 0 {
			run = fmt.Sprint(s.RunNumber)
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(s.Seq), term.Clock(s.At, now), term.Printable(s.FlowID), run, s.Event, string(s.FromStatus), string(s.ToStatus), term.FirstLine(s.Summary())})
	}
	return t
}
