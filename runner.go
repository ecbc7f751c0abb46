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
// A scheduled instant has at most one run, but for a run that a stop cancelled,
// which is repeated as the next attempt. A run that a crash cut short is recorded
// as interrupted, never repeated in silence. The job's first lines
// may have run although its outcome was not recorded: a job that touches the
// world should be idempotent by its run number, see [RunFrom].
package pawl

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
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

// Runner is the handle on a scheduler that runs. It is safe for use from any
// goroutine. A Runner that nobody stops runs until its context or its process
// ends.
type Runner struct {
	engine    *engine.Engine
	store     *store.Store
	resources []resource                // that were set up
	updating  sync.Mutex                // held by an Update, and to tear down
	scheduler atomic.Pointer[Scheduler] // with the flows as they are
	observers []watcher
	committed bell // rung after each commit
	done      chan struct{}
	result    error // read after done
}

type resource struct {
	Resource
	name string
}

// WaitRun waits until a run is over, with all its attempts, and returns it. A job that
// waits keeps its slots. It is refused where it would wait for itself: for its own run, for
// a run that waits for it, or for one that waits for a limit all of whose slots are held by
// jobs within WaitRun that wait for each other so. Errors: [ErrFlowNotFound],
// [ErrRunNotFound], [ErrWouldWaitForItself], [ErrStopped], [ErrInCommit], that of ctx.
func (r *Runner) WaitRun(ctx context.Context, id string, run int64) (RunInfo, error) {
	err := notInCommit(ctx)
	for err == nil {
		info, stored, waited := r.engine.WaitRun(ctx, id, run)
		if stored && waited == nil {
			info, waited = r.stored(ctx, id, run)
		}
		if err = waited; err == nil && info.Status.Over() {
			return info, nil
		}
	}
	return RunInfo{}, fmt.Errorf("wait: %w", r.closed(err))
}

// stored reads a run that the engine does not keep.
func (r *Runner) stored(ctx context.Context, id string, run int64) (RunInfo, error) {
	info, ok, err := r.store.Run(ctx, id, run)
	if err == nil && !ok {
		flow, _ := r.engine.Status(id)
		err = core.NoRun(flow, run)
	}
	return info, err
}

// Claim says that this is the one to run the flows of a database that was copied
// or restored (see [WithRestoreGuard]), and returns when that is committed: flows
// run again, and catch up on what is overdue. Otherwise it changes nothing. Errors:
// [ErrStopped], [ErrInCommit], that of the database, that of ctx.
func (r *Runner) Claim(ctx context.Context) error {
	return operate(ctx, "claim", func() error { return r.engine.Claim(ctx) })
}

// AcceptClock says that the wall clock is right, though it is more than three hours behind
// the newest transition (see [WithClockTrusted]), and returns when that is committed. If it
// is not behind, nothing changes. Errors: as of [Runner.Claim].
func (r *Runner) AcceptClock(ctx context.Context) error {
	return operate(ctx, "accept the clock", func() error { return r.engine.AcceptClock(ctx) })
}

// ClockBehind is the time of the newest transition that the wall clock was more than three
// hours behind when the runner started, as long as it is not believed: occurrences wait.
// The zero time: it is believed.
func (r *Runner) ClockBehind() time.Time { return r.engine.ClockBehind() }

// Degraded is why the database takes no writes; nil: it does. A full disk, a lock
// of another program, a file that was deleted: meanwhile no flow is dispatched,
// Trigger and Reset return the error at once, and the ends of runs are kept. The
// runner tries again every second and goes on by itself, but for a file that was
// deleted or replaced, which has to be put back first. A spell is logged once, as
// an error that begins with "degraded:".
func (r *Runner) Degraded() error { return r.engine.Degraded() }

// LogSize is the length of the database's write-ahead log in bytes; 0: it is not known.
// The log grows while another program reads in a transaction that it does not end.
func (r *Runner) LogSize() int64 {
	log, err := r.store.WAL()
	if err != nil {
		return 0
	}
	return log.Size
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

// Runs reads runs from the database, newest first. Errors: [ErrStopped],
// [ErrInCommit], that of ctx, a query that makes no sense.
func (r *Runner) Runs(ctx context.Context, q RunsQuery) ([]RunInfo, error) {
	if err := notInCommit(ctx); err != nil {
		return nil, fmt.Errorf("runs: %w", err)
	}
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
// goes on. Stop returns in bounded time whatever jobs do. From within a commit it is
// [ErrInCommit], and nothing stops.
func (r *Runner) Stop(ctx context.Context) error {
	if err := notInCommit(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
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
// any more, nor is an observer told of anything, when resources go, and all of them
// may use the database until it goes.
func (r *Runner) end() {
	err := r.engine.Wait()
	err = errors.Join(err, r.endObservers(), r.teardown())
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
	r.updating.Lock()
	defer r.updating.Unlock()
	return teardown(r.resources)
}

func teardown(resources []resource) error {
	var errs []error
	for i := len(resources) - 1; i >= 0; i-- {
		res := resources[i]
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
