package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/clip"
	"github.com/pawl-go/pawl/internal/instant"
)

// driver is the state of the one goroutine that owns every flow.
type driver struct {
	counters Counters
	owner    Owner
	batch    batch        // the last one, for its memory
	gathered []command    // likewise
	ownerNew bool         // the owner's row is not as it stands in the store
	refusals atomic.Int64 // rows of the inbox that were refused while nobody waited for their answers
	loops    loops
	pauses   pauseEnds
	wakes    pauseEnds
	trials   trials
	pruner   pruner
	tending  tending
	inFlight int
	turns    []turn // of a moment, for their memory
	died     error  // read after drained
	timer    *time.Timer
	clock    clock
	agesFrom time.Time // deletion by age waits until after then, monotonic; zero: it does not
	accepted bool      // somebody accepts a clock that is behind

	// What the store did not take yet and nobody else will ask for again: the
	// ends of runs, above all.
	kept []command

	// While the store fails: since when, and when it is tried again. Both monotonic.
	failing time.Time

	complaints map[string]*complaint // by their text
	retryAt    time.Time
	failure    error // the last one

	isolating atomic.Bool // trials.isolating for others

	degraded atomic.Pointer[error] // the same for others; nil: the store is well

	piling bool // the last checkpoint failed

	// Flows of commits that failed. What that means is unknown until they are
	// read again: the commit may have taken effect.
	doubtful      map[*flow]bool
	claimDoubtful bool // there was a claim among them

	// While the engine drains.
	draining bool
	ending   bool     // no run is started any more
	overdue  []string // flows that ran when the stop window passed, or later
}

// command asks the driver to apply an event to a flow.
type command struct {
	flow    *flow
	event   core.Event
	join    any          // what the store does in the transaction of this outcome
	again   bool         // a backfill also runs instants that were run
	look    bool         // it has no event: its flow is looked at again
	claim   bool         // it has no event: it claims the database
	accept  bool         // it has no event: it accepts the clock
	do      func() reply // it has no event: it is done between two batches
	probe   bool         // it has no event: it writes the owner's row
	inbox   bool         // it is the row in the inbox with the id row
	row     int64
	rest    *string    // the row's args without the input, which the run gets; nil: there is none
	posted  *Command   // the row, if nobody waits for its answer; nil: somebody does, or it is no row
	err     error      // the answer is known already
	refused error      // likewise, and the database has nothing against the flow
	version int64      // of a kept step of the clock: of its flow before; 0: it was not kept
	after   time.Time  // of a kept command: not before; monotonic
	reply   chan reply // capacity 1, so that the driver never waits; nil: nobody does
}

type reply struct {
	run     int64
	runs    int64 // how many from run on
	err     error
	unknown bool // the store failed; the command may or may not have taken effect
}

var errDriver = errors.New("the driver died of a bug in this package")

const (
	maxBatch    = 1000        // commands, and flows that are due, in one transaction
	retryDelay  = time.Second // between attempts while the store fails
	rejectDelay = time.Minute // before what the database rejected is tried again
	lookDelay   = time.Minute // the longest sleep: the clock is compared that often
	callTimeout = time.Second // of reading flows again
)

// drive is the driver: the single writer.
func (e *Engine) drive() {
	var result error
	defer func() {
		if r := recover(); r != nil {
			e.died = fmt.Errorf("%w: %v", errDriver, r)
			result = e.died
			e.Logger.Error("pawl: driver died", "panic", r, "stack", string(debug.Stack()))
		}
		close(e.drained)
		e.leave()
		e.background.Wait()
		e.finish(result)
	}()
	e.timer = time.NewTimer(0)
	defer e.timer.Stop()
	e.pruner.start(time.Now())
	for !e.drainedAll() {
		commands := e.gather()
		e.commit(commands)
		e.prune(len(commands) > 0)
		e.tend()
	}
	result = e.lastCommit()
}

