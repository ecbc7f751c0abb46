package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

func logsVerb(database *string) *cobra.Command {
	var number int64
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs FLOW [RUN]",
		Short: "Show the output of a run, by default the newest",
		Long: `Show what a run printed, of the newest one if no number is given. Of a run that is
over the beginning and the end were kept. Of one that is under way it is what it has
printed so far; with --follow also what comes, until it is over. How the run ended is on
stderr, with the whole of its error.

On a terminal, characters that drive it are replaced. A pipe and a file get the output
as it was printed, escape sequences too: pass it to a terminal with care.`,
		Args: cobra.RangeArgs(1, 2),
		PreRunE: func(_ *cobra.Command, args []string) (err error) {
			if len(args) > 1 {
				number, err = runNumber(args[0], args[1])
			}
			return err
		},
		ValidArgsFunction: completeFlows(database, 1),
	}
	out := formatFlag(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the run is over")
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			run, err := loggedRun(cmd.Context(), c, args[0], number)
			if err != nil {
				return err
			}
			if *out != "table" {
				return showRun(*out, run)
			}
			return showLog(cmd.Context(), &follower{c: c, database: *database}, run, follow)
		})
	})
	return cmd
}

// runNumber reads the number of a run.
func runNumber(flow, text string) (int64, error) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 {
		return 0, fmt.Errorf("%q is no number of a run: pawl history %s shows them", text, term.Quote(flow))
	}
	return number, nil
}

// loggedRun is a run by its number, or the newest of the flow.
func loggedRun(ctx context.Context, c *pawl.Client, id string, number int64) (pawl.RunInfo, error) {
	flow, err := known(ctx, c, id)
	if err != nil {
		return pawl.RunInfo{}, err
	}
	if number == 0 {
		number = flow.LastNumber
	}
	if number == 0 {
		return pawl.RunInfo{}, fmt.Errorf("%w: flow %q has not run yet; pawl trigger %s runs it", pawl.ErrRunNotFound, id, term.Quote(id))
	}
	return runOf(ctx, c, id, number)
}

// showLog prints the output of a run, and how it ended on stderr.
func showLog(ctx context.Context, f *follower, run pawl.RunInfo, follow bool) (err error) {
	if run.Status == pawl.RunRunning && !follow {
		f.open(spoolPath(f.database, run.FlowID, run.Number))
		f.show()
		f.close()
		return nil
	}
	if run.Status.Over() {
		showOutput(run)
	} else if run, err = f.follow(ctx, run.FlowID, run.Number); err != nil {
		if ctx.Err() != nil {
			return signalled(ctx)
		}
		return err
	}
	term.Stdout.Flush()
	fmt.Fprintln(os.Stderr, term.Printable(ending(run)))
	if rest := restOfError(run); rest != "" {
		fmt.Fprintln(os.Stderr, term.Printable(rest))
	}
	return nil
}

// restOfError is what a run's error says beyond its first line, such as the stack of a
// panic, unless that is the output of its command.
func restOfError(run pawl.RunInfo) string {
	_, rest, _ := strings.Cut(run.Error, "\n")
	if rest = strings.TrimRight(rest, "\n"); strings.Contains(outputOf(run), rest) {
		return ""
	}
	return rest
}

// ending is how a run ended, in a line.
func ending(run pawl.RunInfo) string {
	text := fmt.Sprintf("%s: run %d %s", run.FlowID, run.Number, run.Status)
	if !run.FinishedAt.IsZero() && !run.StartedAt.IsZero() {
		text += " in " + lengths.Span(run.FinishedAt.Sub(run.StartedAt))
	}
	if run.Error != "" {
		text += ": " + term.FirstLine(run.Error)
	}
	return text
}
