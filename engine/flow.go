package engine

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Apply is the scheduler: it decides what the event e does to a flow in state s
// at the instant now under the plan p. It is a pure function. An error is a
// refusal and changes nothing.
//
// The caller truncates now to milliseconds, the precision of the store, and
// numbers the change (Seq) before it commits it.
func Apply(s State, e Event, now time.Time, p Plan) (Change, error) {
	c := Change{State: &s, Event: e.name(), From: s.Status}
	err := c.apply(e, now, p)
	if err != nil {
		return Change{}, err
	}
	c.Version++
	c.UpdatedAt = now
	return c, nil
}

func (c *Change) apply(e Event, now time.Time, p Plan) error {
	switch e := e.(type) {
	case Retire:
		c.Registered = false
		return nil
	case Interrupt:
		return c.interrupt(e, now, p)
	}
	if p.Schedule == nil {
		return fmt.Errorf("%w: %q is not registered any more", ErrFlowNotFound, c.ID)
	}
	switch e := e.(type) {
	case Adopt:
		return c.adopt(now, p)
	case Reserve:
		return c.reserve(e, now, p)
	case Outcome:
		return c.outcome(e, now, p)
	case Cancel:
		return c.cancel(e, now, p)
	case Clear:
		return c.clear(e)
	case Reset:
		return c.reset(now, p)
	case Adjust:
		return c.adjust(now, p)
	case Correct:
		return c.correct(now, p)
	}
	panic(fmt.Sprintf("engine: unknown event %T", e))
}

// adopt is the only writer of what the plan says. Only a changed schedule plans
// the next run anew; a plan without a policy forgets the streak, but a trip
// stays until it is reset.
func (c *Change) adopt(now time.Time, p Plan) error {
	before := c.FlowInfo
	c.FlowInfo = planned(c.FlowInfo, p)
	if c.Version == 0 {
		c.CreatedAt = now
	}
	if c.Status == StatusTripped {
		return nil
	}
	if p.Backoff == nil {
		c.FailureStreak, c.NextEligible = 0, time.Time{}
		if c.Status == StatusBackoff {
			c.Status = StatusFailed
		}
	}
	changed := c.Kind != before.Kind || c.Schedule != before.Schedule || c.TimeZone != before.TimeZone
	if changed || c.NextRun.IsZero() { // it may have been interrupted while it had no plan
		c.resume(now, p)
	}
	return nil
}

// planned is a flow with what the plan says of it.
func planned(f FlowInfo, p Plan) FlowInfo {
	f.Registered, f.Position = true, p.Position
	f.Kind, f.Schedule, f.TimeZone = p.Schedule.Kind(), p.Schedule.String(), p.Schedule.Zone()
	f.Backoff, f.StreakLimit = "", 0
	if p.Backoff != nil {
		f.Backoff, f.StreakLimit = p.Backoff.String(), p.Backoff.StreakLimit
	}
	return f
}

// reserve opens a run before its work starts. The next instant is planned in
// the same transition, so that an instant has at most one run.
func (c *Change) reserve(e Reserve, now time.Time, p Plan) error {
	switch {
	case c.Status == StatusTripped:
		return fmt.Errorf("%w: flow %q failed %d times in a row; reset it first", ErrTripped, c.ID, c.FailureStreak)
	case c.InFlight > 0:
		return fmt.Errorf("%w: flow %q, run %d", ErrAlreadyRunning, c.ID, c.LastNumber)
	case e.Trigger == TriggerSchedule && (dueAt(c.FlowInfo).IsZero() || dueAt(c.FlowInfo).After(now)):
		return fmt.Errorf("%w: flow %q", errNotDue, c.ID)
	}
	run := Run{Key: e.Key, Prev: c.LastKey, RunInfo: RunInfo{
		FlowID: c.ID, Number: c.LastNumber + 1, Trigger: e.Trigger, Status: RunRunning,
		Attempt: 1, ScheduledAt: now, StartedAt: now,
	}}
	if e.Trigger == TriggerSchedule {
		if c.NextRun.Equal(c.LastScheduled) { // it was cancelled, and makes up for what was missed since
			run.ScheduledAt, run.Attempt = c.NextRun, c.Attempt+1
		} else {
			run.ScheduledAt = p.Schedule.Latest(c.NextRun, now)
		}
		c.LastScheduled, c.Attempt = run.ScheduledAt, run.Attempt
		c.NextRun = p.Schedule.During(now, c.LastScheduled)
	}
	c.Status = StatusRunning
	c.RunCount++
	c.InFlight++
	c.LastRun = now
	c.LastNumber, c.LastKey = run.Number, run.Key
	c.Open = append(slices.Clip(c.Open), run)
	c.RunNumber, c.Runs = run.Number, slices.Clip(c.Open[len(c.Open)-1:])
	return nil
}

