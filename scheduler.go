package pawl

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/pawl-go/pawl/engine"
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
