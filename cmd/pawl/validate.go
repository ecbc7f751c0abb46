package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/spf13/cobra"
)

func validateVerb() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a config, and say where it is wrong",
		Long: `Check a config, and say where it is wrong, and how to fix it: a line for each fault,
with file, line and column, or with -o the same for programs. It exits with 78 if there
is one. What is accepted, but may be meant in another way, is a warning on stderr.`,
		Args: cobra.MaximumNArgs(1),
		PreRunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && config != "" {
				return fmt.Errorf("one config at a time: %s or %s", config, args[0])
			}
			return nil
		},
	}
	out := formatFlag(cmd)
	cmd.Flags().StringVarP(&config, "config", "c", "", "the config `file` (default pawl.yaml, or the demo)")
	cmd.RunE = does(func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			config = args[0]
		}
		path := findConfig(config)
		plan, err := loadConfig(path)
		for _, w := range plan.warnings {
			fmt.Fprintln(os.Stderr, term.Printable(w.Error()))
		}
		if *out != "table" && (err == nil || errors.As(err, new(fault))) {
			return showFaults(*out, err)
		}
		if err != nil {
			return err
		}
		if path == "" {
			path = "the built-in demo"
		}
		fmt.Fprintf(term.Stdout, "%s is valid: %s\n", term.Printable(path), term.Count(int64(len(plan.flows)), "flow"))
		return nil
	})
	return cmd
}

// showFaults prints what is wrong with a config for programs, if anything is.
func showFaults(out term.Format, err error) error {
	faults := faultsOf(err)
	t := func() term.Table {
		t := term.Table{Columns: []term.Column{{Title: "WHERE"}, {Title: "WHAT"}}}
		for _, f := range faults {
			t.Rows = append(t.Rows, []string{term.Printable(fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)), term.Printable(f.Text)})
		}
		return t
	}
	if err := term.Show(out, faults, t, nil); err != nil || len(faults) == 0 {
		return err
	}
	return silent(exitConfig)
}

const exitConfig = 78
