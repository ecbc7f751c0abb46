package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// states gives each status a symbol, so that none is told by colour or by word
// alone.
var states = map[pawl.Status]string{
	pawl.StatusRunning:   "▶",
	pawl.StatusCompleted: "✓",
	pawl.StatusFailed:    "✗",
	pawl.StatusBackoff:   "↻",
	pawl.StatusTripped:   "■",
	pawl.StatusIdle:      "○",
}

func state(f pawl.FlowInfo) string {
	text := states[f.Status] + " " + string(f.Status)
	if !f.PausedAt.IsZero() {
		text += ", paused"
	}
	if f.Suspect {
		text += ", suspect"
	}
	return text
}

var countOrder = []pawl.Status{pawl.StatusRunning, pawl.StatusCompleted, pawl.StatusFailed,
	pawl.StatusBackoff, pawl.StatusTripped, pawl.StatusIdle}

// count is a line like "5 flows: 3 completed, 1 backoff, 1 tripped".
func count(flows []pawl.FlowInfo) string {
	counts, paused := map[pawl.Status]int{}, 0
	for _, f := range flows {
		counts[f.Status]++
		if !f.PausedAt.IsZero() {
			paused++
		}
	}
	var parts []string
	for _, s := range countOrder {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	if paused > 0 {
		parts[len(parts)-1] += fmt.Sprintf("; %d paused", paused)
	}
	switch len(flows) {
	case 0:
		return "No flows."
	case 1:
		return "1 flow: " + parts[0]
	}
	return fmt.Sprintf("%d flows: %s", len(flows), strings.Join(parts, ", "))
}

// schedule is when a flow runs: "every 5m", a cron expression and its zone, "once", and
// the instant, "manual".
func schedule(f pawl.FlowInfo) string {
	first, rest, _ := strings.Cut(f.Schedule, " ")
	switch f.Kind {
	case "cron":
		rest = f.Schedule
		if f.TimeZone != "" && f.TimeZone != "UTC" && !strings.HasPrefix(rest, "CRON_TZ=") {
			rest += " " + f.TimeZone
		}
		return term.Printable(rest)
	case "every":
		if d, err := time.ParseDuration(first); err == nil {
			first = lengths.Exact(d)
		}
	case "once":
		if t, err := time.Parse(time.RFC3339, first); err == nil {
			first = t.Local().Format("2006-01-02 15:04:05")
		}
	}
	return term.Printable(strings.TrimSpace(f.Kind + " " + first + " " + rest))
}

// streak is the failures in a row, of those that trip the flow: 2/5. Without a backoff
// policy nothing counts them.
func streak(f pawl.FlowInfo) string {
	switch {
	case f.Backoff == "" && f.FailureStreak == 0:
		return "off"
	case f.StreakLimit == 0:
		return fmt.Sprint(f.FailureStreak)
	case f.FailureStreak > f.StreakLimit: // of a tripped flow a probe failed
		return fmt.Sprint(f.FailureStreak)
	}
	return fmt.Sprintf("%d/%d", f.FailureStreak, f.StreakLimit)
}
