// Package pawl is a durable scheduler in one SQLite file: flows on intervals,
// cron expressions or demand, with backoff, trips and history. Kill the process
// at any instant: the next start carries on from the last committed transition.
//
// The few nouns: a flow is named, repeatable work, a [Job] with a schedule and
// policies. A run is one execution of it. Whatever happens to a flow (reserve,
// outcome, interrupt, reset, ...) is a transition, and every transition is
// committed as a SQL transaction before anybody is told of it: before the job's
// first line runs, before Trigger returns, before Status shows it.
//
//	s := pawl.NewScheduler("jobs.db")
//	s.Every("sync", time.Minute, pawl.JobFunc(syncOrders), pawl.WithBackoff(pawl.TripAfter(5)))
//	s.Cron("report", "0 0 9 * * *", pawl.JobFunc(report))
//	if err := s.Run(ctx); err != nil { // ends when ctx does
//		log.Fatal(err)
//	}
//
// A [Scheduler] collects flows; its Start opens the database, settles what the
// last process left behind and returns a [Runner], the handle on the running
// scheduler. A [Client] looks at the same file from any other process and posts
// commands to its inbox; so does anybody with the sqlite3 program.
//
// A run is at most once per scheduled instant, and a run that a crash cut short
// is recorded as interrupted, never repeated in silence. The job's first lines
// may have run although its outcome was not recorded: a job that touches the
// world should be idempotent by its run number, see [RunFrom].
package pawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/store"
)

// A Job is the work of a flow. The context carries the run ([RunFrom]) and the
// values of Start's context. It ends when the stop window has passed, not with
// Start's context, so a job that is under way can finish. An error, a panic or
// runtime.Goexit is a failed run.
//
// A Job that is a [Resource] is one of its flow's resources, and one that is a
// [Validator] is asked before anything is set up.
type Job interface {
	Run(ctx context.Context) error
}

// JobFunc is a function as a Job.
type JobFunc func(ctx context.Context) error

// Run calls f.
func (f JobFunc) Run(ctx context.Context) error { return f(ctx) }

// A Resource is set up by Start in the order of registration and torn down by
// Stop in reverse. Setup gets Start's context. Teardown gets a context that ends
// after 10 seconds, after which it is not waited for.
type Resource interface {
	Setup(ctx context.Context) error
	Teardown(ctx context.Context) error
}

// A Validator is a Job that can tell in advance that it cannot work.
type Validator interface {
	Validate() error
}

// RunFrom tells a job which run it is. It is false for a context that is not
// that of a job.
func RunFrom(ctx context.Context) (RunInfo, bool) { return engine.RunFrom(ctx) }

// Scheduler collects flows until it is started. It is safe for use from any
// goroutine, and is spent by Start.
type Scheduler struct {
	database string
	options  options

	mu        sync.Mutex
	flows     []*registration
	byID      map[string]*registration
	resources []Resource // shared by all flows
	errs      []error    // of registrations, for Start
	started   bool
}

type options struct {
	logger      *slog.Logger
	stopTimeout time.Duration
	queue       int
	inboxPoll   time.Duration
	wait        time.Duration
	shared      bool

	// Of tests: a store between the engine and the real one, a clock that jumps.
	wrapStore func(engine.Store) engine.Store
	now       func() time.Time
}

// registration is a flow as it was registered.
type registration struct {
	engine.Flow
	job       Job
	resources []Resource
}

// An Option changes a Scheduler. A value that makes no sense is an error of Start.
type Option func(*options) error

// WithLogger sets the logger; default: slog.Default(). Starts are logged at
// info, transitions at debug, trips and clock jumps at warn, a database that
// cannot be written once per spell at error.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) error {
		if l != nil {
			o.logger = l
		}
		return nil
	}
}

// WithStopTimeout sets how long runs in flight may go on after Stop, counted
// from the call; default 30 s. Then their contexts are cancelled, and what still
// runs 5 seconds later is recorded as cancelled.
func WithStopTimeout(d time.Duration) Option {
	return func(o *options) error {
		o.stopTimeout = d
		return atLeast("WithStopTimeout", d, 0)
	}
}

// WithQueue sets the capacity of the command queue, from 1; default 1024.
func WithQueue(n int) Option {
	return func(o *options) error {
		o.queue = n
		return atLeast("WithQueue", n, 1)
	}
}

// WithInboxPoll sets how often the inbox is looked at; default 250 ms, 0: only
// at the start. A look costs no query while nobody else writes to the file.
func WithInboxPoll(d time.Duration) Option {
	return func(o *options) error {
		o.inboxPoll = d
		return atLeast("WithInboxPoll", d, 0)
	}
}

// WithWaitForOwner lets Start wait that long for another owner of the database
// to end; default 0: it fails at once with [ErrDatabaseOwned].
func WithWaitForOwner(d time.Duration) Option {
	return func(o *options) error {
		o.wait = d
		return atLeast("WithWaitForOwner", d, 0)
	}
}

// WithSharedFile says that the file holds tables of the app too. Without it a
// file with tables that are not Pawl's is refused with [ErrForeignDatabase].
func WithSharedFile() Option {
	return func(o *options) error {
		o.shared = true
		return nil
	}
}

