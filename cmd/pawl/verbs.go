package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// addVerbs gives the program its verbs, in the groups in which help and the manual page
// show them.
func addVerbs(root *cobra.Command, database *string) {
	for _, g := range []struct {
		id, title string
		verbs     []*cobra.Command
	}{
		{"run", "Run and watch:", []*cobra.Command{runVerb(database), statusVerb(database), historyVerb(database),
			logsVerb(database), nextVerb(database), whyVerb(database), atVerb(database)}},
		{"ask", "Ask the daemon for something:", []*cobra.Command{triggerVerb(database), cancelVerb(database), pauseVerb(database), resumeVerb(database),
			resetVerb(database), probeVerb(database), backfillVerb(database), forgetVerb(database), claimVerb(database), clockVerb(database)}},
		{"config", "Write a config:", []*cobra.Command{initVerb(database), importVerb(), validateVerb(), explainVerb(), simulateVerb(database), schemaVerb()}},
		{"database", "Look after the database:", []*cobra.Command{doctorVerb(database), verifyVerb(database), backupVerb(database),
			pruneVerb(database), migrateVerb(database), exportVerb(database)}},
		{"more", "More:", []*cobra.Command{versionVerb(), manVerb()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, v := range g.verbs {
			v.GroupID = g.id
			tellUse(v)
			root.AddCommand(v)
		}
	}
	cobra.AddTemplateFunc("wrapped", func(f *pflag.FlagSet) string { return f.FlagUsagesWrapped(min(term.Width(), widestHelp)) })
	flags := strings.NewReplacer(".LocalFlags.FlagUsages", "wrapped .LocalFlags", ".InheritedFlags.FlagUsages", "wrapped .InheritedFlags")
	root.SetUsageTemplate(flags.Replace(root.UsageTemplate()))
	root.SetHelpCommandGroupID("more")
	root.SetCompletionCommandGroupID("more")
	root.AddCommand(configHelp, exitHelp, environmentHelp)
	completionVerb(root)
}

// tellUse lets a verb that got too few arguments, or too many, say which it takes, where
// cobra only counts them, or takes them for verbs.
func tellUse(v *cobra.Command) {
	check := v.Args
	if check == nil {
		return
	}
	v.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		switch {
		case err == nil || cmd.HasSubCommands() || errors.As(err, new(argsError)):
			return err
		case check(cmd, nil) == nil && check(cmd, args[:1]) != nil:
			return fmt.Errorf("%q is one argument too many: pawl %s takes none", args[0], cmd.Name())
		}
		return fmt.Errorf("%s: it is called as in pawl %s", term.Count(int64(len(args)), "argument"), cmd.Use)
	}
}

// An argsError is about the arguments of a verb, and says itself which it takes.
type argsError struct{ error }

// completionVerb makes the verb that cobra has refuse shells that it does not know.
func completionVerb(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	if cmd, _, err := root.Find([]string{"completion"}); err == nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			var shells []string
			for _, c := range cmd.Commands() {
				shells = append(shells, c.Name())
			}
			if len(args) == 0 {
				return fmt.Errorf("completion for which shell? There is %s", strings.Join(shells, ", "))
			}
			return fmt.Errorf("no completion for the shell %q%s", args[0], term.DidYouMean(args[0], shells))
		}
		cmd.RunE = func(*cobra.Command, []string) error { return nil } // never: its arguments are wrong
	}
}

const widestHelp = 88 // columns
