package engine

import "time"

// clock compares the wall clock with the monotonic one.
type clock struct{ wall, mono time.Time }

// jumpLimit is how far the two may drift apart between two looks.
const jumpLimit = time.Second

// watchClock notices jumps of the wall clock. After one back, flows that would
// wait too long are adjusted; after one forward, what is due is found by itself.
func (e *Engine) watchClock(batch []command) []command {
	wall, mono := e.Now().Round(0), time.Now()
	jump := wall.Sub(e.clock.wall) - mono.Sub(e.clock.mono)
	first := e.clock.mono.IsZero()
	e.clock = clock{wall, mono}
	if first || jump.Abs() < jumpLimit {
		return batch
	}
	e.Logger.Warn("pawl: the wall clock jumped", "by", jump.Round(time.Millisecond), "now", e.now())
	if jump > 0 {
		return batch
	}
	for _, f := range e.all().ordered {
		e.runsSince(f, e.now())
		batch = append(batch, e.afterJump(f, -jump)...)
		if s := f.state.Load(); s.Waiting+s.Backfill > 0 || len(f.limits()) > 0 {
			batch = append(batch, command{flow: f, look: true}) // it may wait for an instant that is ahead now
		}
	}
	return batch
}

// runsSince keeps the start of the process in the past: instants after now did not
// pass while nobody ran.
func (e *Engine) runsSince(f *flow, now time.Time) {
	t := *f.terms.Load()
	if plan := t.shared.Plan; plan.Schedule != nil && plan.Since.After(now) {
		plan.Since = now
		t.shared = e.share(plan)
		f.terms.Store(&t)
	}
}

// afterJump is what a flow needs after the clock went back.
func (e *Engine) afterJump(f *flow, back time.Duration) []command {
	if f.plan().Schedule == nil {
		return nil
	}
	event := Event(Adjust{})
	if back >= CorrectionJump {
		event = Correct{}
	}
	if _, err := Apply(*f.state.Load(), event, e.now(), f.plan()); err != nil {
		return nil
	}
	return []command{{flow: f, event: event}}
}
