//go:build unix

package torture_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
)

// The tests of this file take the disk away from a scheduler at work and give it
// back: the rows "disk full" and "read-only ..., deleted or replaced while
// running" of the matrix of faults.

// A ward is a scheduler whose database is about to fall ill.
type ward struct {
	t      *testing.T
	db     string
	runner *pawl.Runner
	log    *harness.Logbook
	finish chan struct{} // ends the job of long
	mu     sync.Mutex
	began  []string // "flow/number" of each job that began
}

// admit starts a scheduler with a flow that ticks, one with a run in flight, and
// one that is triggered.
func admit(t *testing.T, db string, opts ...pawl.Option) *ward {
	w := &ward{t: t, db: db, log: &harness.Logbook{}, finish: make(chan struct{})}
	w.runner = harness.Start(t, w.scheduler(opts...))
	_, err := w.runner.Trigger(t.Context(), "long")
	require.NoError(t, err)
	time.Sleep(10 * time.Second)
	synctest.Wait()
	require.NoError(t, w.runner.Degraded())
	return w
}

func (w *ward) scheduler(opts ...pawl.Option) *pawl.Scheduler {
	s := harness.Quiet(w.db, append([]pawl.Option{pawl.WithLogger(slog.New(w.log))}, opts...)...)
	require.NoError(w.t, s.Every("tick", time.Second, w.job(harness.OK)))
	finish := func(context.Context) error { <-w.finish; return nil }
	require.NoError(w.t, s.Manual("long", w.job(finish), pawl.WithBackoff(pawl.TripAfter(1))))
	require.NoError(w.t, s.Manual("asked", w.job(harness.OK)))
	return s
}

// job notes that it begins before it does anything.
func (w *ward) job(then func(context.Context) error) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		w.mu.Lock()
		w.began = append(w.began, harness.RunName(run.FlowID, run.Number))
		w.mu.Unlock()
		return then(ctx)
	})
}

func (w *ward) jobs() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.began)
}

// suffer holds the scheduler against scheduler D7 while its database takes no writes, and
// ends the run that is in flight.
func (w *ward) suffer(says string) {
	t := w.t
	_, err := w.runner.Trigger(t.Context(), "asked")
	require.ErrorContains(t, err, says)
	require.ErrorContains(t, w.runner.Degraded(), says)
	before := w.jobs()
	close(w.finish)
	time.Sleep(time.Minute)
	synctest.Wait()
	assert.Equal(t, before, w.jobs(), "no job starts whose reserve is not committed")
	assert.Equal(t, pawl.StatusRunning, harness.Status(t, w.runner, "long").Status, "nothing is shown that is not committed")
	began := time.Now()
	_, err = w.runner.Trigger(t.Context(), "asked")
	require.ErrorContains(t, err, says)
	require.ErrorContains(t, w.runner.Reset(t.Context(), "asked"), says)
	assert.LessOrEqual(t, time.Since(began), 10*time.Second, "callers learn it soon")
	assert.Len(t, w.log.Lines("degraded: "), 1, "one line per spell")
	assert.Contains(t, w.log.Lines("degraded: ")[0], says)
}

// heal holds the scheduler against scheduler D7 when its database takes writes again.
func (w *ward) heal() {
	t := w.t
	before := len(w.jobs())
	time.Sleep(time.Minute)
	synctest.Wait()
	require.NoError(t, w.runner.Degraded())
	assert.Greater(t, len(w.jobs()), before+30, "it goes on by itself")
	assert.Equal(t, pawl.StatusCompleted, harness.Status(t, w.runner, "long").Status, "what ended meanwhile is committed")
	run, err := w.runner.Trigger(t.Context(), "asked")
	require.NoError(t, err)
	_, err = w.runner.WaitRun(t.Context(), "asked", run)
	require.NoError(t, err)
	assert.Len(t, w.log.Lines("degraded: "), 1, "one line per spell")
	assert.Len(t, w.log.Lines("takes writes again"), 1)
	w.discharge()
}

// leave stops the scheduler while it suffers, and starts it again when the disk is
// well: what ended meanwhile is known, and nobody is blamed.
func (w *ward) leave(mend func()) {
	t := w.t
	err := w.runner.Stop(context.Background())
	require.ErrorContains(t, err, "no last write")
	require.NotErrorIs(t, err, pawl.ErrStopTimeout, "no job runs any more")
	mend()
	w.runner = harness.Start(t, w.scheduler())
	long := harness.Status(t, w.runner, "long")
	assert.Equal(t, pawl.StatusCompleted, long.Status, "%+v", long)
	w.discharge()
}

