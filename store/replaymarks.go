package store

import (
	"github.com/pawl-go/pawl/engine/core"
)

// answer is yes or no, or maybe where the log no longer has the transitions to tell.
type answer int

const (
	no answer = iota
	yes
	maybe
)

// counts says whether the end of a run says how its flow is now: a failure does unless a run
// has succeeded that began later, a success does unless the first failed run in a row did.
func (a *account) counts(number int64) answer {
	run := a.find(number)
	mark := int64(0)
	switch {
	case run == nil:
		return maybe
	case run.order == 0:
		return yes
	case runStatuses.word(int64(run.status)) == core.RunCompleted:
		mark = a.replayed.failedFirst
	case runStatuses.word(int64(run.status)).Failure():
		mark = a.replayed.succeeded
	}
	switch {
	case mark == unknown:
		return maybe
	case run.order > mark:
		return yes
	}
	return no
}

// judge updates the replayed marks (core.Marks) when a run ends.
func (a *account) judge(t *transition, run *runFacts) {
	if a.completes(run.number) && a.replayed.succeeded != unknown {
		a.replayed.succeeded = max(a.replayed.succeeded, run.order)
	}
	if t.streak == 1 && a.replay.streak == 0 && a.begun {
		a.replayed.failedFirst = run.order
	}
}

// completes reports whether a run completed that no backfill asked for.
func (a *account) completes(number int64) bool {
	run := a.find(number)
	return run != nil && !run.of(core.TriggerBackfill) && runStatuses.word(int64(run.status)) == core.RunCompleted
}
