package pawl

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store"
)

// Reason is why an instant of a schedule was run, or was not. Its String is one
// sentence.
//
//	Flow    string
//	At      time.Time   // the instant; that asked for, if the schedule has none then
//	Verdict VerdictKind // empty: none yet, or At is no instant; a gap is told before
//	Run     int64       // that ran it, made up for it or was in its way; 0: none
//	Text    string      // one sentence
type Reason = core.Reason

// VerdictKind is what became of an instant of a schedule.
type VerdictKind = core.VerdictKind

// The verdicts, as in the view pawl_occurrences.
const (
	VerdictFired     = core.VerdictFired     // it has a run
	VerdictCoalesced = core.VerdictCoalesced // a run for another instant caught up on it
	VerdictOverlap   = core.VerdictOverlap   // a run of the flow was in the way
	VerdictBackoff   = core.VerdictBackoff   // it lay in a backoff window
	VerdictTripped   = core.VerdictTripped   // the flow was tripped
	VerdictPaused    = core.VerdictPaused    // the flow was paused
	VerdictMissed    = core.VerdictMissed    // nobody ran, and it was not caught up on
	VerdictGap       = core.VerdictGap       // the clocks left its local time out
	VerdictFold      = core.VerdictFold      // the clocks showed its local time twice
)

// Instant is an instant of a schedule that is still to come.
//
//	At       time.Time // nominal
//	Held     string    // what stands in its way as things are; empty: nothing
//	Estimate bool      // it depends on when runs end
type Instant = core.Instant

// Why answers in one sentence what became of an instant of a flow's schedule, or
// what will. An instant of the schedule within the second from at on is taken to be
// meant. Errors: [ErrFlowNotFound], [ErrInCommit], that of the database, that of ctx.
func (r *Runner) Why(ctx context.Context, id string, at time.Time) (Reason, error) {
	err := notInCommit(ctx)
	var reason Reason
	if err == nil {
		reason, err = why(ctx, r.store.Reader, id, at, r.engine.Now(), r.Surroundings())
	}
	if err != nil {
		return Reason{}, fmt.Errorf("why: %w", r.closed(err))
	}
	return reason, nil
}

// Why: see [Runner.Why].
func (c *Client) Why(ctx context.Context, id string, at time.Time) (Reason, error) {
	var reason Reason
	around, err := c.Surroundings(ctx)
	if err == nil {
		reason, err = why(ctx, c.reader, id, at, time.Now(), around)
	}
	if err != nil {
		return Reason{}, fmt.Errorf("why: %w", err)
	}
	return reason, nil
}

func why(ctx context.Context, reader *store.Reader, id string, at, now time.Time, around Surroundings) (Reason, error) {
	if err := core.CheckInstant("the instant asked about", at); err != nil {
		return Reason{}, err
	}
	facts, ok, err := reader.Facts(ctx, id, at, now)
	if err == nil && !ok {
		err = fmt.Errorf("%w: %q", ErrFlowNotFound, core.Clip(id, maxID))
	}
	if err != nil {
		return Reason{}, err
	}
	facts.Around = around
	return facts.Explain(), nil
}

// Next is the next n instants of a flow's schedule, with what is known to stand in
// their way; fewer if it ends before. Errors: [ErrFlowNotFound].
func (r *Runner) Next(id string, n int) ([]Instant, error) {
	info, ok := r.Status(id)
	return next(info, ok, id, n, r.engine.Now())
}

// Next: see [Runner.Next].
func (c *Client) Next(ctx context.Context, id string, n int) ([]Instant, error) {
	info, ok, err := c.Status(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("next: %w", err)
	}
	return next(info, ok, id, n, time.Now())
}

func next(info FlowInfo, ok bool, id string, n int, now time.Time) ([]Instant, error) {
	if !ok {
		return nil, fmt.Errorf("next: %w: %q", ErrFlowNotFound, core.Clip(id, maxID))
	}
	s, err := schedule.Parse(info.ID, info.Kind, info.Schedule, info.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("next: flow %q: %w", id, err)
	}
	return core.Upcoming(info, s, now.UTC().Truncate(time.Millisecond), n), nil
}

