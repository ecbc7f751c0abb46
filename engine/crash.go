package engine

import (
	"cmp"
	"slices"

	"github.com/pawl-go/pawl/engine/core"
)

// crash is the end of a process, with what it makes of all that was in flight.
type crash struct {
	core.Interrupt // as far as it is the same for all
	core.CrashJudgement
	snapshot *Snapshot
}

// judge decides whose failure a crash is, and whether suspects run apart from now on.
func (e *Engine) judge(end core.Interrupt, snapshot Snapshot) crash {
	c := crash{Interrupt: end, snapshot: &snapshot}
	var units []core.CrashUnit
	for _, f := range e.all().ordered {
		units = append(units, c.unitsOf(f)...)
	}
	isolates := snapshot.Previous != nil && snapshot.Previous.Isolates
	if !end.Spared {
		c.CrashJudgement = core.JudgeCrash(units)
		isolates = isolates || c.Isolates
		if len(units) > 1 {
			e.Logger.Warn("pawl: the process died with several runs in flight, which are suspects or beside suspects",
				"in_flight", len(units), "isolates", c.Isolates && e.Isolation > 0)
		}
	}
	e.trials.isolating = isolates && e.Isolation > 0
	e.owner.Isolates = e.trials.isolating
	e.isolating.Store(e.trials.isolating)
	return c
}

// unitsOf returns the units of a flow that were in flight, each once.
func (c *crash) unitsOf(f *flow) (units []core.CrashUnit) {
	for _, run := range f.state.Load().Open {
		if u, ok := c.unitOf(f, run); ok && !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	return units
}

// unitOf is what a run in flight stands for; false: it only waited, or is known to be over.
func (c *crash) unitOf(f *flow, run *core.Run) (u core.CrashUnit, ok bool) {
	s, p := f.state.Load(), f.plan()
	if c.over(f, run) || p.Resumes && c.snapshot.Marks[run.Key].Waits {
		return core.CrashUnit{}, false
	}
	if p.ContinuesAfterCrash() {
		return core.CrashUnit{Flow: f.id, Run: run.Number, Suspect: s.Suspect || run.Suspect}, true
	}
	return core.CrashUnit{Flow: f.id, Suspect: s.HasSuspects()}, true
}

// over says whether the process left the end of a run behind.
func (c *crash) over(f *flow, run *core.Run) bool {
	known := func(end End) bool { return end.Flow == f.id && end.Run == run.Number }
	return f.plan().Schedule != nil && slices.ContainsFunc(c.snapshot.Ends, known)
}

// clear takes the mark off the suspects of a flow that were not in flight, if others were.
func (c *crash) clear(f *flow) []command {
	s := f.state.Load()
	if !c.Clears || !s.HasSuspects() || f.plan().Schedule == nil || s.SuspectsInFlight() == s.SuspectCount() {
		return nil
	}
	return []command{{flow: f, event: core.Clear{}}}
}

// settle interrupts the runs of a flow, whose ends the process did not leave behind. One
// crash is one failure of a flow, however many runs it had in flight: the failure of
// the run that started last.
func (c *crash) settle(f *flow) (commands []command) {
	end := c.Interrupt
	open := slices.Clone(f.state.Load().Open)
	slices.SortStableFunc(open, func(a, b *core.Run) int { return cmp.Compare(b.Order, a.Order) })
	for _, run := range open {
		if c.over(f, run) {
			continue
		}
		e := end
		e.Run, e.Mark = run.Number, c.snapshot.Marks[run.Key]
		u, ok := c.unitOf(f, run)
		if v, judged := c.Units[u]; judged {
			e.Spared, e.Suspect, e.Why = !v.Failed, v.Suspect, v.Why
		} else {
			e.Spared, e.Suspect = e.Spared || !ok, u.Suspect || run.Suspect
		}
		commands = append(commands, command{flow: f, event: e})
		// One that was being cancelled does not count, nor does one of the past.
		end.Repeated = end.Repeated || u.Run == 0 && !run.Ending && run.Trigger != core.TriggerBackfill
	}
	return commands
}
