package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/instant"
	"github.com/pawl-go/pawl/internal/permanent"
)

// Instant is an instant of a schedule that has not come yet, or is overdue.
type Instant struct {
	At       time.Time `json:"at"`                 // nominal
	Held     string    `json:"held,omitempty"`     // what stands in its way, as far as is known; empty: nothing
	Estimate bool      `json:"estimate,omitempty"` // it depends on when runs end
}

// Upcoming is the next n instants of a flow.
func Upcoming(f FlowInfo, s schedule.Schedule, now time.Time, n int) (list []Instant) {
	c := Change{State: f.state()}
	s = c.schedule(Plan{Schedule: s})
	at := c.undecided()
	if !f.Held.IsZero() && f.Held.Before(now) {
		at = s.Next(now, f.LastScheduled)
	}
	if limit := f.limit(); limit > 0 {
		n = int(min(int64(n), max(limit-f.Fired, 0)))
	}
	if c.owed() {
		list = append(list, Instant{At: f.NextRun, Held: f.inTheWayAt(f.NextRun)})
	}
	floats := c.floats(s, now)
	if !f.PausedUntil.IsZero() && !f.Held.IsZero() && (floats || f.PauseOver(now)) { // it goes on from the end of the pause
		at = later(s.Resume(f.PausedUntil, f.LastEnd, f.LastScheduled), f.Held)
		f.PausedAt = time.Time{}
	}
	for ; !at.IsZero() && len(list) < n; at = s.After(at) {
		list = append(list, Instant{At: at, Held: f.inTheWayAt(at), Estimate: floats && (len(list) > 0 || f.InFlight > 0)})
	}
	return list
}

// limit is how many instants of the schedule are run, as its policy says; 0: all.
func (f FlowInfo) limit() int64 { return f.policies().Limit }

// reachedLimit says whether as many instants were run as the policy allows.
func (f FlowInfo) reachedLimit() bool { return f.limit() > 0 && f.Fired >= f.limit() }

// maxBackfill is how many instants one backfill may have.
const maxBackfill = 10_000

// InstantsOf lists the instants of a flow's schedule in from..to, both included. More
// than a backfill may have are an [ErrInvalidRange], as are some in the future.
func InstantsOf(f FlowInfo, s schedule.Schedule, from, to, now time.Time) ([]time.Time, error) {
	c := Change{State: f.state()}
	s = c.schedule(Plan{Schedule: s})
	if err := errors.Join(CheckInstant("from", from), CheckInstant("to", to)); err != nil {
		return nil, err
	}
	switch {
	case from.IsZero() || to.IsZero():
		return nil, permanent.Wrap(fmt.Errorf("%w: a backfill needs from and to", ErrInvalidRange))
	case to.Before(from):
		return nil, permanent.Wrap(fmt.Errorf("%w: the end %s is before the beginning %s", ErrInvalidRange, stamp(to.UTC()), stamp(from.UTC())))
	case to.Truncate(time.Millisecond).After(now):
		return nil, fmt.Errorf("%w: %s has not come yet", ErrInvalidRange, stamp(to.UTC()))
	case s.Kind() == schedule.KindManual || c.floats(s, to):
		return nil, permanent.Wrap(fmt.Errorf("%w: the schedule of flow %q has no instants of its own", ErrInvalidRange, f.ID))
	}
	if n, _ := s.Count(from, to); n > maxBackfill {
		return nil, permanent.Wrap(fmt.Errorf("%w: %d instants, at most %d are allowed; choose a shorter one", ErrInvalidRange, n, maxBackfill))
	}
	var list []time.Time
	for t := s.After(from.Add(-time.Millisecond)); !t.IsZero() && !t.After(to); t = s.After(t) {
		list = append(list, t.UTC())
	}
	return list, nil
}

// inTheWayAt is what keeps the flow from running an instant, as things are.
func (f FlowInfo) inTheWayAt(at time.Time) string {
	switch {
	case !f.Registered:
		return "not registered"
	case f.Status == StatusTripped:
		return fmt.Sprintf("tripped: it failed %s in a row; reset it first", times(f.FailureStreak))
	case !f.PausedAt.IsZero() && (f.PausedUntil.IsZero() || !at.After(f.PausedUntil)):
		return f.paused()
	case at.Before(f.NextEligible):
		return "backoff until " + stamp(f.NextEligible)
	}
	return ""
}

// paused says that the flow is, with what is known of why and until when.
func (f FlowInfo) paused() string {
	switch {
	case !f.PausedUntil.IsZero():
		return "paused " + PauseText(f.PauseNote, f.PausedUntil)
	case f.PauseNote != "":
		return "paused: " + f.PauseNote
	}
	return "paused since " + stamp(f.PausedAt)
}

