package engine

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// look does the one thing that the last committed state of a flow calls for:
// start the run that was reserved, wait for the next one, or rest.
func (e *Engine) look(f *flow, now time.Time) {
	e.steer(f, f.state.Load().Open)
	if e.draining || e.passive() {
		return
	}
	e.pauses.set(f, f.pauseEnd())
	e.wakes.set(f, f.state.Load().WakeAt(f.plan()))
	e.refill(f)
	due := f.due(now)
	if f.isolated {
		due = e.trials.hold(f, due, now)
	}
	e.wait(f, due, now)
}

// refill reads runs that wait from the store when few of them are in memory. If it
// cannot, the flow looks again later.
func (e *Engine) refill(f *flow) {
	if s := f.state.Load(); !s.NeedsRefill(f.plan()) && !s.AsideUnread() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := e.fill(ctx, f); err != nil {
		e.logSparsely("pawl: the runs that wait cannot be read", "flow", f.id, "error", err)
		e.kept = append(e.kept, command{flow: f, look: true, after: time.Now().Add(retryDelay)})
	}
}

// fill is refill, with the error.
func (e *Engine) fill(ctx context.Context, f *flow) error {
	s := f.state.Load()
	if s.AsideUnread() {
		runs, err := e.Store.Aside(ctx, s.Key)
		if err != nil {
			return fmt.Errorf("flow %q: %w", f.id, err)
		}
		for _, r := range runs {
			r.FlowID = f.id
		}
		full := *s
		full.SetAsideRuns(runs)
		s = &full
		f.state.Store(s)
	}
	if !s.NeedsRefill(f.plan()) {
		return nil
	}
	queue, fill, err := e.Store.Waiting(ctx, s.Key, core.WindowOf(f.plan()), core.QueueWindow)
	if err != nil {
		return fmt.Errorf("flow %q: %w", f.id, err)
	}
	for _, r := range slices.Concat(queue, fill) {
		r.FlowID = f.id
	}
	full := *s
	full.SetQueue(queue, fill)
	f.state.Store(&full)
	return nil
}

// loops are the flows that wait for an instant, in one heap ordered by it. An
// idle flow costs an entry here, no goroutine and no timer.
type loops struct{ heap dueHeap }

// first is the earliest instant that a flow waits for; zero: none does.
func (l *loops) first() time.Time {
	if len(l.heap) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(l.heap[0].wake).UTC()
}

// set makes a flow wait for an instant, or rest if that is zero.
func (l *loops) set(f *flow, due time.Time) {
	waits := f.wake != 0
	f.wake = 0
	if !due.IsZero() {
		f.wake = max(due.UnixMilli(), 1)
	}
	switch {
	case waits && due.IsZero():
		heap.Remove(&l.heap, int(f.place))
	case waits:
		heap.Fix(&l.heap, int(f.place))
	case !due.IsZero():
		heap.Push(&l.heap, f)
	}
}

// isDue asks a flow to do what it is due for.
var isDue core.Event = core.Reserve{Trigger: core.TriggerSchedule}

// takeDue adds a reserve for each flow that is due, at most n, and takes it off the
// heap until its state calls for another wait. It says whether it left some for
// the next batch.
func (l *loops) takeDue(batch []command, now time.Time, n int) (_ []command, more bool) {
	for range n {
		if len(l.heap) == 0 || l.heap[0].wake > now.UnixMilli() {
			return batch, false
		}
		f := l.heap[0]
		l.set(f, time.Time{})
		batch = append(batch, command{flow: f, event: isDue})
	}
	return batch, true
}

// dueHeap implements heap.Interface.
type dueHeap []*flow

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = int32(i), int32(j)
}

// Less orders flows that are due at once as what waits of them was asked for, where
// that counts, and else as they were registered: neighbours in the table, so that a
// commit writes few pages.
func (h dueHeap) Less(i, j int) bool {
	if h[i].wake != h[j].wake {
		return h[i].wake < h[j].wake
	}
	if h[i].turn != h[j].turn {
		return h[i].turn < h[j].turn
	}
	return h[i].position < h[j].position
}
func (h *dueHeap) Push(x any) {
	f := x.(*flow)
	f.place = int32(len(*h))
	*h = append(*h, f)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	f := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return f
}
