package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// batch is what one commit is about. Its slices are used again by the next one,
// so nothing may keep a part of them.
type batch struct {
	commands []command
	replies  []reply // of each command
	flows    []*flow // of each change
	Batch
	counters Counters
	suspects int                    // all there are, as the changes leave them
	trials   int                    // those that are in flight
	claimed  bool                   // the database is claimed with it
	tokens   map[token]*core.RunKey // that the changes give
}

// apply runs the core over the commands, each on the state that those before it
// left. Every transition becomes a change of its own.
func (e *Engine) apply(commands []command) batch {
	b := e.batch.again(commands, e.counters)
	b.suspects, b.trials = e.trials.suspects, e.trials.running
	for _, l := range e.limits {
		l.next, l.crowd = l.running, false
	}
	now := e.now()
	for i, c := range commands {
		if c.err != nil {
			b.replies[i].err = c.err
		} else if c.refused != nil {
			b.replies[i].err = c.refused
		} else if c.claim {
			b.claimed = true
		} else if c.accept {
			b.replies[i] = e.accept()
		} else if c.probe {
			e.ownerNew = true
		} else if c.look {
			b.replies[i] = reply{}
		} else if err := e.admit(&b, c); err != nil {
			b.replies[i].err = err
		} else {
			b.replies[i] = e.applyOne(&b, c, now)
		}
		if c.inbox {
			b.Answers = append(b.Answers, answer(c, b.replies[i], now))
		}
	}
	for _, f := range b.flows {
		f.next = nil
	}
	e.batch = b
	if e.ownerNew || b.claimed {
		owner := e.owner
		owner.AgesWait = e.agesWait()
		if b.claimed {
			owner.Passive = ""
		}
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
		flows:   slices.Grow(b.flows[:0], len(commands)),
		Batch:   Batch{Changes: slices.Grow(b.Changes[:0], len(commands))},
	}
}

// applyOne runs the core over a command, on the state that those before it left.
func (e *Engine) applyOne(b *batch, c command, now time.Time) reply {
	if c.moved() {
		return reply{err: fmt.Errorf("%w: flow %q", core.ErrUnchanged, c.flow.id)}
	}
	state := c.flow.next
	if state == nil {
		state = c.flow.state.Load()
	}
	event, err := e.prepare(b, c, state, now)
	if err != nil {
		return reply{err: err}
	}
	plan := c.flow.plan()
	plan.Isolated = e.isolates(b, c.flow, state)
	change, err := core.Apply(*state, event, now, plan)
	if err != nil {
		if k := new(core.DuplicateKey); errors.As(err, &k) {
			return reply{run: k.Run, runs: 1}
		}
		if errors.Is(err, core.ErrNotInFlight) {
			b.late(c, now, e.owner.Generation)
		}
		return reply{err: err}
	}
	b.add(c, state, change)
	c.flow.crowd(change.State, now)
	c.flow.reconsider(c.event, now)
	return reply{run: change.RunNumber, runs: int64(len(change.Runs))}
}

// add takes a change into the batch.
func (b *batch) add(c command, before *core.State, change core.Change) {
	b.counters.Seq++
	change.Number(b.counters.Seq)
	b.counters.Run = max(b.counters.Run, change.LastKey)
	b.counters.Flow = max(b.counters.Flow, change.Key)
	if before.HasSuspects() || change.HasSuspects() {
		b.suspects += change.SuspectCount() - before.SuspectCount()
		b.trials += change.SuspectsInFlight() - before.SuspectsInFlight()
	}
	for _, l := range c.flow.limits() {
		l.next += change.InFlight - before.InFlight
	}
	if change.Token != nil {
		if b.tokens == nil {
			b.tokens = map[token]*core.RunKey{}
		}
		b.tokens[token{c.flow, change.Token.Key}] = change.Token
	}
	c.flow.next = change.State
	change.Plain = before.IsPlain() && change.IsPlain()
	if last := int(c.flow.changed); last < len(b.Changes) && b.Changes[last].State == before && before.Version > 1 {
		passing := &b.Changes[last]
		passing.Passing, change.Passed = true, passing.Passed+1
		change.Plain = change.Plain && passing.Plain
	}
	c.flow.changed = uint16(len(b.flows))
	if c.join != nil {
		b.Join = c.join
	}
	b.Changes = append(b.Changes, change)
	b.flows = append(b.flows, c.flow)
}

// token is an idempotency key of a flow.
type token struct {
	flow *flow
	key  string
}

// prepare fills in what the core is to be told: keys of rows, what is known in the
// store, whether limits leave room.
func (e *Engine) prepare(b *batch, c command, s *core.State, now time.Time) (core.Event, error) {
	key := b.counters.Run + 1
	switch event := c.event.(type) {
	case core.Reserve:
		event.Key, event.Full = key, c.flow.inTheWay(event.Trigger == core.TriggerSchedule) != nil
		var err error
		if event.Trigger == core.TriggerSchedule {
			event.Ran, err = e.ran(c.flow, s, now)
		}
		if event.Token == "" {
			return event, err
		}
		event.Known, err = e.known(b, token{c.flow, event.Token}, s)
		return event, err
	case core.Accept:
		event.Key = key
		return event, nil
	case core.Cancel:
		event.Key = key
		return event, nil
	case core.Backfill:
		event.Key = key
		return e.missing(b, event, c, s)
	case core.Abort:
		return e.locate(b, event, c.flow, s)
	case core.Resume, core.Pause:
		c.flow.ran = nil // others may be overdue now
	}
	return c.event, nil
}

