package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"
)

var escapes = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])`)

// printable is a text without what could drive a terminal: escape sequences,
// control characters but line feeds, and marks that turn the direction of text.
func printable(text string) string {
	text = escapes.ReplaceAllString(strings.ToValidUTF8(text, "?"), "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, text)
}

// firstLine is the beginning of a text, fit for a cell.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return printable(line)
}

// A format is the value of -o.
type format string

// Set makes a format a flag's value.
func (f *format) Set(text string) error {
	if text != "table" && text != "json" {
		return fmt.Errorf("must be table or json")
	}
	*f = format(text)
	return nil
}

// String is the name of the format.
func (f *format) String() string { return string(*f) }

// Type names the value in a flag's help.
func (f *format) Type() string { return "format" }

// formatFlag gives a verb the flag -o.
func formatFlag(cmd *cobra.Command) *format {
	f := format("table")
	cmd.Flags().VarP(&f, "output", "o", "table or json")
	return &f
}

// printJSON writes a list as an array, with escapes for what could drive a
// terminal. A list of nothing is [].
func printJSON[T any](w io.Writer, list []T) error {
	if list == nil {
		list = []T{}
	}
	var text, safe strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(list); err != nil {
		return err
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
	_, err := io.WriteString(w, safe.String())
	return err
}
