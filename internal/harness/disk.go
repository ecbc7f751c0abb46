package harness

import (
	"context"
	"sync"

	"github.com/pawl-go/pawl/engine"
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
