package web

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func utc(now time.Time) clock {
	return clock{Now: now, zone: time.UTC, around: pawl.Surroundings{Owned: true}}
}

// ran is a run that took so long.
func ran(number int64, status pawl.RunStatus, at time.Time, took time.Duration) pawl.RunInfo {
	r := pawl.RunInfo{FlowID: "a", Number: number, Status: status, StartedAt: at}
	if status.Over() && status != pawl.RunInterrupted {
		r.FinishedAt = at.Add(took)
	}
	return r
}

func TestQuantilesAreLengthsThatWere(t *testing.T) {
	var sorted []time.Duration
	for i := range 100 {
		sorted = append(sorted, time.Duration(i+1))
	}
	assert.Equal(t, time.Duration(50), quantile(sorted, 50))
	assert.Equal(t, time.Duration(95), quantile(sorted, 95))
	assert.Equal(t, time.Duration(7), quantile([]time.Duration{7}, 95))
	assert.Equal(t, time.Duration(7), quantile([]time.Duration{7, 9}, 50))
}

func TestScaleEndsAboveTheLongest(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		0: time.Millisecond, 2: time.Millisecond, 7 * time.Millisecond: 10 * time.Millisecond, 450 * time.Millisecond: 500 * time.Millisecond,
		501 * time.Millisecond: time.Second, 83 * time.Second: 2 * time.Minute, 61 * time.Minute: 2 * time.Hour, 25 * time.Hour: 30 * time.Hour, 5000 * time.Hour: 5000 * time.Hour,
	} {
		got := round(d)
		assert.GreaterOrEqual(t, got, d)
		assert.Equal(t, want, got, d)
	}
}

func TestDurationsLeaveOutWhatNobodyKnows(t *testing.T) {
	c := utc(noon)
	d := c.durationsOf([]pawl.RunInfo{
		ran(4, pawl.RunRunning, noon, 0), ran(3, pawl.RunInterrupted, noon, 0), ran(2, pawl.RunFailed, noon, 3*time.Second), ran(1, pawl.RunCompleted, noon, time.Second),
	})
	require.NotNil(t, d)
	assert.Equal(t, 2, d.Count)
	assert.Equal(t, "completed", d.Bars[0].Kind, "the oldest first")
	assert.Equal(t, "3.0s", d.P95.Text)
	assert.Nil(t, c.durationsOf(nil))
}

// Whatever the policy and the streak: waits do not fall, and the steps fill the width.
func TestStairsRise(t *testing.T) {
	for range 500 {
		p := pawl.BackoffPolicy{Initial: time.Duration(1+rand.Int64N(1e12)) * time.Millisecond / 1000, Multiplier: 1 + rand.Float64()*3, StreakLimit: rand.IntN(15)}
		p.MaxDelay = p.Initial * time.Duration(1+rand.IntN(100))
		f := pawl.FlowInfo{Backoff: p.String(), Policies: &pawl.Policies{Backoff: p}, FailureStreak: rand.IntN(20)}
		s := stairsOf(f)
		require.NotNil(t, s, f.Backoff)
		above := stairsHeight + 0.0
		for _, step := range s.Steps {
			y, err := strconv.ParseFloat(step.Y, 64)
			require.NoError(t, err)
			assert.LessOrEqual(t, y, above+0.11, f.Backoff)
			assert.GreaterOrEqual(t, y, stairsTop-0.1)
			above = y
		}
		assert.LessOrEqual(t, len(s.Steps), mostStairs)
		assert.Equal(t, p.StreakLimit > 0 && p.StreakLimit <= mostStairs, s.Trip != "", f.Backoff)
	}
	assert.Nil(t, stairsOf(pawl.FlowInfo{}))
}

