// Package plain writes texts and numbers the way that the pages show them.
package plain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Text returns a text without what changes how the text around it is shown: control
// characters, except line feeds and tabs, and marks that turn the direction of text.
func Text(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || unicode.IsPrint(r) || unicode.Is(unicode.Zs, r):
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r) && r != '\u200d' || unicode.IsControl(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// FirstLine returns the first line of a text.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return Text(line)
}

// Line returns all of a text on one line, or "(empty)".
func Line(text string) string {
	if text = strings.Join(strings.Fields(Text(text)), " "); text == "" {
		return "(empty)"
	}
	return text
}

// Sentence returns a text, such as that of an error, with a capital letter and a full stop.
func Sentence(text string) string {
	text = Text(text)
	if text == "" {
		return text
	}
	first := []rune(text)
	first[0] = unicode.ToUpper(first[0])
	text = string(first)
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// Count returns a number with its noun: "1 run", "3 runs".
func Count[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Grouped(int64(n)) + " " + noun + "s"
}

// Grouped returns a number with a thin space between groups of three digits.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// Decimal returns a number with at most one decimal.
func Decimal(x float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0")
}
