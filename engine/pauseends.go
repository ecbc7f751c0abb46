package engine

import (
	"container/heap"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// pauseEnds are the flows that are paused until an instant, or have a run that wakes at
// one, in a heap of their own: that happens on time also while a run of the flow waits for
// the room that a limit leaves, or for its turn among suspects. Other flows cost nothing.
type pauseEnds struct {
	event core.Event // that comes then
	heap  pauseHeap
	flows map[*flow]*pauseEnd
}

// pauseEnd is when a pause ends by itself.
type pauseEnd struct {
	flow  *flow
	at    int64 // milliseconds
	place int   // index in the heap
}

// pauseEnd is when the pause of the flow ends by itself; zero: never.
func (f *flow) pauseEnd() time.Time {
	if s := f.state.Load(); s.Registered && f.terms.Load().shared.Schedule != nil {
		return s.PausedUntil
	}
	return time.Time{}
}

// set makes a flow go on at an instant; not by itself if that is zero.
func (p *pauseEnds) set(f *flow, at time.Time) {
	end := p.flows[f]
	switch {
	case end == nil && at.IsZero():
	case end == nil:
		if p.flows == nil {
			p.flows = map[*flow]*pauseEnd{}
		}
		end = &pauseEnd{flow: f, at: at.UnixMilli()}
		p.flows[f] = end
		heap.Push(&p.heap, end)
	case at.IsZero():
		heap.Remove(&p.heap, end.place)
		delete(p.flows, f)
	case end.at != at.UnixMilli():
		end.at = at.UnixMilli()
		heap.Fix(&p.heap, end.place)
	}
}

// first is when the first pause ends; zero: none does.
func (p *pauseEnds) first() time.Time {
	if len(p.heap) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(p.heap[0].at).UTC()
}

// takeDue adds the ends of pauses that have come, at most n.
func (p *pauseEnds) takeDue(batch []command, now time.Time, n int) []command {
	for ; n > 0 && len(p.heap) > 0 && p.heap[0].at <= now.UnixMilli(); n-- {
		f := p.heap[0].flow
		p.set(f, time.Time{})
		batch = append(batch, command{flow: f, event: p.event})
	}
	return batch
}

// pauseHeap implements heap.Interface.
type pauseHeap []*pauseEnd

func (h pauseHeap) Len() int           { return len(h) }
func (h pauseHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h pauseHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *pauseHeap) Push(x any) {
	end := x.(*pauseEnd)
	end.place = len(*h)
	*h = append(*h, end)
}

func (h *pauseHeap) Pop() any {
	last := len(*h) - 1
	end := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return end
}
