package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// few is how many runs that wait are read to tell of each.
const few = 20

// queue reads what waits of flows where little does. Where more does, only its number
// is told: a queue may have a million.
func (s *statusReport) queue(ctx context.Context, c *pawl.Client) error {
	s.queues = map[string][]pawl.RunInfo{}
	for _, f := range s.flows {
		if f.Waiting == 0 || f.Waiting+f.Backfill > few {
			continue
		}
		runs, err := c.Runs(ctx, pawl.RunsQuery{Flow: f.ID, Status: pawl.RunWaiting, Limit: f.Waiting + f.Backfill})
		if err != nil {
			return err
		}
		runs = slices.DeleteFunc(runs, func(r pawl.RunInfo) bool { return r.Trigger == "backfill" && r.Attempt == 1 })
		slices.SortStableFunc(runs, func(a, b pawl.RunInfo) int { return a.DueAt.Compare(b.DueAt) })
		s.queues[f.ID] = runs
	}
	return nil
}

// held is what an operator, or a job, holds back.
func (s statusReport) held(f pawl.FlowInfo) []string {
	var parts []string
	if !f.PausedAt.IsZero() {
		parts = append(parts, "paused "+s.paused(f))
	}
	if f.Leaked > 0 {
		parts = append(parts, s.leaked(f))
	}
	return parts
}

// paused is since when or until when a flow is paused, and why.
func (s statusReport) paused(f pawl.FlowInfo) string {
	text := s.ago(f.PausedAt)
	if !f.PausedUntil.IsZero() {
		text = untilWords(f.PausedUntil, s.now)
	}
	if f.PauseNote != "" {
		text += ": " + term.FirstLine(f.PauseNote)
	}
	return text
}

func (s statusReport) leaked(f pawl.FlowInfo) string {
	if f.Leaked == 1 {
		return "1 job goes on although its run is closed"
	}
	return fmt.Sprintf("%d jobs go on although their runs are closed", f.Leaked)
}

// waiting is what waits to be started.
func (s statusReport) waiting(f pawl.FlowInfo) []string {
	var parts []string
	again := 0
	for _, r := range s.queues[f.ID] {
		switch {
		case r.Attempt > 1:
			parts = append(parts, fmt.Sprintf("run %d tries again at %s (%s)", r.Number, term.Clock(r.DueAt, s.now), term.FirstLine(r.Error)))
		case r.Restarts > 0:
			parts = append(parts, fmt.Sprintf("run %d starts again (%s)", r.Number, term.FirstLine(r.Error)))
		default:
			continue
		}
		again++
	}
	if n := f.Waiting - again; n > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", n)+s.oldest(f))
	}
	if f.Backfill > 0 {
		parts = append(parts, fmt.Sprintf("%d to backfill", f.Backfill))
	}
	if f.Parked > 0 {
		parts = append(parts, fmt.Sprintf("%d parked until %s", f.Parked, term.Clock(f.NextWake, s.now)))
	}
	if f.Blocked > 0 {
		parts = append(parts, fmt.Sprintf("%s since %s", blockedRuns(f), term.Clock(f.BlockedSince, s.now)))
	}
	return parts
}

// oldest is how long the oldest of the runs that wait could have started; empty: it is for
// later, or has not waited for a second.
func (s statusReport) oldest(f pawl.FlowInfo) string {
	age := s.now.Sub(f.WaitingSince)
	if f.WaitingSince.IsZero() || age < time.Second {
		return ""
	}
	return ", the oldest for " + s.length(age)
}

// details tells of each flow all that the table has no room for.
func (s statusReport) details(ctx context.Context, c *pawl.Client, w io.Writer, width int) error {
	for _, f := range s.flows {
		var open []pawl.RunInfo
		if f.InFlight > 0 {
			var err error
			if open, err = c.Runs(ctx, pawl.RunsQuery{Flow: f.ID, Status: pawl.RunRunning, Limit: min(f.InFlight, few)}); err != nil {
				return err
			}
		}
		fmt.Fprintf(w, "\n%s\n", term.Bold(term.Cut(term.Printable(f.ID), width)))
		for _, l := range s.lines(f, open) {
			fmt.Fprintln(w, term.Cut(fmt.Sprintf("  %-10s %s", l.name, l.text), width))
		}
		if err := s.around(ctx, c, f, w, width); err != nil {
			return err
		}
	}
	return nil
}

const (
	shownRuns = 5   // of a flow, the newest
	shownNext = 3   // instants that come
	timedRuns = 100 // of which lengths are told
)

