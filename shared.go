package pawl

import (
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// shared is what flows that were registered alike have in common, and its memory.
type shared struct {
	crons    map[string]schedule.Schedule // by expression, of those without options
	byText   map[[3]string]schedule.Schedule
	backoffs map[core.BackoffPolicy]*core.BackoffPolicy
	retries  map[core.Retry]*core.Retry
	plans    map[core.Plan]*core.Plan
}

func newShared() *shared {
	return &shared{
		crons:    map[string]schedule.Schedule{},
		byText:   map[[3]string]schedule.Schedule{},
		backoffs: map[core.BackoffPolicy]*core.BackoffPolicy{},
		retries:  map[core.Retry]*core.Retry{},
		plans:    map[core.Plan]*core.Plan{},
	}
}

// schedule is one for all that read alike and mean the same.
func (s *shared) schedule(of schedule.Schedule) schedule.Schedule {
	if schedule.DependsOnFlow(of) {
		return of
	}
	key := [3]string{of.Kind(), of.String(), of.Zone()}
	if s.byText[key] == nil {
		s.byText[key] = of
	}
	return s.byText[key]
}

// plan is one for all that are equal.
func (s *shared) plan(p core.Plan) *core.Plan {
	if b := p.Backoff; b != nil {
		p.Backoff = one(s.backoffs, *b)
	}
	if r := p.Retry; r != nil {
		p.Retry = one(s.retries, *r)
	}
	return one(s.plans, p)
}

func one[T comparable](known map[T]*T, value T) *T {
	if known[value] == nil {
		known[value] = &value
	}
	return known[value]
}
