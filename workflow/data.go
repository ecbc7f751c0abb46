package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/pawl-go/pawl/internal/permanent"
)

// Put keeps a value, as JSON, for this and the following states of the run; [Value] finds
// it at once. It becomes durable with the next checkpoint: when the successor is entered,
// or the step is recorded. An attempt that failed leaves none of its values behind.
//
// In a split each branch sees what was put before the split and what it put itself. When
// the join is satisfied the values of the branches that succeeded are kept, in the order
// of the branches: of several values for a key that of the last one. Those that failed or
// were cancelled leave none behind.
//
// Call it before the task returns. Errors: v does not marshal, there are more bytes than
// [MaxValues] together ([ErrTooLarge]), or ctx is not a task's. Then nothing is put.
func Put(ctx context.Context, key string, v any) error {
	s, err := scopeOf(ctx, "Put")
	if err != nil {
		return err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("put %q: %w", key, permanent.Wrap(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	size := entry(key, text)
	if old, ok := s.puts[key]; ok {
		size -= entry(key, old)
	}
	if err := s.take(size); err != nil {
		return fmt.Errorf("put %q: %w", clip(key, maxOutcome), err)
	}
	if s.puts == nil {
		s.puts = make(map[string]json.RawMessage)
	}
	s.puts[key] = text
	return nil
}

// Value is what was put last under the key in this run; false: nothing was. Errors: it
// does not fit a T, or ctx is not a task's.
func Value[T any](ctx context.Context, key string) (v T, ok bool, err error) {
	s, err := scopeOf(ctx, "Value")
	if err != nil {
		return v, false, err
	}
	text := s.value(key)
	if text == nil {
		return v, false, nil
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, false, fmt.Errorf("value %q: %w", key, permanent.Wrap(err))
	}
	return v, true, nil
}

// SetUndo hands over what the undo of this state needs, see [WithUndo]. It is recorded
// with the successor; of a stepped task that of its last step counts, of a [Timer] that
// with its instant, unless the task sets another after the wait. Not in a split, whose
// undo may look at what its branches put. Errors: as of [Put], whose limit it shares.
func SetUndo(ctx context.Context, v any) error {
	s, err := scopeOf(ctx, "SetUndo")
	if err != nil {
		return err
	}
	if s.role != roleTask {
		return errors.New("SetUndo is for the task of a state, not for a branch or an undo")
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("set undo: %w", permanent.Wrap(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.take(len(text) - len(s.undo)); err != nil {
		return fmt.Errorf("set undo: %w", err)
	}
	s.undo = text
	return nil
}

// Attach has the journal do work in the transaction of the next checkpoint, that which
// leaves this state or records this step, so that both are there or neither is. No later
// checkpoint does the work again. The journal knows the work's type; of several calls in an
// attempt the last counts, and an attempt that fails leaves none. False: ctx is not that of
// a task. An error is for a branch of a split and for an undo, which have no checkpoint
// of their own.
//
// A workflow without a journal hands the work of each state that it leaves to the task
// within which it runs, whose checkpoint does it together with the task's own. Where it
// runs within no task, it calls handOver with its context.
//
// This is for schedulers: pawl.Committing calls it.
func Attach(ctx context.Context, work any, handOver func(ctx context.Context, work any) error) (ok bool, err error) {
	s, err := scopeOf(ctx, "Attach")
	if err != nil {
		return false, nil
	}
	for within := s; within != nil; within = within.outer() {
		if within.role != roleTask {
			return true, errors.New("work is for the task of a state, not for a branch or an undo")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work, s.handOver = work, handOver
	return true, nil
}

// outer is the task within which a workflow without a journal runs; nil: there is none.
func (s *scope) outer() *scope {
	if s.kept {
		return nil
	}
	outer, _ := s.Context.Value(scopeKey{}).(*scope)
	return outer
}

// attached is all work that the next checkpoint does: nil, the task's own work, or a []any
// with what workflows within the task handed over before it.
func (s *scope) attached() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.handed) == 0:
		return s.work
	case s.work == nil:
		return s.handed
	}
	return append(s.handed[:len(s.handed):len(s.handed)], s.work)
}

// passOn hands the work of a workflow without a journal to what it runs within.
func (s *scope) passOn() error {
	work := s.attached()
	if s.kept || work == nil {
		return nil
	}
	outer := s.outer()
	if outer == nil {
		return s.handOver(s.Context, work)
	}
	outer.mu.Lock()
	defer outer.mu.Unlock()
	outer.handed, outer.handOver = append(outer.handed, work), s.handOver
	return nil
}

// role is what a scope is for.
type role int

const (
	roleTask   role = iota // the task of a state
	roleBranch             // one of a split's
	roleUndo
)

// scope is the context of tasks, and holds what the functions of this package find there.
type scope struct {
	context.Context
	role role

	mu   sync.Mutex
	data map[string]json.RawMessage // recorded; shared with the branches of a split, which do not write
	puts map[string]json.RawMessage // of this attempt
	undo json.RawMessage            // of this attempt; nil: none was set
	used int                        // bytes of JSON that puts and undo take
	work any                        // of this attempt, for the journal; nil: there is none
	kept bool                       // the run has a journal

	handed   []any // work of workflows that this attempt ran
	handOver func(ctx context.Context, work any) error

	came     []Outcome       // of the split that led to this state
	outcomes []Outcome       // of the split that this state is
	cursor   json.RawMessage // of a stepped task; nil: at its beginning
	until    *time.Time      // of a timer; nil: it was not asked yet
	since    time.Time       // when it was asked
	length   time.Duration   // of one that is a length of time; 0: it is an instant
	woken    bool            // the journal says that it is over
	waited   bool            // it is over
	forUndo  json.RawMessage // for the undo, with the timer; that of a later attempt takes its place
	asked    int             // how often a poll asked
	requests pause           // what the attempt asks for in place of a next state
}

type scopeKey struct{}

// Value finds the scope itself, and what the context around it holds, but not its journal:
// a workflow that a task runs has one of its own or none.
func (s *scope) Value(key any) any {
	switch key {
	case scopeKey{}:
		return s
	case journalKey{}:
		return nil
	}
	return s.Context.Value(key)
}

func scopeOf(ctx context.Context, name string) (*scope, error) {
	if ctx == nil {
		return nil, fmt.Errorf("%s: %w", name, errNoContext)
	}
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return s, nil
	}
	return nil, fmt.Errorf("%s: this context is not that of a workflow's task", name)
}

func (s *scope) value(key string) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := s.puts[key]; ok {
		return text
	}
	return s.data[key]
}

// take makes so many bytes more those of the next checkpoint, if they fit.
func (s *scope) take(bytes int) error {
	if s.used+bytes > MaxValues {
		return tooLarge(s.used + bytes)
	}
	s.used += bytes
	return nil
}

// reset forgets what an attempt left.
func (s *scope) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts, s.undo, s.used, s.requests = nil, s.forUndo, len(s.forUndo), pause{}
	s.work, s.handed = nil, nil
}

// left is what the attempt leaves for the next checkpoint.
func (s *scope) left() (puts map[string]json.RawMessage, undo json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts, s.undo
}

// keep makes data of what was put, when that is recorded. The checkpoint has taken all that
// the attempt left, its work too: a state without attempts, such as a split, leaves the next
// checkpoint, and must not find it again.
func (s *scope) keep(puts map[string]json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts, s.undo, s.used, s.work, s.handed = nil, nil, 0, nil, nil
	if len(puts) == 0 {
		return
	}
	if s.data == nil {
		s.data = make(map[string]json.RawMessage)
	}
	maps.Copy(s.data, puts)
}

// move is for another state: what was of the one before is forgotten.
func (s *scope) move(came []Outcome) {
	s.came, s.outcomes, s.cursor, s.until, s.forUndo, s.asked = came, nil, nil, nil, nil, 0
	s.since, s.length, s.woken, s.waited = time.Time{}, 0, false, false
}
