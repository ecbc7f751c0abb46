package pawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
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

// Oddity is a time of a schedule in a DST gap, which clocks skip, or in a DST fold, which they
// show twice. Its fields:
//
//	At   time.Time // in a gap the occurrence that stands for the time, or the first instant after the gap; in a fold the copy that does not run
//	Gap  bool      // in a gap; else in a fold
//	Runs bool      // At is an occurrence of the schedule
//	Text string    // "02:30 does not exist on 2027-03-28 in Europe/Berlin"
type Oddity = schedule.DSTTime

// CronOption is an option of [CronInstants], [CronOddities] and [CronWarnings].
type CronOption = schedule.CronOption

// CronForFlow sets the id of the flow. An expression with H draws numbers from it, and is
// refused without it.
func CronForFlow(id string) CronOption { return schedule.ForFlow(id) }

// CronInstants returns the first n occurrences of an expression after an instant. It reads
// the expression as [Scheduler.Cron] does. Errors: [ErrInvalidSchedule], [ErrInvalidRange].
func CronInstants(expr string, after time.Time, n int, opts ...CronOption) ([]time.Time, error) {
	s, err := schedule.Cron(expr, opts...)
	if err = errors.Join(err, core.CheckInstant("after", after)); err != nil {
		return nil, err
	}
	var list []time.Time
	for at := s.After(after); !at.IsZero() && len(list) < n; at = s.After(at) {
		list = append(list, at)
	}
	return list, nil
}

// CronOddities returns the times of an expression in from..to that are in a DST gap or fold,
// in order. To is not included. Errors: [ErrInvalidSchedule], [ErrInvalidRange].
func CronOddities(expr string, from, to time.Time, opts ...CronOption) ([]Oddity, error) {
	s, err := schedule.Cron(expr, opts...)
	if err = errors.Join(err, core.CheckInstant("from", from), core.CheckInstant("to", to)); err != nil {
		return nil, err
	}
	return s.DSTTimes(from, to), nil
}

// CronWarnings returns what an expression may mean in another way than its author thinks: a
// step that leaves a single number, or the number of a weekday in an expression of Quartz.
// Errors: [ErrInvalidSchedule].
func CronWarnings(expr string, opts ...CronOption) ([]string, error) {
	return schedule.Warnings(expr, opts...)
}
