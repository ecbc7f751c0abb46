package core

import (
	"encoding/json"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// Why a flow is not running, and since when nobody asked for that, is decided here alone:
// status, check, webhooks, dashboard and metrics all ask [FlowInfo.Wait].

const (
	// Tolerance is how long after it is due a scheduled start may come before it is late.
	Tolerance = time.Minute

	// LimitPatience is how long a start may wait for a limit on the runs in flight. Who
	// sets a limit asks for that wait, but not for one without an end.
	LimitPatience = time.Hour
)

// WaitCause is why a flow does not start a run of its schedule now.
type WaitCause string

// The causes, in the order in which they are looked for.
const (
	WaitRegistration WaitCause = "not registered" // the program does not have the flow
	WaitReset        WaitCause = "tripped"        // it waits for a reset
	WaitResume       WaitCause = "paused"         // it waits until the pause ends
	WaitRun          WaitCause = "running"        // a run is in flight
	WaitParked       WaitCause = "parked"         // a parked run has to end first
	WaitNothing      WaitCause = "nothing"        // its schedule has no occurrence ahead
	WaitBackoff      WaitCause = "backoff"        // the window after a failure
	WaitSchedule     WaitCause = "schedule"       // the next occurrence is ahead
	WaitJitter       WaitCause = "jitter"         // the delay of the occurrence that has come
	WaitAttempt      WaitCause = "attempt"        // a run waits for its next attempt, before all others
	WaitOwner        WaitCause = "owner"          // no process drives the flow
	WaitClock        WaitCause = "clock"          // the clock is not believed: occurrences wait
	WaitHalt         WaitCause = "halt"           // the process that drives it starts nothing, see [Surroundings]
	WaitIsolation    WaitCause = "isolation"      // it is a suspect, and another suspect runs
	WaitLimit        WaitCause = "limit"          // no room in the limit of all flows, or of its group
	WaitStart        WaitCause = "start"          // it is due
)

// A Wait is what a flow waits for before it starts the next run of its schedule.
type Wait struct {
	Cause WaitCause
	Until time.Time // when it ends by itself; zero: that is not known
	Late  time.Time // when the run should have started; zero: it is not late
}

// Surroundings are what else decides whether a flow starts.
type Surroundings struct {
	Owned  bool   // a process drives the flows
	Halt   string // why that process starts nothing: it stops, it waits for a claim, its database takes no writes; empty: it starts runs
	Behind bool   // the clock is far behind the newest transition, so that it is not believed
	Trial  string // the suspect that runs, for which other suspects wait; empty: none does

	Limits  Limits
	Running int            // runs in flight of all flows
	Grouped map[string]int // the same by group
}

// Limits are how many runs may be in flight at once; 0, or none of a group: any number.
type Limits struct {
	MaxRunning int            `json:"max_running,omitempty"`
	Groups     map[string]int `json:"groups,omitempty"`
}

// String is the limits as JSON; empty: there are none.
func (l Limits) String() string {
	if l.MaxRunning == 0 && len(l.Groups) == 0 {
		return ""
	}
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // numbers and names
	}
	return string(text)
}

// full says whether a limit leaves no room for a run of a flow.
func (s Surroundings) full(f *FlowInfo) bool {
	group, grouped := s.Limits.Groups[f.Group]
	return s.Limits.MaxRunning > 0 && s.Running >= s.Limits.MaxRunning ||
		grouped && f.Group != "" && s.Grouped[f.Group] >= group
}

// Wait says why a flow is not running at an instant, and since when that is not what the
// program or an operator asked for.
func (f FlowInfo) Wait(now time.Time, s Surroundings) Wait {
	due := f.DueAt
	if due.IsZero() {
		due = later(f.NextRun, f.NextEligible)
	}
	switch {
	case !f.Registered:
		return Wait{Cause: WaitRegistration}
	case f.Status == StatusTripped:
		return Wait{Cause: WaitReset}
	case !f.PausedAt.IsZero():
		return lateSince(Wait{Cause: WaitResume, Until: f.PausedUntil}, f.PausedUntil, now)
	case f.InFlight > 0 || f.Status == StatusRunning:
		return Wait{Cause: WaitRun}
	case f.ParkedInTheWay():
		return Wait{Cause: WaitParked, Until: f.NextWake}
	case f.NextRun.IsZero():
		return Wait{Cause: WaitNothing}
	case f.NextEligible.After(now):
		return Wait{Cause: WaitBackoff, Until: f.NextEligible}
	case f.NextRun.After(now):
		return Wait{Cause: WaitSchedule, Until: f.NextRun}
	case due.After(now):
		return Wait{Cause: WaitJitter, Until: due}
	case f.NextAttempt.After(now):
		return Wait{Cause: WaitAttempt, Until: f.NextAttempt}
	}
	due = later(due, f.NextAttempt)
	switch {
	case !s.Owned:
		return lateSince(Wait{Cause: WaitOwner}, due, now)
	case s.Halt != "":
		return lateSince(Wait{Cause: WaitHalt}, due, now)
	case s.Behind:
		return Wait{Cause: WaitClock}
	case f.Suspect && s.Trial != "":
		return Wait{Cause: WaitIsolation}
	case s.full(&f):
		w := lateSince(Wait{Cause: WaitLimit}, due.Add(LimitPatience), now)
		if !w.Late.IsZero() {
			w.Late = due
		}
		return w
	}
	return lateSince(Wait{Cause: WaitStart}, due, now)
}

// lateSince marks a wait that should have ended at an instant, once the tolerance has
// passed too.
func lateSince(w Wait, end, now time.Time) Wait {
	if !end.IsZero() && now.Sub(end) > Tolerance {
		w.Late = end
	}
	return w
}

// StartOf is when the next scheduled run of a flow starts if nothing is in its way: its
// instant with the jitter that the database id gives it, or the end of the backoff window
// if that is later. Zero: nothing is scheduled.
func StartOf(f FlowInfo, s schedule.Schedule, database string) time.Time {
	if f.NextRun.IsZero() {
		return time.Time{}
	}
	state := f.state()
	return later(state.jittered(Plan{Schedule: s, Jitter: f.Jitter, Database: database}), f.NextEligible)
}
