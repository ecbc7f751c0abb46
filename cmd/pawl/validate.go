package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func validateVerb() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a config, and say where it is wrong",
		Args:  cobra.MaximumNArgs(1),
		PreRunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && config != "" {
				return fmt.Errorf("one config at a time: %s or %s", config, args[0])
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "", "the config `file` (default pawl.yaml, or the demo)")
	cmd.RunE = does(func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			config = args[0]
		}
		path := findConfig(config)
		plan, err := loadConfig(path)
		if err != nil {
			return err
		}
		if path == "" {
			path = "the built-in demo"
		}
		fmt.Fprintf(stdout, "%s is valid: %d flows\n", printable(path), len(plan.flows))
		return nil
	})
	return cmd
}
