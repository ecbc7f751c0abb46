package store

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// readTransitions replays the log.
func (v *verifier) readTransitions(ctx context.Context) error {
	const query = `SELECT flow, seq, at, COALESCE(run_number, 0), event, from_status, to_status, run_count, in_flight, failure_streak,
    COALESCE(last_run, 0), COALESCE(next_eligible, 0), COALESCE(next_run, 0), version, COALESCE(waiting, 0), COALESCE(prev, 0),
    COALESCE(paused_until, 0), CASE WHEN event = 14 THEN COALESCE(note, '') ELSE '' END
FROM pawl_transition_log ORDER BY seq`
	var flow, event int64
	var t transition
	return v.each(ctx, query, func(scan func(...any) error) error {
		if err := scan(&flow, &t.seq, &t.at, &t.run, &event, &t.from, &t.status, &t.runCount, &t.inFlight, &t.streak,
			&t.lastRun, &t.nextEligible, &t.nextRun, &t.version, &t.waiting, &t.prev, &t.until, &t.note); err != nil {
			return err
		}
		t.event = events.word(event)
		v.account(flow, "transition", t.seq).step(&t)
		return nil
	})
}

// step replays one transition. It goes on from what that says, so that one wrong
// row is not reported again and again.
func (a *account) step(t *transition) {
	switch {
	case !a.begun && t.version > 1: // what was before is not kept
		a.forget()
		a.since = t.at
	case t.version <= a.replay.version:
		a.report("transition %d has version %d, after %d", t.seq, t.version, a.replay.version)
		return
	case t.version > a.replay.version+1:
		a.report("transition %d has version %d, after %d", t.seq, t.version, a.replay.version)
		a.forget()
	default:
		a.follow(t)
		if t.prev != a.seq {
			a.report("transition %d points at %d as the one before, which is %d", t.seq, t.prev, a.seq)
		}
	}
	a.seq = t.seq
	if (t.status == running) != (t.inFlight > 0) {
		a.report("transition %d leaves it %s with %d runs in flight", t.seq, word(t.status), t.inFlight)
	}
	if t.status == tripped && t.nextRun != 0 {
		a.report("transition %d leaves it tripped, but with a next run at %s", t.seq, when(t.nextRun))
	}
	switch t.event {
	case "reserve":
		a.reserve(t)
	case "accept", "backfill":
		a.accept(t)
	case "outcome", "interrupt", "cancel", "timeout":
		a.end(t)
	case "reset":
		a.replayed.errorKey, a.replayed.succeeded = 0, 0
	case "adopt":
		a.refired = nil // they may have been instants of another kind of schedule
		a.replayed.scheduled = unknown
	case "correct": // what happened at a clock that was ahead is taken to be now
		a.replayed.scheduled = min(a.replayed.scheduled, t.at)
		a.replayed.end = min(a.replayed.end, t.at)
		a.fired.scheduled, a.fired.started = min(a.fired.scheduled, t.at), min(a.fired.started, t.at)
		a.movePause(t)
	case "clear":
		a.replayed.suspect = 0
	case "miss": // of a flow that runs once its instant counts as run
		a.replayed.scheduled = unknown
	case "pause":
		a.pauses(t)
	case "resume":
		a.replayed.paused, a.paused = 0, pause{}
	case "adjust":
		a.movePause(t)
		if !a.fixed() {
			a.replayed.scheduled = unknown
			a.fired.scheduled, a.fired.started = min(a.fired.scheduled, t.at), min(a.fired.started, t.at)
		}
	case "retire", "abort", "drop", "checkpoint", "wake":
	default:
		a.report("transition %d is of an unknown kind: %s", t.seq, t.event)
	}
	if t.streak == 0 {
		a.replayed.failedFirst = 0
	}
	a.begun, a.replay, a.event = true, t.position, t.event
}

// forget drops what followed from transitions, after a gap in them.
func (a *account) forget() {
	a.replayed = newest{number: unknown, scheduled: unknown, end: unknown, errorKey: unknown, suspect: unknown, paused: unknown,
		succeeded: unknown, failedFirst: unknown}
}