// discharge stops the scheduler. Each run in the file is one that began, once.
func (w *ward) discharge() {
	harness.Stop(w.t, w.runner, w.db)
	c := harness.OpenClient(w.t, w.db)
	defer c.Close()
	runs, err := c.Runs(w.t.Context(), pawl.RunsQuery{Limit: 1 << 20})
	require.NoError(w.t, err)
	var recorded []string
	for _, run := range runs {
		recorded = append(recorded, harness.RunName(run.FlowID, run.Number))
		assert.Equal(w.t, pawl.RunCompleted, run.Status, "%+v", run)
	}
	assert.ElementsMatch(w.t, w.jobs(), recorded, "nothing lost, nothing double")
}

// told is what another process is told of the owner.
func (w *ward) told() string {
	c := harness.OpenClient(w.t, w.db)
	defer c.Close()
	owner, owned, err := c.Owner(w.t.Context())
	require.NoError(w.t, err)
	require.True(w.t, owned)
	return owner.Degraded
}

// Matrix, "disk full, EIO": whatever the disk says, scheduler D7 holds.
func TestFailingDiskStopsDispatchUntilItIsWell(t *testing.T) {
	for _, test := range []struct {
		name    string
		durable bool // the commit takes effect all the same
	}{{"nothing is written", false}, {"all is written, and an error returned", true}} {
		t.Run(test.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				disk := &harness.Disk{Durable: test.durable}
				w := admit(t, db, harness.WithStore(func(s engine.Store) engine.Store { disk.Store = s; return disk }))
				disk.Fail(fmt.Errorf("write %s: %w", db, syscall.EIO))
				if test.durable {
					w.doubt()
				} else {
					w.suffer("input/output error")
					assert.Contains(t, w.told(), "input/output error")
				}
				disk.Fail(nil)
				w.heal()
			})
		})
	}
}

// doubt lets commits take effect whose callers are told of an error. Runs that
// they reserved are started.
func (w *ward) doubt() {
	_, err := w.runner.Trigger(w.t.Context(), "asked")
	require.ErrorContains(w.t, err, "input/output error")
	close(w.finish)
	time.Sleep(time.Minute)
	synctest.Wait()
	require.ErrorContains(w.t, w.runner.Degraded(), "input/output error")
	assert.Len(w.t, w.log.Lines("degraded: "), 1, "one line per spell")
}

// Matrix, "database locked by another program": scheduler D7, and it says what to do.
func TestLockedDatabaseIsDegraded(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		w := admit(t, db)
		other, err := sql.Open("sqlite", db)
		require.NoError(t, err)
		other.SetMaxOpenConns(1)
		_, err = other.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
		require.NoError(t, err)
		w.suffer("locked by another program; end its transaction")
		assert.Contains(t, w.told(), "locked by another program")
		_, err = other.ExecContext(t.Context(), "ROLLBACK")
		require.NoError(t, err)
		require.NoError(t, other.Close())
		time.Sleep(10 * time.Second)
		assert.Empty(t, w.told())
		w.heal()
	})
}

// Matrix, "deleted or replaced while running": nothing is acknowledged that is not
// in the file at the path, and what is put back goes on.
func TestMovedDatabaseStopsDispatchUntilItIsBack(t *testing.T) {
	for _, test := range []struct{ name, suffix string }{
		{"the file", ""}, {"its log", "-wal"}, {"its lock", ".lock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				w := admit(t, db)
				require.NoError(t, os.Rename(db+test.suffix, db+".away"))
				w.suffer(db + test.suffix + " was deleted or replaced")
				require.NoError(t, os.Rename(db+".away", db+test.suffix))
				w.heal()
			})
		})
	}
}

// Matrix, "disk full, ...: outcomes kept and written later" and "deleted or replaced
// while running": a stop meanwhile loses no outcome either, and no job is blamed.
func TestStopOfADegradedSchedulerLosesNoOutcome(t *testing.T) {
	moved := func(suffix string) func(*ward, *harness.Disk) (string, func()) {
		return func(w *ward, _ *harness.Disk) (string, func()) {
			require.NoError(w.t, os.Rename(w.db+suffix, w.db+".away"))
			return "deleted or replaced", func() { require.NoError(w.t, os.Rename(w.db+".away", w.db+suffix)) }
		}
	}
	for name, break_ := range map[string]func(*ward, *harness.Disk) (says string, mend func()){
		"failing disk": func(_ *ward, d *harness.Disk) (string, func()) {
			d.Fail(syscall.EIO)
			return "input/output error", func() {}
		},
		"locked": func(w *ward, _ *harness.Disk) (string, func()) {
			other, err := sql.Open("sqlite", w.db)
			require.NoError(w.t, err)
			other.SetMaxOpenConns(1)
			_, err = other.ExecContext(w.t.Context(), "BEGIN EXCLUSIVE")
			require.NoError(w.t, err)
			return "locked by another program", func() { require.NoError(w.t, other.Close()) }
		},
		"file moved": moved(""), "log moved": moved("-wal"), "lock moved": moved(".lock"),
	} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				d := &harness.Disk{}
				w := admit(t, db, harness.WithStore(d.Wrap))
				says, mend := break_(w, d)
				w.suffer(says)
				w.leave(mend)
			})
		})
	}
}