// dueAt is when a flow at rest wants to run by its schedule; zero: never.
func dueAt(f FlowInfo) time.Time {
	if f.NextRun.IsZero() || f.InFlight > 0 || f.Status == StatusTripped || !f.Registered {
		return time.Time{}
	}
	return later(f.NextRun, f.NextEligible)
}

// outcome settles a run whose job returned. An instant of the schedule that
// passed meanwhile is skipped.
func (c *Change) outcome(e Outcome, now time.Time, p Plan) error {
	run, err := c.run(e.Run)
	if err != nil {
		return err
	}
	run.FinishedAt = now
	c.absolve("its run ended")
	if e.Error == "" {
		run.Status = RunCompleted
		c.close(run, now)
		c.Status, c.FailureStreak, c.NextEligible = StatusCompleted, 0, time.Time{}
		c.LastError, c.ErrorKey = "", 0
	} else {
		run.Status, run.Error = RunFailed, e.Error
		c.close(run, now)
		c.fail(run, now, p)
	}
	c.planNext(now, p)
	return nil
}

// interrupt settles a run whose process died, as a failure if it is to blame.
// An instant that passed meanwhile was missed, not skipped: it stays due. Of a
// flow that has no plan any more only the run is settled.
func (c *Change) interrupt(e Interrupt, now time.Time, p Plan) error {
	run, err := c.run(e.Run)
	if err != nil {
		return err
	}
	guilty, why := c.judge(e)
	run.Status, run.Error = RunInterrupted, e.Error
	if why != "" {
		run.Error += "; " + why
		c.note(why)
	}
	c.close(run, now)
	if p.Schedule == nil {
		c.Status = StatusFailed
		return nil
	}
	switch {
	case guilty:
		c.fail(run, now, p)
	case c.NextEligible.After(now):
		c.Status = StatusBackoff
	default:
		c.Status = StatusFailed
	}
	if c.NextRun.IsZero() || c.NextRun.After(now) {
		c.planNext(now, p)
	}
	return nil
}

// cancel closes a run that outlasted the stop window. Nobody failed, so streak
// and window stay, and the schedule's instant is due again at the next start.
func (c *Change) cancel(e Cancel, now time.Time, p Plan) error {
	run, err := c.run(e.Run)
	if err != nil {
		return err
	}
	run.Status, run.Error, run.FinishedAt = RunCancelled, e.Error, now
	c.absolve("its run ended")
	c.close(run, now)
	c.Status = StatusIdle
	if c.NextEligible.After(now) {
		c.Status = StatusBackoff
	}
	if run.Trigger == TriggerSchedule {
		c.NextRun = run.ScheduledAt
	} else {
		c.planNext(now, p)
	}
	return nil
}

// reset forgets the streak, the window and a trip. A flow that waited for the
// end of a window, or for a reset, is planned anew.
func (c *Change) reset(now time.Time, p Plan) error {
	waited := c.Status == StatusTripped || c.NextEligible.After(now)
	c.FailureStreak, c.NextEligible = 0, time.Time{}
	c.LastError, c.ErrorKey = "", 0
	if c.InFlight == 0 {
		c.Status = StatusIdle
	}
	if waited {
		c.resume(now, p)
	}
	return nil
}

// adjust cuts waits that no interval and no backoff of the plan accounts for.
func (c *Change) adjust(now time.Time, p Plan) error {
	next, eligible := c.NextRun, c.NextEligible
	if p.Backoff != nil {
		c.NextEligible = earlier(c.NextEligible, now.Add(p.Backoff.cap()))
	}
	if limit := p.Schedule.Reach(now); !limit.IsZero() {
		c.NextRun = earlier(c.NextRun, later(limit, c.NextEligible))
	}
	if c.NextRun.Equal(next) && c.NextEligible.Equal(eligible) {
		return fmt.Errorf("%w: flow %q", errUnchanged, c.ID)
	}
	c.note("the clock went back")
	return nil
}

