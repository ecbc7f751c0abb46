package engine

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// Config is what an engine needs. Only Store is required.
type Config struct {
	Store        Store
	Owner        Owner            // who starts the engine; Generation and StartedAt are filled in
	Logger       *slog.Logger     // default: slog.Default()
	Now          func() time.Time // the wall clock; default: time.Now
	Queue        int              // capacity of the command queue; default 1024
	InboxPoll    time.Duration    // how often the inbox is looked at; 0: at the start, and when Nudge is called
	StopTimeout  time.Duration    // how long runs in flight may go on after Stop
	Grace        time.Duration    // how long they have after their contexts were cancelled
	Guard        bool             // run nothing on a store that was copied or restored until it is claimed
	Isolation    time.Duration    // how long a suspect waits for others at most; 0: none does
	MaxRunning   int              // runs in flight of all flows; 0: no limit
	Groups       map[string]int   // the same for the flows of a group
	ClockTrusted bool             // the clock is right at the start, also when it is behind the newest transition
	BuiltAt      time.Time        // when the program was built; zero: nobody knows
	JoinTimeout  time.Duration    // how long work may take that joins the commit of an outcome; default 1 s

	// Asleep is how long the machine was suspended so far; default: what the system says.
	Asleep func() time.Duration

	// OnDegraded is called by the driver when the store stops taking writes,
	// with another error when it fails with another, and with nil when it takes
	// writes again.
	OnDegraded func(error)

	// Observe is called after each commit that wrote something, when everybody is
	// answered, with its changes in their order; the first commit is that of Start.
	// The driver waits for it. The slice is used again, so nothing may keep a part of
	// it; the states are not changed any more. What a commit wrote that returned an
	// error, and took effect all the same, it is not told.
	Observe func(changes []core.Change)

	// Setup is called when the store is loaded and nothing is written yet; an
	// error ends the start.
	Setup func(context.Context) error
}

// Flow is a registered flow.
type Flow struct {
	ID   string
	Plan *core.Plan // Position, Database and Since are filled in
	Job  func(context.Context) error
}

// Engine drives the flows of one store. Its methods are safe for use from any
// goroutine.
type Engine struct {
	Config
	registry atomic.Pointer[registry]

	limits []*limit // every one, for the driver
	groups map[string]*limit
	total  *limit

	database string                // its id
	plans    map[core.Plan]*common // many flows share one, and its memory
	lastKey  int64                 // of a flow, given away

	wall   func() time.Time       // what the wall clock shows; Now is what the engine goes by
	behind atomic.Pointer[behind] // nil: the clock is believed

	// The driver receives from both and nobody closes them. Resets travel in
	// urgent, which is emptied first. Triggers do not wait for room in commands;
	// the ends of runs do, and are never dropped.
	commands chan command
	urgent   chan command

	nudged chan struct{} // of capacity 1, for the poller of the inbox; nobody closes it

	stopping chan struct{} // closed by Stop
	drained  chan struct{} // closed by the driver when it answers no more
	done     chan struct{} // closed with result when the engine has ended
	gone     chan struct{} // closed with the first of drained and done
	stopOnce sync.Once
	doneOnce sync.Once
	goneOnce sync.Once
	result   error     // read after done
	deadline time.Time // monotonic end of the stop window, read after stopping

	values     context.Context // those of Start's context, for jobs
	work       context.Context // ends when jobs have to; see endWork
	cancelWork context.CancelCauseFunc
	waits      waits
	background sync.WaitGroup // the inbox poller

	driver
}

// registry is every flow. It is replaced, never changed.
type registry struct {
	byID    map[string]*flow
	ordered []*flow // in the order of registration, those of earlier programs last
}

func (e *Engine) all() *registry { return e.registry.Load() }

