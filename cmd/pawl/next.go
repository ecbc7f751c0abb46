package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

func nextVerb(database *string) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "next [FLOW]",
		Short: "Show what runs next, and what prevents it",
		Long: `Show the next instants of all schedules, or of one, and what stands in their way as
things are. No daemon need run. One with a ~ depends on when runs end.`,
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(*cobra.Command, []string) error { return instantsAsked(limit) },
	}
	out := formatFlag(cmd)
	cmd.Flags().IntVarP(&limit, "number", "n", 10, "how many instants")
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			entries, err := agenda(cmd.Context(), c, args, limit)
			if err != nil {
				return err
			}
			t := func() term.Table { return agendaTable(entries, time.Now()) }
			return term.Show(*out, entries, t, func() {
				if len(entries) == 0 {
					fmt.Fprintln(term.Stdout, "Nothing is scheduled.")
					return
				}
				t().Print(term.Stdout, term.Width())
			})
		})
	})
	return cmd
}

// mostInstants is how many instants a verb shows. Each of them is in memory.
const mostInstants = 100_000

// instantsAsked refuses a number of instants that cannot be shown.
func instantsAsked(n int) error {
	switch {
	case n < 1:
		return fmt.Errorf("-n %d shows nothing: write a number from 1 on", n)
	case n > mostInstants:
		return fmt.Errorf("-n %d is too many instants; the most is %d", n, mostInstants)
	}
	return nil
}

// An entry is an instant of a flow.
type entry struct {
	Flow string `json:"flow_id"`
	pawl.Instant
}

// agenda is the next instants of the flows that are registered, or of one.
func agenda(ctx context.Context, c *pawl.Client, ids []string, limit int) ([]entry, error) {
	flows, err := list(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, f := range flows {
		if !f.Registered && len(ids) == 0 {
			continue
		}
		coming, err := c.Next(ctx, f.ID, limit)
		if err != nil {
			return nil, err
		}
		for _, i := range coming {
			entries = append(entries, entry{f.ID, i})
		}
		if len(entries) > mostInstants { // each flow has as many as are asked for
			entries = earliest(entries, limit)
		}
	}
	return earliest(entries, limit), nil
}

// earliest are the first n entries, in order.
func earliest(entries []entry, n int) []entry {
	slices.SortStableFunc(entries, func(a, b entry) int { return a.At.Compare(b.At) })
	return entries[:min(len(entries), n)]
}

func agendaTable(entries []entry, now time.Time) term.Table {
	t := term.Table{MinLast: 16, Columns: []term.Column{{Title: "WHEN (" + term.ZoneName(now) + ")"}, {Title: "IN", Drop: 1}, {Title: "FLOW", Max: 24}, {Title: "IN THE WAY"}}}
	for _, e := range entries {
		in := "now"
		if wait := e.At.Sub(now).Round(time.Second); wait > 0 {
			in = lengths.Coarse(wait)
		} else if wait < 0 {
			in = "due"
		}
		if e.Estimate {
			in = "~" + in
		}
		t.Rows = append(t.Rows, []string{term.FormatTime(e.At, now, "2006-01-02 15:04:05"), in, term.Printable(e.Flow), cmp.Or(term.FirstLine(e.Held), "nothing")})
	}
	return t
}
