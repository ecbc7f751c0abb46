package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func doctorVerb(database *string) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that can be wrong, and say how to fix it",
		Long: `Look for all that can be wrong with the database, its files and its daemon, and
say what helps. It changes nothing, and the daemon may go on. With -c, or where
there is a pawl.yaml, it looks at the config too. It exits with 1 when it found
something.`,
		Args: cobra.NoArgs,
	}
	out := formatFlag(cmd)
	cmd.Flags().StringVarP(&config, "config", "c", "", "the config `file` (default pawl.yaml, if there is one)")
	cmd.RunE = does(func(cmd *cobra.Command, _ []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			over := term.ShowElapsed("looking at the whole database")
			checks, err := examine(cmd.Context(), c, *database, findConfig(config))
			over()
			if err != nil {
				return err
			}
			err = term.Show(*out, checks, func() term.Table { return checkTable(checks) }, func() { printChecks(term.Stdout, checks) })
			for _, check := range checks {
				if err == nil && len(check.Found) > 0 {
					err = silent(1)
				}
			}
			return err
		})
	})
	return cmd
}

// examine makes every check.
func examine(ctx context.Context, c *pawl.Client, database, config string) ([]pawl.Check, error) {
	checks, err := c.Doctor(ctx)
	if err != nil {
		return nil, err
	}
	orphans, err := checkOrphans(ctx, c, database)
	if err != nil {
		return nil, err
	}
	checks = append(checks, orphans)
	if r, ok := displaced(c.Database(), database); ok {
		checks = append(checks, pawl.Check{Name: "lock", Detail: "not where it belongs", Found: []string{r.displacement()}, Help: r.remedy()})
	}
	if config != "" {
		checks = append(checks, checkConfig(config))
	}
	return checks, nil
}

// checkOrphans looks for commands whose run no daemon knows to be under way.
func checkOrphans(ctx context.Context, c *pawl.Client, database string) (pawl.Check, error) {
	check := pawl.Check{Name: "orphans", Detail: "no command outlived its daemon"}
	_, owned, err := c.Owner(ctx)
	if err != nil {
		return check, err
	}
	if len(rivals(c.Database(), database)) > 0 {
		check.Detail = "unknown: another daemon drives a copy of this database"
		return check, nil
	}
	var left []string
	for _, p := range marked(c.Database()) {
		run, found, err := markedRun(ctx, c, p)
		if err != nil {
			return check, err
		}
		if found && (run.Status == pawl.RunInterrupted || !run.Status.Over() && !owned) {
			left = append(left, fmt.Sprintf("process %d is of run %d of %s", p.pid, p.run, p.flow))
		}
	}
	switch {
	case len(left) == 0:
	case owned:
		check.Detail = "the daemon does as orphans in the config says: " + strings.Join(left, ", ")
	default:
		check.Detail, check.Found = "commands outlived their daemon", left
		check.Help = "the next pawl run does with them what orphans in the config says; or end them yourself"
	}
	return check, nil
}

func checkConfig(path string) pawl.Check {
	check := pawl.Check{Name: "config", Detail: path + " is valid, and only you can write it"}
	if _, err := loadConfig(path); err != nil {
		check.Detail = path + " is refused"
		for _, f := range faultsOf(err) {
			check.Found = append(check.Found, f.Error())
		}
		if check.Found == nil {
			check.Found = []string{err.Error()}
		}
		check.Help = "fix it; pawl validate says when all is well"
	}
	return check
}

func checkTable(checks []pawl.Check) term.Table {
	t := term.Table{Columns: []term.Column{{Title: "CHECK"}, {Title: "DETAIL"}, {Title: "FOUND"}, {Title: "HELP"}}}
	for _, c := range checks {
		t.Rows = append(t.Rows, []string{checkSymbol(c) + " " + c.Name, term.Printable(c.Detail), term.Printable(strings.Join(c.Found, "; ")), term.Printable(c.Help)})
	}
	return t
}

func checkSymbol(c pawl.Check) string {
	if len(c.Found) > 0 {
		return "✗"
	}
	return "✓"
}

// printChecks writes a line per check, what was found below it, and what helps.
func printChecks(w io.Writer, checks []pawl.Check) {
	found := 0
	for _, c := range checks {
		fmt.Fprintf(w, "%s %-9s %s\n", term.ColorBySymbol(checkSymbol(c)), c.Name, term.Printable(c.Detail))
		for _, line := range c.Found {
			fmt.Fprintf(w, "    %s\n", term.Printable(line))
		}
		if c.Help != "" {
			fmt.Fprintf(w, "  → %s\n", term.Printable(c.Help))
		}
		found += len(c.Found)
	}
	switch found {
	case 0:
		fmt.Fprintln(w, "\nAll is well.")
	case 1:
		fmt.Fprintln(w, "\n1 finding.")
	default:
		fmt.Fprintf(w, "\n%d findings.\n", found)
	}
}
