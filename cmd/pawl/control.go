package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/moment"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

// The work of a verb that asks the daemon to change a flow: it says what it has done.
type request func(ctx context.Context, c *pawl.Client, flow pawl.FlowInfo) (done string, err error)

// operates makes a verb of one that has a flow as its first argument. With --queue the
// request is left for the next daemon if none runs.
func operates(cmd *cobra.Command, database *string, ask request) *cobra.Command {
	var queue bool
	out := formatFlag(cmd)
	cmd.ValidArgsFunction = completeFlows(database, 1)
	queueFlag(cmd, &queue)
	timeout := timeoutFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			ctx := cmd.Context()
			flow, err := known(ctx, c, args[0])
			if err != nil {
				return err
			}
			if queue {
				c = c.Queueing()
			}
			done, err := asked(ctx, c, time.Duration(*timeout), func(ctx context.Context) (string, error) { return ask(ctx, c, flow) })
			if err != nil {
				return unowned(cmd.Context(), c, cmd.Name(), flow.ID, err)
			}
			if *out == "table" {
				fmt.Fprintf(term.Stdout, "%s: %s\n", term.Printable(flow.ID), done)
				return nil
			}
			var left []pawl.FlowInfo // nothing of one that was forgotten
			if after, found, err := c.Status(ctx, flow.ID); err != nil {
				return err
			} else if found {
				left = append(left, after)
			}
			return term.Show(*out, left, func() term.Table { return flowTable(left, time.Now()) }, nil)
		})
	})
	return cmd
}

func queueFlag(cmd *cobra.Command, queue *bool) {
	cmd.Flags().BoolVar(queue, "queue", false, "if no daemon runs, leave it for the next one to do at its start")
}

func reasonFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("reason", "", "why, for whoever reads of it later")
}

// unowned reports a request that waits for the next daemon, and explains one that
// nobody was there to carry out.
func unowned(ctx context.Context, c *pawl.Client, verb, id string, err error) error {
	if !errors.Is(err, pawl.ErrQueued) && !errors.Is(err, pawl.ErrNoOwner) {
		return err
	}
	by, _ := registrarOf(ctx, c) // the advice is shorter without it
	if errors.Is(err, pawl.ErrQueued) {
		fmt.Fprintf(term.Stdout, "%s: %s is left for %s\n", term.Printable(id), verb, by.next())
		return nil
	}
	return fmt.Errorf("%w: %s, or leave it for the next start with --queue", err, by.start())
}

func resetVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset FLOW",
		Short: "Clear a flow's failures, so that it runs on its schedule again",
		Args:  cobra.ExactArgs(1),
	}
	reason := reasonFlag(cmd)
	return operates(cmd, database, func(ctx context.Context, c *pawl.Client, flow pawl.FlowInfo) (string, error) {
		done := fmt.Sprintf("reset; it was %s with %d failures in a row", flow.Status, flow.FailureStreak)
		return done, c.Reset(ctx, flow.ID, given(*reason)...)
	})
}

// given is a reason, or none.
func given(reason string) []string {
	if reason == "" {
		return nil
	}
	return []string{reason}
}

func resumeVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume FLOW",
		Short: "Resume the schedule of a paused flow",
		Long: `Resume the schedule of a paused flow, from now: what passed while it was paused
was not missed, but an interval that is over by now runs at once. With --from, what
passed since then is caught up on as catch_up in the config says.

` + timeHelp,
		Args: cobra.ExactArgs(1),
	}
	var from instant
	cmd.Flags().Var(&from, "from", "catch up on what passed since")
	return operates(cmd, database, func(ctx context.Context, c *pawl.Client, flow pawl.FlowInfo) (string, error) {
		done := "was not paused"
		if !flow.PausedAt.IsZero() {
			done = "resumed; it was paused since " + term.Clock(flow.PausedAt, time.Now())
		}
		return done, c.ResumeFrom(ctx, flow.ID, from.Time)
	})
}

func cancelVerb(database *string) *cobra.Command {
	var number int64
	cmd := &cobra.Command{
		Use:   "cancel FLOW RUN",
		Short: "Cancel a queued or running run",
		Long: `Cancel a run, by its number. One that waits is over at once. The command of one that
is under way is ended, by SIGTERM and after its grace by SIGKILL. A workflow that is
parked goes on to undo what it did; one that is blocked is undone by a program that
knows its version. With --force a run that has begun and is not under way is closed as
it is, without undo. A cancelled run is no failure.`,
		Args: cobra.ExactArgs(2),
		PreRunE: func(_ *cobra.Command, args []string) (err error) {
			number, err = runNumber(args[0], args[1])
			return err
		},
	}
	reason := reasonFlag(cmd)
	force := cmd.Flags().Bool("force", false, "close a run that is parked, blocked or waiting to go on, without undo")
	return operates(cmd, database, func(ctx context.Context, c *pawl.Client, flow pawl.FlowInfo) (string, error) {
		if *force {
			err := c.CancelWithoutUndo(ctx, flow.ID, number, given(*reason)...)
			return fmt.Sprintf("run %d is cancelled without undo; what it did was left as it is", number), err
		}
		if err := c.Cancel(ctx, flow.ID, number, given(*reason)...); err != nil {
			return "", err
		}
		run, err := runOf(ctx, c, flow.ID, number)
		if err == nil && run.Status == pawl.RunRunning {
			return fmt.Sprintf("run %d is being ended", number), nil
		}
		if err == nil && run.Status == pawl.RunBlocked {
			return fmt.Sprintf("run %d is undone by a program that knows its version; --force closes it without undo", number), nil
		}
		return fmt.Sprintf("run %d is cancelled", number), err
	})
}

func forgetVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget FLOW",
		Short: "Delete a flow that is not in the config any more, with its history",
		Long: `Delete a flow that the config has no more, with all its history. Nothing else is
committed meanwhile. There is no way back but a backup. A flow with parked or blocked
runs is not forgotten before these are cancelled with --force.`,
		Args: cobra.ExactArgs(1),
	}
	return operates(cmd, database, func(ctx context.Context, c *pawl.Client, flow pawl.FlowInfo) (string, error) {
		return "forgotten, with " + runs(flow.RunCount), c.Forget(ctx, flow.ID)
	})
}

// An instant is the value of a flag that takes a time.
type instant struct {
	time.Time
	text string
}

const timeHelp = `A time is as in 2026-11-22T09:00:00Z, or "2026-11-22 09:00" in the local time zone.`

// Set makes an instant a flag's value. It is read when the zone is known.
func (i *instant) Set(text string) error {
	i.text = text
	return nil
}

// resolve reads the text, in the local zone.
func (i *instant) resolve() (err error) {
	i.Time, err = moment.Parse(i.text, time.Local)
	return err
}

// String is the instant as it was given.
func (i *instant) String() string { return i.text }

// Type names the value in a flag's help.
func (i *instant) Type() string { return "time" }
