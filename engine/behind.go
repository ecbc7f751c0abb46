package engine

import (
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/instant"
)

// A clock that is far behind the newest transition at a start is wrong, most often
// because the machine has no battery for it. The engine does not believe it: its own
// clock goes on from the newest transition, by the monotonic clock. Triggers, retries and
// timers go on by that; occurrences of schedules wait, since nobody knows which of them
// have come. The engine believes the clock again when it is no longer far behind, when
// somebody accepts it, or when it has stayed as it is for [behindPatience] and is not
// older than the program.

// behindPatience is how long a clock that is behind is not believed, if it may be right.
const behindPatience = 10 * time.Minute

// behind is the engine's clock in place of the one that is not believed.
type behind struct {
	newest time.Time // transition
	since  time.Time // monotonic
}

func (b *behind) now() time.Time { return b.newest.Add(time.Since(b.since)) }

// time is the clock that the engine goes by.
func (e *Engine) time() time.Time {
	if b := e.behind.Load(); b != nil {
		return b.now()
	}
	return e.wall()
}

// Time is the clock that the engine goes by: the wall clock, unless that is far behind.
func (e *Engine) Time() time.Time { return e.now() }

// ClockBehind is the newest transition that the wall clock is far behind, so that
// occurrences wait; zero: it is not.
func (e *Engine) ClockBehind() time.Time {
	if b := e.behind.Load(); b != nil {
		return b.newest
	}
	return time.Time{}
}

// judgeClock decides at a start whether the clock is believed.
func (e *Engine) judgeClock(snapshot Snapshot) {
	wall := e.now()
	if snapshot.LastAt.Sub(wall) <= schedule.CorrectionJump {
		return
	}
	accepted := e.ClockTrusted
	for _, row := range snapshot.Waiting {
		accepted = accepted || row.Verb == acceptClock
	}
	if accepted {
		e.owner.ClockSeq, e.ownerNew = snapshot.Seq, true
		return
	}
	e.behind.Store(&behind{newest: snapshot.LastAt, since: time.Now()})
	e.Logger.Warn("pawl: the clock is behind the newest transition: occurrences wait until it is right; set it, or accept it as it is (pawl clock accept)",
		"clock", instant.Format(wall), "newest", instant.Format(snapshot.LastAt))
}

// endBehind believes the clock again if there is a reason to. The difference to the
// engine's own is a step, which [Engine.watchClock] finds next.
// It returns since when the clock was not believed; zero: nothing changes.
func (e *Engine) endBehind() (since time.Time) {
	b := e.behind.Load()
	if b == nil {
		return since
	}
	wall := e.wall().UTC().Truncate(time.Millisecond)
	waited := time.Since(b.since) >= behindPatience && !e.BuiltAt.IsZero() && wall.After(e.BuiltAt)
	why := "it is right"
	switch {
	case !wall.Before(b.now().Add(-schedule.CorrectionJump)):
	case e.accepted, waited:
		why = "somebody accepted it"
		if !e.accepted {
			why = "it has been as it is for a while, and is later than the program was built"
		}
		e.owner.ClockSeq, e.ownerNew = e.counters.Seq, true
	default:
		return since
	}
	e.behind.Store(nil)
	e.Logger.Info("pawl: the clock is believed again, occurrences go on", "why", why, "clock", instant.Format(wall))
	for _, f := range e.all().ordered {
		e.plansAgain(f)
	}
	return b.newest
}

// plansAgain lets occurrences of a flow start.
func (e *Engine) plansAgain(f *flow) {
	t := *f.terms.Load()
	if plan := t.shared.Plan; plan.Behind {
		plan.Behind = false
		t.shared = e.share(plan)
		f.terms.Store(&t)
	}
	e.look(f, e.now())
}

// acceptClock is the verb of the inbox.
const acceptClock = "accept_clock"

// accept takes the clock as it is.
func (e *Engine) accept() reply {
	if e.behind.Load() == nil {
		return reply{err: core.ErrUnchanged}
	}
	e.accepted, e.ownerNew = true, true
	return reply{}
}

// A clock that is ahead makes all history look old. After a step forward of more than
// [schedule.CorrectionJump], and at a start that finds the newest transition more than [aheadLimit]
// ago, deletion by age waits until processes have run for an hour in which the clock made no
// step. Deletion by number goes on. What is left of the hour is stored: the transitions of a
// start with such a clock say nothing to the next start.
const (
	aheadLimit = 30 * 24 * time.Hour
	agesHour   = time.Hour
)

// judgeAges decides at a start whether deletion by age waits.
func (e *Engine) judgeAges(snapshot Snapshot) {
	ago := e.now().Sub(snapshot.LastAt)
	switch {
	case snapshot.LastAt.IsZero():
	case ago > aheadLimit:
		e.holdAges("the newest transition is more than 30 days ago", agesHour)
	case snapshot.AgesWait > 0 && ago <= -jumpLimit: // it went back
		e.holdAges("the clock was set", agesHour)
	case snapshot.AgesWait > 0:
		e.holdAges("it was far ahead of the newest transition, or set", min(snapshot.AgesWait, agesHour))
	}
}

// doubtAges decides the same after a step.
func (e *Engine) doubtAges(step time.Duration) {
	if step > schedule.CorrectionJump || e.agesWait() > 0 {
		e.holdAges("the clock was set", agesHour)
	}
}

func (e *Engine) holdAges(why string, wait time.Duration) {
	e.agesFrom, e.ownerNew = time.Now().Add(wait), true
	e.Logger.Warn("pawl: no history is deleted for its age until the clock has made no step for a while: it may be ahead",
		"why", why, "for", wait.Round(time.Second), "clock", instant.Format(e.now()))
}

// agesWait is for how long deletion by age still waits.
func (e *Engine) agesWait() time.Duration {
	if e.agesFrom.IsZero() {
		return 0
	}
	return max(time.Until(e.agesFrom), 0)
}

// endAges lets history be deleted for its age again.
func (e *Engine) endAges() {
	if !e.agesFrom.IsZero() && e.agesWait() == 0 {
		e.agesFrom, e.ownerNew = time.Time{}, true
	}
}
