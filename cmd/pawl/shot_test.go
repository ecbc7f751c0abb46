package main

import (
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

// TestShotOfStatus draws what pawl status shows of some flows, with PAWL_SHOT into a file:
// that is the picture of the README.
func TestShotOfStatus(t *testing.T) {
	term.UseColor = true
	defer func() { term.UseColor = false }()
	var text strings.Builder
	sampleStatus().print(&text, 156)
	picture := picture("pawl status", text.String())
	assert.Contains(t, picture, "tripped")
	assert.NotContains(t, picture, "\x1b")
	if path := os.Getenv("PAWL_SHOT"); path != "" {
		require.NoError(t, os.WriteFile(path, []byte(picture), 0o644))
	}
}

// sampleStatus is flows that have lived for a while.
func sampleStatus() statusReport {
	now := time.Date(2026, 11, 23, 14, 2, 30, 0, time.Local)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	in := func(d time.Duration) time.Time { return now.Add(d) }
	night := in(12*time.Hour + 27*time.Minute + 30*time.Second)
	return statusReport{now: now, database: "pawl.db", owned: true,
		owner: pawl.Owner{PID: 4711, Host: "mira", Since: ago(76 * time.Hour)},
		flows: []pawl.FlowInfo{
			{ID: "backup", Kind: "cron", Schedule: "30 2 * * *", TimeZone: "Europe/Berlin", Status: pawl.StatusCompleted, Registered: true, LastRun: ago(11 * time.Hour), NextRun: night},
			{ID: "sync", Kind: "every", Schedule: "5m0s", Status: pawl.StatusBackoff, Registered: true, LastRun: ago(50 * time.Second), FailureStreak: 2, StreakLimit: 5,
				NextRun: in(130 * time.Second), NextEligible: in(130 * time.Second), LastError: "exit status 7: no answer"},
			{ID: "report", Kind: "cron", Schedule: "0 9 * * MON-FRI", TimeZone: "Europe/Berlin", Status: pawl.StatusTripped, Registered: true, LastRun: ago(5 * time.Hour),
				FailureStreak: 3, StreakLimit: 3, LastError: "exit status 1: template not found", Held: in(19 * time.Hour)},
			{ID: "thumbnails", Kind: "manual", Status: pawl.StatusRunning, Registered: true, LastRun: ago(4 * time.Second), InFlight: 4, Waiting: 38, Group: "cpu"},
			{ID: "mail", Kind: "manual", Status: pawl.StatusCompleted, Registered: true, LastRun: ago(12 * time.Minute), PausedAt: ago(10 * time.Minute), PauseNote: "smtp moves, ask anna"},
			{ID: "renew", Kind: "cron", Schedule: "@weekly", TimeZone: "UTC", Status: pawl.StatusCompleted, Registered: true, LastRun: ago(14 * time.Hour), NextRun: in(6 * 24 * time.Hour)},
		},
		strips: map[string]string{"backup": "············↯·······", "sync": "········✗····✗····✗✗", "report": "·················✗✗✗",
			"thumbnails": "··············⊗·▶▶▶▶", "mail": "··········◌·········", "renew": "····"}}
}

const (
	cellWidth, lineHeight = 8.4, 19
	margin                = 16
)

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// picture is the output of a terminal as SVG, for a light and a dark page.
func picture(command, text string) string {
	lines := append([]string{"$ " + command}, strings.Split(strings.TrimRight(text, "\n"), "\n")...)
	widest := 0
	for _, l := range lines {
		widest = max(widest, term.TextWidth(sgr.ReplaceAllString(l, "")))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" role="img" aria-label="%s">`+"\n", float64(widest)*cellWidth+2*margin, len(lines)*lineHeight+2*margin, html.EscapeString(command))
	b.WriteString(pictureStyle)
	for i, l := range lines {
		fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve">%s</text>`+"\n", margin, margin+14+i*lineHeight, spans(l))
	}
	return b.String() + "</svg>\n"
}

const pictureStyle = `<style>
rect { fill: #fff; stroke: #d0d7de } text { fill: #1f2328; font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
.c1 { font-weight: 700 } .c2 { fill: #6e7781 } .c160 { fill: #cf222e } .c28 { fill: #1a7f37 } .c130 { fill: #9a6700 } .c133 { fill: #8250df } .c32 { fill: #0969da }
@media (prefers-color-scheme: dark) { rect { fill: #0d1117; stroke: #30363d } text { fill: #e6edf3 }
.c2 { fill: #8d96a0 } .c160 { fill: #ff7b72 } .c28 { fill: #3fb950 } .c130 { fill: #d29922 } .c133 { fill: #bc8cff } .c32 { fill: #58a6ff } }
</style><rect x="0.5" y="0.5" width="99.9%" height="99.5%" rx="8"/>
`

// spans is a line with its colours as classes, each piece at its column, whatever the
// width of a letter.
func spans(line string) string {
	var b strings.Builder
	class, at, from := "", 0, 0
	write := func(text string) {
		if text != "" {
			fmt.Fprintf(&b, `<tspan x="%.1f" class="%s">%s</tspan>`, margin+float64(at)*cellWidth, class, html.EscapeString(text))
			at += term.TextWidth(text)
		}
	}
	for _, m := range sgr.FindAllStringSubmatchIndex(line, -1) {
		write(line[from:m[0]])
		class = ""
		if code := line[m[2]:m[3]]; code != "0" {
			class = "c" + strings.ReplaceAll(strings.ReplaceAll(code, "38;5;", ""), ";", " c")
		}
		from = m[1]
	}
	write(line[from:])
	return b.String()
}