func TestStripShowsTheNewestTwentyInOrder(t *testing.T) {
	var runs []pawl.RunInfo
	for n := int64(30); n > 0; n-- {
		status := pawl.RunCompleted
		if n%7 == 0 {
			status = pawl.RunFailed
		}
		runs = append(runs, ran(n, status, noon, time.Second))
	}
	s := utc(noon).stripOf(runs)
	require.Len(t, s.Bars, 20)
	assert.Equal(t, "last 20 runs: 17 completed, 3 failed", s.Label)
	assert.Contains(t, s.Bars[0].Title, "run 11,")
	assert.Contains(t, s.Bars[19].Title, "run 30,")
	assert.Greater(t, s.Bars[3].Height, s.Bars[4].Height, "run 14 failed")
	for i, b := range s.Bars {
		assert.Equal(t, i*stripStep, b.X)
	}
}

func TestLaneDrawsWhatIsThereAndNoMore(t *testing.T) {
	s := stretch{utc(noon), noon.Add(-12 * time.Hour), noon.Add(12 * time.Hour)}
	at := func(hours float64) time.Time { return noon.Add(time.Duration(hours * float64(time.Hour))) }
	l := s.lane(known{
		Flow: pawl.FlowInfo{ID: "a", Status: pawl.StatusRunning},
		Runs: []pawl.RunInfo{ // the newest first
			ran(9, pawl.RunRunning, at(-1), 0),
			ran(8, pawl.RunFailed, at(-6), time.Hour),
			ran(7, pawl.RunCompleted, at(-11.99), time.Second), ran(6, pawl.RunCompleted, at(-12), time.Second),
			ran(5, pawl.RunCompleted, at(-13), 2*time.Hour), // it reaches into the stretch
		},
		Occurrences: []pawl.Occurrence{
			{First: at(-20), Last: at(-3), Count: 18, Verdict: pawl.VerdictPaused, Reason: "lunch"},
			{First: at(-6), Last: at(-6), Count: 1, Verdict: pawl.VerdictOverlap, Run: 7},
		},
		Next: []pawl.Instant{{At: at(6)}, {At: at(7), Held: "later"}, {At: at(13)}},
	})
	var kinds []string
	for _, tick := range l.Ticks {
		kinds = append(kinds, tick.Kind)
	}
	assert.Equal(t, []string{"ghost", "ghost thin", "next", "ghost thin", "completed", "running", "failed"}, kinds)
	assert.Equal(t, "0.00%", l.Ticks[0].X)
	assert.Equal(t, "37.50%", l.Ticks[0].W)
	assert.Contains(t, l.Ticks[0].Text, "18 instants from 30 Jan 16:00:00 to 09:00:00, paused: lunch")
	assert.Contains(t, l.Ticks[1].Text, "run 7 was in the way")
	assert.Equal(t, "75.00%", l.Ticks[2].X)
	assert.Equal(t, "3 runs completed, 30 Jan 23:00:00 to 00:00:37", l.Ticks[4].Text, "what cannot be told apart is one")
	assert.Equal(t, tick{X: "45.83%", W: "4.17%", Y: 10, H: 16, Kind: "running", Text: "run 9, running 11:00:00, 1h", URL: "run?id=a&number=9"}, l.Ticks[5])
	assert.Equal(t, "4 runs, 1 failed, 19 not run, 1 to come, 1 held back", l.Label)
	assert.Equal(t, "50.00%", s.NowX())
}

// A day of 23 hours has 23 marks, and one whose zone is half an hour off has them at its
// own full hours. A mark before the change names its offset: found C8.
func TestHoursAreThoseOfTheZone(t *testing.T) {
	for name, want := range map[string]int{"Europe/Berlin": 23, "Asia/Kolkata": 24, "Australia/Lord_Howe": 24} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		from := time.Date(2026, 3, 29, 0, 0, 0, 0, zone)
		s := stretch{clock{Now: from, zone: zone}, from, from.AddDate(0, 0, 1)}
		hours := s.Hours()
		assert.Len(t, hours, want, name)
		first := "00:00"
		if name == "Europe/Berlin" {
			first = "00:00 CET" // the page says CEST
		}
		assert.Equal(t, first, hours[0].Text, name)
		assert.Equal(t, "left", hours[0].Edge)
		for _, h := range hours {
			assert.True(t, h.Text == "" || strings.HasSuffix(strings.TrimSuffix(h.Text, " CET"), ":00"), h.Text)
		}
	}
}

