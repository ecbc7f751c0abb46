package model_test

import (
	"slices"
	"time"

	"github.com/pawl-go/pawl"
)

// finish is the end of a run whose job returned. time X2, time X3.
func (f *policyFlow) finish(r *policyRun, failed bool, now time.Duration) {
	closed := f.blocked(now)
	switch {
	case r.trigger == "backfill" && !r.asked: // it says nothing about how the flow is now
		f.close(r, map[bool]pawl.RunStatus{false: pawl.RunCompleted, true: pawl.RunFailed}[failed], now)
		f.rest(pawl.StatusIdle, now)
	case !failed:
		if r.trigger == "probe" && !r.unprobed && f.streak > 0 && f.held != never { // it ends the trip, but not a pause
			f.decide(f.held, now, "suppressed_tripped")
			if f.paused == never {
				f.held = never
			} else if f.held <= now {
				f.held = f.after(now)
			}
		}
		f.close(r, pawl.RunCompleted, now)
		f.succeeded = max(f.succeeded, r.start)
		if f.streak > 0 && r.start < f.failed { // the newer one says more
			f.rest(pawl.StatusBackoff, now)
			break
		}
		f.streak, f.eligible, f.trips = 0, never, false
		f.settle(pawl.StatusCompleted)
	case r.asked:
		f.close(r, pawl.RunCancelled, now)
		f.rest(pawl.StatusIdle, now)
	default:
		f.close(r, pawl.RunFailed, now)
		f.fail(r, now)
	}
	f.plan(closed, now)
}

func (f *policyFlow) close(r *policyRun, status pawl.RunStatus, now time.Duration) {
	r.status, f.end = status, now
	f.open = slices.DeleteFunc(f.open, func(o *policyRun) bool { return o == r })
}

// settle is what the flow becomes when no other run is in flight. time O4.
func (f *policyFlow) settle(status pawl.Status) {
	f.status = pawl.StatusRunning
	if len(f.open) == 0 {
		f.status = status
	}
}

// fail is a failure. found B7.
func (f *policyFlow) fail(r *policyRun, now time.Duration) {
	switch {
	case f.limit == 0:
		f.streak, f.eligible = 0, never
		f.settle(pawl.StatusFailed)
		return
	case r.start < f.succeeded:
		f.rest(map[bool]pawl.Status{true: pawl.StatusBackoff, false: pawl.StatusCompleted}[f.streak > 0], now)
		return
	case f.streak == 0:
		f.failed = r.start
	}
	if f.streak++; f.streak >= f.limit {
		f.eligible = never
		f.trip(now)
		return
	}
	f.eligible = now + min(7*time.Second<<(f.streak-1), 40*time.Second)
	f.settle(pawl.StatusBackoff)
}

// trip is a trip, when no other run is in flight: what a pause held back until then has
// its verdict. The failure of a probe is none.
func (f *policyFlow) trip(now time.Duration) {
	f.settle(pawl.StatusTripped)
	if f.status != pawl.StatusTripped || f.trips {
		return
	}
	f.trips = true
	if f.paused == never || f.held == never || f.next != never {
		return
	}
	end := f.pausedTo(now)
	f.decide(f.held, end, "suppressed_paused")
	if f.held <= end {
		f.held = f.after(end)
	}
}

// rest is where a run leaves the flow that was nobody's failure.
func (f *policyFlow) rest(status pawl.Status, now time.Duration) {
	switch {
	case f.limit > 0 && f.streak >= f.limit:
		f.trip(now)
	case f.eligible > now:
		f.settle(pawl.StatusBackoff)
	default:
		f.settle(status)
	}
}

// scheduled says whether a run of the schedule is in flight or waits.
func (f *policyFlow) scheduled() bool {
	return slices.ContainsFunc(append(slices.Clone(f.open), f.waits...), func(r *policyRun) bool { return r.trigger == "schedule" })
}

// plan is what the end of a run makes of the next instant: one that could not even
// wait is skipped, unless it is one of those that are caught up on one by one.
func (f *policyFlow) plan(closed bool, now time.Duration) {
	switch {
	case f.next == never && (f.held != never || !f.grid && f.scheduled()):
		return
	case f.next == never:
		f.next = f.after(now)
	case f.next <= now && closed && !f.backlog():
		f.skip(now)
	}
	f.hold(now)
}

