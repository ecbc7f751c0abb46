package term

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var PlainWord = regexp.MustCompile(`^[\pL\pN_./:@%+=,][\pL\pN_./:@%+=,-]*$`)

// Quote is a word as a shell takes it.
func Quote(word string) string {
	if PlainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func Count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Bytes is a number of bytes for people: 512 B, 12.3 MiB.
func Bytes(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n)/(1<<10), 0
	for x >= 1<<10 && unit < 3 {
		x, unit = x/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %ciB", x, "KMGT"[unit])
}

var escapes = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])`)

// Printable is a text without what could drive a terminal: escape sequences,
// control characters but line feeds, and marks that turn the direction of text.
func Printable(text string) string {
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

// FirstLine is the beginning of a text, fit for a cell.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return Printable(line)
}

// DidYouMean is ": did you mean ...?" with the known word nearest to a mistyped
// one. If none is near it names them, unless they are many.
func DidYouMean(word string, known []string) string {
	if hint := Suggest(word, known); hint != "" || len(known) > 12 {
		return hint
	}
	return ": there is " + strings.Join(known, ", ")
}

// Suggest is ": did you mean ...?" with the known word nearest to a mistyped one; empty:
// none is near.
func Suggest(word string, known []string) string {
	best, least := "", min(len(word), 60)/3+2
	for _, k := range known {
		if d := distance([]rune(word), []rune(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance counts the letters to add, drop or change to make b out of a.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next := slices.Clone(row)
		next[0] = i + 1
		for j := range b {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
		}
		row = next
	}
	return row[len(b)]
}
