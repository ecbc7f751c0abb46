package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/permanent"
)

// CancelGrace is what a job gets to return after its context was cancelled, for its
// deadline or because somebody asked for it, before its run is closed without it.
const CancelGrace = 10 * time.Second

// Causes of the end of a job's context.
var (
	ErrTimedOut = errors.New("the deadline of the run passed")

	// ErrAttemptTimedOut fails the attempt; another one may follow.
	ErrAttemptTimedOut = errors.New("the time limit of the attempt passed")

	ErrCancelled = errors.New("the run was cancelled")
	ErrGivenUp   = errors.New("the process died too often at the same point of the run")
)

// execution is a job at work: the flow's loop while a run is in flight. It is the parent
// of the job's context, which it tells apart from others.
type execution struct {
	context.Context // of the engine, for its values: it does not end

	run    *core.RunInfo
	key    int64 // of the run's row
	engine *Engine
	flow   *flow
	cancel context.CancelCauseFunc
	stop   context.CancelFunc // of its time limit; nil: it has none
	timer  *time.Timer        // closes the run after that; nil: it has none

	next, prev *execution // of the flow's that are at work; under its mutex

	reached atomic.Int64 // when it last recorded a checkpoint, in Unix nanoseconds; 0: never
	woken   bool         // see Woken
	asked   bool         // somebody wants it cancelled; of the driver

	mu     sync.Mutex
	loaded bool // the input is what the store has
	input  core.JSON
	output core.JSON
	join   any   // what the store does in the transaction of the outcome
	before []any // what it does before that
}

// launch starts the job of a run.
func (e *Engine) launch(f *flow, r *core.Run) {
	x := &execution{
		Context: e.values, run: &r.RunInfo, key: r.Key, engine: e, flow: f, input: r.Input, loaded: r.Input != "" || !r.HasInput, woken: r.Woken,
	}
	f.jobs = append(f.jobs, x)
	ctx, cancel := context.WithCancelCause(x)
	x.cancel = cancel
	f.enter(x)
	if e.work.Err() != nil { // nobody looks for more
		cancel(context.Cause(e.work))
	}
	if limit := f.terms.Load().shared.AttemptTimeout; limit > 0 || !r.Deadline.IsZero() {
		ctx = x.limit(ctx, r, limit)
	}
	go x.work(ctx, f.terms.Load().job)
}

// limit ends the job's context at its deadline, or when the limit of the attempt has passed,
// if there is one: at what comes first.
func (x *execution) limit(ctx context.Context, r *core.Run, limit time.Duration) context.Context {
	left, cause, late := limit, ErrAttemptTimedOut, core.Timeout{Run: r.Number, Attempt: r.Attempt, Limit: limit}
	if !r.Deadline.IsZero() {
		if rest := r.Deadline.Sub(x.engine.now()); limit == 0 || rest <= limit {
			left, cause, late.Limit = rest, ErrTimedOut, 0
		}
	}
	ctx, x.stop = context.WithDeadlineCause(ctx, time.Now().Add(left), cause)
	x.timer = x.closeAfter(max(left, 0)+x.flow.grace(), late)
	return ctx
}

// Value adds the execution to the values of the engine's context.
func (x *execution) Value(key any) any {
	if key == (runKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// enter adds a job to those of the flow that are at work, which endWork cancels one by
// one. Were they all derived from one context, each would enter and leave a map of that,
// under a lock that all share.
func (f *flow) enter(x *execution) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x.next = f.working
	if x.next != nil {
		x.next.prev = x
	}
	f.working = x
}

// exit takes off a job that has returned.
func (f *flow) exit(x *execution) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x.prev != nil {
		x.prev.next = x.next
	} else {
		f.working = x.next
	}
	if x.next != nil {
		x.next.prev = x.prev
	}
	x.next, x.prev = nil, nil // else whoever keeps its context keeps those that came after it
}

// endWork cancels every job, also one whose run was closed without it.
func (e *Engine) endWork(cause error) {
	e.cancelWork(cause)
	for _, f := range e.all().ordered {
		f.mu.Lock()
		for x := f.working; x != nil; x = x.next {
			x.cancel(cause)
		}
		f.mu.Unlock()
	}
}

// closeAfter closes the run without its job, if that has not returned then. One that
// records what it does has its grace from the last of that on.
func (x *execution) closeAfter(wait time.Duration, late core.Timeout) *time.Timer {
	return time.AfterFunc(wait, func() {
		if rest := time.Until(time.Unix(0, x.reached.Load()).Add(x.flow.grace())); rest > 0 {
			x.closeAfter(rest, late)
			return
		}
		x.engine.send(command{flow: x.flow, event: late})
	})
}

