package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func backfillVerb(database *string) *cobra.Command {
	var from, to instant
	var again, cancel, dry bool
	cmd := &cobra.Command{
		Use:   "backfill FLOW --from TIME --to TIME",
		Short: "Run past occurrences of a flow's schedule",
		Long: `Run the instants of a flow's schedule from one time to another, both included, that
have no run: one after another, in order, when nothing else of the flow waits. Its
schedule goes on as it was. --cancel drops those that have not started. --dry-run
lists what would run, and needs no daemon.

` + timeHelp,
		Args: cobra.ExactArgs(1),
		PreRunE: func(*cobra.Command, []string) error {
			switch given := !from.IsZero() || !to.IsZero(); {
			case cancel && (given || again || dry):
				return errors.New("--cancel drops all that waits: leave out the others")
			case !cancel && (from.IsZero() || to.IsZero()):
				return errors.New("a backfill needs --from and --to, or --cancel")
			}
			return nil
		},
	}
	cmd.Flags().Var(&from, "from", "the first instant")
	cmd.Flags().Var(&to, "to", "the last one; not in the future")
	cmd.Flags().BoolVar(&again, "again", false, "also instants that have a run")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "cancel what has not started")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only list the instants")
	reason := cmd.Flags().String("reason", "", "with --cancel, why")
	operates(cmd, database, func(ctx context.Context, c *pawl.Client, flow pawl.FlowInfo) (string, error) {
		if cancel {
			return fmt.Sprintf("%s cancelled", runs(int64(flow.Backfill))), c.CancelBackfill(ctx, flow.ID, given(*reason)...)
		}
		n, err := c.Backfill(ctx, flow.ID, pawl.Backfill{From: from.Time, To: to.Time, Again: again})
		return fmt.Sprintf("%s accepted", runs(n)), err
	})
	real := cmd.RunE
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		if !dry {
			return real(cmd, args)
		}
		return withClient(cmd, *database, func(c *pawl.Client) error {
			return rehearse(cmd, c, args[0], pawl.Backfill{From: from.Time, To: to.Time, Again: again})
		})
	})
	return cmd
}

// A rehearsal is an instant that a backfill would run.
type rehearsal struct {
	At  time.Time `json:"at"`
	Run int64     `json:"run_number,omitzero"` // that it has already
}

// rehearse lists what a backfill would run.
func rehearse(cmd *cobra.Command, c *pawl.Client, id string, b pawl.Backfill) error {
	if _, err := known(cmd.Context(), c, id); err != nil {
		return err
	}
	scheduled, err := c.Instants(cmd.Context(), id, b.From, b.To)
	if err != nil {
		return err
	}
	ran, err := ranAt(cmd.Context(), c, id, b)
	if err != nil {
		return err
	}
	var would []rehearsal
	for _, at := range scheduled {
		if number := ran[at.UnixMilli()]; number == 0 || b.Again {
			would = append(would, rehearsal{at, number})
		}
	}
	t := func() term.Table { return rehearsalTable(would, time.Now()) }
	return term.Show(term.Format(cmd.Flag("output").Value.String()), would, t, func() {
		if len(would) > 0 {
			t().Print(term.Stdout, term.Width())
			fmt.Fprintln(term.Stdout)
		}
		fmt.Fprintf(term.Stdout, "%s of %s would start.\n", runs(int64(len(would))), instants(int64(len(scheduled))))
	})
}

// ranAt is which instants of a backfill have a run, in milliseconds: the newest of each,
// those left out that were cancelled.
func ranAt(ctx context.Context, c *pawl.Client, id string, b pawl.Backfill) (map[int64]int64, error) {
	ran := map[int64]int64{}
	query := pawl.RunsQuery{Flow: id, Limit: 1000}
	for {
		runs, err := c.Runs(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			if !r.StartedAt.IsZero() && r.StartedAt.Before(b.From) {
				return ran, nil // all others are older
			}
			at := r.ScheduledAt.UnixMilli()
			asked := r.Trigger == "schedule" || r.Trigger == "backfill"
			if asked && r.Status != pawl.RunCancelled && ran[at] == 0 {
				ran[at] = r.Number
			}
		}
		if len(runs) < query.Limit {
			return ran, nil
		}
		query.Before = runs[len(runs)-1].Number
	}
}

func rehearsalTable(would []rehearsal, now time.Time) term.Table {
	t := term.Table{Columns: []term.Column{{Title: "WHEN (" + term.ZoneName(now) + ")"}, {Title: "HAS RUN"}}}
	for _, r := range would {
		number := ""
		if r.Run > 0 {
			number = fmt.Sprint(r.Run)
		}
		t.Rows = append(t.Rows, []string{term.FormatTime(r.At, now, "2006-01-02 15:04:05"), number})
	}
	return t
}

// runs is a number of them.
func runs(n int64) string { return term.Count(n, "run") }

// instants is a number of them.
func instants(n int64) string { return term.Count(n, "instant") }
