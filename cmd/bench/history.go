package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

func historyName(n int) string { return fmt.Sprintf("history-%d", n) }

const (
	historyFlight = 100       // flows in flight on a file with a history
	bigHistory    = 1_000_000 // is made once for all rounds, to which some more runs mean nothing
)

// historyExperiment is what a file with n runs in it does to the rate of runs,
// and to questions.
func historyExperiment(n int) experiment {
	return experiment{
		name: historyName(n), kept: n >= bigHistory,
		sides: []side{
			{"make", func(ctx context.Context, t trial) (values, error) { return t.makeHistory(ctx, n) }},
			{"empty", func(ctx context.Context, t trial) (values, error) {
				if err := remove(t.file("empty")); err != nil {
					return nil, err
				}
				return runsOfPawl(ctx, t, t.file("empty"), historyFlight)
			}},
			{"filled", func(ctx context.Context, t trial) (values, error) {
				return runsOfPawl(ctx, t, t.file("history"), historyFlight)
			}},
			{"runner", askRunner},
			{"client", askClient},
			{"program", askProgram},
			{"why", askWhy}, // last, since it changes the schedules
		},
	}
}

// makeHistory makes the file, unless it is there from the round before.
func (t trial) makeHistory(ctx context.Context, n int) (values, error) {
	if _, err := os.Stat(t.file("history")); err == nil {
		return nil, nil
	}
	return nil, makeHistory(ctx, t.file("history"), n)
}

// remove removes a database, if it is there.
func remove(file string) error {
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
