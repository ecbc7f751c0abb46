package engine

import (
	"context"
	"time"
)

// clock compares the wall clock with the monotonic one.
type clock struct{ wall, mono time.Time }

// downTime is from when on a jump forward is time in which nobody ran: the catch-up policy
// says what becomes of the instants in it.
const downTime = time.Minute

// jumpLimit is how far the two may drift apart between two looks.
const jumpLimit = time.Second

// watchClock notices steps of the wall clock. Relative waits move along; after a step
// back flows do not wait for instants that were near before.
func (e *Engine) watchClock() (batch []command) {
	unbelieved := e.endBehind()
	wall, mono := e.Now().Round(0), time.Now()
	jump := wall.Sub(e.clock.wall) - mono.Sub(e.clock.mono)
	e.clock = clock{wall, mono}
	if jump.Abs() < jumpLimit {
		return nil
	}
	e.Logger.Warn("pawl: the wall clock jumped", "by", jump.Round(time.Millisecond), "now", e.now())
	step := jump.Milliseconds()
	keyed := e.keyed()
	for _, f := range e.all().ordered {
		if step < 0 {
			e.runsSince(f, e.now())
		} else if jump >= downTime {
			e.missesBefore(f, e.now())
		}
		batch = append(batch, e.afterStep(f, Adjust{By: step, Keys: keyed == nil || keyed[f.state.Load().Key], Since: unbelieved})...)
		if s := f.state.Load(); !e.draining && (s.Waiting+s.Backfill > 0 || len(f.limits()) > 0) {
			batch = append(batch, command{flow: f, look: true}) // it may wait for an instant that is ahead now
		}
	}
	return batch
}

// keyed is which flows have idempotency keys, by their keys; nil: nobody knows.
func (e *Engine) keyed() map[int64]bool {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	keyed, err := e.Store.Keyed(ctx)
	if err != nil {
		e.Logger.Error("pawl: which flows have keys cannot be read", "error", err)
		return nil
	}
	return keyed
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

// missesBefore takes the instants before now for missed: nobody ran while the clock jumped.
func (e *Engine) missesBefore(f *flow, now time.Time) {
	t := *f.terms.Load()
	if plan := t.shared.Plan; plan.Schedule != nil {
		plan.Since = now
		t.shared = e.share(plan)
		f.terms.Store(&t)
	}
}

// afterStep is what a flow needs after a step of the wall clock.
func (e *Engine) afterStep(f *flow, adjust Adjust) []command {
	s, p, event := f.state.Load(), f.plan(), Event(adjust)
	if adjust.By <= -CorrectionJump.Milliseconds() && p.Schedule != nil && s.Registered {
		event = Correct(adjust)
	}
	if _, err := Apply(*s, event, e.now(), p); err != nil {
		return nil
	}
	return []command{{flow: f, event: event}}
}
