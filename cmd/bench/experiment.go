package main

import (
	"context"
	"fmt"
	"time"
)

// An experiment is a few sides, measured in turn in one directory, and the rows
// of the table that come of them.
type experiment struct {
	name  string
	sides []side
	rows  []row
}

type side struct {
	name    string
	measure func(context.Context, trial) (values, error)
}

// A row compares two values, each named by its side: "pawl.rate".
type row struct {
	title, unit string
	pawl, raw   string // raw: empty if there is none
}

// trial is what a side is given.
type trial struct {
	dir    string // shared by the sides of a round, empty for the first
	length time.Duration
}

// values are what a side found, by name.
type values map[string]float64

// experiments are the rows of the table in their order.
func experiments() []experiment {
	var all []experiment
	for _, n := range []int{1, 10, 100, 1000} {
		all = append(all, runsExperiment(n))
	}
	all = append(all, latencyExperiment())
	for _, n := range []int{1000, 10_000, 100_000} {
		all = append(all, startExperiment(n))
	}
	return append(all, memoryExperiment(100_000, 10_000))
}

// find panics on a name that no experiment has: a parent asks for its own.
func find(name, sideName string) func(context.Context, trial) (values, error) {
	for _, x := range append(experiments(), machineCommit) {
		for _, s := range x.sides {
			if x.name == name && s.name == sideName {
				return s.measure
			}
		}
	}
	panic(fmt.Sprintf("no experiment %s %s", name, sideName))
}
