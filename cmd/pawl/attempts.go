package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// showAttempts prints the attempts of a run; for people with the whole of each error below.
func showAttempts(ctx context.Context, c *pawl.Client, id string, number int64, out term.Format) error {
	if _, err := runOf(ctx, c, id, number); err != nil {
		return err
	}
	list, err := c.Attempts(ctx, id, number)
	if err != nil {
		return err
	}
	if err := term.Show(out, list, func() term.Table { return attemptsTable(list, time.Now()) }, nil); err != nil || !out.ForPeople() {
		return err
	}
	for _, a := range list {
		if a.Error != "" {
			fmt.Fprintf(term.Stdout, "\nattempt %d:\n%s\n", a.Number, whole(a.Error, out))
		}
	}
	return nil
}

// whole is all of an error, below a table; in Markdown a block of code.
func whole(text string, out term.Format) string {
	text = term.Printable(strings.TrimRight(text, "\n"))
	if out == "md" {
		return "\n    " + strings.ReplaceAll(text, "\n", "\n    ")
	}
	return text
}

// retried says whether the attempts of a run tell more than the run does.
func retried(run pawl.RunInfo, list []pawl.Attempt) bool {
	return len(list) > 1 || len(list) == 1 && list[0].Error != run.Error
}

func attemptsTable(list []pawl.Attempt, now time.Time) term.Table {
	t := term.Table{MinLast: 24, Columns: []term.Column{{Title: "ATTEMPT"}, {Title: "STATUS", Color: term.ColorBySymbol, Min: 13}, {Title: "STARTED (" + term.ZoneName(now) + ")", Drop: 2, Min: 19}, {Title: "DURATION", Drop: 1, Min: 8}, {Title: "ERROR"}}}
	for _, a := range list {
		t.Rows = append(t.Rows, []string{fmt.Sprint(a.Number), runStates[a.Status] + " " + string(a.Status), term.Clock(a.StartedAt, now), attemptLength(a, now), term.FirstLine(a.Error)})
	}
	return t
}

// attemptLength is how long an attempt took, or has taken.
func attemptLength(a pawl.Attempt, now time.Time) string {
	switch {
	case a.Status == pawl.RunRunning:
		return lengths.Span(now.Sub(a.StartedAt)) + "…"
	case !a.Status.Over():
		return "not yet"
	case a.FinishedAt.IsZero():
		return "unknown"
	}
	return lengths.Span(a.FinishedAt.Sub(a.StartedAt))
}
