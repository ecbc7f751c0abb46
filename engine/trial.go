package engine

import (
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// DefaultIsolation is how long a suspect waits for others at most.
const DefaultIsolation = 10 * time.Minute

// trials are the suspects, and the runs of them that are in flight.
type trials struct {
	suspects int                // all there are
	running  int                // those that are in flight
	flows    map[*flow]*suspect // that are suspects, or have some
	queue    []trial            // by their ends; one whose run is over is dropped when it comes first

	isolating bool    // at most half of the suspects run at a time
	waits     []*flow // that wait for that, the longest wait first; one that does not any more is dropped when it comes first
}

// suspect is a flow that is one, or has some.
type suspect struct {
	since    time.Time // when it was due, and has waited for others since; monotonic; zero: it does not
	released bool      // it has waited for long enough
}

type trial struct {
	flow *flow
	run  int64
	ends time.Time // monotonic
}

// full says whether further suspects have to wait, with so many of all in flight.
func (t *trials) full(running, suspects int) bool {
	return t.isolating && running >= max(suspects/2, 1)
}

// replace makes a state the committed one of a flow.
func (e *Engine) replace(f *flow, s *core.State) {
	before := f.state.Load()
	if before == nil {
		before = &core.State{}
	}
	e.inFlight += s.InFlight - before.InFlight
	for _, l := range f.limits() {
		l.running += s.InFlight - before.InFlight
	}
	if before.HasSuspects() || s.HasSuspects() {
		e.trials.follow(f, before, s)
	}
	f.state.Store(s)
}

// follow counts the suspects of a flow, and begins the trials of those that start.
func (t *trials) follow(f *flow, before, s *core.State) {
	t.suspects += s.SuspectCount() - before.SuspectCount()
	t.running += s.SuspectsInFlight() - before.SuspectsInFlight()
	if !s.HasSuspects() {
		delete(t.flows, f)
		f.isolated = false
		return
	}
	if t.flows == nil {
		t.flows = map[*flow]*suspect{}
	}
	if t.flows[f] == nil {
		t.flows[f] = &suspect{}
	}
	for _, r := range s.Open {
		if (r.Suspect || s.Suspect) && !before.HasInFlight(r.Number) {
			t.queue = append(t.queue, trial{f, r.Number, time.Now().Add(core.SuspectClearAfter)})
		}
	}
}

// on says whether a trial goes on.
func (t trial) on() bool {
	s := t.flow.state.Load()
	for _, r := range s.Open {
		if r.Number == t.run {
			return r.Suspect || s.Suspect
		}
	}
	return false
}

// first is the trial that ends first; nil: there is none.
func (t *trials) first() *trial {
	for len(t.queue) > 0 {
		if t.queue[0].on() {
			return &t.queue[0]
		}
		t.queue = t.queue[1:]
	}
	return nil
}

// takeOver adds the ends of trials that lasted long enough. Should the store not take
// one, it is asked again as much later.
func (t *trials) takeOver(batch []command) []command {
	now := time.Now()
	for first := t.first(); first != nil && !now.Before(first.ends); first = t.first() {
		over := *first
		batch = append(batch, command{flow: over.flow, event: core.Clear{Run: over.run}})
		over.ends = now.Add(core.SuspectClearAfter)
		t.queue = append(t.queue[1:], over)
	}
	return batch
}

// until is when the driver has to look after the suspects next; zero: not by itself.
func (t *trials) until(most time.Duration) (at time.Time) {
	if first := t.first(); first != nil {
		at = first.ends
	}
	if waits := t.longest(); waits != nil && (at.IsZero() || waits.since.Add(most).Before(at)) {
		at = waits.since.Add(most)
	}
	return at
}

// longest is the suspect that has waited for the longest time; nil: none waits.
func (t *trials) longest() *suspect {
	for len(t.waits) > 0 {
		if s := t.flows[t.waits[0]]; s != nil && !s.since.IsZero() && !s.released {
			return s
		}
		t.waits = t.waits[1:]
	}
	return nil
}

// hold notes since when a flow is due that has to wait for other suspects. It returns when
// the flow has something to do, if due is when something that need not wait has.
func (t *trials) hold(f *flow, due, now time.Time) time.Time {
	free := f.state.Load().DueAt(now, f.plan())
	waits := !free.IsZero() && !free.After(now) && (due.IsZero() || due.After(now))
	switch s := t.flows[f]; {
	case !waits:
		s.since = time.Time{}
		if !free.IsZero() && free.After(now) {
			return free
		}
	case s.since.IsZero():
		s.since = time.Now()
		t.waits = append(t.waits, f)
	}
	return due
}

// isolateSuspects follows whether suspects have to wait, and looks again at the flows for
// which that changes.
func (e *Engine) isolateSuspects(now time.Time) {
	t := &e.trials
	if !t.isolating {
		return
	}
	for s := t.longest(); s != nil && time.Since(s.since) >= e.Isolation; s = t.longest() {
		s.released = true
		e.Logger.Warn("pawl: a suspect has waited for others for long enough", "flow", t.waits[0].id, "waited", e.Isolation)
	}
	if t.suspects == 0 {
		t.isolating = false
		e.owner.Isolates, e.ownerNew = false, true
		e.isolating.Store(false)
	}
	full := t.full(t.running, t.suspects)
	for f, s := range t.flows {
		if waits := full && !s.released; f.isolated != waits {
			f.isolated = waits
			e.look(f, now)
		}
	}
}

// isolates says whether suspects of a flow have to wait, as a batch leaves things so far.
func (e *Engine) isolates(b *batch, f *flow, s *core.State) bool {
	if !s.HasSuspects() || !e.trials.full(b.trials, b.suspects) {
		return false
	}
	known := e.trials.flows[f]
	return known == nil || !known.released
}

// planNow is what the program says of the flow, as its suspects may start now.
func (f *flow) planNow() core.Plan {
	p := f.plan()
	p.Isolated = f.isolated
	return p
}

// wait makes a flow wait for an instant, or rest if that is zero. A flow that is due and
// shares a limit waits in order with the others that do, also if there is room.
func (e *Engine) wait(f *flow, due, now time.Time) {
	queue, turn := &e.loops, int64(0)
	isDue := !due.After(now)
	if isDue && f.overtakes(now) { // which needs no room
		queue = &e.loops
	} else if l := f.crowded(); l != nil && isDue {
		queue, turn = &l.queue, f.nextKey(now)
	} else if l := f.behind(); l != nil && isDue {
		queue, turn = &l.queue, f.nextKey(now)
	}
	if f.queue != queue && f.queue != nil {
		f.queue.set(f, time.Time{})
	}
	f.queue, f.turn = queue, turn
	queue.set(f, due)
}

// nextKey is the key of the run that waits and starts next; 0: an instant of the
// schedule comes first.
func (f *flow) nextKey(now time.Time) int64 {
	s, p := f.state.Load(), f.planNow()
	run, at := s.NextQueued(now, p)
	if tick := s.TickAt(now, p); run == nil || !tick.IsZero() && tick.Before(at) {
		return 0
	}
	return run.Key
}

// overtakes says whether a run of the flow is to cancel what is before it now.
func (f *flow) overtakes(now time.Time) bool {
	if !f.terms.Load().shared.Overlap.Cancel {
		return false
	}
	place, at := f.state.Load().CancellingRun(now, f.planNow())
	return place >= 0 && !at.After(now)
}