// flow is a flow while the engine drives it.
type flow struct {
	id    string
	terms atomic.Pointer[terms]      // replaced by the driver
	state atomic.Pointer[core.State] // as last committed; written by the driver alone

	mu      sync.Mutex
	ended   *core.RunInfo // the newest run that is over; nil: none since the start
	waiters *waiter       // for the ends of runs in flight, a list
	working *execution    // likewise; see enter

	// Of the driver:
	next     *core.State    // within a batch, what the changes before left
	jobs     []*execution   // that run, and whose runs are in flight
	leaked   map[int64]bool // runs that were closed while their jobs go on
	queue    *loops         // where it waits, or did last
	wake     int64          // key in the queue's heap, in milliseconds; 0: not in it
	turn     int64          // in the queue of a limit, key of the run that waits; 0: of the schedule, or in another
	place    int32          // index in the heap
	position int32          // in the order of registration
	pruning  *pruning       // see known
	ran      map[int64]bool // of the overdue instants, those that have a run; nil: not asked
	leaks    atomic.Int32   // len(leaked), for others
	isolated bool           // its suspects have to wait
	renamed  bool           // the store knows it by another id
	changed  uint16         // index of its last change in the batch that had one, if that is so low
}

// terms are what the program says of a flow.
type terms struct {
	shared   *common // by flows whose plans are equal, but for their places; never changed
	position int
	job      func(context.Context) error
}

type common struct {
	core.Plan
	limits []*limit // that the flow shares with others
}

func (f *flow) limits() []*limit { return f.terms.Load().shared.limits }

// plan is what the program says of the flow now.
func (f *flow) plan() core.Plan {
	t := f.terms.Load()
	p := t.shared.Plan
	p.Position = t.position
	return p
}

// reconsider takes the instants before now for missed after a resume that reconsiders
// them: they are made up for as those before the start of the process. A restart that
// follows has them before its start.
func (f *flow) reconsider(e core.Event, now time.Time) {
	if resume, ok := e.(core.Resume); !ok || resume.From.IsZero() {
		return
	}
	t := *f.terms.Load()
	shared := *t.shared
	shared.Since = now
	t.shared = &shared
	f.terms.Store(&t)
}

// due is when the flow has something to do by itself; zero: never.
func (f *flow) due(now time.Time) time.Time { return f.state.Load().DueAt(now, f.planNow()) }

// Start loads the store, settles what the last owner left behind in one
// transaction, and starts the loops. The context bounds Start alone; its values
// are passed on to the jobs. An error leaves nothing running.
func Start(ctx context.Context, cfg Config, flows []Flow) (*Engine, error) {
	e := newEngine(ctx, cfg)
	snapshot, err := cfg.Store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if cfg.Setup != nil {
		if err := cfg.Setup(ctx); err != nil {
			return nil, err
		}
		e.Setup = nil // with all that it holds on to
	}
	if err := e.recover(ctx, snapshot, flows); err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	go e.drive()
	e.background.Go(e.pollInbox)
	return e, nil
}

func newEngine(ctx context.Context, cfg Config) *Engine {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Asleep == nil {
		cfg.Asleep = asleep
	}
	cfg.StopTimeout = min(cfg.StopTimeout, forever)
	if cfg.Queue <= 0 {
		cfg.Queue = 1024
	}
	if cfg.JoinTimeout <= 0 {
		cfg.JoinTimeout = time.Second
	}
	e := &Engine{
		Config:   cfg,
		commands: make(chan command, cfg.Queue),
		urgent:   make(chan command, 64),
		nudged:   make(chan struct{}, 1),
		stopping: make(chan struct{}),
		drained:  make(chan struct{}),
		done:     make(chan struct{}),
		gone:     make(chan struct{}),
		driver:   driver{doubtful: map[*flow]bool{}, pauses: pauseEnds{event: core.Resume{Expired: true}}, wakes: pauseEnds{event: core.Wake{}}},
	}
	e.wall, e.Now = cfg.Now, e.time
	e.newLimits()
	e.plans = map[core.Plan]*common{}
	e.registry.Store(&registry{})
	e.values = context.WithoutCancel(ctx)
	e.work, e.cancelWork = context.WithCancelCause(e.values)
	return e
}

// await waits for the answer to a command that was sent.
func (e *Engine) await(ctx context.Context, c command) (reply, error) {
	select {
	case r := <-c.reply:
		return r, r.err
	case <-ctx.Done():
		return reply{}, ctx.Err()
	case <-e.gone:
	}
	select { // the answer may have come with the last batch
	case r := <-c.reply:
		return r, r.err
	default:
		return reply{}, e.ended()
	}
}