var (
	running   = statuses.of(core.StatusRunning)
	completed = statuses.of(core.StatusCompleted)
	failed    = statuses.of(core.StatusFailed)
	backoff   = statuses.of(core.StatusBackoff)
	tripped   = statuses.of(core.StatusTripped)
)

// follow checks what a transition makes of the flow as the one before left it.
func (a *account) follow(t *transition) {
	was, want := a.replay, a.replay
	switch t.event {
	case "reserve":
		want.runCount, want.inFlight, want.lastRun = was.runCount+1, was.inFlight+1, t.at
		if t.waiting == was.waiting-1 { // it waited; for a further attempt, or to be started at all
			want.waiting--
			want.runCount = min(max(t.runCount, was.runCount), was.runCount+1)
		}
	case "outcome", "interrupt", "cancel", "timeout":
		if t.expires(was) {
			want.waiting--
			break
		}
		want.inFlight--
		want.waiting = min(max(t.waiting, was.waiting), was.waiting+1)
	case "accept", "backfill", "abort", "drop":
		want.waiting = t.waiting
	}
	if t.waiting != want.waiting || t.waiting < 0 {
		a.report("transition %d (%s) leads to %d that wait, after %d", t.seq, t.event, t.waiting, was.waiting)
	}
	if t.from != was.status {
		a.report("transition %d comes from %s, but it was %s", t.seq, word(t.from), word(was.status))
	}
	goesOn := t.event == "reserve" && t.waiting == was.waiting-1 // a run that had begun before
	if was.status == tripped && t.status != tripped && t.event != "reset" && !goesOn && !a.probes(t) {
		a.report("transition %d (%s) leads out of a trip; only a reset may", t.seq, t.event)
	}
	if t.runCount != want.runCount {
		a.report("transition %d (%s) leads to run_count %d, after %d", t.seq, t.event, t.runCount, was.runCount)
	}
	if t.inFlight != want.inFlight {
		a.report("transition %d (%s) leads to in_flight %d, after %d", t.seq, t.event, t.inFlight, was.inFlight)
	}
	if t.lastRun != want.lastRun {
		a.report("transition %d (%s) leads to last_run %s, after %s", t.seq, t.event, when(t.lastRun), when(was.lastRun))
	}
	if t.event == "reserve" && t.nextEligible != was.nextEligible {
		a.report("transition %d (reserve) leads to next_eligible %s, after %s", t.seq, when(t.nextEligible), when(was.nextEligible))
	}
	if !a.countsRight(t, was) {
		a.report("transition %d (%s to %s) leads to a streak of %d, after %d", t.seq, t.event, word(t.status), t.streak, was.streak)
	}
}

// expires says whether a transition closes a run that waited: its deadline had passed
// when it was to start again.
func (t *transition) expires(was position) bool {
	return t.event == "timeout" && t.waiting == was.waiting-1
}

// countsRight judges the streak. The log does not tell whether the flow had a
// policy, but the status does: only with one does a failure end in backoff or
// tripped. It does not tell of an interrupted run whether it was spared either.
func (a *account) countsRight(t *transition, before position) bool {
	was := before.streak
	same := t.streak == was
	more := t.streak == min(was+1, math.MaxInt32)
	switch t.event {
	case "reset":
		return t.streak == 0
	case "adopt": // of a plan without a policy
		return same || t.streak == 0
	case "outcome", "interrupt", "timeout":
		counts := a.counts(t.run)
		switch {
		case t.waiting > before.waiting: // it is tried again
			return same
		case counts == no:
			return same || t.status == failed && t.streak == 0 // without a policy each failure counts
		case counts == yes && a.completes(t.run):
			return t.streak == 0
		case counts == maybe && (t.status == completed || t.status == backoff || t.status == tripped):
			return same || more || t.streak == 0
		case t.status == completed:
			return t.streak == 0
		case t.status == failed:
			return t.streak == 0 || same && (t.event == "interrupt" || a.spared(t))
		case t.status == backoff, t.status == tripped:
			return more || same && a.spared(t)
		case t.status == running: // others are in flight
			return more || same || t.streak == 0
		}
	}
	return same
}

