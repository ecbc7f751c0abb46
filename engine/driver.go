package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// driver is the state of the one goroutine that owns every flow.
type driver struct {
	counters Counters
	owner    Owner
	batch    batch // the last one, for its memory
	ownerNew bool  // the owner's row is not as it stands in the store
	loops    loops
	inFlight int
	died     error // read after drained
	timer    *time.Timer
	clock    clock

	// What the store did not take yet and nobody else will ask for again: the
	// ends of runs, above all.
	kept []command

	// While the store fails: since when, and when it is tried again. Both monotonic.
	failing time.Time
	retryAt time.Time
	failure error // the last one

	// Flows of commits that failed. What that means is unknown until they are
	// read again: the commit may have taken effect.
	doubtful map[*flow]bool

	// While the engine drains.
	draining bool
	ending   bool     // no run is started any more
	overdue  []string // flows that ran when the stop window passed, or later
}

// command asks the driver to apply an event to a flow.
type command struct {
	flow  *flow
	event Event
	inbox bool // it is the row in the inbox with the id row
	row   int64
	err   error      // the answer is known already
	after time.Time  // of a kept command: not before; monotonic
	reply chan reply // capacity 1, so that the driver never waits; nil: nobody does
}

type reply struct {
	run     int64
	err     error
	unknown bool // the store failed; the command may or may not have taken effect
}

// batch is what one commit is about. Its slices are used again by the next one,
// so nothing may keep a part of them.
type batch struct {
	commands []command
	replies  []reply  // of each command
	flows    []*flow  // of each change
	states   []*State // that each change leads to
	Batch
	counters Counters
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
		e.background.Wait()
		e.finish(result)
	}()
	e.timer = time.NewTimer(0)
	defer e.timer.Stop()
	for !e.drainedAll() {
		e.commit(e.gather())
	}
	result = e.lastCommit()
}

// gather waits for something to do, and takes with it whatever else is ready:
// all that queued up while the last commit was syncing shares the next one.
func (e *Engine) gather() []command {
	batch := e.batch.commands[:0]
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
	batch = receive(batch, e.urgent)
	batch = receive(batch, e.commands)
	runtime.Gosched() // those who were just answered ask for their next runs, and share this commit
	batch = receive(batch, e.commands)
	if time.Now().Before(e.retryAt) {
		return batch
	}
	batch = e.takeKept(batch)
	select {
	case <-e.stopSignal(): // nothing is dispatched that became due after it
		e.beginDrain()
	default:
	}
	if !e.draining {
		batch = e.watchClock(batch)
		batch = e.loops.takeDue(batch, e.now())
	}
	return batch
}

