package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Update makes flows those that the program registers, while the engine runs: what
// is new or changed is adopted, what is missing retired; runs in flight finish. It
// returns when that is committed. An error leaves everything as it was.
func (e *Engine) Update(ctx context.Context, flows []Flow) error {
	_, err := e.urge(ctx, command{do: func() reply { return reply{err: e.update(flows)} }})
	return err
}

// update runs on the driver, between two batches.
func (e *Engine) update(flows []Flow) error {
	if e.draining {
		return ErrStopped
	}
	old := e.all()
	all := &registry{byID: make(map[string]*flow, len(old.byID)), ordered: make([]*flow, 0, len(old.ordered))}
	before := map[*flow]*terms{}
	for i, r := range flows {
		f := old.byID[r.ID]
		if f == nil {
			f = &flow{id: r.ID}
			f.terms.Store(&noTerms)
			e.found(f)
		}
		before[f] = f.terms.Load()
		since := before[f].plan.Since
		if since.IsZero() {
			since = e.now()
		}
		e.redefine(f, r, i, since)
		all.byID[f.id], all.ordered = f, append(all.ordered, f)
	}
	for _, f := range old.ordered {
		if all.byID[f.id] == nil {
			all.byID[f.id], all.ordered = f, append(all.ordered, f)
		}
	}
	if err := e.adoptAll(all, len(flows)); err != nil {
		for f, t := range before {
			f.terms.Store(t)
			f.position, f.limits = t.plan.Position, e.limitsOf(t.plan)
		}
		return err
	}
	return nil
}

// redefine changes the terms of a flow whose runs may be in flight.
func (e *Engine) redefine(f *flow, r Flow, position int, since time.Time) {
	inFlight := f.state.Load().InFlight
	for _, l := range f.limits {
		l.running -= inFlight
	}
	if f.queue != nil {
		f.queue.set(f, time.Time{})
	}
	e.define(f, r, position, since)
	for _, l := range f.limits {
		l.running += inFlight
	}
}

// adoptAll commits what changed terms need, and shows the new registry.
func (e *Engine) adoptAll(all *registry, registered int) error {
	var commands []command
	for i, f := range all.ordered {
		info := f.state.Load().FlowInfo
		c := command{flow: f, reply: make(chan reply, 1)}
		switch {
		case i >= registered && info.Registered:
			c.event = Retire{}
		case i < registered && (info.Version == 0 || planned(info, f.plan()) != info):
			c.event = Adopt{}
		default:
			e.look(f)
			continue
		}
		commands = append(commands, c)
	}
	e.commitAll(slices.Clone(commands))
	var errs []error
	for _, c := range commands {
		if r := <-c.reply; r.err != nil {
			errs = append(errs, fmt.Errorf("flow %q: %w", c.flow.id, r.err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	e.registry.Store(all)
	return nil
}

// Forget deletes a flow that is not registered any more, with its history. It reads
// the whole log, and nothing else is done meanwhile.
func (e *Engine) Forget(ctx context.Context, id string) error {
	_, err := e.urge(ctx, command{do: func() reply { return reply{err: e.forget(id)} }})
	return err
}

func (e *Engine) forget(id string) error {
	old := e.all()
	f := old.byID[id]
	switch {
	case f == nil:
		return fmt.Errorf("%w: %q", ErrFlowNotFound, Clip(id, 100))
	case f.state.Load().Registered:
		return fmt.Errorf("%w: flow %q; take it out of the program first", ErrRegistered, id)
	case f.state.Load().InFlight > 0:
		return fmt.Errorf("%w: flow %q; wait for its end", ErrAlreadyRunning, id)
	}
	if err := e.Store.Forget(context.Background(), f.state.Load().Key); err != nil {
		return fmt.Errorf("forget flow %q: %w", id, err)
	}
	if f.queue != nil {
		f.queue.set(f, time.Time{})
	}
	all := &registry{byID: make(map[string]*flow, len(old.byID))}
	for _, other := range old.ordered {
		if other != f {
			all.byID[other.id], all.ordered = other, append(all.ordered, other)
		}
	}
	e.registry.Store(all)
	return nil
}
