// Package peer measures other libraries at the work that Pawl is measured at:
// each as its own README recommends, and tuned to its best.
package peer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Peer is another library with the settings that it is measured with.
type Peer struct {
	Name     string // as the tables show it: "River, SQLite"
	Module   string // import path of the module, for its version
	Settings string // one line: durability, connections, workers, polling

	// What can be measured with it, by name; see the constants.
	Measures map[string]Measure
}

// Measure takes about length and returns what it found, by name. It has a process
// and an empty directory of its own, and gives up after four times length and
// 20 s: what then still runs ends with the process.
type Measure func(ctx context.Context, dir string, length time.Duration) (map[string]float64, error)

// The measures, and what each returns.
const (
	// OneByOne is jobs inserted one by one, by 1 and by 100 goroutines, the
	// better counts, and worked at the same time: "rate" in jobs that the
	// database says are finished, a second; "cpu", microseconds a job; "written",
	// bytes a job; "inserters", how many goroutines were better. At most 500 jobs
	// wait for their start, with 100 goroutines 1,000.
	OneByOne = "one-by-one"

	// Batch is jobs inserted 1,000 at a time and then worked: "insert" and "work",
	// jobs a second; "cpu" and "written" of both, a job.
	Batch = "batch"

	// Light is 50 jobs a second on an idle machine: "p50" and "p99" in
	// milliseconds from the call that inserts to the first line of the job.
	Light = "light"

	// Idle is 100,000 jobs that wait for the next hour: "resident", bytes each;
	// "start", milliseconds to register and start them all.
	Idle = "idle"

	// Firing is 10,000 jobs due in each second, Firing100k as many as its name
	// says: "p50", "p99", milliseconds after the second in which it was due;
	// "fired", fraction of those due; "cpu", microseconds a firing. The nth
	// firing of a job is due in the nth second.
	Firing     = "firing"
	Firing100k = "firing-100k"
)

// ErrNotHere means that this machine lacks what a peer needs, such as a server.
var ErrNotHere = errors.New("not on this machine")

// All are the peers in the order in which tables show them.
func All() []Peer {
	all := []Peer{riverSQLite(), backlitePeer(), goqitePeer(), dbosPeer(), riverPostgres(), cronPeer(), gocronPeer()}
	for _, p := range all {
		for name, m := range p.Measures {
			p.Measures[name] = bounded(m)
		}
	}
	return all
}

// bounded gives up on a measure, so that a library which never ends a call does
// not keep the others from their turn.
func bounded(m Measure) Measure {
	return func(ctx context.Context, dir string, length time.Duration) (map[string]float64, error) {
		ctx, cancel := context.WithTimeout(ctx, 4*length+15*time.Second)
		defer cancel()
		type result struct {
			values map[string]float64
			err    error
		}
		done := make(chan result, 1) // so that a late one does not wait for us
		go func() {
			values, err := m(ctx, dir, length)
			done <- result{values, err}
		}()
		select {
		case r := <-done:
			return r.values, r.err
		case <-ctx.Done():
		}
		select { // it may be just about to clean up
		case r := <-done:
			return r.values, r.err
		case <-time.After(5 * time.Second):
			return nil, fmt.Errorf("did not end: %w", ctx.Err())
		}
	}
}
