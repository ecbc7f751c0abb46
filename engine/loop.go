package engine

import (
	"container/heap"
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// look does the one thing that the last committed state of a flow calls for:
// start the run that was reserved, wait for the next one, or rest.
func (e *Engine) look(f *flow) {
	s := f.state.Load()
	for i := range s.Open {
		run := &s.Open[i].RunInfo // of a state that nobody changes any more
		if run.Number > f.started && !e.ending {
			f.started = run.Number
			if e.overdue != nil { // a commit that was in doubt had reserved it
				e.overdue = append(e.overdue, f.id)
			}
			go e.execute(f, run)
		}
	}
	if e.draining || e.passive() {
		return
	}
	e.wait(f, dueAt(s.FlowInfo))
}

// execute runs a job and sends what came of it to the driver. It is the flow's
// loop while a run is in flight; the driver waits for it within the stop window.
func (e *Engine) execute(f *flow, run *RunInfo) {
	ctx, cancel := context.WithCancel(context.WithValue(e.work, runKey{}, run))
	failure := "the job called runtime.Goexit"
	defer func() { // deferred, since Goexit ends the goroutine but runs this
		if r := recover(); r != nil {
			failure = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
		}
		cancelled := e.work.Err() != nil && failure != ""
		cancel()
		var event Event = Outcome{Run: run.Number, Error: failure}
		if cancelled {
			event = Cancel{Run: run.Number, Error: "cancelled: " + failure}
		}
		c := command{flow: f, event: event}
		select {
		case e.commands <- c: // one channel alone is much the cheaper
			return
		default:
		}
		select {
		case e.commands <- c:
		case <-e.gone:
		}
	}()
	failure = text(f.job(ctx))
}

// text is the message of an error, clipped here so that a megabyte of it is not
// carried on; an error without a message is one all the same.
func text(err error) string {
	if err == nil {
		return ""
	}
	if s := Clip(err.Error(), maxRunError); s != "" {
		return s
	}
	return fmt.Sprintf("%T without a message", err)
}

type runKey struct{}

// RunFrom is the run that a job's context belongs to.
func RunFrom(ctx context.Context) (RunInfo, bool) {
	run, ok := ctx.Value(runKey{}).(*RunInfo)
	if !ok {
		return RunInfo{}, false
	}
	return *run, true
}

// loops are the flows that wait for an instant, in one heap ordered by it. An
// idle flow costs an entry here, no goroutine and no timer.
type loops struct{ heap dueHeap }

// first is the earliest instant that a flow waits for; zero: none does.
func (l *loops) first() time.Time {
	if len(l.heap) == 0 {
		return time.Time{}
	}
	return l.heap[0].due
}

// set makes a flow wait for an instant, or rest if that is zero.
func (l *loops) set(f *flow, due time.Time) {
	waits := !f.due.IsZero()
	f.due = due
	switch {
	case waits && due.IsZero():
		heap.Remove(&l.heap, f.place)
	case waits:
		heap.Fix(&l.heap, f.place)
	case !due.IsZero():
		heap.Push(&l.heap, f)
	}
}

// takeDue adds a reserve for each flow that is due, at most n, and takes it off the
// heap until its state calls for another wait. It says whether it left some for
// the next batch.
func (l *loops) takeDue(batch []command, now time.Time, n int) (_ []command, more bool) {
	for range n {
		if len(l.heap) == 0 || l.heap[0].due.After(now) {
			return batch, false
		}
		f := l.heap[0]
		l.set(f, time.Time{})
		batch = append(batch, command{flow: f, event: Reserve{Trigger: TriggerSchedule}})
	}
	return batch, true
}

// dueHeap implements heap.Interface.
type dueHeap []*flow

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Less orders flows that are due at once as they were registered: neighbours in the
// table, so that a commit writes few pages.
func (h dueHeap) Less(i, j int) bool {
	if c := h[i].due.Compare(h[j].due); c != 0 {
		return c < 0
	}
	return h[i].plan.Position < h[j].plan.Position
}
func (h *dueHeap) Push(x any) {
	f := x.(*flow)
	f.place = len(*h)
	*h = append(*h, f)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	f := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return f
}
