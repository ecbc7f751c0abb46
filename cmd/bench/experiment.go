package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/pawl-go/pawl/cmd/bench/peer"
)

// An experiment is a few sides, measured in turn in one directory.
type experiment struct {
	name  string
	sides []side
	long  bool // it looks at many seconds by itself: one round will do, but for -full
	kept  bool // what its rounds leave in the directory is for the next one
}

type side struct {
	name    string
	measure measure
}

type measure func(context.Context, trial) (values, error)

// trial is what a side is given.
type trial struct {
	Dir     string // shared by the sides of a round, empty for the first
	Length  time.Duration
	Minute  int    // of the hour, half an hour from when the round began
	Program string // pawl, built
}

// file is a database of a side.
func (t trial) file(side string) string { return filepath.Join(t.Dir, side+".db") }

// warmUp is what passes before anything is counted.
func (t trial) warmUp() time.Duration { return t.Length / 10 }

// values are what a side found, by name.
type values map[string]float64

// absent is the value of a side that needs what this machine has not.
const absent = "absent"

// sizes are how far the experiments go.
type sizes struct {
	inFlight []int // flows that run at the same time
	rates    []int // triggers a second
	firings  []firing
	flows    []int // registered and idle
	waiting  []int // runs that wait in the file
	history  []int // runs in the file
	quiet    time.Duration
}

var (
	few = sizes{
		inFlight: []int{1, 10, 100, 1000}, rates: []int{50, 500, 5000},
		firings: []firing{{1000, 1, 6}, {10_000, 1, 6}, {100_000, 10, 10}},
		flows:   []int{1000, 10_000, 100_000}, waiting: []int{0, 10_000, 1_000_000}, history: []int{100_000, 1_000_000}, quiet: 15 * time.Second,
	}
	all = sizes{
		inFlight: []int{1, 3, 10, 30, 100, 300, 1000}, rates: []int{10, 50, 500, 5000, 10_000},
		firings: []firing{{100, 1, 10}, {1000, 1, 10}, {10_000, 1, 10}, {20_000, 1, 10}, {40_000, 1, 10}, {100_000, 10, 20}},
		flows:   []int{1000, 10_000, 100_000, 1_000_000}, waiting: []int{0, 10_000, 100_000, 1_000_000}, history: []int{10_000, 100_000, 1_000_000, 10_000_000}, quiet: time.Minute,
	}
)

func sizesOf(full bool) sizes {
	if full {
		return all
	}
	return few
}

// experiments are all of them, in the order in which they are measured.
func experiments(z sizes) []experiment {
	x := []experiment{commitExperiment}
	for _, n := range z.inFlight {
		x = append(x, runsExperiment(n))
	}
	x = append(x, latencyExperiment)
	for _, n := range z.rates {
		x = append(x, rateExperiment(n))
	}
	for _, f := range z.firings {
		x = append(x, firingExperiment(f))
	}
	for _, n := range z.flows {
		x = append(x, flowsExperiment(n))
	}
	x = append(x, ranExperiment)
	for _, n := range z.waiting {
		x = append(x, waitingExperiment(n))
	}
	for _, n := range z.history {
		x = append(x, historyExperiment(n))
	}
	for _, n := range workflowsAtOnce {
		x = append(x, workflowsExperiment(n))
	}
	x = append(x, quietExperiment(z.quiet))
	return append(x, peerExperiments(peer.All())...)
}

// find panics on a name that no experiment has: a parent asks for its own.
func find(z sizes, name, sideName string) measure {
	for _, x := range experiments(z) {
		i := slices.IndexFunc(x.sides, func(s side) bool { return s.name == sideName })
		if x.name == name && i >= 0 {
			return x.sides[i].measure
		}
	}
	panic(fmt.Sprintf("no experiment %s %s", name, sideName))
}
