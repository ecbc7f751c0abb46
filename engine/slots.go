package engine

import "time"

// fillSlots adds to a batch the starts of runs that wait for the room that it makes. A
// queue so has as many starts in a commit as runs that end in it, and its slots are
// not empty from one commit to the next.
func (e *Engine) fillSlots(b *batch) {
	if e.draining || e.passive() {
		return
	}
	now := e.now()
	for i, f := range b.flows {
		f.next = b.Changes[i].State // that of its last change stays
	}
	for _, f := range b.flows { // those of this moment
		for f.next != nil && len(b.commands) < 2*maxBatch && f.ready(now) {
			c := command{flow: f, event: isDue}
			r := e.applyOne(b, c, now)
			b.commands, b.replies = append(b.commands, c), append(b.replies, r)
			if r.err != nil {
				break
			}
		}
		f.next = nil
	}
	e.batch = *b
}

// ready says whether, as a batch leaves the flow so far, a run waits that may start at
// now. Those of suspects, and of flows whose limits others wait for, have their turn.
func (f *flow) ready(now time.Time) bool {
	run, at := f.next.head(now, f.plan())
	return run != nil && !at.After(now) && !f.next.Suspect && !f.full(false)
}
