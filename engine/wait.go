package engine

import (
	"context"
	"fmt"
)

// WaitRun waits until a run is over. Stored says that it most likely is, but that the
// engine does not know the rest, since it keeps no run that is over: read the store,
// and ask again if it is not.
func (e *Engine) WaitRun(ctx context.Context, id string, number int64) (run RunInfo, stored bool, err error) {
	f := e.all().byID[id]
	if f == nil {
		return RunInfo{}, false, fmt.Errorf("%w: %q", ErrFlowNotFound, Clip(id, 100))
	}
	if err := e.stopped(); err != nil {
		return RunInfo{}, false, err
	}
	w, err := f.subscribe(number)
	if err != nil {
		return RunInfo{}, false, err
	}
	defer f.unsubscribe(w)
	if w.doubtful {
		_, waits, err := e.Store.WaitingRun(ctx, f.state.Load().Key, number)
		if err != nil || !waits && !f.state.Load().has(number) {
			return RunInfo{}, true, err
		}
	}
	select {
	case <-w.over:
		return w.result()
	case <-ctx.Done():
		return RunInfo{}, false, ctx.Err()
	case <-e.gone:
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
	number   int64
	over     chan struct{} // closed by the driver when run is set
	run      *RunInfo      // read after over; nil: the store knows it
	waiting  int           // under the flow's mutex, as next
	doubtful bool          // the run may be over: only the store knows whether it waits
	next     *waiter       // for another run of the flow
}

func (w *waiter) result() (run RunInfo, stored bool, err error) {
	if w.run == nil {
		return RunInfo{}, true, nil
	}
	return *w.run, false, nil
}

// isOver is the channel of those who come when the run is over already.
var isOver = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// subscribe joins those who wait for a run. With a short job it often is over
// before its caller gets here, so the newest that is over is kept.
func (f *flow) subscribe(number int64) (*waiter, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.state.Load() // under the lock: the end of the run is announced after it is published
	if number < 1 || number > s.LastNumber {
		return nil, fmt.Errorf("%w: run %d of flow %q", ErrRunNotFound, number, f.id)
	}
	known := s.has(number) || s.waitingRun(number) != nil
	doubtful := !known && s.Waiting+s.Backfill > len(s.Queue)+len(s.Fill)
	if !known && !doubtful {
		w := &waiter{over: isOver}
		if f.ended != nil && f.ended.Number == number {
			w.run = f.ended
		}
		return w, nil
	}
	for w := f.waiters; w != nil; w = w.next {
		if w.number == number {
			w.waiting++
			return w, nil
		}
	}
	w := &waiter{number: number, over: make(chan struct{}), waiting: 1, doubtful: doubtful, next: f.waiters}
	f.waiters = w
	return w, nil
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

// announce tells those who wait which runs are over.
func (f *flow) announce(runs []Run) {
	for i := range runs {
		if runs[i].Status.Over() {
			f.over(runs[i].Number, &runs[i].RunInfo)
		}
	}
}

// recheck lets those who wait for a run that is not in flight ask the store for it.
func (f *flow) recheck() {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.state.Load()
	for at := &f.waiters; *at != nil; {
		if w := *at; s.has(w.number) {
			at = &w.next
		} else {
			*at = w.next
			close(w.over)
		}
	}
}

// over tells that a run is; nil: the store knows the rest.
func (f *flow) over(number int64, run *RunInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = run
	if w := f.take(number); w != nil {
		w.run = run
		close(w.over)
	}
}
