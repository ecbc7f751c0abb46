package audit

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/instant"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// transition is a row of the log.
type transition struct {
	core.Transition
	prev int64 // the flow's transition before
}

// readTransitions replays the log.
func (v *verifier) readTransitions(ctx context.Context) error {
	query := fmt.Sprintf(`SELECT flow, seq, at, COALESCE(run_number, 0), event, from_status, to_status, run_count, in_flight, failure_streak,
    COALESCE(last_run, 0), COALESCE(next_eligible, 0), COALESCE(next_run, 0), version, COALESCE(waiting, 0), COALESCE(prev, 0),
    COALESCE(paused_until, 0), CASE WHEN event = %d THEN COALESCE(note, '') ELSE '' END
FROM pawl_transition_log ORDER BY seq`, codes.Events.Code("pause"))
	var flow, event, from, to, at, lastRun, nextEligible, nextRun, until int64
	var t transition
	return v.each(ctx, query, func(scan func(...any) error) error {
		if err := scan(&flow, &t.Seq, &at, &t.RunNumber, &event, &from, &to, &t.RunCount, &t.InFlight, &t.FailureStreak,
			&lastRun, &nextEligible, &nextRun, &t.Version, &t.Waiting, &t.prev, &until, &t.Note); err != nil {
			return err
		}
		t.Event, t.FromStatus, t.ToStatus = codes.Events.Word(event), codes.Statuses.Word(from), codes.Statuses.Word(to)
		t.At, t.LastRun, t.NextEligible = instant.OfMillis(at), instant.OfMillis(lastRun), instant.OfMillis(nextEligible)
		t.NextRun, t.PausedUntil = instant.OfMillis(nextRun), instant.OfMillis(until)
		v.account(flow, "transition", t.Seq).step(&t)
		return nil
	})
}

// step replays one transition. The replay goes on from what the row says, so that one wrong row
// is reported once.
func (a *account) step(t *transition) {
	switch {
	case !a.begun && t.Version > 1: // the transitions before are deleted
		a.forget()
		a.since = millis(t.At)
	case t.Version <= a.replay.Version:
		a.report("transition %d has version %d, after %d", t.Seq, t.Version, a.replay.Version)
		return
	case !a.replay.IsBefore(&t.Transition):
		a.report("transition %d has version %d, after %d", t.Seq, t.Version, a.replay.Version)
		a.forget()
	default:
		a.follow(t)
		if t.prev != a.replay.LastSeq {
			a.report("transition %d points at %d as the one before, which is %d", t.Seq, t.prev, a.replay.LastSeq)
		}
	}
	a.checkAlone(t)
	a.replayRuns(t)
	a.learn(t)
	a.replay.Fold(&t.Transition)
	a.begun, a.event = true, t.Event
}

// forget marks what followed from missing transitions as unknown.
func (a *account) forget() {
	a.known = known{}
	a.ofRuns = newest{scheduled: unknown, errorKey: unknown, suspect: unknown, succeeded: unknown, failedFirst: unknown}
}

// learn notes which facts of the replay t makes known.
func (a *account) learn(t *transition) {
	switch t.Event {
	case "reserve":
		a.known.number = a.known.number || !a.startsWaiting(t)
	case "accept", "backfill":
		a.known.number = a.known.number || a.replay.IsBefore(&t.Transition)
	case "outcome", "interrupt", "timeout", "cancel":
		a.known.end = true
	case "pause": // one that has expired does not go on
		a.known.pause = a.known.pause || a.replay.Over(t.At)
	case "resume":
		a.known.pause = true
	}
}

// checkAlone checks what a transition says without the one before.
func (a *account) checkAlone(t *transition) {
	if (t.ToStatus == core.StatusRunning) != (t.InFlight > 0) {
		a.report("transition %d leaves it %s with %d runs in flight", t.Seq, t.ToStatus, t.InFlight)
	}
	if t.ToStatus == core.StatusTripped && !t.NextRun.IsZero() {
		a.report("transition %d leaves it tripped, but with a next run at %s", t.Seq, when(t.NextRun))
	}
}

