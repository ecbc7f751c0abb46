package term

import (
	"fmt"
	"os"
	"strings"
)

// UseColor says whether what is printed may have colour.
var UseColor bool

// A ColorMode is the value of --color.
type ColorMode string

// Set makes a colorMode a flag's value.
func (m *ColorMode) Set(text string) error {
	switch text {
	case "auto", "always", "never":
		*m = ColorMode(text)
		return nil
	}
	return fmt.Errorf("must be auto, always or never")
}

// String is the mode.
func (m *ColorMode) String() string { return string(*m) }

// Type names the value in a flag's help.
func (m *ColorMode) Type() string { return "when" }

// Enabled says whether there is colour on a file. NO_COLOR, if it is not empty, means
// none unless always was asked for.
func (m ColorMode) Enabled(file *os.File) bool {
	switch m {
	case "always":
		return true
	case "never":
		return false
	}
	_, ok := Terminal(file)
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

// symbolColors are the colours of symbols. What a symbol says it says without, too.
var symbolColors = map[rune]string{
	'✓': green, '·': green,
	'✗': red, '⊗': red, '■': "1;" + red, '!': "1;" + red,
	'↻': amber, '◷': amber, '◔': amber, '⊡': red, '◐': amber,
	'▶': blue, '↯': violet,
	'○': faint, '◌': faint, '⊘': faint,
}

// ColorBySymbol colours a cell as its first symbol says.
func ColorBySymbol(cell string) string {
	for _, r := range cell {
		return paint(cell, symbolColors[r])
	}
	return cell
}

// ColorSymbols colours each symbol of a cell.
func ColorSymbols(cell string) string {
	var b strings.Builder
	for _, r := range cell {
		b.WriteString(paint(string(r), symbolColors[r]))
	}
	return b.String()
}

// Bold is for titles.
func Bold(text string) string { return paint(text, "1") }

func paint(text, code string) string {
	if !UseColor || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
