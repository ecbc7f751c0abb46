package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/instant"
)

// What a job does with its run: it records checkpoints, and returns because the run goes on
// later.

// readAttempts is how often checkpoints are read until that is given up, a second between them.
const readAttempts = 60

// Record keeps checkpoints of the run that a job's context belongs to. They are
// committed, in one transaction, when it returns nil; so is what the store does with
// work, if that is not nil (see [Batch.Join]): an error of it is a [JoinFailed], and
// nothing is kept. While the store takes no writes it waits. It returns [core.ErrRunOver] when
// the run was closed meanwhile, and the error of ctx when that ends; the checkpoints may
// be committed then all the same.
func Record(ctx context.Context, steps []core.CheckpointData, work any) error {
	x := executionFrom(ctx)
	if x == nil {
		return errNoRun
	}
	if len(steps) == 0 {
		return nil
	}
	for _, step := range steps {
		if err := step.Validate(); err != nil {
			return err
		}
	}
	for {
		r, err := x.record(ctx, steps, work)
		if !r.unknown {
			return x.recorded(err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-x.engine.gone:
			return x.engine.ended()
		case <-time.After(retryDelay):
		}
		if work == nil { // the same once more, in the same places: it does not matter whether it was committed
			continue
		}
		if done, err := x.has(ctx, steps); err != nil || done {
			return x.recorded(err)
		}
	}
}

// recorded is what became of checkpoints.
func (x *execution) recorded(err error) error {
	if errors.Is(err, core.ErrNotInFlight) {
		return fmt.Errorf("%w: run %d of flow %q", core.ErrRunOver, x.run.Number, x.run.FlowID)
	}
	if err == nil {
		x.reached.Store(time.Now().UnixNano())
	}
	return err
}

func (x *execution) record(ctx context.Context, steps []core.CheckpointData, work any) (reply, error) {
	event := core.Checkpoint{Run: x.run.Number, Steps: steps, Output: x.outputSoFar()}
	e, c := x.engine, command{flow: x.flow, event: event, join: work, reply: make(chan reply, 1)}
	select {
	case e.commands <- c:
		return e.await(ctx, c)
	case <-ctx.Done():
		return reply{}, context.Cause(ctx)
	case <-e.gone:
		return reply{}, e.ended()
	}
}

// has says whether checkpoints whose commit failed were committed after all.
func (x *execution) has(ctx context.Context, steps []core.CheckpointData) (bool, error) {
	list, err := Recorded(ctx)
	last := steps[len(steps)-1]
	return slices.ContainsFunc(list, func(c core.CheckpointData) bool {
		return c.Seq == last.Seq && c.State == last.State && c.Kind == last.Kind && c.Payload == last.Payload
	}), err
}

// Recorded are the checkpoints of the run that a job's context belongs to, in order.
// While the store cannot be read it waits, but not for ever.
func Recorded(ctx context.Context) (list []core.CheckpointData, err error) {
	x := executionFrom(ctx)
	if x == nil {
		return nil, errNoRun
	}
	for range readAttempts {
		if list, err = x.engine.Store.Checkpoints(ctx, x.key); err == nil {
			return list, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-x.engine.gone:
			return nil, x.engine.ended()
		case <-time.After(retryDelay):
		}
	}
	return nil, err
}

// Suspending is closed when the engine that a job belongs to is about to stop. A job
// that only waits, and can go on in the next process, returns [Suspended] then.
func Suspending(ctx context.Context) <-chan struct{} {
	if x := executionFrom(ctx); x != nil {
		return x.engine.stopping
	}
	return nil
}

// Suspended is what a job returns that goes on in the next process.
func Suspended() error {
	return &advice{error: errors.New("suspended"), suspended: true}
}

// Parked is what a job returns that has nothing to do until an instant, and has recorded
// where it is. The run leaves memory and its places in limits, and is started again then, or
// at its deadline.
//
// A length of time other than 0 says that this is what is waited for, and until its end by
// the clock as it is now: the wait stays as long if the clock is set. [Woken] says then that
// it is over.
func Parked(until time.Time, length time.Duration) error {
	return &advice{error: fmt.Errorf("parked until %s", instant.Format(until.UTC())), rest: &core.Rest{Until: until, For: length}}
}

// Woken says whether the run that a job's context belongs to was parked for a length of time
// that is over, and has recorded nothing since.
func Woken(ctx context.Context) bool {
	x := executionFrom(ctx)
	return x != nil && x.woken
}

// Clock is the clock that the engine goes by which runs the job of a context; time.Now, if
// the context does not belong to a job.
func Clock(ctx context.Context) func() time.Time {
	if x := executionFrom(ctx); x != nil {
		return x.engine.Now
	}
	return time.Now
}

// Blocked is what a job returns that cannot go on with a run, which another version of the
// program recorded. A program with that version goes on with it.
func Blocked(version int, err error) error {
	return &advice{error: err, rest: &core.Rest{Version: &version}}
}