// backlog says whether the next instant is one that is caught up on by itself.
func (f *policyFlow) backlog() bool { return f.mode == "all" && f.next < f.since }

// skip is what becomes of instants that passed while the flow took no start. One that
// is to be run again has its verdict, those after it have not.
func (f *policyFlow) skip(now time.Duration) {
	switch first := f.next; {
	case first == f.fired:
		f.decide(f.held, now, "skipped_overlap")
	default:
		f.decide(f.held, first-1, "suppressed_backoff")
		f.decide(first, now, "skipped_overlap")
	}
	f.held, f.next = never, f.after(now)
}

// hold keeps the next instant back: until a reset or the end of a pause, or to the
// end of the backoff window.
func (f *policyFlow) hold(now time.Duration) {
	switch {
	case f.status == pawl.StatusTripped || f.paused != never:
		switch {
		case f.held == never:
		case f.next == f.fired: // to be run again
			f.next = f.held
		case f.next > now: // what holds back now ends the window
			f.decide(f.held, now, "suppressed_backoff")
			f.next = max(f.held, f.after(now))
		default:
			f.decide(f.held, f.next-1, "suppressed_backoff")
		}
		f.held, f.next = f.next, never
	case f.next == never || f.next >= f.eligible:
	case !f.grid:
		f.next = f.eligible
	default:
		if f.held == never {
			f.held = f.next
		}
		f.next = f.after(f.eligible - 1)
	}
}

// restart lets a run that a stop cut short wait to start again, before others of its kind.
func (f *policyFlow) restart(r *policyRun, now time.Duration) {
	f.close(r, pawl.RunWaiting, now)
	f.rest(pawl.StatusIdle, now)
	r.due, r.again = now, true
	r.restarts++
	if r.trigger == "backfill" {
		at := slices.IndexFunc(f.fill, func(w *policyRun) bool { return !w.again || w.number > r.number })
		if at < 0 {
			at = len(f.fill)
		}
		f.fill = slices.Insert(f.fill, at, r)
	} else {
		f.accept(r)
	}
	if f.status == pawl.StatusTripped {
		f.plan(false, now)
	}
}

// outlast is the end of a run that was cut short by a stop. scheduler T8, found Q1.
func (f *policyFlow) outlast(r *policyRun, now time.Duration) {
	if r.trigger != "schedule" && !r.asked {
		f.restart(r, now)
		return
	}
	closed := f.blocked(now)
	f.close(r, pawl.RunCancelled, now)
	f.rest(pawl.StatusIdle, now)
	switch {
	case f.next != never && f.next == f.fired: // there is one to be run again
		return
	case r.trigger != "schedule" || r.asked:
	case f.status != pawl.StatusTripped && f.paused == never && r.at == f.fired && f.slots() == 1:
		if f.held == never {
			f.held = f.next
		}
		f.next, f.attempt = r.at, r.attempt
		return
	default:
		again := f.newRun("schedule", r.at)
		again.attempt, again.due, again.again = r.attempt+1, now, true
		if r.at == f.fired {
			f.attempt = again.attempt
		}
		f.accept(again)
	}
	f.plan(closed, now)
}

// crash interrupts what is in flight: one failure, however many runs. scheduler T7, time M2.
func (f *policyFlow) crash(now time.Duration) {
	counted := false
	for _, r := range slices.SortedFunc(slices.Values(f.open), func(a, b *policyRun) int { return b.start - a.start }) {
		switch {
		case r.asked:
			f.close(r, pawl.RunCancelled, now)
			f.rest(pawl.StatusIdle, now)
		case !counted && r.trigger == "backfill": // it says nothing about how the flow is now
			f.close(r, pawl.RunInterrupted, now)
			f.rest(pawl.StatusIdle, now)
		case !counted:
			counted = true
			f.close(r, pawl.RunInterrupted, now)
			f.fail(r, now)
		default:
			f.close(r, pawl.RunInterrupted, now)
			f.rest(pawl.StatusFailed, now)
		}
		if f.next == never || f.next > now || f.status == pawl.StatusTripped {
			f.plan(false, now)
		}
	}
}

