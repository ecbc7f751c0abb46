package pawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/hook"
	"github.com/pawl-go/pawl/store"
)

// Scheduler collects flows until it is started. It is safe for use from any
// goroutine, and is spent by Start.
type Scheduler struct {
	database string
	options  options

	mu        sync.Mutex
	flows     []*registration
	byID      map[string]*registration
	shared    *shared    // by flows that are alike
	resources []Resource // shared by all flows
	errs      []error    // of registrations, for Start
	started   bool
}

// registration is a flow as it was registered.
type registration struct {
	engine.Flow
	timing    *timing // until it is registered: the plan has the schedule
	job       Job     // as it was given; what runs is wrapped in the middleware
	resources []Resource
	wraps     []func(Job) Job // of this flow
}

// NewScheduler returns a scheduler without flows for the database at a path, a
// plain file name that Start makes if it is missing. Nothing is opened yet.
//
// While it runs nothing else in the same process may open that file, nor the
// -wal and -shm files beside it, by other means than this package and
// modernc.org/sqlite: closing any of them drops the locks of the process, and
// transitions that are committed afterwards can be lost.
func NewScheduler(database string, opts ...Option) *Scheduler {
	s := &Scheduler{
		database: database,
		options: options{
			logger: slog.Default(), stopTimeout: 30 * time.Second, queue: 1024, inboxPoll: 250 * time.Millisecond,
			wrapStore: func(s engine.Store) engine.Store { return s }, now: time.Now,
		},
		byID: map[string]*registration{}, shared: newShared(),
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&s.options); err != nil {
			s.errs = append(s.errs, err)
		}
	}
	return s
}

// AddResource adds a resource that all flows share: those are set up first and
// torn down last. A nil resource is an error of Start. After Start it is too late:
// the resource is not used, and that is logged as an error.
func (s *Scheduler) AddResource(r Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		s.options.logger.Error("pawl: AddResource after Start has no effect")
		return
	}
	if r == nil {
		s.errs = append(s.errs, errors.New("AddResource(nil)"))
		return
	}
	s.resources = append(s.resources, r)
}

// Every registers a flow that runs at once when it is new, and then interval
// after the end of each run, or at the end of its backoff window if that is
// later. A restart does not change that cadence. The interval is 1 ms or more.
//
// Errors: [ErrFlowExists], [ErrInvalidFlow], [ErrInvalidSchedule],
// [ErrInvalidBackoff], [ErrStarted]. Start returns them too.
func (s *Scheduler) Every(id string, interval time.Duration, job Job, opts ...FlowOption) error {
	return s.register(id, timing{kind: engine.KindEvery, interval: interval}, job, opts)
}

// Cron registers a flow that runs at the instants of an expression: six fields
// with seconds first, five without, or a descriptor such as "@hourly"; in UTC
// unless the expression begins with "CRON_TZ=Area/City ". An instant that passes
// while the flow runs or in a backoff window is skipped; those that pass while
// nobody runs are made up for by one run at the next start.
//
// The fields are those of [github.com/robfig/cron/v3]: Sunday is 0; where both
// day of month and day of week are given, one of them has to match. "@every" is
// refused, use [Scheduler.Every]. Errors as of Every.
func (s *Scheduler) Cron(id, expr string, job Job, opts ...FlowOption) error {
	return s.register(id, timing{kind: engine.KindCron, expr: expr}, job, opts)
}

// cron shares a schedule among flows.
func (s *Scheduler) cron(expr string) (engine.Schedule, error) {
	if known, ok := s.shared.crons[expr]; ok {
		return known, nil
	}
	schedule, err := engine.Cron(expr)
	if err == nil {
		s.shared.crons[expr] = schedule
	}
	return schedule, err
}

// Manual registers a flow that runs when it is triggered. Errors as of Every.
func (s *Scheduler) Manual(id string, job Job, opts ...FlowOption) error {
	return s.register(id, timing{kind: engine.KindManual}, job, opts)
}

// Once registers a flow that runs once, ever, at an instant, also when that passed
// before anybody ran. Registered again with a later instant it runs at that too.
// Errors as of Every.
func (s *Scheduler) Once(id string, at time.Time, job Job, opts ...FlowOption) error {
	return s.register(id, timing{kind: engine.KindOnce, at: at}, job, opts)
}

// Remove takes a flow out, in an [Runner.Update] above all. Its state and history stay
// in the database. Errors: [ErrFlowNotFound], [ErrStarted].
func (s *Scheduler) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.started:
		return fmt.Errorf("remove %s: %w", show(id), ErrStarted)
	case s.byID[id] == nil:
		return fmt.Errorf("remove %s: %w", show(id), ErrFlowNotFound)
	}
	s.flows = slices.DeleteFunc(s.flows, func(r *registration) bool { return r.ID == id })
	delete(s.byID, id)
	return nil
}

