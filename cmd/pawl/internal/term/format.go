package term

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// A Format is the value of -o.
type Format string

var Formats = []string{"table", "json", "jsonl", "csv", "md"}

// Set makes a format a flag's value.
func (f *Format) Set(text string) error {
	if !slices.Contains(Formats, text) {
		return fmt.Errorf("must be table, json, jsonl, csv or md")
	}
	*f = Format(text)
	return nil
}

// String is the name of the format.
func (f *Format) String() string { return string(*f) }

// ForPeople says whether text may stand below the table.
func (f Format) ForPeople() bool { return f == "table" || f == "md" }

// Type names the value in a flag's help.
func (f *Format) Type() string { return "format" }

// Show prints a list: its objects as JSON or CSV, its table as Markdown, and for
// people as they would have it, which is the table too if people is nil.
func Show[T any](out Format, list []T, t func() Table, people func()) error {
	switch {
	case out == "json":
		return printJSON(Stdout, list)
	case out == "jsonl":
		return printJSONLines(Stdout, list)
	case out == "csv":
		return printCSV(Stdout, list)
	case out == "md":
		t().markdown(Stdout, true)
	case people != nil:
		people()
	default:
		t().Print(Stdout, Width())
	}
	return nil
}

// printJSON writes a list as an array, with escapes for what could drive a
// terminal. A list of nothing is [].
func printJSON[T any](w io.Writer, list []T) error {
	if list == nil {
		list = []T{}
	}
	text, err := JSON(list, "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// printJSONLines writes each of a list on a line of its own.
func printJSONLines[T any](w io.Writer, list []T) error {
	for _, x := range list {
		text, err := JSON(x, "")
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// JSON is JSON that a terminal can be shown, with a line feed at its end.
func JSON(x any, indent string) (string, error) {
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
