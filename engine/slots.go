package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// fillSlots adds to a batch the starts of runs that wait for the room that it makes. A
// queue so has as many starts in a commit as runs that end in it, and its slots are
// not empty from one commit to the next. Flows that share limits have their turns by
// when their runs were asked for.
func (e *Engine) fillSlots(b *batch) {
	if isClosed(e.stopping) || e.passive() { // nothing is dispatched after that, also before the driver has seen it
		return
	}
	now := e.now()
	for i, f := range b.flows {
		f.next = b.Changes[i].State // that of its last change stays
	}
	for _, f := range b.flows { // those of this moment
		if f.next == nil || !f.ready(now) {
			continue
		}
		if len(f.limits()) > 0 {
			e.turns = append(e.turns, f.nextTurn(now))
		}
		for len(f.limits()) == 0 && f.ready(now) && e.fillOne(b, f, now) {
			continue
		}
		f.next = nil
	}
	e.takeTurns(b, now)
	for _, f := range b.flows {
		f.next = nil
	}
	e.batch = *b
}

// fillOne adds the start of one run. It says whether more may follow.
func (e *Engine) fillOne(b *batch, f *flow, now time.Time) bool {
	if len(b.commands) >= 2*maxBatch {
		return false
	}
	c := command{flow: f, event: isDue}
	r := e.applyOne(b, c, now)
	b.commands, b.replies = append(b.commands, c), append(b.replies, r)
	return r.err == nil
}

// takeTurns adds the starts of flows that share limits.
func (e *Engine) takeTurns(b *batch, now time.Time) {
	slices.SortFunc(e.turns, byTurn)
	for _, t := range e.turns {
		t.flow.next = t.next
	}
	for i := 0; i < len(e.turns); i++ {
		f := e.turns[i].flow
		if !f.ready(now) || !e.fillOne(b, f, now) || !f.ready(now) {
			continue
		}
		next := f.nextTurn(now)
		at, _ := slices.BinarySearchFunc(e.turns[i+1:], next, byTurn)
		e.turns = slices.Insert(e.turns, i+1+at, next)
	}
	clear(e.turns)
	e.turns = e.turns[:0]
}

// turn is the place of a flow among those that wait for a limit.
type turn struct {
	flow *flow
	wake int64       // when its next run may start, in milliseconds
	key  int64       // of that run; 0: it is one of the schedule
	next *core.State // as a batch leaves the flow so far
}

func byTurn(a, b turn) int {
	return cmp.Or(cmp.Compare(a.wake, b.wake), cmp.Compare(a.key, b.key))
}

// nextTurn is the place of a flow that is ready, as a batch leaves it so far.
func (f *flow) nextTurn(now time.Time) turn {
	run, at := f.next.NextQueued(now, f.planNow())
	return turn{f, at.UnixMilli(), run.Key, f.next}
}

// ready says whether, as a batch leaves the flow so far, a run waits that may start at
// now. Those of suspects, and of flows whose limits others wait for, have their turn.
func (f *flow) ready(now time.Time) bool {
	run, at := f.next.NextQueued(now, f.planNow())
	if run == nil || at.After(now) || f.next.HasSuspects() {
		return false
	}
	return !slices.ContainsFunc(f.limits(), func(l *limit) bool { return l.full() || len(l.queue.heap) > 0 })
}
