package main

import (
	"fmt"
	"os"
	"strings"
)

// colored says whether what is printed may have colour.
var colored bool

// A colorMode is the value of --color.
type colorMode string

// Set makes a colorMode a flag's value.
func (m *colorMode) Set(text string) error {
	switch text {
	case "auto", "always", "never":
		*m = colorMode(text)
		return nil
	}
	return fmt.Errorf("must be auto, always or never")
}

// String is the mode.
func (m *colorMode) String() string { return string(*m) }

// Type names the value in a flag's help.
func (m *colorMode) Type() string { return "when" }

// decide says whether there is colour on a file. NO_COLOR, if it is not empty, means
// none unless always was asked for.
func (m colorMode) decide(file *os.File) bool {
	switch m {
	case "always":
		return true
	case "never":
		return false
	}
	_, ok := terminal(file)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// inks are the colours of symbols, by the numbers of ANSI, which a terminal shows so
// that they can be read on its background. What a symbol says it says without, too.
var inks = map[rune]string{
	'✓': "32", '·': "32",
	'✗': "31", '⊗': "31", '■': "1;31", '!': "1;31",
	'↻': "33", '◷': "33", '◐': "33",
	'▶': "36", '↯': "35",
	'○': "2", '◌': "2", '⊘': "2", '-': "2",
}

// inked colours a cell as its first symbol says.
func inked(cell string) string {
	for _, r := range cell {
		return ink(cell, inks[r])
	}
	return cell
}

// inkedEach colours each symbol of a cell.
func inkedEach(cell string) string {
	var b strings.Builder
	for _, r := range cell {
		b.WriteString(ink(string(r), inks[r]))
	}
	return b.String()
}

// bold is for titles.
func bold(text string) string { return ink(text, "1") }

func ink(text, code string) string {
	if !colored || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