// A run that outlasts such a stop starts again in the next process, and did not fail: the
// lock file tells that the stop cut it short. found Q1.
func TestRunThatOutlastsTheStopOfADegradedSchedulerIsSpared(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		disk := &harness.Disk{}
		w := admit(t, db, harness.WithStore(disk.Wrap), pawl.WithStopTimeout(time.Second))
		disk.Fail(syscall.EIO)
		require.ErrorIs(t, w.runner.Stop(context.Background()), pawl.ErrStopTimeout)
		close(w.finish)
		w.runner = harness.Start(t, w.scheduler())
		long := harness.Status(t, w.runner, "long")
		assert.NotEqual(t, pawl.StatusTripped, long.Status, "it would trip at one failure")
		assert.Zero(t, long.FailureStreak)
		assert.Equal(t, 1, harness.WaitRun(t, w.runner, "long", 1).Restarts)
		harness.Stop(t, w.runner, w.db)
	})
}

// A commit that is under way when the file goes is not acknowledged.
func TestCommitThatMeetsTheMoveIsNotAcknowledged(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		w := admit(t, db)
		other, err := sql.Open("sqlite", db)
		require.NoError(t, err)
		other.SetMaxOpenConns(1)
		_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		require.NoError(t, err)
		time.AfterFunc(time.Second, func() { // the commit waits
			_ = os.Rename(db, db+".away")
			_, _ = other.ExecContext(context.Background(), "ROLLBACK")
		})
		_, err = w.runner.Trigger(t.Context(), "asked")
		require.ErrorContains(t, err, "deleted or replaced")
		require.NoError(t, os.Rename(db+".away", db))
		require.NoError(t, other.Close())
		close(w.finish)
		w.heal()
	})
}

// The same with another file in its place, which is left alone whatever happens
// then: a backup that was put back too early, with its log.
func TestReplacedDatabaseIsLeftAlone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		w := admit(t, db)
		harness.CopyDatabase(t, db, db+".backup") // drops locks, but nobody else is there
		for _, suffix := range []string{"", "-wal"} {
			require.NoError(t, os.Rename(db+".backup"+suffix, db+suffix))
		}
		before := contentOf(t, db)
		w.suffer("deleted or replaced while it runs; put it back, and the runner goes on by itself")
		require.ErrorContains(t, w.runner.Stop(t.Context()), "took no last write")
		assert.Equal(t, before, contentOf(t, db))

		r := harness.Start(t, harness.Quiet(db))
		assert.Equal(t, pawl.StatusFailed, harness.Status(t, r, "long").Status, "interrupted, as the backup has it")
		harness.Stop(t, r, db)
	})
}

// The same with nothing put in its place: nobody is told that it goes on, a stop
// comes to an end, and the next start makes a new database.
func TestDeletedDatabaseIsNotWrittenBlindly(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		w := admit(t, db)
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			require.NoError(t, os.Remove(db+suffix))
		}
		w.suffer(db + " was deleted or replaced while it runs")
		require.ErrorContains(t, w.runner.Stop(t.Context()), "took no last write")
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			assert.NoFileExists(t, db+suffix)
		}
		r := harness.Start(t, harness.Quiet(db))
		assert.Empty(t, r.List())
		harness.Stop(t, r, db)
	})
}

// A scheduler that has nothing to write notices all the same, by its inbox.
func TestIdleSchedulerNoticesThatItsDatabaseIsGone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		log := &harness.Logbook{}
		s := harness.Quiet(db, pawl.WithInboxPoll(time.Second), pawl.WithLogger(slog.New(log)))
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		require.NoError(t, os.Rename(db, db+".away"))
		time.Sleep(10 * time.Second)
		require.ErrorContains(t, r.Degraded(), "deleted or replaced")
		require.NoError(t, os.Rename(db+".away", db))
		time.Sleep(10 * time.Second)
		require.NoError(t, r.Degraded())
		assert.Len(t, log.Lines("degraded: "), 1)
		harness.Stop(t, r, db)
	})
}

