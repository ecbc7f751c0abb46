package term

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// A Table has a title per column and a text per cell. It is cut to fit the
// width: the last column takes what the others leave, and where that is less
// than it should have, columns are left out in the order of their rank.
type Table struct {
	Columns []Column
	Rows    [][]string
	MinLast int // width that the last column should have at least
}

type Column struct {
	Title string
	Max   int                 // columns of the terminal it may take at most; 0: any
	Min   int                 // and at least, where rows come one by one
	Drop  int                 // left out first if 1, then 2, and so on; 0: never
	Color func(string) string // gives a cell its colour; nil: none
}

// Print writes the table, at most width wide. No cell is empty: where a verb has nothing
// to say, none is said.
func (t Table) Print(w io.Writer, width int) {
	widths := t.fit(width)
	fmt.Fprintln(w, t.line(t.titles(), widths, func(Column) func(string) string { return Bold }))
	for _, row := range t.Rows {
		fmt.Fprintln(w, t.line(row, widths, func(c Column) func(string) string { return c.Color }))
	}
}

// more writes the table, or only its rows below one that was written with these widths,
// of which a column keeps its own. It returns the widths.
func (t Table) more(w io.Writer, width int, widths []int) []int {
	if widths == nil {
		widths = t.fit(width)
		for i, c := range t.Columns[:len(widths)-1] { // rows that come may need more
			if widths[i] > 0 && c.Min > widths[i] {
				widths[i] = c.Min
			}
		}
		left := width
		for _, n := range widths[:len(widths)-1] {
			left -= n + 2
		}
		widths[len(widths)-1] = max(left, 0)
		fmt.Fprintln(w, t.line(t.titles(), widths, func(Column) func(string) string { return Bold }))
	}
	for _, row := range t.Rows {
		fmt.Fprintln(w, t.line(row, widths, func(c Column) func(string) string { return c.Color }))
	}
	return widths
}

func (t Table) titles() []string {
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
	}
	return titles
}

// line is a row, each cell cut, painted and filled up to the width of its column but
// for the last.
func (t Table) line(row []string, widths []int, paint func(Column) func(string) string) string {
	var line strings.Builder
	gap := ""
	for i, cell := range row {
		if widths[i] == 0 {
			continue
		}
		cell = Cut(OrNone(cell), widths[i])
		line.WriteString(gap)
		gap = strings.Repeat(" ", widths[i]-TextWidth(cell)+2)
		if p := paint(t.Columns[i]); p != nil {
			cell = p(cell)
		}
		line.WriteString(cell)
	}
	return line.String()
}

// fit is the width of each column, 0 for those that are left out.
func (t Table) fit(width int) []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = TextWidth(c.Title)
		for _, row := range t.Rows {
			widths[i] = max(widths[i], TextWidth(OrNone(row[i])))
		}
		if c.Max > 0 {
			widths[i] = min(widths[i], c.Max)
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
	for rank := 1; rank <= last && rest() < min(widths[last], t.MinLast); rank++ {
		for i, c := range t.Columns {
			if c.Drop == rank {
				widths[i] = 0
			}
		}
	}
	widths[last] = max(min(widths[last], rest()), 0)
	return widths
}

func OrNone(cell string) string {
	if cell == "" {
		return "none"
	}
	return cell
}

// Cut shortens a text to a width, with an ellipsis in place of the rest.
func Cut(text string, width int) string {
	if TextWidth(text) <= width {
		return text
	}
	var b strings.Builder
	left := width - 1
	for _, r := range text {
		if left -= runeWidth(r); left < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}

// TextWidth is the width of a text on a terminal.
func TextWidth(text string) int {
	n := 0
	for _, r := range text {
		n += runeWidth(r)
	}
	return n
}

// doubleWidth are the characters that take two columns, near enough.
var doubleWidth = []*unicode.RangeTable{unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana,
	{R16: []unicode.Range16{{Lo: 0x3000, Hi: 0x303e, Stride: 1}, {Lo: 0xff01, Hi: 0xff60, Stride: 1}},
		R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1faff, Stride: 1}}}}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, doubleWidth...):
		return 2
	}
	return 1
}

// markdownEscapes keeps a cell in its cell, and as it is written: neither a link nor an image,
// also where a reader makes links of addresses.
var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "&", "&amp;", "<", "&lt;", "~", `\~`, "[", `\[`, "]", `\]`, "!", `\!`,
	"://", `\://`, "www.", `www\.`, "@", `\@`, "\n", " ")

// markdown writes the table whole, whatever the width of the terminal, or only its rows.
func (t Table) markdown(w io.Writer, titled bool) {
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	titles, rule := make([]string, len(t.Columns)), make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i], rule[i] = markdownEscapes.Replace(c.Title), "---"
	}
	if titled {
		line(titles)
		line(rule)
	}
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = markdownEscapes.Replace(OrNone(cell))
		}
		line(cells)
	}
}
