package web

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// badge is a state as a symbol and a word: never by its colour alone.
type badge struct {
	Kind string // of the symbol, and the class of its colour
	Word string
}

// stateOf is what a flow is first of all.
func stateOf(f pawl.FlowInfo) badge {
	switch {
	case !f.Registered:
		return badge{"gone", "not registered"}
	case f.Status == pawl.StatusTripped, f.Status == pawl.StatusRunning, f.PausedAt.IsZero():
		return badge{string(f.Status), string(f.Status)}
	}
	return badge{"paused", "paused"}
}

// marks is what else it is.
func marks(f pawl.FlowInfo) (list []badge) {
	if !f.PausedAt.IsZero() && stateOf(f).Kind != "paused" {
		list = append(list, badge{"paused", "paused"})
	}
	if f.Suspect {
		list = append(list, badge{"suspect", "suspect"})
	}
	return list
}

// withMore is a text, and what more is to say after a colon, if there is anything.
func withMore(text, more string) string {
	if more == "" {
		return text
	}
	return text + ": " + more
}

func runState(s pawl.RunStatus) badge {
	return badge{string(s), strings.ReplaceAll(string(s), "_", " ")}
}

// schedule is when a flow runs: "every 5m", a cron expression, "once 2 Jan 2026 09:00".
func schedule(f pawl.FlowInfo) string {
	first, rest, _ := strings.Cut(f.Schedule, " ")
	switch f.Kind {
	case "cron":
		return f.Schedule
	case "every":
		if d, err := time.ParseDuration(first); err == nil {
			first = lengths.Exact(d)
		}
	case "once":
		if t, err := time.Parse(time.RFC3339, first); err == nil {
			first = t.Format("2 Jan 2006 15:04:05 MST")
		}
	}
	return strings.TrimSpace(f.Kind + " " + first + " " + rest)
}

// zoneOf is the time zone of a schedule, where it has one that it does not name.
func zoneOf(f pawl.FlowInfo) string {
	if f.Kind != "cron" || strings.HasPrefix(f.Schedule, "CRON_TZ=") {
		return ""
	}
	return f.TimeZone
}

// streak is the failures in a row, of those that trip the flow: 2/5.
func streak(f pawl.FlowInfo) string {
	switch {
	case f.FailureStreak == 0:
		return ""
	case f.StreakLimit == 0, f.FailureStreak > f.StreakLimit: // of a tripped flow a probe failed
		return strconv.Itoa(f.FailureStreak)
	}
	return fmt.Sprintf("%d/%d", f.FailureStreak, f.StreakLimit)
}

// calm is what stands in place of a streak where there is none: nought, of those that
// trip the flow, or that nothing counts them.
func calm(f pawl.FlowInfo) string {
	switch {
	case f.Backoff == "":
		return "off"
	case f.StreakLimit == 0:
		return "0"
	}
	return fmt.Sprintf("0/%d", f.StreakLimit)
}

// late says whether a flow should have started and nothing that was asked for keeps it.
func (c clock) late(f pawl.FlowInfo) bool { return !f.Wait(c.Now, c.around).Late.IsZero() }

// pausedWords is until when a flow is paused, or since when.
func (c clock) pausedWords(f pawl.FlowInfo) string {
	if f.PausedUntil.IsZero() {
		return c.relative(f.PausedAt)
	}
	return "until " + c.near(f.PausedUntil) + " (" + c.relative(f.PausedUntil) + ")"
}

// why is what keeps a flow from running, what it is at, or what went wrong last.
func (c clock) why(f pawl.FlowInfo) string {
	var parts []string
	if !f.PausedAt.IsZero() {
		parts = append(parts, withMore("paused "+c.pausedWords(f), plain.FirstLine(f.PauseNote)))
	}
	if at := c.at(f); at != "" {
		parts = append(parts, at)
	}
	if f.Leaked > 0 {
		parts = append(parts, plain.Count(f.Leaked, "job")+" left behind")
	}
	if f.Waiting > 0 {
		waiting := plain.Count(f.Waiting, "start") + " waiting"
		if age := c.Now.Sub(f.WaitingSince); !f.WaitingSince.IsZero() && age >= time.Second {
			waiting += ", the oldest for " + lengths.Coarse(age)
		}
		parts = append(parts, waiting)
	}
	if f.Backfill > 0 {
		parts = append(parts, fmt.Sprintf("%d to backfill", f.Backfill))
	}
	if f.Parked > 0 {
		parts = append(parts, plain.Count(f.Parked, "run")+" parked until "+c.near(f.NextWake))
	}
	if f.Blocked > 0 {
		parts = append(parts, plain.Count(f.Blocked, "run")+" blocked since "+c.near(f.BlockedSince)+": no program that ran since knows its version")
	}
	return strings.Join(parts, "; ")
}

func (c clock) at(f pawl.FlowInfo) string {
	failure := plain.FirstLine(f.LastError)
	switch {
	case !f.Registered:
		return "the program that runs does not have it"
	case f.Status == pawl.StatusRunning && f.InFlight <= 1:
		return fmt.Sprintf("run %d is running", f.LastNumber)
	case f.Status == pawl.StatusRunning:
		return fmt.Sprintf("%d runs are running", f.InFlight)
	case f.Status == pawl.StatusTripped:
		return "fix the cause, then reset it: " + failure
	case f.Status == pawl.StatusBackoff && f.NextEligible.After(c.Now):
		return "backoff until " + c.near(f.NextEligible) + ": " + failure
	}
	switch w := f.Wait(c.Now, c.around); {
	case !w.Late.IsZero():
		return "late: it was due " + c.relative(w.Late)
	case w.Cause == pawl.WaitJitter:
		return "its jitter ends " + c.relative(w.Until)
	case w.Cause == pawl.WaitAttempt:
		return "its next attempt is " + c.relative(w.Until) + ": " + failure
	case w.Cause == pawl.WaitLimit:
		return "it waits for room in the limit on runs in flight"
	case w.Cause == pawl.WaitIsolation:
		return "suspect: it waits until " + plain.Text(c.around.Trial) + " is cleared"
	}
	return failure
}

var functions = template.FuncMap{
	"grouped": plain.Grouped, "count": plain.Count[int], "printable": plain.Text,
	"flowURL": func(id string) string { return "flow?" + url.Values{"id": {id}}.Encode() },
	"runURL":  runURL,
	"laneIn":  func(l lane, s stretch) laneIn { return laneIn{l, s} },
	"payloadIn": func(name string, p payload, id string, number int64) payloadIn {
		return payloadIn{p, name, "api/" + runURL(id, number)}
	},
}

// laneIn is a lane with the time that it shows.
type laneIn struct {
	Lane    lane
	Stretch stretch
}

// payloadIn is an input or output with its name and where all of it is.
type payloadIn struct {
	payload
	Name, API string
}

func runURL(id string, number int64) string {
	return "run?" + url.Values{"id": {id}, "number": {strconv.FormatInt(number, 10)}}.Encode()
}
