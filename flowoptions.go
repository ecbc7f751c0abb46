package pawl

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/wording"
)

// A FlowOption changes a flow at registration.
type FlowOption func(*registration) error

// WithBackoff attaches a backoff policy to the flow, as [Scheduler.SetBackoff].
func WithBackoff(p BackoffPolicy) FlowOption {
	return func(r *registration) error {
		r.Plan.Backoff = &p
		return p.Validate()
	}
}

// WithResources gives the flow resources of its own. They are set up before the
// job, if that is a [Resource] too.
func WithResources(resources ...Resource) FlowOption {
	return func(r *registration) error {
		for _, resource := range resources {
			if resource == nil {
				return fmt.Errorf("%w: one of its resources is nil", ErrInvalidFlow)
			}
		}
		r.resources = append(r.resources, resources...)
		return nil
	}
}

// WithFixedRate makes the instants of an Every flow whole intervals from the instant
// of its first registration, which is kept in the database: they do not drift with
// the length of runs, nor over restarts. With a start ([WithBetween]) they are counted
// from the start: every two weeks from a date. Another interval without a start counts
// from the last instant that fired. Without it, and without [WithAligned], the interval is from the
// end of a run to the next.
func WithFixedRate() FlowOption {
	return func(r *registration) error {
		r.timing.fixedRate = true
		return r.timing.only(wording.FixedRate, schedule.KindEvery)
	}
}

// WithAligned makes the instants of an Every flow those of a grid that begins at
// the Unix epoch: an interval of an hour is due on the hour, in UTC.
func WithAligned() FlowOption {
	return func(r *registration) error {
		r.timing.aligned = true
		return r.timing.only(wording.Aligned, schedule.KindEvery)
	}
}

// WithLocation sets the time zone of a Cron flow, such as "Europe/Berlin"; default
// UTC. A zone that is not known is an error, as is "Local", which would mean another
// thing on another machine.
func WithLocation(zone string) FlowOption {
	return func(r *registration) error {
		r.timing.cron = append(r.timing.cron, schedule.WithLocation(zone))
		return r.timing.only(wording.Location, schedule.KindCron)
	}
}

// DST is what becomes of the fixed times of a Cron flow where clocks are changed.
type DST = schedule.DST

// The defaults are those of Vixie cron: a time that the clocks leave out is run once,
// at the first instant after the gap, and one that they show twice is run at its
// first copy. An expression with a wildcard or a step in its hour or minute follows
// elapsed time instead: both copies, and nothing extra at a gap.
const (
	GapSkip    = schedule.GapSkip    // a time that is left out is not run
	FoldSecond = schedule.FoldSecond // one that comes twice is run at its second copy
	FoldBoth   = schedule.FoldBoth   // and at both
)

// WithDST changes what becomes of fixed times where clocks are changed, by less than 3 h:
// a larger change is a correction of the zone, and the new time counts.
func WithDST(policies ...DST) FlowOption {
	return func(r *registration) error {
		r.timing.cron = append(r.timing.cron, schedule.WithDST(policies...))
		return r.timing.only(wording.DST, schedule.KindCron)
	}
}

// WithJitter delays each start of the schedule by less than d, and never past the next
// instant: by a hash of database, flow and instant, so that equal fleets spread and
// a restart does not draw again. Runs are told the nominal instant. Default: none.
func WithJitter(d time.Duration) FlowOption {
	return func(r *registration) error {
		r.Plan.Jitter = d
		return nil
	}
}

// WithBetween leaves out instants of the schedule before start or after end; the zero
// time leaves that side open. Both are instants in the years 1 to 9999, and both are
// included. (A date in a config is a whole day in the zone of the flow.)
func WithBetween(start, end time.Time) FlowOption {
	return func(r *registration) error {
		r.timing.start, r.timing.end = start, end
		return nil
	}
}

// WithLimit ends the schedule when n of its instants were run; default: never.
func WithLimit(n int) FlowOption {
	return func(r *registration) error {
		r.Plan.Limit = int64(n)
		return atLeast(wording.Limit, n, 1)
	}
}

// CatchUp is what becomes of instants that passed while nobody ran.
type CatchUp = core.CatchUp

