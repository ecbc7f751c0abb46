package harness

import (
	"context"
	"sync"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/stretchr/testify/require"
)

// Disk fails commits, before or after they take effect.
type Disk struct {
	engine.Store
	Durable bool
	Mu      sync.Mutex
	Err     error
}

func (d *Disk) Wrap(real engine.Store) engine.Store {
	d.Store = real
	return d
}

func (d *Disk) Fail(err error) {
	d.Mu.Lock()
	defer d.Mu.Unlock()
	d.Err = err
}

func (d *Disk) Commit(ctx context.Context, b engine.Batch) error {
	d.Mu.Lock()
	defer d.Mu.Unlock()
	if d.Err == nil || d.Durable {
		if err := d.Store.Commit(ctx, b); err != nil {
			return err
		}
	}
	return d.Err
}

// Trigger asks for a run of a flow, which must be accepted.
func Trigger(t *testing.T, r *pawl.Runner, id string) {
	t.Helper()
	_, err := r.Trigger(t.Context(), id)
	require.NoError(t, err)
}
