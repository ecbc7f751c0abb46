package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// Matrix, "24 h soak with all of it": every kind of schedule, triggers, resets and
// commands in the inbox for PAWL_SOAK, while the database is locked, fails, is
// moved away, and other processes are killed beside it. What was reported is there
// at the end, the file is sound, and memory, goroutines and descriptors stay as
// they were after a quarter of the time. PAWL_SOAK_PLOT is a file for the curves.
//
// Without PAWL_SOAK it takes a second, in which nothing can be said of growth.
func TestSoak(t *testing.T) {
	length := soakLength(t)
	s := newSoak(t)
	s.work(max(100*time.Millisecond, length/600))
	for end := s.began.Add(length); time.Now().Before(end); {
		s.fault(end)
	}
	close(s.stop)
	s.users.Wait()
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

// soak is a scheduler at work, and those who use it.
type soak struct {
	t       *testing.T
	db      string
	runner  *pawl.Runner
	disk    *disk
	chance  *rand.Rand // of the faults
	began   time.Time
	faults  []fault
	samples []sample
	stop    chan struct{} // closed for the users and the sampler
	users   sync.WaitGroup

	mu       sync.Mutex
	jobs     map[string]int64 // by flow: the number of the newest run whose job began
	begun    map[string]int64 // by flow: how many jobs began
	reported map[string]int64 // by flow: the highest number that Trigger returned
	total    atomic.Int64     // of begun
}

// fault is a time in which something was wrong.
type fault struct {
	kind     int           // see faultNames
	from, to time.Duration // since the beginning
}

var soakFlows = []crashFlow{
	{ID: "often", Every: 20 * time.Millisecond},
	{ID: "slow", Every: 50 * time.Millisecond, Job: "slow"},
	{ID: "flaky", Every: 30 * time.Millisecond, Job: "flaky", Backoff: quickBackoff(0)},
	{ID: "trips", Every: 100 * time.Millisecond, Job: "fails", Backoff: quickBackoff(5)},
	{ID: "panics", Every: 5 * time.Second, Job: "panics"},
	{ID: "secondly", Cron: "* * * * * *"},
	{ID: "secondly fails", Cron: "* * * * * *", Job: "fails", Backoff: quickBackoff(0)},
	{ID: "asked"}, {ID: "asked slow", Job: "slow"}, {ID: "asked flaky", Job: "flaky", Backoff: quickBackoff(3)},
	{ID: inboxOnly},
}

func quickBackoff(limit int) *pawl.BackoffPolicy {
	return &pawl.BackoffPolicy{Initial: 50 * time.Millisecond, MaxDelay: 500 * time.Millisecond, Jitter: 0.5, StreakLimit: limit}
}

func newSoak(t *testing.T) *soak {
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	t.Logf("PAWL_SEED=%d", seed)
	s := &soak{t: t, db: filepath.Join(t.TempDir(), "jobs.db"), disk: &disk{}, stop: make(chan struct{}),
		chance: rand.New(rand.NewPCG(uint64(seed), 0)), jobs: map[string]int64{}, begun: map[string]int64{}, reported: map[string]int64{}}
	builder := pawl.NewScheduler(s.db, pawl.WithInboxPoll(20*time.Millisecond), pawl.WithLogger(slog.New(slog.DiscardHandler)),
		pawl.WithStore(s.disk.wrap))
	for _, f := range soakFlows {
		require.NoError(t, f.register(builder, s.job(f)))
	}
	s.runner, s.began = start(t, builder), time.Now()
	return s
}

// job notes that it begins; runs of a flow follow one another.
func (s *soak) job(f crashFlow) pawl.Job {
	return job(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		s.mu.Lock()
		if run.Number <= s.jobs[f.ID] {
			s.t.Errorf("run %d of %q after run %d", run.Number, f.ID, s.jobs[f.ID])
		}
		s.jobs[f.ID] = run.Number
		s.begun[f.ID]++
		s.mu.Unlock()
		s.total.Add(1)
		switch {
		case f.Job == "slow":
			<-time.After(10 * time.Millisecond)
		case f.Job == "panics":
			panic("no manners")
		case f.Job == "fails", f.Job == "flaky" && run.Number%3 != 0:
			return errors.New("no luck")
		}
		return nil
	})
}