// The end of a spell is noticed and told though there is nothing to write.
func TestIdleSchedulerNoticesThatItsDiskIsWell(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		disk, log := &harness.Disk{}, &harness.Logbook{}
		s := harness.Quiet(db, pawl.WithLogger(slog.New(log)), harness.WithStore(func(s engine.Store) engine.Store { disk.Store = s; return disk }))
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		disk.Fail(syscall.EIO)
		require.ErrorIs(t, r.Reset(t.Context(), "a"), syscall.EIO)
		disk.Fail(nil)
		time.Sleep(10 * time.Second)
		require.NoError(t, r.Degraded())
		assert.Len(t, log.Lines("takes writes again"), 1)
		harness.Stop(t, r, db)
	})
}

// An inbox that cannot be read, though the database takes writes, is told once; flows
// go on, and what waited is carried out when it can be read again. faults I5, faults I6.
func TestInboxThatCannotBeReadIsToldOnce(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		deaf, log := &deafStore{}, &harness.Logbook{}
		s := harness.Quiet(db, pawl.WithInboxPoll(time.Second), pawl.WithLogger(slog.New(log)),
			harness.WithStore(func(s engine.Store) engine.Store { deaf.Store = s; return deaf }))
		require.NoError(t, s.Every("tick", time.Second, harness.Job(harness.OK)))
		require.NoError(t, s.Manual("asked", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		deaf.fails.Store(true)
		client := harness.OpenClient(t, db)
		harness.Post(t, client, "trigger", "asked")
		require.NoError(t, client.Close())
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, log.Lines("the inbox cannot be read"), 1)
		require.NoError(t, r.Degraded())
		assert.Greater(t, harness.Status(t, r, "tick").RunCount, int64(50))
		assert.Zero(t, harness.Status(t, r, "asked").RunCount)
		deaf.fails.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, int64(1), harness.Status(t, r, "asked").RunCount)
		harness.Stop(t, r, db)
	})
}

// deafStore is one whose inbox cannot be read for a while.
type deafStore struct {
	engine.Store
	fails atomic.Bool
}

func (d *deafStore) Inbox(ctx context.Context, again bool) ([]engine.Command, error) {
	if d.fails.Load() {
		return nil, syscall.EIO
	}
	return d.Store.Inbox(ctx, again)
}

// A log that is deleted for good is still open: the stop moves it into the file, so
// that nothing which was reported is lost.
func TestDeletedLogIsMovedIntoTheFile(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		w := admit(t, db)
		before := harness.Status(t, w.runner, "tick").RunCount
		require.NoError(t, os.Remove(db+"-wal"))
		w.suffer(db + "-wal was deleted or replaced while it runs")
		require.ErrorContains(t, w.runner.Stop(t.Context()), "took no last write")
		r := harness.Start(t, harness.Quiet(db))
		assert.Equal(t, before, harness.Status(t, r, "tick").RunCount)
		assert.Equal(t, pawl.StatusFailed, harness.Status(t, r, "long").Status, "interrupted, as its end was not committed")
		harness.Stop(t, r, db)
	})
}

// contentOf is what stands at the path of a database and of its log.
func contentOf(t *testing.T, db string) (content [2]string) {
	for i, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(db + suffix)
		require.NoError(t, err)
		content[i] = string(text)
	}
	return content
}

// The exit code of a command that failed while the database took no writes is left in the lock
// file with the rest of its end. facts T5.
func TestExitCodeOutlivesTheStopOfADegradedScheduler(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		disk, finish := &harness.Disk{}, make(chan struct{})
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := harness.Quiet(db, opts...)
			require.NoError(t, s.Manual("command", harness.Job(func(context.Context) error { <-finish; return harness.Exits(7) })))
			return s
		}
		r := harness.Start(t, build(harness.WithStore(disk.Wrap)))
		harness.Trigger(t, r, "command")
		disk.Fail(syscall.EIO)
		close(finish)
		time.Sleep(time.Minute)
		require.ErrorContains(t, r.Stop(context.Background()), "no last write")
		r = harness.Start(t, build())
		info := harness.RunOf(t, r, "command", 1)
		assert.Equal(t, pawl.RunFailed, info.Status)
		assert.Equal(t, 7, info.ExitCode)
		harness.Stop(t, r, db)
	})
}
