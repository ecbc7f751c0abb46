package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func clockVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clock",
		Short: "Accept a clock that is behind the database",
		Long: `A daemon that finds the clock more than three hours behind the newest transition in
the database does not believe it: occurrences of schedules wait, what is triggered
runs. It goes on when the clock is right again, when somebody accepts it (pawl clock
accept), or after ten minutes if the clock is later than the time at which pawl was
built. With clock_trusted: true in the config it believes the clock at each start.`,
	}
	cmd.AddCommand(clockAcceptVerb(database))
	return cmd
}

func clockAcceptVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accept",
		Short: "Say that the clock is right as it is",
		Long: `Say that the clock is right, though it is more than three hours behind the newest
transition in the database: occurrences go on from the time that it shows. Without a
daemon that is left for the next start.`,
		Args: cobra.NoArgs,
	}
	out := formatFlag(cmd)
	timeout := timeoutFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, _ []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			newest, err := c.ClockBehind(cmd.Context())
			if err != nil {
				return err
			}
			d := done{Verb: "clock accept", Database: *database}
			if newest.IsZero() {
				return showDone(*out, d, "nothing to accept: the clock is not behind the database")
			}
			_, err = asked(cmd.Context(), c, time.Duration(*timeout), func(ctx context.Context) (bool, error) { return true, c.AcceptClock(ctx) })
			if errors.Is(err, pawl.ErrNoOwner) {
				d.Queued = true
				return showDone(*out, d, "left for the next pawl run; the newest transition is at "+term.Clock(newest, time.Now()))
			}
			if err != nil {
				return err
			}
			return showDone(*out, d, "accepted; the newest transition is at "+term.Clock(newest, time.Now()))
		})
	})
	return cmd
}
