package core

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// outcome settles a run whose job returned. An instant of the schedule that
// passed meanwhile is skipped.
func (c *Change) outcome(e Outcome, now time.Time, p Plan) error {
	run, err := c.run(e.Run)
	if err != nil {
		return err
	}
	blocked := c.blocked(now, p)
	c.cleared(&run, "its run ended")
	run.FinishedAt, run.Output, run.ExitCode = run.ended(e.Ended, now), e.Output, e.ExitCode
	switch {
	case e.As == RunSkipped:
		c.spare(run, RunSkipped, e.Error, now, p)
	case e.Error == "":
		c.succeed(run, now, p)
	case e.As == RunBlocked:
		c.block(run, e.Rest.Version, e.Error, now, p)
		return nil
	case e.As == RunParked && !run.Ending && !run.Lost:
		c.park(run, *e.Rest, now, p)
		return nil
	case e.As == RunWaiting, e.As == RunParked: // somebody cancelled it meanwhile: it goes on to end
		c.suspend(run, now, p)
		return nil
	case run.Ending:
		c.spare(run, RunCancelled, e.Error, now, p)
	case run.Lost:
		run.Status, run.Error = RunInterrupted, "interrupted, too often at the same point: "+e.Error
		c.close(run, now)
		c.fail(run, now, p)
	case c.retry(run, e.Error, e, now, p):
		return nil
	default:
		run.Status = RunFailed
		if e.As == RunTimedOut {
			run.Status = RunTimedOut
		}
		run.Error = e.Error
		c.close(run, now)
		c.fail(run, now, p)
	}
	c.planNext(blocked, now, p)
	return nil
}

// ended is when a run was over whose job returned at an instant in milliseconds, if that is
// within the run as the clock shows it now.
func (r *Run) ended(at int64, now time.Time) time.Time {
	if end := FromMillis(at); at != 0 && end.Before(now) && !end.Before(r.StartedAt) {
		return end
	}
	return now
}

// timeout closes a run whose job does not return.
func (c *Change) timeout(e Timeout, now time.Time, p Plan) error {
	run, err := c.run(e.Run)
	if err == nil && e.Limit > 0 && run.Attempt != e.Attempt { // this one has a limit of its own
		err = fmt.Errorf("%w: attempt %d of run %d of flow %q", ErrNotInFlight, e.Attempt, e.Run, c.ID)
	}
	if err != nil {
		return err
	}
	blocked := c.blocked(now, p)
	c.cleared(&run, "its run ended")
	run.FinishedAt, c.Leak = now, run.Number
	switch {
	case run.Ending:
		c.spare(run, RunCancelled, "cancelled; its job has not returned", now, p)
	case run.Lost:
		run.Status, run.Error = RunInterrupted, "interrupted, too often at the same point; its job has not returned"
		c.close(run, now)
		c.fail(run, now, p)
	default:
		run.Status, run.Error = RunTimedOut, "timed out: its deadline was "+stamp(run.Deadline)+", and its job has not returned"
		if e.Limit > 0 { // another attempt would run beside this one
			run.Error = fmt.Sprintf("timed out: the limit of attempt %d was %s, and its job has not returned", run.Attempt, e.Limit)
		}
		c.close(run, now)
		c.fail(run, now, p)
	}
	c.planNext(blocked, now, p)
	return nil
}

// blocked says whether the flow takes no start of the schedule, which is skipped
// then. One that only a backfill is in the way of waits for the end of its run.
func (s *State) blocked(now time.Time, p Plan) bool {
	return (s.SlotsTaken(p) >= p.Overlap.limit() || s.retrying(p)) && !s.room(now, p) &&
		(len(s.Open) == 0 || slices.ContainsFunc(s.Open, func(r *Run) bool { return r.Trigger != TriggerBackfill }))
}

