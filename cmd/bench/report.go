package main

import (
	"fmt"
	"strings"
	"time"
)

// report is what was measured and how.
type report struct {
	Where string // the date and the machine, in a sentence
	Head  string // the same and the settings, as a list
	Full  bool
	Found results
}

func (r report) sizes() sizes { return sizesOf(r.Full) }

// markdown is the head and every table.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Measured\n\n%s\n", r.Head)
	for _, t := range append(r.Found.tables(r.sizes()), r.Found.targetsTable(r.sizes())) {
		if text := t.String(); text != "" {
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}

func newReport(s settings, found results, began time.Time) report {
	return report{
		Full: s.full, Found: found, Head: s.head(found, began),
		Where: fmt.Sprintf("Measured on %s on %s; one commit takes %s ms.",
			began.UTC().Format(time.DateOnly), machine(), spread(found.of("commit", "commit.p50"))),
	}
}

func (s settings) head(found results, began time.Time) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "- "+format+"\n", args...) }
	line("%s, by `%s`, in %s.", began.UTC().Format(time.DateOnly), s.command(), time.Since(began).Round(time.Second))
	line("%s.", machine())
	line("One commit of one row, synchronous=FULL, one at a time: p50 %s ms, p99 %s ms.",
		spread(found.of("commit", "commit.p50")), spread(found.of("commit", "commit.p99")))
	line("%s Each side in a process of its own, the sides in turns; figures are the median of the rounds (lowest–highest).", s.roundsHead())
	line("Pawl %s: zombiezen.com/go/sqlite %s over modernc.org/sqlite %s (SQLite %s), synchronous=FULL.",
		version("github.com/pawl-go/pawl"), version("zombiezen.com/go/sqlite"), version("modernc.org/sqlite"), sqliteVersion())
	b.WriteString(peersHead())
	return b.String()
}

// command is how to measure this again.
func (s settings) command() string {
	switch {
	case s.only.String() != "":
		return fmt.Sprintf("go run . -only '%s'", s.only)
	case s.full:
		return "make bench-full"
	}
	return "make bench"
}

func (s settings) roundsHead() string {
	text := fmt.Sprintf("%d rounds of %s or what the table says", s.rounds, s.length)
	if !s.full {
		text += ", one round of what takes longer"
	}
	return text + "."
}