// correct plans the next run anew from a clock that was far ahead before. What
// happened then lies in the future now and holds nothing back.
func (c *Change) correct(now time.Time, p Plan) error {
	if c.NextRun.IsZero() && !c.LastScheduled.After(now) && !c.LastEnd.After(now) {
		return fmt.Errorf("%w: flow %q", errUnchanged, c.ID)
	}
	c.LastScheduled = earlier(c.LastScheduled, now)
	c.LastEnd = earlier(c.LastEnd, now)
	if p.Backoff != nil {
		c.NextEligible = earlier(c.NextEligible, now.Add(p.Backoff.cap()))
	}
	if !c.NextRun.IsZero() {
		c.resume(now, p)
	}
	c.note("the clock was corrected")
	return nil
}

// close takes a run out of those in flight and records its end.
func (c *Change) close(run Run, now time.Time) {
	c.InFlight--
	c.LastEnd = now
	c.Open = without(c.Open, run.Number)
	run.Error = Clip(run.Error, maxRunError)
	if run.Status != RunCancelled {
		c.LastError, c.ErrorKey = Clip(run.Error, maxLastError), run.Key
	}
	c.record(run)
}

// without is the runs in flight but one of them; it leaves the old state as it was.
func without(open []Run, number int64) []Run {
	if len(open) == 1 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(open), func(r Run) bool { return r.Number == number })
}

// record adds the row of a run to the change.
func (c *Change) record(run Run) {
	c.RunNumber = run.Number
	c.Runs = append(c.Runs, run)
}

// fail draws the consequence of a failure. With a policy a flow is never failed,
// not even for an instant. The window is drawn once, here, and stored.
func (c *Change) fail(run Run, now time.Time, p Plan) {
	if p.Backoff == nil {
		c.Status, c.FailureStreak, c.NextEligible = StatusFailed, 0, time.Time{}
		return
	}
	c.FailureStreak = min(c.FailureStreak, math.MaxInt32-1) + 1
	if p.Backoff.Trips(c.FailureStreak) {
		c.Status, c.NextEligible, c.NextRun = StatusTripped, time.Time{}, time.Time{}
		return
	}
	delay := p.Backoff.Delay(c.FailureStreak, jitter(p.Database, c.ID, run.Number))
	c.Status, c.NextEligible = StatusBackoff, now.Add(delay).Truncate(time.Millisecond)
}

// planNext plans the next run at the end of a run: an instant that is still
// ahead stays, one that passed is skipped, and none is before the window ends.
func (c *Change) planNext(now time.Time, p Plan) {
	if c.Status == StatusTripped {
		return
	}
	if passed := c.NextRun; !passed.After(now) {
		if !passed.IsZero() {
			c.note("skipped " + stamp(passed) + ": running")
		}
		c.NextRun = p.Schedule.Next(now, c.LastScheduled)
	}
	c.avoidWindow(p)
}

// resume plans the next run of a flow that waited for a reset or whose schedule
// is another one now. While a run of the schedule is in flight, its end does so.
func (c *Change) resume(now time.Time, p Plan) {
	if c.InFlight > 0 && c.NextRun.IsZero() {
		return
	}
	c.NextRun = p.Schedule.Resume(now, c.LastEnd, c.LastScheduled)
	c.avoidWindow(p)
}

// avoidWindow moves the next run out of the backoff window.
func (c *Change) avoidWindow(p Plan) {
	if c.NextRun.IsZero() || !c.NextRun.Before(c.NextEligible) {
		return
	}
	if c.Kind == KindCron {
		c.note("skipped " + stamp(c.NextRun) + ": backoff until " + stamp(c.NextEligible))
	}
	c.NextRun = p.Schedule.NotBefore(c.NextRun, c.NextEligible)
}

// note adds a remark to the transition.
func (c *Change) note(text string) {
	if c.Note != "" {
		text = c.Note + "; " + text
	}
	c.Note = text
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
