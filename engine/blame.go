package engine

import (
	"cmp"
	"fmt"
	"slices"
)

// When several runs were in flight, nobody knows which of them crashed the process. So the
// crash is nobody's failure, and each of them becomes a suspect. A second crash with
// suspects in flight isolates: at most half of the suspects run at a time (see trials).
// Those that are in flight at the next crash stay suspects, the others are cleared. So the
// suspects halve until one is left in flight, and that one has failed.
//
// A run that goes on is a suspect itself. Where the crash ended the runs of a flow, the flow
// is one, with all the runs that it starts.

// unit is what a crash may be the failure of: a run that goes on, or a flow with the runs
// that the crash ended.
type unit struct {
	flow    *flow
	run     int64 // 0: the flow
	suspect bool  // before the crash
}

// verdict is what a crash makes of a unit that was in flight.
type verdict struct {
	failed  bool
	suspect bool
	why     string // empty: it was alone
}

// judgement is what a crash makes of all that was in flight.
type judgement struct {
	units    map[unit]verdict
	isolates bool // suspects run apart from now on
	clears   bool // suspects that were not in flight are none any more
}

// judge says whose failure a crash is.
func judge(units []unit) judgement {
	suspects := 0
	for _, u := range units {
		suspects += int(truth(u.suspect))
	}
	j := judgement{units: make(map[unit]verdict, len(units)), isolates: suspects > 1, clears: suspects > 0}
	for _, u := range units {
		j.units[u] = u.judged(len(units), suspects)
	}
	return j
}

// judged is what becomes of one of n units in flight, of which some were suspects.
func (u unit) judged(n, suspects int) verdict {
	switch {
	case n == 1:
		return verdict{failed: true, suspect: u.suspect}
	case suspects == 0:
		return verdict{suspect: true, why: fmt.Sprintf("suspect: one of %d that were in flight", n)}
	case suspects == 1 && u.suspect:
		return verdict{failed: true, suspect: true, why: fmt.Sprintf("it was the only suspect of %d that were in flight", n)}
	case suspects == 1:
		return verdict{why: fmt.Sprintf("not blamed: another was the only suspect of %d that were in flight", n)}
	case u.suspect:
		return verdict{suspect: true, why: fmt.Sprintf("suspect: one of %d suspects that were in flight", suspects)}
	}
	return verdict{why: fmt.Sprintf("not blamed: %d suspects were in flight", suspects)}
}

// crash is the end of a process, with what it makes of all that was in flight.
type crash struct {
	Interrupt // as far as it is the same for all
	judgement
	snapshot *Snapshot
}

// judge decides whose failure a crash is, and whether suspects run apart from now on.
func (e *Engine) judge(end Interrupt, snapshot Snapshot) crash {
	c := crash{Interrupt: end, snapshot: &snapshot}
	var units []unit
	for _, f := range e.all().ordered {
		units = append(units, c.unitsOf(f)...)
	}
	isolates := snapshot.Previous != nil && snapshot.Previous.Isolates
	if !end.Spared {
		c.judgement = judge(units)
		isolates = isolates || c.isolates
		if len(units) > 1 {
			e.Logger.Warn("pawl: the process died with several runs in flight, which are suspects or beside suspects",
				"in_flight", len(units), "isolates", c.isolates && e.Isolation > 0)
		}
	}
	e.trials.isolating = isolates && e.Isolation > 0
	e.owner.Isolates = e.trials.isolating
	e.isolating.Store(e.trials.isolating)
	return c
}

