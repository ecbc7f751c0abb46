package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
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
	VerdictCoalesced VerdictKind = "coalesced"          // a run for another instant caught up on it
	VerdictOverlap   VerdictKind = "skipped_overlap"    // a run of the flow was in the way
	VerdictBackoff   VerdictKind = "suppressed_backoff" // it lay in a backoff window
	VerdictTripped   VerdictKind = "suppressed_tripped" // the flow was tripped
	VerdictPaused    VerdictKind = "suppressed_paused"  // the flow was paused
	VerdictMissed    VerdictKind = "missed"             // nobody ran, and it is not caught up on
	VerdictGap       VerdictKind = "dst_gap"            // the clocks left its local time out
	VerdictFold      VerdictKind = "dst_fold"           // the clocks showed its local time twice
)

// Verdict is what became of Count instants from First to Last.
type Verdict struct {
	First, Last time.Time
	Count       int64
	Kind        VerdictKind
	Run         int64 // that caught up on them, or was in the way; 0: none
	Reason      string
}

// decide records the verdict on the instants in first..until, if there are any.
func (c *Change) decide(s schedule.Schedule, first, until time.Time, v Verdict) {
	if first.IsZero() || until.Before(first) {
		return
	}
	if x, ok := s.(schedule.Excluding); ok {
		for from, to := range x.Remaining(first, until) {
			c.decide(x.Schedule, from, to, v)
		}
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

// owed says whether the next instant is one that a stop cancelled: it had its run,
// and has another. The first that had none is Held then.
func (s *State) owed() bool { return !s.NextRun.IsZero() && s.NextRun.Equal(s.LastScheduled) }

// pending is the first instant that had no run and has no verdict.
func (s *State) pending(schedule schedule.Schedule) time.Time {
	if s.owed() && s.Held.IsZero() {
		return schedule.After(s.LastScheduled)
	}
	return s.undecided()
}

// tripHolds says whether a trip holds instants back, also while a probe runs, is parked or
// waits to go on.
func (s *State) tripHolds() bool {
	return s.Status == StatusTripped || s.FailureStreak > 0 && slices.ContainsFunc(s.Open, (*Run).isProbe) || s.probeRests()
}

// probeRests says whether a probe of a trip is parked, or waits to go on.
func (s *State) probeRests() bool {
	return s.FailureStreak > 0 && (s.waitingProbe() != nil || slices.ContainsFunc(s.sides().parked, (*Run).isProbe))
}

// hold is why instants from Held on are not run.
func (s *State) hold() (v VerdictKind, reason string) {
	switch {
	case s.tripHolds(), s.NextRun.IsZero() && s.PausedAt.IsZero():
		return VerdictTripped, s.tripReason()
	case s.NextRun.IsZero():
		return VerdictPaused, s.PauseNote
	}
	return VerdictBackoff, ""
}

func (s *State) tripReason() string { return fmt.Sprintf("failed %s in a row", times(s.FailureStreak)) }

// endWindow closes the range that a backoff window holds back when something else
// does so from now on, or its end has passed.
func (c *Change) endWindow(s schedule.Schedule, now time.Time) {
	switch {
	case c.Held.IsZero() || c.NextRun.IsZero() || c.owed():
	case c.NextRun.After(now):
		c.release(s, now, VerdictBackoff, "")
		c.NextRun = earlier(c.NextRun, s.After(now))
	default:
		c.release(s, c.NextRun.Add(-time.Millisecond), VerdictBackoff, "")
	}
}

// release ends what holds instants back; up to an instant that is its doing.
func (c *Change) release(s schedule.Schedule, until time.Time, v VerdictKind, reason string) {
	c.decide(s, c.Held, until, Verdict{Kind: v, Reason: reason})
	c.Held = time.Time{}
}

// decideDSTTimes adds verdicts on the times in DST gaps and folds, among the occurrences that
// the change decided on.
func (c *Change) decideDSTTimes(s schedule.Schedule, from time.Time, now time.Time) {
	to := c.undecided()
	if to.IsZero() {
		to = now.Add(time.Millisecond)
	}
	if from.IsZero() || !from.Before(to) {
		return
	}
	for _, d := range s.DSTTimes(from, to) {
		v := Verdict{First: d.At, Last: d.At, Count: 1, Kind: VerdictFold, Reason: d.Text}
		if d.Gap {
			v.Kind = VerdictGap
		}
		if d.Runs && c.LastScheduled.Equal(d.At) {
			v.Run = c.RunNumber
		}
		c.Verdicts = append(c.Verdicts, v)
	}
}
