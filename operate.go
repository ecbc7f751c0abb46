package pawl

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/permanent"
)

// Reset clears the streak, the backoff window and a trip of a flow, and returns
// when that is committed. A flow that is running goes on. A reason, if there is one,
// is kept with the transition. Errors: [ErrFlowNotFound], [ErrStopped],
// [ErrInCommit], that of the database, that of ctx.
func (r *Runner) Reset(ctx context.Context, id string, reason ...string) error {
	return operate(ctx, "reset", func() error { return r.engine.Reset(ctx, id, reason...) })
}

// operate guards and names what an operator asks for.
func operate(ctx context.Context, verb string, do func() error) error {
	err := notInCommit(ctx)
	if err == nil {
		err = do()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// Cancel cancels a run and returns when that is committed. A run that waits is over
// then. The context of one that is in flight ends with the cause [ErrCancelled]; its
// run is cancelled when the job returns an error, or 10 seconds later although it has
// not returned. A run of a workflow that is parked goes on at once to undo what it did; for
// one that is blocked the cancel is recorded, and a program that knows its version undoes
// it. A cancelled run leaves the streak as it is. The flow may be one that is
// not registered any more. Errors: [ErrFlowNotFound], [ErrRunNotFound], [ErrRunOver], as
// of Reset.
func (r *Runner) Cancel(ctx context.Context, id string, run int64, reason ...string) error {
	return operate(ctx, "cancel", func() error { return r.engine.Cancel(ctx, id, run, join(reason)) })
}

// CancelWithoutUndo cancels a run of a workflow that has begun and is not in flight (parked,
// blocked, or waiting to go on) as it is: its states are not undone, and the run's error says
// so. It is for a blocked run whose version will not come back. Returns when that is
// committed. Errors: [ErrAlreadyRunning] for a run in flight; as of Cancel.
func (r *Runner) CancelWithoutUndo(ctx context.Context, id string, run int64, reason ...string) error {
	return operate(ctx, "cancel", func() error { return r.engine.CancelWithoutUndo(ctx, id, run, join(reason)) })
}

// Pause holds the schedule of a flow back until Resume, also over restarts. Runs in
// flight go on, starts that wait in its buffer and triggers are carried out, and a trip
// is not forgotten. An instant that has come and has not started, for its jitter, a
// limit or because it is yet to be caught up on, is held back too: the ledger says so,
// and a ResumeFrom from before it runs it. The note is shown in its status.
//
// With [PauseFor] or [PauseUntil] the flow goes on by itself, as if somebody resumed it
// at that instant; nothing has to run then. What passed between the end of the pause and
// the next start of the program was missed, and is caught up on as the flow's catch-up
// policy says. Note and end of a second call replace those of the first. Errors:
// [ErrInvalidRange], for an end that is not ahead; as of Reset.
func (r *Runner) Pause(ctx context.Context, id, note string, opts ...PauseOption) error {
	pause, err := pauseOf(note, r.engine.Now(), opts)
	if err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return operate(ctx, "pause", func() error { return r.engine.Pause(ctx, id, pause) })
}

// Resume lets the schedule of a paused flow go on from now: what passed meanwhile was
// not missed. An Every runs at once if its interval has passed since its last run; other
// schedules wait for their next instant. A flow that is not paused stays as it is. Errors
// as of Reset.
func (r *Runner) Resume(ctx context.Context, id string) error {
	return operate(ctx, "resume", func() error { return r.engine.Resume(ctx, id, time.Time{}) })
}

// ResumeFrom is Resume, but what the pause held back, from an instant on, is caught up
// on as the flow's catch-up policy says. An instant that a backfill has run meanwhile
// is not run again. Errors as of Reset.
func (r *Runner) ResumeFrom(ctx context.Context, id string, from time.Time) error {
	return operate(ctx, "resume", func() error { return r.engine.Resume(ctx, id, from) })
}

// Probe starts one run of a flow although it is tripped, and returns its number when it
// is committed: success ends the trip, failure leaves it. Of a flow that is not
// tripped it is a Trigger. Errors as of Trigger.
func (r *Runner) Probe(ctx context.Context, id string) (run int64, err error) {
	err = operate(ctx, "probe", func() error {
		run, err = r.engine.Probe(ctx, id)
		return err
	})
	return run, err
}

// A Backfill is which instants of the past a flow is to run.
type Backfill struct {
	From, To time.Time // both included; at most 10,000 instants, none in the future
	Again    bool      // also those that have a run
}

// Backfill lets a flow run instants of its schedule that are past, one after another
// in order, as far as its overlap policy lets it when nothing else of it waits. It
// returns how many were accepted, when that is committed; they survive restarts. The
// schedule goes on as it was. [Runner.CancelBackfill] ends it, [Runner.Instants] is
// the dry run. Errors: [ErrInvalidRange], [ErrTripped], as of Reset.
func (r *Runner) Backfill(ctx context.Context, id string, b Backfill) (accepted int64, err error) {
	err = operate(ctx, "backfill", func() error {
		instants, err := r.engine.Instants(id, b.From, b.To)
		if err == nil {
			accepted, err = r.engine.Backfill(ctx, id, instants, b.Again)
		}
		return err
	})
	return accepted, err
}

// CancelBackfill cancels what of a flow's backfills has not started. Errors as of
// Reset.
func (r *Runner) CancelBackfill(ctx context.Context, id string, reason ...string) error {
	return operate(ctx, "cancel backfill", func() error { return r.engine.CancelBackfill(ctx, id, join(reason)) })
}

// Update changes the flows of a scheduler that runs: change gets a builder that holds
// the flows as they are, and may add and remove some. A flow is changed by removing
// and registering it again. Flows keep their state; runs in flight finish; resources of
// flows that are added are set up, those of removed ones are torn down at the stop. It
// returns when all of that is committed. An error of change, of a registration or of
// the commit leaves everything as it was. Errors as of Start and Reset.
func (r *Runner) Update(ctx context.Context, change func(*Scheduler) error) error {
	return operate(ctx, "update", func() error { return r.update(ctx, change) })
}

// Forget deletes a flow that the program does not register any more, with all its
// history. While runs of it are parked or blocked it is refused: see [Runner.CancelWithoutUndo].
// It reads the whole history of the database, and nothing else is committed
// meanwhile. Errors: [ErrRegistered], [ErrAlreadyRunning], as of Reset.
func (r *Runner) Forget(ctx context.Context, id string) error {
	return operate(ctx, "forget", func() error { return r.engine.Forget(ctx, id) })
}

// A PauseOption says when a pause ends by itself. Of several the last one counts.
type PauseOption func(*pausing) error

// pausing is a pause as its options make it.
type pausing struct {
	core.Pause
	now time.Time
}

// PauseFor ends a pause a while after the call, rounded up to milliseconds. A wall clock
// that is set meanwhile does not change how long that is. A duration of 0 or less is an
// [ErrInvalidRange].
func PauseFor(d time.Duration) PauseOption {
	return func(p *pausing) error {
		if d <= 0 {
			return permanent.Wrap(fmt.Errorf("%w: a pause for %s", ErrInvalidRange, d))
		}
		p.Until, p.For = p.now.Add(d), d
		return nil
	}
}

// PauseUntil ends a pause at an instant, rounded up to milliseconds. What is due at it
// is held back still. The zero time is none: the pause ends when somebody resumes.
func PauseUntil(t time.Time) PauseOption {
	return func(p *pausing) error {
		p.Until, p.For = t, 0
		return nil
	}
}

// pauseOf is a pause that begins now.
func pauseOf(note string, now time.Time, opts []PauseOption) (core.Pause, error) {
	p := pausing{Pause: core.Pause{Note: note}, now: now}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&p); err != nil {
			return p.Pause, err
		}
	}
	return p.Pause, p.Validate()
}
