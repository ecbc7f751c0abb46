package main

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

func TestCSVHasTheNamesAndValuesOfJSON(t *testing.T) {
	var b strings.Builder
	require.NoError(t, printCSV(&b, []entry{{"a,b\x1b[31m", pawl.Instant{At: time.Unix(0, 0).UTC(), Estimate: true}}, {Flow: "c"}}))
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, [][]string{
		{"flow_id", "at", "held", "estimate"},
		{"a,b", "1970-01-01T00:00:00Z", "", "true"},
		{"c", "0001-01-01T00:00:00Z", "", ""},
	}, rows)

	b.Reset()
	require.NoError(t, printCSV(&b, []string{"one", `say "two"`}))
	assert.Equal(t, "value\none\n\"say \"\"two\"\"\"\n", b.String())
	b.Reset()
	require.NoError(t, printCSV[pawl.RunInfo](&b, nil))
	assert.Equal(t, 1, strings.Count(b.String(), "\n"), "the titles are there without a row, too")
}

// found A11: no cell is a formula to a spreadsheet.
func TestCSVHasNoFormulas(t *testing.T) {
	var b strings.Builder
	require.NoError(t, printCSV(&b, []string{"=1+1", "+1", "-1", "@SUM(A1)", "a=b"}))
	assert.Equal(t, "value\n'=1+1\n'+1\n'-1\n'@SUM(A1)\na=b\n", b.String())
	b.Reset()
	require.NoError(t, printCSV(&b, []string{" =1+1", "\n=1+1", "＝1+1", "", " a"}))
	assert.Equal(t, "value\n' =1+1\n\"'\n=1+1\"\n'＝1+1\n\n\" a\"\n", b.String(), "white space before it, and wide forms")
	b.Reset()
	require.NoError(t, printCSV(&b, []int{-1}))
	assert.Equal(t, "value\n-1\n", b.String(), "a number is none")
}

// found A11: what a cell holds is neither a link nor an image.
func TestMarkdownCellsAreNotLinks(t *testing.T) {
	var b strings.Builder
	table{columns: []column{{title: "A"}}, rows: [][]string{{"![x](http://a.b/c) www.a.b a@b.c"}}}.markdown(&b, false)
	assert.Equal(t, "| \\!\\[x\\](http\\://a.b/c) www\\.a.b a\\@b.c |\n", b.String())
}

func TestMarkdownKeepsCellsAsTheyAre(t *testing.T) {
	var b strings.Builder
	table{columns: []column{{title: "A"}, {title: "B"}}, rows: [][]string{{"a|b", ""}, {"*", "<i>"}, {"~~a~~", "&lt;"}}}.markdown(&b, true)
	assert.Equal(t, "| A | B |\n| --- | --- |\n| a\\|b | none |\n| \\* | &lt;i> |\n| \\~\\~a\\~\\~ | &amp;lt; |\n", b.String())
}

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