func TestLikeOccurrencesAreOneLine(t *testing.T) {
	o := func(flow string, at time.Time, count int64, v pawl.VerdictKind) pawl.Occurrence {
		return pawl.Occurrence{FlowID: flow, First: at, Last: at.Add(time.Minute), Count: count, Verdict: v}
	}
	list := alike([]pawl.Occurrence{
		o("a", noon, 2, pawl.VerdictOverlap), o("b", noon.Add(-time.Hour), 1, pawl.VerdictOverlap), o("a", noon.Add(-2*time.Hour), 3, pawl.VerdictOverlap), o("a", noon.Add(-3*time.Hour), 1, pawl.VerdictMissed),
	})
	require.Len(t, list, 3)
	assert.Equal(t, pawl.Occurrence{FlowID: "a", First: noon.Add(-2 * time.Hour), Last: noon.Add(time.Minute), Count: 5, Verdict: pawl.VerdictOverlap}, list[0])
}

func TestTimesReadWell(t *testing.T) {
	c := utc(noon)
	for d, want := range map[time.Duration]string{
		0: "now", 400 * time.Millisecond: "now", time.Second: "in 1s", 61 * time.Second: "in 1m 1s", time.Hour: "in 1h", 50 * time.Hour: "in 2d 2h", -90 * time.Minute: "1h 30m ago",
	} {
		assert.Equal(t, want, c.At(noon.Add(d)).Text)
	}
	assert.Equal(t, "11:00:00", c.At(noon.Add(-time.Hour)).Clock)
	assert.Equal(t, "30 Jan 12:00:00", c.At(noon.Add(-24*time.Hour)).Clock)
	assert.True(t, c.At(time.Time{}).Zero())
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 1234567: "1 234 567", -1000: "-1 000"} {
		assert.Equal(t, want, strings.ReplaceAll(plain.Grouped(n), "\u202f", " "))
	}
}

// found C3.
func TestLateIsOnlyWhatNothingHoldsBack(t *testing.T) {
	f := pawl.FlowInfo{Registered: true, Kind: "every", Status: pawl.StatusCompleted, NextRun: noon.Add(-time.Minute - time.Second)}
	assert.True(t, utc(noon).late(f))
	for _, change := range []func(*pawl.FlowInfo){
		func(f *pawl.FlowInfo) { f.Registered = false },
		func(f *pawl.FlowInfo) { f.InFlight = 1 },
		func(f *pawl.FlowInfo) { f.Status = pawl.StatusTripped },
		func(f *pawl.FlowInfo) { f.PausedAt = noon },
		func(f *pawl.FlowInfo) { f.NextRun = time.Time{} },
		func(f *pawl.FlowInfo) { f.NextRun = noon.Add(-time.Minute) },
		func(f *pawl.FlowInfo) { f.DueAt = noon },
		func(f *pawl.FlowInfo) { f.NextEligible = noon },
	} {
		g := f
		change(&g)
		assert.False(t, utc(noon).late(g))
	}
}

// program.md: ghost ticks for what will not be run, as things are, and why.
func TestInstantsThatAreHeldBackAreGhosts(t *testing.T) {
	s := stretch{utc(noon), noon.Add(-12 * time.Hour), noon.Add(12 * time.Hour)}
	held := func(why string) (list []pawl.Instant) {
		for i := range 3 {
			list = append(list, pawl.Instant{At: noon.Add(time.Duration(i+1) * time.Hour), Held: why})
		}
		return list
	}
	l := s.lane(known{Next: held("paused: the disk is full"), More: true})
	require.Len(t, l.Ticks, 4)
	for _, tick := range l.Ticks {
		assert.Contains(t, tick.Kind, "ghost")
		assert.Contains(t, tick.Text, "paused: the disk is full")
	}
	assert.Contains(t, l.Label, "0 to come, 3 held back")
	l = s.lane(known{Next: held(""), More: true})
	require.Len(t, l.Ticks, 4)
	for _, tick := range l.Ticks {
		assert.Equal(t, "next", tick.Kind)
	}
	assert.Contains(t, l.Label, "3 to come")
}