// grace is what a job of the flow gets to return.
func (f *flow) grace() time.Duration {
	if grace := f.terms.Load().shared.Grace; grace > 0 {
		return grace
	}
	return CancelGrace
}

// steer follows what was asked for of jobs at work.
func (e *Engine) steer(f *flow, open []*core.Run) {
	for i, r := range open {
		at := f.jobOf(r.Number, i)
		if at < 0 && !e.ending {
			at = len(f.jobs)
			e.launch(f, r)
			if e.overdue != nil { // a commit that was in doubt had reserved it
				e.overdue = append(e.overdue, f.id)
			}
		}
		if at >= 0 && (r.Ending || r.Lost) && !f.jobs[at].asked {
			f.jobs[at].asked = true
			f.jobs[at].cancel(whyEnds(r))
			f.jobs[at].closeAfter(f.grace(), core.Timeout{Run: r.Number})
		}
	}
}

// whyEnds is the cause of the end of the context of a run's job.
func whyEnds(r *core.Run) error {
	if r.Lost {
		return ErrGivenUp
	}
	return ErrCancelled
}

// forgetJobs forgets the jobs of runs that are not in flight any more.
func (f *flow) forgetJobs(runs []core.Run) {
	for i := range runs {
		r := &runs[i]
		if r.Was != core.RunRunning || r.Status == core.RunRunning {
			continue
		}
		if at := f.jobOf(r.Number, 0); at >= 0 {
			f.jobs = slices.Delete(f.jobs, at, at+1)
		}
	}
}

// jobOf is the index of a run's job; -1: it has none. Jobs are mostly in the order of
// the runs in flight, so it is likely the one at the run's place.
func (f *flow) jobOf(number int64, likely int) int {
	if likely < len(f.jobs) && f.jobs[likely].run.Number == number {
		return likely
	}
	return slices.IndexFunc(f.jobs, func(x *execution) bool { return x.run.Number == number })
}

// send gives the driver a command that nobody waits for.
func (e *Engine) send(c command) {
	select {
	case e.commands <- c: // one channel alone is much the cheaper
		return
	default:
	}
	select {
	case e.commands <- c:
	case <-e.gone:
	}
}

// work runs a job and sends what came of it to the driver, which waits for it
// within the stop window.
func (x *execution) work(ctx context.Context, job func(context.Context) error) {
	e := x.engine
	outcome := core.Outcome{Run: x.run.Number, Error: "the job called runtime.Goexit"}
	defer func() { // deferred, since Goexit ends the goroutine but runs this
		if r := recover(); r != nil {
			outcome.Error = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
		}
		if outcome.Error != "" && outcome.As == "" {
			switch cause := context.Cause(ctx); {
			case errors.Is(cause, ErrTimedOut):
				outcome.As = core.RunTimedOut
			case errors.Is(cause, ErrAttemptTimedOut):
				outcome.As, outcome.Limited = core.RunTimedOut, true
			}
		}
		x.flow.exit(x)
		x.cancel(nil)
		if x.timer != nil {
			x.stop()
			x.timer.Stop()
		}
		c := command{flow: x.flow}
		ended := e.now().UnixMilli()
		if e.work.Err() != nil && outcome.CutShort() {
			c.event = core.Cancel{Run: x.run.Number, Error: outcome.Error, Ended: ended}
		} else {
			outcome.Ended = ended
			c.join = x.joined(&outcome)
			c.event = outcome
		}
		e.send(c)
	}()
	take(&outcome, job(ctx))
}

// outputSoFar is what the job has set as output.
func (x *execution) outputSoFar() core.JSON {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.output
}

// joined takes the output, and what is to join the commit of a success.
func (x *execution) joined(o *core.Outcome) any {
	x.mu.Lock()
	defer x.mu.Unlock()
	o.Output = x.output
	if o.Error != "" {
		return nil
	}
	switch {
	case len(x.before) == 0:
		return x.join
	case x.join == nil:
		return x.before
	}
	return append(x.before, x.join)
}

