package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// reserve opens a run before its work starts. The next instant is planned in
// the same transition, so that an instant has at most one run.
func (c *Change) reserve(e Reserve, now time.Time, p Plan) error {
	if e.Trigger != TriggerSchedule {
		return c.ask(e, now, p)
	}
	if place, at := c.CancellingRun(now, p); place >= 0 && !at.After(now) {
		c.overtake(place, now, p)
		return nil
	}
	run, at := c.NextQueued(now, p)
	waits := run != nil && !at.After(now)
	due := c.TickAt(now, p)
	ticks := !due.IsZero() && !due.After(now)
	if ticks && waits && run.Trigger == TriggerBackfill {
		waits = false // the schedule goes first
	}
	switch {
	case waits && !e.Full:
		c.begin(*run, now, p)
		return nil
	case ticks:
		return c.tick(e, waits, now, p)
	}
	return c.notDue(waits, p)
}

// notDue refuses a reserve of the schedule.
func (c *Change) notDue(waits bool, p Plan) error {
	switch {
	case c.tripping(p):
		return fmt.Errorf("%w: flow %q failed %s in a row; reset it first", ErrTripped, c.ID, times(c.FailureStreak))
	case c.InFlight >= p.Overlap.limit():
		return fmt.Errorf("%w: flow %q, run %d", ErrAlreadyRunning, c.ID, c.LastNumber)
	case c.SlotsTaken(p) >= p.Overlap.limit() && c.parkedInTheWay(p) != nil:
		return fmt.Errorf("%w: flow %q, %s", ErrAlreadyRunning, c.ID, c.parkedInTheWay(p).untilText())
	case waits:
		return fmt.Errorf("%w: flow %q", ErrFull, c.ID)
	}
	return fmt.Errorf("%w: flow %q", ErrNotDue, c.ID)
}

// tripping says whether a streak at its limit keeps the flow from starting runs,
// also while others are in flight.
func (s *State) tripping(p Plan) bool {
	return s.Status == StatusTripped || s.InFlight > 0 && s.atLimit(p)
}

// atLimit says whether the newest failure was one too many. Any other leaves a window,
// also when the limit was lowered since, which acts at the next failure.
func (s *State) atLimit(p Plan) bool {
	return p.Backoff != nil && p.Backoff.Trips(s.FailureStreak) && s.NextEligible.IsZero()
}

// ask is a trigger.
func (c *Change) ask(e Reserve, now time.Time, p Plan) error {
	if k := e.Known; k != nil && (!k.Over || now.Sub(k.At) < p.KeyFor) {
		return &DuplicateKey{k.Number}
	}
	tripped := c.tripping(p)
	posted := e.Posted && e.Trigger == TriggerManual // it was committed: it waits for the reset
	if tripped && !posted && (e.Trigger != TriggerProbe || c.InFlight > 0 || c.waitingProbe() != nil) {
		return fmt.Errorf("%w: flow %q failed %s in a row; reset it first", ErrTripped, c.ID, times(c.FailureStreak))
	}
	if e.Overlap != nil {
		p.Overlap = *e.Overlap
	}
	if c.Status != StatusTripped { // there is nothing to probe
		e.Trigger = TriggerManual
	}
	run := c.newRun(e.Key, e.Trigger, now)
	run.Input, run.HasInput = e.Input, e.Input != ""
	run.DueAt = later(now, e.StartAt.UTC().Truncate(time.Millisecond))
	if e.Token != "" {
		c.Token = &RunKey{Key: e.Token, Number: run.Number, At: now}
	}
	ahead := !tripped && c.ahead(now, p)
	e.Full = e.Full || c.isolated(p)
	switch {
	case run.DueAt.After(now):
		if c.Waiting >= max(p.Overlap.Buffer, laterStarts) {
			return fmt.Errorf("%w: %s", ErrBufferFull, queued(c.Waiting, c.ID))
		}
		c.accept(run, run.DueAt.UnixMilli(), p)
	case tripped && posted:
		return c.keep(run, now, p)
	case c.SlotsTaken(p) < p.Overlap.limit() && !ahead && !e.Full:
		c.open(run, now, p)
	case tripped: // a limit that it shares is in the way, or a parked run
		c.accept(run, 0, p)
	default:
		return c.buffer(run, ahead || c.SlotsTaken(p) > 0, now, p)
	}
	return nil
}

// ahead says whether a run that waits goes before a start at now.
func (s *State) ahead(now time.Time, p Plan) bool {
	if s.Waiting == 0 {
		return false
	}
	run, at := s.NextQueued(now, p)
	return len(s.Queue()) == 0 || s.retrying(p) || run != nil && run.Trigger != TriggerBackfill && !at.After(now)
}