// work sets the users and the sampler to work.
func (s *soak) work(sampling time.Duration) {
	for _, id := range []string{"asked", "asked slow", "asked flaky"} {
		s.every(10*time.Millisecond, func(ctx context.Context) { s.trigger(ctx, id) })
	}
	s.every(time.Second, func(ctx context.Context) {
		for _, id := range []string{"trips", "asked flaky"} {
			s.tolerate(s.runner.Reset(ctx, id))
		}
	})
	s.every(50*time.Millisecond, s.visit)
	s.every(sampling, s.sample)
}

// every calls a user again and again until the end.
func (s *soak) every(pause time.Duration, use func(context.Context)) {
	s.users.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // much longer than any fault
				use(ctx)
				cancel()
			}
		}
	})
}

func (s *soak) trigger(ctx context.Context, id string) {
	run, err := s.runner.Trigger(ctx, id)
	if err != nil {
		s.tolerate(err)
		return
	}
	s.mu.Lock()
	s.reported[id] = max(s.reported[id], run)
	s.mu.Unlock()
	_, err = s.runner.WaitRun(ctx, id, run)
	s.tolerate(err)
}

// visit is what another process would do: look around, and ask through the inbox.
func (s *soak) visit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := pawl.Open(s.db)
	if err != nil {
		return // it is locked or away
	}
	defer c.Close()
	run, _ := c.Trigger(ctx, inboxOnly) // refused, as like as not
	s.mu.Lock()
	s.reported[inboxOnly] = max(s.reported[inboxOnly], run)
	s.mu.Unlock()
	_, _ = c.Runs(ctx, pawl.RunsQuery{Flow: "often"})
	_, _ = c.List(ctx)
}

// tolerate takes the refusals that are normal, and errors of a database that is
// unwell.
func (s *soak) tolerate(err error) {
	for _, normal := range []error{pawl.ErrTripped, pawl.ErrAlreadyRunning} {
		if errors.Is(err, normal) {
			return
		}
	}
	if err != nil && s.runner.Degraded() == nil && !errors.Is(err, syscall.EIO) {
		s.t.Errorf("%v", err)
	}
}

// fault makes one thing go wrong for a while, and then none for another.
func (s *soak) fault(end time.Time) {
	kind, from := s.chance.IntN(len(faultNames)), time.Since(s.began)
	length := time.Duration(s.chance.Int64N(int64(2 * time.Second))) // chosen in any case, so that a seed repeats them
	[]func(time.Duration){s.lock, s.fail, s.move, s.kill}[kind](min(length, time.Until(end)/2))
	s.faults = append(s.faults, fault{kind, from, time.Since(s.began)})
	s.rest(min(2*time.Second, time.Until(end)))
}

// rest lets time pass.
func (s *soak) rest(d time.Duration) { <-time.After(d) }

func (s *soak) lock(d time.Duration) {
	other, err := sql.Open("sqlite", s.db)
	require.NoError(s.t, err)
	defer other.Close()
	other.SetMaxOpenConns(1)
	_, err = other.Exec("PRAGMA busy_timeout = 10000")
	require.NoError(s.t, err)
	_, err = other.Exec("BEGIN EXCLUSIVE")
	require.NoError(s.t, err)
	s.rest(3 * d) // at times longer than the scheduler waits
	_, err = other.Exec("ROLLBACK")
	require.NoError(s.t, err)
}

func (s *soak) fail(d time.Duration) {
	s.disk.fail(syscall.EIO)
	s.rest(d)
	s.disk.fail(nil)
}

func (s *soak) move(d time.Duration) {
	require.NoError(s.t, os.Rename(s.db, s.db+".away"))
	s.rest(d)
	require.NoError(s.t, os.Rename(s.db+".away", s.db))
}

// kill lets children on a file of their own be killed and holds that against what
// they said.
func (s *soak) kill(time.Duration) {
	s.t.Run("kills", func(t *testing.T) {
		c := newCampaign(t, stormFlows)
		for range 3 {
			delay := time.Duration(s.chance.Int64N(int64(40 * time.Millisecond)))
			require.True(t, c.child(child{Script: "storm"}, func(ready <-chan struct{}) { <-ready; <-time.After(delay) }))
		}
	})
}

// end stops the scheduler. What was reported is there, every run has begun once, and
// the file is sound.
func (s *soak) end() {
	t := s.t
	require.NoError(t, s.runner.Degraded())
	stop(t, s.runner, s.db)
	for _, f := range s.runner.List() {
		assert.Equal(t, s.begun[f.ID], f.RunCount, "jobs of %q that began", f.ID)
		assert.LessOrEqual(t, s.reported[f.ID], f.LastNumber, "of %q", f.ID)
	}
	t.Logf("%d runs, %d faults", s.total.Load(), len(s.faults))
}
