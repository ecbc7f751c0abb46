package web

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// runAttempts is the attempts of a run that was retried.
type runAttempts struct {
	Rows   []attemptRow
	Before int // attempts that are left out
	API    string
}

// attemptRow is an attempt.
type attemptRow struct {
	Number  int
	State   badge
	Started moment
	Took    string
	Error   string // in one line
	Whole   string // all of it; empty: it is that line
}

const (
	listedAttempts = 50
	shortError     = 120 // characters, which two lines of the table have room for
)

// attemptsOf is nil for a run whose attempts tell no more than the run does.
func (d *dashboard) attemptsOf(ctx context.Context, c clock, run pawl.RunInfo) (*runAttempts, error) {
	list, err := d.view.Attempts(ctx, run.FlowID, run.Number)
	if errors.Is(err, pawl.ErrRunNotFound) {
		return nil, nil // it has just been pruned
	}
	if err != nil || len(list) == 0 || len(list) == 1 && list[0].Error == run.Error {
		return nil, err
	}
	a := &runAttempts{Before: max(len(list)-listedAttempts, 0), API: "api/attempts?" + url.Values{"id": {run.FlowID}, "number": {strconv.FormatInt(run.Number, 10)}}.Encode()}
	for _, one := range list[a.Before:] {
		a.Rows = append(a.Rows, c.attemptRow(one))
	}
	return a, nil
}

func (c clock) attemptRow(a pawl.Attempt) attemptRow {
	row := attemptRow{Number: a.Number, State: runState(a.Status), Started: c.At(a.StartedAt), Error: plain.FirstLine(a.Error)}
	switch {
	case !a.FinishedAt.IsZero() && !a.StartedAt.IsZero():
		row.Took = lengths.Span(a.FinishedAt.Sub(a.StartedAt))
	case a.Status == pawl.RunRunning:
		row.Took = lengths.Span(c.Now.Sub(a.StartedAt))
	}
	if text := strings.TrimRight(a.Error, "\n"); strings.Contains(text, "\n") || len(text) > shortError {
		row.Whole = plain.Text(text)
	}
	return row
}
