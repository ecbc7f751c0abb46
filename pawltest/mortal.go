package pawltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
)

// kill is when a process dies.
type kill struct {
	commit int  // of which commit, from 1
	after  bool // right after it; else right before
}

// never is the kill of a process that is not killed.
var never = kill{commit: 1 << 62}

func (k kill) String() string {
	if k.after {
		return fmt.Sprintf("after commit %d", k.commit)
	}
	return fmt.Sprintf("before commit %d", k.commit)
}

var errDead = errors.New("the process is dead")

// mortal is a process that can die. It stands before the store and around each job.
type mortal struct {
	engine.Store
	kill    kill
	die     func() // told of the death
	commits int    // asked for so far; of the one goroutine that commits
	last    string // what the last of them was about

	mu      sync.Mutex
	dead    bool
	running map[string]int // jobs, by flow
	left    chan struct{}  // closed when a job has returned, and replaced
}

func newMortal(k kill) *mortal {
	return &mortal{kill: k, running: map[string]int{}, left: make(chan struct{})}
}

// stand puts it before a store.
func (m *mortal) stand(real engine.Store) engine.Store {
	m.Store = real
	return m
}

// Commit implements [engine.Store].
func (m *mortal) Commit(ctx context.Context, b engine.Batch) error {
	return m.pass(about(b), func() error { return m.Store.Commit(ctx, b) })
}

// Forget implements [engine.Store].
func (m *mortal) Forget(ctx context.Context, flow int64, answer *engine.Answer) error {
	return m.pass("forget", func() error { return m.Store.Forget(ctx, flow, answer) })
}

// Farewell implements [engine.Store].
func (m *mortal) Farewell(f engine.Farewell) error {
	if m.isDead() {
		return errDead
	}
	return m.Store.Farewell(f)
}

// pass lets a commit through, unless it is the one to die of. One that failed is none,
// so what comes after it is the next one's.
func (m *mortal) pass(what string, write func() error) error {
	if m.isDead() {
		return errDead
	}
	m.commits++
	m.last = what
	if m.commits < m.kill.commit {
		return write()
	}
	if m.kill.after {
		if err := write(); err != nil {
			return err
		}
	}
	return m.perish()
}

// perish ends the engine by ending the goroutine that commits: it gives itself up, and
// tells those who wait. The first commit is that of Start, on the goroutine of its
// caller, and there an error does the same.
func (m *mortal) perish() error {
	m.mu.Lock()
	m.dead = true
	m.mu.Unlock()
	m.die()
	if m.commits > 1 {
		runtime.Goexit()
	}
	return errDead
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// run runs a job, unless the process is dead.
func (m *mortal) run(ctx context.Context, job func(context.Context) error) error {
	info, _ := pawl.RunFrom(ctx)
	m.mu.Lock()
	if m.dead {
		m.mu.Unlock()
		return errDead
	}
	m.running[info.FlowID]++
	m.mu.Unlock()
	defer m.leave(info.FlowID)
	return job(ctx)
}

func (m *mortal) leave(flow string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running[flow]--; m.running[flow] == 0 {
		delete(m.running, flow)
	}
	close(m.left)
	m.left = make(chan struct{})
}

// jobLimit is how long jobs of a dead engine may go on.
const jobLimit = 10 * time.Second

// awaitJobs waits until none runs any more: what they do may come before the next
// start, as if the kill had been a bit later, but not after.
func (m *mortal) awaitJobs() error {
	timer := time.NewTimer(jobLimit)
	defer timer.Stop()
	for {
		flows, left := m.atWork()
		if len(flows) == 0 {
			return nil
		}
		select {
		case <-left:
		case <-timer.C:
			return fmt.Errorf("jobs of %s have not returned %s after the end of their contexts", strings.Join(flows, ", "), jobLimit)
		}
	}
}

// atWork names the flows whose jobs run, and gives the channel that tells of one that
// has returned.
func (m *mortal) atWork() ([]string, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.running)), m.left
}

// about says what a commit is about.
func about(b engine.Batch) string {
	var parts []string
	for i := range b.Changes {
		c := &b.Changes[i]
		part := c.Event + " of " + c.ID
		if c.RunNumber != 0 {
			part += fmt.Sprintf(", run %d", c.RunNumber)
		}
		if parts = append(parts, part); len(parts) == 3 {
			parts = append(parts, "...")
			break
		}
	}
	if b.Owner != nil {
		parts = append(parts, "the owner's row")
	}
	return strings.Join(parts, "; ")
}