// gather waits for something to do, and takes with it whatever else is ready:
// all that queued up while the last commit was syncing shares the next one.
func (e *Engine) gather() []command {
	batch := e.gathered[:0]
	e.arm()
	select {
	case c := <-e.urgent:
		batch = append(batch, c)
	default:
		select {
		case c := <-e.urgent:
			batch = append(batch, c)
		case c := <-e.commands:
			batch = append(batch, c)
		case <-e.timer.C:
		case <-e.stopSignal():
			e.beginDrain()
		}
	}
	batch = receive(batch, e.urgent, maxBatch)
	if time.Now().Before(e.retryAt) {
		return receive(batch, e.commands, maxBatch)
	}
	batch = e.takeKept(batch)
	steps := e.watchClock()
	batch, more := e.takeDue(batch)
	batch = slices.Insert(batch, 0, steps...) // before what begins a wait by the clock as it is now
	room := maxBatch
	if more { // the ends of runs wait, so that flows start on time
		room /= 8
	}
	most := len(batch) + 2*room
	for range 2 { // those who were just answered ask for their next runs, and share this commit
		batch = receive(batch, e.commands, most-len(batch))
		runtime.Gosched()
	}
	return receive(batch, e.commands, most-len(batch))
}

// takeDue adds the flows that are due, unless the engine stops: nothing is
// dispatched that became due after that. It says whether more may be.
func (e *Engine) takeDue(batch []command) ([]command, bool) {
	select {
	case <-e.stopSignal():
		e.beginDrain()
	default:
	}
	if e.draining {
		return batch, false
	}
	e.isolateSuspects(e.now())
	batch = e.trials.takeOver(batch)
	batch = e.pauses.takeDue(batch, e.now(), maxBatch)
	batch = e.wakes.takeDue(batch, e.now(), maxBatch)
	batch = e.takeFreed(batch, e.now())
	return e.loops.takeDue(batch, e.now(), maxBatch)
}

