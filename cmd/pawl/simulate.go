package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func simulateVerb(database *string) *cobra.Command {
	var config string
	var from instant
	length, took := duration(30*24*time.Hour), duration(0)
	cmd := &cobra.Command{
		Use:   "simulate [-c FILE] [--for 30d]",
		Short: "Play a config on virtual time: what runs, peaks, pile-ups, clock changes",
		Long: `Play a config on virtual time, with the schedules, policies and limits of the
scheduler itself: what would run, what would be skipped and why, how much at once, what
piles up, and what changes of the clock do. Nothing is run, and no database is made.

A run takes what the runs of its flow took that completed, in the middle, if there is a
database that knows them; else a second. --took says otherwise, for all.

` + timeHelp,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if length <= 0 {
				return errors.New("--for is more than 0")
			}
			return nil
		},
	}
	out := formatFlag(cmd)
	cmd.Flags().StringVarP(&config, "config", "c", "", "the config `file` (default pawl.yaml, or the demo)")
	cmd.Flags().Var(&length, "for", "how long")
	cmd.Flags().Var(&from, "from", "the beginning (default now)")
	cmd.Flags().Var(&took, "took", "how long each run takes")
	cmd.RunE = does(func(cmd *cobra.Command, _ []string) error {
		plan, err := loadConfig(findConfig(config))
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		begin := from.Time
		if begin.IsZero() {
			begin = time.Now()
		}
		r, err := simulate(ctx, plan, *database, begin, begin.Add(time.Duration(length)), time.Duration(took))
		if s, ok := errors.AsType[errSignal](context.Cause(ctx)); ok && err != nil {
			return silent(128 + int(s.Signal))
		}
		if err != nil {
			return err
		}
		if *out == "json" || *out == "jsonl" {
			return term.Show(*out, []*simulation{r}, nil, nil)
		}
		return term.Show(*out, r.Flows, r.table, func() { r.print(term.Stdout, term.Width()) })
	})
	return cmd
}

// simulate plays a config.
func simulate(ctx context.Context, p plan, database string, from, to time.Time, took time.Duration) (*simulation, error) {
	s := pawl.NewScheduler("", p.options()...)
	for _, f := range p.flows {
		if err := f.register(s, nothing); err != nil {
			return nil, err
		}
	}
	known, id, err := pastLengths(ctx, p, database)
	if err != nil {
		return nil, err
	}
	r := newSimulation(p, from, to)
	line := term.NewProgress()
	defer line.Clear()
	defer r.finish()
	return r, s.Simulate(ctx, pawl.Simulation{From: from, To: to, Database: id,
		Job: func(run pawl.RunInfo) (time.Duration, error) {
			d, ok := known[run.FlowID]
			switch {
			case took > 0:
				d = took
			case !ok:
				d = time.Second
			}
			r.flow(run.FlowID).Took = d.Seconds()
			return d, nil
		},
		Each: func(step pawl.SimulationStep) error {
			line.Show(fmt.Sprintf("simulated %s", step.At.Local().Format("2006-01-02")))
			r.take(step)
			return nil
		}})
}

// pastLengths is how long the runs of each flow took, in the middle of the newest, and
// the id of the database that knows; without one, nothing.
func pastLengths(ctx context.Context, p plan, database string) (known map[string]time.Duration, id string, err error) {
	if _, err := os.Stat(database); err != nil {
		return nil, "", nil
	}
	c, err := pawl.Open(database)
	if err != nil {
		return nil, "", err
	}
	defer c.Close()
	known = map[string]time.Duration{}
	for _, f := range p.flows {
		if _, found, err := c.Status(ctx, f.id); err != nil {
			return nil, "", err
		} else if !found {
			continue
		}
		runs, err := c.Runs(ctx, pawl.RunsQuery{Flow: f.id, Limit: timedRuns})
		if err != nil {
			return nil, "", err
		}
		if took := completedIn(runs); len(took) > 0 {
			slices.Sort(took)
			known[f.id] = took[len(took)/2]
		}
	}
	return known, c.Database(), nil
}

// completedIn is how long those of some runs took that completed.
func completedIn(runs []pawl.RunInfo) (took []time.Duration) {
	for _, r := range runs {
		if r.Status == pawl.RunCompleted && !r.StartedAt.IsZero() {
			took = append(took, r.FinishedAt.Sub(r.StartedAt))
		}
	}
	return took
}

// oddVerdicts are about changes of the clock.
var oddVerdicts = []pawl.VerdictKind{pawl.VerdictGap, pawl.VerdictFold}

// reasonOf is why instants have no run.
func reasonOf(v pawl.Verdict) string {
	if v.Reason != "" {
		return v.Reason
	}
	return fmt.Sprint(v.Kind)
}
