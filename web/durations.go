package web

import (
	"slices"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// durations is how long the newest runs of a flow took, the oldest first.
type durations struct {
	Bars     []durationBar
	Height   int
	P50, P95 level
	Top      string // what the upper edge stands for
	Count    int
}

type durationBar struct {
	X, W string
	Y, H string
	Kind string
	Text string
	URL  string
}

// level is a line across the chart.
type level struct {
	Text  string
	Y     string
	Label string // where its text stands
}

const (
	durationRuns   = 100
	durationHeight = 132
	durationTop    = 14 // left for the text of the upper edge
)

// durationsOf takes runs newest first. Nil: none has ended.
func (c clock) durationsOf(runs []pawl.RunInfo) *durations {
	d := durations{Height: durationHeight}
	var ended []pawl.RunInfo
	var all []time.Duration
	for _, r := range runs {
		if took, ok := length(r, c.Now); ok && r.Status.Over() && len(ended) < durationRuns {
			ended, all = append(ended, r), append(all, took)
		}
	}
	if len(ended) == 0 {
		return nil
	}
	slices.Reverse(ended)
	sorted := slices.Sorted(slices.Values(all))
	high := round(sorted[len(sorted)-1])
	scale := func(t time.Duration) float64 {
		return durationTop + (durationHeight-durationTop)*(1-float64(t)/float64(high))
	}
	step := 100 / float64(max(len(ended), 20))
	for i, r := range ended {
		took, _ := length(r, c.Now)
		y := min(scale(took), durationHeight-1.5)
		d.Bars = append(d.Bars, durationBar{
			X: percent(100 - step*float64(len(ended)-i) + step*0.12), W: percent(step * 0.76), Y: plain.Decimal(y), H: plain.Decimal(durationHeight - y),
			Kind: string(r.Status), Text: c.runTitle(r), URL: runURL(r.FlowID, r.Number),
		})
	}
	d.Count, d.Top = len(ended), lengths.Span(high)
	d.P50, d.P95 = levelAt(quantile(sorted, 50), scale), levelAt(quantile(sorted, 95), scale)
	return &d
}

func levelAt(t time.Duration, scale func(time.Duration) float64) level {
	y := scale(t)
	return level{Text: lengths.Span(t), Y: plain.Decimal(y), Label: plain.Decimal(max(y-4, 10))}
}

// quantile is the smallest of sorted that so many percent do not exceed.
func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// round is the next length above that reads well.
func round(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		for _, n := range []time.Duration{1, 2, 3, 5, 10, 15, 20, 30, 50, 60, 100, 200, 300, 500} {
			if n*unit >= d && (unit > time.Millisecond && n <= 60 || unit == time.Millisecond) {
				return n * unit
			}
		}
	}
	return d
}