// follow checks what a transition makes of the flow as the one before left it.
func (a *account) follow(t *transition) {
	was := &a.replay
	want := struct {
		RunCount          int64
		InFlight, Waiting int
		LastRun           time.Time
	}{was.RunCount, was.InFlight, was.Waiting, was.LastRun}
	switch t.Event {
	case "reserve":
		want.RunCount, want.InFlight, want.LastRun = was.RunCount+1, was.InFlight+1, t.At
		if t.Waiting == was.Waiting-1 { // the run waited: for another attempt, or for its first start
			want.Waiting--
			want.RunCount = min(max(t.RunCount, was.RunCount), was.RunCount+1)
		}
	case "outcome", "interrupt", "cancel", "timeout":
		if a.expires(t) {
			want.Waiting--
			break
		}
		want.InFlight--
		want.Waiting = min(max(t.Waiting, was.Waiting), was.Waiting+1)
	case "accept", "backfill", "abort", "drop":
		want.Waiting = t.Waiting
	}
	if t.Waiting != want.Waiting || t.Waiting < 0 {
		a.report("transition %d (%s) leads to %d that wait, after %d", t.Seq, t.Event, t.Waiting, was.Waiting)
	}
	if t.FromStatus != was.Status {
		a.report("transition %d comes from %s, but it was %s", t.Seq, t.FromStatus, was.Status)
	}
	goesOn := t.Event == "reserve" && t.Waiting == was.Waiting-1 // a run that began before
	if was.Status == core.StatusTripped && t.ToStatus != core.StatusTripped && t.Event != "reset" && !goesOn && !a.probes(t) {
		a.report("transition %d (%s) leads out of a trip; only a reset may", t.Seq, t.Event)
	}
	if t.RunCount != want.RunCount {
		a.report("transition %d (%s) leads to run_count %d, after %d", t.Seq, t.Event, t.RunCount, was.RunCount)
	}
	if t.InFlight != want.InFlight {
		a.report("transition %d (%s) leads to in_flight %d, after %d", t.Seq, t.Event, t.InFlight, was.InFlight)
	}
	if t.LastRun != want.LastRun {
		a.report("transition %d (%s) leads to last_run %s, after %s", t.Seq, t.Event, when(t.LastRun), when(was.LastRun))
	}
	if t.Event == "reserve" && t.NextEligible != was.NextEligible {
		a.report("transition %d (reserve) leads to next_eligible %s, after %s", t.Seq, when(t.NextEligible), when(was.NextEligible))
	}
	if !a.streakFollows(t) {
		a.report("transition %d (%s to %s) leads to a streak of %d, after %d", t.Seq, t.Event, t.ToStatus, t.FailureStreak, was.FailureStreak)
	}
}

// expires reports whether a transition closes a run that waited: its deadline passed before it
// could start again.
func (a *account) expires(t *transition) bool {
	return t.Event == "timeout" && t.Waiting == a.replay.Waiting-1
}

// probes reports whether a transition starts a probe, which may succeed and so end a trip.
func (a *account) probes(t *transition) bool {
	run := a.find(t.RunNumber)
	if run == nil && t.RunNumber <= a.pruned {
		return t.Event == "reserve"
	}
	return t.Event == "reserve" && run != nil && run.of(core.TriggerProbe)
}

// streakFollows judges the streak. The log does not say whether the flow had a policy, but the
// status does: a failure ends in backoff or tripped only with a policy. Nor does it say whether
// an interrupted run was cleared of blame.
func (a *account) streakFollows(t *transition) bool {
	was, is, status := a.replay.FailureStreak, t.FailureStreak, t.ToStatus
	same, more := is == was, is == min(was+1, math.MaxInt32)
	switch t.Event {
	case "reset":
		return is == 0
	case "adopt": // of a plan without a policy
		return same || is == 0
	case "outcome", "interrupt", "timeout":
		counts := a.counts(t.RunNumber)
		switch {
		case t.Waiting > a.replay.Waiting: // another attempt follows
			return same
		case counts == no:
			return same || status == core.StatusFailed && is == 0 // without a policy each failure counts
		case counts == yes && a.completes(t.RunNumber):
			return is == 0
		case counts == maybe && (status == core.StatusCompleted || status == core.StatusBackoff || status == core.StatusTripped):
			return same || more || is == 0
		case status == core.StatusCompleted:
			return is == 0
		case status == core.StatusFailed:
			return is == 0 || same && (t.Event == "interrupt" || a.blameless(t))
		case status == core.StatusBackoff, status == core.StatusTripped:
			return more || same && a.blameless(t)
		case status == core.StatusRunning: // others are in flight
			return more || same || is == 0
		}
	}
	return same
}

// blameless reports whether a run may have ended without a consequence for the streak.
func (a *account) blameless(t *transition) bool {
	run := a.find(t.RunNumber)
	if run == nil || run.of(core.TriggerBackfill) {
		return true
	}
	switch run.is() {
	case core.RunCancelled, core.RunSkipped:
		return true
	case core.RunInterrupted: // tripped by another run of the same crash, or before
		sameCrash := a.event == "interrupt" && a.replay.UpdatedAt.Equal(t.At)
		return t.ToStatus == core.StatusBackoff || sameCrash || run.of(core.TriggerProbe)
	}
	return false
}
