package pawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/workflow"
)

// A resumer is a job whose runs keep checkpoints, and go on from there in the next
// process: one of package workflow. It may also say with Grace how long it takes to end
// what it does when its run is cancelled; each checkpoint begins that anew.
type resumer interface{ Resumes() bool }

// resumes lets the runs of a flow go on in the next process, if its job can do that.
func (r *registration) resumes() {
	if job, ok := r.job.(interface{ Grace() time.Duration }); ok {
		r.Plan.Grace = job.Grace()
	}
	if job, ok := r.job.(resumer); !ok || !job.Resumes() {
		return
	}
	r.Plan.Resumes = true
	if job, ok := r.job.(interface{ Version() int }); ok {
		r.Plan.Version = job.Version()
	}
	job := r.Job
	r.Job = func(ctx context.Context) error {
		run, _ := RunFrom(ctx)
		return job(workflow.WithJournal(ctx, &journal{
			name: fmt.Sprintf("%s/%d", run.FlowID, run.Number), attempt: run.Attempt, suspending: engine.Suspending(ctx), now: engine.Clock(ctx), woken: engine.Woken(ctx),
		}))
	}
}

// journal keeps the checkpoints of the run that a context belongs to, through the
// driver, in the transactions of everybody else. It is that of one attempt.
type journal struct {
	name       string
	attempt    int
	now        func() time.Time
	woken      bool            // the timer that the run was parked for is over
	suspending <-chan struct{} // closed when the runner is about to stop

	mu   sync.Mutex
	read bool
	last int64 // Seq of the last checkpoint

	interrupted bool // it is the engine's
}

var _ workflow.Journal = (*journal)(nil)

// Checkpoints implements [workflow.Journal].
func (j *journal) Checkpoints(ctx context.Context) ([]workflow.Checkpoint, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.load(ctx)
}

func (j *journal) load(ctx context.Context) ([]workflow.Checkpoint, error) {
	kept, err := engine.Recorded(ctx)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	var list []workflow.Checkpoint
	for _, c := range kept {
		j.last, j.interrupted = c.Seq, c.Kind == core.KindInterrupt || c.Kind == core.KindGiveUp
		if !j.interrupted {
			list = append(list, workflow.Checkpoint{Seq: c.Seq, State: c.State, Kind: c.Kind, Payload: payload(c.Payload), At: c.At})
		}
	}
	j.read = true
	return list, nil
}

func payload(text core.JSON) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// Record implements [workflow.Journal].
func (j *journal) Record(ctx context.Context, cs ...workflow.Checkpoint) error {
	if err := notInCommit(ctx); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.read {
		if _, err := j.load(ctx); err != nil {
			return err
		}
	}
	steps, last := make([]core.CheckpointData, len(cs)), j.last
	var work any
	for i, c := range cs {
		if c.Work != nil {
			work = c.Work
		}
		if !c.Replaces || i == 0 && j.interrupted {
			last++
		}
		steps[i] = core.CheckpointData{Seq: last, State: c.State, Kind: c.Kind, Payload: core.JSON(c.Payload)}
	}
	if err := engine.Record(ctx, steps, work); err != nil {
		j.read = false // it may be committed all the same
		return fmt.Errorf("checkpoint: %w", refusal(err))
	}
	j.last, j.interrupted = last, false
	return nil
}

// refusal says in the words of the workflow why a checkpoint is not kept.
func refusal(err error) error {
	switch {
	case errors.Is(err, core.ErrTooLarge):
		return fmt.Errorf("%w: %w", workflow.ErrTooLarge, err)
	case errors.As(err, new(*engine.JoinFailed)):
		return fmt.Errorf("%w: %w", workflow.ErrWork, err)
	}
	return err
}

// Attempt is that of the run: what was undone begins anew with the next one.
func (j *journal) Attempt() int { return j.attempt }

// Suspending implements [workflow.Journal].
func (j *journal) Suspending() <-chan struct{} { return j.suspending }

// Suspend implements [workflow.Journal].
func (*journal) Suspend() error { return engine.Suspended() }

// Park lets the run leave memory until an instant.
func (*journal) Park(until time.Time) error { return engine.Parked(until, 0) }

// ParkFor lets the run leave memory for a length of time.
func (*journal) ParkFor(d time.Duration, until time.Time) error { return engine.Parked(until, d) }

// Woken says whether that is over.
func (j *journal) Woken() bool { return j.woken }

// Name is the flow's id and the run's number, as in "mail/7".
func (j *journal) Name() string { return j.name }

// Now is the clock of the checkpoints.
func (j *journal) Now() time.Time { return j.now() }

// Blocked lets the run wait for a program that knows its version.
func (*journal) Blocked(version int, err error) error { return engine.Blocked(version, err) }

// Permanent implements [workflow.Journal].
func (*journal) Permanent(err error) error { return engine.Permanent(err) }
