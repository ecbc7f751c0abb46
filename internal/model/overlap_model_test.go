package model_test

import (
	"slices"
	"time"

	"github.com/pawl-go/pawl"
)

// Instants of this model are counted from the beginning of a history.
const never = time.Duration(-1)

// policyFlow is what the specification says of overlap, catch-up and pauses, written
// a second time: a flow whose instants are multiples of an interval (grid), or are
// counted from the ends of its runs, or that has none (no interval). It notes the
// verdict on each instant by itself.
type policyFlow struct {
	every   time.Duration
	grid    bool
	overlap pawl.Overlap
	mode    string // of the catch-up: latest, earliest, all or none
	most    int
	within  time.Duration
	limit   int // failures in a row that trip it; 0: it has no backoff policy

	status                       pawl.Status
	streak                       int
	starts, succeeded, failed    int  // first starts so far; that of the newest run that succeeded, of the first failed one of the streak
	trips                        bool // it tripped, and nothing has ended that yet
	next, held, eligible, paused time.Duration
	until                        time.Duration // when the pause ends by itself
	since, end                   time.Duration // of the process; of the last run
	fired                        time.Duration // the newest instant that was run
	attempt                      int           // of its run
	runs, open, waits, fill      []*policyRun  // fill: of backfills, while they wait
	keyed                        *policyRun
	verdicts                     map[time.Duration][]string
}

type policyRun struct {
	number, attempt int
	trigger         string
	status          pawl.RunStatus
	at, due         time.Duration // due: while it waits
	began           time.Duration
	start           int           // of the flow's first starts, the first is 1; 0: it has not begun
	again, asked    bool          // it makes up for a cancelled one, or starts again; somebody wants it cancelled
	unprobed        bool          // it was a probe of a trip that a reset has ended
	restarts        int           // how often a stop cut it short
	ends            time.Duration // of one that is being cancelled
}

func (f *policyFlow) slots() int { return max(f.overlap.Parallel, 1) }

func (f *policyFlow) after(t time.Duration) time.Duration {
	switch {
	case f.every == 0:
		return never
	case !f.grid:
		return t + f.every
	case t < 0:
		return 0
	}
	return (t/f.every + 1) * f.every
}

// during is the next instant while a run is in flight.
func (f *policyFlow) during(now time.Duration) time.Duration {
	if !f.grid {
		return never
	}
	return f.after(now)
}

// resume is the next instant of a flow that waited for somebody.
func (f *policyFlow) resume(now time.Duration) time.Duration {
	switch {
	case f.grid || f.every == 0:
		return f.after(now)
	case f.end == never:
		return now
	}
	return max(now, f.end+f.every)
}

// decide notes the verdict on the instants in from..to. time W1.
func (f *policyFlow) decide(from, to time.Duration, verdict string) {
	if from == never || !f.grid {
		return
	}
	for t := from; t <= to; t = f.after(t) {
		f.verdicts[t] = append(f.verdicts[t], verdict)
	}
}

// owed says whether a run waits before all others.
func (f *policyFlow) owed() bool { return len(f.waits) > 0 && f.waits[0].again }

// closed says whether the flow takes no start of its schedule. time O1.
func (f *policyFlow) closed(now time.Duration) bool {
	return (len(f.open) >= f.slots() || f.owed()) && f.ready(now) >= f.overlap.Buffer
}

// ready is how many of those that wait are not for later.
func (f *policyFlow) ready(now time.Duration) (n int) {
	for _, r := range f.waits {
		if r.again || r.due <= now {
			n++
		}
	}
	return n
}

// stuck says whether a streak at its limit lets nothing start. time O4.
func (f *policyFlow) stuck() bool {
	return f.status == pawl.StatusTripped || len(f.open) > 0 && f.limit > 0 && f.streak >= f.limit
}

// due is when the flow does something by itself.
func (f *policyFlow) due(now time.Duration) time.Duration {
	_, due := f.head(now)
	if _, over := f.overtaker(now); over != never && (due == never || over < due) {
		due = over
	}
	tick := max(f.next, f.eligible)
	if f.next == never || f.closed(max(now, tick)) || f.stuck() {
		return due
	}
	if due == never {
		return tick
	}
	return min(due, tick)
}

