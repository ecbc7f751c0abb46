// Package hook lets package pawltest stand between a scheduler and its parts, without
// a public name for it. The hooks travel in the context of Scheduler.Start.
package hook

import (
	"context"
	"time"

	"github.com/pawl-go/pawl/engine"
)

// Hooks are what stands in between. The zero value is nothing.
type Hooks struct {
	Store func(engine.Store) engine.Store
	Job   func(context.Context, func(context.Context) error) error // calls the job that it is given
	Now   func() time.Time                                         // the wall clock
	Built time.Time                                                // when the program was built
}

// Option makes an option of package pawl of hooks. Package pawl sets it.
var Option func(Hooks) any

type key struct{}

// With lets a scheduler that is started with the context have the hooks.
func With(ctx context.Context, h Hooks) context.Context { return context.WithValue(ctx, key{}, h) }

// From finds the hooks of a context.
func From(ctx context.Context) Hooks {
	h, _ := ctx.Value(key{}).(Hooks)
	return h
}

// WrapStore is a store with its hook around it.
func (h Hooks) WrapStore(s engine.Store) engine.Store {
	if h.Store == nil {
		return s
	}
	return h.Store(s)
}

// WrapJob is a job with its hook around it.
func (h Hooks) WrapJob(job func(context.Context) error) func(context.Context) error {
	if h.Job == nil {
		return job
	}
	return func(ctx context.Context) error { return h.Job(ctx, job) }
}
