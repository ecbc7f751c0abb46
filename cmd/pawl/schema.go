package main

import (
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/spf13/cobra"
)

func schemaVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of the config, for editors",
		Long: `Print the JSON schema of the config, with which editors complete and check it:

  pawl schema > pawl.schema.json
  # yaml-language-server: $schema=pawl.schema.json     at the top of pawl.yaml`,
		Args: cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			text, err := term.JSON(configSchema(), "  ")
			if err == nil {
				_, err = term.Stdout.WriteString(text)
			}
			return err
		}),
	}
}
