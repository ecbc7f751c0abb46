package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
)

func (s statusReport) next(f pawl.FlowInfo) string {
	if f.NextRun.IsZero() && len(s.queues[f.ID]) > 0 {
		if f.NextRun = s.queues[f.ID][0].DueAt; !f.NextRun.After(s.now) {
			return "waits"
		}
	}
	switch wait := f.NextRun.Sub(s.now).Round(time.Second); {
	case !f.Registered:
		return ""
	case f.NextRun.IsZero() && !f.Held.IsZero():
		return "held"
	case f.NextRun.IsZero():
		return ""
	case s.waits(f):
		return "waits"
	case wait > 0:
		return "in " + lengths.Coarse(wait)
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
	return day(f.NextRun, s.now)
}

func (s statusReport) last(f pawl.FlowInfo) string {
	if f.LastRun.IsZero() {
		return "never"
	}
	return ago(s.now.Sub(f.LastRun))
}

// why is what keeps a flow from running, what it is at, or what went wrong with it last.
func (s statusReport) why(f pawl.FlowInfo) string {
	parts := s.held(f)
	if at := s.at(f); at != "" {
		parts = append(parts, at)
	}
	return strings.Join(append(parts, s.waiting(f)...), "; ")
}

// at is what a flow is at, by its status.
func (s statusReport) at(f pawl.FlowInfo) string {
	failure := firstLine(f.LastError)
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
		return "suspect; waits for " + printable(s.trial) + ", which is one too"
	case f.Status == pawl.StatusTripped:
		return "reset needed: " + s.reset(f.ID) + " (" + failure + ")"
	case f.Status == pawl.StatusBackoff && f.NextEligible.After(s.now):
		return "until " + clock(f.NextEligible, s.now) + ": " + failure
	}
	if due := s.now.Sub(f.NextRun); s.owned && s.passive == "" && f.PausedAt.IsZero() && !f.NextRun.IsZero() && due > 2*time.Second && !f.NextEligible.After(s.now) {
		return joined("due "+ago(due)+", and has no room yet"+inGroup(f), failure)
	}
	return failure
}

func inGroup(f pawl.FlowInfo) string {
	if f.Group == "" {
		return ""
	}
	return " (group " + printable(f.Group) + ")"
}

// joined are those of some texts that say something.
func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), "; ")
}

// reset is the command that helps a flow which tripped.
func (s statusReport) reset(id string) string {
	command := "pawl reset " + quoted(printable(id))
	if s.database != "pawl.db" {
		command += " --db " + quoted(printable(s.database))
	}
	return command
}
