package main

import (
	"fmt"
	"io"
	"strings"
)

// inMarkdown keeps a cell in its cell, and as it is written: neither a link nor an image,
// also where a reader makes links of addresses.
var inMarkdown = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "&", "&amp;", "<", "&lt;", "~", `\~`, "[", `\[`, "]", `\]`, "!", `\!`,
	"://", `\://`, "www.", `www\.`, "@", `\@`, "\n", " ")

// markdown writes the table whole, whatever the width of the terminal, or only its rows.
func (t table) markdown(w io.Writer, titled bool) {
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	titles, rule := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i], rule[i] = inMarkdown.Replace(c.title), "---"
	}
	if titled {
		line(titles)
		line(rule)
	}
	for _, row := range t.rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = inMarkdown.Replace(nonEmpty(cell))
		}
		line(cells)
	}
}
