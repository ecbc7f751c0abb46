package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// fromEnvironment are the flags that may be given as a variable: --stop-timeout as
// PAWL_STOP_TIMEOUT. No other is read, since a command that pawl runs finds what it
// should know in variables that begin alike.
var fromEnvironment = []string{"db", "config", "output", "tz", "color", "stop-timeout", "log-level",
	"listen", "listen-token", "listen-host", "listen-read-only"}

// globalFlags gives every verb what all of them have.
func globalFlags(root *cobra.Command, database *string) {
	var zone string
	when := term.ColorMode("auto")
	flags := root.PersistentFlags()
	flags.StringVar(database, "db", "pawl.db", "the database `file`")
	flags.StringVar(&zone, "tz", "", "time `zone` of times that are shown or given (default: the local one)")
	flags.Var(&when, "color", "auto, always or never")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := takeEnvironment(cmd); err != nil {
			return err
		}
		if err := takeZone(zone); err != nil {
			return err
		}
		term.UseColor = when.Enabled(os.Stdout)
		if db := cmd.Flag("db"); !db.Changed {
			takeDatabase(cmd, database)
		}
		return takeInstants(cmd)
	}
	root.SetFlagErrorFunc(unknownFlag)
}

// takeEnvironment sets flags that are not given from variables.
func takeEnvironment(cmd *cobra.Command) error {
	for _, name := range fromEnvironment {
		f := cmd.Flags().Lookup(name)
		variable := "PAWL_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value := os.Getenv(variable)
		if f == nil || f.Changed || value == "" {
			continue
		}
		if err := cmd.Flags().Set(name, value); err != nil {
			return fmt.Errorf("%s=%s: %w", variable, value, errors.Unwrap(err))
		}
	}
	return nil
}

// takeZone makes a zone the local one of this process.
func takeZone(name string) error {
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return fmt.Errorf("%q is no time zone: write --tz, or PAWL_TZ, as Europe/Berlin, UTC or Local", name)
	}
	time.Local = zone
	return nil
}

// takeDatabase reads from the config where the database is. A config that is wrong is
// told of by the verbs that are about it.
func takeDatabase(cmd *cobra.Command, database *string) {
	if demo := cmd.Flags().Lookup("demo"); demo != nil && demo.Value.String() == "true" {
		return
	}
	asked := ""
	if f := cmd.Flags().Lookup("config"); f != nil {
		asked = f.Value.String()
	} else {
		asked = os.Getenv("PAWL_CONFIG")
	}
	path := findConfig(asked)
	data, err := readConfig(path)
	var top struct{ DB string }
	if err != nil || yaml.Unmarshal(data, &top) != nil || top.DB == "" {
		return
	}
	*database = top.DB
	if !filepath.IsAbs(top.DB) {
		*database = filepath.Join(filepath.Dir(path), top.DB)
	}
}

// takeInstants reads the times among the flags, now that the zone is known.
func takeInstants(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if i, ok := f.Value.(interface{ resolve() error }); ok && err == nil {
			if err = i.resolve(); err != nil {
				err = fmt.Errorf("--%s: %w", f.Name, err)
			}
		}
	})
	return err
}

// unknownFlag adds to the error of a flag that is not known the one it looks like.
func unknownFlag(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	if hint := term.Suggest("--"+unknown.GetSpecifiedName(), names); hint != "" {
		return fmt.Errorf("%w%s", err, hint)
	}
	return err
}

// formatFlag gives a verb the flag -o.
func formatFlag(cmd *cobra.Command) *term.Format { return formatFlagOr(cmd, "table") }

// formatFlagOr gives it one that is another unless it is given.
func formatFlagOr(cmd *cobra.Command, f term.Format) *term.Format {
	cmd.Flags().VarP(&f, "output", "o", "table, json, jsonl, csv or md")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(term.Formats, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return &f
}

// duration is a length of time on the command line and in the config: as Go
// writes it, with whole or broken weeks and days in front (1w, 2d12h, 1.5d). A
// day has 24 hours.
type duration time.Duration

// Set makes a duration a flag's value.
func (d *duration) Set(text string) error {
	parsed, err := lengths.Parse(text)
	*d = duration(parsed)
	return err
}

// String is the duration as Go writes it, or nothing for none.
func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return lengths.Exact(time.Duration(*d))
}

// Type names the value in a flag's help.
func (d *duration) Type() string { return "duration" }
