package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSpreadIsMedianAndRange(t *testing.T) {
	for _, c := range []struct {
		rounds []float64
		want   string
	}{
		{nil, ""},
		{[]float64{1234.4}, "1,234"},
		{[]float64{3, 1, 2}, "2.00 (1.00–3.00)"},
		{[]float64{20, 10}, "15.0 (10.0–20.0)"},
		{[]float64{0, 0, 0}, "0"},
		{[]float64{0.00123}, "0.0012"},
		{[]float64{-1234567}, "-1,234,567"},
	} {
		if got := spread(c.rounds); got != c.want {
			t.Errorf("spread(%v) = %q, want %q", c.rounds, got, c.want)
		}
	}
}

func TestRatioIsThatOfARound(t *testing.T) {
	r := results{"x": {"pawl.rate": {10, 40}, "yardstick.rate": {20, 20}, "store.rate": {1}}}
	if got := r.ratios("x", "pawl.rate", "yardstick.rate"); !slices.Equal(got, []float64{0.5, 2}) {
		t.Errorf("ratios: %v", got)
	}
	if got := r.ratios("x", "pawl.rate", "store.rate"); got != nil {
		t.Errorf("ratios to a side that has failed: %v", got)
	}
}

func TestVerdictsFollowTheSamples(t *testing.T) {
	z := sizes{history: []int{10}}
	for _, c := range []struct {
		name  string
		judge func(results, sizes) verdict
		found results
		want  string
	}{
		{"nothing", judgeRuns, results{}, "not measured"},
		{"one size is missing", judgeRuns, runsAt(0.6, 10, 100), "not measured"},
		{"all sizes", judgeRuns, runsAt(0.5, 10, 100, 1000), "met"},
		{"below", judgeRuns, runsAt(0.49, 10, 100, 1000), "**not met**"},
		{"lost in one round", judgeFiring(10_000, 1), results{"firing-10000": {"pawl.p99": {1, 1, 1}, "pawl.lost": {0, 1, 0}}}, "**not met**"},
		{"late", judgeFiring(10_000, 1), results{"firing-10000": {"pawl.p99": {250}, "pawl.lost": {0}}}, "**not met**"},
		{"in time", judgeFiring(100_000, 10), results{"firing-100000-over-10s": {"pawl.p99": {249}, "pawl.lost": {0}}}, "met"},
		{"no peer", judgeOneByOne, results{peersOneByOne: {"pawl.rate": {100}}}, "not measured"},
		{"only PostgreSQL", judgeOneByOne, results{peersOneByOne: {"pawl.rate": {100}, "River, PostgreSQL.rate": {100}}}, "not measured"},
		{"20 times", judgeOneByOne, results{peersOneByOne: {"pawl.rate": {100}, "a.rate": {5}, "b.rate": {4}, "yardstick.rate": {90}}}, "met"},
		{"19 times", judgeOneByOne, results{peersOneByOne: {"pawl.rate": {100}, "a.rate": {5}, "b.rate": {5.2}}}, "**not met**"},
		{"queue, 10 times", judgeQueue(peersOneByOne, "rate", 10), results{peersOneByOne: {queueName + ".rate": {100}, "pawl.rate": {1}, "a.rate": {10}}}, "met"},
		{"queue, 9 times", judgeQueue(peersOneByOne, "rate", 10), results{peersOneByOne: {queueName + ".rate": {90}, "a.rate": {10}}}, "**not met**"},
		{"queue, no server", judgeServer, results{peersOneByOne: {queueName + ".rate": {90}}, peersBatch: {queueName + ".work": {90}}}, "not measured"},
		{"queue, behind in one", judgeServer, results{
			peersOneByOne: {queueName + ".rate": {90}, serverName + ".rate": {80}},
			peersBatch:    {queueName + ".work": {90}, serverName + ".work": {91}},
		}, "**not met**"},
		{"written once", judgeQuiet, results{"quiet": {"pawl.percent": {0, 0}, "pawl.written": {0, 4096}}}, "**not met**"},
		{"quiet", judgeQuiet, results{"quiet": {"pawl.percent": {0.05}, "pawl.written": {0}}}, "met"},
		{"median", judgeHistory, results{"history-10": {"filled.rate": {8, 7, 9}, "empty.rate": {10, 10, 10}}}, "met"},
	} {
		if got := c.judge(c.found, z).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func runsAt(ratio float64, sizes ...int) results {
	r := results{}
	for _, n := range sizes {
		r[runsName(n)] = samples{"pawl.rate": {ratio * 1000}, "yardstick.rate": {1000}}
	}
	return r
}

func TestSectionIsReplacedAndNothingElse(t *testing.T) {
	got, err := replaceSection("a\n<!-- bench -->\nold\n<!-- /bench -->\nz\n", "\nnew\n\n")
	if want := "a\n<!-- bench -->\n\nnew\n\n<!-- /bench -->\nz\n"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, text := range []string{"", "<!-- bench -->", "<!-- /bench --> <!-- bench -->"} {
		if _, err := replaceSection(text, "new"); err == nil || !strings.Contains(err.Error(), sectionBegin) {
			t.Errorf("of %q: %v, want an error that says what to add", text, err)
		}
	}
}

// Whatever was measured, all texts can be filled and no size is forgotten.
func TestReportIsWholeWithAndWithoutSamples(t *testing.T) {
	for _, full := range []bool{false, true} {
		s := settings{full: full, only: regexp.MustCompile("")}
		for name, r := range map[string]report{
			"empty":    newReport(s, results{}, time.Now()),
			"measured": newReport(s, everything(full), time.Now()),
		} {
			for _, text := range []string{speedText, sectionText} {
				if _, err := r.fill(text); err != nil {
					t.Errorf("%s, full %t: %v", name, full, err)
				}
			}
			if text := r.markdown(); (name == "measured") == strings.Contains(text, "not measured") && full {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}

// everything has a sample of 1 wherever a table, a plot or a target looks.
func everything(full bool) results {
	found := results{}
	for _, x := range experiments(sizesOf(full)) {
		found[x.name] = samples{}
		for _, s := range x.sides {
			for _, v := range []string{"rate", "cpu", "written", "file", "p50", "p99", "max", "lost", "fired", "heap", "resident", "all", "start",
				"peak", "percent", "insert", "work", "first"} {
				found[x.name].add(s.name, values{v: 1})
			}
		}
		for _, q := range questions {
			maps.Copy(found[x.name], samples{q.value + "-p50": {1}, q.value + "-p99": {1}})
		}
	}
	return found
}
