package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
)

// errWaitTimeout is a wait that took longer than --timeout.
var errWaitTimeout = errors.New("the wait timed out")

func triggerVerb(database *string) *cobra.Command {
	var wait, queue bool
	var timeout duration
	cmd := &cobra.Command{
		Use:   "trigger FLOW",
		Short: "Run a flow now, whatever its schedule or backoff says",
		Long: `Run a flow now, whatever its schedule or backoff says.

With --wait the exit code is the command's own, 128 and the signal's number if
one killed it, 1 if the run failed otherwise, and 124 if the timeout passed
before: the run goes on then.`,
		Args: cobra.ExactArgs(1),
		PreRunE: func(*cobra.Command, []string) error {
			if timeout > 0 && !wait {
				return errors.New("--timeout is for --wait")
			}
			return nil
		},
	}
	out := formatFlag(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the run is over")
	cmd.Flags().Var(&timeout, "timeout", "with --wait, how long at most (default for ever)")
	cmd.Flags().BoolVar(&queue, "queue", false, "if no daemon runs, leave it for the next one to do at its start")
	cmd.MarkFlagsMutuallyExclusive("wait", "queue")
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			if _, err := known(cmd.Context(), c, args[0]); err != nil {
				return err
			}
			number, err := c.Trigger(cmd.Context(), args[0])
			if err != nil {
				return queued(cmd.Context(), c, "trigger", args[0], queue, err)
			}
			if !wait {
				return started(cmd.Context(), c, args[0], number, *out)
			}
			run, err := waitRun(cmd.Context(), c, args[0], number, time.Duration(timeout))
			if err != nil {
				return err
			}
			return over(run, *out)
		})
	})
	return cmd
}

func resetVerb(database *string) *cobra.Command {
	var queue bool
	cmd := &cobra.Command{
		Use:   "reset FLOW",
		Short: "Forget a flow's failures, so that it runs on its schedule again",
		Args:  cobra.ExactArgs(1),
	}
	out := formatFlag(cmd)
	cmd.Flags().BoolVar(&queue, "queue", false, "if no daemon runs, leave it for the next one to do at its start")
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			flow, err := known(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if err := c.Reset(cmd.Context(), args[0]); err != nil {
				return queued(cmd.Context(), c, "reset", args[0], queue, err)
			}
			if *out == "json" {
				after, err := known(cmd.Context(), c, args[0])
				if err != nil {
					return err
				}
				return printJSON(stdout, []pawl.FlowInfo{after})
			}
			fmt.Fprintf(stdout, "%s: reset; it was %s with %d failures in a row\n", printable(flow.ID), flow.Status, flow.FailureStreak)
			return nil
		})
	})
	return cmd
}

// queued leaves a command for the next daemon, if there is none now and the
// user wants that; else it returns the error.
func queued(ctx context.Context, c *pawl.Client, command, id string, queue bool, err error) error {
	if !errors.Is(err, pawl.ErrNoOwner) {
		return err
	}
	if !queue {
		return fmt.Errorf("%w: start one with pawl run, or leave it for the next with --queue", err)
	}
	if _, err := c.Post(ctx, command, id); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %s is left for the next pawl run\n", printable(id), command)
	return nil
}

// started reports a run that is under way.
func started(ctx context.Context, c *pawl.Client, id string, number int64, out format) error {
	if out == "table" {
		fmt.Fprintf(stdout, "%s: run %d started\n", printable(id), number)
		return nil
	}
	runs, err := c.Runs(ctx, pawl.RunsQuery{Flow: id, Before: number + 1, Limit: 1})
	if err != nil {
		return err
	}
	return printJSON(stdout, runs)
}

// waitRun waits until a run is over, but not for longer than timeout if there
// is one.
func waitRun(ctx context.Context, c *pawl.Client, id string, number int64, timeout time.Duration) (pawl.RunInfo, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, errWaitTimeout)
		defer cancel()
	}
	run, err := c.WaitRun(ctx, id, number)
	if err == nil || ctx.Err() == nil {
		return run, err
	}
	err = context.Cause(ctx)
	if errors.Is(err, errWaitTimeout) {
		err = fmt.Errorf("%w after %s", err, exact(timeout))
	}
	return run, fmt.Errorf("%w: run %d of %s goes on", err, number, id)
}

// over reports a run that is over. The error carries the command's exit code.
func over(run pawl.RunInfo, out format) error {
	summary := fmt.Sprintf("%s: run %d %s", run.FlowID, run.Number, run.Status)
	if !run.FinishedAt.IsZero() {
		summary += " in " + span(run.FinishedAt.Sub(run.StartedAt))
	}
	switch {
	case out == "json":
		if err := printJSON(stdout, []pawl.RunInfo{run}); err != nil {
			return err
		}
	case run.Status == pawl.RunCompleted:
		fmt.Fprintln(stdout, printable(summary))
	default:
		fmt.Fprintln(os.Stderr, printable(summary+"\n"+run.Error))
	}
	if run.Status == pawl.RunCompleted {
		return nil
	}
	return silent(exitCode(run.Error))
}
