package engine

import (
	"fmt"
	"time"
)

// A crash with runs of several flows in flight is the failure of one of them,
// but nothing tells of which. So each becomes a suspect and keeps its streak, and
// suspects are dispatched by their schedules one at a time. If the process dies
// again, the one suspect among those in flight is the culprit. A suspect whose run
// ends, or goes on for trialSpan, is none any more.

// trialSpan is how long a run of a suspect goes on until it is taken for harmless.
const trialSpan = time.Minute

// judge says whether a crash is the failure of this flow, and why, if it was not
// alone. The culprit stays a suspect, so that its next crash counts too.
func (c *Change) judge(e Interrupt) (guilty bool, why string) {
	switch {
	case e.Spared || e.Repeated:
		return false, ""
	case e.Flows <= 1:
		return true, ""
	case e.Suspects == 1 && c.Suspect:
		return true, fmt.Sprintf("it was the only suspect of %d flows with a run in flight", e.Flows)
	case e.Suspects == 1:
		return false, fmt.Sprintf("not blamed: another flow was the only suspect of %d with a run in flight", e.Flows)
	}
	c.Suspect = true
	return false, fmt.Sprintf("suspect: one of %d flows with a run in flight", e.Flows)
}

// clear takes the mark off a suspect whose run goes on without harm.
func (c *Change) clear(e Clear) error {
	if _, err := c.run(e.Run); err != nil {
		return err
	}
	if !c.Suspect {
		return fmt.Errorf("%w: flow %q is no suspect", errUnchanged, c.ID)
	}
	c.RunNumber = e.Run
	c.absolve(fmt.Sprintf("it ran for %s", trialSpan))
	return nil
}

// absolve takes the mark off a suspect.
func (c *Change) absolve(why string) {
	if c.Suspect {
		c.Suspect = false
		c.note("no suspect any more: " + why)
	}
}

// onTrial says whether a suspect has a run in flight.
func (s *State) onTrial() bool { return s.Suspect && s.InFlight > 0 }

// trials are the runs of suspects that are in flight.
type trials struct {
	running int
	queue   []trial // by their ends; one whose run is over is dropped when it comes first
}

type trial struct {
	flow *flow
	run  int64
	ends time.Time // monotonic
}

// replace makes a state the committed one of a flow.
func (e *Engine) replace(f *flow, s *State) {
	before := f.state.Load()
	if before == nil {
		before = &State{}
	}
	e.inFlight += s.InFlight - before.InFlight
	for _, l := range f.limits() {
		l.running += s.InFlight - before.InFlight
	}
	if before.onTrial() {
		e.trials.running--
	}
	if s.onTrial() {
		e.trials.running++
		if !before.onTrial() || s.LastNumber != before.LastNumber {
			e.trials.queue = append(e.trials.queue, trial{f, s.LastNumber, time.Now().Add(trialSpan)})
		}
	}
	f.state.Store(s)
}

// first is the trial that ends first; nil: there is none.
func (t *trials) first() *trial {
	for len(t.queue) > 0 {
		first := &t.queue[0]
		if s := first.flow.state.Load(); s.onTrial() && s.has(first.run) {
			return first
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
		batch = append(batch, command{flow: over.flow, event: Clear{Run: over.run}})
		over.ends = now.Add(trialSpan)
		t.queue = append(t.queue[1:], over)
	}
	return batch
}

// wait makes a flow wait for an instant, or rest if that is zero. Suspects wait in a
// queue of their own, since only the first of them is dispatched. A flow that is due
// and shares a limit waits in order with the others that do, also if there is room.
func (e *Engine) wait(f *flow, due, now time.Time) {
	queue, turn := &e.loops, int64(0)
	isDue := !due.After(now)
	if isDue && f.overtakes(now) { // which needs no room
		queue = &e.loops
	} else if l := f.crowded(); l != nil && isDue {
		queue, turn = &l.queue, f.nextKey(now)
	} else if f.state.Load().Suspect {
		queue = &e.suspects
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
	s, p := f.state.Load(), f.plan()
	run, at := s.head(now, p)
	if tick := s.tickAt(now, p); run == nil || !tick.IsZero() && tick.Before(at) {
		return 0
	}
	return run.Key
}

// firstDue is the earliest instant at which a flow can be dispatched; zero: none.
func (e *Engine) firstDue() time.Time {
	due := e.loops.first()
	if e.trials.running > 0 {
		return due
	}
	if suspect := e.suspects.first(); due.IsZero() || !suspect.IsZero() && suspect.Before(due) {
		return suspect
	}
	return due
}
