package term

import (
	"io"
	"strings"
)

// Pages prints a list bit by bit, as show prints one that is whole: of a long one no
// more than a page is in memory. The widths of a table are those of the first.
type Pages[T any] struct {
	Format Format
	Table  func([]T) Table
	widths []int
	begun  bool
}

// Print prints what follows on what was printed before. The first time it begins with
// titles, for a list of nothing too.
func (p *Pages[T]) Print(list ...T) error {
	defer func() { p.begun = true }()
	switch p.Format {
	case "json":
		return p.elements(list)
	case "jsonl":
		return printJSONLines(Stdout, list)
	case "csv":
		return printCSVRows(Stdout, list, !p.begun)
	case "md":
		p.Table(list).markdown(Stdout, !p.begun)
	default:
		p.widths = p.Table(list).more(Stdout, Width(), p.widths)
	}
	return nil
}

// elements prints what stands between the brackets of a JSON array.
func (p *Pages[T]) elements(list []T) error {
	text, err := JSON(list, "  ")
	if err != nil {
		return err
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "\n]\n")
	before := "["
	if p.begun {
		before = ","
	}
	_, err = io.WriteString(Stdout, before+text)
	return err
}

// End prints what stands at the end of the list.
func (p *Pages[T]) End() error {
	if p.Format == "json" && p.begun {
		_, err := io.WriteString(Stdout, "\n]\n")
		return err
	}
	if p.begun {
		return nil
	}
	return Show(p.Format, []T{}, func() Table { return p.Table(nil) }, nil)
}
