package pawl

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
)

// A Step is a transition with the runs that it is about and the commit that it was part
// of: what a program needs that measures.
type Step struct {
	Transition

	// Runs are those that it made, changed or ended, as it left them, without inputs and
	// outputs. When all that waits of a backfill is cancelled at once, those runs are
	// not among them.
	Runs []RunInfo

	Delay  time.Duration // jitter of the schedule's run that began with it
	Began  int64         // number of the run that started with it, and had not before; 0: none
	Commit CommitReport  // it was part of
}

// A CommitReport is what there is to know of one commit.
type CommitReport struct {
	Start bool          // it is that of Start, which settles what the last process left behind
	Size  int           // transitions in it
	Place int           // of this one among them, from 0
	Took  time.Duration // the transaction, until it was on disk
}

// Recovered says whether the step settled a run that the last process left in flight
// when it died.
func (s Step) Recovered() bool { return s.Commit.Start && s.Event == "interrupt" }

// WithStepObserver is [WithObserver] with more about each transition. Commits are timed
// only if there is such an observer; those without a transition are not told.
func WithStepObserver(observe func(Step), maxWait time.Duration) Option {
	return func(o *options) error {
		if observe == nil {
			return errors.New("WithStepObserver(nil)")
		}
		if o.stopwatch == nil {
			o.stopwatch = new(stopwatch)
		}
		watch := o.stopwatch
		o.observers = append(o.observers, func(l *slog.Logger) watcher {
			return &stepObserver{observer: newObserver[Step](l, maxWait, observe, nil), watch: watch, start: true}
		})
		return atLeast("WithStepObserver", maxWait, 0)
	}
}

// stepObserver is an observer that is told of commits.
type stepObserver struct {
	*observer[Step]
	watch *stopwatch
	start bool // the next commit is that of Start
}

// observe takes what is new, as [observer.observe] does.
func (o *stepObserver) observe(changes []core.Change) {
	report := CommitReport{Start: o.start, Size: len(changes), Took: o.watch.took}
	o.start = false
	patience := o.maxWait
	for i := range changes {
		report.Place = i
		patience = o.offer(stepOf(&changes[i], report), patience, changes[i].Seq)
	}
}

// stepOf copies what the driver will use again.
func stepOf(c *core.Change, report CommitReport) Step {
	s := Step{Transition: c.Transition(), Began: c.Began, Delay: c.Delay, Commit: report}
	if len(c.Runs) > 0 {
		s.Runs = make([]RunInfo, len(c.Runs))
	}
	for i := range c.Runs {
		s.Runs[i] = c.Runs[i].RunInfo
		s.Runs[i].Input, s.Runs[i].Output = "", ""
	}
	return s
}

// stopwatch times commits. Nil: nobody wants to know.
type stopwatch struct{ took time.Duration } // of the last commit; of the driver

// on is a store whose commits are timed.
func (w *stopwatch) on(s engine.Store) engine.Store {
	if w == nil {
		return s
	}
	return timed{s, w}
}

type timed struct {
	engine.Store
	watch *stopwatch
}

// Commit implements [engine.Store].
func (t timed) Commit(ctx context.Context, b engine.Batch) error {
	began := time.Now()
	err := t.Store.Commit(ctx, b)
	t.watch.took = time.Since(began)
	return err
}
