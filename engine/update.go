package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
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
		return core.ErrStopped
	}
	old := e.all()
	all, renamed, err := e.successors(old, flows)
	if err != nil {
		return err
	}
	before := map[*flow]*terms{}
	for i, r := range flows {
		f := all.byID[r.ID]
		before[f] = f.terms.Load()
		since := before[f].shared.Since
		if since.IsZero() || !f.state.Load().Registered {
			since = e.now()
		}
		e.redefine(f, e.termsOf(r, i, since))
	}
	if err := e.adoptAll(all, len(flows)); err != nil {
		for f, t := range before {
			e.redefine(f, t)
			if old.byID[f.id] == f {
				e.look(f, e.now())
			}
		}
		return err
	}
	for _, f := range renamed {
		e.pauses.set(f, time.Time{})
		f.leave()
	}
	return nil
}

// successors are the flows after an update, and those of them that get other ids.
func (e *Engine) successors(old *registry, flows []Flow) (all *registry, renamed []*flow, err error) {
	all = &registry{byID: make(map[string]*flow, len(old.byID)), ordered: make([]*flow, 0, len(old.ordered))}
	registered := make(map[string]bool, len(flows))
	for _, r := range flows {
		registered[r.ID] = true
	}
	gone := map[*flow]bool{}
	for _, r := range flows {
		f := old.byID[r.ID]
		former := old.byID[r.Plan.FormerID]
		if f == nil && former != nil && !registered[former.id] && !gone[former] {
			if f, err = former.rename(r.ID); err != nil {
				return nil, nil, err
			}
			gone[former], renamed = true, append(renamed, former)
		}
		if f == nil {
			f = &flow{id: r.ID}
			f.terms.Store(&noTerms)
			e.found(f)
		}
		all.byID[f.id], all.ordered = f, append(all.ordered, f)
	}
	for _, f := range old.ordered {
		if all.byID[f.id] == nil && !gone[f] {
			all.byID[f.id], all.ordered = f, append(all.ordered, f)
		}
	}
	return all, renamed, nil
}

// rename is the flow under another id. What is under way knows it by the old one.
func (f *flow) rename(id string) (*flow, error) {
	s := *f.state.Load()
	if s.InFlight > 0 || len(f.leaked) > 0 {
		return nil, fmt.Errorf("%w: flow %q is to be renamed; wait for its end", core.ErrAlreadyRunning, f.id)
	}
	s.ID = id
	s.SetQueue(nil, nil) // is read again, with the new id
	s.SetAside(s.Parked(), s.Blocked())
	next := &flow{id: id, renamed: true}
	next.terms.Store(&noTerms)
	next.state.Store(&s)
	return next, nil
}

// leave takes a flow out of all that the driver follows.
func (f *flow) leave() {
	if f.queue != nil {
		f.queue.set(f, time.Time{})
	}
	f.lookAgain()
}

// redefine changes the terms of a flow whose runs may be in flight.
func (e *Engine) redefine(f *flow, t *terms) {
	inFlight := f.state.Load().InFlight
	for _, l := range f.limits() {
		l.running -= inFlight
	}
	if f.queue != nil {
		f.queue.set(f, time.Time{})
	}
	e.define(f, t)
	for _, l := range f.limits() {
		l.running += inFlight
	}
}

// adoptAll commits what changed terms need, and shows the new registry.
func (e *Engine) adoptAll(all *registry, registered int) error {
	var commands []command
	for i, f := range all.ordered {
		s := f.state.Load()
		c := command{flow: f, reply: make(chan reply, 1)}
		switch {
		case i >= registered && s.Registered:
			c.event = core.Retire{}
		case i < registered && (f.renamed || !s.MatchesPlan(f.plan())):
			c.event = core.Adopt{}
		default:
			e.look(f, e.now())
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
	for _, f := range all.ordered[:registered] {
		f.renamed = false
	}
	return nil
}

// Forget deletes a flow that is not registered any more, with its history. It reads
// the whole log, and nothing else is done meanwhile.
func (e *Engine) Forget(ctx context.Context, id string) error {
	_, err := e.urge(ctx, command{do: func() reply { return reply{err: e.forget(id, nil)} }})
	return err
}

// forget runs on the driver, between two batches; the answer is as of the store.
func (e *Engine) forget(id string, answer *Answer) error {
	old := e.all()
	f := old.byID[id]
	switch {
	case f == nil:
		return fmt.Errorf("%w: %q", core.ErrFlowNotFound, core.Clip(id, 100))
	case f.state.Load().Registered:
		return fmt.Errorf("%w: flow %q; take it out of the program first", core.ErrRegistered, id)
	case f.state.Load().InFlight > 0:
		return fmt.Errorf("%w: flow %q; wait for its end", core.ErrAlreadyRunning, id)
	case f.state.Load().Parked()+f.state.Load().Blocked() > 0:
		return fmt.Errorf("%w: flow %q has runs that have begun (%d parked, %d blocked), and what they did would never be undone; cancel them first, without undo (pawl cancel %[2]q RUN --force)",
			core.ErrAlreadyRunning, id, f.state.Load().Parked(), f.state.Load().Blocked())
	}
	if err := e.Store.Forget(context.Background(), f.state.Load().Key, answer); err != nil {
		return fmt.Errorf("forget flow %q: %w", id, err)
	}
	f.leave()
	all := &registry{byID: make(map[string]*flow, len(old.byID))}
	for _, other := range old.ordered {
		if other != f {
			all.byID[other.id], all.ordered = other, append(all.ordered, other)
		}
	}
	e.registry.Store(all)
	return nil
}
