package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func verifyVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that the flows match their transitions",
		Long: `Check that the pages of the database are sound, and that every flow and run is
what the transitions make of it. A row that was edited by hand is named. The daemon
may go on. It exits with 65 when something is wrong.`,
		Args: cobra.NoArgs,
	}
	out := formatFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, _ []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			over := term.ShowElapsed("replaying transitions")
			found, err := c.Verify(cmd.Context())
			over()
			switch {
			case err != nil && len(found) == 0:
				return err
			default:
				err = term.Show(*out, found, func() term.Table { return findingTable(found) }, func() { printFindings(*database, found) })
			}
			if err == nil && len(found) > 0 {
				err = silent(exitCorrupt)
			}
			return err
		})
	})
	return cmd
}

const exitCorrupt = 65

func findingTable(found []string) term.Table {
	t := term.Table{Columns: []term.Column{{Title: "FOUND"}}}
	for _, line := range found {
		t.Rows = append(t.Rows, []string{term.Printable(line)})
	}
	return t
}

func printFindings(database string, found []string) {
	if len(found) == 0 {
		fmt.Fprintf(term.Stdout, "%s: all is well\n", term.Printable(database))
	}
	for _, line := range found {
		fmt.Fprintln(term.Stdout, term.Printable(line))
	}
}
