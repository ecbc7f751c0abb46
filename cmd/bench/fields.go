package main

import (
	"fmt"
	"slices"
	"strings"
)

// The methods of report with a capital are what the texts, *.md.tmpl, ask for.

// Table is a table by its title, with the text that says what was measured.
func (r report) Table(title string) (string, error) {
	t, err := r.table(title)
	return strings.TrimSpace(t.text+"\n\n"+t.grid()) + "\n", err
}

// Grid is a table without its text.
func (r report) Grid(title string) (string, error) {
	t, err := r.table(title)
	return t.grid(), err
}

func (r report) table(title string) (table, error) {
	for _, t := range append(r.Found.tables(r.sizes()), r.Found.targetsTable(r.sizes())) {
		if t.title == title {
			return t, nil
		}
	}
	return table{}, fmt.Errorf("no table %q", title)
}

// Value is the median of what was measured; "-" if it was not.
func (r report) Value(experiment, value string) string {
	return orDash(number(median(r.Found.of(experiment, value))))
}

// Ratio is the median of the ratios of the rounds.
func (r report) Ratio(experiment, value, to string) string {
	return orDash(number(median(r.Found.ratios(experiment, value, to))))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// flightRow is a line of the README's table.
type flightRow struct{ Flows, Pawl, Yardstick, Ratio string }

// InFlight are the decades of flows in flight.
func (r report) InFlight() (rows []flightRow) {
	for _, n := range []int{1, 10, 100, 1000} {
		x := runsName(n)
		rows = append(rows, flightRow{
			grouped(n), r.Value(x, "pawl.rate"), r.Value(x, "yardstick.rate"), r.Ratio(x, "pawl.rate", "yardstick.rate"),
		})
	}
	return rows
}

func (r report) biggest() int { return slices.Max(r.sizes().history) }

// Runs is how many the biggest history has.
func (r report) Runs() string { return grouped(r.biggest()) }

// Biggest is a value of the biggest history.
func (r report) Biggest(value string) string { return r.Value(historyName(r.biggest()), value) }

// BiggestRatio is a ratio of the biggest history.
func (r report) BiggestRatio(value, to string) string {
	return r.Ratio(historyName(r.biggest()), value, to)
}
