package core

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/internal/wording"
)

// BackoffPolicy says what failures in a row do to a flow: after each it waits
// longer, and after StreakLimit of them it trips and runs no more until it is
// reset. The zero value of Initial, Multiplier and MaxDelay means the default.
type BackoffPolicy struct {
	Initial     time.Duration // wait after the first failure; default 1 s
	Multiplier  float64       // growth per further failure, at least 1; default 2
	MaxDelay    time.Duration // cap of the wait; default 5 min, or Initial if that is more
	Jitter      float64       // spread, 0..1: 0.1 is a tenth more or less; default none, of a Retry 0.1; or NoJitter
	StreakLimit int           // consecutive failures that trip the flow; 0: it never trips
}

// NoJitter is the Jitter of waits that do not spread, also where 0 means the default.
const NoJitter = -1

// DefaultBackoff waits 1 s, 2 s, 4 s and so on up to 5 minutes, a tenth more or
// less, and never trips.
func DefaultBackoff() BackoffPolicy {
	return BackoffPolicy{Initial: time.Second, Multiplier: 2, MaxDelay: 5 * time.Minute, Jitter: 0.1}
}

// TripAfter is [DefaultBackoff] with a flow that trips at the n-th failure in a
// row; n of 0 or less trips on the first.
func TripAfter(n int) BackoffPolicy {
	p := DefaultBackoff()
	p.StreakLimit = max(n, 1)
	return p
}

// Delay is the wait after the streak-th failure in a row: Initial times
// Multiplier to the power of streak-1, capped at MaxDelay, times 1 + Jitter *
// jitter, capped again. The caller gives jitter, in -1..1. A streak below 1
// counts as 1. Delay is never negative and does not overflow at any streak.
func (p BackoffPolicy) Delay(streak int, jitter float64) time.Duration {
	p = p.filled()
	limit := float64(p.MaxDelay)
	delay := float64(p.Initial) * math.Pow(p.Multiplier, float64(max(streak, 1)-1))
	delay = min(delay, limit)
	delay = min(delay*(1+p.Jitter*jitter), limit)
	if delay >= limit { // in floating point the cap itself may be rounded up
		return p.MaxDelay
	}
	return time.Duration(max(delay, 0))
}

// Trips says whether a streak of failures trips the flow.
func (p BackoffPolicy) Trips(streak int) bool {
	return p.StreakLimit > 0 && streak >= p.StreakLimit
}

// String is the policy in one line: "1s x2 up to 5m0s, jitter 0.1, trips at 5".
func (p BackoffPolicy) String() string {
	p = p.filled()
	var b strings.Builder
	fmt.Fprintf(&b, "%s x%s up to %s", p.Initial, number(p.Multiplier), p.MaxDelay)
	if p.Jitter > 0 {
		fmt.Fprintf(&b, ", jitter %s", number(p.Jitter))
	}
	if p.StreakLimit > 0 {
		fmt.Fprintf(&b, ", trips at %d", p.StreakLimit)
	}
	return b.String()
}

// Validate returns an [ErrInvalidBackoff] that names the first field that makes
// no sense.
func (p BackoffPolicy) Validate() error {
	bad := func(field wording.Name, value any, want string, args ...any) error {
		return wording.Errorf("%w: %s is %v, must be "+want, append([]any{ErrInvalidBackoff, field, value}, args...)...)
	}
	switch {
	case p.Initial < 0:
		return bad(wording.Initial, p.Initial, "0 (for the default) or more")
	case p.Multiplier != 0 && !(p.Multiplier >= 1) || math.IsInf(p.Multiplier, 0):
		return bad(wording.Multiplier, p.Multiplier, "0 (for the default) or a finite number of at least 1")
	case p.MaxDelay < 0:
		return bad(wording.MaxDelay, p.MaxDelay, "0 (for the default) or more")
	case !(p.Jitter >= 0 && p.Jitter <= 1) && p.Jitter != NoJitter:
		return bad(wording.Jitter, p.Jitter, "in 0..1, or %s", wording.NoJitter)
	case p.StreakLimit < 0:
		return bad(wording.StreakLimit, p.StreakLimit, "0 (never trips) or more")
	case p.filled().MaxDelay < p.filled().Initial:
		return bad(wording.MaxDelay, p.MaxDelay, "at least %s, %s", wording.Initial, p.filled().Initial)
	}
	return nil
}

// filled has the defaults in place of what is zero.
func (p BackoffPolicy) filled() BackoffPolicy {
	d := DefaultBackoff()
	if p.Initial == 0 {
		p.Initial = d.Initial
	}
	if p.Multiplier == 0 {
		p.Multiplier = d.Multiplier
	}
	if p.MaxDelay == 0 {
		p.MaxDelay = max(d.MaxDelay, p.Initial)
	}
	if p.Jitter == NoJitter {
		p.Jitter = 0
	}
	return p
}

// cap is the longest backoff window.
func (p BackoffPolicy) cap() time.Duration { return p.filled().MaxDelay }

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

var backoffText = regexp.MustCompile(`^(\S+) x(\S+) up to ([^\s,]+)(?:, jitter ([^\s,]+))?(?:, trips at (\d+))?$`)

// ParseBackoff reads a backoff policy as String writes it:
// "1s x2 up to 5m0s, jitter 0.1, trips at 5". Errors: [ErrInvalidBackoff].
func ParseBackoff(text string) (p BackoffPolicy, err error) {
	parts := backoffText.FindStringSubmatch(text)
	if parts == nil {
		return p, fmt.Errorf("%w: %q: want text like %q", ErrInvalidBackoff, text, DefaultBackoff())
	}
	read := func(i int, set func(string) error) {
		if parts[i] != "" && err == nil {
			err = set(parts[i])
		}
	}
	read(1, func(s string) (err error) { p.Initial, err = time.ParseDuration(s); return err })
	read(2, func(s string) (err error) { p.Multiplier, err = strconv.ParseFloat(s, 64); return err })
	read(3, func(s string) (err error) { p.MaxDelay, err = time.ParseDuration(s); return err })
	read(4, func(s string) (err error) { p.Jitter, err = strconv.ParseFloat(s, 64); return err })
	read(5, func(s string) (err error) { p.StreakLimit, err = strconv.Atoi(s); return err })
	if err != nil {
		return BackoffPolicy{}, fmt.Errorf("%w: %q: %w", ErrInvalidBackoff, text, err)
	}
	return p, p.Validate()
}