// spared says whether a run may have ended without a consequence for the streak.
func (a *account) spared(t *transition) bool {
	run := a.find(t.run)
	if run == nil || run.of(core.TriggerBackfill) {
		return true
	}
	switch runStatuses.word(int64(run.status)) {
	case core.RunCancelled, core.RunSkipped:
		return true
	case core.RunInterrupted: // tripped by another one of the same crash, or before
		sameCrash := a.event == "interrupt" && a.replay.at == t.at
		return t.status == backoff || sameCrash || run.of(core.TriggerProbe)
	}
	return false
}

// probes says whether a transition starts a run that is to show whether a trip is over.
func (a *account) probes(t *transition) bool {
	run := a.find(t.run)
	if run == nil && t.run <= a.pruned {
		return t.event == "reserve"
	}
	return t.event == "reserve" && run != nil && triggers.word(int64(run.trigger)) == core.TriggerProbe
}

// accept takes runs that wait from now on; t.run is the first of them. How many they
// are is not known of the oldest transition that is kept.
func (a *account) accept(t *transition) {
	if !a.begun && t.version > 1 {
		return
	}
	if n := a.replayed.number; n != unknown && t.run != n+1 {
		a.report("transition %d accepts run %d, after run %d", t.seq, t.run, n)
	}
	a.replayed.number = t.run + max(t.waiting-a.replay.waiting, 1) - 1
	a.fireOf(t)
}

// fireOf takes the instant of a run that a transition decides to make.
func (a *account) fireOf(t *transition) {
	run := a.find(t.run)
	if run == nil {
		a.replayed.scheduled = unknown
		return
	}
	if run.scheduledRun() {
		a.fire(run, t.at)
	}
}

// reserve compares a transition with the run that it begins.
func (a *account) reserve(t *transition) {
	n := a.replayed.number
	waited := a.begun && t.waiting < a.replay.waiting && (n == unknown || t.run <= n)
	if !a.begun && t.version > 1 {
		waited = true // or not: nothing tells
	}
	if n != unknown && t.run != n+1 && !waited {
		a.report("transition %d reserves run %d, after run %d", t.seq, t.run, n)
	}
	run := a.find(t.run)
	if a.begun && run != nil && run.order != 0 && t.runCount > a.replay.runCount && run.order != t.runCount {
		a.report("run %d began as number %d of the flow, transition %d says as number %d", run.number, run.order, t.seq, t.runCount)
	}
	switch {
	case run == nil || run.met: // it goes on
	case run.started == t.at:
		run.met = true
		a.early = slices.DeleteFunc(a.early, func(e early) bool { return e.run == run })
	case run.started < t.at && (run.number <= a.pruned || run.started <= a.since): // its first start is not kept any more
		run.met = true
	default: // wrong, unless it is to start again
		a.early = append(a.early, early{run, t.seq, t.at})
	}
	if !waited && (n == unknown || t.run > n) {
		a.replayed.number = t.run
		a.fireOf(t)
	}
}

// early is a start of a run that is not the one that its row tells of.
type early struct {
	run     *runFacts
	seq, at int64
}

// compareStarts checks that such a run was to start again.
func (a *account) compareStarts() {
	for _, e := range a.early {
		a.report("run %d started at %s, transition %d reserved it at %s", e.run.number, when(e.run.started), e.seq, when(e.at))
	}
}

// fire checks that an instant of the schedule has one run, or one per attempt.
// Instants ascend, unless the clock went back: then those of wildcards and intervals
// repeat, fixed times must not.
func (a *account) fire(run *runFacts, at int64) {
	last := a.fired
	a.fired = *run
	a.fired.started = at // the first time
	a.replayed.scheduled = run.scheduled
	if run.scheduled > last.scheduled || run.scheduled == last.scheduled && run.attempt > last.attempt {
		return
	}
	text := fmt.Sprintf("run %d (attempt %d) is for %s, but run %d (attempt %d) was for %s already",
		run.number, run.attempt, when(run.scheduled), last.number, last.attempt, when(last.scheduled))
	switch {
	case at >= last.started:
		a.report("%s", text)
	case a.fixed() && last.scheduled-at < schedule.CorrectionJump.Milliseconds():
		a.refired = append(a.refired, text)
	}
}

