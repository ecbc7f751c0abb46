package pawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
)

// Verdict is what became of Count instants of a schedule, from First to Last.
//
//	First, Last time.Time
//	Count       int64
//	Kind        VerdictKind
//	Run         int64  // that caught up on them, or was in the way; 0: none
//	Reason      string
type Verdict = core.Verdict

// A Simulation is how flows are played on virtual time.
type Simulation struct {
	From, To time.Time
	Database string // id of the database whose jitter is meant; empty: none in particular

	// Job is how long a run takes, and what it returns; nil: a second, and nil.
	Job func(RunInfo) (took time.Duration, err error)

	// Each is called with each step, in order; an error of it ends the simulation.
	Each func(SimulationStep) error
}

// A SimulationStep is a transition of a flow in a simulation.
type SimulationStep struct {
	Flow     FlowInfo
	At       time.Time
	Event    string    // adopt, reserve, outcome, ...
	Runs     []RunInfo // that it makes or changes
	Verdicts []Verdict // on instants that have no run
}

// Simulate plays the flows that are registered so far, as new ones, on virtual time: with
// their schedules, policies and limits, as decided by the same code as in earnest, but
// without a database, and without running their jobs. A month of an hourly flow takes a
// millisecond or so. The scheduler is not started by it.
//
// It returns at To, or with the error of Each, of ctx, or of a registration.
func (s *Scheduler) Simulate(ctx context.Context, play Simulation) error {
	s.mu.Lock()
	err := errors.Join(s.errs...)
	sim := engine.Simulation{From: play.From, To: play.To, Database: play.Database, Job: play.Job,
		MaxRunning: s.options.maxRunning, Groups: s.options.groups}
	for _, f := range s.inOrder() {
		sim.Flows = append(sim.Flows, f.Flow)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if sim.Job == nil {
		sim.Job = func(RunInfo) (time.Duration, error) { return time.Second, nil }
	}
	sim.Each = func(c *core.Change) error {
		if play.Each == nil {
			return nil
		}
		step := SimulationStep{Flow: c.Info(), At: c.UpdatedAt, Event: c.Event, Verdicts: c.Verdicts}
		for _, r := range c.Runs {
			step.Runs = append(step.Runs, r.RunInfo)
		}
		return play.Each(step)
	}
	if err := engine.Simulate(ctx, sim); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	return nil
}
