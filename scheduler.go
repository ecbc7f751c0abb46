package pawl

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// Scheduler collects flows until it is started. It is safe for use from any
// goroutine, and is spent by Start.
type Scheduler struct {
	database string
	options  options

	mu        sync.Mutex
	flows     []*registration
	byID      map[string]*registration // until it is started
	places    map[string]int           // of flows that are registered or were; nil: flows is in order, and none was removed
	formers   map[string]string        // former id -> flow; nil: nobody has asked
	shared    *shared                  // by flows that are alike
	resources []Resource               // shared by all flows
	errs      []error                  // of registrations, for Start
	started   bool

	disordered bool // flows is to be made anew from byID and places
}

// NewScheduler returns a scheduler without flows for the database at a path, a
// plain file name that Start makes if it is missing. Nothing is opened yet.
//
// While it runs nothing else in the same process may open that file, nor the
// -wal and -shm files beside it, by other means than this package and
// modernc.org/sqlite: closing any of them drops the locks of the process, and
// transitions that are committed afterwards can be lost.
func NewScheduler(database string, opts ...Option) *Scheduler {
	s := &Scheduler{
		database: database,
		options: options{
			logger: slog.Default(), stopTimeout: 30 * time.Second, isolation: engine.DefaultIsolation, queue: 1024, inboxPoll: 250 * time.Millisecond,
			wrapStore: func(s engine.Store) engine.Store { return s }, now: time.Now,
		},
		byID: map[string]*registration{}, shared: newShared(),
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&s.options); err != nil {
			s.errs = append(s.errs, err)
		}
	}
	return s
}

// AddResource adds a resource that all flows share: those are set up first and
// torn down last. A nil resource is an error of Start. After Start it is too late:
// the resource is not used, and that is logged as an error.
func (s *Scheduler) AddResource(r Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		s.options.logger.Error("pawl: AddResource after Start has no effect")
		return
	}
	if r == nil {
		s.errs = append(s.errs, errors.New("AddResource(nil)"))
		return
	}
	s.resources = append(s.resources, r)
}

// Len is the number of registered flows.
func (s *Scheduler) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inOrder())
}

// Contains says whether a flow is registered.
func (s *Scheduler) Contains(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registered(id) != nil
}

// registered finds a flow; nil: there is none. A million of them are not worth a map once
// they run.
func (s *Scheduler) registered(id string) *registration {
	if s.byID != nil {
		return s.byID[id]
	}
	for _, f := range s.flows {
		if f.ID == id {
			return f
		}
	}
	return nil
}

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
