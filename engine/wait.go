package engine

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/engine/core"
)

// WaitRun waits until a run is over. Stored says that it is, as far as the engine
// knows, but that it does not know the rest, since it keeps no run that is over: read
// the store, and wait again if the run waits there.
func (e *Engine) WaitRun(ctx context.Context, id string, number int64) (run core.RunInfo, stored bool, err error) {
	f := e.all().byID[id]
	if f == nil {
		return core.RunInfo{}, false, fmt.Errorf("%w: %q", core.ErrFlowNotFound, core.Clip(id, 100))
	}
	if err := e.stopped(); err != nil {
		return core.RunInfo{}, false, err
	}
	w, sure, err := f.subscribe(number)
	if err != nil {
		return core.RunInfo{}, false, err
	}
	defer f.unsubscribe(w)
	if !sure {
		run, _, err := e.Store.WaitingRun(ctx, f.state.Load().Key, number)
		if err != nil || run.Status.Over() {
			return core.RunInfo{}, err == nil, err
		}
	}
	if x := executionFrom(ctx); x != nil && x.engine == e && !isClosed(w.over) {
		awaited := target{f, number}
		if err := e.waits.enter(x, awaited); err != nil {
			return core.RunInfo{}, false, err
		}
		defer e.waits.leave(x, awaited)
	}
	select {
	case <-w.over:
		return w.result()
	case <-ctx.Done():
		return core.RunInfo{}, false, ctx.Err()
	case <-e.gone:
	}
	select { // it may have ended with the last batch
	case <-w.over:
		return w.result()
	default:
		return core.RunInfo{}, false, e.ended()
	}
}

// waiter is what those share who wait for the end of the same run.
type waiter struct {
	number  int64
	over    chan struct{} // closed by the driver when run is set
	run     *core.RunInfo // read after over; nil: the store knows it
	waiting int           // under the flow's mutex, as next
	next    *waiter       // for another run of the flow
}

func (w *waiter) result() (run core.RunInfo, stored bool, err error) {
	if w.run == nil {
		return core.RunInfo{}, true, nil
	}
	return *w.run, false, nil
}

// isOver is the channel of those who come when the run is over already.
var isOver = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// subscribe joins those who wait for a run. With a short job it often is over
// before its caller gets here, so the newest that is over is kept. It is not sure
// that the run is not over while others of the flow wait: only the store knows
// which.
func (f *flow) subscribe(number int64) (w *waiter, sure bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.state.Load() // under the lock: the end of the run is announced after it is published
	switch {
	case number < 1 || number > s.LastNumber:
		return nil, false, core.NoRun(s.Info(), number)
	case s.HasInFlight(number) || s.QueuedRun(number) != nil || s.AsideRun(number) != nil:
		return f.join(number), true, nil
	case f.ended != nil && f.ended.Number == number:
		return &waiter{over: isOver, run: f.ended}, true, nil
	case s.Waiting+s.Backfill > 0:
		return f.join(number), false, nil
	}
	return &waiter{over: isOver}, true, nil
}

// join is the waiter for a run that is not over.
func (f *flow) join(number int64) *waiter {
	for w := f.waiters; w != nil; w = w.next {
		if w.number == number {
			w.waiting++
			return w
		}
	}
	w := &waiter{number: number, over: make(chan struct{}), waiting: 1, next: f.waiters}
	f.waiters = w
	return w
}

// unsubscribe forgets a run that nobody waits for any more.
func (f *flow) unsubscribe(w *waiter) {
	if isClosed(w.over) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.waiting--
	if w.waiting == 0 {
		f.take(w.number)
	}
}

// take takes the waiter for a run off the list; nil: nobody waits for it.
func (f *flow) take(number int64) *waiter {
	for at := &f.waiters; *at != nil; at = &(*at).next {
		if w := *at; w.number == number {
			*at = w.next
			return w
		}
	}
	return nil
}

// announce tells those who wait which runs are over. Which ones a dropped backfill
// had, only the store knows.
func (f *flow) announce(c *core.Change) {
	for i := range c.Runs {
		if c.Runs[i].Status.Over() {
			f.over(c.Runs[i].Number, &c.Runs[i].RunInfo)
		}
	}
	if c.Drop {
		f.lookAgain()
	}
}

// lookAgain lets everybody who waits for a run that is not in flight read the store.
func (f *flow) lookAgain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.state.Load()
	for at := &f.waiters; *at != nil; {
		w := *at
		if s.HasInFlight(w.number) {
			at = &w.next
			continue
		}
		*at = w.next
		close(w.over)
	}
}

// over tells that a run is; nil: the store knows the rest.
func (f *flow) over(number int64, run *core.RunInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = run
	if w := f.take(number); w != nil {
		w.run = run
		close(w.over)
	}
}