// fixed says whether none of the schedule's instants comes again when the clock goes back a
// little. What cannot be read may be of any kind.
func (a *account) fixed() bool {
	s, err := schedule.Parse(a.id, a.kind, a.schedule, a.zone)
	return err == nil && schedule.HasFixedTimes(s)
}

// end compares a transition with the run that it ends.
func (a *account) end(t *transition) {
	if n := a.replayed.number; n != unknown && t.run > n {
		a.report("transition %d (%s) ends run %d, which was not reserved", t.seq, t.event, t.run)
	}
	a.replayed.end = t.at
	if !t.expires(a.replay) {
		a.replayed.suspect = 0
	}
	if t.event == "interrupt" { // it may make a suspect, and does not tell
		a.replayed.suspect = unknown
	}
	again := t.waiting > a.replay.waiting
	if again && t.event == "cancel" && a.replayed.number != unknown { // another run is to make up for it
		a.replayed.number++
	}
	run := a.find(t.run)
	if again && t.event != "cancel" {
		a.early = slices.DeleteFunc(a.early, func(e early) bool { return e.run == run })
		return
	}
	if t.event != "cancel" {
		a.replayed.errorKey = unknown
	}
	if run == nil {
		a.replayed.succeeded, a.replayed.failedFirst = unknown, unknown
		return // pruned, or missed at its reserve
	}
	counts := a.counts(run.number)
	a.judge(t, run)
	is := runStatuses.word(int64(run.status))
	if want := t.endings(run); !slices.Contains(want, is) && !(run.of(core.TriggerBackfill) && is.Over()) {
		a.report("run %d is %s, but transition %d (%s to %s) left it %s", run.number, is, t.seq, t.event, word(t.status), want[0])
		is = want[0]
	}
	finished := t.at
	if t.event == "interrupt" {
		finished = 0
	}
	within := finished != 0 && run.finished < finished && run.finished >= run.started // the job returned before the commit
	if run.finished != finished && !within {
		a.report("run %d finished at %s, transition %d says %s", run.number, when(run.finished), t.seq, when(finished))
	}
	if is != core.RunSkipped && run.failed != (is != core.RunCompleted) {
		a.report("run %d is %s, with an error: %t", run.number, is, run.failed)
	}
	switch {
	case run.of(core.TriggerBackfill), counts != yes:
		a.replayed.errorKey = unknown
	case is == core.RunCompleted:
		a.replayed.errorKey = 0
	case is.Failure():
		a.replayed.errorKey = run.key
	}
}

// endings are what a transition may leave its run as.
func (t *transition) endings(run *runFacts) []core.RunStatus {
	switch {
	case t.event == "cancel":
		return []core.RunStatus{core.RunCancelled}
	case t.event == "interrupt":
		return []core.RunStatus{core.RunInterrupted, core.RunCancelled}
	case t.event == "timeout":
		return []core.RunStatus{core.RunTimedOut, core.RunCancelled, core.RunInterrupted}
	case t.status == completed && run.order == 0:
		return []core.RunStatus{core.RunCompleted}
	case t.status == running, run.order != 0 && t.status != failed: // others began later
		return []core.RunStatus{core.RunFailed, core.RunTimedOut, core.RunCancelled, core.RunSkipped, core.RunCompleted, core.RunInterrupted}
	case t.status == failed:
		return []core.RunStatus{core.RunFailed, core.RunTimedOut, core.RunInterrupted}
	}
	return []core.RunStatus{core.RunFailed, core.RunTimedOut, core.RunCancelled, core.RunSkipped, core.RunInterrupted}
}