// cancel is somebody's wish. time X2.
func (f *policyFlow) cancel(number int, now time.Duration) error {
	if number > len(f.runs) {
		return pawl.ErrRunNotFound
	}
	r := f.runs[number-1]
	switch r.status {
	case pawl.RunWaiting:
		closed := f.blocked(now)
		f.drop(r)
		f.plan(closed, now)
	case pawl.RunRunning:
		f.askToEnd(r, now)
	default:
		return pawl.ErrRunOver
	}
	return nil
}

func (f *policyFlow) drop(r *policyRun) {
	r.status = pawl.RunCancelled
	f.unqueue(r)
}

// askToEnd lets a run end soon.
func (f *policyFlow) askToEnd(r *policyRun, now time.Duration) {
	if !r.asked {
		r.asked, r.ends = true, now+r.leaves()
	}
}

// leaves is how long the job of a run goes on when it is cancelled: another time for
// each, and no whole number of milliseconds as all that else happens.
func (r *policyRun) leaves() time.Duration {
	return time.Duration(r.number)*time.Millisecond + 300*time.Microsecond
}

// cancelAll makes room for a start.
func (f *policyFlow) cancelAll(now time.Duration) {
	for _, r := range slices.Clone(f.waits) {
		if r.again || r.due <= now {
			f.drop(r)
		}
	}
	for _, r := range f.open {
		f.askToEnd(r, now)
	}
}

// probing says whether a probe is in flight that is to show whether a trip is over.
func (f *policyFlow) probing() bool {
	return f.streak > 0 && slices.ContainsFunc(f.open, func(r *policyRun) bool { return r.trigger == "probe" && !r.unprobed })
}

// reason is why instants are held.
func (f *policyFlow) reason() string {
	switch {
	case f.status == pawl.StatusTripped, f.probing(), f.next == never && f.paused == never:
		return "suppressed_tripped"
	case f.next == never:
		return "suppressed_paused"
	}
	return "suppressed_backoff"
}

// reset is scheduler T6.
func (f *policyFlow) reset(now time.Duration) {
	held, reason := f.held, f.reason()
	probed := held != never && reason == "suppressed_tripped"
	waited := f.status == pawl.StatusTripped || f.eligible > now || probed
	f.streak, f.eligible, f.trips, f.succeeded = 0, never, false, 0
	for _, r := range f.runs {
		r.unprobed = true
	}
	if len(f.open) == 0 {
		f.status = pawl.StatusIdle
	}
	switch {
	case !waited, f.next == never && f.held == never && f.scheduled():
	case held != never && reason == "suppressed_paused": // the pause goes on
	default:
		if held == never {
			held = f.next
		}
		f.decide(held, now, reason)
		f.held, f.next = never, f.resume(now)
		f.hold(now)
	}
}

// pause is time M1; until is never if it does not end by itself.
func (f *policyFlow) pause(now, until time.Duration) {
	f.until = until
	if f.paused != never {
		return
	}
	closed := f.blocked(now)
	f.paused = now
	if f.status == pawl.StatusTripped || f.next == never {
		return
	}
	if closed && f.next <= now && !f.backlog() {
		f.skip(now)
	}
	f.hold(now)
}

// unpause is time M1, time C3; from is never if nothing is reconsidered.
func (f *policyFlow) unpause(from, now time.Duration) {
	if f.paused == never {
		return
	}
	end := f.pausedTo(now)
	f.paused, f.until = never, never
	if f.status == pawl.StatusTripped || f.probing() || f.held == never {
		return
	}
	held := f.held
	f.held, f.next = never, f.resume(end)
	if end < now && f.next != never { // a trip that ended decided on what was before
		f.next = max(f.next, held)
	}
	if from != never {
		f.since = now
	}
	if from != never && f.mode != "none" {
		for f.next = held; f.next < from; {
			f.next = f.after(f.next)
		}
	}
	f.decide(held, min(f.next-1, end), "suppressed_paused")
	f.hold(now)
}

// pausedTo is up to when a pause holds instants back.
func (f *policyFlow) pausedTo(now time.Duration) time.Duration {
	if f.until == never {
		return now
	}
	return min(now, f.until)
}

// lapses says whether the pause ends before something else happens.
func (f *policyFlow) lapses(now, due time.Duration, ending *policyRun, to time.Duration) bool {
	at := max(f.until, now)
	return f.until != never && at <= to && (due == never || at <= max(due, now)) && (ending == nil || at <= max(ending.ends, now))
}
