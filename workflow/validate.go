package workflow

import (
	"errors"
	"fmt"
	"slices"
)

// Validate tells, joined, all that is wrong with the workflow: [ErrInvalid]. Each error
// names its state.
func (w *Workflow[S]) Validate() error {
	if w.initial == nil {
		return w.check()
	}
	return w.validateFrom(*w.initial)
}

// validateFrom is for runs that begin in a state.
func (w *Workflow[S]) validateFrom(initial S) error {
	err := w.check()
	first, e := w.begins(initial)
	if e != nil {
		return errors.Join(err, e)
	}
	return errors.Join(err, w.reachable(first))
}

// begins is the state where runs are to begin.
func (w *Workflow[S]) begins(initial S) (*node[S], error) {
	n := w.lookup(initial)
	if n == nil {
		text, _ := textOf(initial)
		return nil, fmt.Errorf("%w: the initial state %s is not registered", ErrInvalid, text)
	}
	if n.exit {
		return nil, fmt.Errorf("%w: the initial state %s is an exit", ErrInvalid, n.text)
	}
	return n, nil
}

// check is what is wrong whatever the initial state. It is worked out once.
func (w *Workflow[S]) check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.checked {
		return w.verdict
	}
	errs := slices.Concat(w.errs, w.checkTexts(), w.checkTargets())
	exit := func(n *node[S]) bool { return n.exit }
	if !slices.ContainsFunc(w.order, func(n *node[S]) bool { return !n.exit }) {
		errs = append(errs, errors.New("no state is registered"))
	}
	if !slices.ContainsFunc(w.order, exit) {
		errs = append(errs, errors.New("there is no exit"))
	}
	for i, err := range errs {
		errs[i] = fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	w.verdict, w.checked = errors.Join(errs...), true
	return w.verdict
}

// checkTexts tells which states a journal could not tell apart.
func (w *Workflow[S]) checkTexts() (errs []error) {
	w.byText = make(map[string]*node[S], len(w.order))
	for _, n := range w.order {
		if w.byText[n.text] != nil {
			errs = append(errs, fmt.Errorf("state %s: two states, %#v and %#v, have this text", n.text, w.byText[n.text].state, n.state))
		}
		w.byText[n.text] = n
	}
	return errs
}

// checkTargets tells which paths lead nowhere.
func (w *Workflow[S]) checkTargets() (errs []error) {
	for _, n := range w.order {
		for _, to := range n.to {
			if w.lookup(to) == nil {
				text, _ := textOf(to)
				errs = append(errs, fmt.Errorf("state %s: it leads to %s, which is neither registered nor an exit", n.text, text))
			}
		}
	}
	return errs
}

// reachable tells, if all states declare where they lead, to which no path does.
func (w *Workflow[S]) reachable(from *node[S]) error {
	met := map[*node[S]]bool{from: true}
	for todo := []*node[S]{from}; len(todo) > 0; todo = todo[1:] {
		for _, to := range todo[0].to {
			if n := w.lookup(to); n != nil && !met[n] {
				met[n] = true
				todo = append(todo, n)
			}
		}
	}
	var errs []error
	for _, n := range w.order {
		if !n.exit && n.to == nil {
			return nil
		}
		if !met[n] {
			errs = append(errs, fmt.Errorf("%w: state %s: no declared path leads to it from %s", ErrInvalid, n.text, from.text))
		}
	}
	return errors.Join(errs...)
}
