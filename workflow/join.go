package workflow

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A Join says when a split is satisfied, and which state follows.
type Join[S comparable] struct {
	name   string
	next   S
	timed  bool          // it is a PartialTimeout
	within time.Duration // of that
	need   func(branches int) int
	partly bool // failures count, too, once there is a success
}

// All: every branch succeeds. The first that fails ends the split.
func All[S comparable](next S) Join[S] {
	return Join[S]{name: "all", next: next, need: func(branches int) int { return branches }}
}

// Any: one branch succeeds.
func Any[S comparable](next S) Join[S] {
	return Join[S]{name: "any", next: next, need: func(int) int { return 1 }}
}

// Quorum: n branches succeed.
func Quorum[S comparable](n int, next S) Join[S] {
	return Join[S]{name: fmt.Sprintf("quorum of %d", n), next: next, need: func(int) int { return n }}
}

// Percentage: p percent of the branches succeed, rounded up to whole ones.
func Percentage[S comparable](p float64, next S) Join[S] {
	return Join[S]{name: fmt.Sprintf("%v percent", p), next: next, need: func(branches int) int {
		if !(p > 0 && p <= 100) {
			return 0
		}
		return int(math.Ceil(float64(branches)*p/100 - 1e-9))
	}}
}

// PartialResults: n branches are over, whether they succeeded or failed, and one of them
// at least succeeded. [Outcomes] tells the next state which.
func PartialResults[S comparable](n int, next S) Join[S] {
	return Join[S]{name: fmt.Sprintf("%d results", n), next: next, partly: true, need: func(int) int { return n }}
}

// PartialTimeout: all branches are over, or the time is, and one of them at least
// succeeded. [Outcomes] tells the next state which.
func PartialTimeout[S comparable](d time.Duration, next S) Join[S] {
	return Join[S]{name: fmt.Sprintf("results within %v", d), next: next, timed: true, within: d, partly: true,
		need: func(branches int) int { return branches }}
}

func (j Join[S]) validate(branches int) error {
	if j.need == nil {
		return errors.New("a split without a join: use All, Any, Quorum or another")
	}
	if n := j.need(branches); n < 1 || n > branches {
		return fmt.Errorf("the join, %s, cannot be: there are %d branches", j.name, branches)
	}
	if j.timed && j.within <= 0 {
		return fmt.Errorf("the join, %s, cannot be: more than 0", j.name)
	}
	return nil
}

// rule is a join for a number of branches.
type rule struct {
	need     int
	branches int
	partly   bool
}

func (j Join[S]) rule(branches int) rule {
	return rule{need: j.need(branches), branches: branches, partly: j.partly}
}

type decision int

const (
	undecided decision = iota
	satisfied
	hopeless
)

// clock is whether there is time left.
type clock int

const (
	ticking clock = iota
	partial       // the time of PartialTimeout is over
	over          // no more branches are waited for, and those that there are do not do
)

// decide says what the join makes of so many branches that succeeded, failed, or wait for
// the next process. Those at work are finished also when others wait for that.
func (r rule) decide(good, bad, suspended int, c clock) decision {
	left := r.branches - good - bad - suspended
	counted := good
	if r.partly {
		counted += bad
	}
	switch {
	case counted >= r.need && good > 0, c == partial && good > 0:
		return satisfied
	case c != ticking || left == 0 || counted+left+suspended < r.need:
		return hopeless
	}
	return undecided
}