// laterStarts is how many starts with a time of their own, or of a tripped flow, may wait,
// whatever the overlap policy says.
const laterStarts = 10_000

// keep queues a run of a tripped flow, which starts after the reset.
func (c *Change) keep(run Run, now time.Time, p Plan) error {
	switch {
	case p.Overlap.Cancel && len(c.Queue()) < c.Waiting:
		return c.tooMany()
	case p.Overlap.Cancel:
		c.cancelOthers(run, c.Queue(), now, p)
	case c.Waiting >= max(p.Overlap.Buffer, laterStarts):
		return fmt.Errorf("%w: %s for its reset", ErrBufferFull, queued(c.Waiting, c.ID))
	}
	c.accept(run, run.DueAt.UnixMilli(), p)
	return nil
}

// buffer accepts a run that cannot start now, if the policy lets it wait.
func (c *Change) buffer(run Run, overlaps bool, now time.Time, p Plan) error {
	o := p.Overlap
	switch {
	case o.Cancel && len(c.Queue()) < c.Waiting: // those in the store alone would stay, before it
		return c.tooMany()
	case o.Cancel:
		c.cancelOthers(run, c.Queue(), now, p)
	case !overlaps && c.ready(now) == 0: // only a limit that it shares is in the way
	case o.Buffer == 0 && c.InFlight == 0 && c.parkedInTheWay(p) != nil:
		return fmt.Errorf("%w: flow %q, %s", ErrAlreadyRunning, c.ID, c.parkedInTheWay(p).untilText())
	case o.Buffer == 0 && o.Parallel == 0 && c.InFlight == 0:
		return fmt.Errorf("%w: a start of flow %q waits", ErrAlreadyRunning, c.ID)
	case o.Buffer == 0 && o.Parallel == 0:
		return fmt.Errorf("%w: flow %q, run %d", ErrAlreadyRunning, c.ID, c.LastNumber-1)
	case c.ready(now) >= o.Buffer:
		return fmt.Errorf("%w: %s", ErrBufferFull, queued(c.ready(now), c.ID))
	}
	c.accept(run, run.DueAt.UnixMilli(), p)
	return nil
}

// tooMany refuses a start that is to cancel what waits.
func (c *Change) tooMany() error {
	return fmt.Errorf("%w: %s, too many to be cancelled at once", ErrBufferFull, queued(c.Waiting, c.ID))
}

// newRun is the next run of the flow.
func (c *Change) newRun(key int64, trigger string, scheduled time.Time) Run {
	run := Run{Key: key, Prev: c.LastKey, RunInfo: RunInfo{
		FlowID: c.ID, Number: c.LastNumber + 1, Trigger: trigger, Attempt: 1, ScheduledAt: scheduled,
	}}
	c.LastNumber, c.LastKey = run.Number, run.Key
	return run
}

// accept lets a new run wait, in the order of rank; one of 0 goes before other new ones.
func (c *Change) accept(run Run, rank int64, p Plan) {
	run.Status, run.Queued, run.Rank = RunWaiting, true, rank
	c.wait(run, p)
	c.record(run)
	c.Event = "accept"
}

// begin starts a run that waits, if its deadline has not passed meanwhile. One that goes
// on does in any case: what it did may have to be undone.
func (c *Change) begin(run Run, now time.Time, p Plan) {
	if !run.Deadline.IsZero() && !run.Deadline.After(now) && !p.Resumes {
		c.expire(run, now, p)
		return
	}
	c.unqueue(&run)
	run.Was = RunWaiting
	c.open(run, now, p)
}

// open starts a run.
func (c *Change) open(run Run, now time.Time, p Plan) {
	if run.StartedAt.IsZero() {
		c.RunCount++
		c.Began = run.Number
		if p.ordered() {
			run.Order = c.RunCount
		}
		if p.Jitter > 0 && run.Trigger == TriggerSchedule {
			c.Delay = delayed(c.ID, c.schedule(p), run.ScheduledAt, p).Sub(run.ScheduledAt)
		}
	}
	if p.Timeout > 0 && run.Deadline.IsZero() {
		run.Deadline = now.Add(p.Timeout)
	}
	if run.Attempt > 1 && !run.StartedAt.IsZero() {
		c.nextAttempt(run, now, p)
	}
	if run.StartedAt.IsZero() || !p.Resumes { // what goes on began when it began
		run.StartedAt = now
	}
	run.Status, run.DueAt, run.ExitCode = RunRunning, time.Time{}, 0
	c.Status = StatusRunning
	c.InFlight++
	c.LastRun = now
	c.record(run)
	c.Open = append(slices.Clip(c.Open), &c.Runs[len(c.Runs)-1])
}

