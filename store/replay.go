package store

import (
	"context"
	"fmt"
	"math"

	"github.com/pawl-go/pawl/engine"
)

// readTransitions replays the log.
func (v *verifier) readTransitions(ctx context.Context) error {
	const query = `SELECT flow, seq, at, COALESCE(run_number, 0), event, from_status, to_status, run_count, in_flight, failure_streak,
    COALESCE(last_run, 0), COALESCE(next_eligible, 0), COALESCE(next_run, 0), version
FROM pawl_transition_log ORDER BY seq`
	var flow, event int64
	var t transition
	return v.each(ctx, query, func(scan func(...any) error) error {
		if err := scan(&flow, &t.seq, &t.at, &t.run, &event, &t.from, &t.status, &t.runCount, &t.inFlight, &t.streak,
			&t.lastRun, &t.nextEligible, &t.nextRun, &t.version); err != nil {
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
	case t.version <= a.replay.version:
		a.report("transition %d has version %d, after %d", t.seq, t.version, a.replay.version)
		return
	case t.version > a.replay.version+1:
		a.report("transition %d has version %d, after %d", t.seq, t.version, a.replay.version)
		a.forget()
	default:
		a.follow(t)
	}
	if (t.status == running) != (t.inFlight > 0) {
		a.report("transition %d leaves it %s with %d runs in flight", t.seq, word(t.status), t.inFlight)
	}
	if t.status == tripped && t.nextRun != 0 {
		a.report("transition %d leaves it tripped, but with a next run at %s", t.seq, when(t.nextRun))
	}
	switch t.event {
	case "reserve":
		a.reserve(t)
	case "outcome", "interrupt", "cancel":
		a.end(t)
	case "reset":
		a.replayed.errorKey = 0
	case "adopt":
		a.refired = nil // they may have been instants of another kind of schedule
	case "correct": // what happened at a clock that was ahead is taken to be now
		a.replayed.scheduled = min(a.replayed.scheduled, t.at)
		a.replayed.end = min(a.replayed.end, t.at)
		a.fired.scheduled, a.fired.started = min(a.fired.scheduled, t.at), min(a.fired.started, t.at)
	case "clear":
		a.replayed.suspect = 0
	case "retire", "adjust":
	default:
		a.report("transition %d is of an unknown kind: %s", t.seq, t.event)
	}
	a.begun, a.replay = true, t.position
}

// forget drops what followed from transitions, after a gap in them.
func (a *account) forget() {
	a.replayed = newest{number: unknown, scheduled: unknown, end: unknown, errorKey: unknown, suspect: unknown}
}

var (
	running   = statuses.of(engine.StatusRunning)
	completed = statuses.of(engine.StatusCompleted)
	failed    = statuses.of(engine.StatusFailed)
	backoff   = statuses.of(engine.StatusBackoff)
	tripped   = statuses.of(engine.StatusTripped)
)

// follow checks what a transition makes of the flow as the one before left it.
func (a *account) follow(t *transition) {
	was, want := a.replay, a.replay
	switch t.event {
	case "reserve":
		want.runCount, want.inFlight, want.lastRun = was.runCount+1, was.inFlight+1, t.at
	case "outcome", "interrupt", "cancel":
		want.inFlight--
	}
	if t.from != was.status {
		a.report("transition %d comes from %s, but it was %s", t.seq, word(t.from), word(was.status))
	}
	if was.status == tripped && t.status != tripped && t.event != "reset" {
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
	if !t.countsRight(was.streak) {
		a.report("transition %d (%s to %s) leads to a streak of %d, after %d", t.seq, t.event, word(t.status), t.streak, was.streak)
	}
}

// countsRight judges the streak. The log does not tell whether the flow had a
// policy, but the status does: only with one does a failure end in backoff or
// tripped. It does not tell of an interrupted run whether it was spared either.
func (t *transition) countsRight(was int64) bool {
	spared := t.event == "interrupt" && t.streak == was
	switch t.event {
	case "reset":
		return t.streak == 0
	case "adopt": // of a plan without a policy
		return t.streak == was || t.streak == 0
	case "outcome", "interrupt":
		switch t.status {
		case completed:
			return t.streak == 0
		case failed:
			return t.streak == 0 || spared
		case backoff:
			return t.streak == min(was+1, math.MaxInt32) || spared
		case tripped:
			return t.streak == min(was+1, math.MaxInt32)
		}
		return true // others are in flight
	}
	return t.streak == was
}

// reserve compares a transition with the run that it begins.
func (a *account) reserve(t *transition) {
	if n := a.replayed.number; n != unknown && t.run != n+1 {
		a.report("transition %d reserves run %d, after run %d", t.seq, t.run, n)
	}
	a.replayed.number = t.run
	run := a.find(t.run)
	if run == nil {
		a.replayed.scheduled = unknown
		if !a.missing && (len(a.runs) == 0 || t.run < a.runs[0].number) {
			a.miss(t.run, t.run)
		}
		return
	}
	if run.started != t.at {
		a.report("run %d started at %s, transition %d reserved it at %s", run.number, when(run.started), t.seq, when(t.at))
	}
	if run.scheduledRun() {
		a.fire(run)
	}
}

// fire checks that an instant of the schedule has one run, or one per attempt.
// Instants ascend, unless the clock went back: those of an interval are counted
// from it and may then repeat, those of a cron expression must not.
func (a *account) fire(run *runFacts) {
	last := a.fired
	a.fired = *run
	a.replayed.scheduled = run.scheduled
	if run.scheduled > last.scheduled || run.scheduled == last.scheduled && run.attempt > last.attempt {
		return
	}
	text := fmt.Sprintf("run %d (attempt %d) is for %s, but run %d (attempt %d) was for %s already",
		run.number, run.attempt, when(run.scheduled), last.number, last.attempt, when(last.scheduled))
	switch {
	case run.started >= last.started:
		a.report("%s", text)
	case a.kind == engine.KindCron && last.scheduled-run.started < engine.CorrectionJump.Milliseconds():
		a.refired = append(a.refired, text)
	}
}

// end compares a transition with the run that it ends.
func (a *account) end(t *transition) {
	if n := a.replayed.number; n != unknown && t.run > n {
		a.report("transition %d (%s) ends run %d, which was not reserved", t.seq, t.event, t.run)
	}
	a.replayed.end = t.at
	a.replayed.suspect = 0
	if t.event == "interrupt" { // it may make a suspect, and does not tell
		a.replayed.suspect = unknown
	}
	run := a.find(t.run)
	if t.event != "cancel" {
		a.replayed.errorKey = unknown
	}
	if run == nil {
		return // pruned, or missed at its reserve
	}
	want := engine.RunFailed
	finished := t.at
	switch {
	case t.event == "interrupt":
		want, finished = engine.RunInterrupted, 0
	case t.event == "cancel":
		want = engine.RunCancelled
	case t.status == completed:
		want = engine.RunCompleted
	}
	if is := runStatuses.word(int64(run.status)); is != want {
		a.report("run %d is %s, but transition %d (%s to %s) left it %s", run.number, is, t.seq, t.event, word(t.status), want)
	}
	if run.finished != finished {
		a.report("run %d finished at %s, transition %d says %s", run.number, when(run.finished), t.seq, when(finished))
	}
	if run.failed != (want != engine.RunCompleted) {
		a.report("run %d is %s, with an error: %t", run.number, want, run.failed)
	}
	switch want {
	case engine.RunCompleted:
		a.replayed.errorKey = 0
	case engine.RunFailed, engine.RunInterrupted:
		a.replayed.errorKey = run.key
	}
}
