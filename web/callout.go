package web

import (
	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// callout is what a reader should know first; empty: nothing.
type callout struct {
	Kind  string
	Title string
	Text  string
	Error string
}

// callout is what keeps a flow from running, or what went wrong.
func (c clock) callout(f pawl.FlowInfo) callout {
	switch {
	case !f.Registered:
		return callout{"gone", "Not registered", "The program that runs does not have this flow. Its state and history are kept.", ""}
	case f.Status == pawl.StatusTripped:
		return callout{"tripped", "Tripped after " + plain.Count(f.FailureStreak, "failure") + " in a row",
			"It is not run until somebody resets it. A probe runs it once and resets it if that succeeds.", f.LastError}
	case !f.PausedAt.IsZero():
		text := "Its schedule is held back until it is resumed."
		if !f.PausedUntil.IsZero() {
			text = "Then its schedule goes on by itself."
		}
		if f.PauseNote != "" {
			text = plain.Text(f.PauseNote)
		}
		return callout{"paused", "Paused " + c.pausedWords(f), text, ""}
	case f.Status == pawl.StatusBackoff && f.NextEligible.After(c.Now):
		return callout{"backoff", "In backoff until " + c.near(f.NextEligible),
			plain.Count(f.FailureStreak, "failure") + " in a row. A trigger runs it at once.", f.LastError}
	case c.late(f):
		return callout{"late", "Late: it was due " + c.relative(f.Wait(c.Now, c.around).Late), "", ""}
	case f.Suspect:
		return callout{"suspect", "Suspect", "It was in flight, with others, when the process died. If the process dies again, half of the suspects run at a time until the one that crashes it is found.", ""}
	case f.LastError != "" && f.FailureStreak > 0:
		return callout{"failed", "Its newest run failed", "", f.LastError}
	}
	return callout{}
}
