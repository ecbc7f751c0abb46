package main

import (
	"errors"
	"fmt"

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
	cmd.RunE = does(func(cmd *cobra.Command, _ []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			doubt, err := c.Doubt(cmd.Context())
			if err != nil {
				return err
			}
			if doubt == "" {
				fmt.Fprintln(stdout, "nothing to claim: the database is the one that its last daemon left here")
				return nil
			}
			err = c.Claim(cmd.Context())
			if errors.Is(err, pawl.ErrNoOwner) {
				fmt.Fprintf(stdout, "the claim is left for the next pawl run; the database was %s\n", printable(doubt))
				return nil
			}
			if err == nil {
				fmt.Fprintf(stdout, "claimed; the database was %s\n", printable(doubt))
			}
			return err
		})
	})
	return cmd
}
