package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// strip is the newest runs of a flow side by side, the oldest first. Those that failed
// are tall, so that they are seen without colours.
type strip struct {
	Bars  []bar
	Label string
	Width int
}

type bar struct {
	X, Y, Height int
	Kind         string
	Title        string
}

const (
	stripRuns   = 20
	stripStep   = 6
	stripHeight = 18
)

// stripOf takes runs newest first.
func (c clock) stripOf(runs []pawl.RunInfo) strip {
	s := strip{Width: stripRuns*stripStep - 2}
	runs = runs[:min(len(runs), stripRuns)]
	counts := map[pawl.RunStatus]int{}
	for i, r := range runs {
		height := heightOf(r.Status)
		s.Bars = append(s.Bars, bar{
			X: (stripRuns - 1 - i) * stripStep, Y: stripHeight - height, Height: height, Kind: string(r.Status), Title: c.runTitle(r),
		})
		counts[r.Status]++
	}
	slices.Reverse(s.Bars)
	s.Label = "no runs yet"
	if len(runs) > 0 {
		s.Label = fmt.Sprintf("last %s: %s", plain.Count(len(runs), "run"), tally(counts))
	}
	return s
}

func heightOf(s pawl.RunStatus) int {
	if s.Failure() {
		return stripHeight
	}
	switch s {
	case pawl.RunSkipped, pawl.RunCancelled, pawl.RunWaiting, pawl.RunParked, pawl.RunBlocked:
		return 5
	}
	return 11
}

var runOrder = []pawl.RunStatus{pawl.RunRunning, pawl.RunWaiting, pawl.RunParked, pawl.RunBlocked, pawl.RunCompleted, pawl.RunFailed, pawl.RunTimedOut,
	pawl.RunInterrupted, pawl.RunCancelled, pawl.RunSkipped}

// tally is a text like "18 completed, 2 failed".
func tally(counts map[pawl.RunStatus]int) string {
	var parts []string
	for _, s := range runOrder {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, runState(s).Word))
		}
	}
	return strings.Join(parts, ", ")
}

// runTitle is a run in one line.
func (c clock) runTitle(r pawl.RunInfo) string {
	text := fmt.Sprintf("run %d, %s", r.Number, runState(r.Status).Word)
	if !r.StartedAt.IsZero() {
		text += " " + c.near(r.StartedAt)
	}
	if d, ok := length(r, c.Now); ok {
		text += ", " + lengths.Span(d)
	}
	if line := plain.FirstLine(r.Error); line != "" {
		text += ": " + line
	}
	return text
}

// length is how long a run took, or has taken; of an interrupted one nobody knows.
func length(r pawl.RunInfo, now time.Time) (time.Duration, bool) {
	switch {
	case r.StartedAt.IsZero():
		return 0, false
	case r.Status == pawl.RunRunning:
		return now.Sub(r.StartedAt), true
	case r.FinishedAt.IsZero():
		return 0, false
	}
	return r.FinishedAt.Sub(r.StartedAt), true
}

// spark is how long the newest runs of a flow took, as a line.
type spark struct {
	Points string // of an SVG polyline; empty: too few
	Label  string // of the newest
	EndX   string
	EndY   string
}

const sparkWidth, sparkHeight = 76.0, 18.0

func (c clock) sparkOf(runs []pawl.RunInfo) (s spark) {
	var took []time.Duration
	for _, r := range runs[:min(len(runs), stripRuns)] {
		if d, ok := length(r, c.Now); ok && r.Status != pawl.RunRunning {
			took = append(took, d)
		}
	}
	if len(took) == 0 {
		return s
	}
	s.Label = lengths.Span(took[0])
	if len(took) < 2 {
		return s
	}
	slices.Reverse(took)
	high := max(slices.Max(took), time.Millisecond)
	var points []string
	for i, d := range took {
		x := 2 + (sparkWidth-4)*float64(stripRuns-len(took)+i)/(stripRuns-1)
		y := sparkHeight - 2 - (sparkHeight-4)*float64(d)/float64(high)
		s.EndX, s.EndY = plain.Decimal(x), plain.Decimal(y)
		points = append(points, s.EndX+","+s.EndY)
	}
	s.Points = strings.Join(points, " ")
	return s
}
