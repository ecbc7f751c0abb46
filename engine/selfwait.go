package engine

import (
	"fmt"
	"slices"
	"sync"

	"github.com/pawl-go/pawl/engine/core"
)

// waits are the runs that jobs wait for within [Engine.WaitRun]. A job that waits keeps its
// slots, so jobs can wait for a run that cannot start before one of them ends. The last of
// them that would begin to wait is refused.
type waits struct {
	mu     sync.Mutex
	byJobs map[*execution][]target
}

// target is a run that somebody waits for.
type target struct {
	flow   *flow
	number int64
}

// enter notes that a job waits for a run, unless it would wait for itself.
func (w *waits) enter(x *execution, awaited target) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byJobs == nil {
		w.byJobs = map[*execution][]target{}
	}
	w.byJobs[x] = append(w.byJobs[x], awaited)
	own := target{x.flow, x.run.Number}
	switch {
	case awaited == own:
		w.forget(x, awaited)
		return fmt.Errorf("%w: run %d of flow %q is the job's own run", core.ErrWouldWaitForItself, own.number, x.flow.id)
	case !w.ends(awaited, map[target]bool{own: true}):
		w.forget(x, awaited)
		return fmt.Errorf("%w: run %d of flow %q cannot end before this job does: it waits for a slot, or for a run, of jobs that wait for others; "+
			"raise the limit, give the awaited flow a group of its own, or wait outside of jobs", core.ErrWouldWaitForItself, awaited.number, awaited.flow.id)
	}
	return nil
}

// leave notes that a job does not wait for a run any more.
func (w *waits) leave(x *execution, awaited target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(x, awaited)
}

func (w *waits) forget(x *execution, awaited target) {
	list := w.byJobs[x]
	if i := slices.Index(list, awaited); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if w.byJobs[x] = list; len(list) == 0 {
		delete(w.byJobs, x)
	}
}

// ends says whether a run can come to its end while all that wait now go on to. Those in
// blocked cannot.
func (w *waits) ends(t target, blocked map[target]bool) bool {
	if blocked[t] {
		return false
	}
	blocked[t] = true // until the opposite is known
	if can := w.canEnd(t, blocked); !can {
		return false
	}
	delete(blocked, t)
	return true
}

func (w *waits) canEnd(t target, blocked map[target]bool) bool {
	if t.flow.state.Load().HasInFlight(t.number) {
		for x, awaited := range w.byJobs {
			if x.flow == t.flow && x.run.Number == t.number {
				return slices.ContainsFunc(awaited, func(a target) bool { return w.ends(a, blocked) })
			}
		}
		return true // its job is at work
	}
	own := func(x *execution) bool { return x.flow == t.flow }
	if !w.hasRoom(own, t.flow.terms.Load().shared.RunLimit(), blocked) {
		return false
	}
	for _, l := range t.flow.limits() {
		shares := func(x *execution) bool { return slices.Contains(x.flow.limits(), l) }
		if !w.hasRoom(shares, l.max, blocked) {
			return false
		}
	}
	return true
}

// hasRoom says whether one of so many slots is not held by a job that waits, or is held by
// one that ends.
func (w *waits) hasRoom(holds func(*execution) bool, slots int, blocked map[target]bool) bool {
	for x := range w.byJobs {
		holder := target{x.flow, x.run.Number}
		if !holds(x) || !x.flow.state.Load().HasInFlight(x.run.Number) {
			continue
		}
		if slots--; w.ends(holder, blocked) {
			return true
		}
	}
	return slots > 0
}
