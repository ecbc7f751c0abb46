package main

import (
	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

// completeFlows completes the names of flows for a shell: of the first arguments, most
// of them; 0: all.
func completeFlows(database *string, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if takeEnvironment(cmd) == nil && !cmd.Flag("db").Changed {
			takeDatabase(cmd, database)
		}
		c, err := pawl.Open(*database)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer c.Close()
		flows, err := c.List(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []cobra.Completion
		for _, f := range flows {
			names = append(names, cobra.CompletionWithDesc(term.Printable(f.ID), schedule(f)+", "+string(f.Status)))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