// interrupt settles a run whose process died, as a failure if it is to blame.
// An instant that passed meanwhile was missed, not skipped: it stays due. Of a
// flow that has no plan any more only the run is settled.
func (c *Change) interrupt(e Interrupt, now time.Time, p Plan) error {
	run, err := c.run(e.Run)
	if err != nil {
		return err
	}
	guilty := !e.Spared && !e.Repeated && !(e.Mark.Waits && p.Resumes)
	text := e.Error
	if e.Why != "" {
		text += "; " + e.Why
		c.note(e.Why)
	}
	if p.ContinuesAfterCrash() {
		c.markFlow(&run, false)
		c.mark(&run, e.Suspect)
	} else {
		c.markFlow(&run, e.Suspect)
	}
	switch {
	case p.Schedule != nil && c.goesOn(run, e, text, now, p):
		return nil
	case run.Ending:
		c.spare(run, RunCancelled, "cancelled, and "+text, now, p)
	case p.Schedule != nil && !guilty && p.Retry != nil && c.Registered && !run.Lost:
		c.restart(run, text, now, p)
		return nil
	case p.Schedule != nil && c.retry(run, text, Outcome{As: RunInterrupted}, now, p):
		return nil
	default:
		run.Status, run.Error = RunInterrupted, text
		c.close(run, now)
		switch {
		case p.Schedule == nil && !c.probes(run):
			c.settleAs(StatusFailed)
		case guilty && p.Schedule != nil:
			c.fail(run, now, p)
		default:
			c.restAs(StatusFailed, run, now, p)
		}
	}
	if p.Schedule != nil && (c.NextRun.IsZero() || c.NextRun.After(now) || c.Status == StatusTripped) {
		c.planNext(false, now, p)
	}
	return nil
}

// cancel settles a run that a stop cut short. Nobody failed, so streak and window stay.
// A run that somebody asked for goes back to the queue; an instant of the schedule is due
// again at the next start, as the next attempt.
func (c *Change) cancel(e Cancel, now time.Time, p Plan) error {
	run, err := c.run(e.Run)
	if err != nil {
		return err
	}
	blocked := c.blocked(now, p)
	if p.Resumes || run.Trigger != TriggerSchedule && !run.Ending && !p.StopCancels {
		c.restart(run, "cut short by a stop: "+e.Error, now, p)
		return nil
	}
	c.cleared(&run, "its run ended")
	text := "cancelled: " + e.Error
	scheduled := run.Trigger == TriggerSchedule && !run.Ending
	run.FinishedAt = run.ended(e.Ended, now)
	if !scheduled && c.retry(run, text, Outcome{As: RunCancelled}, now, p) { // as after a crash
		c.Event = "interrupt"
		return nil
	}
	c.spare(run, RunCancelled, text, now, p)
	switch {
	case c.owed(): // another run of the flow was cancelled before
	case !scheduled || run.ScheduledAt.After(c.LastScheduled): // the clock was corrected since
		c.planNext(blocked, now, p)
	case c.Status != StatusTripped && c.PausedAt.IsZero() && run.ScheduledAt.Equal(c.LastScheduled) && p.Overlap.limit() == 1:
		c.Held = c.undecided()
		c.NextRun, c.Attempt = run.ScheduledAt, run.Attempt
	default:
		c.again(e.Key, run, now, p)
		c.planNext(blocked, now, p)
	}
	return nil
}

// again lets the instant of a run that a stop cancelled wait for another.
func (c *Change) again(key int64, run Run, now time.Time, p Plan) {
	next := c.newRun(key, TriggerSchedule, run.ScheduledAt)
	next.Attempt = run.Attempt + 1
	if run.ScheduledAt.Equal(c.LastScheduled) {
		c.Attempt = next.Attempt
	}
	next.DueAt = now
	event := c.Event
	c.accept(next, 0, p)
	c.Event, c.RunNumber = event, run.Number
}

