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

// The colours, of the 256 of ANSI: unlike the first 16, which each terminal has its own
// of, they can be read on a white background and on a black one.
const (
	green  = "38;5;28"
	red    = "38;5;160"
	amber  = "38;5;130"
	blue   = "38;5;32"
	violet = "38;5;133"
	faint  = "2"
)

// inks are the colours of symbols. What a symbol says it says without, too.
var inks = map[rune]string{
	'✓': green, '·': green,
	'✗': red, '⊗': red, '■': "1;" + red, '!': "1;" + red,
	'↻': amber, '◷': amber, '◔': amber, '⊡': red, '◐': amber,
	'▶': blue, '↯': violet,
	'○': faint, '◌': faint, '⊘': faint,
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
