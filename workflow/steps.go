package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Steps is a task of many steps. Each gets the cursor that the one before returned, the
// first the zero value, and says whether it was the last: then the run goes on to next,
// and the cursor does not matter. After each other step the cursor is recorded, as JSON,
// together with what the step put: after a crash, and after a failure, the task goes on
// from there. Each step has its own attempts and timeout. A cursor and what was put with it
// have [MaxValues] together. Without a step the task is nil.
func Steps[S comparable, C any](next S, step func(ctx context.Context, res *Resources, cursor C) (C, bool, error)) Task[S] {
	if step == nil {
		return nil
	}
	return func(ctx context.Context, res *Resources) (S, error) {
		s, err := scopeOf(ctx, "Steps")
		if err != nil {
			return next, err
		}
		var cursor C
		if s.cursor != nil {
			if err := json.Unmarshal(s.cursor, &cursor); err != nil {
				return next, Permanent(fmt.Errorf("read the cursor: %w", err))
			}
		}
		cursor, done, err := step(ctx, res, cursor)
		if err != nil || done {
			return next, err
		}
		text, err := json.Marshal(cursor)
		if err != nil {
			return next, Permanent(fmt.Errorf("record the cursor: %w", err))
		}
		if err := s.carry(text); err != nil {
			return next, Permanent(fmt.Errorf("record the cursor: %w", err))
		}
		return next, s.request(pause{kind: afterStep, cursor: text})
	}
}

// Timer is a task that waits until an instant. It asks for it once and records it: after a
// crash the run waits for what is left. An instant that is past, such as the zero time, is
// no wait. What until puts and sets for the undo is recorded with the instant. Without until
// the task is nil.
func Timer[S comparable](next S, until func(ctx context.Context, res *Resources) (time.Time, error)) Task[S] {
	if until == nil {
		return nil
	}
	return func(ctx context.Context, res *Resources) (S, error) {
		s, err := scopeOf(ctx, "Timer")
		if err != nil {
			return next, err
		}
		switch {
		case s.waited:
			return next, nil
		case s.until != nil:
			return next, s.request(pause{kind: untilInstant})
		}
		t, err := until(ctx, res)
		if err != nil {
			return next, err
		}
		return next, s.request(pause{kind: untilInstant, until: t.Round(0)})
	}
}

// After is a [Timer] for a time that begins when its state is entered. It lasts as long if
// the wall clock is set meanwhile. Under a scheduler, a run that waits for more than a few
// seconds is parked: it leaves memory and holds no slot.
func After[S comparable](next S, d time.Duration) Task[S] {
	return func(ctx context.Context, _ *Resources) (S, error) {
		s, err := scopeOf(ctx, "After")
		if err != nil || s.waited {
			return next, err
		}
		return next, s.request(pause{kind: untilInstant, after: true, length: max(d, 0)})
	}
}

// Poll is a task that asks until the answer is true, with these waits in between. An error
// is a failed attempt, as of any task. Nothing is recorded until the answer is true: what
// was put before is dropped, and after a crash it asks at once, with the first wait next.
// The run stays in memory between two questions, and under a scheduler it keeps its slot. For
// long waits, use two states: one that asks and goes on to next or to the other, which is an
// [After] that leads back. A run that waits there is parked, and holds no slot.
// Without ask, or with waits that cannot be, such as negative ones, the task is nil.
func Poll[S comparable](next S, wait Backoff, ask func(ctx context.Context, res *Resources) (bool, error)) Task[S] {
	if ask == nil || wait.validate() != nil {
		return nil
	}
	return func(ctx context.Context, res *Resources) (S, error) {
		s, err := scopeOf(ctx, "Poll")
		if err != nil {
			return next, err
		}
		yes, err := ask(ctx, res)
		if err != nil || yes {
			return next, err
		}
		return next, s.request(pause{kind: askAgain, wait: wait})
	}
}

// carry tells whether a cursor fits into the next checkpoint.
func (s *scope) carry(cursor json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(len(cursor))
}

// pause is what a task asks for in place of going on to a next state. The run sees to it
// and calls the task again: waits are outside of attempts and their timeouts.
type pause struct {
	kind   pauseKind
	cursor json.RawMessage
	until  time.Time
	after  bool // the length counts, in place of until
	length time.Duration
	wait   Backoff
}

type pauseKind int

const (
	afterStep pauseKind = iota + 1
	untilInstant
	askAgain
)

// errPause is what a task returns that asked for a pause.
var errPause = errors.New("a pause of the workflow's task")

func (s *scope) request(p pause) error {
	if s.role != roleTask {
		return Permanent(errors.New("steps, timers and polls are for the task of a state, not for a branch or an undo"))
	}
	s.requests = p
	return errPause
}
