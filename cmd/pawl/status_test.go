package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/stretchr/testify/assert"
)

// What is unhealthy is failing, tripped or late; what waits for a person, or runs, is not.
func TestHealthIsFailingTrippedOrLate(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		flow pawl.FlowInfo
		want string
	}{
		{"well", pawl.FlowInfo{Status: pawl.StatusCompleted, NextRun: now.Add(time.Hour)}, ""},
		{"tripped", pawl.FlowInfo{Status: pawl.StatusTripped, LastError: "no\nmore"}, "is tripped: no"},
		{"failed", pawl.FlowInfo{Status: pawl.StatusFailed, LastError: "no"}, "is failing: no"},
		{"runs after failures", pawl.FlowInfo{Status: pawl.StatusRunning, FailureStreak: 2, LastError: "no"}, "failed 2 times in a row: no"},
		{"jitter", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now.Add(-2 * time.Minute), DueAt: now.Add(time.Minute)}, ""},
		{"due", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now.Add(-time.Minute)}, ""},
		{"late", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now.Add(-2 * time.Minute)}, "is late by 2m"},
		{"paused", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now.Add(-2 * time.Minute), PausedAt: now}, ""},
		{"paused for a while", pawl.FlowInfo{Status: pawl.StatusIdle, PausedAt: now, PausedUntil: now.Add(time.Hour)}, ""},
		{"pause that is over", pawl.FlowInfo{Status: pawl.StatusIdle, PausedAt: now.Add(-time.Hour), PausedUntil: now.Add(-2 * time.Minute)},
			"was paused until " + now.Add(-2*time.Minute).Local().Format("15:04:05") + ", and no daemon runs to go on"},
		{"overlapped", pawl.FlowInfo{Status: pawl.StatusRunning, NextRun: now.Add(-2 * time.Minute)}, ""},
	} {
		c.flow.Registered = true
		assert.Equal(t, c.want, statusReport{now: now, owned: true, surroundings: pawl.Surroundings{Owned: true}}.ails(c.flow), c.name)
	}
	dead := statusReport{now: now}
	assert.Equal(t, "was running when its daemon died", dead.ails(pawl.FlowInfo{Status: pawl.StatusRunning}))
	dead.owner.Degraded = "the disk is full"
	assert.Equal(t, []string{"the database takes no writes: the disk is full"}, dead.unhealthy())
}

