package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
)

func historyVerb(database *string) *cobra.Command {
	var failed bool
	var limit int
	cmd := &cobra.Command{
		Use:   "history [FLOW]",
		Short: "Show what ran, the newest first",
		Long: `Show what ran, the newest first. No daemon need run.

ERROR is a run's first line; -o json has all of it, with the beginning and the
end of what the command printed.`,
		Args: cobra.MaximumNArgs(1),
		PreRunE: func(*cobra.Command, []string) error {
			if limit < 1 {
				return fmt.Errorf("-n %d shows nothing", limit)
			}
			return nil
		},
	}
	out := formatFlag(cmd)
	cmd.Flags().BoolVar(&failed, "failed", false, "only runs that failed, timed out or were interrupted")
	cmd.Flags().IntVarP(&limit, "number", "n", 50, "how many runs")
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			query := pawl.RunsQuery{Limit: limit}
			if len(args) > 0 {
				query.Flow = args[0]
				if _, err := known(cmd.Context(), c, query.Flow); err != nil {
					return err
				}
			}
			runs, err := history(cmd.Context(), c, query, failed)
			if err != nil {
				return err
			}
			return show(*out, runs, func() table { return historyTable(runs, time.Now()) }, nil)
		})
	})
	return cmd
}

// history is the newest runs; with failed, of those that did not end well of
// themselves.
func history(ctx context.Context, c *pawl.Client, query pawl.RunsQuery, failed bool) ([]pawl.RunInfo, error) {
	if !failed {
		return c.Runs(ctx, query)
	}
	var runs []pawl.RunInfo
	for _, query.Status = range []pawl.RunStatus{pawl.RunFailed, pawl.RunTimedOut, pawl.RunInterrupted} {
		some, err := c.Runs(ctx, query)
		if err != nil {
			return nil, err
		}
		runs = append(runs, some...)
	}
	slices.SortStableFunc(runs, func(a, b pawl.RunInfo) int { return b.StartedAt.Compare(a.StartedAt) })
	return runs[:min(len(runs), query.Limit)], nil
}

var runStates = map[pawl.RunStatus]string{
	pawl.RunRunning:     "▶",
	pawl.RunCompleted:   "✓",
	pawl.RunFailed:      "✗",
	pawl.RunInterrupted: "↯",
	pawl.RunCancelled:   "◌",
	pawl.RunWaiting:     "◷",
	pawl.RunTimedOut:    "⧗",
	pawl.RunSkipped:     "⊘",
}

// runState is the status of a run, with its attempt if that is not the first.
func runState(r pawl.RunInfo) string {
	text := runStates[r.Status] + " " + string(r.Status)
	if r.Attempt > 1 {
		text += fmt.Sprintf(", try %d", r.Attempt)
	}
	return text
}

func historyTable(runs []pawl.RunInfo, now time.Time) table {
	zone, _ := now.Local().Zone()
	t := table{rest: 24, columns: []column{{title: "FLOW", limit: 24}, {title: "RUN"}, {title: "TRIGGER", rank: 1}, {title: "STATUS", paint: inked},
		{title: "STARTED (" + zone + ")", rank: 3}, {title: "DURATION", rank: 2}, {title: "ERROR"}}}
	for _, r := range runs {
		t.rows = append(t.rows, []string{printable(r.FlowID), fmt.Sprint(r.Number), r.Trigger, runState(r),
			began(r, now), length(r, now), outcome(r, now)})
	}
	return t
}

// began is when a run started, if it has.
func began(r pawl.RunInfo, now time.Time) string {
	if r.StartedAt.IsZero() {
		return ""
	}
	return clock(r.StartedAt, now)
}

// outcome is what went wrong with a run, or what it waits for.
func outcome(r pawl.RunInfo, now time.Time) string {
	if r.Status != pawl.RunWaiting {
		return firstLine(r.Error)
	}
	text := "waits for its turn"
	if r.DueAt.After(now) {
		text = "until " + clock(r.DueAt, now)
	}
	if r.Error != "" {
		text += ": " + firstLine(r.Error)
	}
	return text
}

// length is how long a run took, or has taken; of an interrupted one nobody knows.
func length(r pawl.RunInfo, now time.Time) string {
	switch {
	case r.Status == pawl.RunRunning:
		return span(now.Sub(r.StartedAt)) + "…"
	case r.FinishedAt.IsZero() || r.StartedAt.IsZero():
		return ""
	}
	return span(r.FinishedAt.Sub(r.StartedAt))
}