// known is what an idempotency key stands for.
func (e *Engine) known(b *batch, t token, s *core.State) (*core.RunKey, error) {
	if k := b.tokens[t]; k != nil {
		return k, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return e.Store.RunKey(ctx, s.Key, t.key)
}

// locate reads a run that is to be cancelled and may wait in the store alone.
func (e *Engine) locate(b *batch, a core.Abort, f *flow, s *core.State) (core.Event, error) {
	if s.HasInFlight(a.Run) || s.QueuedRun(a.Run) != nil || s.AsideRun(a.Run) != nil || s.Waiting+s.Backfill == len(s.Queue())+len(s.BackfillQueue()) {
		return a, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	run, ok, err := e.Store.WaitingRun(ctx, s.Key, a.Run)
	if err == nil && ok && !b.cancelled(f, run) {
		a.Found = &run
	}
	return a, err
}

// cancelled says whether a change of the batch has cancelled a run that waits in the
// store still.
func (b *batch) cancelled(f *flow, run core.Run) bool {
	for i := range b.Changes {
		c := &b.Changes[i]
		same := func(r core.Run) bool { return r.Number == run.Number }
		if b.flows[i] == f && (c.Drop && run.Trigger == core.TriggerBackfill || slices.ContainsFunc(c.Runs, same)) {
			return true
		}
	}
	return false
}

// missing leaves out of a backfill the instants that have a run.
func (e *Engine) missing(batch *batch, b core.Backfill, c command, s *core.State) (core.Event, error) {
	if c.again || len(b.Instants) == 0 {
		return b, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), backfillTimeout)
	defer cancel()
	ran, err := e.Store.Ran(ctx, s.Key, s.Reached, b.Instants[0], b.Instants[len(b.Instants)-1])
	if err != nil {
		return nil, err
	}
	batch.addRan(ran, c.flow)
	b.Instants = slices.DeleteFunc(slices.Clone(b.Instants), func(t time.Time) bool {
		if !s.NextRun.IsZero() && !t.Before(s.NextRun) { // the schedule is about to run it
			return true
		}
		_, has := ran[t.UnixMilli()]
		return has
	})
	if len(b.Instants) == 0 {
		return nil, fmt.Errorf("%w: every instant has a run", core.ErrUnchanged)
	}
	return b, nil
}

// addRan adds the instants that get a run in this batch.
func (b *batch) addRan(ran map[int64]bool, f *flow) {
	for i := range b.Changes {
		for _, r := range b.Changes[i].Runs {
			if b.flows[i] == f && (r.Trigger == core.TriggerSchedule || r.Trigger == core.TriggerBackfill) && r.Status != core.RunCancelled {
				at := r.ScheduledAt.UnixMilli()
				ran[at] = ran[at] || r.Trigger == core.TriggerBackfill
			}
		}
	}
}

// backfillTimeout bounds how long a look for the runs of many instants may take.
const backfillTimeout = 10 * time.Second

// late keeps aside what a job returned whose run was closed before.
func (b *batch) late(c command, now time.Time, generation int64) {
	switch event := c.event.(type) {
	case core.Outcome:
		if c.flow.leaked[event.Run] {
			b.Late = append(b.Late, Late{Flow: c.flow.id, Run: event.Run, At: now, Error: event.Error, Generation: generation})
		}
	case core.Cancel:
		if c.flow.leaked[event.Run] {
			b.Late = append(b.Late, Late{Flow: c.flow.id, Run: event.Run, At: now, Error: event.Error, Generation: generation})
		}
	}
}

// leak remembers a job that goes on although its run is closed.
func (f *flow) leak(run int64) {
	if f.leaked == nil {
		f.leaked = map[int64]bool{}
	}
	f.leaked[run] = true
	f.leaks.Store(int32(len(f.leaked)))
}

// returned forgets it.
func (f *flow) returned(event core.Event) {
	switch event := event.(type) {
	case core.Outcome:
		delete(f.leaked, event.Run)
	case core.Cancel:
		delete(f.leaked, event.Run)
	}
	f.leaks.Store(int32(len(f.leaked)))
}

func answer(c command, r reply, now time.Time) Answer {
	a := Answer{ID: c.row, At: now}
	switch {
	case errors.Is(r.err, core.ErrUnchanged):
		a.Result = "unchanged"
		if c.counts() {
			a.Result = "0"
		}
	case r.err != nil:
		a.Error, a.Code = r.err.Error(), errorCode(r.err)
		if errors.Is(r.err, core.ErrTooLarge) { // else a row that nobody can use takes its space for as long as it is kept
			a.Rest = c.rest
		}
	case c.counts():
		a.Result = strconv.FormatInt(r.runs, 10)
	case r.run != 0 && c.starts():
		a.Result, a.Rest = strconv.FormatInt(r.run, 10), c.rest
	default:
		a.Result = "done"
	}
	return a
}

// counts says whether the answer to a command is how many runs were accepted.
func (c command) counts() bool {
	_, ok := c.event.(core.Backfill)
	return ok
}

// starts says whether it is the number of a run.
func (c command) starts() bool {
	_, ok := c.event.(core.Reserve)
	return ok
}

// write commits a batch. A batch that only refuses opens no transaction.
func (e *Engine) write(b batch) error {
	if b.Batch.empty() {
		return nil
	}
	b.JoinTimeout = e.JoinTimeout
	// Not the context of a caller: his end must not undo what others asked for.
	return e.Store.Commit(context.Background(), b.Batch)
}
