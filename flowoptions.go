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

// WithFixedRate makes an Every flow due at whole intervals after its first registration. The
// database keeps that instant, so neither long runs nor restarts make the flow drift. With a
// start ([WithBetween]) the intervals count from the start, for example every two weeks from a
// date. If the interval changes and there is no start, it counts from the last occurrence that
// ran. Without WithFixedRate and [WithAligned] the interval begins at the end of each run.
func WithFixedRate() FlowOption {
	return func(r *registration) error {
		r.timing.fixedRate = true
		return r.timing.only(wording.FixedRate, schedule.KindEvery)
	}
}

// WithAligned makes an Every flow due at the multiples of its interval since 1970 in UTC: with
// an interval of an hour, on the hour.
func WithAligned() FlowOption {
	return func(r *registration) error {
		r.timing.aligned = true
		return r.timing.only(wording.Aligned, schedule.KindEvery)
	}
}

// WithLocation sets the time zone of a Cron flow, such as "Europe/Berlin". The default is UTC.
// An unknown zone is an error. So is "Local", because it depends on the machine.
func WithLocation(zone string) FlowOption {
	return func(r *registration) error {
		r.timing.cron = append(r.timing.cron, schedule.WithLocation(zone))
		return r.timing.only(wording.Location, schedule.KindCron)
	}
}

// DST says what happens to the fixed times of a Cron flow in a DST gap, which clocks skip, and
// in a DST fold, which they show twice.
type DST = schedule.DST

// The defaults are those of Vixie cron: a time in a gap runs once, at the first instant after
// the gap, and a time in a fold runs at its first copy. An expression with a wildcard or a step
// in its hour or minute has no fixed times. It follows elapsed time: both copies of a fold run,
// and a gap adds nothing.
const (
	GapSkip    = schedule.GapSkip    // a time in a gap does not run
	FoldSecond = schedule.FoldSecond // a time in a fold runs at its second copy
	FoldBoth   = schedule.FoldBoth   // a time in a fold runs at both copies
)

// WithDST sets what happens to fixed times in DST gaps and folds. A clock change of 3 h or more
// is a correction of the zone, not DST: what it skips does not run, and what it shows twice
// runs twice.
func WithDST(policies ...DST) FlowOption {
	return func(r *registration) error {
		r.timing.cron = append(r.timing.cron, schedule.WithDST(policies...))
		return r.timing.only(wording.DST, schedule.KindCron)
	}
}

// WithJitter delays each start of the schedule by less than d, and never past the next
// occurrence. The delay is a hash of the database, the flow and the occurrence: it differs
// between databases, and a restart does not change it. The ScheduledAt of a run is the
// occurrence without the delay. Default: none.
func WithJitter(d time.Duration) FlowOption {
	return func(r *registration) error {
		r.Plan.Jitter = d
		return nil
	}
}

// WithBetween leaves out occurrences of the schedule before start and after end. Both are
// included; the zero time leaves a side open. Both must be in the years 1 to 9999. (In a
// config, a date is the whole day in the zone of the flow.)
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

// ParseOverlap reads an overlap policy as [Overlap] writes itself: "skip", "cancel",
// "buffer 10", "buffer one", or "allow 5, buffer 100". Errors: [ErrInvalidFlow].
func ParseOverlap(text string) (Overlap, error) { return core.ParseOverlap(text) }

// ParseCatchUp reads a catch-up policy as [CatchUp] writes itself: "latest",
// "earliest", "none", or "all 100", and with a bound "latest within 24h0m0s". Errors:
// [ErrInvalidFlow].
func ParseCatchUp(text string) (CatchUp, error) { return core.ParseCatchUp(text) }