func atLeast[N int | time.Duration](option string, value, least N) error {
	if value < least {
		return fmt.Errorf("%s(%v): must be at least %v", option, value, least)
	}
	return nil
}

// NewScheduler returns a scheduler without flows for the database at a path, a
// plain file name that Start makes if it is missing. Nothing is opened yet.
func NewScheduler(database string, opts ...Option) *Scheduler {
	s := &Scheduler{
		database: database,
		options: options{
			stopTimeout: 30 * time.Second, queue: 1024, inboxPoll: 250 * time.Millisecond,
			wrapStore: func(s engine.Store) engine.Store { return s }, now: time.Now,
		},
		byID: map[string]*registration{},
	}
	for _, opt := range opts {
		if err := opt(&s.options); err != nil {
			s.errs = append(s.errs, err)
		}
	}
	return s
}

// AddResource adds a resource that all flows share: those are set up first and
// torn down last.
func (s *Scheduler) AddResource(r Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
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
	schedule, err := engine.Every(interval)
	return s.register(id, schedule, err, job, opts)
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
	schedule, err := engine.Cron(expr)
	return s.register(id, schedule, err, job, opts)
}

// Manual registers a flow that runs when it is triggered. Errors as of Every.
func (s *Scheduler) Manual(id string, job Job, opts ...FlowOption) error {
	return s.register(id, engine.Manual(), nil, job, opts)
}

func (s *Scheduler) register(id string, schedule engine.Schedule, err error, job Job, opts []FlowOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return fmt.Errorf("register %s: %w", show(id), ErrStarted)
	}
	r := &registration{job: job, Flow: engine.Flow{ID: id, Plan: engine.Plan{Schedule: schedule}}}
	if err == nil {
		err = s.check(r, opts)
	}
	if err != nil {
		err = fmt.Errorf("register %s: %w", show(id), err)
		s.errs = append(s.errs, err)
		return err
	}
	r.Job = job.Run
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
		if err := opt(r); err != nil {
			return err
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

// A FlowOption changes a flow at registration.
type FlowOption func(*registration) error

// WithBackoff attaches a backoff policy to the flow, as [Scheduler.SetBackoff].
func WithBackoff(p BackoffPolicy) FlowOption {
	return func(r *registration) error {
		r.Plan.Backoff = &p
		return p.Validate()
	}
}

// WithResources gives the flow resources of its own. They are set up before the
// job, if that is a [Resource] too.
func WithResources(resources ...Resource) FlowOption {
	return func(r *registration) error {
		for _, resource := range resources {
			if resource == nil {
				return fmt.Errorf("%w: one of its resources is nil", ErrInvalidFlow)
			}
		}
		r.resources = append(r.resources, resources...)
		return nil
	}
}

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
		r.Plan.Backoff = &p
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
// [ErrStarted], [ErrDatabaseOwned], [ErrSchemaTooNew], [ErrForeignDatabase]; what a
// resource's Setup returned; what the file system and SQLite say.
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
	r := &Runner{store: db, done: make(chan struct{})}
	r.engine, err = engine.Start(ctx, s.config(db, r), s.engineFlows())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start: %w", err), r.teardown(), db.Close())
	}
	unhook := context.AfterFunc(ctx, r.engine.Stop)
	go func() {
		defer unhook()
		r.end()
	}()
	return r, nil
}

// spend marks the builder as started and reports what is wrong with it.
func (s *Scheduler) spend(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return ErrStarted
	}
	s.started = true
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
		Store: s.options.wrapStore(db), Owner: store.Self(s.options.now()), Now: s.options.now,
		Logger: s.options.logger, Queue: s.options.queue, InboxPoll: s.options.inboxPoll, StopTimeout: s.options.stopTimeout, Grace: grace,
		Setup: func(ctx context.Context) error { return s.setup(ctx, r) },
	}
}

