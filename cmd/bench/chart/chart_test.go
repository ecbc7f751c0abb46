package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestLogScaleEndsAtRoundValues(t *testing.T) {
	for _, c := range []struct {
		low, high           float64
		wantLow, wantHigh   float64
		firstTick, lastTick float64
	}{
		{3, 40, 2, 50, 2, 50},
		{1, 1000, 1, 1000, 1, 1000},
		{0.0002, 37, 0.0002, 50, 0.001, 10},
		{5, 5, 5, 10, 5, 10},
	} {
		s := niceLogScale(c.low, c.high, 100, 0)
		near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9*b }
		if !near(s.low, c.wantLow) || !near(s.high, c.wantHigh) || !near(s.ticks[0], c.firstTick) || !near(s.ticks[len(s.ticks)-1], c.lastTick) {
			t.Errorf("%v to %v: %+v", c.low, c.high, s)
		}
		if at := s.at(c.low); at < 0 || at > 100 {
			t.Errorf("%v is at %v", c.low, at)
		}
	}
}

func TestLinearScaleBeginsAtZero(t *testing.T) {
	for high, want := range map[float64][]float64{
		1100: {0, 200, 400, 600, 800, 1000, 1200}, 0.9: {0, 0.2, 0.4, 0.6, 0.8, 1}, 0: {0, 0.2, 0.4, 0.6, 0.8, 1},
	} {
		got := linearScale(high, 100, 0).ticks
		if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
			t.Errorf("to %v: %v, want %v", high, got, want)
		}
	}
}

func TestFigureIsWellFormedAndStaysInside(t *testing.T) {
	f := Figure{Title: `a < "b"`, Panels: []Panel{
		{Title: "empty"},
		{Title: "x & y", X: "n", Log: true, Series: []Series{{Name: "<s>", Points: []Point{{1, 2, 3, 4}, {1000, 200, 300, 400}}}},
			Limits: []Limit{{"limit", 5000}}},
	}}
	svg := f.SVG()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || strings.Contains(svg, `"-`) {
		t.Error(svg)
	}
	if svg := (Figure{Panels: []Panel{{Title: "empty"}}}).SVG(); svg != "" {
		t.Errorf("of nothing: %s", svg)
	}
}