// Catch-up policies without a number.
var (
	CatchUpLatest   = core.CatchUpLatest   // the default: one run for all of them, told the latest
	CatchUpEarliest = core.CatchUpEarliest // one run, told the earliest
	CatchUpNone     = core.CatchUpNone     // they are missed
)

// CatchUpAll gives each missed instant a run of its own, in order and told its own
// time; of more than n the newest n. It needs an overlap policy that lets starts wait
// or run side by side.
func CatchUpAll(n int) CatchUp { return core.CatchUpAll(n) }

// WithCatchUp sets what becomes of instants that passed while nobody ran, or that
// could not start in time; default [CatchUpLatest]. Time spent paused is not missed.
// What was due before the schedule changed is caught up if the new schedule has the same
// instant, or if only its bounds moved; another spelling is no change.
func WithCatchUp(c CatchUp) FlowOption {
	return func(r *registration) error {
		c.Within = r.Plan.CatchUp.Within
		r.Plan.CatchUp = c
		return nil
	}
}

// WithCatchUpWithin leaves out of the catch-up what is older than d; default: nothing
// is too old.
func WithCatchUpWithin(d time.Duration) FlowOption {
	return func(r *registration) error {
		r.Plan.CatchUp.Within = d
		return atLeast(wording.CatchUpWithin, d, time.Millisecond)
	}
}

// Overlap is what becomes of a start that is asked for while a run is in flight.
type Overlap = core.Overlap

// Overlap policies without a number.
var (
	OverlapSkip      = core.OverlapSkip      // the default: a trigger is refused, an instant is skipped
	OverlapBufferOne = core.OverlapBufferOne // the first start waits
	OverlapCancel    = core.OverlapCancel    // the run in flight is cancelled; the start waits for its end
)

// OverlapBuffer lets up to n starts wait, and runs them in order, one after another.
func OverlapBuffer(n int) Overlap { return core.OverlapBuffer(n) }

// OverlapAllow lets up to n runs be in flight at once, and up to waiting starts wait.
func OverlapAllow(n, waiting int) Overlap { return core.OverlapAllow(n, waiting) }

// WithOverlap sets what becomes of a start that is asked for while a run of the flow
// is in flight, or while others wait; default [OverlapSkip]. Starts that wait are
// rows in the database: they survive restarts, and a million of them is fine. Where
// there is no room for one more, a trigger gets [ErrBufferFull] and an instant of the
// schedule is skipped, with that verdict.
//
// With runs in parallel the later started says more about how the flow is, whichever ends
// first: a failure adds to the streak if its run first started after every run that has
// succeeded, and a success clears the streak if its run first started after the streak's
// first failed run. An end that does not count is recorded with its run alone. A streak at
// its limit starts no further run; those in flight finish, and the last of them settles the
// flow.
func WithOverlap(o Overlap) FlowOption {
	return func(r *registration) error {
		r.Plan.Overlap = o
		return nil
	}
}

// WithRetry tries a run that failed again, up to max times, as further attempts of the
// same run; between them it waits as p says, and its slot is free. With a Jitter of 0 the
// waits are a tenth longer or shorter, so that runs that failed together are not tried again
// together; [NoJitter] asks for none. Only the last failure is the flow's. An attempt that a
// crash interrupted counts if the crash is the flow's failure; otherwise the same attempt
// starts again. A job ends this with [Permanent], and changes the wait with [RetryAfter].
// Default: no retry.
func WithRetry(max int, p BackoffPolicy) FlowOption {
	return func(r *registration) error {
		r.Plan.Retry = &core.Retry{Max: max, Delay: p}
		return nil
	}
}

// WithStopCancels cancels a run that a stop of the program cut short. Without it such a
// run goes back to the queue as the same run, unless it is of the schedule: number, input,
// key, deadline and attempt stay, [RunInfo].Restarts rises, and it starts before other
// queued runs. A stop cuts a run short if the job has not returned at the end of the stop
// window, or returns an error after its context was cancelled there; one that is
// [Permanent] or [Skipped], or comes after the deadline of the run, is the end of the run.
func WithStopCancels() FlowOption {
	return func(r *registration) error {
		r.Plan.StopCancels = true
		return nil
	}
}