// receive takes what is in the channel without waiting.
func receive(batch []command, from <-chan command) []command {
	for range maxBatch {
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
	for _, c := range e.kept {
		sooner(c.after)
	}
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
	if time.Now().Before(e.retryAt) {
		e.holdUp(commands, e.failure)
		return
	}
	e.resolveDoubts()
	reloaded := map[*flow]bool{}
	for range 2*len(commands) + 1 { // a flow is rejected twice at most
		b := e.apply(commands)
		err := e.write(b)
		if !e.heal(commands, err, reloaded) {
			e.settle(b, err)
			return
		}
	}
	panic("rejections do not end")
}

// apply runs the core over the commands, each on the state that those before it
// left. Every transition becomes a change of its own.
func (e *Engine) apply(commands []command) batch {
	b := e.batch.again(commands, e.counters)
	now := e.now()
	for i, c := range commands {
		if c.err != nil {
			b.replies[i].err = c.err
		} else if change, err := b.applyOne(c, now); err != nil {
			b.replies[i].err = err
		} else {
			b.replies[i].run = change.RunNumber
		}
		if c.inbox {
			b.Answers = append(b.Answers, answer(c, b.replies[i], now))
		}
	}
	for _, f := range b.flows {
		f.next = nil
	}
	e.batch = b
	if e.ownerNew {
		owner := e.owner
		b.Owner = &owner
	}
	return b
}

// again empties a batch for other commands.
func (b *batch) again(commands []command, counters Counters) batch {
	clear(b.Changes) // they hold on to runs and states
	if cap(b.Changes) > 4*maxBatch {
		*b = batch{} // that of a start with many flows
	}
	return batch{
		commands: commands, counters: counters,
		replies: append(b.replies[:0], make([]reply, len(commands))...),
		flows:   b.flows[:0], states: b.states[:0],
		Batch: Batch{Changes: b.Changes[:0]},
	}
}

func (b *batch) applyOne(c command, now time.Time) (Change, error) {
	state := c.flow.next
	if state == nil {
		state = c.flow.state.Load()
	}
	if r, ok := c.event.(Reserve); ok {
		r.Key = b.counters.Run + 1
		c.event = r
	}
	change, err := Apply(*state, c.event, now, c.flow.plan)
	if err != nil {
		return Change{}, err
	}
	b.counters.Seq++
	change.Seq = b.counters.Seq
	b.counters.Run = max(b.counters.Run, change.LastKey)
	b.counters.Flow = max(b.counters.Flow, change.Key)
	next := &State{}
	*next = change.State
	c.flow.next = next
	b.Changes = append(b.Changes, change)
	b.flows = append(b.flows, c.flow)
	b.states = append(b.states, next)
	return change, nil
}

func answer(c command, r reply, now time.Time) Answer {
	a := Answer{ID: c.row, At: now}
	switch {
	case r.err != nil:
		a.Error = r.err.Error()
	case r.run != 0:
		a.Result = strconv.FormatInt(r.run, 10)
	default:
		a.Result = "done"
	}
	return a
}

// write commits a batch. A batch that only refuses opens no transaction.
func (e *Engine) write(b batch) error {
	if len(b.Changes) == 0 && len(b.Answers) == 0 && b.Owner == nil {
		return nil
	}
	// Not the context of a caller: his end must not undo what others asked for.
	return e.Store.Commit(context.Background(), b.Batch)
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
	for i, c := range b.commands {
		e.reply(c, b.replies[i])
		if c.err != nil {
			e.later(c)
		} else if b.replies[i].err != nil && c.flow != nil {
			e.look(c.flow) // refused: its state is not what it was taken for
		}
	}
}

func (b batch) wrote() bool { return len(b.Changes) > 0 || len(b.Answers) > 0 || b.Owner != nil }

// publish shows the new states, and sets the loops to follow them.
func (e *Engine) publish(b batch) {
	for i := range b.Changes {
		c, f := &b.Changes[i], b.flows[i]
		e.inFlight += c.InFlight - f.state.Load().InFlight
		f.state.Store(b.states[i])
		e.log(c)
		e.announce(f, c.Runs)
	}
	for _, f := range b.flows {
		e.look(f)
	}
}

// log tells of a transition: trips as warnings, the rest for who debugs.
func (e *Engine) log(c *Change) {
	if c.Status == StatusTripped && c.From != StatusTripped {
		e.Logger.Warn("pawl: flow tripped", "flow", c.ID, "streak", c.FailureStreak, "error", firstLine(c.LastError))
	}
	if !e.Logger.Enabled(e.work, slog.LevelDebug) {
		return
	}
	next := "never"
	if !c.NextRun.IsZero() {
		next = stamp(c.NextRun)
	}
	e.Logger.Debug("pawl: transition", "flow", c.ID, "event", c.Event, "run", c.RunNumber,
		"from", c.From, "to", c.Status, "streak", c.FailureStreak, "next", next, "note", c.Note)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func (e *Engine) reply(c command, r reply) {
	if c.reply != nil {
		c.reply <- r
	}
}

// fail answers a batch that the store did not take. Its outcome is unknown: a
// failed COMMIT may yet be found in the log after a crash. So callers get the
// error at once; the ends of runs and flows that are due are tried again.
func (e *Engine) fail(b batch, err error) {
	if e.failing.IsZero() {
		e.failing = time.Now()
		e.Logger.Error("pawl: the database does not take writes; no flow is dispatched until it does", "error", err)
	}
	e.retryAt, e.failure = time.Now().Add(retryDelay), err
	e.ownerNew = true // something to write, so that the end of the spell is noticed
	for _, f := range b.flows {
		e.doubtful[f] = true
	}
	e.holdUp(b.commands, err)
}

// holdUp answers commands while the store fails.
func (e *Engine) holdUp(commands []command, err error) {
	for _, c := range commands {
		e.reply(c, reply{err: fmt.Errorf("commit: %w", err), unknown: true})
		e.keep(c, time.Time{})
		if c.flow != nil {
			e.look(c.flow)
		}
	}
}

// recovered ends a spell in which the store failed.
func (e *Engine) recovered() {
	if e.failing.IsZero() {
		return
	}
	e.Logger.Info("pawl: the database takes writes again", "after", time.Since(e.failing))
	e.failing, e.retryAt, e.failure = time.Time{}, time.Time{}, nil
}

// keep holds what must not be dropped until it is durable or refused.
func (e *Engine) keep(c command, after time.Time) {
	switch c.event.(type) {
	case Outcome, Cancel, Adjust, Correct:
		c.err, c.after = nil, after
		e.kept = append(e.kept, c)
	}
}
