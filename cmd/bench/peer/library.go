package peer

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// library is a peer that is open on a database of its own. Its jobs carry a
// number and do nothing but tell it.
type library interface {
	work() error                                    // begin to work what is there and what comes
	insert(ctx context.Context, number int64) error // durable when it returns
	finished(ctx context.Context) (int, error)      // jobs, as the database says
	close() error                                   // drops what is still to be done
}

// batchLibrary can insert many jobs with one call.
type batchLibrary interface {
	library
	insertMany(ctx context.Context, n int) error
}

// opener opens a peer in a directory. The first line of each of its jobs calls
// job.
type opener[L library] func(ctx context.Context, dir string, job func(number int64)) (L, error)

// durable are the measures of a durable queue, given how it is opened for each and
// about how many jobs it works in a second after a batch.
func durable[L batchLibrary](oneByOne, batch, light opener[L], perSecond int) map[string]Measure {
	return map[string]Measure{
		OneByOne: measureOneByOne(oneByOne),
		Batch:    measureBatch(batch, perSecond),
		Light:    measureLight(light),
	}
}

// subdirectory makes an empty directory in dir.
func subdirectory(dir, name string) (string, error) {
	dir = filepath.Join(dir, name)
	return dir, os.Mkdir(dir, 0o755)
}

// stopTimeout is how long a library may take to stop.
const stopTimeout = 5 * time.Second

// sleep returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// lasting is ctx without its end: the SQLite driver starts a goroutine for each
// statement under a context that may end, which no library should pay for.
func lasting(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
