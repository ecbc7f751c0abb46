// Package tally is what the packages that measure have in common: what a step and the
// list of flows mean in numbers.
package tally

import (
	"time"

	"github.com/pawl-go/pawl"
)

// A Source is what gauges are read from: a [pawl.Runner].
type Source interface {
	List() []pawl.FlowInfo
	Surroundings() pawl.Surroundings
	Degraded() error
	LogSize() int64
	Dropped() int64
	Refusals() int64
}

// Group is the flows that share a label, as they are now.
type Group struct {
	Label   string
	Streak  int                 // the longest
	Next    time.Time           // the earliest; zero: nothing is scheduled
	Waiting int                 // of all, those of a backfill apart
	Since   time.Time           // since when the oldest of these may start; zero: none waits
	Parked  int                 // runs of all that are
	Blocked int                 // likewise
	States  map[pawl.Status]int // flows in each
	Late    time.Duration       // by which the latest is late; 0: none is
}

// Groups puts the flows of a source that are registered together by their labels, in the
// order of their first flows.
func Groups(s Source, now time.Time, label func(flow string) string) []*Group {
	var groups []*Group
	list, around := s.List(), s.Surroundings()
	byLabel := map[string]*Group{}
	for i := range list {
		info := &list[i]
		if !info.Registered {
			continue
		}
		name := label(info.ID)
		g := byLabel[name]
		if g == nil {
			g = &Group{Label: name, States: make(map[pawl.Status]int, 1)}
			byLabel[name] = g
			groups = append(groups, g)
		}
		g.add(info)
		if late := info.Wait(now, around).Late; !late.IsZero() {
			g.Late = max(g.Late, now.Sub(late))
		}
	}
	return groups
}

func (g *Group) add(info *pawl.FlowInfo) {
	g.Streak = max(g.Streak, info.FailureStreak)
	g.Waiting += info.Waiting
	g.Parked += info.Parked
	g.Blocked += info.Blocked
	g.States[info.Status]++
	if since := info.WaitingSince; !since.IsZero() && (g.Since.IsZero() || since.Before(g.Since)) {
		g.Since = since
	}
	if next := info.DueAt; !next.IsZero() && (g.Next.IsZero() || next.Before(g.Next)) {
		g.Next = next
	}
}

// Age is how long the oldest start has waited that could have started.
func (g *Group) Age(now time.Time) time.Duration {
	if g.Since.IsZero() {
		return 0
	}
	return max(now.Sub(g.Since), 0)
}

// Over is the runs that a step ended.
func Over(s *pawl.Step) (runs []*pawl.RunInfo) {
	for i := range s.Runs {
		if s.Runs[i].Status.Over() {
			runs = append(runs, &s.Runs[i])
		}
	}
	return runs
}

// Duration is how long a run that is over took, from the start of its last attempt. False:
// it never started, or nobody knows when it ended.
func Duration(run *pawl.RunInfo) (time.Duration, bool) {
	if run.StartedAt.IsZero() || run.FinishedAt.IsZero() {
		return 0, false
	}
	return max(run.FinishedAt.Sub(run.StartedAt), 0), true // the clock may have gone back
}

// Late is how long after it was due, jitter included, the schedule's run started that began
// with a step. False: none of the schedule began.
func Late(s *pawl.Step) (time.Duration, bool) {
	for i := range s.Runs {
		run := &s.Runs[i]
		if s.Began != 0 && run.Number == s.Began && run.Trigger == "schedule" {
			return max(Lateness(*run)-s.Delay, 0), true
		}
	}
	return 0, false
}

// Lateness is how long after its instant a run started.
func Lateness(run pawl.RunInfo) time.Duration { return max(run.StartedAt.Sub(run.ScheduledAt), 0) }

// Every is the label that tells every flow apart: its id.
func Every(flow string) string { return flow }

// Buckets of durations, in seconds. That of 300 is what the alert on late runs counts by.
var (
	RunSeconds    = []float64{.005, .025, .1, .5, 1, 5, 15, 60, 300, 900, 3600, 14400}
	LateSeconds   = []float64{.01, .1, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400}
	CommitSeconds = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	BatchSizes    = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10000}
)