// overtaker is where the newest of those waits whose own time has come, of which each
// cancels what is before it; or else the first whose time is ahead. time O1, time Q1.
func (f *policyFlow) overtaker(now time.Duration) (place int, at time.Duration) {
	at = never
	if !f.overlap.Cancel || f.stuck() {
		return 0, never
	}
	for i, r := range f.waits {
		busy := i > 0 || slices.ContainsFunc(f.open, func(o *policyRun) bool { return !o.asked && o.began <= r.due })
		if r.trigger == "manual" && r.due > r.at && r.began == never && busy && (r.due <= now || at == never) {
			place, at = i, r.due
		}
		if r.due > now && at != never {
			break
		}
	}
	return place, at
}

// head is the run that waits and starts next, and when.
func (f *policyFlow) head(now time.Duration) (*policyRun, time.Duration) {
	if len(f.open) >= f.slots() {
		return nil, never
	}
	if f.stuck() {
		if probe := f.waitingProbe(); probe != nil && len(f.open) == 0 {
			return probe, probe.due
		}
		return nil, never
	}
	first, at := f.first(now)
	if len(f.fill) > 0 && (first == nil || f.fill[0].due < at && at > now) {
		return f.fill[0], f.fill[0].due
	}
	return first, at
}

// waitingProbe is a probe that a stop cut short; nil: none waits.
func (f *policyFlow) waitingProbe() *policyRun {
	for _, r := range f.waits {
		if r.again && r.trigger == "probe" && !r.unprobed {
			return r
		}
	}
	return nil
}

// first is head if there is a slot: a run of the schedule waits for the end of a
// window, and those asked for pass it.
func (f *policyFlow) first(now time.Duration) (first *policyRun, at time.Duration) {
	at = never
	for _, r := range f.waits {
		start := r.due
		if r.trigger == "schedule" && r.began == never {
			start = max(start, f.eligible)
		}
		if start <= now {
			return r, start
		}
		if first == nil || start < at {
			first, at = r, start
		}
		if r.again || r.due > now {
			break
		}
	}
	return first, at
}

// advance does what there is to do in from..to: ends of runs that are being
// cancelled, starts. What waits goes before the schedule.
func (f *policyFlow) advance(from, to time.Duration) {
	for now := from; ; {
		at, ending := f.due(now), f.ending()
		if f.lapses(now, at, ending, to) {
			now = max(now, f.until)
			f.unpause(never, now)
			continue
		}
		if ending != nil && ending.ends <= to && (at == never || ending.ends < max(at, now)) {
			now = max(now, ending.ends)
			f.finish(ending, true, now.Truncate(time.Millisecond))
			continue
		}
		if at == never || max(at, now) > to {
			return
		}
		now = max(at, now)
		if place, over := f.overtaker(now); over != never && over <= now {
			after := slices.Clone(f.waits[place:])
			f.waits = f.waits[:place]
			f.cancelAll(now.Truncate(time.Millisecond))
			f.waits = after
		} else if first, head := f.head(now); first != nil && head <= now && (first.trigger != "backfill" || !f.ticks(now)) {
			f.begin(first, now.Truncate(time.Millisecond))
		} else {
			f.tick(now.Truncate(time.Millisecond))
		}
	}
}

// ticks says whether an instant has come that a run can be made for.
func (f *policyFlow) ticks(now time.Duration) bool {
	return f.next != never && max(f.next, f.eligible) <= now && !f.closed(now) && !f.stuck()
}

// ending is the run that is cancelled and ends first; nil: there is none.
func (f *policyFlow) ending() (first *policyRun) {
	for _, r := range f.open {
		if r.asked && (first == nil || r.ends < first.ends) {
			first = r
		}
	}
	return first
}

// tick decides on the instants that have come. time C1, time C2.
func (f *policyFlow) tick(now time.Duration) {
	at, attempt, next, since := f.next, 1, f.during(now), f.held
	f.held = never
	switch {
	case at == f.fired && f.mode == "all" && f.grid: // it was cancelled by a stop
		attempt, next = f.attempt+1, since
	case at == f.fired:
		attempt = f.attempt + 1
		f.decideLeft(since, now, "coalesced")
	default:
		f.decide(since, at-1, "suppressed_backoff")
		since = at
		if at = f.tooOld(f.left(at), now); at > now {
			f.next = at
			f.decideRan(since, now)
			return
		}
		at, next = f.choose(at, now)
	}
	if next == never || next > now {
		f.decideRan(since, now)
	} else {
		f.decideRan(since, next-1)
	}
	r := f.newRun("schedule", at)
	r.attempt, r.due = attempt, now
	f.next, f.fired, f.attempt = next, at, attempt
	if len(f.open) < f.slots() && !f.owed() {
		f.begin(r, now)
		return
	}
	if f.overlap.Cancel {
		f.cancelAll(now)
	}
	f.accept(r)
}

