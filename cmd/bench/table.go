package main

import (
	"fmt"
	"strings"
)

// table is a section of the report.
type table struct {
	title string
	text  string // what was measured
	head  []string
	rows  [][]string
}

// add adds a row, unless nothing of it was measured.
func (t *table) add(title string, cells ...string) {
	if strings.Join(cells, "") != "" {
		t.rows = append(t.rows, append([]string{title}, cells...))
	}
}

// String is the table in Markdown; empty if nothing of it was measured.
func (t table) String() string {
	if len(t.rows) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", t.title)
	if t.text != "" {
		fmt.Fprintf(&b, "%s\n\n", t.text)
	}
	b.WriteString(t.grid())
	return b.String()
}

// grid is the table without its title and its text.
func (t table) grid() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	b.WriteString("|" + strings.Repeat("---|", len(t.head)) + "\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}
