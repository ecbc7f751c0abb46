package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// table is a row for each flow.
func (r *simulation) table() term.Table {
	t := term.Table{MinLast: 20, Columns: []term.Column{{Title: "FLOW", Max: 24}, {Title: "RUNS"}, {Title: "PASSED OVER"}, {Title: "TOOK", Drop: 2},
		{Title: "BUSY", Drop: 1}, {Title: "LATE, AT MOST", Drop: 3}, {Title: "WHY"}}}
	for _, f := range r.Flows {
		took, busy, late := "", "", ""
		if f.Runs > 0 {
			took, busy, late = lengths.Span(seconds(f.Took)), fmt.Sprintf("%.1f %%", 100*f.Busy), lengths.Span(seconds(f.Late))
		}
		t.Rows = append(t.Rows, []string{term.Printable(f.ID), fmt.Sprint(f.Runs), fmt.Sprint(f.Passed), took, busy, late, term.FirstLine(f.Reason)})
	}
	return t
}

func seconds(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }

// print tells of a simulation.
func (r *simulation) print(w io.Writer, width int) {
	fmt.Fprintf(w, "%s, from %s: %s of %s.\n\n", lengths.Coarse(r.To.Sub(r.From)), term.Stamp(r.From), term.Count(r.Runs, "run"), term.Count(int64(len(r.Flows)), "flow"))
	r.table().Print(w, width)
	if r.Runs == 0 {
		return
	}
	fmt.Fprintf(w, "\nBy hour    %s  00–23 h, at most %d starts in all of one\n", bars(r.Hours[:]), slices.Max(r.Hours[:]))
	fmt.Fprintf(w, "At once    %s at most, first at %s\n", term.Count(int64(r.Most), "run"), term.Stamp(r.MostAt))
	fmt.Fprintf(w, "At :00     %d %% of the starts are in the first second of a minute\n", 100*r.AtZero/r.Runs)
	r.printPiles(w, width)
	for i, c := range r.Changes {
		name := ""
		if i == 0 {
			name = "Clocks"
		}
		fmt.Fprintln(w, term.Cut(fmt.Sprintf("%-10s %s: %s", name, term.Printable(c.Flow), term.Printable(c.Text)), width))
	}
}

func (r *simulation) printPiles(w io.Writer, width int) {
	for i, p := range r.PileUps {
		name := ""
		if i == 0 {
			name = "Pile-ups"
		}
		fmt.Fprintln(w, term.Cut(fmt.Sprintf("%-10s %d in one second, %s, first %s: %s", name, len(p.Flows), term.Count(int64(p.Times), "time"),
			term.Stamp(p.First), term.Printable(strings.Join(p.Flows, ", "))), width))
	}
	if len(r.PileUps) > 0 {
		fmt.Fprintf(w, "%-10s spread them with jitter: 5m, or bound them with max_running\n", "")
	}
}

// bars are numbers as blocks of eight heights; none has no height.
func bars(numbers []int64) string {
	most := max(slices.Max(numbers), 1)
	var b strings.Builder
	for _, n := range numbers {
		if n == 0 {
			b.WriteRune('_')
			continue
		}
		b.WriteRune([]rune("▁▂▃▄▅▆▇█")[(n*8-1)/most])
	}
	return b.String()
}