// Facts are what is known of an instant.
type Facts struct {
	Flow     FlowInfo
	Schedule schedule.Schedule
	At       time.Time // the instant that was asked for
	Now      time.Time
	Verdicts []Verdict // of the ranges around At
	Runs     []RunInfo // for it, oldest first
	Known    time.Time // since when verdicts are kept
	Database string    // its id, which decides on jitter
	Around   Surroundings
}

// Meant is the instant of a schedule that somebody means by t: the first one within
// the second that begins then, or t itself if it is none.
func Meant(f FlowInfo, s schedule.Schedule, t time.Time) time.Time {
	c := Change{State: f.state()}
	s = c.schedule(Plan{Schedule: s})
	at := s.After(t.Add(-time.Millisecond))
	if c.floats(s, t) || at.IsZero() || at.Sub(t) >= time.Second {
		return t
	}
	return at
}

// Floats says whether the instants of a schedule depend on when runs end, so that only
// runs tell which there were.
func Floats(f FlowInfo, s schedule.Schedule, t time.Time) bool {
	c := Change{State: f.state()}
	return c.floats(c.schedule(Plan{Schedule: s}), t)
}

// Reason is why an instant of a schedule was run, or was not.
type Reason struct {
	Flow    string      `json:"flow_id"`
	At      time.Time   `json:"at"`                  // the instant; that asked for, if it is none
	Verdict VerdictKind `json:"verdict,omitempty"`   // empty: there is none yet, or At is no instant; a gap is told before
	Run     int64       `json:"run_number,omitzero"` // that ran it, caught up on it or was in its way
	Text    string      `json:"text"`                // one sentence
}

// String is the sentence.
func (r Reason) String() string { return r.Text }

// Explain says in one sentence what became of an instant.
func (f Facts) Explain() Reason {
	c := Change{State: f.Flow.state()}
	s := c.schedule(Plan{Schedule: f.Schedule})
	r := Reason{Flow: f.Flow.ID, At: f.At}
	fixed := f.Flow.Kind != schedule.KindManual && !c.floats(s, f.Now)
	none := fixed && !s.After(f.At.Add(-time.Millisecond)).Equal(f.At)
	if none { // a range may lie around it
		f.Verdicts = slices.DeleteFunc(f.Verdicts, func(v Verdict) bool { return !v.First.Equal(f.At) && !v.Last.Equal(f.At) })
	}
	switch {
	case len(f.Runs) > 0 && f.fired():
		f.ran(&r)
	case len(f.Verdicts) > 0:
		f.decided(&r)
	case f.Flow.Kind == schedule.KindManual:
		r.Text = fmt.Sprintf("%s has no schedule: it runs when it is triggered.", f.Flow.ID)
	case !fixed:
		r.Text = f.floating()
	case none:
		r.Text = f.none(s)
	default:
		f.open(&r)
	}
	if f.At.After(f.Now) {
		r.foretell(s)
	}
	return r
}

// foretell adds to an occurrence in the future that its local time is in a DST gap.
func (r *Reason) foretell(s schedule.Schedule) {
	for _, d := range s.DSTTimes(r.At, r.At.Add(time.Millisecond)) {
		if d.Gap {
			r.Verdict = VerdictGap
			r.Text = strings.TrimSuffix(r.Text, ".") + "; " + d.Text + "."
		}
	}
}

// fired says whether a run of the schedule was for the instant.
func (f Facts) fired() bool { return f.Runs[len(f.Runs)-1].Trigger == TriggerSchedule }

// delay is the jitter of the instant.
func (f Facts) delay() time.Duration {
	return delayed(f.Flow.ID, f.Flow.state().schedule(Plan{Schedule: f.Schedule}), f.At, Plan{Jitter: f.Flow.Jitter, Database: f.Database}).Sub(f.At)
}

func (f Facts) ran(r *Reason) {
	run := f.Runs[len(f.Runs)-1]
	r.Verdict, r.Run = VerdictFired, run.Number
	r.Text = fmt.Sprintf("%s ran for %s: run %d, %s", f.Flow.ID, f.local(f.At), run.Number, strings.ReplaceAll(string(run.Status), "_", " "))
	if !run.StartedAt.IsZero() {
		r.Text += ", started " + f.local(run.StartedAt)
		after := run.StartedAt.Sub(f.At).Round(time.Second)
		switch delay := f.delay().Round(time.Second); {
		case delay > 0 && after > delay+time.Second:
			r.Text += fmt.Sprintf(" (%s late, %s of it jitter)", after, delay)
		case delay > 0:
			r.Text += fmt.Sprintf(" (after %s of jitter)", delay)
		case after >= time.Second:
			r.Text += fmt.Sprintf(" (%s late)", after)
		}
	}
	if run.Attempt > 1 {
		r.Text += fmt.Sprintf(", attempt %d", run.Attempt)
	}
	if run.Repeated {
		r.Text += "; it had a run before, since when the clock went back"
	}
	for _, v := range f.Verdicts {
		if v.Kind == VerdictGap {
			r.Text += "; " + v.Reason
		}
	}
	r.Text += "."
}