func (s *Scheduler) register(id string, when timing, job Job, opts []FlowOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return fmt.Errorf("register %s: %w", show(id), ErrStarted)
	}
	r := &registration{job: job, timing: &when, Flow: engine.Flow{ID: id, Plan: &engine.Plan{KeyFor: defaultKeyWindow, Keep: engine.DefaultRetention}}}
	if err := s.check(r, opts); err != nil {
		err = fmt.Errorf("register %s: %w", show(id), err)
		s.errs = append(s.errs, err)
		return err
	}
	r.timing = nil
	s.flows = append(s.flows, r)
	s.byID[id] = r
	return nil
}

func (s *Scheduler) check(r *registration, opts []FlowOption) error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	if s.byID[r.ID] != nil {
		return ErrFlowExists
	}
	if f, ok := r.job.(JobFunc); r.job == nil || ok && f == nil {
		return fmt.Errorf("%w: its job is nil", ErrInvalidFlow)
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(r); err != nil {
			return err
		}
	}
	schedule, err := r.timing.schedule(s.cron)
	if err != nil {
		return err
	}
	r.Plan.Schedule = s.shared.schedule(schedule)
	if r.Job, err = r.wrapped(s.options.middleware); err != nil {
		return err
	}
	r.resumes()
	r.Plan = s.shared.plan(*r.Plan)
	return errors.Join(s.checkPlan(*r.Plan), s.checkFormer(r))
}

// defaultKeyWindow is how long an idempotency key stands for a run that is over.
const defaultKeyWindow = 24 * time.Hour

// checkPlan finds what makes no sense together.
func (s *Scheduler) checkPlan(p engine.Plan) error {
	if _, ok := s.options.groups[p.Group]; p.Group != "" && !ok {
		return fmt.Errorf("%w: its group %q has no limit; give the scheduler WithGroupLimit(%[2]q, n)", ErrInvalidFlow, p.Group)
	}
	return p.Validate()
}

// checkFormer finds two flows that want the state of the same one.
func (s *Scheduler) checkFormer(r *registration) error {
	former := r.Plan.FormerID
	if former == "" {
		return nil
	}
	for _, other := range s.flows {
		if other.Plan.FormerID == former {
			return fmt.Errorf("%w: flow %q has the former id %q too", ErrInvalidFlow, other.ID, former)
		}
	}
	return nil
}

const maxID = 255

func checkID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: its id is empty", ErrInvalidFlow)
	case len(id) > maxID:
		return fmt.Errorf("%w: its id has %d bytes, at most %d are allowed", ErrInvalidFlow, len(id), maxID)
	case !utf8.ValidString(id):
		return fmt.Errorf("%w: its id is not UTF-8", ErrInvalidFlow)
	}
	for _, c := range id {
		if unicode.IsControl(c) {
			return fmt.Errorf("%w: its id contains the control character %U", ErrInvalidFlow, c)
		}
	}
	return nil
}

// show quotes an id, which may be anything, for a message.
func show(id string) string { return fmt.Sprintf("flow %q", engine.Clip(id, maxID)) }

// SetBackoff attaches a backoff policy to a registered flow, in place of the one
// it has. Without a policy a failure has no consequence but its record.
// Errors: [ErrFlowNotFound], [ErrInvalidBackoff], [ErrStarted].
func (s *Scheduler) SetBackoff(id string, p BackoffPolicy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return fmt.Errorf("backoff of %s: %w", show(id), ErrStarted)
	}
	err := p.Validate()
	if r := s.byID[id]; r == nil {
		err = ErrFlowNotFound
	} else if err == nil {
		plan := *r.Plan // which others may share
		plan.Backoff = &p
		r.Plan = s.shared.plan(plan)
		return nil
	}
	err = fmt.Errorf("backoff of %s: %w", show(id), err)
	s.errs = append(s.errs, err)
	return err
}

// Len is the number of registered flows.
func (s *Scheduler) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.flows)
}

// Contains says whether a flow is registered.
func (s *Scheduler) Contains(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id] != nil
}

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
		return nil, fmt.Errorf("start: %w", err)
	}
	s.options.hooks = hook.From(ctx)
	r := &Runner{store: db, now: s.options.now, done: make(chan struct{})}
	r.scheduler.Store(s)
	for _, observe := range s.options.observers {
		r.observers = append(r.observers, observe(s.options.logger))
	}
	r.engine, err = engine.Start(ctx, s.config(db, r), s.engineFlows())
	if err != nil {
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
	s.started = true
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
		Store: doubting{s.options.hooks.WrapStore(s.options.wrapStore(db)), s.options.doubt}, Observe: r.observed, Owner: store.Self(s.options.now()), Now: s.options.now,
		Logger: s.options.logger, Queue: s.options.queue, InboxPoll: s.options.inboxPoll, StopTimeout: s.options.stopTimeout, Grace: grace,
		MaxRunning: s.options.maxRunning, Groups: s.options.groups, JoinTimeout: s.options.commitTimeout,
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
