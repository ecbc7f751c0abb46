// Package term writes what people read on a terminal, and the same lists for programs.
//
//	table.go     tables that fit the width of the terminal, also as Markdown
//	format.go    the formats of -o: a list as a table, JSON, JSON lines, CSV or Markdown
//	csv.go       lists as CSV, with the names that they have in JSON
//	pages.go     long lists, a page at a time
//	text.go      text without control characters, counts, sizes, hints for mistyped words
//	times.go     local times and how far away they are
//	color.go     colors, by the symbol at the beginning of a cell
//	log.go       log lines for people
//	screen.go    a screen that is drawn every second
//	progress.go  a line that shows how far long work has come
//	stdout.go    standard output, which keeps its first error
//	console*.go  the size of the terminal, by operating system
package term
