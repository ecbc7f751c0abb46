package audit

import (
	"fmt"
	"slices"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// replayRuns compares a transition with its run, and notes what both tell of the flow's newest
// runs. It is called before the transition is folded.
func (a *account) replayRuns(t *transition) {
	switch t.Event {
	case "reserve":
		a.reserve(t)
	case "accept", "backfill":
		a.accept(t)
	case "outcome", "interrupt", "cancel", "timeout":
		a.end(t)
	case "reset":
		a.ofRuns.errorKey, a.ofRuns.succeeded = 0, 0
	case "adopt":
		a.refired = nil // they may have been occurrences of another kind of schedule
		a.ofRuns.scheduled = unknown
	case "correct": // what happened at a clock that was ahead counts as of now
		a.ofRuns.scheduled = min(a.ofRuns.scheduled, millis(t.At))
		a.capFired(t)
	case "clear":
		a.ofRuns.suspect = 0
	case "miss": // the occurrence of a flow that runs once counts as run
		a.ofRuns.scheduled = unknown
	case "adjust":
		if !a.fixed() {
			a.ofRuns.scheduled = unknown
			a.capFired(t)
		}
	case "pause", "resume", "retire", "abort", "drop", "checkpoint", "wake":
	default:
		a.report("transition %d is of an unknown kind: %s", t.Seq, t.Event)
	}
	if t.FailureStreak == 0 {
		a.ofRuns.failedFirst = 0
	}
}

// capFired moves the newest run of the schedule back to a transition, after the clock went back.
func (a *account) capFired(t *transition) {
	a.fired.scheduled, a.fired.started = min(a.fired.scheduled, millis(t.At)), min(a.fired.started, millis(t.At))
}

// fixed reports whether none of the schedule's occurrences repeats when the clock goes back a
// little. A schedule that cannot be read may be of any kind.
func (a *account) fixed() bool {
	s, err := a.schedule()
	return err == nil && schedule.HasFixedTimes(s)
}

// accept takes runs that wait from now on; t.RunNumber is the first of them. The oldest
// transition that is kept does not tell how many they are.
func (a *account) accept(t *transition) {
	if !a.begun && t.Version > 1 {
		return
	}
	if n := a.replay.LastNumber; a.known.number && t.RunNumber != n+1 {
		a.report("transition %d accepts run %d, after run %d", t.Seq, t.RunNumber, n)
	}
	a.fireOf(t)
}

// reserve compares a transition with the run that it starts.
func (a *account) reserve(t *transition) {
	n, at := a.replay.LastNumber, millis(t.At)
	waited := a.startsWaiting(t)
	if a.known.number && t.RunNumber != n+1 && !waited {
		a.report("transition %d reserves run %d, after run %d", t.Seq, t.RunNumber, n)
	}
	run := a.find(t.RunNumber)
	if a.begun && run != nil && run.order != 0 && t.RunCount > a.replay.RunCount && run.order != t.RunCount {
		a.report("run %d began as number %d of the flow, transition %d says as number %d", run.number, run.order, t.Seq, t.RunCount)
	}
	switch {
	case run == nil || run.met: // it goes on
	case run.started == at:
		run.met = true
		a.early = slices.DeleteFunc(a.early, func(e early) bool { return e.run == run })
	case run.started < at && (run.number <= a.pruned || run.started <= a.since): // its first start is deleted
		run.met = true
	default: // wrong, unless it starts again later
		a.early = append(a.early, early{run, t.Seq, at})
	}
	if !waited && (!a.known.number || t.RunNumber > n) {
		a.fireOf(t)
	}
}

// startsWaiting reports whether a reserve starts a run that waited. Of the oldest transition
// that is kept nothing tells.
func (a *account) startsWaiting(t *transition) bool {
	if !a.begun {
		return t.Version > 1
	}
	return t.Waiting < a.replay.Waiting && (!a.known.number || t.RunNumber <= a.replay.LastNumber)
}

// early is a start of a run that is not the one that the run's row has.
type early struct {
	run     *runFacts
	seq, at int64
}

// compareStarts reports the early starts after which no other followed.
func (a *account) compareStarts() {
	for _, e := range a.early {
		a.report("run %d started at %s, transition %d reserved it at %s", e.run.number, whenMillis(e.run.started), e.seq, whenMillis(e.at))
	}
}

// fireOf takes the occurrence of a run that a transition makes.
func (a *account) fireOf(t *transition) {
	run := a.find(t.RunNumber)
	if run == nil {
		a.ofRuns.scheduled = unknown
		return
	}
	if run.of(core.TriggerSchedule) {
		a.fire(run, millis(t.At))
	}
}

// fire checks that an occurrence has one run, or one per attempt. Occurrences ascend, unless the
// clock went back: then those of wildcards and intervals repeat, fixed times must not.
func (a *account) fire(run *runFacts, at int64) {
	last := a.fired
	a.fired = *run
	a.fired.started = at // the first time
	a.ofRuns.scheduled = run.scheduled
	if run.scheduled > last.scheduled || run.scheduled == last.scheduled && run.attempt > last.attempt {
		return
	}
	text := fmt.Sprintf("run %d (attempt %d) is for %s, but run %d (attempt %d) was for %s already",
		run.number, run.attempt, whenMillis(run.scheduled), last.number, last.attempt, whenMillis(last.scheduled))
	switch {
	case at >= last.started:
		a.report("%s", text)
	case a.fixed() && last.scheduled-at < schedule.CorrectionJump.Milliseconds():
		a.refired = append(a.refired, text)
	}
}

// end compares a transition with the run that it ends.
func (a *account) end(t *transition) {
	if n := a.replay.LastNumber; a.known.number && t.RunNumber > n {
		a.report("transition %d (%s) ends run %d, which was not reserved", t.Seq, t.Event, t.RunNumber)
	}
	if !a.expires(t) {
		a.ofRuns.suspect = 0
	}
	if t.Event == "interrupt" { // it may make a suspect, and does not tell
		a.ofRuns.suspect = unknown
	}
	run := a.find(t.RunNumber)
	if t.Waiting > a.replay.Waiting && t.Event != "cancel" { // the run goes on later
		a.early = slices.DeleteFunc(a.early, func(e early) bool { return e.run == run })
		return
	}
	if t.Event != "cancel" {
		a.ofRuns.errorKey = unknown
	}
	if run == nil { // deleted, or reported at its reserve
		a.ofRuns.succeeded, a.ofRuns.failedFirst = unknown, unknown
		return
	}
	counts := a.counts(run.number)
	a.noteOrder(t, run)
	is := a.compareEnd(t, run)
	switch {
	case run.of(core.TriggerBackfill), counts != yes:
		a.ofRuns.errorKey = unknown
	case is == core.RunCompleted:
		a.ofRuns.errorKey = 0
	case is.Failure():
		a.ofRuns.errorKey = run.key
	}
}

// compareEnd compares the row of a run with the transition that ended it, and returns the status
// that the run should have.
func (a *account) compareEnd(t *transition, run *runFacts) core.RunStatus {
	is := run.is()
	if want := t.endings(run); !slices.Contains(want, is) && !(run.of(core.TriggerBackfill) && is.Over()) {
		a.report("run %d is %s, but transition %d (%s to %s) left it %s", run.number, is, t.Seq, t.Event, t.ToStatus, want[0])
		is = want[0]
	}
	finished := millis(t.At)
	if t.Event == "interrupt" {
		finished = 0
	}
	within := finished != 0 && run.finished < finished && run.finished >= run.started // the job returned before the commit
	if run.finished != finished && !within {
		a.report("run %d finished at %s, transition %d says %s", run.number, whenMillis(run.finished), t.Seq, whenMillis(finished))
	}
	if is != core.RunSkipped && run.failed != (is != core.RunCompleted) {
		a.report("run %d is %s, with an error: %t", run.number, is, run.failed)
	}
	return is
}

// endings are the statuses that a transition may leave its run with.
func (t *transition) endings(run *runFacts) []core.RunStatus {
	switch {
	case t.Event == "cancel":
		return []core.RunStatus{core.RunCancelled}
	case t.Event == "interrupt":
		return []core.RunStatus{core.RunInterrupted, core.RunCancelled}
	case t.Event == "timeout":
		return []core.RunStatus{core.RunTimedOut, core.RunCancelled, core.RunInterrupted}
	case t.ToStatus == core.StatusCompleted && run.order == 0:
		return []core.RunStatus{core.RunCompleted}
	case t.ToStatus == core.StatusRunning, run.order != 0 && t.ToStatus != core.StatusFailed: // others began later
		return []core.RunStatus{core.RunFailed, core.RunTimedOut, core.RunCancelled, core.RunSkipped, core.RunCompleted, core.RunInterrupted}
	case t.ToStatus == core.StatusFailed:
		return []core.RunStatus{core.RunFailed, core.RunTimedOut, core.RunInterrupted}
	}
	return []core.RunStatus{core.RunFailed, core.RunTimedOut, core.RunCancelled, core.RunSkipped, core.RunInterrupted}
}

// answer is yes or no, or maybe where the transitions that would tell are deleted.
type answer int

const (
	no answer = iota
	yes
	maybe
)

// counts reports whether the end of a run decides the flow's streak: a failure does unless a
// run succeeded that began later, a success does unless the first failure in a row began later.
func (a *account) counts(number int64) answer {
	run := a.find(number)
	order := int64(0) // of the run that must have begun before
	switch {
	case run == nil:
		return maybe
	case run.order == 0:
		return yes
	case run.is() == core.RunCompleted:
		order = a.ofRuns.failedFirst
	case run.is().Failure():
		order = a.ofRuns.succeeded
	}
	switch {
	case order == unknown:
		return maybe
	case run.order > order:
		return yes
	}
	return no
}

// noteOrder replays [core.Marks] when a run ends.
func (a *account) noteOrder(t *transition, run *runFacts) {
	if a.completes(run.number) && a.ofRuns.succeeded != unknown {
		a.ofRuns.succeeded = max(a.ofRuns.succeeded, run.order)
	}
	if t.FailureStreak == 1 && a.replay.FailureStreak == 0 && a.begun {
		a.ofRuns.failedFirst = run.order
	}
}

// completes reports whether a run completed that no backfill asked for.
func (a *account) completes(number int64) bool {
	run := a.find(number)
	return run != nil && !run.of(core.TriggerBackfill) && run.is() == core.RunCompleted
}