// tooOld misses what is not caught up on.
func (f *policyFlow) tooOld(first, now time.Duration) time.Duration {
	oldest := time.Duration(0)
	if f.mode == "none" {
		oldest = f.since
	}
	if f.within > 0 {
		oldest = max(oldest, now-f.within)
	}
	for first < min(oldest, now+1) {
		f.decide(first, first, "missed")
		first = f.left(f.after(first))
	}
	until := now
	if first < f.since {
		until = min(now, f.since-1)
	}
	for f.mode == "all" && f.grid && f.lefts(first, until) > f.most {
		f.decide(first, first, "missed")
		first = f.left(f.after(first))
	}
	return first
}

// choose is the instant of first..now that is run.
func (f *policyFlow) choose(first, now time.Duration) (at, next time.Duration) {
	switch {
	case !f.grid:
		return first, never
	case f.mode == "all":
		return first, f.left(f.after(first))
	case f.mode == "earliest":
		f.decideLeft(f.after(first), now, "coalesced")
		return first, f.after(now)
	}
	for at = now / f.every * f.every; f.ran(at); {
		at -= f.every
	}
	f.decideLeft(first, at-1, "coalesced")
	return at, f.after(now)
}

func (f *policyFlow) newRun(trigger string, at time.Duration) *policyRun {
	r := &policyRun{number: len(f.runs) + 1, attempt: 1, trigger: trigger, at: at, ends: never, began: never}
	f.runs = append(f.runs, r)
	return r
}

func (f *policyFlow) begin(r *policyRun, now time.Duration) {
	f.unqueue(r)
	f.open = append(f.open, r)
	if r.start == 0 {
		f.starts++
		r.start = f.starts
	}
	r.status, r.began = pawl.RunRunning, now
	f.status = pawl.StatusRunning
}

// accept lets a run wait, by when it is due.
func (f *policyFlow) accept(r *policyRun) {
	r.status = pawl.RunWaiting
	i := 0
	for i < len(f.waits) && (f.waits[i].again && !f.waits[i].after(r) || !r.again && f.waits[i].due <= r.due) {
		i++
	}
	f.waits = slices.Insert(f.waits, i, r)
}

// after says whether a run that goes before those that have not begun starts after another:
// those that start again go by their numbers, and before those that make up for others.
func (r *policyRun) after(other *policyRun) bool {
	begun := func(r *policyRun) bool { return r.began != never }
	if begun(r) != begun(other) {
		return other.again && begun(other)
	}
	return other.again && r.number > other.number
}

// ask is a trigger. It returns the run, or why there is none.
func (f *policyFlow) ask(at, now time.Duration, overlap pawl.Overlap, key bool) (*policyRun, error) {
	if key && f.keyed != nil {
		return f.keyed, nil
	}
	if f.stuck() {
		return nil, pawl.ErrTripped
	}
	first, start := f.first(now)
	ready := f.owed() || first != nil && start <= now
	free := len(f.open) < max(overlap.Parallel, 1) && !ready
	switch {
	case at > now || free || overlap.Cancel:
	case overlap.Parallel == 0 && overlap.Buffer == 0:
		return nil, pawl.ErrAlreadyRunning
	case f.ready(now) >= overlap.Buffer:
		return nil, pawl.ErrBufferFull
	}
	r := f.newRun("manual", now)
	r.due = max(at, now)
	if key {
		f.keyed = r
	}
	switch {
	case at > now:
		f.accept(r)
	case free:
		f.begin(r, now)
	default:
		if overlap.Cancel {
			f.cancelAll(now)
		}
		f.accept(r)
	}
	return r, nil
}

// post is a trigger that a transaction committed: of a flow that takes no start now it waits
// for the reset, whatever the overlap policy says. found Q2.
func (f *policyFlow) post(now time.Duration) error {
	if !f.stuck() {
		_, err := f.ask(now, now, f.overlap, false)
		return err
	}
	r := f.newRun("manual", now)
	r.due = now
	if f.overlap.Cancel {
		f.cancelAll(now)
	}
	f.accept(r)
	return nil
}
