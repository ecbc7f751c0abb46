package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Resources are what tasks work with, by key: pools, clients, settings. They are the
// same for all runs of a workflow, so they must be safe for use by several at once.
//
// The zero value is an empty set.
type Resources struct {
	mu    sync.Mutex
	keys  []string // in the order of Provide
	byKey map[string]any

	life  sync.Mutex // one setup or teardown at a time
	users int        // setups without their teardown
}

// NewResources returns an empty set, such as for the test of a task.
func NewResources() *Resources { return &Resources{} }

// Provide adds a resource. If it has a method Setup(context.Context) error, that is called
// before the first run, in the order of Provide; Teardown(context.Context) error after the
// last one, in reverse; Health(context.Context) error by [Resources.CheckHealth]. Errors:
// the key is taken or empty, or the resource nil.
func (r *Resources) Provide(key string, resource any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch _, taken := r.byKey[key]; {
	case taken:
		return fmt.Errorf("resource %q is provided twice", key)
	case key == "":
		return errors.New("a resource has no key")
	case resource == nil:
		return fmt.Errorf("resource %q is nil", key)
	}
	if r.byKey == nil {
		r.byKey = make(map[string]any)
	}
	r.byKey[key] = resource
	r.keys = append(r.keys, key)
	return nil
}

// Get looks up a resource. Errors: there is none with this key, or it is not a T.
func Get[T any](r *Resources, key string) (T, error) {
	if r == nil {
		return *new(T), fmt.Errorf("no resource %q: the resources are nil", key)
	}
	r.mu.Lock()
	v, ok := r.byKey[key]
	keys := r.keys
	r.mu.Unlock()
	t, fits := v.(T)
	switch {
	case !ok:
		return t, fmt.Errorf("no resource %q; there are: %s", key, strings.Join(keys, ", "))
	case !fits:
		return t, fmt.Errorf("resource %q is %T, not %s", key, v, strings.TrimPrefix(fmt.Sprintf("%T", new(T)), "*"))
	}
	return t, nil
}

// Setup sets up the resources in order, unless they are already: of several setups only
// the first does it. If one fails, those before it are torn down again, with a context
// that lives for 30 seconds also when ctx has ended.
func (r *Resources) Setup(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	r.life.Lock()
	defer r.life.Unlock()
	if r.users > 0 {
		r.users++
		return nil
	}
	keys := r.list()
	if len(keys) == 0 {
		return nil
	}
	for i, key := range keys {
		v, err := Get[interface{ Setup(context.Context) error }](r, key)
		if err != nil {
			continue
		}
		if err := safely(ctx, v.Setup); err != nil {
			ctx, cancel := outliving(ctx)
			defer cancel()
			return errors.Join(fmt.Errorf("set up resource %q: %w", key, err), r.teardown(ctx, keys[:i]))
		}
	}
	r.users = 1
	return nil
}

// Teardown tears them down in reverse, all of them also if one fails, when it was called
// as often as Setup.
func (r *Resources) Teardown(ctx context.Context) error {
	r.life.Lock()
	defer r.life.Unlock()
	if r.users == 0 {
		return nil
	}
	if r.users--; r.users > 0 {
		return nil
	}
	return r.teardown(ctx, r.list())
}

func (r *Resources) teardown(ctx context.Context, keys []string) error {
	var errs []error
	for _, key := range slices.Backward(keys) {
		v, err := Get[interface{ Teardown(context.Context) error }](r, key)
		if err != nil {
			continue
		}
		if err := safely(ctx, v.Teardown); err != nil {
			errs = append(errs, fmt.Errorf("tear down resource %q: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// CheckHealth asks all resources that have a method Health(context.Context) error, and
// joins what they say.
func (r *Resources) CheckHealth(ctx context.Context) error {
	var errs []error
	for _, key := range r.list() {
		v, err := Get[interface{ Health(context.Context) error }](r, key)
		if err != nil {
			continue
		}
		if err := safely(ctx, v.Health); err != nil {
			errs = append(errs, fmt.Errorf("resource %q: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// teardownLimit is what a teardown gets that follows the end of its context.
const teardownLimit = 30 * time.Second

// outliving is a context for a teardown, which does not end with ctx.
func outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), teardownLimit)
}

// list is the keys in order.
func (r *Resources) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys)
}
