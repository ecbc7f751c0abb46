package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
)

// showAttempts prints the attempts of a run; for people with the whole of each error below.
func showAttempts(ctx context.Context, c *pawl.Client, id string, number int64, out format) error {
	if _, err := runOf(ctx, c, id, number); err != nil {
		return err
	}
	list, err := c.Attempts(ctx, id, number)
	if err != nil {
		return err
	}
	if err := show(out, list, func() table { return attemptsTable(list, time.Now()) }, nil); err != nil || !out.forPeople() {
		return err
	}
	for _, a := range list {
		if a.Error != "" {
			fmt.Fprintf(stdout, "\nattempt %d:\n%s\n", a.Number, whole(a.Error, out))
		}
	}
	return nil
}

// whole is all of an error, below a table; in Markdown a block of code.
func whole(text string, out format) string {
	text = printable(strings.TrimRight(text, "\n"))
	if out == "md" {
		return "\n    " + strings.ReplaceAll(text, "\n", "\n    ")
	}
	return text
}

// retried says whether the attempts of a run tell more than the run does.
func retried(run pawl.RunInfo, list []pawl.Attempt) bool {
	return len(list) > 1 || len(list) == 1 && list[0].Error != run.Error
}

func attemptsTable(list []pawl.Attempt, now time.Time) table {
	t := table{rest: 24, columns: []column{{title: "ATTEMPT"}, {title: "STATUS", paint: inked, least: 13}, {title: "STARTED (" + zoneLabel(now) + ")", rank: 2, least: 19}, {title: "DURATION", rank: 1, least: 8}, {title: "ERROR"}}}
	for _, a := range list {
		t.rows = append(t.rows, []string{fmt.Sprint(a.Number), runStates[a.Status] + " " + string(a.Status), clock(a.StartedAt, now), attemptLength(a, now), firstLine(a.Error)})
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
