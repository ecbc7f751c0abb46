package engine

import (
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// limit bounds the runs in flight of several flows: all of them, or a group. A flow
// that is due and finds no room waits in its queue, by the instant since when and, in
// one millisecond, by the key of its run that waits: keys ascend as runs are asked for.
type limit struct {
	max     int
	running int   // as committed
	next    int   // within a batch, as the changes so far leave it
	crowd   bool  // within a batch, whether a run of a flow that it changes waits for it
	queue   loops // flows that found no room, by when what waits of them was asked for
}

// full says whether a start has to wait, within a batch.
func (l *limit) full() bool { return l.next >= l.max }

// limitsOf are those that a flow shares: of its group, and of all flows.
func (e *Engine) limitsOf(p core.Plan) (shared []*limit) {
	if l := e.groups[p.Group]; l != nil && p.Group != "" {
		shared = append(shared, l)
	}
	if e.total != nil {
		shared = append(shared, e.total)
	}
	return shared
}

// newLimits makes the limits of the configuration.
func (e *Engine) newLimits() {
	e.groups = map[string]*limit{}
	for name, n := range e.Groups {
		e.groups[name] = &limit{max: n}
		e.limits = append(e.limits, e.groups[name])
	}
	if e.MaxRunning > 0 {
		e.total = &limit{max: e.MaxRunning}
		e.limits = append(e.limits, e.total)
	}
}

// inTheWay is a limit of the flow that leaves no room for a start, for one that was not
// asked for before also because others have waited for it longer; nil: none does.
func (f *flow) inTheWay(waiting bool) *limit {
	for _, l := range f.limits() {
		if l.full() || !waiting && (l.crowd || len(l.queue.heap) > 0) {
			return l
		}
	}
	return nil
}

// crowd lets starts that are asked for later in a batch wait behind a run of the flow
// that could start, as the batch leaves the flow.
func (f *flow) crowd(s *core.State, now time.Time) {
	if len(f.limits()) == 0 || s.Waiting == 0 {
		return
	}
	if run, at := s.NextQueued(now, f.planNow()); run == nil || at.After(now) {
		return
	}
	full := slices.ContainsFunc(f.limits(), (*limit).full)
	for _, l := range f.limits() {
		l.crowd = l.crowd || l.full() || !full
	}
}

// crowded is the limit that a flow which is due has to wait for; nil: none.
func (f *flow) crowded() *limit {
	for _, l := range f.limits() {
		if l.running >= l.max {
			return l
		}
	}
	return nil
}

// behind is a limit that has room, for which others wait; nil: there is none.
func (f *flow) behind() *limit {
	for _, l := range f.limits() {
		if len(l.queue.heap) > 0 {
			return l
		}
	}
	return nil
}

// takeFreed adds starts of flows that waited for limits which have room again, in the
// order in which they were asked for, whichever limit that was. They go before what is
// asked for now, which the batch may begin with.
func (e *Engine) takeFreed(batch []command, now time.Time) []command {
	for _, l := range e.limits {
		e.turns = l.take(e.turns, now)
	}
	slices.SortStableFunc(e.turns, byTurn)
	for i, t := range e.turns {
		batch = slices.Insert(batch, i, command{flow: t.flow, event: isDue})
	}
	clear(e.turns)
	e.turns = e.turns[:0]
	return batch
}

// take takes the first that wait off the queue, as many as there is room for. A flow of
// which several may be in flight has its place by the next of its own that waits.
func (l *limit) take(turns []turn, now time.Time) []turn {
	var taken map[*flow]int
	for room := l.max - l.running; room > 0 && len(l.queue.heap) > 0; room-- {
		f := l.queue.heap[0]
		if f.wake > now.UnixMilli() {
			break
		}
		turns = append(turns, turn{flow: f, wake: f.wake, key: f.turn})
		next := f.waiting(taken[f]+1, now)
		if next == nil {
			l.queue.set(f, time.Time{})
			continue
		}
		if taken == nil {
			taken = map[*flow]int{}
		}
		taken[f]++
		f.turn = next.Key
		l.queue.set(f, next.StartsAt(now))
	}
	return turns
}

// waiting is the run of the flow that waits and may start when n others of it have; nil:
// none.
func (f *flow) waiting(n int, now time.Time) *core.Run {
	s := f.state.Load()
	queue := s.Queue()
	if f.isolated {
		queue = slices.DeleteFunc(slices.Clone(queue), func(r *core.Run) bool { return r.Suspect })
	}
	if n >= len(queue) || s.SlotsTaken(f.terms.Load().shared.Plan)+n >= f.terms.Load().shared.RunLimit() || queue[n].StartsAt(now).After(now) {
		return nil
	}
	return queue[n]
}

// firstFreed is since when the first flow waits for a limit that has room; zero: none
// does.
func (e *Engine) firstFreed() (since time.Time) {
	for _, l := range e.limits {
		if first := l.queue.first(); l.running < l.max && !first.IsZero() && (since.IsZero() || first.Before(since)) {
			since = first
		}
	}
	return since
}
