package core

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/wording"
)

// policy is what the plan says beyond schedule and backoff, as text; what is not
// the default.
func (p Plan) policy() string {
	var parts []string
	add := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(p.Overlap != OverlapSkip, "overlap %s", p.Overlap)
	add(p.CatchUp != CatchUpLatest, "catch-up %s", p.CatchUp)
	if p.Retry != nil {
		add(true, "retry %s", p.Retry)
	}
	add(p.Timeout > 0, "timeout %s", p.Timeout)
	add(p.AttemptTimeout > 0, "timeout of an attempt %s", p.AttemptTimeout)
	add(p.Jitter > 0, "jitter %s", p.Jitter)
	add(p.Limit > 0, "limit %d", p.Limit)
	add(p.StopCancels, "a stop cancels")
	return strings.Join(parts, ", ")
}

// RunLimit is how many runs of the flow may be in flight at a time.
func (p Plan) RunLimit() int { return p.Overlap.limit() }

// Describe is what the plan says as text. Flows that share a plan share it too.
func (p Plan) Describe() *Definition {
	if p.Definition != nil {
		return p.Definition
	}
	d := &Definition{
		Kind: p.Schedule.Kind(), Schedule: p.Schedule.String(), TimeZone: p.Schedule.Zone(),
		Policy: p.policy(), Group: p.Group, Retention: p.Keep.String(), Jitter: p.Jitter, Policies: p.policies(),
	}
	if p.Backoff != nil {
		d.Backoff, d.StreakLimit = p.Backoff.String(), p.Backoff.StreakLimit
	}
	return d
}

// Validate returns an [ErrInvalidFlow] that names what makes no sense together.
func (p Plan) Validate() error {
	for _, check := range []interface{ Validate() error }{p.Overlap, p.CatchUp} {
		if err := check.Validate(); err != nil {
			return err
		}
	}
	switch {
	case p.CatchUp.Mode == CatchAll && p.Overlap == OverlapSkip:
		return wording.Errorf("%w: %s gives each missed instant a run, %s skips those that overlap: choose %s",
			ErrInvalidFlow, wording.CatchUpAll, wording.OverlapSkip, wording.Queueing)
	case p.CatchUp.Mode == CatchAll && p.Overlap.Cancel:
		return wording.Errorf("%w: %s gives each missed instant a run, %s would cancel all but the last", ErrInvalidFlow, wording.CatchUpAll, wording.OverlapCancel)
	case p.Timeout < 0:
		return fmt.Errorf("%w: timeout %s: want more than 0", ErrInvalidFlow, p.Timeout)
	case p.AttemptTimeout < 0:
		return fmt.Errorf("%w: timeout of an attempt %s: want more than 0", ErrInvalidFlow, p.AttemptTimeout)
	case p.Jitter < 0:
		return fmt.Errorf("%w: jitter %s: want 0 or more", ErrInvalidFlow, p.Jitter)
	case p.Limit < 0:
		return fmt.Errorf("%w: WithLimit(%d): want 0 (no limit) or more", ErrInvalidFlow, p.Limit)
	case p.KeyFor < 0:
		return fmt.Errorf("%w: keys for %s: want 0 or more", ErrInvalidFlow, p.KeyFor)
	case p.Keep.Failures.Runs < 0 || p.Keep.Failures.For < 0:
		return fmt.Errorf("%w: retention of %d failures and %s: want 0 (none, no bound) or more", ErrInvalidFlow, p.Keep.Failures.Runs, p.Keep.Failures.For)
	case p.Keep.Runs < 0 || p.Keep.For < 0:
		return fmt.Errorf("%w: retention of %d runs and %s: want 0 (all) or more", ErrInvalidFlow, p.Keep.Runs, p.Keep.For)
	}
	if p.Retry != nil {
		return p.Retry.Validate()
	}
	return nil
}

// SamePlan says whether two plans have schedules that mean the same, however they are
// spelled, and the same policies. Another zone is another plan even if it has the same
// rules: its name is shown.
func SamePlan(a, b *Plan) bool {
	p, q := *a, *b
	was, is := schedule.IdentityOf(p.Schedule), schedule.IdentityOf(q.Schedule)
	same := was.Same(is) && was.Zone.String() == is.Zone.String() && alike(p.Backoff, q.Backoff) && alike(p.Retry, q.Retry)
	p.Schedule, p.Backoff, p.Retry, p.Definition = nil, nil, nil, nil
	q.Schedule, q.Backoff, q.Retry, q.Definition = nil, nil, nil, nil
	return same && p == q
}

func alike[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// DefaultRetention keeps 10,000 runs and 90 days of each flow, and beyond that 1,000
// failures of 90 days.
var DefaultRetention = Retention{
	Runs: 10_000, For: 90 * 24 * time.Hour,
	Failures: FailureRetention{Runs: 1000, For: 90 * 24 * time.Hour},
}

// String is the retention in a few words.
func (r Retention) String() string {
	text := bounds(r.Runs, "runs", r.For)
	switch {
	case text == "":
		return "all"
	case r.Failures.Runs == 0:
		return text
	case r.Failures.Runs == math.MaxInt && r.Failures.For == 0:
		return text + "; all failures"
	case r.Failures.Runs == math.MaxInt:
		return text + "; failures " + bounds(0, "", r.Failures.For)
	}
	return text + "; " + bounds(r.Failures.Runs, "failures", r.Failures.For)
}

// bounds is a number and an age in a few words; 0 of each: no bound.
func bounds(n int, of string, age time.Duration) string {
	var parts []string
	if n > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", n, of))
	}
	if age > 0 {
		parts = append(parts, fmt.Sprintf("%.4g days", age.Hours()/24))
	}
	return strings.Join(parts, ", ")
}
