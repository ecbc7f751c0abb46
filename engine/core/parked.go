package core

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/pawl-go/pawl/internal/clip"
	"github.com/pawl-go/pawl/internal/instant"
)

// A run that is aside has begun, and neither runs nor waits for a start. A parked run waits
// for an instant, at which it wakes. A blocked run was recorded by a version of the program
// that no longer runs; a program that knows the version takes it up again.
//
// Neither is in flight: a stop does not wait for it, a crash does not interrupt it, and it
// holds no place of a limit. Where the runs of a flow follow one another, a parked run
// still is the flow's run: starts wait for its end, or are refused. A blocked run is in
// nobody's way.

// aside is the runs of a flow that are aside. Nobody changes one.
type aside struct {
	parkedCount, blockedCount int
	parked                    []*Run // by when they wake; fewer than there are: read them from the store
	blocked                   []*Run // by since when they are blocked
}

var noneAside = &aside{}

func (s *State) sides() *aside {
	if s.aside == nil {
		return noneAside
	}
	return s.aside
}

// Parked is how many runs of the flow are parked.
func (s *State) Parked() int { return s.sides().parkedCount }

// Blocked is how many runs of the flow are blocked.
func (s *State) Blocked() int { return s.sides().blockedCount }

// SetAside says how many runs are aside. They are read later.
func (s *State) SetAside(parked, blocked int) {
	s.aside = nil
	if parked+blocked > 0 {
		s.aside = &aside{parkedCount: parked, blockedCount: blocked}
	}
}

// SetAsideRuns takes over the runs that are aside.
func (s *State) SetAsideRuns(runs []*Run) {
	a := aside{parkedCount: s.Parked(), blockedCount: s.Blocked()}
	for _, r := range runs {
		if r.Status == RunParked {
			a.parked = append(a.parked, r)
		} else {
			a.blocked = append(a.blocked, r)
		}
	}
	s.aside = &a
}

// AsideUnread says whether runs that are aside have to be read from the store.
func (s *State) AsideUnread() bool {
	a := s.sides()
	return len(a.parked) < a.parkedCount || len(a.blocked) < a.blockedCount
}

// AsideRun finds a run that is aside; nil: it is not.
func (s *State) AsideRun(number int64) *Run {
	a := s.sides()
	for _, list := range [][]*Run{a.parked, a.blocked} {
		for _, r := range list {
			if r.Number == number {
				return r
			}
		}
	}
	return nil
}

// putAside adds a run to those that are aside, in its place. States follow each other in
// one line, so an append may use the memory behind the end of an older state's.
func (c *Change) putAside(run Run) {
	a := *c.sides()
	list, count := &a.parked, &a.parkedCount
	if run.Status == RunBlocked {
		list, count = &a.blocked, &a.blockedCount
	}
	i, _ := slices.BinarySearchFunc(*list, &run, ByRank)
	if i < len(*list) {
		*list = slices.Clone(*list)
	}
	*list = slices.Insert(*list, i, &run)
	*count++
	c.State.aside = &a
}

// takeAside takes a run out of those that are aside.
func (c *Change) takeAside(run *Run) {
	a := *c.sides()
	list, count := &a.parked, &a.parkedCount
	if run.Status == RunBlocked {
		list, count = &a.blocked, &a.blockedCount
	}
	drop := func(r *Run) bool { return r.Number == run.Number }
	if len(*list) > 0 && drop((*list)[0]) {
		*list = (*list)[1:]
	} else {
		*list = slices.DeleteFunc(slices.Clone(*list), drop)
	}
	*count--
	c.State.aside = nil
	if a.parkedCount+a.blockedCount > 0 {
		c.State.aside = &a
	}
}

// BlockedFor is how long a run is blocked until that is taken for trouble: a deploy that is
// undone takes less.
const BlockedFor = time.Hour

// follows says whether the runs of a flow follow one another, so that a parked run is in
// the way of the next: OverlapAllow counts those in flight alone.
func (o Overlap) follows() bool { return !o.allows() }