func TestStatusSaysWhyAFlowDoesNotRun(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	near := now.Add(5 * time.Second)
	for _, c := range []struct {
		name  string
		flow  pawl.FlowInfo
		owned bool
		next  string
		why   string
	}{
		{"idle", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now.Add(220 * time.Second), Registered: true}, true, "in 3m 40s", "not due"},
		{"due", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now, Registered: true}, true, "now", "due"},
		{"due, nobody there", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now.Add(-time.Hour), Registered: true}, false, "due", "due, but no daemon runs"},
		{"failed", pawl.FlowInfo{Status: pawl.StatusFailed, LastError: "exit status 3: no\nmore", Registered: true}, true, "none", "exit status 3: no"},
		{"no room", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now.Add(-time.Minute), DueAt: now.Add(-time.Minute), Group: "smtp", Registered: true}, true, "now",
			"due 1m ago, and waits for room (group smtp)"},
		{"jitter", pawl.FlowInfo{Status: pawl.StatusIdle, NextRun: now.Add(-time.Minute), DueAt: near, Registered: true}, true, "in 5s",
			"jitter until " + near.Local().Format("15:04:05")},
		{"backoff", pawl.FlowInfo{Status: pawl.StatusBackoff, NextEligible: near, NextRun: near, LastError: "no", Registered: true}, true,
			"in 5s", "until " + near.Local().Format("15:04:05") + ": no"},
		{"tripped", pawl.FlowInfo{ID: "it's", Status: pawl.StatusTripped, LastError: "no", Registered: true, Held: near}, true, "held",
			`reset needed: pawl reset 'it'\''s' --db my.db (no)`},
		{"running", pawl.FlowInfo{Status: pawl.StatusRunning, LastNumber: 7, InFlight: 1, Registered: true}, true, "after run", "run 7"},
		{"running, daemon dead", pawl.FlowInfo{Status: pawl.StatusRunning, LastNumber: 7, InFlight: 1, Registered: true}, false, "after run", "its daemon died; settled at the next start"},
		{"several", pawl.FlowInfo{Status: pawl.StatusRunning, LastNumber: 900, InFlight: 3, Waiting: 500, Backfill: 7, Registered: true}, true, "after run",
			"3 running; 500 waiting; 7 to backfill"},
		{"old queue", pawl.FlowInfo{Status: pawl.StatusRunning, InFlight: 1, Waiting: 5, WaitingSince: now.Add(-time.Hour), Registered: true}, true, "after run",
			"1 running; 5 waiting, the oldest for 1h"}, // found Q15
		{"queue for later", pawl.FlowInfo{Status: pawl.StatusRunning, InFlight: 1, Waiting: 5, WaitingSince: near, Registered: true}, true, "after run",
			"1 running; 5 waiting"},
		{"paused", pawl.FlowInfo{Status: pawl.StatusFailed, LastError: "no", PausedAt: now.Add(-time.Hour), PauseNote: "the disk\nis full", Held: near, Registered: true}, true,
			"held", "paused 1h ago: the disk; no"},
		{"paused for a while", pawl.FlowInfo{Status: pawl.StatusIdle, PausedAt: now, PauseNote: "why", PausedUntil: near, Held: near, Registered: true}, true,
			"held", "paused until " + near.Local().Format("15:04:05") + " (in 5s): why"},
		{"leaked", pawl.FlowInfo{Status: pawl.StatusIdle, Leaked: 2, Registered: true, Kind: "manual"}, true, "on demand", "2 jobs go on although their runs are closed"},
		{"retry", pawl.FlowInfo{ID: "again", Status: pawl.StatusIdle, Waiting: 2, Registered: true}, true,
			"in 5s", "run 3 tries again at " + near.Local().Format("15:04:05") + " (exit status 3: no); 1 waiting"},
		{"by hand", pawl.FlowInfo{Status: pawl.StatusCompleted, Kind: "manual", Registered: true}, true, "on demand", "runs on demand"},
		{"over", pawl.FlowInfo{Status: pawl.StatusCompleted, Kind: "once", Registered: true}, true, "none", "its schedule is over"},
		{"unregistered", pawl.FlowInfo{Status: pawl.StatusCompleted, NextRun: near}, true, "never", "not in the config of the last daemon"},
	} {
		around := pawl.Surroundings{Owned: c.owned, Limits: pawl.Limits{Groups: map[string]int{"smtp": 1}}, Grouped: map[string]int{"smtp": 1}}
		s := statusReport{owned: c.owned, surroundings: around, now: now, database: "my.db", queues: map[string][]pawl.RunInfo{"again": {
			{Number: 3, Status: pawl.RunWaiting, Attempt: 2, DueAt: near, Error: "exit status 3: no\nmore"},
			{Number: 4, Status: pawl.RunWaiting, Attempt: 1, DueAt: near.Add(time.Hour)},
		}}}
		assert.Equal(t, c.next, s.next(c.flow), c.name)
		assert.Equal(t, c.why, s.why(c.flow), c.name)
	}
}

// No cell is empty, and a streak that nothing counts is not one of nought. found B9.
func TestStreakSaysWhenItIsNotCounted(t *testing.T) {
	for want, f := range map[string]pawl.FlowInfo{
		"off": {}, "0/5": {Backoff: "1s", StreakLimit: 5}, "2/5": {Backoff: "1s", StreakLimit: 5, FailureStreak: 2},
		"0": {Backoff: "1s"}, "3": {Backoff: "1s", FailureStreak: 3},
	} {
		assert.Equal(t, want, streak(f))
	}
}

// program.md: tables fit the terminal. At the 80 columns of old there is the end of the
// strip of runs, and wherever there is room all of it.
func TestStatusShowsTheLastRunsAtAnyWidth(t *testing.T) {
	s := sampleStatus()
	for width, want := range map[int]string{80: "  ····✗✗  ", 100: "  ···✗····✗✗  ", 120: "  ···✗····✗✗  ", 200: "  ········✗····✗····✗✗  "} {
		var b strings.Builder
		s.table(width).Print(&b, width)
		assert.Contains(t, b.String(), want, width)
		assert.NotContains(t, b.String(), " - ")
		for line := range strings.Lines(b.String()) {
			assert.LessOrEqual(t, term.TextWidth(strings.TrimSuffix(line, "\n")), width)
		}
	}
}

// Matrix: k > 1 runs in flight, what the user sees.
func TestStatusShowsSuspects(t *testing.T) {
	assert.Equal(t, "✗ failed, suspect", state(pawl.FlowInfo{Status: pawl.StatusFailed, Suspect: true}))
	assert.Equal(t, "✗ failed", state(pawl.FlowInfo{Status: pawl.StatusFailed}))
}

// The program has a symbol for each status of a run, and takes for failures what the one
// table says.
//
// found B10.
func TestEveryStatusOfARunHasASymbol(t *testing.T) {
	seen := map[string]bool{}
	for _, fact := range pawl.RunStatuses() {
		symbol := runStates[fact.Word]
		assert.NotEmpty(t, symbol, fact.Word)
		assert.False(t, seen[symbol], symbol)
		seen[symbol] = true
		assert.Equal(t, fact.Failure, historyQuery{failed: true}.takes(pawl.RunInfo{Status: fact.Word}), fact.Word)
	}
}