func (s *Scheduler) engineFlows() []engine.Flow {
	flows := make([]engine.Flow, len(s.flows))
	for i, f := range s.flows {
		flows[i] = f.Flow
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
		resources := f.resources
		if job, ok := f.job.(Resource); ok {
			resources = append(resources[:len(resources):len(resources)], job)
		}
		for _, resource := range resources {
			if err := r.setup(ctx, resource, "resource of "+show(f.ID)); err != nil {
				return err
			}
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

// Runner is the handle on a scheduler that runs. It is safe for use from any
// goroutine. A Runner that nobody stops runs until its context or its process
// ends.
type Runner struct {
	engine    *engine.Engine
	store     *store.Store
	resources []resource // that were set up
	done      chan struct{}
	result    error // read after done
}

type resource struct {
	Resource
	name string
}

// A TriggerOption changes what Trigger asks for.
type TriggerOption func(*trigger)

type trigger struct{}

// Trigger starts a run of a flow now, whatever its schedule, and ignores a
// backoff window. It returns the number of the run when that is reserved and
// committed, not when it is over; see [Runner.WaitRun].
//
// Errors: [ErrFlowNotFound]; [ErrAlreadyRunning]; [ErrTripped];
// [ErrQueueFull], at once, when too many commands wait; [ErrStopped]; the error
// of a database that cannot be written, or that of ctx, after both of which the
// command may or may not have taken effect.
func (r *Runner) Trigger(ctx context.Context, id string, _ ...TriggerOption) (run int64, err error) {
	run, err = r.engine.Trigger(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("trigger: %w", err)
	}
	return run, nil
}

// WaitRun waits until a run is over and returns it. Errors: [ErrFlowNotFound],
// [ErrRunNotFound], [ErrStopped], that of ctx.
func (r *Runner) WaitRun(ctx context.Context, id string, run int64) (RunInfo, error) {
	info, over, err := r.engine.WaitRun(ctx, id, run)
	if over && err == nil {
		info, over, err = r.store.Run(ctx, id, run)
		if err == nil && !over {
			err = fmt.Errorf("%w: run %d of flow %q is not kept any more", ErrRunNotFound, run, id)
		}
	}
	if err != nil {
		return RunInfo{}, fmt.Errorf("wait: %w", r.closed(err))
	}
	return info, nil
}

// Reset clears the streak, the backoff window and a trip of a flow, and returns
// when that is committed. A flow that is running goes on. Errors:
// [ErrFlowNotFound], [ErrStopped], that of the database, that of ctx.
func (r *Runner) Reset(ctx context.Context, id string) error {
	if err := r.engine.Reset(ctx, id); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return nil
}

// Status is a flow as it was last committed, also after Stop. False: there is
// no such flow.
func (r *Runner) Status(id string) (FlowInfo, bool) { return r.engine.Status(id) }

// List is every flow as it was last committed, in the order of registration,
// also after Stop. Flows that the database knows and the program does not
// register come last.
func (r *Runner) List() []FlowInfo { return r.engine.List() }

// HasRunning says whether a run of any flow is in flight.
func (r *Runner) HasRunning() bool { return r.engine.HasRunning() }

// Runs reads runs from the database, newest first. Errors: [ErrStopped], that of
// ctx, a query that makes no sense.
func (r *Runner) Runs(ctx context.Context, q RunsQuery) ([]RunInfo, error) {
	select {
	case <-r.done:
		return nil, fmt.Errorf("runs: %w", ErrStopped)
	default:
	}
	runs, err := r.store.Runs(ctx, q)
	if err != nil {
		return nil, r.closed(err)
	}
	return runs, nil
}

// closed explains an error of a database that was closed meanwhile.
func (r *Runner) closed(err error) error {
	select {
	case <-r.engine.Done():
		return ErrStopped
	default:
		return err
	}
}

// Stop ends the runner: commands are refused from now on, those queued before
// are carried out, nothing is dispatched any more, and runs in flight get the
// stop timeout, counted from the first call or the end of Start's context. Then
// their contexts are cancelled with a cause, and what still runs after 5 seconds
// is recorded as cancelled. Resources are torn down in reverse order and the
// database is released.
//
// Stop waits for all of that and returns the same result to every caller:
// nil, or [ErrStopTimeout] with the names of the flows whose runs outlasted the
// window (their jobs may still run: end the process), joined with the errors
// of resources. The end of ctx ends this caller's wait with its error; the stop
// goes on. Stop returns in bounded time whatever jobs do.
func (r *Runner) Stop(ctx context.Context) error {
	r.engine.Stop()
	select {
	case <-r.done:
		return r.result
	case <-ctx.Done():
		return fmt.Errorf("stop: %w", ctx.Err())
	}
}

// Wait blocks until the runner has ended, without asking for it, and returns
// what Stop does.
func (r *Runner) Wait() error {
	<-r.done
	return r.result
}

// end waits for the engine and cleans up behind it, in this order: no job runs
// any more when resources go, and they may use the database until it goes.
func (r *Runner) end() {
	err := r.engine.Wait()
	err = errors.Join(err, r.teardown())
	err = errors.Join(err, limited(closeLimit, "close the database", r.store.Close))
	r.result = err
	close(r.done)
}

func (r *Runner) setup(ctx context.Context, res Resource, name string) error {
	if err := guard(func() error { return res.Setup(ctx) }); err != nil {
		return fmt.Errorf("set up %s: %w", name, err)
	}
	r.resources = append(r.resources, resource{res, name})
	return nil
}

const (
	teardownLimit = 10 * time.Second // of each resource
	closeLimit    = 10 * time.Second // of the database, which may be on a dead disk
)

// teardown tears down, in reverse, what was set up.
func (r *Runner) teardown() error {
	var errs []error
	for i := len(r.resources) - 1; i >= 0; i-- {
		res := r.resources[i]
		ctx, cancel := context.WithTimeout(context.Background(), teardownLimit)
		errs = append(errs, limited(teardownLimit, "tear down "+res.name, func() error { return res.Teardown(ctx) }))
		cancel()
	}
	return errors.Join(errs...)
}

// limited gives a call so long and no longer.
func limited(limit time.Duration, what string, call func() error) error {
	result := make(chan error, 1) // the call may end when nobody waits any more
	go func() { result <- guard(call) }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: not done after %s", what, limit)
	}
}
