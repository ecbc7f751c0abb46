package pawl

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/hook"
	"github.com/pawl-go/pawl/store"
)

// Run starts the scheduler and waits until it ends: the whole of a daemon's main.
// The end of ctx is a Stop. It returns nil after an orderly stop.
func (s *Scheduler) Run(ctx context.Context) error {
	r, err := s.Start(ctx)
	if err != nil {
		return err
	}
	return r.Wait()
}

// Start validates every flow, takes the ownership of the database, sets up the
// resources, settles what the last process left behind, and starts the loops.
// When it returns, all of that is committed. The end of ctx is a Stop of the
// Runner. An error leaves nothing running, no resource set up and no flow
// written, but the scheduler is spent all the same.
//
// Errors: those of every registration, joined; those of Validators;
// [ErrStarted], [ErrDatabaseOwned], [ErrSchemaTooNew], [ErrForeignDatabase],
// [ErrDatabaseDamaged]; what a resource's Setup returned; what the file system and SQLite say.
func (s *Scheduler) Start(ctx context.Context) (*Runner, error) {
	if err := s.spend(ctx); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, s.database, store.Options{
		Shared: s.options.shared, Wait: s.options.wait, Owner: store.Self(s.options.now()),
	})
	if err != nil {
		if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
			err = fmt.Errorf("%w: %w", ended, err)
		}
		return nil, fmt.Errorf("start: %w", err)
	}
	s.options.hooks = hook.From(ctx)
	r := &Runner{store: db, done: make(chan struct{})}
	r.scheduler.Store(s)
	for _, observe := range s.options.observers {
		r.observers = append(r.observers, observe(s.options.logger))
	}
	r.engine, err = engine.Start(ctx, s.config(db, r), s.engineFlows())
	if err != nil {
		if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) { // SQLite only says that it was interrupted
			err = fmt.Errorf("%w: %w", ended, err)
		}
		return nil, errors.Join(fmt.Errorf("start: %w", err), r.endObservers(), r.teardown(), db.Close())
	}
	unhook := context.AfterFunc(ctx, r.engine.Stop)
	go func() {
		defer unhook()
		r.end()
	}()
	return r, nil
}

// spend marks the builder as started, so that nothing of it changes any more,
// and reports what is wrong with it.
func (s *Scheduler) spend(ctx context.Context) error {
	s.mu.Lock()
	started := s.started
	s.inOrder()
	s.started, s.byID, s.places, s.formers = true, nil, nil, nil
	s.mu.Unlock() // a Validator may ask the scheduler something
	if started {
		return ErrStarted
	}
	if err := errors.Join(s.errs...); err != nil {
		return err
	}
	for _, f := range s.flows {
		if v, ok := f.job.(Validator); ok {
			if err := guard(v.Validate); err != nil {
				return fmt.Errorf("validate %s: %w", show(f.ID), err)
			}
		}
	}
	return ctx.Err()
}

// grace is what jobs get to end after their contexts were cancelled.
const grace = 5 * time.Second

func (s *Scheduler) config(db *store.Store, r *Runner) engine.Config {
	return engine.Config{
		Store: s.options.stopwatch.on(doubting{s.options.hooks.WrapStore(s.options.wrapStore(db)), s.options.doubt}), Observe: r.observed, Owner: store.Self(s.options.now()), Now: s.options.now,
		Logger: s.options.logger, Queue: s.options.queue, InboxPoll: s.options.inboxPoll, StopTimeout: s.options.stopTimeout, Grace: grace,
		MaxRunning: s.options.maxRunning, Isolation: s.options.isolation, Groups: s.options.groups, JoinTimeout: s.options.commitTimeout,
		ClockTrusted: s.options.clockTrusted, BuiltAt: s.options.builtAt(),
		Guard: s.options.guard, OnDegraded: func(err error) { _ = db.Degraded(err) }, // for other processes, as far as it goes
		Setup: func(ctx context.Context) error { return s.setup(ctx, r) },
	}
}

func (s *Scheduler) engineFlows() []engine.Flow {
	flows := make([]engine.Flow, len(s.flows))
	for i, f := range s.flows {
		flows[i] = f.Flow
		flows[i].Job = s.options.hooks.WrapJob(f.Job)
	}
	return flows
}

// setup sets the resources up, in order; the runner tears down those that were.
func (s *Scheduler) setup(ctx context.Context, r *Runner) error {
	for i, resource := range s.resources {
		if err := r.setup(ctx, resource, fmt.Sprintf("shared resource %d", i+1)); err != nil {
			return err
		}
	}
	for _, f := range s.flows {
		if err := f.setup(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// setup sets up the resources of a flow.
func (f *registration) setup(ctx context.Context, r *Runner) error {
	resources := f.resources
	if job, ok := f.job.(Resource); ok {
		resources = append(resources[:len(resources):len(resources)], job)
	}
	for _, resource := range resources {
		if err := r.setup(ctx, resource, "resource of "+show(f.ID)); err != nil {
			return err
		}
	}
	return nil
}

// guard turns a panic of the user's code into an error.
func guard(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return call()
}
