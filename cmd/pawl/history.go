package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

func historyVerb(database *string) *cobra.Command {
	var q historyQuery
	var number int64
	var follow, tries bool
	cmd := &cobra.Command{
		Use:   "history [FLOW [RUN]]",
		Short: "List runs, newest first",
		Long: `List runs, newest first. No daemon need run.

With the number of a run it shows what happened to that: of a workflow the path through
its states, of other runs each transition; and the attempts of a run that was retried.
With --attempts it shows these alone, each with the whole of its error.

ERROR is a run's first line. The whole of it stands below the table of one run, and in
-o json of a list and of --attempts, with the beginning and the end of what the command
printed, as pawl logs shows it. An input or output over 64 KiB is left out of a list:
omitted has its size, and whole is the verb that shows it.

With --follow it goes on, the newest last: runs are shown when they are over.

` + sinceHelp,
		Args: cobra.MaximumNArgs(2),
		PreRunE: func(cmd *cobra.Command, args []string) (err error) {
			format := cmd.Flag("output").Value.String()
			if len(args) > 1 {
				number, err = runNumber(args[0], args[1])
			}
			switch {
			case err != nil:
				return err
			case tries && number == 0:
				return errors.New("--attempts needs the number of a run: pawl history FLOW RUN --attempts")
			case number > 0 && (follow || q.failed || !q.since.IsZero() || cmd.Flag("number").Changed):
				return errors.New("--follow, --failed, --since and -n are not for one run")
			case q.limit < 1 && !follow:
				return fmt.Errorf("-n %d shows nothing: write a number from 1 on", q.limit)
			case follow && (format == "json" || format == "md"):
				return fmt.Errorf("-o %s has an end, which --follow has not: take jsonl", format)
			}
			return nil
		},
		ValidArgsFunction: completeFlows(database, 1),
	}
	out := formatFlag(cmd)
	cmd.Flags().BoolVar(&q.failed, "failed", false, "only runs that failed, timed out or were interrupted")
	cmd.Flags().IntVarP(&q.limit, "number", "n", 50, "how many runs")
	cmd.Flags().Var(&q.since, "since", "only runs that started since: 24h, or a time")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on, until Ctrl-C")
	cmd.Flags().BoolVar(&tries, "attempts", false, "of one run: its attempts, with their errors")
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			if len(args) > 0 {
				q.flow = args[0]
				if _, err := known(cmd.Context(), c, q.flow); err != nil {
					return err
				}
			}
			if tries {
				return showAttempts(cmd.Context(), c, q.flow, number, *out)
			}
			if number > 0 {
				return showPath(cmd.Context(), c, q.flow, number, *out)
			}
			if follow {
				return followHistory(cmd.Context(), c, q, *out)
			}
			runs, more, err := q.page(cmd.Context(), c)
			if err != nil {
				return err
			}
			if err := term.Show(*out, listed(runs), func() term.Table { return historyTable(runs, time.Now()) }, nil); err != nil {
				return err
			}
			if more && !cmd.Flag("number").Changed {
				sayMore(*out, fmt.Sprintf("The newest %d; -n %d shows more.", q.limit, 10*q.limit))
			}
			return nil
		})
	})
	return cmd
}

// A historyQuery is which runs are shown.
type historyQuery struct {
	flow   string
	failed bool
	since  since
	limit  int
}

// runs are the newest; with failed, of the failures.
func (q historyQuery) runs(ctx context.Context, c *pawl.Client) (runs []pawl.RunInfo, err error) {
	if q.limit < 1 {
		return nil, nil
	}
	return c.Runs(ctx, pawl.RunsQuery{Flow: q.flow, Failed: q.failed, Since: q.since.Time, Limit: q.limit})
}

// page is the newest runs, and whether there are more.
func (q historyQuery) page(ctx context.Context, c *pawl.Client) (runs []pawl.RunInfo, more bool, err error) {
	limit := q.limit
	q.limit++
	if runs, err = q.runs(ctx, c); err != nil || len(runs) <= limit {
		return runs, false, err
	}
	return runs[:limit], true, nil
}

// sayMore says that a list is not whole: below a table, and of other forms, which programs
// read, on stderr.
func sayMore(out term.Format, text string) {
	if out == "table" {
		fmt.Fprintf(term.Stdout, "\n%s\n", text)
		return
	}
	term.Stdout.Flush()
	fmt.Fprintln(os.Stderr, "pawl: "+text)
}

