package main

import (
	"fmt"
	"slices"

	"github.com/pawl-go/pawl"
)

// A change is the difference between two configs.
type change struct {
	added, changed []*flow
	removed        []string
	what           map[string][]string // of each that is changed
	later          []string            // what a scheduler cannot change while it runs
	order          []string            // of the flows, as the new one has it
	moved          bool                // flows that both have are in another order
	other          bool                // than flows, and taken over
}

func compare(before, after plan) change {
	c := change{what: map[string][]string{}, other: before.notify.text != after.notify.text}
	old := map[string]*flow{}
	for _, f := range before.flows {
		old[f.id] = f
	}
	for _, f := range after.flows {
		c.order = append(c.order, f.id)
		switch was := old[f.id]; {
		case was == nil:
			c.added = append(c.added, f)
		default:
			if what := was.differs(f); len(what) > 0 {
				c.changed = append(c.changed, f)
				c.what[f.id] = what
			}
		}
		delete(old, f.id)
	}
	for _, f := range before.flows {
		if old[f.id] != nil {
			c.removed = append(c.removed, f.id)
		}
	}
	c.moved = !slices.Equal(shared(before, after), shared(after, before))
	c.later = differences(before.fixed(), after.fixed())
	return c
}

// differs says what of a flow is another in the next config. A schedule or a policy that is
// only spelled in another way is the same.
func (f *flow) differs(next *flow) []string {
	before, after := f.facts(), next.facts()
	what := differences(before, after)
	if len(what) == 0 || !f.planned().SameFlow(f.id, next.planned()) {
		return what
	}
	for _, facts := range []map[string]string{before, after} {
		for _, key := range slices.Concat([]string{"schedule"}, policyKeys, ownKeys) {
			delete(facts, key)
		}
	}
	return differences(before, after)
}

// planned is a scheduler that has the flow alone.
func (f *flow) planned() *pawl.Scheduler {
	s := pawl.NewScheduler("")
	_ = f.register(s, nothing) // it was checked when the config was read
	return s
}

// shared are the flows of a config that another one has too, in order.
func shared(of, with plan) (ids []string) {
	has := make(map[string]bool, len(with.flows))
	for _, f := range with.flows {
		has[f.id] = true
	}
	for _, f := range of.flows {
		if has[f.id] {
			ids = append(ids, f.id)
		}
	}
	return ids
}

// lacks is an error about a flow of the next config whose group is new, and has no limit
// before the next start.
func (p plan) lacks(next plan) error {
	for _, f := range next.flows {
		group := textOf(f.at["group"])
		if _, known := p.groups[group]; group != "" && !known {
			return fmt.Errorf("flow %q is in group %q, which is new, and its limit takes effect at the next start: start pawl run anew", f.id, group)
		}
	}
	return nil
}

// fixed are the facts of a config that a scheduler cannot change while it runs.
func (p plan) fixed() map[string]string {
	facts := map[string]string{}
	if p.maxRunning > 0 {
		facts["max_running"] = fmt.Sprint(p.maxRunning)
	}
	if p.isolation != nil {
		facts["isolation"] = p.isolation.String()
	}
	for name, n := range p.groups {
		facts["the limit of group "+name] = fmt.Sprint(n)
	}
	if p.clockTrusted {
		facts["clock_trusted"] = "true"
	}
	if p.restoreGuard {
		facts["restore_guard"] = "true"
	}
	if p.db != "" {
		facts["db"] = p.db
	}
	return facts
}

func (c change) any() bool {
	return len(c.added)+len(c.changed)+len(c.removed)+len(c.later) > 0 || c.moved || c.other
}

// apply changes the builder of a scheduler that runs.
func (c change) apply(s *pawl.Scheduler, job func(*flow) pawl.Job) error {
	for _, id := range c.removed {
		if err := s.Remove(id); err != nil {
			return err
		}
	}
	for _, f := range slices.Concat(c.changed, c.added) {
		if s.Contains(f.id) {
			if err := s.Remove(f.id); err != nil {
				return err
			}
		}
		if err := f.register(s, job(f)); err != nil {
			return err
		}
	}
	return s.Order(c.order...)
}
