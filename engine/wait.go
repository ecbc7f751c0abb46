package engine

import (
	"context"
	"fmt"
)

// WaitRun waits until a run is over. Stored says that it is, but that the engine
// does not know the rest, since it keeps no run that is over: read the store.
func (e *Engine) WaitRun(ctx context.Context, id string, number int64) (run RunInfo, stored bool, err error) {
	f := e.flows[id]
	if f == nil {
		return RunInfo{}, false, fmt.Errorf("%w: %q", ErrFlowNotFound, Clip(id, 100))
	}
	if err := e.stopped(); err != nil {
		return RunInfo{}, false, err
	}
	w, err := e.subscribe(f, number)
	if err != nil {
		return RunInfo{}, false, err
	}
	defer e.unsubscribe(f, number, w)
	select {
	case <-w.over:
		return w.result()
	case <-ctx.Done():
		return RunInfo{}, false, ctx.Err()
	case <-e.drained:
	case <-e.done:
	}
	select { // it may have ended with the last batch
	case <-w.over:
		return w.result()
	default:
		return RunInfo{}, false, e.ended()
	}
}

// waiter is what those share who wait for the end of the same run.
type waiter struct {
	over    chan struct{} // closed by the driver when run is set
	run     *RunInfo      // read after over; nil: the store knows it
	waiting int
}

func (w *waiter) result() (run RunInfo, stored bool, err error) {
	if w.run == nil {
		return RunInfo{}, true, nil
	}
	return *w.run, false, nil
}

// runID names a run to wait for.
type runID struct {
	flow   *flow
	number int64
}

// isOver is the channel of those who come when the run is over already.
var isOver = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// subscribe joins those who wait for a run. With a short job it often is over
// before its caller gets here, so the newest that is over is kept.
func (e *Engine) subscribe(f *flow, number int64) (*waiter, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := f.state.Load() // under the lock: the end of the run is announced after it is published
	if number < 1 || number > s.LastNumber {
		return nil, fmt.Errorf("%w: run %d of flow %q", ErrRunNotFound, number, f.id)
	}
	if _, err := s.run(number); err != nil {
		w := &waiter{over: isOver}
		if f.ended != nil && f.ended.Number == number {
			w.run = f.ended
		}
		return w, nil
	}
	w := e.waiters[runID{f, number}]
	if w == nil {
		w = &waiter{over: make(chan struct{})}
		e.waiters[runID{f, number}] = w
	}
	w.waiting++
	return w, nil
}

// unsubscribe forgets a run that nobody waits for any more.
func (e *Engine) unsubscribe(f *flow, number int64, w *waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.waiting--
	if w.waiting == 0 && e.waiters[runID{f, number}] == w {
		delete(e.waiters, runID{f, number})
	}
}

// announce tells those who wait which runs are over.
func (e *Engine) announce(f *flow, runs []Run) {
	for i := range runs {
		if runs[i].Status != RunRunning {
			e.over(f, runs[i].Number, &runs[i].RunInfo)
		}
	}
}

// over tells that a run is; nil: the store knows the rest.
func (e *Engine) over(f *flow, number int64, run *RunInfo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.ended = run
	if w := e.waiters[runID{f, number}]; w != nil {
		delete(e.waiters, runID{f, number})
		w.run = run
		close(w.over)
	}
}
