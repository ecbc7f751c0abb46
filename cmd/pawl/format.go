package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"
)

// A format is the value of -o.
type format string

var formats = []string{"table", "json", "jsonl", "csv", "md"}

// Set makes a format a flag's value.
func (f *format) Set(text string) error {
	if !slices.Contains(formats, text) {
		return fmt.Errorf("must be table, json, jsonl, csv or md")
	}
	*f = format(text)
	return nil
}

// String is the name of the format.
func (f *format) String() string { return string(*f) }

// forPeople says whether text may stand below the table.
func (f format) forPeople() bool { return f == "table" || f == "md" }

// Type names the value in a flag's help.
func (f *format) Type() string { return "format" }

// formatFlag gives a verb the flag -o.
func formatFlag(cmd *cobra.Command) *format { return formatFlagOr(cmd, "table") }

// formatFlagOr gives it one that is another unless it is given.
func formatFlagOr(cmd *cobra.Command, f format) *format {
	cmd.Flags().VarP(&f, "output", "o", "table, json, jsonl, csv or md")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return &f
}

// show prints a list: its objects as JSON or CSV, its table as Markdown, and for
// people as they would have it, which is the table too if people is nil.
func show[T any](out format, list []T, t func() table, people func()) error {
	switch {
	case out == "json":
		return printJSON(stdout, list)
	case out == "jsonl":
		return printJSONLines(stdout, list)
	case out == "csv":
		return printCSV(stdout, list)
	case out == "md":
		t().markdown(stdout, true)
	case people != nil:
		people()
	default:
		t().print(stdout, outputWidth())
	}
	return nil
}

// printJSON writes a list as an array, with escapes for what could drive a
// terminal. A list of nothing is [].
func printJSON[T any](w io.Writer, list []T) error {
	if list == nil {
		list = []T{}
	}
	text, err := marshal(list, "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// printJSONLines writes each of a list on a line of its own.
func printJSONLines[T any](w io.Writer, list []T) error {
	for _, x := range list {
		text, err := marshal(x, "")
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// marshal is JSON that a terminal can be shown, with a line feed at its end.
func marshal(x any, indent string) (string, error) {
	var text, safe strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(x); err != nil {
		return "", err
	}
	for _, r := range text.String() {
		if r == '\n' || unicode.IsPrint(r) {
			safe.WriteRune(r)
			continue
		}
		for _, half := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&safe, `\u%04x`, half)
		}
	}
	return safe.String(), nil
}