// Instants lists the instants of a flow's schedule in from..to, both included, that a
// [Backfill] would run: at most 10,000, none in the future. Those that have a run
// are among them. Errors: [ErrFlowNotFound], [ErrInvalidRange].
func (r *Runner) Instants(id string, from, to time.Time) ([]time.Time, error) {
	list, err := r.engine.Instants(id, from, to)
	if err != nil {
		return nil, fmt.Errorf("instants: %w", err)
	}
	return list, nil
}

// Instants: see [Runner.Instants].
func (c *Client) Instants(ctx context.Context, id string, from, to time.Time) ([]time.Time, error) {
	info, ok, err := c.Status(ctx, id)
	if err == nil && !ok {
		err = fmt.Errorf("%w: %q", ErrFlowNotFound, core.Clip(id, maxID))
	}
	var s schedule.Schedule
	if err == nil {
		s, err = schedule.Parse(info.ID, info.Kind, info.Schedule, info.TimeZone)
	}
	var list []time.Time
	if err == nil {
		list, err = core.InstantsOf(info, s, from, to, time.Now())
	}
	if err != nil {
		return nil, fmt.Errorf("instants: %w", err)
	}
	return list, nil
}

// A Wait is why a flow does not start a run of its schedule now; see FlowInfo.Wait. A
// flow is late when nothing that the program or an operator asked for keeps it from
// starting a minute after it is due: neither a pause, a backoff window, jitter or the wait
// before the next attempt of a run, nor the isolation of suspects, nor, for an hour, a limit
// on the runs in flight.
//
//	Cause WaitCause
//	Until time.Time // when it ends by itself; zero: that is not known
//	Late  time.Time // when the run should have started; zero: it is not late
type Wait = core.Wait

// WaitCause is the cause of a [Wait].
type WaitCause = core.WaitCause

// The causes of a wait.
const (
	WaitRegistration = core.WaitRegistration // the program does not have the flow
	WaitReset        = core.WaitReset        // the flow is tripped
	WaitResume       = core.WaitResume       // it is paused
	WaitRun          = core.WaitRun          // a run of it is in flight
	WaitParked       = core.WaitParked       // a parked run of it has to end first
	WaitNothing      = core.WaitNothing      // its schedule has no occurrence ahead
	WaitBackoff      = core.WaitBackoff      // the window after a failure
	WaitSchedule     = core.WaitSchedule     // the next occurrence is ahead
	WaitJitter       = core.WaitJitter       // the delay of the occurrence that has come
	WaitAttempt      = core.WaitAttempt      // a run of it waits for its next attempt
	WaitOwner        = core.WaitOwner        // no process drives the flow
	WaitClock        = core.WaitClock        // the clock is not believed
	WaitHalt         = core.WaitHalt         // the process that drives it starts nothing
	WaitIsolation    = core.WaitIsolation    // it is a suspect, and another suspect runs
	WaitLimit        = core.WaitLimit        // there is no room in the limit of all flows, or of its group
	WaitStart        = core.WaitStart        // it is due
)

// Surroundings are what decides, besides a flow itself, what it waits for: who drives it,
// and the limits on the runs in flight.
type Surroundings = core.Surroundings

// Limits are how many runs may be in flight at once: of all flows, and by group. 0, or
// none for a group: any number.
//
//	MaxRunning int
//	Groups     map[string]int
type Limits = core.Limits

// Surroundings returns the surroundings of this runner's flows, for FlowInfo.Wait.
func (r *Runner) Surroundings() Surroundings { return r.engine.Surroundings() }

// Surroundings returns the surroundings of the database's flows, for FlowInfo.Wait. Errors
// come from the database, or from ctx.
func (c *Client) Surroundings(ctx context.Context) (s Surroundings, err error) {
	if s, err = c.reader.Surroundings(ctx); err != nil {
		return s, err
	}
	owner, owned, err := c.Owner(ctx)
	if err != nil {
		return s, err
	}
	behind, err := c.ClockBehind(ctx)
	if err != nil {
		return s, err
	}
	passive, err := c.Passive(ctx)
	s.Owned, s.Behind = owned, !behind.IsZero()
	switch {
	case passive != "":
		s.Halt = "it waits for a claim: " + passive
	case owner.Degraded != "":
		s.Halt = owner.Degraded
	case !owner.StoppingAt.IsZero():
		s.Halt = "it is stopping"
	}
	return s, err
}
