package main

import (
	"fmt"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

const exitUnhealthy = 3

// check is the verdict of pawl status --check, and says why to people.
func (s statusReport) check(told bool) error {
	found := s.unhealthy()
	if len(found) == 0 {
		return nil
	}
	if told {
		for i, line := range found {
			if i == 0 {
				fmt.Fprintln(term.Stdout)
			}
			fmt.Fprintln(term.Stdout, term.ColorBySymbol("! "+line))
		}
	}
	return silent(exitUnhealthy)
}

// unhealthy is what somebody should look at, a line for each.
func (s statusReport) unhealthy() (found []string) {
	if s.owner.Degraded != "" {
		found = append(found, "the database takes no writes: "+term.Printable(s.owner.Degraded))
	}
	for _, f := range s.flows {
		if what := s.ails(f); what != "" && (f.Registered || f.Blocked > 0) {
			found = append(found, term.Printable(f.ID)+" "+what)
		}
	}
	return found
}

// ails is what is wrong with a flow; empty: nothing.
func (s statusReport) ails(f pawl.FlowInfo) string {
	switch late := f.Wait(s.now, s.surroundings).Late; {
	case f.Status == pawl.StatusTripped:
		return "is tripped: " + term.FirstLine(f.LastError)
	case f.Status == pawl.StatusFailed || f.Status == pawl.StatusBackoff:
		return "is failing: " + term.FirstLine(f.LastError)
	case f.FailureStreak > 0:
		return fmt.Sprintf("failed %s in a row: %s", term.Count(int64(f.FailureStreak), "time"), term.FirstLine(f.LastError))
	case f.Status == pawl.StatusRunning && !s.owned:
		return "was running when its daemon died"
	case !late.IsZero() && !f.PausedAt.IsZero():
		return "was paused until " + term.Clock(f.PausedUntil, s.now) + ", and no daemon runs to go on"
	case !late.IsZero():
		return "is late by " + lengths.Coarse(s.now.Sub(late))
	case f.Blocked > 0 && s.now.Sub(f.BlockedSince) > pawl.BlockedFor:
		return fmt.Sprintf("has %s, the first since %s: no program that ran since knows its version", blockedRuns(f), term.Clock(f.BlockedSince, s.now))
	}
	return ""
}

// blockedRuns is how many runs of a flow are blocked, in words.
func blockedRuns(f pawl.FlowInfo) string {
	if f.Blocked == 1 {
		return "1 blocked run"
	}
	return fmt.Sprintf("%d blocked runs", f.Blocked)
}