// around writes what a flow ran last, how long that took, and what it runs next.
func (s statusReport) around(ctx context.Context, c *pawl.Client, f pawl.FlowInfo, w io.Writer, width int) error {
	past, err := c.Runs(ctx, pawl.RunsQuery{Flow: f.ID, Limit: timedRuns})
	if err != nil {
		return err
	}
	if text := lasted(past); text != "" {
		fmt.Fprintln(w, term.Cut(fmt.Sprintf("  %-10s %s", "took", text), width))
	}
	coming, err := c.Next(ctx, f.ID, shownNext)
	if err != nil {
		return err
	}
	for _, i := range coming {
		text := s.when(i.At)
		if i.Held != "" {
			text += ", but " + term.FirstLine(i.Held)
		}
		fmt.Fprintln(w, term.Cut(fmt.Sprintf("  %-10s %s", "then", text), width))
	}
	if len(past) > 0 {
		fmt.Fprintln(w)
		historyTable(past[:min(shownRuns, len(past))], s.now).Print(w, width)
		if len(past) > shownRuns {
			fmt.Fprintf(w, "The newest %d; pawl history %s shows more.\n", shownRuns, term.Quote(f.ID))
		}
	}
	return nil
}

// lasted is how long runs took: the middle of them, and what one in twenty exceeds.
func lasted(past []pawl.RunInfo) string {
	took := completedIn(past)
	if len(took) == 0 {
		return ""
	}
	slices.Sort(took)
	return fmt.Sprintf("%s, at most %s in 19 of 20 (the last %s that completed)",
		lengths.Span(took[len(took)/2]), lengths.Span(took[len(took)*95/100]), runs(int64(len(took))))
}

// A line is one thing that is so of a flow.
type line struct{ name, text string }

// lines are those that have something to say.
func (s statusReport) lines(f pawl.FlowInfo, open []pawl.RunInfo) []line {
	lines := []line{{"schedule", schedule(f)}}
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, line{name, text})
		}
	}
	add("anchor", s.when(f.Anchor))
	add("runs", fmt.Sprint(f.RunCount))
	add("last", s.when(f.LastRun))
	if f.FailureStreak > 0 {
		add("streak", streak(f)+" failures in a row")
	}
	add("next", s.when(f.NextRun))
	add("eligible", s.when(f.NextEligible))
	add("held", s.when(f.Held))
	add("scheduled", s.when(f.LastScheduled))
	if f.Fired > 0 {
		add("fired", instants(f.Fired))
	}
	if !f.PausedAt.IsZero() {
		add("paused", s.paused(f))
	}
	for _, r := range open {
		add("running", s.running(r))
	}
	if n := f.InFlight - len(open); n > 0 {
		add("running", fmt.Sprintf("and %d more", n))
	}
	for _, r := range s.queues[f.ID] {
		add("waiting", fmt.Sprintf("run %d, %s: %s", r.Number, r.Trigger, outcome(r, s.now)))
	}
	if s.queues[f.ID] == nil && f.Waiting > 0 {
		add("waiting", runs(int64(f.Waiting))+s.oldest(f))
	}
	if f.Backfill > 0 {
		add("backfill", runs(int64(f.Backfill)))
	}
	if f.Parked > 0 {
		add("parked", fmt.Sprintf("%s; the next goes on at %s", runs(int64(f.Parked)), term.Clock(f.NextWake, s.now)))
	}
	if f.Blocked > 0 {
		add("blocked", fmt.Sprintf("%s; the first since %s; start a program of the version that recorded it", runs(int64(f.Blocked)), term.Clock(f.BlockedSince, s.now)))
	}
	if f.Leaked > 0 {
		add("leaked", s.leaked(f))
	}
	add("policies", orDefault(term.Printable(f.Policy)))
	add("backoff", term.Printable(f.Backoff))
	add("group", term.Printable(f.Group))
	add("keeps", term.Printable(f.Retention))
	add("error", term.FirstLine(f.LastError))
	return lines
}

func orDefault(policies string) string {
	if policies == "" {
		return "the defaults: overlap skip, catch-up latest"
	}
	return policies
}

// running is a run in flight.
func (s statusReport) running(r pawl.RunInfo) string {
	text := fmt.Sprintf("run %d, %s, for %s%s", r.Number, r.Trigger, lengths.Span(s.now.Sub(r.StartedAt)), tries(r))
	if !r.Deadline.IsZero() {
		text += ", until " + term.Clock(r.Deadline, s.now) + " at the latest"
	}
	return text
}

// when is an instant with how far off it is; empty for none.
func (s statusReport) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	text := t.Local().Format("2006-01-02 15:04:05 MST")
	if wait := t.Sub(s.now).Round(time.Second); wait > 0 {
		return text + " (in " + lengths.Coarse(wait) + ")"
	}
	return text + " (" + term.Ago(s.now.Sub(t)) + ")"
}
