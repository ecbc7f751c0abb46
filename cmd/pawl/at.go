package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/moment"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func atVerb(database *string) *cobra.Command {
	var at time.Time
	cmd := &cobra.Command{
		Use:   "at TIME [FLOW...]",
		Short: "Show the state of every flow at an instant",
		Long: `Show the state of every flow at an instant, from its transitions. No daemon need run.

TIME is as in 2026-11-22T09:00:00Z, or "2026-11-22 09:00" in the local time zone; 09:00
is the last time that it was nine o'clock.
SCHEDULE is that of today.`,
		Args: cobra.MinimumNArgs(1),
		PreRunE: func(_ *cobra.Command, args []string) (err error) {
			at, err = moment.ParseLast(args[0], time.Now().In(time.Local))
			return err
		},
	}
	out := formatFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			flows, err := c.At(cmd.Context(), at)
			if err != nil {
				return err
			}
			for _, id := range args[1:] {
				if _, err := known(cmd.Context(), c, id); err != nil {
					return err
				}
			}
			if len(args) > 1 {
				flows = slices.DeleteFunc(flows, func(f pawl.FlowInfo) bool { return !slices.Contains(args[1:], f.ID) })
			}
			r := atReport{at, flows}
			return term.Show(*out, flows, r.table, func() { r.print(term.Stdout, term.Width()) })
		})
	})
	return cmd
}

// An atReport is the flows as they stood at an instant.
type atReport struct {
	at    time.Time
	flows []pawl.FlowInfo
}

func (r atReport) print(w io.Writer, width int) {
	when := r.at.Local().Format("2006-01-02 15:04:05 MST")
	if len(r.flows) == 0 {
		fmt.Fprintf(w, "No flow was known at %s.\n", when)
		return
	}
	r.table().Print(w, width)
	fmt.Fprintf(w, "\nAs at %s. %s\n", when, count(r.flows))
}

func (r atReport) table() term.Table {
	t := term.Table{MinLast: 12, Columns: []term.Column{{Title: "FLOW", Max: 32}, {Title: "STATE", Color: term.ColorBySymbol}, {Title: "SCHEDULE", Max: 24, Drop: 3},
		{Title: "NEXT", Drop: 5}, {Title: "LAST", Drop: 4}, {Title: "STREAK", Drop: 2}, {Title: "RUNS", Drop: 1}, {Title: "ERROR"}}}
	for _, f := range r.flows {
		f.Suspect = false
		state := state(f)
		if !f.Registered {
			state = "○ not in the config"
		}
		t.Rows = append(t.Rows, []string{term.Printable(f.ID), state, schedule(f),
			r.next(f), r.last(f), streak(f), fmt.Sprint(f.RunCount), term.FirstLine(f.LastError)})
	}
	return t
}

// next is the instant that was to come, or why there was none.
func (r atReport) next(f pawl.FlowInfo) string {
	switch {
	case f.Registered && f.NextRun.IsZero() && !f.PausedUntil.IsZero():
		return "paused until " + term.Clock(f.PausedUntil, r.at)
	case f.NextRun.IsZero() || !f.Registered:
		return statusReport{now: r.at, owned: true}.next(f)
	}
	return term.Clock(f.NextRun, r.at)
}

func (r atReport) last(f pawl.FlowInfo) string {
	if f.LastRun.IsZero() {
		return "never"
	}
	return term.Clock(f.LastRun, r.at)
}
