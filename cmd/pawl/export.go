package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
)

var exportable = []string{"flows", "runs", "transitions"}

func exportVerb(database *string) *cobra.Command {
	var flow string
	cmd := &cobra.Command{
		Use:   "export flows|runs|transitions",
		Short: "Print everything that the database has, for other programs",
		Long: `Print every flow, run or transition that the database has, a line for each: as JSON, or
with -o csv with a line of titles. Runs are in the order of flows, the newest first;
transitions in theirs. No daemon need run.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("export what? There is flows, runs and transitions")
			}
			if !slices.Contains(exportable, args[0]) {
				return fmt.Errorf("cannot export %q%s", args[0], didYouMean(args[0], exportable))
			}
			return nil
		},
		ValidArgs: exportable,
	}
	out := format("jsonl")
	cmd.Flags().VarP(&out, "output", "o", "jsonl or csv")
	cmd.Flags().StringVar(&flow, "flow", "", "only of this `FLOW`")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if out != "jsonl" && out != "csv" {
			return fmt.Errorf("-o %s is for what fits into memory: take jsonl or csv", out)
		}
		return nil
	}
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
			switch args[0] {
			case "flows":
				return newPages[pawl.FlowInfo](out).print(flows...)
			case "runs":
				return exportRuns(cmd.Context(), c, flows, newPages[pawl.RunInfo](out))
			}
			return exportTransitions(cmd.Context(), c, flow, newPages[pawl.Transition](out))
		})
	})
	return cmd
}

// pages prints a list bit by bit.
type pages[T any] struct {
	out   format
	begun bool
}

func newPages[T any](out format) *pages[T] { return &pages[T]{out: out} }

func (p *pages[T]) print(list ...T) error {
	defer func() { p.begun = true }()
	if p.out == "csv" {
		return printCSVRows(stdout, list, !p.begun)
	}
	return printJSONLines(stdout, list)
}

func exportRuns(ctx context.Context, c *pawl.Client, flows []pawl.FlowInfo, p *pages[pawl.RunInfo]) error {
	if err := p.print(); err != nil {
		return err
	}
	for _, f := range flows {
		query := pawl.RunsQuery{Flow: f.ID, Limit: 1000}
		for {
			runs, err := c.Runs(ctx, query)
			if err == nil {
				err = p.print(runs...)
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
	return nil
}

// exportTransitions prints those that there are now.
func exportTransitions(ctx context.Context, c *pawl.Client, flow string, p *pages[pawl.Transition]) error {
	last, err := c.NewestTransition(ctx)
	if err == nil {
		err = p.print()
	}
	if err != nil || last == 0 {
		return err
	}
	for t, err := range c.Transitions(ctx, 0) {
		if err == nil && (flow == "" || t.FlowID == flow) {
			err = p.print(t)
		}
		if err != nil || t.Seq >= last {
			return err
		}
	}
	return nil
}