// take translates what a job returned into an outcome.
func take(o *core.Outcome, err error) {
	if err == nil {
		o.Error = ""
		return
	}
	var a *advice // which costs an allocation
	if errors.As(err, &a) {
		o.RetryAfter = a.retryAfter
		switch {
		case a.skipped:
			o.As = core.RunSkipped
		case a.suspended:
			o.As = core.RunWaiting
		case a.rest != nil && !a.rest.Until.IsZero():
			o.As, o.Rest = core.RunParked, a.rest
		case a.rest != nil:
			o.As, o.Rest = core.RunBlocked, a.rest
		}
	}
	if o.As == "" {
		o.ExitCode = exitCode(err)
	}
	o.Permanent = permanent.Is(err)
	o.Error = text(err)
}

// exitCode is the exit code of the command whose failure an error is; 0: it is of none, as far
// as the error says, or a signal ended it.
func exitCode(err error) int {
	if c, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok && c.ExitCode() > 0 {
		return c.ExitCode()
	}
	return 0
}

// text is the message of an error, clipped here so that a megabyte of it is not
// carried on; an error without a message is one all the same.
func text(err error) string {
	if err == nil {
		return ""
	}
	if s := core.Clip(err.Error(), core.MaxRunError); s != "" {
		return s
	}
	return fmt.Sprintf("%T without a message", err)
}

// advice is an error of a job that says what to make of it.
type advice struct {
	error
	permanent  bool
	retryAfter time.Duration
	skipped    bool
	suspended  bool
	rest       *core.Rest // the run goes aside
}

func (a *advice) Unwrap() error { return a.error }

// Permanent says whether a further attempt would fail too, Skipped whether there was
// nothing to do, Suspended whether the job goes on in the next process. Middleware asks
// for them, and jobs that make attempts of their own.
func (a *advice) Permanent() bool { return a.permanent }

func (a *advice) Skipped() bool { return a.skipped }

func (a *advice) Suspended() bool { return a.suspended }

// Aside is what the run becomes that is neither over nor goes on at once, parked or blocked;
// empty: neither.
func (a *advice) Aside() core.RunStatus {
	switch {
	case a.rest == nil:
		return ""
	case a.rest.Until.IsZero():
		return core.RunBlocked
	}
	return core.RunParked
}

// Permanent says that a further attempt would fail too: none is made. Nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &advice{error: err, permanent: true}
}

// RetryAfter sets the wait before the next attempt, if there is one. Nil stays nil.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &advice{error: err, retryAfter: d}
}

// Skipped ends a run that had nothing to do, which is neither success nor failure.
func Skipped(reason string) error { return &advice{error: errors.New(reason), skipped: true} }

type runKey struct{}

// executionFrom finds the job that a context belongs to.
func executionFrom(ctx context.Context) *execution {
	x, _ := ctx.Value(runKey{}).(*execution)
	return x
}

// RunFrom is the run that a job's context belongs to.
func RunFrom(ctx context.Context) (core.RunInfo, bool) {
	x := executionFrom(ctx)
	if x == nil {
		return core.RunInfo{}, false
	}
	return *x.run, true
}

// LoggerFrom is a logger that names the run that a job's context belongs to; nil: the
// context is not that of a job.
func LoggerFrom(ctx context.Context) *slog.Logger {
	x := executionFrom(ctx)
	if x == nil {
		return nil
	}
	return x.engine.Logger.With("flow", x.run.FlowID, "run", x.run.Number, "attempt", x.run.Attempt)
}

// InputFrom is the input of the run that a job's context belongs to, read from the
// store if it is not at hand; empty: it has none.
func InputFrom(ctx context.Context) (core.JSON, error) {
	x := executionFrom(ctx)
	if x == nil {
		return "", errNoRun
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.loaded {
		input, err := x.engine.Store.Input(ctx, x.key)
		if err != nil {
			return "", err
		}
		x.input, x.loaded = input, true
	}
	return x.input, nil
}

// SetOutput keeps what is stored as the output of the run, when its job returns.
func SetOutput(ctx context.Context, output core.JSON) error {
	x := executionFrom(ctx)
	if x == nil {
		return errNoRun
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.output = output
	return nil
}

// Join lets work join the transaction that commits the success of the run; see
// [Batch.Join].
func Join(ctx context.Context, work any) error {
	x := executionFrom(ctx)
	if x == nil {
		return errNoRun
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.join = work
	return nil
}

// JoinBefore is [Join] for work that does not take the place of other work: all of it is
// done, in order, before what Join was called with last.
func JoinBefore(ctx context.Context, work any) error {
	x := executionFrom(ctx)
	if x == nil {
		return errNoRun
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.before = append(x.before, work)
	return nil
}

var errNoRun = errors.New("the context is not that of a job")