// ended is why no command is answered any more.
func (e *Engine) ended() error {
	select {
	case <-e.drained:
		if e.died != nil {
			return e.died
		}
	default:
	}
	return core.ErrStopped
}

func (e *Engine) stopped() error {
	if isClosed(e.stopping) || isClosed(e.drained) {
		return e.ended()
	}
	return nil
}

// isClosed takes no lock while the channel is open, as a select of several would.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// registered finds a flow that the program has registered.
func (e *Engine) registered(id string) (*flow, error) {
	f, err := e.find(id)
	if err == nil && (f.plan().Schedule == nil || !f.state.Load().Registered) {
		return nil, fmt.Errorf("%w: %q is not registered any more", core.ErrFlowNotFound, id)
	}
	return f, err
}

// find finds a flow that the store knows.
func (e *Engine) find(id string) (*flow, error) {
	f := e.all().byID[id]
	if f == nil {
		return nil, fmt.Errorf("%w: %q", core.ErrFlowNotFound, core.Clip(id, 100))
	}
	return f, nil
}

// target finds the flow that an event is for. To cancel what an earlier program left
// waiting, nobody has to register the flow again.
func (e *Engine) target(id string, event core.Event) (*flow, error) {
	switch event.(type) {
	case core.Abort, core.Drop:
		return e.find(id)
	}
	return e.registered(id)
}

// Status is a flow as it was last committed.
func (e *Engine) Status(id string) (core.FlowInfo, bool) {
	f := e.all().byID[id]
	if f == nil {
		return core.FlowInfo{}, false
	}
	return f.info(), true
}

// info is the flow as it was last committed, with the jobs that outlast their runs.
func (f *flow) info() core.FlowInfo {
	info := f.state.Load().Info()
	info.Leaked = int(f.leaks.Load())
	if p := f.plan(); p.Schedule != nil {
		info.DueAt = core.StartOf(info, p.Schedule, p.Database)
	}
	return info
}

// List is every flow as it was last committed, in the order of registration;
// flows that are not registered any more come last.
func (e *Engine) List() []core.FlowInfo {
	ordered := e.all().ordered
	list := make([]core.FlowInfo, len(ordered))
	for i, f := range ordered {
		list[i] = f.info()
	}
	return list
}

// HasRunning says whether a run of any flow is in flight.
func (e *Engine) HasRunning() bool {
	return slices.ContainsFunc(e.all().ordered, func(f *flow) bool { return f.state.Load().InFlight > 0 })
}

// Stop asks the engine to end: commands are refused from now on, those queued
// before are carried out, no flow is dispatched, and runs in flight have until
// the stop window passes. It does not wait; see [Engine.Wait].
func (e *Engine) Stop() {
	e.stopOnce.Do(func() {
		e.deadline = time.Now().Add(e.StopTimeout)
		close(e.stopping)
		// A driver that hangs in a dead disk ends nothing, but nobody has to
		// wait for it: the next start settles what it left.
		hard := time.AfterFunc(e.StopTimeout+e.Grace+hangLimit, func() {
			e.finish(fmt.Errorf("%w: the database does not answer", core.ErrStopTimeout))
		})
		go func() {
			<-e.done
			hard.Stop()
		}()
	})
}

// forever is a stop timeout that can be added to the time of day.
const forever = 100 * 365 * 24 * time.Hour

// hangLimit is how long the last commits of a stop may take.
const hangLimit = 10 * time.Second

// Wait blocks until the engine has ended and returns why: nil after an orderly
// stop, [core.ErrStopTimeout] when runs outlasted the window.
func (e *Engine) Wait() error {
	<-e.done
	return e.result
}

// Done is closed when the engine has ended.
func (e *Engine) Done() <-chan struct{} { return e.done }

// finish ends the engine with the first result it is given.
func (e *Engine) finish(err error) {
	e.doneOnce.Do(func() {
		e.result = err
		e.endWork(core.ErrStopped)
		close(e.done)
		e.leave()
	})
}

// leave tells those who wait for an answer that none will come any more.
func (e *Engine) leave() { e.goneOnce.Do(func() { close(e.gone) }) }
