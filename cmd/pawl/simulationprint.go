package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/internal/lengths"
)

// table is a row for each flow.
func (r *simulation) table() table {
	t := table{rest: 20, columns: []column{{title: "FLOW", limit: 24}, {title: "RUNS"}, {title: "PASSED OVER"}, {title: "TOOK", rank: 2},
		{title: "BUSY", rank: 1}, {title: "LATE, AT MOST", rank: 3}, {title: "WHY"}}}
	for _, f := range r.Flows {
		took, busy, late := "", "", ""
		if f.Runs > 0 {
			took, busy, late = lengths.Span(seconds(f.Took)), fmt.Sprintf("%.1f %%", 100*f.Busy), lengths.Span(seconds(f.Late))
		}
		t.rows = append(t.rows, []string{printable(f.ID), fmt.Sprint(f.Runs), fmt.Sprint(f.Passed), took, busy, late, firstLine(f.Reason)})
	}
	return t
}

func seconds(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }

// print tells of a simulation.
func (r *simulation) print(w io.Writer, width int) {
	fmt.Fprintf(w, "%s, from %s: %s of %s.\n\n", lengths.Coarse(r.To.Sub(r.From)), stampOf(r.From), counted(r.Runs, "run"), counted(int64(len(r.Flows)), "flow"))
	r.table().print(w, width)
	if r.Runs == 0 {
		return
	}
	fmt.Fprintf(w, "\nBy hour    %s  00–23 h, at most %d starts in all of one\n", bars(r.Hours[:]), slices.Max(r.Hours[:]))
	fmt.Fprintf(w, "At once    %s at most, first at %s\n", counted(int64(r.Most), "run"), stampOf(r.MostAt))
	fmt.Fprintf(w, "At :00     %d %% of the starts are in the first second of a minute\n", 100*r.AtZero/r.Runs)
	r.printPiles(w, width)
	for i, c := range r.Changes {
		name := ""
		if i == 0 {
			name = "Clocks"
		}
		fmt.Fprintln(w, cut(fmt.Sprintf("%-10s %s: %s", name, printable(c.Flow), printable(c.Text)), width))
	}
}

func (r *simulation) printPiles(w io.Writer, width int) {
	for i, p := range r.PileUps {
		name := ""
		if i == 0 {
			name = "Pile-ups"
		}
		fmt.Fprintln(w, cut(fmt.Sprintf("%-10s %d in one second, %s, first %s: %s", name, len(p.Flows), counted(int64(p.Times), "time"),
			stampOf(p.First), printable(strings.Join(p.Flows, ", "))), width))
	}
	if len(r.PileUps) > 0 {
		fmt.Fprintf(w, "%-10s spread them with jitter: 5m, or bound them with max_running\n", "")
	}
}

func stampOf(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

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
