package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// next is how far off the next start is, or why there is none to wait for.
func (s statusReport) next(f pawl.FlowInfo) string {
	if f.NextRun.IsZero() && len(s.queues[f.ID]) > 0 {
		if f.NextRun = s.queues[f.ID][0].DueAt; !f.NextRun.After(s.now) {
			return "waits"
		}
	}
	start := f.NextRun
	if f.DueAt.After(start) {
		start = f.DueAt
	}
	switch wait := start.Sub(s.now).Round(time.Second); {
	case !f.Registered:
		return "never"
	case f.NextRun.IsZero() && !f.Held.IsZero():
		return "held"
	case f.NextRun.IsZero() && f.ParkedInTheWay():
		return "parked"
	case f.NextRun.IsZero() && f.Kind == "manual":
		return "on demand"
	case f.NextRun.IsZero() && f.InFlight > 0:
		return "after run"
	case f.NextRun.IsZero():
		return "none"
	case s.waits(f):
		return "waits"
	case wait > 0:
		return "in " + s.length(wait)
	case s.owned:
		return "now"
	}
	return "due"
}

// instant is when a flow is due.
func (s statusReport) instant(f pawl.FlowInfo) string {
	if !f.Registered || f.NextRun.IsZero() {
		return ""
	}
	return term.ShortTime(f.NextRun, s.now)
}

func (s statusReport) last(f pawl.FlowInfo) string {
	if f.LastRun.IsZero() {
		return "never"
	}
	return s.ago(f.LastRun)
}

func (s statusReport) ago(t time.Time) string {
	since := s.now.Sub(t)
	if since < time.Second {
		return "now"
	}
	return s.length(since) + " ago"
}

// length is a length of time, where there is little room in its largest unit alone.
func (s statusReport) length(d time.Duration) string {
	if s.narrow {
		return lengths.Largest(d)
	}
	return lengths.Coarse(d)
}

// why is what keeps a flow from running, what it is at, or what went wrong with it last.
func (s statusReport) why(f pawl.FlowInfo) string {
	parts := s.held(f)
	if at := s.at(f); at != "" {
		parts = append(parts, at)
	}
	if parts = append(parts, s.waiting(f)...); len(parts) == 0 {
		return s.rests(f)
	}
	return strings.Join(parts, "; ")
}

// rests is why a flow does not run that nothing keeps from it.
func (s statusReport) rests(f pawl.FlowInfo) string {
	switch {
	case f.NextRun.IsZero() && f.Kind == "manual":
		return "runs on demand"
	case f.NextRun.IsZero():
		return "its schedule is over"
	case f.NextRun.After(s.now):
		return "not due"
	case s.owned:
		return "due"
	}
	return "due, but no daemon runs"
}

// at is what a flow is at, by its status.
func (s statusReport) at(f pawl.FlowInfo) string {
	failure := term.FirstLine(f.LastError)
	switch {
	case !f.Registered:
		return "not in the config of the last daemon"
	case f.Status == pawl.StatusRunning && !s.owned:
		return "its daemon died; settled at the next start"
	case f.Status == pawl.StatusRunning && f.InFlight <= 1 && f.Waiting+f.Backfill == 0:
		return fmt.Sprintf("run %d", f.LastNumber)
	case f.Status == pawl.StatusRunning:
		return fmt.Sprintf("%d running", f.InFlight)
	case s.waits(f):
		return "suspect; waits for " + term.Printable(s.surroundings.Trial) + ", which is one too"
	case f.Status == pawl.StatusTripped:
		return "reset needed: " + s.reset(f.ID) + " (" + failure + ")"
	case f.Status == pawl.StatusBackoff && f.NextEligible.After(s.now):
		return "until " + term.Clock(f.NextEligible, s.now) + ": " + failure
	}
	switch w := f.Wait(s.now, s.surroundings); w.Cause {
	case pawl.WaitJitter:
		return joined("jitter until "+term.Clock(w.Until, s.now), failure)
	case pawl.WaitAttempt:
		return joined("next attempt at "+term.Clock(w.Until, s.now), failure)
	case pawl.WaitLimit:
		return joined("due "+term.Ago(s.now.Sub(f.DueAt))+", and waits for room"+inGroup(f), failure)
	}
	return failure
}

func inGroup(f pawl.FlowInfo) string {
	if f.Group == "" {
		return ""
	}
	return " (group " + term.Printable(f.Group) + ")"
}

// joined are those of some texts that say something.
func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), "; ")
}

// reset is the command that helps a flow which tripped.
func (s statusReport) reset(id string) string {
	command := "pawl reset " + term.Quote(term.Printable(id))
	if s.database != "pawl.db" {
		command += " --db " + term.Quote(term.Printable(s.database))
	}
	return command
}