// SlotsTaken is how many of the flow's own places are taken.
func (s *State) SlotsTaken(p Plan) int {
	if p.Overlap.follows() {
		return s.InFlight + s.Parked()
	}
	return s.InFlight
}

// parkedInTheWay is the parked run that the next one waits for; nil: there is none.
func (s *State) parkedInTheWay(p Plan) *Run {
	if parked := s.sides().parked; p.Overlap.follows() && len(parked) > 0 {
		return parked[0]
	}
	return nil
}

// untilText says of a parked run which it is and until when it is parked.
func (r *Run) untilText() string {
	return fmt.Sprintf("run %d is parked until %s", r.Number, stamp(r.DueAt))
}

// park puts a run aside until an instant, or until its deadline if that is earlier.
func (c *Change) park(run Run, rest Rest, now time.Time, p Plan) {
	c.leave(run, now)
	until := instant.RoundUp(rest.Until)
	run.Timed, run.Woken = rest.For > 0, false
	if run.Timed {
		until = earlier(until, instant.RoundUp(now.Add(rest.For)))
	}
	if !run.Deadline.IsZero() {
		until = earlier(until, run.Deadline)
	}
	c.note("parked until " + stamp(until))
	c.setAside(run, RunParked, until, "", now, p)
	c.planHeld(now, p)
}

// block puts a run aside that only another version of the program can go on with. The
// flow goes on without it.
func (c *Change) block(run Run, version *int, text string, now time.Time, p Plan) {
	hindered := c.blocked(now, p)
	c.leave(run, now)
	if version != nil && *version == p.Version {
		version = nil // it is the version, and yet it lacks something: the next process may not
	}
	run.Recorded = version
	c.note("blocked: " + clip.Line(text))
	c.setAside(run, RunBlocked, now, text, now, p)
	c.planNext(hindered, now, p)
}

// setAside makes a run that has left those in flight one that is aside since, or until, at.
func (c *Change) setAside(run Run, status RunStatus, at time.Time, text string, now time.Time, p Plan) {
	run.Status, run.Queued, run.Error = status, true, Clip(text, MaxRunError)
	run.FinishedAt = time.Time{}
	run.DueAt, run.Rank = at, at.UnixMilli()
	c.putAside(run)
	c.record(run)
	c.restAs(StatusIdle, run, now, p)
}

// wakes are the runs that are aside and have a reason to go on at now: parked ones whose
// instant has come, and blocked ones of the program's version.
func (s *State) wakes(now time.Time, p Plan) (runs []*Run) {
	a := s.sides()
	due := sort.Search(len(a.parked), func(i int) bool { return a.parked[i].DueAt.After(now) })
	runs = append(runs, a.parked[:due]...)
	for _, r := range a.blocked {
		if p.knows(r) {
			runs = append(runs, r)
		}
	}
	return runs
}

// knows says whether the program can go on with a blocked run. One whose version is not
// known, or was not enough, is tried once by each process.
func (p Plan) knows(r *Run) bool {
	if r.Recorded != nil {
		return p.Resumes && *r.Recorded == p.Version
	}
	return p.Resumes && r.DueAt.Before(p.Since)
}

// WakeAt is when a run of the flow that is aside has a reason to go on; zero: never.
func (s *State) WakeAt(p Plan) time.Time {
	a := s.sides()
	switch {
	case p.Schedule == nil || !s.Registered:
	case slices.ContainsFunc(a.blocked, p.knows):
		return s.CreatedAt // it is due
	case len(a.parked) > 0:
		return a.parked[0].DueAt
	}
	return time.Time{}
}

// wake lets runs that are aside wait for a start before all that have not begun. It is
// never refused for want of room.
func (c *Change) wake(now time.Time, p Plan) error {
	runs := c.wakes(now, p)
	if len(runs) == 0 {
		return fmt.Errorf("%w: no run of flow %q wakes", ErrUnchanged, c.ID)
	}
	for _, r := range runs {
		if r.Status == RunParked && !p.Resumes {
			c.blockParked(*r, now, p)
			continue
		}
		c.rouse(*r, now, p)
	}
	return nil
}

