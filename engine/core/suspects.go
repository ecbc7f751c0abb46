package core

import (
	"fmt"
	"time"
)

// When several runs were in flight, nobody knows which of them crashed the process. So the
// crash is nobody's failure, and each of them becomes a suspect. A second crash with
// suspects in flight isolates: at most half of the suspects run at a time (see trials).
// Those that are in flight at the next crash stay suspects, the others are cleared. So the
// suspects halve until one is left in flight, and that one has failed.
//
// A run that goes on is a suspect itself. Where the crash ended the runs of a flow, the flow
// is one, with all the runs that it starts.

// SuspectClearAfter is how long a run of a suspect goes on until it is taken for harmless.
const SuspectClearAfter = time.Minute

// CrashUnit is what a crash may be the failure of: a run that goes on, or a flow with the runs
// that the crash ended.
type CrashUnit struct {
	Flow    string // its id
	Run     int64  // 0: the flow
	Suspect bool   // before the crash
}

// CrashVerdict is what a crash makes of a unit that was in flight.
type CrashVerdict struct {
	Failed  bool
	Suspect bool
	Why     string // empty: it was alone
}

// CrashJudgement is what a crash makes of all that was in flight.
type CrashJudgement struct {
	Units    map[CrashUnit]CrashVerdict
	Isolates bool // suspects run apart from now on
	Clears   bool // suspects that were not in flight are none any more
}

// JudgeCrash says whose failure a crash is.
func JudgeCrash(units []CrashUnit) CrashJudgement {
	suspects := 0
	for _, u := range units {
		suspects += int(truth(u.Suspect))
	}
	j := CrashJudgement{Units: make(map[CrashUnit]CrashVerdict, len(units)), Isolates: suspects > 1, Clears: suspects > 0}
	for _, u := range units {
		j.Units[u] = u.judged(len(units), suspects)
	}
	return j
}

// judged is what becomes of one of n units in flight, of which some were suspects.
func (u CrashUnit) judged(n, suspects int) CrashVerdict {
	switch {
	case n == 1:
		return CrashVerdict{Failed: true, Suspect: u.Suspect}
	case suspects == 0:
		return CrashVerdict{Suspect: true, Why: fmt.Sprintf("suspect: one of %d that were in flight", n)}
	case suspects == 1 && u.Suspect:
		return CrashVerdict{Failed: true, Suspect: true, Why: fmt.Sprintf("it was the only suspect of %d that were in flight", n)}
	case suspects == 1:
		return CrashVerdict{Why: fmt.Sprintf("not blamed: another was the only suspect of %d that were in flight", n)}
	case u.Suspect:
		return CrashVerdict{Suspect: true, Why: fmt.Sprintf("suspect: one of %d suspects that were in flight", suspects)}
	}
	return CrashVerdict{Why: fmt.Sprintf("not blamed: %d suspects were in flight", suspects)}
}

// ContinuesAfterCrash says whether a run of the flow goes on after a crash that is not its failure.
func (p Plan) ContinuesAfterCrash() bool { return p.Resumes || p.Retry != nil }

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
		return fmt.Errorf("%w: flow %q is no suspect", ErrUnchanged, c.ID)
	case e.Run == 0:
		c.clearWaiting()
		return nil
	}
	c.RunNumber = e.Run
	if c.cleared(&run, fmt.Sprintf("it ran for %s", SuspectClearAfter)) {
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
	c.SetQueue(clean(c.Queue()), clean(c.BackfillQueue()))
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

// HasSuspects says whether the flow, or a run of it, is a suspect.
func (s *State) HasSuspects() bool { return s.Suspect || s.Suspects > 0 }

// units is how many suspects there are of the flow.
func (s *State) SuspectCount() int { return int(s.Suspects) + int(truth(s.Suspect)) }

// SuspectsInFlight is how many of them have a run in flight.
func (s *State) SuspectsInFlight() (n int) {
	if !s.HasSuspects() {
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