// TickAt is when an instant of the schedule starts a run, or joins those that
// wait; zero: none does before something else happens.
func (s *State) TickAt(now time.Time, p Plan) time.Time {
	switch {
	case s.NextRun.IsZero() || !s.Registered || s.tripping(p) || p.Behind || s.isolated(p):
		return time.Time{}
	case (s.SlotsTaken(p) >= p.Overlap.limit() || s.retrying(p)) && !s.room(now, p):
		return time.Time{}
	}
	if c := (Change{State: s}); s.owed() && !c.floats(s.schedule(p), now) { // it was due before, whatever the clock shows now
		return later(earlier(s.NextRun, now), s.NextEligible)
	}
	return later(s.jittered(p), s.NextEligible)
}

// jittered is the start for the next instant.
func (s *State) jittered(p Plan) time.Time {
	if p.Jitter == 0 {
		return s.NextRun
	}
	return delayed(s.ID, s.schedule(p), s.NextRun, p)
}

// delayed is the start for an instant, which is before the one after it.
func delayed(flow string, s schedule.Schedule, at time.Time, p Plan) time.Time {
	limit := p.Jitter
	if limit == 0 {
		return at
	}
	if after := s.After(at); !after.IsZero() {
		limit = min(limit, after.Sub(at))
	}
	return at.Add(spread(p.Database, flow, at, limit))
}

// room says whether a further start of the schedule may wait.
func (s *State) room(now time.Time, p Plan) bool { return s.ready(now) < p.Overlap.Buffer }

// DueAt is when the flow has something to do by itself; zero: never.
func (s *State) DueAt(now time.Time, p Plan) time.Time {
	due := s.TickAt(now, p)
	if run, start := s.NextQueued(now, p); run != nil && (due.IsZero() || !due.Before(start)) {
		due = start
	}
	if place, at := s.CancellingRun(now, p); place >= 0 && (due.IsZero() || at.Before(due)) {
		due = at
	}
	return due
}

// enqueueAll accepts many runs, or none.
func (c *Change) enqueueAll(e Accept, now time.Time, p Plan) error {
	if c.tripping(p) {
		return fmt.Errorf("%w: flow %q failed %s in a row; reset it first", ErrTripped, c.ID, times(c.FailureStreak))
	}
	room := max(p.Overlap.limit()-c.SlotsTaken(p), 0)
	if c.ready(now)+len(e.Asks)-room > p.Overlap.Buffer && !p.Overlap.Cancel {
		return fmt.Errorf("%w: %s, and %d more are too many for overlap %s", ErrBufferFull, queued(c.ready(now), c.ID), len(e.Asks), p.Overlap)
	}
	if p.Overlap.Cancel && len(e.Asks) > 1 {
		return fmt.Errorf("%w: %d starts of flow %q, of which each would cancel the one before; trigger one at a time", ErrBufferFull, len(e.Asks), c.ID)
	}
	c.Runs = make([]Run, 0, len(e.Asks))
	first := c.LastNumber + 1
	for i, a := range e.Asks {
		run := c.newRun(e.Key+int64(i), TriggerManual, now)
		run.Input, run.HasInput = a.Input, a.Input != ""
		run.DueAt = later(now, a.StartAt.UTC().Truncate(time.Millisecond))
		if p.Overlap.Cancel && !run.DueAt.After(now) {
			if len(c.Queue()) < c.Waiting {
				return c.tooMany()
			}
			c.cancelOthers(run, c.Queue(), now, p)
		}
		c.accept(run, run.DueAt.UnixMilli(), p)
	}
	c.RunNumber = first
	return nil
}

// backfill accepts runs for instants of the past. They start, in order, when
// nothing else of the flow waits.
func (c *Change) backfill(e Backfill, now time.Time, p Plan) error {
	if c.tripping(p) && !e.Posted {
		return fmt.Errorf("%w: flow %q failed %s in a row; reset it first", ErrTripped, c.ID, times(c.FailureStreak))
	}
	first := c.LastNumber + 1
	for i, at := range e.Instants {
		run := c.newRun(e.Key+int64(i), TriggerBackfill, at)
		run.DueAt = now
		c.accept(run, BackfillRank+at.UnixMilli(), p)
	}
	c.Event, c.RunNumber = "backfill", first
	return nil
}