// abort is a cancel that somebody asked for.
func (c *Change) abort(e Abort, now time.Time, p Plan) error {
	why := "cancelled"
	if e.Reason != "" {
		why += ": " + e.Reason
		c.note(e.Reason)
	}
	if r := c.AsideRun(e.Run); r != nil {
		return c.abortAside(*r, e, now, p)
	}
	waiting := c.QueuedRun(e.Run)
	if waiting == nil {
		waiting = e.Found
	}
	if waiting != nil && e.Force && !waiting.StartedAt.IsZero() {
		return c.closeAside(*waiting, e.Reason, now, p)
	}
	if waiting != nil && waiting.goesOnLater(p) {
		return c.endLater(*waiting, now, p)
	}
	if waiting != nil {
		run, blocked := *waiting, c.blocked(now, p)
		c.unqueue(&run)
		c.cancelWaiting(run, why, now)
		if p.Schedule != nil {
			c.planNext(blocked, now, p)
		}
		return nil
	}
	run, err := c.run(e.Run)
	switch {
	case err != nil && e.Run >= 1 && e.Run <= c.LastNumber:
		return fmt.Errorf("%w: run %d of flow %q", ErrRunOver, e.Run, c.ID)
	case err != nil:
		return NoRun(c.Info(), e.Run)
	case e.Force:
		return fmt.Errorf("%w: run %d of flow %q is in flight; cancel it without force, so that its job returns", ErrAlreadyRunning, e.Run, c.ID)
	case run.Ending:
		return fmt.Errorf("%w: run %d of flow %q is being cancelled", ErrUnchanged, e.Run, c.ID)
	}
	run.Ending = true
	c.update(run)
	return nil
}

// update changes a run in flight.
func (c *Change) update(run Run) {
	c.Open = slices.Clone(c.Open)
	c.Open[slices.IndexFunc(c.Open, func(r *Run) bool { return r.Number == run.Number })] = &run
	c.record(run)
}

// endLater lets a run that has begun and waits to go on start once more to end: its job
// may have something to undo.
func (c *Change) endLater(run Run, now time.Time, p Plan) error {
	if run.Ending {
		return fmt.Errorf("%w: run %d of flow %q is being cancelled", ErrUnchanged, run.Number, c.ID)
	}
	c.askToEnd(run, now, p)
	return nil
}

// askToEnd marks a run that has begun and waits, so that it ends when it goes on.
func (c *Change) askToEnd(run Run, now time.Time, p Plan) {
	c.unqueue(&run)
	run.Was, run.Ending, run.DueAt = RunWaiting, true, now
	c.wait(run, p)
	c.record(run)
}

// goesOnLater says whether a run has begun and waits to go on.
func (r *Run) goesOnLater(p Plan) bool { return p.Resumes && !r.StartedAt.IsZero() }

// cancelWaiting closes a run that has not started.
func (c *Change) cancelWaiting(run Run, why string, now time.Time) {
	run.Was, run.Status, run.FinishedAt, run.DueAt = RunWaiting, RunCancelled, now, time.Time{}
	run.Error, run.ExitCode = why, 0
	c.record(run)
}

// succeed is the end of a run whose job returned nil.
func (c *Change) succeed(run Run, now time.Time, p Plan) {
	if run.Trigger == TriggerBackfill {
		c.spare(run, RunCompleted, "", now, p)
		return
	}
	if c.probes(run) {
		c.untrip(now, p)
	}
	run.Status, run.Error = RunCompleted, ""
	c.close(run, now)
	counts, marks := c.successCounts(run), c.marks()
	marks.Succeeded = max(marks.Succeeded, run.Order)
	c.judgeBy(marks)
	if !counts {
		c.restAs(c.standing(), run, now, p)
		return
	}
	c.FailureStreak, c.NextEligible = 0, time.Time{}
	c.LastError, c.ErrorKey = "", 0
	c.settleAs(StatusCompleted)
}

