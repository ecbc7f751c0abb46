package engine

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/instant"
)

// A database that was copied or put back from a backup tells of runs that the
// original has had, or is about to have. With Config.Guard its engine is passive:
// it owns the store and answers, but runs nothing until somebody claims the
// database. The owner's row says so, which makes it last over restarts.

func (e *Engine) passive() bool { return e.owner.Passive != "" }

// greet judges, at the start, a store that may not be what the last owner left.
func (e *Engine) greet(doubt string) {
	if doubt == "" {
		return
	}
	overdue, since := e.overdueAt(e.owner.StartedAt)
	facts := []any{"found", doubt, "overdue", overdue}
	if overdue > 0 {
		facts = append(facts, "since", instant.Format(since))
	}
	if e.Guard {
		e.owner.Passive = doubt
		e.Logger.Warn("pawl: the database was copied or restored; nothing runs until it is claimed (pawl claim)", facts...)
		return
	}
	e.Logger.Warn("pawl: the database was copied or restored; what is overdue runs now, also if the original has run it", facts...)
}

// ofCopy spares the runs that were in flight when the store was copied: nothing says
// that they failed.
func ofCopy(crash core.Interrupt, doubt string) core.Interrupt {
	if doubt != "" && !crash.Spared {
		crash.Spared, crash.Error = true, "interrupted: the database was copied while the job ran"
	}
	return crash
}

// overdueAt counts the flows that were due before an instant, and tells since
// when the first of them is.
func (e *Engine) overdueAt(now time.Time) (n int, since time.Time) {
	for _, f := range e.all().ordered {
		due := f.due(now)
		if f.plan().Schedule == nil || due.IsZero() || !due.Before(now) {
			continue
		}
		n++
		if since.IsZero() || due.Before(since) {
			since = due
		}
	}
	return n, since
}

// admit refuses a run while the engine is passive. A claim in the same batch, before
// it, counts.
func (e *Engine) admit(b *batch, c command) error {
	if starts(c.event) && e.passive() && !b.claimed {
		return fmt.Errorf("%w: %s; claim it first (pawl claim)", core.ErrPassive, e.owner.Passive)
	}
	return nil
}

// starts says whether an event starts runs, now or later.
func starts(e core.Event) bool {
	switch e.(type) {
	case core.Reserve, core.Accept, core.Backfill:
		return true
	}
	return false
}

// activate follows a claim that was committed: the flows wait for their next
// runs, and those that are overdue make up for what was missed.
func (e *Engine) activate() {
	if !e.passive() {
		return
	}
	e.owner.Passive = ""
	overdue, _ := e.overdueAt(e.now())
	e.Logger.Info("pawl: claimed; flows run again", "overdue", overdue)
	for _, f := range e.all().ordered {
		e.look(f, e.now())
	}
}