// decided tells a verdict of the ledger. One about the clock goes behind others.
func (f Facts) decided(r *Reason) {
	v := f.Verdicts[0]
	for _, other := range f.Verdicts[1:] {
		if v.Kind == VerdictGap || v.Kind == VerdictFold {
			v = other
		}
	}
	r.Verdict, r.Run = v.Kind, v.Run
	among := ""
	if v.Count > 1 {
		among = fmt.Sprintf(", one of %d instants from %s to %s", v.Count, f.local(v.First), f.local(v.Last))
	}
	r.Text = fmt.Sprintf("%s did not run for %s: %s%s", f.Flow.ID, f.local(f.At), v.why(), among)
	if n := len(f.Runs); n > 0 {
		r.Text += fmt.Sprintf("; run %d of a backfill did later", f.Runs[n-1].Number)
	}
	r.Text += "."
}

// why is a verdict in words.
func (v Verdict) why() string {
	run := ""
	if v.Run != 0 {
		run = fmt.Sprintf(" (run %d)", v.Run)
	}
	because := func(text string) string {
		if v.Reason != "" {
			text += ": " + v.Reason
		}
		return text + run
	}
	switch v.Kind {
	case VerdictCoalesced:
		return fmt.Sprintf("run %d caught up on it", v.Run)
	case VerdictOverlap:
		return because("it was skipped")
	case VerdictBackoff:
		return because("it lay in a backoff window")
	case VerdictTripped:
		return because("the flow was tripped")
	case VerdictPaused:
		return because("the flow was paused")
	case VerdictMissed:
		return because("nobody ran then, and it was not caught up on")
	}
	return v.Reason
}

// floating answers for a schedule whose instants depend on when runs end.
func (f Facts) floating() string {
	next := "it runs next when the run in flight has ended"
	if f.Flow.ParkedInTheWay() {
		next = "it runs next when the run has ended that is parked until " + f.local(f.Flow.NextWake)
	}
	switch {
	case !f.Flow.NextRun.IsZero():
		next = "it runs next at " + f.local(f.Flow.NextRun)
	case f.Flow.reachedLimit():
		next = f.limited()
	}
	if held := f.Flow.inTheWayAt(f.At); held != "" {
		next = "it is " + held
	} else if !f.Flow.PausedAt.IsZero() {
		next = "it is " + f.Flow.paused()
	}
	return fmt.Sprintf("%s runs %s after the end of each run and was not due at %s; %s.", f.Flow.ID, f.Flow.Schedule, f.local(f.At), next)
}

// none answers for what is no instant of the schedule.
func (f Facts) none(s schedule.Schedule) string {
	text := fmt.Sprintf("%s is no instant of %s (%s)", f.local(f.At), f.Flow.ID, f.Flow.Schedule)
	before := f.At.AddDate(0, 0, -366)
	if before.Before(instant.First) {
		before = instant.First
	}
	if n, last := s.Count(before, f.At); n > 0 {
		text += "; the one before is " + f.local(last)
	}
	if next := s.After(f.At); !next.IsZero() {
		text += ", the one after " + f.local(next)
	}
	return text + "."
}

