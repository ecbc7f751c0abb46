package model_test

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
)

// The Chronos check: from the schedules and from what happened to the process it is
// derived when each flow has to run, and compared with a log that the jobs write. A
// target without a run is a miss, a run without a target is an extra. Virtual time
// makes both exact. It shares no code with the engine.

// yearFlow is a flow as the check sees it: every with an interval, cron with a
// predicate on the clock of a zone, a fixed rate or a grid with a step, or none of
// them.
type yearFlow struct {
	id       string
	interval time.Duration
	step     time.Duration
	aligned  bool // the step is; else it is a fixed rate
	expr     string
	zone     string
	matches  func(local time.Time) bool // of whole minutes
	policy   *pawl.BackoffPolicy
	lasts    time.Duration
	fails    func(run int64) bool

	options    []pawl.FlowOption
	gapSkip    bool
	foldBoth   bool
	catchUp    string        // earliest, all or none; empty: latest
	within     time.Duration // of the catch-up
	timeout    time.Duration
	retries    int // of a run, each after retryDelay
	retryDelay time.Duration

	instants []time.Time // of the expression, in order
}

// entry is a line of the log, written by a job when it ended.
type entry struct {
	pawl.RunInfo
	began, ended time.Time // of the clock that never jumps
	failed       bool
	lost         bool // its process was dead when it ended
	cancelled    bool // a stop cancelled it
}

// happening is what the test did to the process. Between two of them it is up, with
// a wall clock that runs ahead of the other by shift.
type happening struct {
	what  string // start, stop (nothing begins any more), down (nothing ends any more), jump, reset, trigger
	at    time.Time
	shift time.Duration
	flow  string    // of a reset or trigger
	n     int       // inputs of a feed; at a start the version of the orders
	until time.Time // of a pause; zero: until it is resumed
}

// expand finds the instants of a year, minute by minute, and some more for a clock
// that jumps. All of the times are fixed ones: what the clocks of the zone show twice
// counts once, and what they leave out counts right after.
func (f *yearFlow) expand(from time.Time) {
	if f.step > 0 {
		f.expandGrid(from)
	}
	if f.matches == nil {
		return
	}
	zone, err := time.LoadLocation(f.zone)
	if err != nil {
		panic(err)
	}
	before := clock(from.AddDate(0, -3, 0).Add(-time.Minute).In(zone))
	latest := before // that it showed
	for t, end := from.AddDate(0, -3, 0), from.AddDate(1, 3, 0); t.Before(end); t = t.Add(time.Minute) {
		now := clock(t.In(zone))
		due := (now.After(latest) || f.foldBoth) && f.matches(now) // not shown before
		for left := before.Add(time.Minute); left.Before(now) && !f.gapSkip; left = left.Add(time.Minute) {
			due = due || f.matches(left) // left out
		}
		if due {
			f.instants = append(f.instants, t)
		}
		before = now
		if now.After(latest) {
			latest = now
		}
	}
}

// expandGrid finds the instants of a step, from the first start or the epoch on.
func (f *yearFlow) expandGrid(from time.Time) {
	t, end := from, from.AddDate(1, 3, 0)
	if f.aligned {
		t = time.Unix(0, 0).UTC()
	}
	for begin := from.AddDate(0, -3, 0); t.Before(end); t = t.Add(f.step) {
		if !t.Before(begin) {
			f.instants = append(f.instants, t)
		}
	}
}

// clock is what a clock shows, as a time in UTC: it goes on when that one jumps.
func clock(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
}

// after is the first instant after t, or one that is out of reach.
func (f *yearFlow) after(t time.Time) time.Time {
	i := sort.Search(len(f.instants), func(i int) bool { return f.instants[i].After(t) })
	if i == len(f.instants) {
		return t.AddDate(100, 0, 0)
	}
	return f.instants[i]
}

// latest is the last instant until t.
func (f *yearFlow) latest(t time.Time) time.Time {
	i := sort.Search(len(f.instants), func(i int) bool { return f.instants[i].After(t) })
	return f.instants[i-1]
}

