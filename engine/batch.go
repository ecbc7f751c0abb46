package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// batch is what one commit is about. Its slices are used again by the next one,
// so nothing may keep a part of them.
type batch struct {
	commands []command
	replies  []reply // of each command
	flows    []*flow // of each change
	Batch
	counters Counters
	trials   int  // runs of suspects in flight, as the changes leave them
	claimed  bool // the database is claimed with it
}

// apply runs the core over the commands, each on the state that those before it
// left. Every transition becomes a change of its own.
func (e *Engine) apply(commands []command) batch {
	b := e.batch.again(commands, e.counters)
	b.trials = e.trials.running
	now := e.now()
	for i, c := range commands {
		if c.err != nil {
			b.replies[i].err = c.err
		} else if c.claim {
			b.claimed = true
		} else if c.probe {
			e.ownerNew = true
		} else if err := e.admit(&b, c); err != nil {
			b.replies[i].err = err
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
	if e.ownerNew || b.claimed {
		owner := e.owner
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

func (b *batch) applyOne(c command, now time.Time) (Change, error) {
	state := c.flow.next
	if state == nil {
		state = c.flow.state.Load()
	}
	if r, ok := c.event.(Reserve); ok {
		if r.Trigger == TriggerSchedule && state.Suspect && b.trials > 0 {
			return Change{}, fmt.Errorf("%w: flow %q", errOnTrial, c.flow.id)
		}
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
	if state.onTrial() {
		b.trials--
	}
	if change.onTrial() {
		b.trials++
	}
	c.flow.next = change.State
	b.Changes = append(b.Changes, change)
	b.flows = append(b.flows, c.flow)
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
