package workflow

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Task is the work of a state. It returns the next state. It is called again after an
// error, as the state's retries say, and after a crash: what it does to the world should
// bear that. The context ends when the run is cancelled or a timeout passes; a task that
// does not look at its context is waited for.
//
// An error with a method Skipped() bool that returns true, as that of pawl.Skipped, says
// that there is nothing to do. It ends the run at once, which returns it as it is. That is
// no failure: there are no further attempts and no undos, what earlier states did stays as
// at an exit. A task that wants it undone returns another error. In a branch of a split it
// is a failure of the branch, without further attempts; an undo that returns it is done.
//
// A value with a Run method of this shape is passed as v.Run.
type Task[S comparable] func(ctx context.Context, res *Resources) (S, error)

// A Workflow is a finite state machine: states, a task for each, and exits. States are
// strings, numbers, booleans, arrays and structs of such, or types with a method
// MarshalText, String or Error that gives each its own text: by that a journal knows them, so
// it has to be the same in the next process, UTF-8, and at most [MaxState] bytes. Make one
// with [New], register everything, then have it run as a [Job] or with [Workflow.Run],
// any number of times, also at once. Registering is not safe while it is in use.
//
// The zero value is a workflow without states and with the defaults of all options.
//
// What is wrong with a registration is collected, and told by [Workflow.Validate],
// Run, and the start of the scheduler.
type Workflow[S comparable] struct {
	settings
	res     Resources
	nodes   map[S]*node[S]
	order   []*node[S] // as they were registered
	initial *S
	errs    []error // what registrations did wrong

	mu      sync.Mutex
	checked bool // verdict and byText are up to date
	verdict error
	byText  map[string]*node[S]
}

// node is a state and all that is known of it.
type node[S comparable] struct {
	policy
	state S
	task  Task[S]
	exit  bool
	to    []S // nil: it does not declare where it leads
	split *split[S]
	undo  undo // nil: there is nothing to undo
}

// New returns a workflow without states.
func New[S comparable](opts ...Option) *Workflow[S] {
	w := &Workflow[S]{}
	for i, o := range opts {
		if o == nil {
			w.errs = append(w.errs, fmt.Errorf("option %d of New is nil", i))
			continue
		}
		o(&w.settings)
	}
	w.errs = append(w.errs, w.settings.errs...)
	return w
}

// Register says what is done in a state. Without options its task is tried up to four
// times, with the waits of [Exponential].
func (w *Workflow[S]) Register(state S, task Task[S], opts ...StateOption) {
	n := w.add(state, false)
	n.task = task
	o := w.apply(n, opts)
	if task == nil {
		w.fault(n, errors.New("its task is nil, as what Steps, Timer and Poll make of a nil function, or Poll of impossible waits"))
	}
	if o.bulkhead != 0 || o.joinTimeout != 0 {
		w.fault(n, errors.New("WithBulkhead and WithJoinTimeout are for a split"))
	}
}

// RegisterSplit says that in a state several tasks are at work at once, and how they
// join. The options for retries, timeout of an attempt and breaker are those of each
// branch. When the join is satisfied, or cannot be any more, the context of the other
// branches ends; the run goes on when they have returned. To a journal a split is one
// state: after a crash all its branches run again.
func (w *Workflow[S]) RegisterSplit(state S, branches []Branch, join Join[S], opts ...StateOption) {
	n := w.add(state, false)
	o := w.apply(n, opts)
	n.split = &split[S]{branches: branches, join: join, atMost: o.bulkhead, timeout: o.joinTimeout}
	if n.to != nil {
		w.fault(n, errors.New("To is not for a split: its join says where it leads"))
	}
	n.to = []S{join.next}
	if err := n.split.validate(); err != nil {
		w.fault(n, err)
	}
}

// Exit says which states end the workflow. They have no task.
func (w *Workflow[S]) Exit(states ...S) {
	for _, s := range states {
		w.add(s, true)
	}
}

// Initial says where runs begin, for [Workflow.Validate] and [Workflow.Mermaid] of the
// workflow itself; jobs and [Workflow.Run] name theirs.
func (w *Workflow[S]) Initial(state S) {
	w.checked = false
	w.initial = &state
}

// Provide adds a resource, to be looked up with [Get]. See [Resources.Provide].
func (w *Workflow[S]) Provide(key string, resource any) {
	w.checked = false
	if err := w.res.Provide(key, resource); err != nil {
		w.errs = append(w.errs, err)
	}
}

// Resources are those of the workflow.
func (w *Workflow[S]) Resources() *Resources { return &w.res }

func (w *Workflow[S]) add(state S, exit bool) *node[S] {
	w.checked = false
	n := &node[S]{state: state, exit: exit}
	text, err := textOf(state)
	n.text = text
	if err != nil {
		w.fault(n, err)
	}
	if err := sound(state); err != nil {
		w.fault(n, err)
		return n
	}
	if err := lasting(state); err != nil {
		w.fault(n, err)
	}
	if w.nodes[state] != nil {
		w.fault(n, errors.New("it is registered twice"))
		return n
	}
	if w.nodes == nil {
		w.nodes = make(map[S]*node[S])
	}
	w.nodes[state] = n
	w.order = append(w.order, n)
	return n
}

func (w *Workflow[S]) apply(n *node[S], opts []StateOption) stateOptions {
	o := defaultStateOptions()
	for i, opt := range opts {
		if opt == nil {
			w.fault(n, fmt.Errorf("its option %d is nil", i))
			continue
		}
		opt(&o)
	}
	text := n.text
	n.policy, n.undo = o.policy, o.undo
	n.text = text
	for _, v := range o.to {
		if s, ok := v.(S); ok {
			n.to = append(n.to, s)
		} else {
			w.fault(n, fmt.Errorf("To(%v): that is %T, the states are %T: write To[%T](...)", v, v, n.state, n.state))
		}
	}
	for _, err := range o.errs {
		w.fault(n, err)
	}
	return o
}

func (w *Workflow[S]) fault(n *node[S], err error) {
	w.errs = append(w.errs, fmt.Errorf("state %s: %w", n.text, err))
}
