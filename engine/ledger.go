package engine

import (
	"fmt"
	"time"
)

// The ledger: every instant of a schedule has a verdict. One that was run has its
// run; what became of the others is decided in the transition that moves NextRun
// past them, in ranges. While a window, a pause or a trip holds instants back,
// Held is the first of them: nothing is written until that ends.

// VerdictKind is what became of an instant of a schedule.
type VerdictKind string

// The verdicts.
const (
	VerdictFired     VerdictKind = "fired"              // it has a run
	VerdictCoalesced VerdictKind = "coalesced"          // a run for another instant made up for it
	VerdictOverlap   VerdictKind = "skipped_overlap"    // a run of the flow was in the way
	VerdictBackoff   VerdictKind = "suppressed_backoff" // it lay in a backoff window
	VerdictTripped   VerdictKind = "suppressed_tripped" // the flow was tripped
	VerdictPaused    VerdictKind = "suppressed_paused"  // the flow was paused
	VerdictMissed    VerdictKind = "missed"             // nobody ran, and it is not made up for
	VerdictGap       VerdictKind = "dst_gap"            // the clocks left its local time out
	VerdictFold      VerdictKind = "dst_fold"           // the clocks showed its local time twice
)

// Verdict is what became of Count instants from First to Last.
type Verdict struct {
	First, Last time.Time
	Count       int64
	Kind        VerdictKind
	Run         int64 // that made up for them, or was in the way; 0: none
	Reason      string
}

// decide records the verdict on the instants in first..until, if there are any.
func (c *Change) decide(s Schedule, first, until time.Time, v Verdict) {
	if first.IsZero() || until.Before(first) {
		return
	}
	if v.Count, v.Last = s.Count(first, until); v.Count > 0 {
		v.First = first
		c.Verdicts = append(c.Verdicts, v)
	}
}

// undecided is the first instant without a verdict; zero: none is known.
func (s *State) undecided() time.Time {
	if !s.Held.IsZero() {
		return s.Held
	}
	return s.NextRun
}

// hold is why instants from Held on are not run.
func (s *State) hold() (v VerdictKind, reason string) {
	switch {
	case s.Status == StatusTripped, s.NextRun.IsZero() && s.PausedAt.IsZero():
		return VerdictTripped, fmt.Sprintf("failed %d times in a row", s.FailureStreak)
	case s.NextRun.IsZero():
		return VerdictPaused, s.PauseNote
	}
	return VerdictBackoff, ""
}

// release ends what holds instants back; up to an instant that is its doing.
func (c *Change) release(s Schedule, until time.Time, v VerdictKind, reason string) {
	c.decide(s, c.Held, until, Verdict{Kind: v, Reason: reason})
	c.Held = time.Time{}
}

// oddities adds what changes of the clock made of the instants that a change
// decided on.
func (c *Change) oddities(s Schedule, from time.Time, now time.Time) {
	to := c.undecided()
	if to.IsZero() {
		to = now.Add(time.Millisecond)
	}
	if from.IsZero() || !from.Before(to) {
		return
	}
	for _, o := range s.Oddities(from, to) {
		v := Verdict{First: o.At, Last: o.At, Count: 1, Kind: VerdictFold, Reason: o.Text}
		if o.Gap {
			v.Kind = VerdictGap
		}
		if o.Runs && c.LastScheduled.Equal(o.At) {
			v.Run = c.RunNumber
		}
		c.Verdicts = append(c.Verdicts, v)
	}
}
