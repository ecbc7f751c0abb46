package workflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// A Branch is one of the tasks of a split. It names no next state: the join does.
type Branch func(ctx context.Context, res *Resources) error

// An Outcome is what became of a branch.
type Outcome struct {
	Branch int           `json:"branch"` // its index
	Status OutcomeStatus `json:"status"`
	Error  string        `json:"error,omitempty"` // of one that failed: its first line, clipped
}

// OutcomeStatus says how a branch ended.
type OutcomeStatus string

// How a branch ends. One that ends when the join was already satisfied counts as
// cancelled, whatever it returned.
const (
	BranchSucceeded OutcomeStatus = "succeeded"
	BranchFailed    OutcomeStatus = "failed"
	BranchCancelled OutcomeStatus = "cancelled"
)

// Outcomes are those of the branches of the split that led to the state of this task;
// nil: no split did. Errors: ctx is not a task's.
func Outcomes(ctx context.Context) ([]Outcome, error) {
	s, err := scopeOf(ctx, "Outcomes")
	if err != nil {
		return nil, err
	}
	return s.came, nil
}

type split[S comparable] struct {
	branches []Branch
	join     Join[S]
	atMost   int           // at once; 0: all
	timeout  time.Duration // 0: none
}

func (s *split[S]) validate() error {
	if len(s.branches) == 0 {
		return errors.New("a split without branches")
	}
	if len(s.branches) > MaxBranches {
		return fmt.Errorf("a split of %d branches: at most %d", len(s.branches), MaxBranches)
	}
	for i, b := range s.branches {
		if b == nil {
			return fmt.Errorf("branch %d is nil", i)
		}
	}
	if s.timeout > 0 && s.join.timed {
		return errors.New("PartialTimeout has its own timeout: leave out WithJoinTimeout")
	}
	return s.join.validate(len(s.branches))
}

// run has the branches at work until the join is satisfied or cannot be any more, and
// returns when all have returned.
func (s *split[S]) run(main *line) error {
	if err := main.stopped(); err != nil {
		return err
	}
	ctx, cancel := s.context(main)
	f := &fork{main: main, cancel: cancel, lines: make([]line, len(s.branches)), errs: make([]error, len(s.branches)),
		done: make(chan int, len(s.branches))}
	for i, b := range s.branches {
		f.lines[i].init(ctx, main, i, b)
	}
	defer cancel(nil)
	return f.finish(ctx, f.gather(ctx, s.join.rule(len(s.branches)), s.atMost), s.join.name)
}

// context is that of the branches.
func (s *split[S]) context(main *line) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(&main.scope)
	d, cause := s.timeout, errJoinTimeout
	if s.join.timed {
		d, cause = s.join.within, errPartial
	}
	if d == 0 {
		return ctx, cancel
	}
	ctx, stop := context.WithTimeoutCause(ctx, d, fmt.Errorf("%w, %v: %w", cause, d, context.DeadlineExceeded))
	return ctx, func(cause error) { stop(); cancel(cause) }
}

var (
	errJoinTimeout = errors.New("timeout of the split")
	errPartial     = errors.New("partial timeout of the split")
	errDecided     = errors.New("the join is decided")
)

func (l *line) init(ctx context.Context, main *line, i int, b Branch) {
	l.Context, l.role, l.data, l.came, l.kept = ctx, roleBranch, main.data, main.came, main.kept
	l.policy, l.journey, l.branch = main.policy, main.journey, i
	l.call = func(ctx context.Context) error { return b(ctx, l.res) }
}

// fork is a split at work.
type fork struct {
	main      *line
	cancel    context.CancelCauseFunc // of the branches
	lines     []line
	errs      []error  // of the branches that ended
	done      chan int // the index of one that ended; each sends once, and finds room
	started   int
	outcomes  []Outcome // as far as they are known when the join is decided
	succeeded int
	failed    int
	suspended int
}

// gather starts the branches, at most so many at once, and takes in how they end, until
// the rule decides; then it cancels the rest and waits for it. True: the join is satisfied.
func (f *fork) gather(ctx context.Context, rule rule, atMost int) bool {
	f.outcomes = make([]Outcome, len(f.lines))
	for i := range f.outcomes {
		f.outcomes[i] = Outcome{Branch: i, Status: BranchCancelled}
	}
	if atMost == 0 {
		atMost = len(f.lines)
	}
	ended, verdict := 0, undecided
	for verdict == undecided {
		for f.started < len(f.lines) && f.started-ended < atMost {
			go f.work(f.started)
			f.started++
		}
		select {
		case i := <-f.done:
			ended++
			f.take(i)
		case <-ctx.Done():
		}
		verdict = rule.decide(f.succeeded, f.failed, f.suspended, clockOf(ctx))
	}
	f.cancel(errDecided)
	for ; ended < f.started; ended++ {
		<-f.done
	}
	return verdict == satisfied
}

func clockOf(ctx context.Context) clock {
	switch {
	case ctx.Err() == nil:
		return ticking
	case errors.Is(context.Cause(ctx), errPartial):
		return partial
	}
	return over
}

// work is the goroutine of a branch. One that the branch ends is followed by another.
func (f *fork) work(i int) {
	over := false
	defer func() {
		if over {
			f.done <- i
		} else {
			go f.work(i)
		}
	}()
	f.errs[i] = asFailure(f.lines[i].attempts())
	over = true
}

// take counts a branch that ended before the join was decided.
func (f *fork) take(i int) {
	switch err := f.errs[i]; {
	case err == nil:
		f.succeeded++
		f.outcomes[i].Status = BranchSucceeded
	case err == errSuspended:
		f.suspended++
	default:
		f.failed++
		f.outcomes[i].Status, f.outcomes[i].Error = BranchFailed, firstLine(err)
		e := &BranchError{Branch: i, Attempts: f.lines[i].tried, Err: err}
		f.main.settings.tell(func(o *Observer) {
			if o.Failed != nil {
				o.Failed(f.main.ctx, f.main.text, e)
			}
		})
	}
}

// finish hands over to the state behind the split, or says why there is none.
func (f *fork) finish(ctx context.Context, ok bool, join string) error {
	if ok {
		return f.merge()
	}
	if f.main.Err() != nil || f.suspended > 0 {
		if err := f.main.stopped(); err != nil {
			return err
		}
	}
	e := &SplitError{Join: join, Succeeded: f.succeeded, Branches: len(f.lines)}
	if cause := context.Cause(ctx); !errors.Is(cause, errDecided) {
		e.Cause = cause
	}
	for i, o := range f.outcomes {
		if o.Status == BranchFailed {
			e.Errs = append(e.Errs, &BranchError{Branch: i, Attempts: f.lines[i].tried, Err: f.errs[i]})
		}
	}
	return e
}

// merge makes the values of the branches that succeeded those of the state.
func (f *fork) merge() error {
	s := &f.main.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	bound(f.outcomes)
	s.outcomes = f.outcomes
	for i, o := range f.outcomes {
		if puts, _ := f.lines[i].left(); o.Status == BranchSucceeded && len(puts) > 0 {
			if s.puts == nil {
				s.puts = maps.Clone(puts)
			} else {
				maps.Copy(s.puts, puts)
			}
		}
	}
	used := 0
	for key, text := range s.puts {
		used += entry(key, text)
	}
	return s.take(used)
}
