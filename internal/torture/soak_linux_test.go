package torture_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// Matrix, "24 h soak with all of it": every kind of schedule and every policy, a queue,
// workflows, triggers, operators and other processes for PAWL_SOAK, while the database
// is locked, fails, is moved away, while the scheduler is stopped, dies and starts
// again, and other processes are killed beside it. History is deleted all the time.
// What was reported is there at the end, with one effect for each completed run, the file
// is sound, and memory, goroutines, descriptors and the file stay as they were after a
// quarter of the time. PAWL_SOAK_PLOT is a file for the curves.
//
// Without PAWL_SOAK it takes a second, in which nothing can be said of growth.
func TestSoak(t *testing.T) {
	length := soakLength(t)
	s := newSoak(t)
	end := s.began.Add(length)
	for life := max(length/25, min(length/2, 2*time.Minute)); time.Now().Before(end); {
		s.live(min(life, time.Until(end)))
	}
	if path := os.Getenv("PAWL_SOAK_PLOT"); path != "" {
		require.NoError(t, os.WriteFile(path, []byte(s.plot()), 0o644))
	}
	s.end()
	if length >= time.Minute {
		s.requireFlat()
	}
}

func soakLength(t *testing.T) time.Duration {
	text := os.Getenv("PAWL_SOAK")
	if text == "" {
		return time.Second
	}
	length, err := time.ParseDuration(text)
	require.NoError(t, err, "PAWL_SOAK")
	return length
}

// soak is a file, the scheduler that works on it, one life after the other, and those who
// use it.
type soak struct {
	t        *testing.T
	db       string
	disk     *harness.Disk
	chance   *rand.Rand // of the faults
	began    time.Time
	sampling time.Duration
	lives    int
	faults   []fault
	samples  []sample
	books    *books
	watch    watch

	ill    atomic.Int64 // faults that are at work
	total  atomic.Int64 // jobs that began
	posted atomic.Int64 // commands that were left in the inbox

	// Of the life.
	runner *pawl.Runner
	dead   *atomic.Bool  // its process died: nothing comes to the file any more
	stop   chan struct{} // closed for the users
	users  sync.WaitGroup
}

func newSoak(t *testing.T) *soak {
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	t.Logf("PAWL_SEED=%d", seed)
	return &soak{
		t: t, db: filepath.Join(t.TempDir(), "jobs.db"), books: newBooks(t),
		chance: rand.New(rand.NewPCG(uint64(seed), 0)), began: time.Now(), sampling: max(100*time.Millisecond, soakLength(t)/600),
	}
}

// live is a start and what follows, until the scheduler is stopped or, every second
// time, dies.
func (s *soak) live(length time.Duration) {
	end := time.Now().Add(length)
	s.start()
	s.work()
	for time.Now().Before(end) {
		s.fault(end)
	}
	from := time.Since(s.began)
	s.ill.Add(1)
	kind := faultStop
	if s.lives%2 == 0 {
		kind = faultDeath
		s.dead.Store(true)
	}
	close(s.stop)
	s.leave()
	s.users.Wait()
	s.checkRows()
	s.checkEffects()
	s.ill.Add(-1)
	s.faults = append(s.faults, fault{kind, from, time.Since(s.began)})
}

func (s *soak) start() {
	s.lives++
	s.disk, s.dead, s.stop = &harness.Disk{}, new(atomic.Bool), make(chan struct{})
	builder := pawl.NewScheduler(s.db, pawl.WithInboxPoll(20*time.Millisecond), pawl.WithLogger(slog.New(slog.DiscardHandler)),
		pawl.WithSharedFile(), pawl.WithStopTimeout(500*time.Millisecond), pawl.WithMaxRunning(40), pawl.WithGroupLimit("two", 2),
		pawl.WithObserver(s.watch.observe(s.t), 100*time.Millisecond), harness.WithStore(s.store))
	for _, f := range soakFlows {
		require.NoError(s.t, f.register(builder, s), f.id)
	}
	s.runner = harness.Start(s.t, builder)
	if s.lives == 1 {
		s.exec("CREATE TABLE effects (flow TEXT NOT NULL, run INTEGER NOT NULL, attempt INTEGER NOT NULL)")
	}
}

// end looks at the file that the last life left, as an orderly one.
func (s *soak) end() {
	s.start()
	last, err := s.runner.View().LastSeq(context.Background())
	require.NoError(s.t, err)
	s.follow(last)
	assert.Zero(s.t, s.runner.Dropped())
	s.leave()
	s.checkEffects()
	for _, f := range s.runner.List() {
		s.books.check(f, int64(s.lives))
	}
	s.t.Logf("%d jobs, %d transitions, %d effects, %d lives, %d faults", s.total.Load(), s.watch.last, s.books.effects, s.lives, len(s.faults))
}
