package pawl

import (
	"fmt"
	"slices"
)

// Order puts flows first, in the given order; the others follow in the order that they
// have. A restart keeps it: it is the order of [Runner.List], of the dashboard and of
// flows that are due at the same time. Within [Runner.Update] it moves flows that run
// without touching anything else of them. Errors: [ErrFlowNotFound], [ErrStarted].
func (s *Scheduler) Order(ids ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return fmt.Errorf("order: %w", ErrStarted)
	}
	for _, id := range ids {
		if s.byID[id] == nil {
			return fmt.Errorf("order %s: %w", show(id), ErrFlowNotFound)
		}
	}
	s.remember()
	places := make(map[string]int, len(s.places))
	for _, id := range ids {
		if _, twice := places[id]; !twice {
			places[id] = len(places)
		}
	}
	for _, f := range s.inOrder() {
		if _, first := places[f.ID]; !first {
			places[f.ID] = len(places)
		}
	}
	s.places, s.disordered = places, true
	return nil
}

// remember gives each flow its place, so that a flow which is removed and registered
// again comes back to it.
func (s *Scheduler) remember() {
	if s.places != nil {
		return
	}
	s.places = make(map[string]int, len(s.flows))
	for i, f := range s.flows {
		s.places[f.ID] = i
	}
}

// inOrder is the registered flows in their order.
func (s *Scheduler) inOrder() []*registration {
	if !s.disordered {
		return s.flows
	}
	s.flows = s.flows[:0:0]
	for _, f := range s.byID {
		s.flows = append(s.flows, f)
	}
	slices.SortFunc(s.flows, func(a, b *registration) int { return s.places[a.ID] - s.places[b.ID] })
	s.disordered = false
	return s.flows
}

// add takes in a flow: at the end, or where it was before it was removed.
func (s *Scheduler) add(r *registration) {
	s.byID[r.ID] = r
	if s.formers != nil && r.Plan.FormerID != "" {
		s.formers[r.Plan.FormerID] = r.ID
	}
	if s.places == nil {
		s.flows = append(s.flows, r)
		return
	}
	if _, been := s.places[r.ID]; !been {
		s.places[r.ID] = len(s.places)
	}
	s.disordered = true
}

// remove takes a flow out.
func (s *Scheduler) remove(r *registration) {
	s.remember()
	s.disordered = true
	delete(s.byID, r.ID)
	delete(s.formers, r.Plan.FormerID)
}

// formerOf is the flow that wants the state of another one; false: none does.
func (s *Scheduler) formerOf(id string) (string, bool) {
	if s.formers == nil {
		s.formers = map[string]string{}
		for _, f := range s.byID {
			if f.Plan.FormerID != "" {
				s.formers[f.Plan.FormerID] = f.ID
			}
		}
	}
	flow, ok := s.formers[id]
	return flow, ok
}