// watcher goes through what happened, and through the log of one flow.
type watcher struct {
	*yearFlow
	log              []entry
	shift            time.Duration
	up               bool      // and not stopping
	from             time.Time // up to when it has looked
	target, eligible time.Time // of the wall clock; target zero: none
	end, fired       time.Time // of the last run; the instant of the last one by schedule
	streak           int
	tripped, owed    bool
	paused           bool
	pausedTo         time.Time // when the last pause that has an end is over
	since            time.Time // of the process, or the clock if that shows less
	retry            *entry    // that is tried again, at retryAt
	retryAt          time.Time
	running          *entry
	had              map[int64]bool // instants that had a run, in milliseconds
}

// check returns the first thing that is wrong with the runs of a flow.
func (f *yearFlow) check(log []entry, happenings []happening) error {
	w := &watcher{yearFlow: f, log: log, had: map[int64]bool{}}
	for i, h := range happenings {
		if err := w.until(h.at); err != nil {
			return fmt.Errorf("%s, before happening %d %+v: %w", f.id, i, h, err)
		}
		if err := w.happens(h, i == 0); err != nil {
			return fmt.Errorf("%s, happening %d %+v: %w", f.id, i, h, err)
		}
	}
	if len(w.log) > 0 {
		return fmt.Errorf("%s: extra: run %d at %s", f.id, w.log[0].Number, w.log[0].began)
	}
	return nil
}

// until matches the targets up to an instant with the runs.
func (w *watcher) until(end time.Time) error {
	for {
		w.passHad()
		if w.running != nil && !w.running.ended.After(end) && !w.running.lost && !w.running.cancelled {
			w.outcome()
			continue
		}
		due := w.target
		if due.Before(w.eligible) {
			due = w.eligible
		}
		if w.retry != nil {
			due = w.retryAt
		}
		at := due.Add(-w.shift)
		if at.Before(w.from) {
			at = w.from
		}
		if !w.up || w.running != nil || w.target.IsZero() && w.retry == nil || !at.Before(end) {
			break
		}
		if w.retry == nil && w.tooOld(at.Add(w.shift)) {
			w.from = at
			continue
		}
		if err := w.run(at, false); err != nil {
			return err
		}
	}
	w.from = end
	return nil
}

// tooOld passes over targets that are not caught up on.
func (w *watcher) tooOld(now time.Time) bool {
	oldest := time.Time{}
	if w.catchUp == "none" {
		oldest = w.since
	}
	if w.within > 0 && now.Add(-w.within).After(oldest) {
		oldest = now.Add(-w.within)
	}
	if w.owed || !w.target.Before(oldest) {
		return false
	}
	w.target = w.after(oldest.Add(-time.Nanosecond))
	return w.target.After(now)
}

// catchesUpTwice says whether an instant that passed while nobody ran has a run already,
// since the clock was wrong.
func (w *watcher) catchesUpTwice(t time.Time) bool {
	return t.Before(w.since) && w.had[t.UnixMilli()]
}

// passHad passes over targets that have a run already.
func (w *watcher) passHad() {
	for w.instants != nil && !w.owed && w.retry == nil && w.catchesUpTwice(w.target) {
		w.target = w.after(w.target)
	}
}

// fixed says whether the times of the flow are, so that none of them runs twice.
func (f *yearFlow) fixed() bool {
	fields := strings.Fields(f.expr)
	return len(fields) == 6 && !strings.ContainsAny(fields[1]+fields[2], "*/")
}

