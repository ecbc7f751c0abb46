package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// Trigger accepts a run of a flow, whether it is due or in a backoff window or not,
// and returns its number once that is committed: reserved, or waiting where the
// overlap policy says so. It never waits for room in the queue ([core.ErrQueueFull]). The
// end of ctx ends the wait, not the command.
func (e *Engine) Trigger(ctx context.Context, id string) (int64, error) {
	return e.TriggerWith(ctx, id, core.Ask{})
}

// TriggerWith is Trigger for a caller who wants something of the run. With an
// idempotency key that stands for a run it returns the number of that.
func (e *Engine) TriggerWith(ctx context.Context, id string, a core.Ask) (int64, error) {
	r, err := e.demand(ctx, id, core.Reserve{Trigger: core.TriggerManual, Ask: a})
	return r.run, err
}

// Probe starts one run of a flow although it is tripped: success ends the trip.
func (e *Engine) Probe(ctx context.Context, id string) (int64, error) {
	r, err := e.demand(ctx, id, core.Reserve{Trigger: core.TriggerProbe})
	return r.run, err
}

// TriggerMany accepts a run for each of the asks, or none, and returns the number of
// the first; the others follow.
func (e *Engine) TriggerMany(ctx context.Context, id string, asks []core.Ask) (int64, error) {
	r, err := e.demand(ctx, id, core.Accept{Asks: asks})
	return r.run, err
}

// demand sends a command for which a full queue has no room.
func (e *Engine) demand(ctx context.Context, id string, event core.Event) (reply, error) {
	f, err := e.registered(id)
	if err != nil {
		return reply{}, err
	}
	if err := errors.Join(e.stopped(), ctx.Err()); err != nil {
		return reply{}, err
	}
	c := command{flow: f, event: event, reply: make(chan reply, 1)}
	select {
	case e.commands <- c:
		return e.await(ctx, c)
	default:
		return reply{}, fmt.Errorf("%w: %d commands wait; try again", core.ErrQueueFull, cap(e.commands))
	}
}

// Reset clears streak, backoff window and trip of a flow and returns when that
// is committed.
func (e *Engine) Reset(ctx context.Context, id string, reason ...string) error {
	return e.change(ctx, id, core.Reset{Reason: strings.Join(reason, "; ")})
}

// Cancel cancels a run: one that waits at once, one that is in flight by the end of
// its context. It returns when that is committed, not when the run is over.
func (e *Engine) Cancel(ctx context.Context, id string, run int64, reason string) error {
	return e.change(ctx, id, core.Abort{Run: run, Reason: reason})
}

// CancelWithoutUndo closes a run that has begun and is not in flight: its job does not learn
// of it, and what it did is not undone. It returns when that is committed.
func (e *Engine) CancelWithoutUndo(ctx context.Context, id string, run int64, reason string) error {
	return e.change(ctx, id, core.Abort{Run: run, Reason: reason, Force: true})
}

// Pause holds the schedule of a flow back, and returns when that is committed.
func (e *Engine) Pause(ctx context.Context, id string, pause core.Pause) error {
	return e.change(ctx, id, pause)
}

// Resume ends a pause; from is as of the event.
func (e *Engine) Resume(ctx context.Context, id string, from time.Time) error {
	return e.change(ctx, id, core.Resume{From: from})
}

// CancelBackfill cancels what waits of a backfill.
func (e *Engine) CancelBackfill(ctx context.Context, id, reason string) error {
	return e.change(ctx, id, core.Drop{Reason: reason})
}

// change sends a command that goes before others. That there is nothing to change is
// no error.
func (e *Engine) change(ctx context.Context, id string, event core.Event) error {
	f, err := e.target(id, event)
	if err != nil {
		return err
	}
	_, err = e.urge(ctx, command{flow: f, event: event})
	if errors.Is(err, core.ErrUnchanged) {
		return nil
	}
	return err
}

// Claim says that this is the one to run the flows of a store that was copied or
// restored, and returns when that is committed. Without such a doubt it changes
// nothing.
func (e *Engine) Claim(ctx context.Context) error {
	_, err := e.urge(ctx, command{claim: true})
	return err
}

// AcceptClock takes the wall clock as it is, though it is behind the newest transition, and
// returns when that is committed. If it is not behind, nothing changes.
func (e *Engine) AcceptClock(ctx context.Context) error {
	_, err := e.urge(ctx, command{accept: true})
	if errors.Is(err, core.ErrUnchanged) {
		return nil
	}
	return err
}

// urge sends a command in the lane that is emptied first.
func (e *Engine) urge(ctx context.Context, c command) (reply, error) {
	if err := errors.Join(e.stopped(), ctx.Err()); err != nil {
		return reply{}, err
	}
	c.reply = make(chan reply, 1)
	select {
	case e.urgent <- c:
		return e.await(ctx, c)
	case <-ctx.Done():
		return reply{}, ctx.Err()
	case <-e.gone:
		return reply{}, e.ended()
	}
}

// Instants lists the instants of a flow's schedule in from..to, both included. More
// than a backfill may have are an error.
func (e *Engine) Instants(id string, from, to time.Time) ([]time.Time, error) {
	f, err := e.registered(id)
	if err != nil {
		return nil, err
	}
	return core.InstantsOf(f.info(), f.plan().Schedule, from, to, e.now())
}

// Backfill accepts a run for each of the instants, those left out that have one
// unless again is true, and returns how many that are.
func (e *Engine) Backfill(ctx context.Context, id string, instants []time.Time, again bool) (int64, error) {
	f, err := e.registered(id)
	if err != nil {
		return 0, err
	}
	if len(instants) == 0 {
		return 0, nil
	}
	r, err := e.urge(ctx, command{flow: f, event: core.Backfill{Instants: instants}, again: again})
	if errors.Is(err, core.ErrUnchanged) {
		return 0, nil
	}
	return r.runs, err
}