// WithTimeout gives a run, with all its attempts, until d after its start. The
// deadline is kept with the run, so a restart does not prolong it. Past it the job's
// context is cancelled with the cause [ErrTimedOut]; a job that has not returned 10
// seconds later is left behind, its run closed as timed_out and its slot free. What
// it returns at last is kept in pawl_leaks. Default: none.
func WithTimeout(d time.Duration) FlowOption {
	return func(r *registration) error {
		r.Plan.Timeout = d
		return atLeast(wording.Timeout, d, time.Millisecond)
	}
}

// WithAttemptTimeout gives each attempt of a run until d after it starts ([WithRetry]). Past
// that the job's context is cancelled with the cause [ErrAttemptTimedOut], and the attempt
// has failed if the job returns an error then: the next attempt follows, and the run is
// timed_out only if there is none. A job that has not returned 10 seconds later is left
// behind and its run closed as timed_out, also if attempts are left: they would run beside
// it. An attempt that goes on after a restart of the program, or after a wait of its
// workflow, has d once more. [WithTimeout] is about all attempts together. Default: none.
func WithAttemptTimeout(d time.Duration) FlowOption {
	return func(r *registration) error {
		r.Plan.AttemptTimeout = d
		return atLeast(wording.AttemptTimeout, d, time.Millisecond)
	}
}

// WithGroup lets the flow share a limit with others ([WithGroupLimit]).
func WithGroup(name string) FlowOption {
	return func(r *registration) error {
		r.Plan.Group = name
		if name == "" {
			return fmt.Errorf("%w: the name of its group is empty", ErrInvalidFlow)
		}
		return nil
	}
}

// WithKeyWindow sets how long an idempotency key ([WithKey]) stands for a run that is
// over, from when it was accepted; default 24 h. Of a run that is not over it always
// does.
func WithKeyWindow(d time.Duration) FlowOption {
	return func(r *registration) error {
		r.Plan.KeyFor = d
		return atLeast(wording.KeyWindow, d, 0)
	}
}

// WithOptions is several options in one, in their order.
func WithOptions(opts ...FlowOption) FlowOption {
	return func(r *registration) error {
		for _, o := range opts {
			if err := o(r); err != nil {
				return err
			}
		}
		return nil
	}
}

// WithRetention sets how much of the flow's history is kept: the newest runs, and
// none that ended longer ago than age; 0 for either: no bound. Default 10,000 runs
// and 90 days. In any case those are kept that wait or are in flight, the newest,
// the one that the last error is from, and the failures in a row. Failures are kept
// longer than other runs, see [WithFailureRetention].
//
// Runs are deleted with all that is about them, oldest first, when nothing else is to
// be done or as fast as others are added; what is too many within a minute or so, what
// is too old, or ended after newer ones, within an hour or so. A [Backfill] does not
// know of instants whose runs were deleted.
func WithRetention(runs int, age time.Duration) FlowOption {
	return func(r *registration) error {
		r.Plan.Keep.Runs, r.Plan.Keep.For = runs, age
		return nil
	}
}

// WithFailureRetention sets how many failures are kept beyond what [WithRetention] keeps:
// of the runs that failed, timed out or were interrupted, and that it would delete, the
// newest, but none that ended longer ago than age; an age of 0: no bound. Default 1,000
// failures and 90 days. WithFailureRetention(0, 0) keeps failures no longer than other
// runs, WithFailureRetention(math.MaxInt, 0) keeps them all.
//
// Such a run keeps its input, output, error and checkpoints. The transitions about it go with
// those of the runs around it.
func WithFailureRetention(runs int, age time.Duration) FlowOption {
	return func(r *registration) error {
		r.Plan.Keep.Failures = core.FailureRetention{Runs: runs, For: age}
		return nil
	}
}

// WithFormerID carries the state and history of an unregistered flow over to this
// one, which is new under its id. It may stay when that is done.
func WithFormerID(old string) FlowOption {
	return func(r *registration) error {
		r.Plan.FormerID = old
		if old == r.ID {
			return fmt.Errorf("%w: its former id is its id", ErrInvalidFlow)
		}
		return checkID(old)
	}
}