// run takes the next run from the log, which has to begin at an instant.
func (w *watcher) run(at time.Time, triggered bool) error {
	if len(w.log) == 0 || w.log[0].began.After(at) {
		return fmt.Errorf("miss: no run at %s, %s on the wall, for %s", at, at.Add(w.shift), w.target)
	}
	e := w.log[0]
	w.log, w.running, w.from = w.log[1:], &e, at
	scheduled, attempt := w.target, 1
	switch {
	case triggered:
		scheduled = at.Add(w.shift)
	case w.retry != nil:
		scheduled, attempt, w.retry = w.retry.ScheduledAt, w.retry.Attempt+1, nil
	case w.instants != nil:
		if !w.owed && w.catchUp != "earliest" && w.catchUp != "all" {
			scheduled = w.latest(at.Add(w.shift))
			for w.catchesUpTwice(scheduled) {
				scheduled = w.latest(scheduled.Add(-time.Nanosecond))
			}
		}
		w.fired = scheduled
		if !e.lost && !e.cancelled {
			w.had[scheduled.UnixMilli()] = true
		}
		w.target = w.following(at.Add(w.shift))
		if w.catchUp == "all" {
			w.target = w.after(scheduled)
		}
	default:
		w.target = time.Time{}
	}
	switch {
	case e.began.Before(at):
		return fmt.Errorf("extra: run %d at %s, the next target is at %s", e.Number, e.began, at)
	case (e.Trigger == "manual") != triggered:
		return fmt.Errorf("run %d at %s is of %s", e.Number, at, e.Trigger)
	case !e.ScheduledAt.Equal(scheduled):
		return fmt.Errorf("run %d at %s is for %s, want %s", e.Number, at, e.ScheduledAt, scheduled)
	case !w.owed && w.retries > 0 && e.Attempt != attempt:
		return fmt.Errorf("run %d at %s is attempt %d, want %d", e.Number, at, e.Attempt, attempt)
	case w.timeout > 0 && !e.lost && e.ended.Sub(e.began) > w.timeout:
		return fmt.Errorf("run %d at %s lasted %s", e.Number, at, e.ended.Sub(e.began))
	}
	w.owed = w.owed && triggered
	if e.ended.Equal(e.began) {
		w.outcome()
	}
	return nil
}

// outcome draws the consequences of a run that ended.
func (w *watcher) outcome() {
	e := w.running
	w.running, w.end = nil, e.ended.Add(w.shift)
	w.from = e.ended
	if e.failed && e.Attempt <= w.retries {
		w.retry, w.retryAt = e, w.end.Add(w.retryDelay)
		return
	}
	if e.failed {
		w.fail(w.end)
	} else {
		w.streak, w.eligible = 0, time.Time{}
	}
	w.plan(w.end)
}

func (w *watcher) fail(now time.Time) {
	if w.policy == nil {
		return
	}
	w.streak++
	if w.streak == w.policy.StreakLimit {
		w.tripped, w.target, w.eligible = true, time.Time{}, time.Time{}
		return
	}
	delay := w.policy.Initial
	for range w.streak - 1 {
		delay = min(2*delay, w.policy.MaxDelay)
	}
	w.eligible = now.Add(delay)
}

func (w *watcher) plan(now time.Time) {
	switch {
	case w.tripped, w.paused, w.catchUp == "all":
		return
	case w.interval > 0 && !w.target.After(now):
		w.target = now.Add(w.interval)
	case w.instants != nil && !w.target.After(now):
		w.target = w.following(now)
	}
	w.leaveWindow()
}

// following is the next instant, but no fixed time twice if the clock went back a little.
func (w *watcher) following(now time.Time) time.Time {
	if w.fixed() && w.fired.After(now) {
		return w.after(w.fired)
	}
	return w.after(now)
}

func (w *watcher) leaveWindow() {
	switch {
	case w.target.IsZero() || !w.target.Before(w.eligible):
	case w.instants != nil:
		w.target = w.after(w.eligible.Add(-time.Nanosecond))
	default:
		w.target = w.eligible
	}
}

