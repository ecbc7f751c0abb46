package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
)

var exportable = []string{"flows", "runs", "attempts", "transitions"}

func exportVerb(database *string) *cobra.Command {
	var flow string
	cmd := &cobra.Command{
		Use:   "export flows|runs|attempts|transitions",
		Short: "Print everything that the database has, for other programs",
		Long: `Print every flow, run, attempt or transition that the database has, a line for each:
as JSON, or in another form with -o. Runs are in the order of flows, the newest first;
so are attempts, but those of one run are in their order. Transitions are in the order
of time. No more than a page is in memory. No daemon need run.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return argsError{errors.New("export what? There is flows, runs, attempts and transitions")}
			}
			if !slices.Contains(exportable, args[0]) {
				return argsError{fmt.Errorf("cannot export %q%s", args[0], didYouMean(args[0], exportable))}
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
				p := &pages[pawl.RunInfo]{out: *out, table: func(l []pawl.RunInfo) table { return historyTable(l, now) }}
				return exportRuns(cmd.Context(), c, flows, wholeRuns(cmd.Context(), c, p.print), p.end)
			case "attempts":
				p := &pages[runAttempt]{out: *out, table: func(l []runAttempt) table { return runAttemptsTable(l, now) }}
				return exportRuns(cmd.Context(), c, flows, attemptsOf(cmd.Context(), c, p), p.end)
			}
			return exportTransitions(cmd.Context(), c, flow, &pages[pawl.Transition]{out: *out, table: func(l []pawl.Transition) table { return transitionsTable(l, now) }})
		})
	})
	return cmd
}

// exportFlows prints flows, in a table as pawl status shows them.
func exportFlows(ctx context.Context, c *pawl.Client, flows []pawl.FlowInfo, database string, out format) error {
	s := statusReport{flows: flows, now: time.Now(), database: database}
	width := 0
	if out == "table" {
		width = outputWidth()
	}
	if out == "table" || out == "md" {
		if err := s.strip(ctx, c, nil); err != nil {
			return err
		}
		if err := s.surround(ctx, c); err != nil {
			return err
		}
	}
	return show(out, flows, func() table { return s.table(width) }, nil)
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
func attemptsOf(ctx context.Context, c *pawl.Client, p *pages[runAttempt]) func(...pawl.RunInfo) error {
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
			if err := p.print(page...); err != nil {
				return err
			}
		}
		return nil
	}
}

func runAttemptsTable(list []runAttempt, now time.Time) table {
	own := make([]pawl.Attempt, len(list))
	for i, a := range list {
		own[i] = a.Attempt
	}
	t := attemptsTable(own, now)
	t.columns = append([]column{{title: "FLOW", limit: 24, least: 12}, {title: "RUN", least: 4}}, t.columns...)
	for i, a := range list {
		t.rows[i] = append([]string{printable(a.FlowID), fmt.Sprint(a.RunNumber)}, t.rows[i]...)
	}
	return t
}

// exportTransitions prints those that there are now.
func exportTransitions(ctx context.Context, c *pawl.Client, flow string, p *pages[pawl.Transition]) error {
	last, err := c.NewestTransition(ctx)
	if err != nil {
		return err
	}
	if last == 0 {
		return p.end()
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
			if err := p.print(page...); err != nil {
				return err
			}
			page = page[:0]
		}
		if t.Seq >= last {
			break
		}
	}
	return p.end()
}

func transitionsTable(list []pawl.Transition, now time.Time) table {
	t := table{rest: 16, columns: []column{{title: "SEQ", rank: 1, least: 6}, {title: "AT (" + zoneLabel(now) + ")", least: 19}, {title: "FLOW", limit: 24, least: 12}, {title: "RUN", least: 4},
		{title: "EVENT", least: 9}, {title: "FLOW WAS", rank: 2, least: 9}, {title: "FLOW IS", least: 9}, {title: "NOTE"}}}
	for _, s := range list {
		run := "none"
		if s.RunNumber > 0 {
			run = fmt.Sprint(s.RunNumber)
		}
		t.rows = append(t.rows, []string{fmt.Sprint(s.Seq), clock(s.At, now), printable(s.FlowID), run, s.Event, string(s.FromStatus), string(s.ToStatus), firstLine(s.Summary())})
	}
	return t
}
