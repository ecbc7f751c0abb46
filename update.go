package pawl

import (
	"context"
	"errors"
	"strings"
)

// update lets change work on a copy of the builder, and the engine follow it.
func (r *Runner) update(ctx context.Context, change func(*Scheduler) error) error {
	if !r.updating.TryLock() {
		return errors.New("another update is under way; try again when it has returned")
	}
	defer r.updating.Unlock()
	next := r.scheduler.Load().copy()
	if err := change(next); err != nil {
		return err
	}
	if err := next.spend(ctx); err != nil {
		return err
	}
	before := len(r.resources)
	err := next.setupNew(ctx, r, r.scheduler.Load())
	if err == nil {
		err = r.engine.Update(ctx, next.engineFlows())
	}
	if err != nil {
		added := r.resources[before:]
		r.resources = r.resources[:before]
		return errors.Join(err, teardown(added))
	}
	r.scheduler.Store(next)
	return nil
}

// copy is a builder that was not started yet, with the same flows.
func (s *Scheduler) copy() *Scheduler {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := NewScheduler(s.database)
	next.options, next.shared = s.options, s.shared
	for _, f := range s.flows {
		next.flows = append(next.flows, f)
		next.byID[f.ID] = f
	}
	return next
}

// setupNew sets up the resources of flows that another builder does not have.
func (s *Scheduler) setupNew(ctx context.Context, r *Runner, old *Scheduler) error {
	for _, resource := range s.resources {
		if err := r.setup(ctx, resource, "shared resource"); err != nil {
			return err
		}
	}
	known := make(map[*registration]bool, len(old.flows))
	for _, f := range old.flows {
		known[f] = true
	}
	for _, f := range s.flows {
		if known[f] {
			continue
		}
		if err := f.setup(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func join(reason []string) string { return strings.Join(reason, "; ") }
