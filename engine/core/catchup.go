package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// CatchUp says what becomes of instants of a schedule that passed while nobody
// ran. The zero value is [CatchUpLatest].
type CatchUp struct {
	Mode   CatchUpMode
	Max    int           // of CatchUpAll: how many instants are made up for, the newest; 0: no bound
	Within time.Duration // what is older is missed; 0: nothing is too old
}

// CatchUpMode is which of the instants are run.
type CatchUpMode int

// One run for all that were missed, told the latest or the earliest of them; a run
// for each; or none.
const (
	CatchLatest CatchUpMode = iota
	CatchEarliest
	CatchAll
	CatchNone
)

// The policies without a number.
var (
	CatchUpLatest   = CatchUp{}
	CatchUpEarliest = CatchUp{Mode: CatchEarliest}
	CatchUpNone     = CatchUp{Mode: CatchNone}
)

// CatchUpAll gives each missed instant a run of its own, in order, told its own
// time; of more than n missed instants the newest n.
func CatchUpAll(n int) CatchUp { return CatchUp{Mode: CatchAll, Max: n} }

// String is the policy in a few words.
func (c CatchUp) String() string {
	text := c.Mode.String()
	if c.Mode == CatchAll && c.Max > 0 {
		text = fmt.Sprintf("all %d", c.Max)
	}
	if c.Within > 0 {
		text += fmt.Sprintf(" within %s", c.Within)
	}
	return text
}

var catchUpModes = []string{"latest", "earliest", "all", "none"}

// String is the mode in a word.
func (m CatchUpMode) String() string { return catchUpModes[m] }

// catchUpMode is the mode that a word stands for.
func catchUpMode(word string) (CatchUpMode, error) {
	i := slices.Index(catchUpModes, word)
	if i < 0 {
		return 0, fmt.Errorf("unknown mode %q of a catch-up: want one of %s", word, strings.Join(catchUpModes, ", "))
	}
	return CatchUpMode(i), nil
}

// ParseCatchUp reads what String writes: "latest", "earliest", "none", or "all 100",
// each of them with " within 24h" or without.
func ParseCatchUp(text string) (c CatchUp, err error) {
	policy, within, bounded := strings.Cut(strings.TrimSpace(text), " within ")
	number, all := strings.CutPrefix(policy, "all ")
	switch {
	case policy == "latest":
	case policy == "earliest":
		c = CatchUpEarliest
	case policy == "none":
		c = CatchUpNone
	case all:
		n, bad := strconv.Atoi(number)
		c, err = CatchUpAll(n), bad
	default:
		err = strconv.ErrSyntax
	}
	if bounded && err == nil {
		c.Within, err = time.ParseDuration(within)
	}
	if err != nil {
		return CatchUp{}, fmt.Errorf("%w: catch-up %q: want latest, earliest, none, or all 100, and within 24h behind it or not", ErrInvalidFlow, text)
	}
	return c, c.Validate()
}

// Validate returns an [ErrInvalidFlow] that names what makes no sense.
func (c CatchUp) Validate() error {
	switch {
	case c.Mode < CatchLatest || c.Mode > CatchNone:
		return fmt.Errorf("%w: unknown catch-up mode %d", ErrInvalidFlow, c.Mode)
	case c.Max < 0 || c.Mode == CatchAll && c.Max == 0:
		return fmt.Errorf("%w: CatchUpAll(%d): want at least 1", ErrInvalidFlow, c.Max)
	case c.Within < 0:
		return fmt.Errorf("%w: catch-up within %s: want 0 (nothing is too old) or more", ErrInvalidFlow, c.Within)
	}
	return nil
}

// unregistered is the instant before which the flow was not registered; zero: nobody knows. One
// that runs once may be for the past.
func (c *Change) unregistered(now time.Time) time.Time {
	if c.CreatedAt.After(now) || c.Kind == schedule.KindOnce {
		return time.Time{}
	}
	return c.CreatedAt
}

// tooOld is the instant before which an overdue one is missed; zero: none is.
func (c CatchUp) tooOld(now time.Time, p Plan) (before time.Time) {
	if c.Mode == CatchNone {
		before = p.Since
	}
	if c.Within > 0 {
		before = later(before, now.Add(-c.Within))
	}
	return before
}

// Missed is how many instants of the schedule passed before now and are neither run
// nor decided on, and how many runs are to make up for them.
func (s *State) Missed(now time.Time, p Plan) (n, runs int64) {
	first := s.NextRun
	if s.owed() {
		first = s.Held
	}
	if p.Schedule == nil || first.IsZero() || !first.Before(now) {
		return 0, 0
	}
	c := Change{State: s}
	schedule := c.schedule(p)
	if c.floats(schedule, now) {
		n = 1
	} else {
		n, _ = schedule.Count(first, now.Add(-time.Millisecond))
	}
	return n, c.catchUps(schedule, first, n, now, p)
}

// catchUps is how many runs make up for n instants from first on.
func (c *Change) catchUps(s schedule.Schedule, first time.Time, n int64, now time.Time, p Plan) int64 {
	if before := p.CatchUp.tooOld(now, p); first.Before(before) && !c.owed() {
		if c.floats(s, now) {
			return 0
		}
		n, _ = s.Count(before, now.Add(-time.Millisecond))
	}
	if p.CatchUp.Mode == CatchAll {
		return min(n, int64(p.CatchUp.Max))
	}
	return min(n, 1)
}

// withoutRuns is s without the instants that have a run, as of [Store.Ran]: those that a
// backfill ran (true in ran), and those before since, which are caught up on. Later instants
// come as the clock shows them, and run again if the clock was ahead when they had their runs.
func withoutRuns(s schedule.Schedule, ran map[int64]bool, since time.Time) schedule.Schedule {
	var excluded []time.Time
	for at, backfilled := range ran {
		if t := time.UnixMilli(at).UTC(); backfilled || t.Before(since) {
			excluded = append(excluded, t)
		}
	}
	return schedule.Exclude(s, excluded)
}

// passRan records which of the instants in first..until a backfill has run, so that they were
// not run again. It is a pause that kept them from the schedule. The others have their runs.
func (c *Change) passRan(s schedule.Schedule, ran map[int64]bool, first, until time.Time) {
	x, ok := s.(schedule.Excluding)
	if !ok {
		return
	}
	backfilled := slices.DeleteFunc(slices.Clone(x.Excluded), func(t time.Time) bool {
		return t.Before(first) || t.After(until) || !ran[t.UnixMilli()]
	})
	for from, to := range schedule.Consecutive(x.Schedule, backfilled) {
		c.decide(x.Schedule, from, to, Verdict{Kind: VerdictPaused, Reason: "a backfill has run it"})
	}
}