// open answers for an instant without a verdict.
func (f Facts) open(r *Reason) {
	undecided := f.Flow.state().undecided()
	held := f.Flow.inTheWayAt(f.At)
	when := f.local(f.At)
	switch {
	case f.At.Before(f.Known):
		r.Text = fmt.Sprintf("Nothing is kept about %s any more: the history of %s begins at %s.", when, f.Flow.ID, f.local(f.Known))
	case f.At.Before(f.Flow.CreatedAt):
		r.Text = fmt.Sprintf("%s was not known at %s; it was registered at %s.", f.Flow.ID, when, f.local(f.Flow.CreatedAt))
	case undecided.IsZero() && f.Flow.reachedLimit() && f.At.After(f.Flow.LastScheduled):
		does := "did not run for"
		if f.At.After(f.Now) {
			does = "will not run at"
		}
		r.Text = fmt.Sprintf("%s %s %s: %s.", f.Flow.ID, does, when, f.limited())
	case undecided.IsZero() && f.At.After(f.Now):
		r.Text = fmt.Sprintf("%s will not run at %s: its schedule has ended.", f.Flow.ID, when)
	case f.At.After(f.Now) && held != "":
		r.Text = fmt.Sprintf("%s will not run at %s as things are: %s.", f.Flow.ID, when, held)
	case f.At.After(f.Now):
		r.Text = fmt.Sprintf("%s will run at %s.", f.Flow.ID, when)
	case undecided.IsZero() || f.At.Before(undecided):
		r.Text = fmt.Sprintf("The schedule of %s was another one at %s, or nothing is kept about it.", f.Flow.ID, when)
	case held != "":
		v, _ := f.Flow.state().hold()
		r.Verdict = v
		if v == VerdictPaused && !f.At.After(f.Flow.PausedAt) {
			held = "was due and had not started when the flow was " + held
		} else {
			held = "is " + held
		}
		r.Text = fmt.Sprintf("%s did not run for %s: it %s.", f.Flow.ID, when, held)
	case f.Flow.InFlight > 0:
		r.Run = f.Flow.LastNumber
		r.Text = fmt.Sprintf("%s has not run for %s yet: run %d is in flight since %s.", f.Flow.ID, when, f.Flow.LastNumber, f.local(f.Flow.LastRun))
	case f.Flow.ParkedInTheWay():
		r.Text = fmt.Sprintf("%s has not run for %s: a run of it is parked until %s, and it is skipped unless a start may wait.", f.Flow.ID, when, f.local(f.Flow.NextWake))
	default:
		r.Text = fmt.Sprintf("%s has not run for %s yet: %s.", f.Flow.ID, when, f.waits())
	}
}

// waits says what an instant waits for that has come.
func (f Facts) waits() string {
	switch w := f.Flow.Wait(f.Now, f.Around); w.Cause {
	case WaitJitter:
		return "its jitter ends at " + f.local(w.Until)
	case WaitAttempt:
		return "a run of it waits for its next attempt at " + f.local(w.Until)
	case WaitOwner:
		return "it is due, but no process drives the flow"
	case WaitHalt:
		return "it is due, but the process that drives the flow starts nothing: " + f.Around.Halt
	case WaitClock:
		return "the clock is not believed, and occurrences wait until it is"
	case WaitIsolation:
		return "the flow is a suspect, and waits until " + f.Around.Trial + " is cleared"
	case WaitLimit:
		return "it is due, and waits for room in the limit on runs in flight"
	}
	return "it is due"
}

// limited says that a flow runs no more.
func (f Facts) limited() string {
	return fmt.Sprintf("its limit (%d) was reached with the run for %s", f.Flow.limit(), f.local(f.Flow.LastScheduled))
}

// local shows an instant in the zone of the flow.
func (f Facts) local(t time.Time) string {
	zone := time.UTC
	if f.Flow.TimeZone != "" {
		if z, err := time.LoadLocation(f.Flow.TimeZone); err == nil {
			zone = z
		}
	}
	layout := "2006-01-02 15:04:05"
	if t.Nanosecond() != 0 {
		layout += ".000"
	}
	return t.In(zone).Format(layout + " MST")
}

// UpcomingFrom is the next n instants of a flow that are not before from, as [Upcoming]
// tells of those from now on. Instants that depend on when runs end are counted on from
// the next one, at most 100,000 of them.
func UpcomingFrom(f FlowInfo, s schedule.Schedule, now, from time.Time, n int) (list []Instant) {
	next := Upcoming(f, s, now, 1)
	if len(next) == 0 || !next[0].At.Before(from) {
		return Upcoming(f, s, now, n)
	}
	c := Change{State: f.state()}
	s = c.schedule(Plan{Schedule: s})
	floats := c.floats(s, now)
	at := next[0].At
	if floats {
		for i := 0; i < 100_000 && !at.IsZero() && at.Before(from); i++ {
			at = s.After(at)
		}
	} else {
		if limit := f.limit(); limit > 0 {
			before, _ := s.Count(at, from.Add(-time.Millisecond))
			n = int(min(int64(n), max(limit-f.Fired-before, 0)))
		}
		at = s.After(from.Add(-time.Millisecond))
	}
	for ; !at.IsZero() && !at.Before(from) && len(list) < n; at = s.After(at) {
		list = append(list, Instant{At: at.UTC(), Held: f.inTheWayAt(at), Estimate: floats})
	}
	return list
}
