package engine

import (
	"context"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// clock compares the wall clock with the monotonic one, which stands still while the
// machine is suspended.
type clock struct {
	wall, mono time.Time
	asleep     time.Duration
}

// downTime is from when on a jump forward is time in which nobody ran: the catch-up policy
// says what becomes of the instants in it.
const downTime = time.Minute

// jumpLimit is how far the two may drift apart between two looks.
const jumpLimit = time.Second

// watchClock notices that the wall clock has jumped: it was set, which is a step, or the
// machine was suspended. Relative waits move along with a step, and time in suspend counts
// towards them. A long jump forward is time in which nobody ran, whatever its cause.
func (e *Engine) watchClock() (batch []command) {
	unbelieved := e.endBehind()
	now := clock{e.Now().Round(0), time.Now(), e.clock.asleep}
	jump := now.wall.Sub(e.clock.wall) - now.mono.Sub(e.clock.mono)
	if jump.Abs() < jumpLimit { // most often; then nothing else is asked
		e.clock = now
		e.endAges()
		return nil
	}
	now.asleep = e.Asleep()
	slept := now.asleep - e.clock.asleep
	if slept < jumpLimit { // no look at a clock is exact
		slept = 0
	}
	step := (jump - slept).Round(time.Millisecond)
	jumped := e.now().Add(e.clock.mono.Sub(now.mono)) // it was later than that, or then, and somebody ran since
	e.clock = now
	if slept > 0 {
		e.Logger.Warn("pawl: the machine was suspended", "for", slept.Round(time.Millisecond), "now", e.now())
		e.afterSleep()
	}
	if step.Abs() < jumpLimit {
		step = 0
	} else {
		e.Logger.Warn("pawl: the wall clock jumped", "by", step.Round(time.Millisecond), "now", e.now())
		e.doubtAges(step)
	}
	var keyed map[int64]bool
	if step != 0 {
		keyed = e.keyed()
	}
	for _, f := range e.all().ordered {
		if step < 0 {
			e.runsSince(f, e.now())
		}
		if jump >= downTime {
			e.missesBefore(f, jumped)
		}
		if step != 0 {
			batch = append(batch, e.afterStep(f, core.Adjust{By: step.Milliseconds(), Keys: keyed == nil || keyed[f.state.Load().Key], Since: unbelieved})...)
		}
		if s := f.state.Load(); !e.draining && (s.Waiting+s.Backfill > 0 || len(f.limits()) > 0) {
			batch = append(batch, command{flow: f, look: true}) // it may wait for an instant that is ahead now
		}
	}
	return batch
}

// afterSleep ends jobs whose deadlines passed in suspend, or come sooner than their timers,
// which stood still meanwhile, say.
func (e *Engine) afterSleep() {
	for _, f := range e.all().ordered {
		for i, r := range f.state.Load().Open {
			at := f.jobOf(r.Number, i)
			if at < 0 || r.Deadline.IsZero() {
				continue
			}
			x, left := f.jobs[at], max(r.Deadline.Sub(e.now()), 0)
			time.AfterFunc(left, func() { x.cancel(ErrTimedOut) }) // of a job that has returned: nothing
			x.timer.Reset(left + f.grace())
		}
	}
}

// keyed is which flows have idempotency keys, by their keys; nil: nobody knows.
func (e *Engine) keyed() map[int64]bool {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	keyed, err := e.Store.Keyed(ctx)
	if err != nil {
		e.logSparsely("pawl: which flows have keys cannot be read", "error", err)
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

// missesBefore takes the instants before one for missed: nobody ran while the clock jumped.
func (e *Engine) missesBefore(f *flow, jumped time.Time) {
	t := *f.terms.Load()
	if plan := t.shared.Plan; plan.Schedule != nil {
		plan.Since = jumped
		t.shared = e.share(plan)
		f.terms.Store(&t)
	}
}

// afterStep is what a flow needs after a step of the wall clock.
func (e *Engine) afterStep(f *flow, adjust core.Adjust) []command {
	s, p, event := f.state.Load(), f.plan(), core.Event(adjust)
	if adjust.By <= -schedule.CorrectionJump.Milliseconds() && p.Schedule != nil && s.Registered {
		event = core.Correct(adjust)
	}
	if _, err := core.Apply(*s, event, e.now(), p); err != nil {
		return nil
	}
	return []command{{flow: f, event: event}}
}