// happens follows what the test did.
func (w *watcher) happens(h happening, first bool) error {
	w.lapse(h.at)
	back := w.shift - h.shift
	w.shift = h.shift
	now := h.at.Add(h.shift)
	switch {
	case h.what == "trigger" && h.flow == w.id:
		return w.run(h.at, true)
	case h.what == "reset" && h.flow == w.id:
		w.reset(now)
	case h.what == "pause" && h.flow == w.id:
		w.paused, w.target = true, time.Time{}
		if !h.until.IsZero() { // it goes on by itself
			w.paused, w.target, w.pausedTo = false, w.after(h.until), h.until
		}
	case h.what == "resume" && h.flow == w.id && (w.paused || w.pausedTo.After(now)):
		w.paused, w.target, w.pausedTo = false, w.following(now), time.Time{}
	case h.what == "jump":
		w.moveWaits(now.Add(back), -back)
		if back > 0 {
			w.setBack(now, back)
		} else if back <= -time.Minute {
			w.since = now // what passed is caught up on
		}
	case h.what == "stop", h.what == "down":
		w.up = false
	case h.what == "start":
		w.up, w.since = true, now
		w.lapse(h.at)
		switch {
		case first && w.interval > 0:
			w.target = now
		case first && w.step > 0 && !w.aligned:
			w.target = w.after(now.Add(-time.Nanosecond))
		case first && w.instants != nil:
			w.target = w.after(now)
		case w.running != nil:
			w.recover(now)
		}
	}
	return nil
}

// lapse forgets a pause that is over, also for a clock that is set back afterwards: while
// nobody ran it was not over for anybody.
func (w *watcher) lapse(at time.Time) {
	if w.up && !w.pausedTo.After(at.Add(w.shift)) {
		w.pausedTo = time.Time{}
	}
}

// recover is for a run that had no outcome.
func (w *watcher) recover(now time.Time) {
	e := w.running
	w.running = nil
	if !e.lost { // it was cancelled, so its instant is due again
		w.end = e.ended.Add(w.shift)
		w.target, w.owed = e.ScheduledAt, true
		return
	}
	w.end = now
	w.fail(now)
	if w.target.IsZero() || w.target.After(now) {
		w.plan(now)
	}
}

// moveWaits lets what waits for a length of time wait for the rest of it.
func (w *watcher) moveWaits(before time.Time, by time.Duration) {
	if w.eligible.After(before) {
		w.eligible = w.eligible.Add(by)
	}
	w.retryAt = w.retryAt.Add(by)
	if by < 0 && w.interval > 0 && w.target.After(before) {
		w.target = w.target.Add(by)
	}
}

// setBack is a wall clock that shows less than before: by three hours or more it
// was wrong, and all is planned anew; else wildcards and intervals keep their rate.
func (w *watcher) setBack(now time.Time, by time.Duration) {
	if limit := now.Add(w.longest()); w.policy != nil && w.eligible.After(limit) {
		w.eligible = limit
	}
	wrong := by >= 3*time.Hour
	if w.since.After(now) {
		w.since = now
	}
	if wrong && w.end.After(now) {
		w.end = now
	}
	if (wrong || !w.fixed() && !w.owed) && w.fired.After(now) {
		w.fired = now
	}
	switch {
	case w.tripped || w.target.IsZero():
	case w.instants != nil && wrong && w.pausedTo.After(now):
		w.target, w.owed = w.after(w.pausedTo), false
	case w.instants != nil && wrong:
		w.target, w.owed = w.after(now), false
	case w.instants != nil && (w.fixed() || w.owed):
		return
	case w.instants != nil:
		next := w.after(now)
		if w.pausedTo.After(now) {
			next = w.after(w.pausedTo)
		}
		if !next.Before(w.target) { // what was due before the step is due after it
			return
		}
		w.target = next
	case wrong:
		w.target = w.end.Add(w.interval)
	case w.target.After(now.Add(w.interval)):
		w.target = now.Add(w.interval)
	default: // as above
		return
	}
	w.leaveWindow()
}

func (w *watcher) longest() time.Duration {
	if w.policy == nil {
		return 0
	}
	return w.policy.MaxDelay
}

func (w *watcher) reset(now time.Time) {
	waited := w.tripped || w.eligible.After(now)
	w.tripped, w.streak, w.eligible = false, 0, time.Time{}
	switch {
	case !waited:
	case w.instants != nil:
		w.target, w.owed = w.following(now), false
	case w.end.Add(w.interval).After(now):
		w.target = w.end.Add(w.interval)
	default:
		w.target = now
	}
}
