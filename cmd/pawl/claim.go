package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
)

func claimVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "claim",
		Short: "Let a copied or restored database run its flows",
		Long: `Let a database that was copied, or put back from a backup, run its flows.

With restore_guard: true in the config, the daemon of such a database runs nothing
until it is claimed, so that a copy does not do again what the original does. Make
sure that the original runs no more. Without a daemon the claim waits for the next
start. What is overdue then runs at once, one run per flow.`,
		Args: cobra.NoArgs,
	}
	out := formatFlag(cmd)
	timeout := timeoutFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, _ []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			doubt, err := c.Doubt(cmd.Context())
			if err != nil {
				return err
			}
			if doubt == "" {
				return showDone(*out, done{Verb: "claim", Database: *database},
					"nothing to claim: the database is the one that its last daemon left here")
			}
			_, err = asked(cmd.Context(), c, time.Duration(*timeout), func(ctx context.Context) (bool, error) { return true, c.Claim(ctx) })
			if errors.Is(err, pawl.ErrNoOwner) {
				by, _ := registrarOf(cmd.Context(), c)
				return showDone(*out, done{Verb: "claim", Database: *database, Doubt: doubt, Queued: true},
					"the claim is left for "+by.next()+"; the database was "+doubt)
			}
			if err != nil {
				return err
			}
			return showDone(*out, done{Verb: "claim", Database: *database, Doubt: doubt}, "claimed; the database was "+doubt)
		})
	})
	return cmd
}
