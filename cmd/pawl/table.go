package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// A table has a title per column and a text per cell. It is cut to fit the
// width: the last column takes what the others leave, and where that is less
// than it should have, columns are left out in the order of their rank.
type table struct {
	columns []column
	rows    [][]string
	rest    int // width that the last column should have at least
}

type column struct {
	title string
	limit int                 // columns of the terminal it may take at most; 0: any
	least int                 // and at least, where rows come one by one
	rank  int                 // left out first if 1, then 2, and so on; 0: never
	paint func(string) string // gives a cell its colour; nil: none
}

// print writes the table, at most width wide. No cell is empty: where a verb has nothing
// to say, none is said.
func (t table) print(w io.Writer, width int) {
	widths := t.fit(width)
	fmt.Fprintln(w, t.line(t.titles(), widths, func(column) func(string) string { return bold }))
	for _, row := range t.rows {
		fmt.Fprintln(w, t.line(row, widths, func(c column) func(string) string { return c.paint }))
	}
}

// more writes the table, or only its rows below one that was written with these widths,
// of which a column keeps its own. It returns the widths.
func (t table) more(w io.Writer, width int, widths []int) []int {
	if widths == nil {
		widths = t.fit(width)
		for i, c := range t.columns[:len(widths)-1] { // rows that come may need more
			if widths[i] > 0 && c.least > widths[i] {
				widths[i] = c.least
			}
		}
		left := width
		for _, n := range widths[:len(widths)-1] {
			left -= n + 2
		}
		widths[len(widths)-1] = max(left, 0)
		fmt.Fprintln(w, t.line(t.titles(), widths, func(column) func(string) string { return bold }))
	}
	for _, row := range t.rows {
		fmt.Fprintln(w, t.line(row, widths, func(c column) func(string) string { return c.paint }))
	}
	return widths
}

func (t table) titles() []string {
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	return titles
}

// line is a row, each cell cut, painted and filled up to the width of its column but
// for the last.
func (t table) line(row []string, widths []int, paint func(column) func(string) string) string {
	var line strings.Builder
	gap := ""
	for i, cell := range row {
		if widths[i] == 0 {
			continue
		}
		cell = cut(nonEmpty(cell), widths[i])
		line.WriteString(gap)
		gap = strings.Repeat(" ", widths[i]-columns(cell)+2)
		if p := paint(t.columns[i]); p != nil {
			cell = p(cell)
		}
		line.WriteString(cell)
	}
	return line.String()
}

// fit is the width of each column, 0 for those that are left out.
func (t table) fit(width int) []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = columns(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], columns(nonEmpty(row[i])))
		}
		if c.limit > 0 {
			widths[i] = min(widths[i], c.limit)
		}
	}
	last := len(widths) - 1
	rest := func() int {
		left := width
		for _, w := range widths[:last] {
			if w > 0 {
				left -= w + 2
			}
		}
		return left
	}
	for rank := 1; rank <= last && rest() < min(widths[last], t.rest); rank++ {
		for i, c := range t.columns {
			if c.rank == rank {
				widths[i] = 0
			}
		}
	}
	widths[last] = max(min(widths[last], rest()), 0)
	return widths
}

func nonEmpty(cell string) string {
	if cell == "" {
		return "none"
	}
	return cell
}

// cut shortens a text to a width, with an ellipsis in place of the rest.
func cut(text string, width int) string {
	if columns(text) <= width {
		return text
	}
	var b strings.Builder
	left := width - 1
	for _, r := range text {
		if left -= runeColumns(r); left < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}

// columns is the width of a text on a terminal.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

// wide are the characters that take two columns, near enough.
var wide = []*unicode.RangeTable{unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana,
	{R16: []unicode.Range16{{Lo: 0x3000, Hi: 0x303e, Stride: 1}, {Lo: 0xff01, Hi: 0xff60, Stride: 1}},
		R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1faff, Stride: 1}}}}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, wide...):
		return 2
	}
	return 1
}

// terminal says whether f is one, and how many columns it has; 0 if it does not know.
func terminal(f *os.File) (width int, ok bool) {
	width, _, ok = windowSize(f)
	return width, ok
}

// terminalSize is how much a terminal shows, as far as it says so.
func terminalSize(f *os.File) (width, height int) {
	_, height, _ = windowSize(f)
	return outputWidth(), height
}

// outputWidth is how wide tables may be: as the terminal, as COLUMNS says, or 80.
func outputWidth() int {
	if width, _ := terminal(os.Stdout); width > 0 {
		return width
	}
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return 80
}
