package web

import (
	"fmt"
	"math"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// stairs is how a backoff policy makes a flow wait, longer after each failure in a row,
// up to where it trips.
type stairs struct {
	Steps  []stair
	Height int
	Trip   string // X of the line at which the flow trips; empty: it never does
	Slot   string // how wide the place behind that is
	Limit  int
	Streak int
	Jitter string
}

type stair struct {
	X, W, Middle string
	Y, H         string
	Label        string // Y of the text
	Text         string
	N            int
	Done, Last   bool // the streak has come over it; it is where the flow is
	Up           string
	Line         string // X of the rise
}

const (
	stairsHeight = 132
	stairsTop    = 22 // left for the texts of the highest
	stairsBase   = 18 // left for the numbers below
	mostStairs   = 10
)

// stairsOf is nil for a flow without a policy.
func stairsOf(f pawl.FlowInfo) *stairs {
	if f.Policies == nil || f.Policies.Backoff == (pawl.BackoffPolicy{}) {
		return nil
	}
	p := f.Policies.Backoff
	s := stairs{Height: stairsHeight, Limit: p.StreakLimit, Streak: f.FailureStreak}
	if p.Jitter > 0 {
		s.Jitter = fmt.Sprintf("±%g%%", p.Jitter*100)
	}
	n := stairCount(p, f.FailureStreak)
	columns := n
	if p.StreakLimit > 0 && p.StreakLimit <= mostStairs {
		columns = n + 1 // the last one trips
	}
	low, high := math.Log(float64(p.Delay(1, 0))), math.Log(float64(p.Delay(n, 0)))
	width := 100 / float64(max(columns, 1))
	before := stairsHeight - stairsBase + 0.0
	for i := 1; i <= n; i++ {
		y := stairY(math.Log(float64(p.Delay(i, 0))), low, high)
		x := width * float64(i-1)
		s.Steps = append(s.Steps, stair{
			X: percent(x), W: percent(width), Middle: percent(x + width/2), Y: plain.Decimal(y), H: plain.Decimal(stairsHeight - stairsBase - y),
			Label: plain.Decimal(y - 6), Text: short(p.Delay(i, 0)), N: i, Done: i <= f.FailureStreak, Last: i == f.FailureStreak,
			Line: percent(x), Up: plain.Decimal(before),
		})
		before = y
	}
	if columns > n {
		s.Trip, s.Slot = percent(width*float64(n)), percent(width)
	}
	return &s
}

// stairCount is how many waits there are to draw: those before the trip, or up to where
// they grow no more.
func stairCount(p pawl.BackoffPolicy, streak int) int {
	if p.StreakLimit > 0 && p.StreakLimit <= mostStairs {
		return p.StreakLimit - 1
	}
	n := 1
	for n < mostStairs && (p.Delay(n+1, 0) > p.Delay(n, 0) || n < streak || n < 3) {
		n++
	}
	return n
}

// stairY is where a step lies: by the logarithm of its wait, since waits grow by a factor.
func stairY(x, low, high float64) float64 {
	share := 1.0
	if high > low {
		share = 0.22 + 0.78*(x-low)/(high-low)
	}
	return stairsTop + (stairsHeight-stairsTop-stairsBase)*(1-share)
}

// short is a wait of a policy in few characters.
func short(d time.Duration) string {
	if d >= time.Second {
		return lengths.Coarse(d.Round(time.Second))
	}
	return lengths.Span(d)
}