// spare is an end that is nobody's failure.
func (c *Change) spare(run Run, status RunStatus, text string, now time.Time, p Plan) {
	run.Status, run.Error = status, text
	c.close(run, now)
	c.restAs(StatusIdle, run, now, p)
}

// probes says whether a run is to show whether a trip is over, which a reset ends too.
func (s *State) probes(run Run) bool { return run.isProbe() && s.FailureStreak > 0 }

// untrip ends the range that a trip held back.
func (c *Change) untrip(now time.Time, p Plan) {
	s := c.schedule(p)
	c.decide(s, c.Held, now, Verdict{Kind: VerdictTripped, Reason: c.tripReason()})
	switch {
	case c.PausedAt.IsZero():
		c.Held = time.Time{}
	case !c.Held.After(now):
		c.Held = s.Next(now, c.lastLocal(s))
	}
}

// restAs is where a flow is left by a run that neither succeeded nor failed.
func (c *Change) restAs(status Status, run Run, now time.Time, p Plan) {
	switch {
	case c.atLimit(p) || c.probes(run) || c.probeRests():
		c.NextEligible = time.Time{}
		c.trip(c.probes(run) || c.probeRests(), now, p)
	case c.NextEligible.After(now):
		c.settleAs(StatusBackoff)
	default:
		c.settleAs(status)
	}
}

// settleAs makes the flow what its last run came to, when no other is in flight.
func (c *Change) settleAs(status Status) {
	c.Status = StatusRunning
	if c.InFlight == 0 {
		c.Status = status
	}
}

// leave takes a run out of those in flight.
func (c *Change) leave(run Run, now time.Time) {
	c.InFlight--
	c.LastEnd = now
	c.Open = without(c.Open, run.Number)
}

// close takes a run out of those in flight and records its end.
func (c *Change) close(run Run, now time.Time) {
	c.leave(run, now)
	c.settled(run)
}

// settled records the end of a run.
func (c *Change) settled(run Run) {
	run.Error = Clip(run.Error, MaxRunError)
	if run.Status.Failure() && c.failureCounts(run) {
		c.LastError, c.ErrorKey = Clip(run.Error, maxLastError), run.Key
	}
	c.record(run)
}

// without is the runs in flight but one of them; it leaves the old state as it was.
func without(open []*Run, number int64) []*Run {
	if len(open) == 1 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(open), func(r *Run) bool { return r.Number == number })
}

// fail draws the consequence of a failure. With a policy a flow is never failed,
// not even for an instant. The window is drawn once, here, and stored.
func (c *Change) fail(run Run, now time.Time, p Plan) {
	switch {
	case run.Trigger == TriggerBackfill: // the past says nothing about how the flow is now
		c.restAs(StatusIdle, run, now, p)
		return
	case !c.failureCounts(run): // a run that began later has succeeded
		c.restAs(c.standing(), run, now, p)
		return
	}
	probed := c.probes(run)
	if p.Backoff == nil && !probed {
		c.FailureStreak, c.NextEligible = 0, time.Time{}
		c.settleAs(StatusFailed)
		return
	}
	if c.FailureStreak == 0 || run.Number < c.StreakFrom {
		c.StreakFrom = run.Number
	}
	if marks := c.marks(); c.FailureStreak == 0 {
		marks.Failed = run.Order
		c.judgeBy(marks)
	}
	c.FailureStreak = min(c.FailureStreak, math.MaxInt32-1) + 1
	if probed || p.Backoff.Trips(c.FailureStreak) {
		c.NextEligible = time.Time{}
		c.note(fmt.Sprintf("tripped: failed %s in a row", times(c.FailureStreak)))
		c.trip(probed, now, p)
		return
	}
	delay := p.Backoff.Delay(c.FailureStreak, jitter(p.Database, c.ID, run.Number))
	c.NextEligible = now.Add(delay).Truncate(time.Millisecond)
	c.settleAs(StatusBackoff)
}

func FromMillis(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}