// blockParked blocks a parked run of a flow whose job keeps no checkpoints any more.
func (c *Change) blockParked(run Run, now time.Time, p Plan) {
	c.passParked(now, p)
	c.takeAside(&run)
	run.Was, run.Recorded = RunParked, nil
	const text = "the job of the flow keeps no checkpoints any more, and the run has some"
	c.note("blocked: " + text)
	run.Status, run.Queued, run.Error = RunBlocked, true, text
	run.DueAt, run.Rank = now, now.UnixMilli()
	c.putAside(run)
	c.record(run)
	c.planNext(false, now, p)
}

// rouse lets a run that is aside wait for a start, before all that have not begun.
func (c *Change) rouse(run Run, now time.Time, p Plan) {
	if run.Status == RunParked {
		c.passParked(now, p)
	}
	c.takeAside(&run)
	if run.Status == RunParked { // a blocked run may have been woken before, by a program that did not know it
		run.Woken = run.Timed && !run.DueAt.After(now) && !run.DueAt.Equal(run.Deadline)
	}
	run.Was, run.Status, run.Timed = run.Status, RunWaiting, false
	run.Error, run.Recorded = "", nil
	run.DueAt, run.Rank = earlier(run.DueAt, now), restartRank
	if run.Trigger == TriggerBackfill {
		run.Rank += BackfillRank
	}
	c.wait(run, p)
	c.record(run)
}

// passParked decides on the instants that passed while a parked run was in their way.
func (c *Change) passParked(now time.Time, p Plan) {
	r := c.parkedInTheWay(p)
	if r == nil || p.Schedule == nil || c.NextRun.IsZero() || c.jittered(p).After(now) || !c.blocked(now, p) || c.backlog(p) {
		return
	}
	c.note("skipped " + stamp(c.NextRun) + ": " + r.untilText())
	c.skip(c.schedule(p), r.Number, now, p)
	c.avoidWindow(p)
}

// abortAside cancels a run that is aside. Its job ends it, and undoes what it did: a
// parked one is started for that now, a blocked one by a program that knows its version.
// With force it is closed as it is.
func (c *Change) abortAside(run Run, e Abort, now time.Time, p Plan) error {
	switch {
	case e.Force:
		return c.closeAside(run, e.Reason, now, p)
	case run.Ending:
		return fmt.Errorf("%w: run %d of flow %q is being cancelled", ErrUnchanged, run.Number, c.ID)
	case run.Status == RunParked:
		run.Ending = true
		c.rouse(run, now, p)
		return nil
	}
	c.takeAside(&run)
	run.Was, run.Ending = RunBlocked, true
	c.putAside(run)
	c.record(run)
	c.note("it is cancelled, and what it did is undone, by a program that knows its version")
	return nil
}

// closeAside closes a run that has begun and does not run, without its job.
func (c *Change) closeAside(run Run, reason string, now time.Time, p Plan) error {
	hindered := p.Schedule != nil && c.blocked(now, p)
	if run.Status == RunWaiting {
		c.unqueue(&run)
	} else {
		c.takeAside(&run)
	}
	run.Was, run.Status, run.FinishedAt, run.DueAt = run.Status, RunCancelled, now, time.Time{}
	run.Error = "cancelled without undo: what the run did was left as it is"
	if reason != "" {
		run.Error = Clip(run.Error+": "+reason, MaxRunError)
	}
	c.note("closed without undo")
	c.record(run)
	if p.Schedule != nil {
		c.planNext(hindered, now, p)
	}
	return nil
}

// rouseParked lets the parked runs that are in the way of another end now.
func (c *Change) rouseParked(now time.Time, p Plan) {
	for _, r := range c.sides().parked {
		run := *r
		run.Ending = true
		c.rouse(run, now, p)
	}
}
