package core

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/instant"
	"github.com/pawl-go/pawl/internal/permanent"
)

// pause holds the schedule back, also an instant that has come and has not started.
// What waits already, and what is asked for, runs.
func (c *Change) pause(e Pause, now time.Time, p Plan) error {
	if err := e.Validate(); err != nil {
		return err
	}
	until, length := instant.RoundUp(e.Until), e.For
	if most := instant.RoundUp(now.Add(length)); length > 0 && (until.IsZero() || until.After(most)) {
		until = most // who asked has another clock, or none
	}
	if !until.IsZero() && !until.After(now) {
		return permanent.Wrap(fmt.Errorf("%w: a pause until %s, which is not after now", ErrInvalidRange, stamp(until)))
	}
	over := c.Over(now)
	if !over && !c.PausedAt.IsZero() && c.PauseNote == e.Note && c.PausedUntil.Equal(until) {
		return fmt.Errorf("%w: flow %q is paused", ErrUnchanged, c.ID)
	}
	if over {
		c.goOn(Resume{}, now, p)
	}
	already, blocked, since := !c.PausedAt.IsZero(), c.blocked(now, p), now
	if already {
		since = c.PausedAt
	}
	c.Paused = &Paused{since, e.Note, until, length}
	if !already && !c.tripHolds() && !c.NextRun.IsZero() { // else it goes on, as a trip does, or the end of a run plans
		s := c.schedule(p)
		if blocked && !c.jittered(p).After(now) && !c.backlog(p) {
			c.skip(s, c.LastNumber, now, p)
		}
		c.withhold(s, now)
	}
	c.Note = e.Note // and nothing else: the store reads it as what the operator wrote
	return nil
}

// Validate names an end that cannot be kept.
func (e Pause) Validate() error {
	if e.For < 0 {
		return permanent.Wrap(fmt.Errorf("%w: a pause for %s; want more than 0", ErrInvalidRange, e.For))
	}
	return CheckInstant("the end of the pause", e.Until)
}

// PauseEnd is the end of the pause that the transition sets or moves; zero: it does neither,
// or the pause has no end.
func (c *Change) PauseEnd() time.Time {
	switch c.Event {
	case "pause":
		return c.PausedUntil
	case "adjust", "correct":
		if c.PausedFor > 0 {
			return c.PausedUntil
		}
	}
	return time.Time{}
}

// PauseText says for people until when a flow is paused, if the pause has an end, and why.
// Nothing reads it back.
func PauseText(note string, until time.Time) string {
	switch {
	case until.IsZero():
		return note
	case note == "":
		return "until " + stamp(until)
	}
	return "until " + stamp(until) + ": " + note
}

// PauseOver says whether the flow is paused until an instant that has come. It goes on
// as soon as somebody drives it.
func (f FlowInfo) PauseOver(now time.Time) bool {
	p := Paused{PausedUntil: f.PausedUntil}
	return p.Over(now)
}

func (p *Paused) Over(now time.Time) bool {
	return !p.PausedUntil.IsZero() && !p.PausedUntil.After(now)
}

// pausedTo is up to when a pause holds instants back, now or before: one whose end has
// passed while nobody ran did so up to that.
func (c *Change) pausedTo(now time.Time) time.Time {
	if c.Over(now) {
		return c.PausedUntil
	}
	return now
}

// unpause lets the schedule go on, from now or from an instant of the past.
func (c *Change) unpause(e Resume, now time.Time, p Plan) error {
	if e.Expired && !c.Over(now) {
		return fmt.Errorf("%w: the pause of flow %q goes on", ErrNotDue, c.ID)
	}
	if err := CheckInstant("the instant to resume from", e.From); err != nil {
		return err
	}
	if c.PausedAt.IsZero() {
		return fmt.Errorf("%w: flow %q is not paused", ErrUnchanged, c.ID)
	}
	if c.Over(now) {
		c.note("the pause was over at " + stamp(c.PausedUntil))
	}
	c.goOn(e, now, p)
	return nil
}

// goOn ends a pause. What passed after its end was missed like anything else that
// passed while nobody ran: it stays due.
func (c *Change) goOn(e Resume, now time.Time, p Plan) {
	since, note, end := c.PausedAt, c.PauseNote, c.pausedTo(now)
	c.Paused = NotPaused
	if c.tripHolds() || c.Held.IsZero() {
		return
	}
	s, held := c.schedule(p), c.Held
	c.Held = time.Time{}
	if e.From.IsZero() || p.CatchUp.Mode == CatchNone {
		c.planAt(s.Resume(end, c.LastEnd, c.lastLocal(s)), p)
	} else {
		c.planAt(reconsidered(s, held, earlier(e.From.UTC().Truncate(time.Millisecond), end)), p)
	}
	if end.Before(now) && c.NextRun.Before(held) && !c.NextRun.IsZero() {
		c.planAt(held, p) // what was before has its verdict: another schedule, a trip that ended
	}
	c.endPause(s, held, before(c.NextRun, end), since, note)
	c.avoidWindow(p)
}

// trip makes the flow tripped, when no other run is in flight. What a pause held back so
// far was its doing; from now on it is that of the trip, which a probe does not end by
// its failure.
func (c *Change) trip(probed bool, now time.Time, p Plan) {
	c.settleAs(StatusTripped)
	if c.Status != StatusTripped || probed || c.PausedAt.IsZero() || c.Held.IsZero() || !c.NextRun.IsZero() {
		return
	}
	s, end := c.schedule(p), c.pausedTo(now)
	c.endPause(s, c.Held, end, c.PausedAt, c.PauseNote)
	if !c.Held.After(end) {
		c.Held = s.Next(end, c.lastLocal(s))
	}
}

// endPause records what a pause held back in first..until. What was due before it
// began had not started, for its jitter or a limit, and is told apart.
func (c *Change) endPause(s schedule.Schedule, first, until, since time.Time, note string) {
	if !first.After(since) && !c.floats(s, since) {
		due := "it was due and had not started"
		if note != "" {
			due += "; " + note
		}
		c.decide(s, first, earlier(since, until), Verdict{Kind: VerdictPaused, Reason: due})
		first = s.After(since)
	}
	c.decide(s, first, until, Verdict{Kind: VerdictPaused, Reason: note})
}

// reconsidered is the first instant of those since held that is not before from.
func reconsidered(s schedule.Schedule, held, from time.Time) time.Time {
	if !held.Before(from) {
		return held
	}
	if n, last := s.Count(held, from.Add(-time.Millisecond)); n > 0 {
		return s.After(last)
	}
	return s.After(from.Add(-time.Millisecond))
}
