package main

import (
	"io"
	"strings"
)

// pages prints a list bit by bit, as show prints one that is whole: of a long one no
// more than a page is in memory. The widths of a table are those of the first.
type pages[T any] struct {
	out    format
	table  func([]T) table
	widths []int
	begun  bool
}

// print prints what follows on what was printed before. The first time it begins with
// titles, for a list of nothing too.
func (p *pages[T]) print(list ...T) error {
	defer func() { p.begun = true }()
	switch p.out {
	case "json":
		return p.elements(list)
	case "jsonl":
		return printJSONLines(stdout, list)
	case "csv":
		return printCSVRows(stdout, list, !p.begun)
	case "md":
		p.table(list).markdown(stdout, !p.begun)
	default:
		p.widths = p.table(list).more(stdout, outputWidth(), p.widths)
	}
	return nil
}

// elements prints what stands between the brackets of a JSON array.
func (p *pages[T]) elements(list []T) error {
	text, err := marshal(list, "  ")
	if err != nil {
		return err
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "\n]\n")
	before := "["
	if p.begun {
		before = ","
	}
	_, err = io.WriteString(stdout, before+text)
	return err
}

// end prints what stands at the end of the list.
func (p *pages[T]) end() error {
	if p.out == "json" && p.begun {
		_, err := io.WriteString(stdout, "\n]\n")
		return err
	}
	if p.begun {
		return nil
	}
	return show(p.out, []T{}, func() table { return p.table(nil) }, nil)
}
