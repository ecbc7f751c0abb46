package core

import (
	"fmt"
	"time"
)

// Retry lets a run that failed be tried again, as the next attempt of the same
// run. Only the last failure is the flow's.
type Retry struct {
	Max   int           // further attempts, at least 1
	Delay BackoffPolicy // before each; Jitter 0 is the jitter of DefaultBackoff, StreakLimit has no meaning
}

// Validate names what makes no sense.
func (r Retry) Validate() error {
	if r.Max < 1 {
		return fmt.Errorf("%w: WithRetry(%d): want at least one further attempt", ErrInvalidFlow, r.Max)
	}
	return r.Delay.Validate()
}

// String is the policy in one line.
func (r Retry) String() string { return fmt.Sprintf("%d, %s", r.Max, r.waits()) }

// waits is the policy of the waits. They spread unless the program says NoJitter: many runs
// often fail at once, and would all be tried again at once.
func (r Retry) waits() BackoffPolicy {
	if r.Delay.Jitter == 0 {
		r.Delay.Jitter = DefaultBackoff().Jitter
	}
	return r.Delay
}

// retry lets a run wait for its next attempt, if it has one.
func (c *Change) retry(run Run, text string, e Outcome, now time.Time, p Plan) bool {
	switch {
	case p.Retry == nil || e.Permanent || run.Ending || run.Lost || run.Attempt > p.Retry.Max || e.As == RunTimedOut && !e.Limited || !c.Registered:
		return false
	case c.probes(run): // it has shown what it was to show
		return false
	}
	delay := e.RetryAfter
	if delay <= 0 {
		delay = p.Retry.waits().Delay(run.Attempt, jitter(p.Database, c.ID, run.Number))
	}
	due := now.Add(delay).Truncate(time.Millisecond)
	if !run.Deadline.IsZero() && !due.Before(run.Deadline) {
		return false
	}
	c.note(fmt.Sprintf("attempt %d failed; the next is at %s", run.Attempt, stamp(due)))
	c.failedAttempt(run, text, e.As)
	run.Attempt++
	if !p.Resumes { // what an attempt has set counts if it is the last
		run.Output = ""
	}
	c.requeue(run, text, due, now, p)
	return true
}

// expire closes a run whose deadline passed while it waited for a further attempt, or to
// start again: nobody ran, or there was no room. An attempt that never started is none.
func (c *Change) expire(run Run, now time.Time, p Plan) {
	blocked := c.blocked(now, p)
	c.unqueue(&run)
	run.Was, run.Status, run.FinishedAt, run.DueAt, run.ExitCode = RunWaiting, RunTimedOut, now, time.Time{}, 0
	if run.startsAgain() {
		run.Error = fmt.Sprintf("timed out: its deadline was %s, before attempt %d could start again", stamp(run.Deadline), run.Attempt)
	} else {
		run.Error = fmt.Sprintf("timed out: its deadline was %s, before attempt %d could start", stamp(run.Deadline), run.Attempt)
		run.Attempt--
	}
	c.LastEnd = now
	c.settled(run)
	c.fail(run, now, p)
	c.planNext(blocked, now, p)
	c.Event = "timeout"
}