// A listedRun is a run of a list, with the verb that shows what was left out of it.
type listedRun struct {
	pawl.RunInfo
	Whole string `json:"whole,omitempty"`
}

func listed(runs []pawl.RunInfo) []listedRun {
	list := make([]listedRun, len(runs))
	for i, r := range runs {
		list[i].RunInfo = r
		if r.Omitted != nil {
			list[i].Whole = fmt.Sprintf("pawl logs %s %d -o json", term.Quote(r.FlowID), r.Number)
		}
	}
	return list
}

func infos(list []listedRun) []pawl.RunInfo {
	runs := make([]pawl.RunInfo, len(list))
	for i, r := range list {
		runs[i] = r.RunInfo
	}
	return runs
}

// takes says whether a run that is over is one of those.
func (q historyQuery) takes(r pawl.RunInfo) bool {
	return (q.flow == "" || r.FlowID == q.flow) && (!q.failed || r.Status.Failure())
}

var runStates = map[pawl.RunStatus]string{
	pawl.RunRunning:     "▶",
	pawl.RunCompleted:   "✓",
	pawl.RunFailed:      "✗",
	pawl.RunInterrupted: "↯",
	pawl.RunCancelled:   "◌",
	pawl.RunWaiting:     "◷",
	pawl.RunTimedOut:    "⊗",
	pawl.RunSkipped:     "⊘",
	pawl.RunParked:      "◔",
	pawl.RunBlocked:     "⊡",
}

// runState is the status of a run, with what tries says.
func runState(r pawl.RunInfo) string { return runStates[r.Status] + " " + string(r.Status) + tries(r) }

// tries is the attempt of a run and how often it started again, where that is not the first
// and not at all.
func tries(r pawl.RunInfo) string {
	text := ""
	if r.Attempt > 1 {
		text += fmt.Sprintf(", try %d", r.Attempt)
	}
	if r.Restarts > 0 {
		text += fmt.Sprintf(", restart %d", r.Restarts)
	}
	return text
}

func historyTable(runs []pawl.RunInfo, now time.Time) term.Table {
	t := term.Table{MinLast: 24, Columns: []term.Column{{Title: "FLOW", Max: 24, Min: 12}, {Title: "RUN", Min: 4}, {Title: "TRIGGER", Drop: 1, Min: 8}, {Title: "STATUS", Color: term.ColorBySymbol, Min: 13},
		{Title: "STARTED (" + term.ZoneName(now) + ")", Drop: 3, Min: 19}, {Title: "DURATION", Drop: 2, Min: 8}, {Title: "ERROR"}}}
	for _, r := range runs {
		t.Rows = append(t.Rows, []string{term.Printable(r.FlowID), fmt.Sprint(r.Number), r.Trigger, runState(r),
			began(r, now), length(r, now), outcome(r, now)})
	}
	return t
}

// began is when a run started, if it has.
func began(r pawl.RunInfo, now time.Time) string {
	switch {
	case !r.StartedAt.IsZero():
		return term.Clock(r.StartedAt, now)
	case r.Status == pawl.RunWaiting:
		return "not yet"
	}
	return "never"
}

// outcome is what went wrong with a run, or what it waits for.
func outcome(r pawl.RunInfo, now time.Time) string {
	switch r.Status {
	case pawl.RunParked:
		return "parked until " + term.Clock(r.DueAt, now)
	case pawl.RunBlocked:
		return "blocked since " + term.Clock(r.DueAt, now) + ": " + term.FirstLine(r.Error)
	case pawl.RunWaiting:
	default:
		return term.FirstLine(r.Error)
	}
	text := "waits for its turn"
	if r.DueAt.After(now) {
		text = "until " + term.Clock(r.DueAt, now)
	}
	if r.Error != "" {
		text += ": " + term.FirstLine(r.Error)
	}
	return text
}

// length is how long a run took, or has taken; of an interrupted one nobody knows.
func length(r pawl.RunInfo, now time.Time) string {
	switch {
	case r.Status == pawl.RunRunning:
		return lengths.Span(now.Sub(r.StartedAt)) + "…"
	case r.Status == pawl.RunInterrupted:
		return "unknown"
	case !r.Status.Over():
		return "not yet"
	case r.FinishedAt.IsZero() || r.StartedAt.IsZero():
		return "none"
	}
	return lengths.Span(r.FinishedAt.Sub(r.StartedAt))
}
