package engine

import (
	"context"
	"fmt"
	"slices"
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
	end, err := e.subscribe(f, number)
	if end == nil || err != nil {
		return RunInfo{}, true, err
	}
	defer e.unsubscribe(f, number, end)
	select {
	case run := <-end:
		return run, run.Status == "", nil
	case <-ctx.Done():
		return RunInfo{}, false, ctx.Err()
	case <-e.drained:
	case <-e.done:
	}
	select {
	case run := <-end:
		return run, run.Status == "", nil
	default:
		return RunInfo{}, false, e.ended()
	}
}

// subscribe returns nil when the run is over already.
func (e *Engine) subscribe(f *flow, number int64) (chan RunInfo, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := f.state.Load() // under the lock: the end of the run is announced after it is published
	if number < 1 || number > s.LastNumber {
		return nil, fmt.Errorf("%w: run %d of flow %q", ErrRunNotFound, number, f.id)
	}
	if _, err := s.run(number); err != nil {
		return nil, nil
	}
	end := make(chan RunInfo, 1) // one run ends once
	if e.waiters[f] == nil {
		e.waiters[f] = map[int64][]chan RunInfo{}
	}
	e.waiters[f][number] = append(e.waiters[f][number], end)
	return end, nil
}

func (e *Engine) unsubscribe(f *flow, number int64, end chan RunInfo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	rest := slices.DeleteFunc(e.waiters[f][number], func(c chan RunInfo) bool { return c == end })
	if len(rest) > 0 {
		e.waiters[f][number] = rest
		return
	}
	delete(e.waiters[f], number)
	if len(e.waiters[f]) == 0 {
		delete(e.waiters, f)
	}
}

// announce tells those who wait that runs are over.
func (e *Engine) announce(f *flow, runs []Run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, run := range runs {
		if run.Status == RunRunning {
			continue
		}
		for _, end := range e.waiters[f][run.Number] {
			select {
			case end <- run.RunInfo:
			default:
			}
		}
	}
}
