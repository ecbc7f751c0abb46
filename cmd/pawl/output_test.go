package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
)

func TestOutputKeepsBeginningAndEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out output
		var all []byte
		for range rapid.IntRange(0, 20).Draw(t, "chunks") {
			chunk := []byte(strings.Repeat(rapid.StringMatching(`[a-z€\n]{1,40}`).Draw(t, "text"), rapid.IntRange(1, 300).Draw(t, "times")))
			all = append(all, chunk...)
			out.add(chunk)
		}
		text := out.String()
		if len(all) <= headSize+tailSize {
			assert.Equal(t, strings.TrimSpace(string(all)), strings.TrimSpace(text))
			return
		}
		assert.True(t, utf8.ValidString(text))
		assert.NotContains(t, text, "?", "no character is cut in two")
		head, rest, found := strings.Cut(text, "\n[")
		_, tail, _ := strings.Cut(rest, " omitted]\n")
		require.True(t, found)
		assert.True(t, strings.HasPrefix(string(all), head))
		assert.True(t, strings.HasSuffix(strings.TrimSpace(string(all)), tail))
		trimmed := len(all) - len(strings.TrimRight(string(all), "\n"))
		assert.GreaterOrEqual(t, len(tail), tailSize-3-trimmed)
		assert.LessOrEqual(t, len(text), headSize+tailSize+40)
	})
}

func TestTablesFitAndHaveNoEmptyCell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(40, 200).Draw(t, "width")
		tab := table{rest: 12, columns: []column{{title: "FLOW", limit: 16}, {title: "STATE"}, {title: "NEXT", rank: 2, limit: 20}, {title: "RUNS", rank: 1, limit: 12}, {title: "WHY"}}}
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			row := []string{rapid.StringMatching(`[a-z表é]{1,60}`).Draw(t, "flow"), "✓ completed"}
			for range 3 {
				row = append(row, rapid.StringMatching(`[a-z 表]{0,90}`).Draw(t, "cell"))
			}
			tab.rows = append(tab.rows, row)
		}
		var b strings.Builder
		tab.print(&b, width)
		for line := range strings.Lines(b.String()) {
			assert.LessOrEqual(t, columns(strings.TrimSuffix(line, "\n")), width)
			assert.Contains(t, b.String(), "WHY")
		}
	})
	var b strings.Builder
	table{columns: []column{{title: "A"}, {title: "B"}, {title: "C"}}, rows: [][]string{{"", "表", ""}}}.print(&b, 80)
	assert.Equal(t, "A     B   C\nnone  表  none\n", b.String())
}

func TestNothingThatDrivesATerminalIsPrinted(t *testing.T) {
	for text, want := range map[string]string{
		"plain\nlines":               "plain\nlines",
		"\x1b[31mred\x1b[0m":         "red",
		"\x1b]0;title\x07rest":       "rest",
		"\x1b]8;;http://x\x1b\\link": "link",
		"a\rb\tc":                    "a b c",
		"bell\x07 null\x00 del\x7f":  "bell null del",
		"c1 \u009b31m":               "c1 31m",
		"turn\u202eed":               "turned",
		"bad \xff utf8":              "bad ? utf8",
		"\x1b":                       "",
		"wide 表 é ✓":                 "wide 表 é ✓",
	} {
		assert.Equal(t, want, printable(text), "%q", text)
	}
}

func TestJSONIsAnArrayThatDrivesNoTerminal(t *testing.T) {
	var b strings.Builder
	require.NoError(t, printJSON[pawl.RunInfo](&b, nil))
	assert.Equal(t, "[]\n", b.String())

	b.Reset()
	want := []string{"a\x1b[31m\u009b\u202e\x7f <&> 表\n\U000e0001"}
	require.NoError(t, printJSON(&b, want))
	assert.Equal(t, "[\n  \"a\\u001b[31m\\u009b\\u202e\\u007f <&> 表\\n\\udb40\\udc01\"\n]\n", b.String())
	var got []string
	require.NoError(t, json.Unmarshal([]byte(b.String()), &got))
	assert.Equal(t, want, got)
}

func TestTimesAreForPeople(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "0ms", 12 * time.Millisecond: "12ms", 4200 * time.Millisecond: "4.2s", 59 * time.Second: "59s",
		60 * time.Second: "1m", 220 * time.Second: "3m 40s", time.Hour: "1h", time.Hour + 5*time.Second: "1h",
		26 * time.Hour: "1d 2h", 400 * day: "400d", -time.Second: "0ms",
	} {
		assert.Equal(t, want, lengths.Span(d), "%s", d)
	}
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Second: "10s",
		100 * time.Hour: "100h", 0: "0s", time.Hour + time.Second: "1h0m1s",
	} {
		assert.Equal(t, want, lengths.Exact(d), "%s", d)
	}
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

// No cell is empty, and a streak that nothing counts is not one of nought.
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
		s.table(width).print(&b, width)
		assert.Contains(t, b.String(), want, width)
		assert.NotContains(t, b.String(), " - ")
		for line := range strings.Lines(b.String()) {
			assert.LessOrEqual(t, columns(strings.TrimSuffix(line, "\n")), width)
		}
	}
}

// Matrix: k > 1 runs in flight, what the user sees.
func TestStatusShowsSuspects(t *testing.T) {
	assert.Equal(t, "✗ failed, suspect", state(pawl.FlowInfo{Status: pawl.StatusFailed, Suspect: true}))
	assert.Equal(t, "✗ failed", state(pawl.FlowInfo{Status: pawl.StatusFailed}))
}

func TestMistypedWordsGetTheNearestKnownOne(t *testing.T) {
	known := []string{"every", "cron", "manual", "timeout"}
	for word, want := range map[string]string{
		"evry": `: did you mean "every"?`, "corn": `: did you mean "cron"?`, "timeuot": `: did you mean "timeout"?`,
		"xyzzy": ": there is every, cron, manual, timeout", strings.Repeat("e", 1000): ": there is every, cron, manual, timeout",
	} {
		assert.Equal(t, want, didYouMean(word, known), word)
	}
	assert.Empty(t, didYouMean("x", make([]string, 13)))
}
