package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func manVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "man",
		Short: "Print the manual page, of all verbs",
		Long:  "Print the manual page, of all verbs: pawl man > /usr/local/share/man/man1/pawl.1",
		Args:  cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			manual{term.Stdout}.print(cmd.Root())
			return nil
		}),
	}
}

// A manual writes what help says as troff.
type manual struct{ w io.Writer }

func (m manual) print(root *cobra.Command) {
	fmt.Fprintf(m.w, ".TH PAWL 1 \"\" \"pawl %s\"\n.SH NAME\npawl \\- %s\n", inTroff(version()), inTroff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	fmt.Fprintf(m.w, ".SH SYNOPSIS\n.B pawl\n.I verb\n[arguments] [flags]\n.SH VERBS\n")
	m.verbs(root)
	fmt.Fprint(m.w, ".SH FLAGS OF ALL VERBS\n")
	root.PersistentFlags().VisitAll(m.flag)
	for _, topic := range []*cobra.Command{configHelp, exitHelp, environmentHelp} {
		fmt.Fprintf(m.w, ".SH %s\n", inTroff(strings.ToUpper(topic.Short)))
		m.text(topic.Long)
	}
}

// verbs writes those that work, with those below them.
func (m manual) verbs(parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.HasSubCommands() {
			m.verbs(c)
			continue
		}
		fmt.Fprintf(m.w, ".SS %s\n", inTroff(strings.TrimPrefix(c.UseLine(), "pawl ")))
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		m.text(text)
		c.LocalNonPersistentFlags().VisitAll(m.flag)
	}
}

// text writes paragraphs; lines that are indented stay as they are.
func (m manual) text(text string) {
	literal := false
	for line := range strings.SplitSeq(text, "\n") {
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && !literal:
			fmt.Fprint(m.w, ".PP\n.nf\n")
		case !indented && literal:
			fmt.Fprint(m.w, ".fi\n.PP\n")
		case line == "":
			fmt.Fprint(m.w, ".PP\n")
		}
		literal = indented
		if line != "" {
			fmt.Fprintln(m.w, inTroff(line))
		}
	}
	if literal {
		fmt.Fprint(m.w, ".fi\n")
	}
}

func (m manual) flag(f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	value, usage := pflag.UnquoteUsage(f)
	if value != "" {
		name += " " + value
	}
	fmt.Fprintf(m.w, ".TP\n.B %s\n%s\n", inTroff(name), inTroff(usage))
}

var troff = strings.NewReplacer(`\`, `\e`, "-", `\-`)

// inTroff is a line as troff shows it.
func inTroff(line string) string {
	line = troff.Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}