// unitsOf returns the units of a flow that were in flight, each once.
func (c *crash) unitsOf(f *flow) (units []unit) {
	for _, run := range f.state.Load().Open {
		if u, ok := c.unitOf(f, run); ok && !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	return units
}

// unitOf is what a run in flight stands for; false: it only waited, or is known to be over.
func (c *crash) unitOf(f *flow, run *Run) (u unit, ok bool) {
	s, p := f.state.Load(), f.plan()
	if c.over(f, run) || p.Resumes && c.snapshot.Marks[run.Key].Waits {
		return unit{}, false
	}
	if p.goesOn() {
		return unit{f, run.Number, s.Suspect || run.Suspect}, true
	}
	return unit{f, 0, s.suspicious()}, true
}

// goesOn says whether a run of the flow goes on after a crash that is not its failure.
func (p Plan) goesOn() bool { return p.Resumes || p.Retry != nil }

// over says whether the process left the end of a run behind.
func (c *crash) over(f *flow, run *Run) bool {
	known := func(end End) bool { return end.Flow == f.id && end.Run == run.Number }
	return f.plan().Schedule != nil && slices.ContainsFunc(c.snapshot.Ends, known)
}

// clear takes the mark off the suspects of a flow that were not in flight, if others were.
func (c *crash) clear(f *flow) []command {
	s := f.state.Load()
	if !c.clears || !s.suspicious() || f.plan().Schedule == nil || s.onTrial() == s.units() {
		return nil
	}
	return []command{{flow: f, event: Clear{}}}
}

// settle interrupts the runs of a flow, whose ends the process did not leave behind. One
// crash is one failure of a flow, however many runs it had in flight: the failure of
// the run that started last.
func (c *crash) settle(f *flow) (commands []command) {
	end := c.Interrupt
	open := slices.Clone(f.state.Load().Open)
	slices.SortStableFunc(open, func(a, b *Run) int { return cmp.Compare(b.Order, a.Order) })
	for _, run := range open {
		if c.over(f, run) {
			continue
		}
		e := end
		e.Run, e.Mark = run.Number, c.snapshot.Marks[run.Key]
		u, ok := c.unitOf(f, run)
		if v, judged := c.units[u]; judged {
			e.Spared, e.Suspect, e.Why = !v.failed, v.suspect, v.why
		} else {
			e.Spared, e.Suspect = e.Spared || !ok, u.suspect || run.Suspect
		}
		commands = append(commands, command{flow: f, event: e})
		// One that was being cancelled does not count, nor does one of the past.
		end.Repeated = end.Repeated || u.run == 0 && !run.Ending && run.Trigger != TriggerBackfill
	}
	return commands
}

func truth(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// mark makes a run a suspect, or no suspect.
func (c *Change) mark(run *Run, suspect bool) {
	if run.Suspect != suspect {
		run.Suspect = suspect
		c.Suspects += int32(2*truth(suspect) - 1)
	}
}

// markFlow makes the flow a suspect for a run that a crash ended.
func (c *Change) markFlow(run *Run, suspect bool) {
	c.mark(run, false)
	c.Suspect = suspect
}

// clear takes the mark off a suspect whose run has gone on for long, or which was not in
// flight when the process crashed again.
func (c *Change) clear(e Clear) error {
	var run Run
	var err error
	if e.Run != 0 {
		run, err = c.run(e.Run)
	}
	switch {
	case err != nil:
		return err
	case !run.Suspect && !c.Suspect && (e.Run != 0 || c.Suspects == 0):
		return fmt.Errorf("%w: flow %q is no suspect", errUnchanged, c.ID)
	case e.Run == 0:
		c.clearWaiting()
		return nil
	}
	c.RunNumber = e.Run
	if c.cleared(&run, fmt.Sprintf("it ran for %s", trialSpan)) {
		c.update(run)
	}
	return nil
}

// clearWaiting clears the flow and its runs that wait or are aside, also those that are in
// the store alone.
func (c *Change) clearWaiting() {
	c.Suspect = false
	clean := func(queue []*Run) []*Run {
		var list []*Run
		for _, r := range queue {
			if r.Suspect {
				run := *r
				run.Was = run.Status
				c.mark(&run, false)
				c.Runs = append(c.Runs, run)
				r = &run
			}
			list = append(list, r)
		}
		return list
	}
	c.await(clean(c.queue()), clean(c.fill()))
	if c.aside != nil {
		a := *c.aside
		a.parked, a.blocked = clean(a.parked), clean(a.blocked)
		c.State.aside = &a
	}
	open := int32(0)
	for _, r := range c.Open {
		open += int32(truth(r.Suspect))
	}
	c.Unmarked = c.Suspects > open
	c.Suspects = open
	c.note("no suspect any more: the process crashed without it")
}

// cleared takes the mark off the flow, and off a run that does no harm. It says whether the
// run had one.
func (c *Change) cleared(run *Run, why string) bool {
	marked := run.Suspect
	if marked || c.Suspect {
		c.note("no suspect any more: " + why)
	}
	c.Suspect = false
	c.mark(run, false)
	return marked
}

// suspicious says whether the flow, or a run of it, is a suspect.
func (s *State) suspicious() bool { return s.Suspect || s.Suspects > 0 }

// units is how many suspects there are of the flow.
func (s *State) units() int { return int(s.Suspects) + int(truth(s.Suspect)) }

// onTrial is how many of them have a run in flight.
func (s *State) onTrial() (n int) {
	if !s.suspicious() {
		return 0
	}
	if s.Suspect && s.InFlight > 0 {
		n++
	}
	for _, r := range s.Open {
		n += int(truth(r.Suspect))
	}
	return n
}

// isolated says whether a run that waits is a suspect that has to wait for others.
func (r *Run) isolated(p Plan) bool { return p.Isolated && r.Suspect }

// isolated says whether the flow is.
func (s *State) isolated(p Plan) bool { return p.Isolated && s.Suspect }
