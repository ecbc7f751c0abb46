package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Run runs the workflow from a state until an exit, which it returns. On its own, that is
// the whole of it: it validates, sets up the resources, and tears them down again, for
// which they have 30 seconds, also when ctx has ended. With an error the state is that in
// which the run ended; see [TaskError]. A cancelled run ends between and inside tasks, with
// the cause of the context, and its states are undone.
//
// With a journal in the context, see [WithJournal], it is durable. One that runs inside of
// another one's task is not, unless it is given a journal of its own.
func (w *Workflow[S]) Run(ctx context.Context, initial S) (final S, err error) {
	if err := w.validated(ctx, initial); err != nil {
		return initial, err
	}
	if err := w.res.Setup(ctx); err != nil {
		return initial, err
	}
	final, err = w.execute(ctx, w.nodes[initial])
	if e := w.teardown(ctx); e != nil {
		err = errors.Join(err, e)
	}
	return final, err
}

// teardown is that of a run alone.
func (w *Workflow[S]) teardown(ctx context.Context) error {
	if len(w.res.list()) == 0 {
		return nil
	}
	ctx, cancel := outliving(ctx)
	defer cancel()
	return w.res.Teardown(ctx)
}

// validated is quick when it was asked before.
func (w *Workflow[S]) validated(ctx context.Context, initial S) error {
	if ctx == nil {
		return errNoContext
	}
	err := w.check()
	if _, e := w.begins(initial); e != nil {
		err = errors.Join(err, e)
	}
	return err
}

// A Job is a workflow from an initial state, for a scheduler: it has the methods of a
// pawl.Job, a pawl.Resource and a pawl.Validator. It is to be registered as it is: within
// a function of one's own the scheduler sees a plain job, whose runs do not go on after a
// crash, and whose resources nobody sets up. Several jobs may share a workflow, and
// its resources.
type Job[S comparable] struct {
	w       *Workflow[S]
	initial S
}

// Job returns the job that runs the workflow from this state.
func (w *Workflow[S]) Job(initial S) *Job[S] { return &Job[S]{w, initial} }

// Run is one run. The resources are to be set up already. Any exit is a success; the
// error is that of [Workflow.Run].
func (j *Job[S]) Run(ctx context.Context) error {
	if err := j.w.validated(ctx, j.initial); err != nil {
		return err
	}
	_, err := j.w.execute(ctx, j.w.nodes[j.initial])
	return err
}

// Validate tells what is wrong with the workflow, see [Workflow.Validate], and whether runs
// can begin in the job's initial state.
func (j *Job[S]) Validate() error { return j.w.validateFrom(j.initial) }

// Setup sets up the workflow's resources, see [Resources.Setup].
func (j *Job[S]) Setup(ctx context.Context) error { return j.w.res.Setup(ctx) }

// Teardown tears them down, see [Resources.Teardown].
func (j *Job[S]) Teardown(ctx context.Context) error { return j.w.res.Teardown(ctx) }

// Resources are those of the workflow.
func (j *Job[S]) Resources() *Resources { return &j.w.res }

// CheckHealth asks them, see [Resources.CheckHealth].
func (j *Job[S]) CheckHealth(ctx context.Context) error { return j.w.res.CheckHealth(ctx) }

// Resumes says whether a run goes on after a crash; it does unless the workflow was made
// with [WithoutJournal].
func (j *Job[S]) Resumes() bool { return !j.w.volatile }

// Version is that of the workflow, see [Version]: the job goes on with runs that were
// recorded under it.
func (j *Job[S]) Version() int { return j.w.version }

// Grace is how long a run may take to end when it is cancelled: with something to undo
// as long as an undo may take; zero: no longer than any other job. Every checkpoint
// begins it anew. A task that does not return within it, once its context has ended, costs
// the run its undos.
func (j *Job[S]) Grace() time.Duration {
	for _, n := range j.w.order {
		if n.undo != nil {
			return j.w.undoLimit() + graceful
		}
	}
	return 0
}

// graceful is what a task gets to return before its run's undos begin.
const graceful = 10 * time.Second

// Mermaid is [Workflow.Mermaid] with the job's initial state.
func (j *Job[S]) Mermaid(path ...string) string { return j.w.mermaid(&j.initial, path) }

// String is the initial state and the number of states, for logs.
func (j *Job[S]) String() string {
	text, _ := textOf(j.initial)
	return fmt.Sprintf("workflow of %d states from %s", len(j.w.order), text)
}
