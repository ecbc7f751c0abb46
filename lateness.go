package pawl

import (
	"context"

	"github.com/pawl-go/pawl/engine/core"
)

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