// receive takes at most n commands that are in the channel, without waiting.
func receive(batch []command, from <-chan command, n int) []command {
	for range n {
		select {
		case c := <-from:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// stopSignal is nil once it was seen.
func (e *Engine) stopSignal() <-chan struct{} {
	if e.draining {
		return nil
	}
	return e.stopping
}

// arm sets the timer to the earliest instant at which the driver has work of its
// own. It sleeps on the monotonic clock, and never long, since due times are
// those of the wall clock.
func (e *Engine) arm() {
	wait := lookDelay
	sooner := func(t time.Time) { wait = min(wait, time.Until(t)) }
	if due := e.loops.first(); !due.IsZero() && !e.draining {
		wait = min(wait, due.Sub(e.Now()))
	}
	for _, ends := range []*pauseEnds{&e.pauses, &e.wakes} {
		if end := ends.first(); !end.IsZero() && !e.draining {
			wait = min(wait, end.Sub(e.Now()))
		}
	}
	if since := e.firstFreed(); !since.IsZero() && !e.draining {
		wait = min(wait, since.Sub(e.Now()))
	}
	if until := e.trials.until(e.Isolation); !until.IsZero() && !e.draining {
		sooner(until)
	}
	for _, c := range e.kept {
		sooner(c.after)
	}
	wait = min(wait, e.pruneIn(time.Now()), e.tendIn(time.Now()))
	if time.Now().Before(e.retryAt) {
		wait = time.Until(e.retryAt)
	}
	if e.draining && e.overdue == nil {
		sooner(e.deadline)
	} else if e.draining {
		sooner(e.deadline.Add(e.Grace))
	}
	e.timer.Reset(max(wait, 0))
}

// takeKept adds what the store did not take before.
func (e *Engine) takeKept(batch []command) []command {
	now := time.Now()
	var rest []command
	for _, c := range e.kept {
		if now.Before(c.after) {
			rest = append(rest, c)
		} else {
			batch = append(batch, c)
		}
	}
	e.kept = rest
	return batch
}

// now is the engine's only clock: the wall clock at the precision of the store.
func (e *Engine) now() time.Time { return e.Now().UTC().Truncate(time.Millisecond) }

// commit makes a batch durable, then visible, then answers it. What the database
// rejects is applied again on states read from the store; a flow that is
// rejected once more is answered with the error, and nobody waits for it.
func (e *Engine) commit(commands []command) {
	together := commands[:0]
	var alone []command
	for _, c := range commands {
		if c.join != nil || c.do != nil {
			alone = append(alone, c)
		} else {
			together = append(together, c)
		}
	}
	e.commitAll(together)
	e.gathered = e.batch.commands
	for _, c := range alone {
		if c.do != nil {
			r := c.do()
			if !c.inbox || r.err == nil { // or it has answered the row itself, with what it did
				e.reply(c, r)
				continue
			}
			c.err, c.do = r.err, nil
		}
		e.commitAll([]command{c})
	}
}

func (e *Engine) commitAll(commands []command) {
	if time.Now().Before(e.retryAt) {
		e.holdUp(commands, e.failure)
		return
	}
	e.resolveDoubts()
	reloaded := map[*flow]bool{}
	for range 3*len(commands) + 2 { // a flow is rejected twice at most, an answer once, and a join fails once
		b := e.apply(commands)
		e.fillSlots(&b)
		err := e.write(b)
		if failed := new(JoinFailed); errors.As(err, &failed) {
			commands[0] = failed.outcome(commands[0])
			continue
		}
		if !e.heal(commands, err, reloaded) {
			e.settle(b, err)
			return
		}
	}
	panic("rejections do not end")
}

// settle publishes what was committed and answers everyone, in this order.
func (e *Engine) settle(b batch, err error) {
	if err != nil {
		e.fail(b, err)
		return
	}
	if b.wrote() {
		e.recovered()
		e.counters = b.counters
		e.ownerNew = e.ownerNew && b.Owner == nil
	}
	e.publish(b)
	if b.claimed {
		e.activate()
	}
	e.tellRefused(b)
	for i, c := range b.commands {
		if errors.Is(b.replies[i].err, core.ErrNotInFlight) {
			c.flow.returned(c.event)
		}
		if c.look {
			e.look(c.flow, e.now())
		}
		e.reply(c, b.replies[i])
		if c.err != nil {
			e.later(c)
		} else if err := b.replies[i].err; errors.Is(err, core.ErrUnread) {
			e.logSparsely("pawl: a flow that is due has to wait", "error", err)
			e.wait(c.flow, e.now().Add(retryDelay), e.now())
		} else if err != nil && c.flow != nil {
			e.look(c.flow, e.now()) // refused: its state is not what it was taken for
		}
	}
	if b.wrote() {
		e.observe(b)
		e.checkpoint()
	}
}

// observe lets the observer look at what was committed and answered.
func (e *Engine) observe(b batch) {
	if e.Observe != nil {
		e.Observe(b.Changes)
	}
}

// checkpoint keeps the store fast, if it can while nobody waits for it.
func (e *Engine) checkpoint() {
	e.tending.wanted = true
	err := e.Store.Checkpoint(e.waitedFor())
	if err != nil && !e.piling {
		e.Logger.Error("pawl: what was committed piles up in the log of the database", "error", err)
	}
	e.piling = err != nil
}

func (b batch) wrote() bool { return !b.Batch.empty() }

// publish shows the new states, and sets the loops to follow them.
func (e *Engine) publish(b batch) {
	for i := range b.Changes {
		c, f := &b.Changes[i], b.flows[i]
		e.replace(f, c.State)
		e.pruner.grow(f, c)
		if c.Leak != 0 {
			f.leak(c.Leak)
			e.Logger.Warn("pawl: a job goes on after its run was closed", "flow", c.ID, "run", c.Leak)
		}
		e.log(c)
		f.forgetJobs(c.Runs)
		f.announce(c)
	}
	now := e.now() // once: with many changes the clock is a good part of this
	e.isolateSuspects(now)
	for i, f := range b.flows {
		if f.state.Load() == b.Changes[i].State { // its last change
			e.look(f, now)
		}
	}
}

// log tells of a transition: trips as warnings, the rest for who debugs.
func (e *Engine) log(c *core.Change) {
	if c.Trips() {
		e.Logger.Warn("pawl: flow tripped", "flow", c.ID, "streak", c.FailureStreak, "error", clip.Line(c.LastError))
	}
	if !e.Logger.Enabled(e.work, slog.LevelDebug) {
		return
	}
	next := "never"
	if !c.NextRun.IsZero() {
		next = instant.Format(c.NextRun)
	}
	e.Logger.Debug("pawl: transition", "flow", c.ID, "event", c.Event, "run", c.RunNumber,
		"from", c.From, "to", c.Status, "streak", c.FailureStreak, "next", next, "note", c.Note)
}

func (e *Engine) reply(c command, r reply) {
	if c.reply != nil {
		c.reply <- r
	}
}
