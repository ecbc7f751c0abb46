package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"time"

	"github.com/pawl-go/pawl"
)

const (
	page         = 20  // runs in an answer
	askedTimes   = 200 // each question
	programTimes = 30  // each verb
)

// question is asked of one flow after the other.
type question struct {
	name string
	ask  func(flow string) error
}

// times asks every question of random flows: "name-p50" and so on.
func times(n int, questions ...question) (values, error) {
	v := values{}
	random := rand.New(rand.NewPCG(1, 2))
	for _, q := range questions {
		took := make([]time.Duration, n)
		for i := range took {
			id := flowID(random.IntN(knownFlows))
			began := time.Now()
			if err := q.ask(id); err != nil {
				return nil, fmt.Errorf("%s: %w", q.name, err)
			}
			took[i] = time.Since(began)
		}
		for name, value := range quantiles(took) {
			v[q.name+"-"+name] = value
		}
	}
	return v, nil
}

// askRunner asks the scheduler, in its process.
func askRunner(ctx context.Context, t trial) (values, error) {
	r, err := start(ctx, t.file("history"), knownFlows, noop)
	if err != nil {
		return nil, err
	}
	v, err := times(askedTimes, question{"status", func(id string) error {
		if _, ok := r.Status(id); !ok {
			return errors.New("no such flow")
		}
		return nil
	}}, question{"newest", func(id string) error {
		return wantRuns(r.Runs(ctx, pawl.RunsQuery{Flow: id, Limit: page}))
	}})
	if err != nil {
		return nil, errors.Join(err, r.Stop(ctx))
	}
	old, err := times(askedTimes/4, question{"oldest", func(id string) error {
		return wantRuns(r.Runs(ctx, pawl.RunsQuery{Flow: id, Before: page + 1, Limit: page}))
	}})
	maps.Copy(v, old)
	return v, errors.Join(err, r.Stop(ctx))
}

// wantRuns wants some: a flow of a small history has not a whole page.
func wantRuns(runs []pawl.RunInfo, err error) error {
	if err == nil && len(runs) == 0 {
		err = errors.New("no runs")
	}
	return err
}

// askClient reads the file from another process.
func askClient(ctx context.Context, t trial) (values, error) {
	c, err := pawl.Open(t.file("history"))
	if err != nil {
		return nil, err
	}
	v, err := times(askedTimes, question{"list", func(string) error {
		_, err := c.List(ctx)
		return err
	}}, question{"status", func(id string) error {
		_, _, err := c.Status(ctx, id)
		return err
	}}, question{"log", func(string) error {
		return wantRuns(c.Runs(ctx, pawl.RunsQuery{Limit: page}))
	}}, question{"newest", func(id string) error {
		return wantRuns(c.Runs(ctx, pawl.RunsQuery{Flow: id, Limit: page}))
	}})
	return v, errors.Join(err, c.Close())
}

// askProgram times whole processes of pawl, the first of which does nothing.
func askProgram(ctx context.Context, t trial) (values, error) {
	verb := func(name string, args func(flow string) []string) question {
		return question{name, func(id string) error {
			return exec.CommandContext(ctx, t.Program, args(id)...).Run()
		}}
	}
	return times(programTimes,
		verb("nothing", func(string) []string { return []string{"--version"} }),
		verb("status", func(string) []string { return []string{"status", "--db", t.file("history")} }),
		verb("status-one", func(id string) []string { return []string{"status", "--db", t.file("history"), id} }),
		verb("history", func(id string) []string { return []string{"history", "--db", t.file("history"), id} }),
	)
}
