package pawl

import (
	"time"

	"github.com/pawl-go/pawl/engine"
)

// WithStore lets a test stand between the engine and its store.
func WithStore(wrap func(engine.Store) engine.Store) Option {
	return func(o *options) error {
		o.wrapStore = wrap
		return nil
	}
}

// WithBuilt says when the program was built.
func WithBuilt(at time.Time) Option {
	return func(o *options) error {
		o.built = at
		return nil
	}
}

// WithNow lets a test shift the wall clock.
func WithNow(now func() time.Time) Option {
	return func(o *options) error {
		o.now = now
		return nil
	}
}

// Timed is what a scheduler makes of its store to know how long commits take.
func Timed(s *Scheduler, store engine.Store) engine.Store { return s.options.stopwatch.on(store) }
