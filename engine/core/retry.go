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

// Attempt is one call of a run's job. The attempts of a run that failed are kept; its last
// attempt is what the run itself says. Times as in [FlowInfo]. It marshals to JSON with the
// names of the columns of the view pawl_attempts.
type Attempt struct {
	Number     int       `json:"attempt"`              // from 1; higher if an earlier run for the instant was cancelled
	Status     RunStatus `json:"status"`               // of the last attempt: of the run
	StartedAt  time.Time `json:"started_at,omitzero"`  // of one that started again after it was cut short: the last time, or the first if it goes on from a checkpoint
	FinishedAt time.Time `json:"finished_at,omitzero"` // zero while it goes on, and for an interrupted attempt
	Error      string    `json:"error,omitempty"`      // at most 8 KiB, and 1 KiB after the 100th attempt
	ExitCode   int       `json:"exit_code,omitempty"`  // as of [RunInfo]
}

// Tried is an attempt of a run that another one follows, or with RunRunning a further one
// that starts.
type Tried struct {
	Attempt
	Key    int64 // of the run's row
	GoesOn bool  // if the attempt has started before, that is when it started
}

// wholeErrors is of how many attempts of a run all of the error is kept that is kept of a run.
const wholeErrors = 100

// failedAttempt keeps an attempt that is not the last of its run.
func (c *Change) failedAttempt(run Run, text string, as RunStatus) {
	if as == "" {
		as = RunFailed
	}
	room := MaxRunError
	if run.Attempt > wholeErrors {
		room = maxLastError
	}
	c.Tried = &Tried{Key: run.Key, Attempt: Attempt{
		Number: run.Attempt, Status: as, StartedAt: run.StartedAt, FinishedAt: run.FinishedAt, Error: Clip(text, room), ExitCode: run.ExitCode,
	}}
}

// nextAttempt keeps when an attempt after the first starts. One that was cut short starts
// again, and only a run that goes on from a checkpoint began when it first did.
func (c *Change) nextAttempt(run Run, now time.Time, p Plan) {
	c.Tried = &Tried{Key: run.Key, GoesOn: p.Resumes, Attempt: Attempt{Number: run.Attempt, Status: RunRunning, StartedAt: now}}
}

// AttemptsOf are the attempts of a run that have started: those that failed, and the last,
// as its run tells of it, if it is not among them. Next is when the one after the last that
// failed started; zero: it has not.
func AttemptsOf(last Attempt, failed []Attempt, next time.Time) []Attempt {
	if n := len(failed); n > 0 {
		if failed[n-1].Number >= last.Number { // the run was over before another attempt
			return failed
		}
		last.StartedAt = next
	}
	if last.StartedAt.IsZero() {
		return failed
	}
	if last.Status == RunRunning { // the error is that of the attempt before
		last.Error = ""
	}
	return append(failed, last)
}
