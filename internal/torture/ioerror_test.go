//go:build unix

package torture_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/faultvfs"
	"github.com/pawl-go/pawl/internal/harness"
)

// The disk of a scheduler at work fails, from any operation on, once or for a while.
// No job starts without its reserve committed, none starts twice, the outcomes of
// those that ran are kept and written later, and all goes on by itself. PAWL_SEED
// repeats a failure; PAWL_TORTURE=1 fails 5,000 lives in place of 62.
//
// "disk full, EIO, short write, failing fsync": faults I1 to faults I5.
func TestSchedulerOutlivesAFailingDisk(t *testing.T) {
	t.Parallel()
	lives, seed := int(howMany(t)/8), setting(t, "PAWL_SEED", time.Now().UnixNano())
	if os.Getenv("PAWL_TORTURE") != "" {
		lives = 5000
	}
	t.Logf("PAWL_SEED=%d", seed)
	chance := rand.New(rand.NewPCG(uint64(seed), 6))
	for range lives {
		first := 1 + chance.IntN(900)
		spell := []int{1, 1 + chance.IntN(20), 1 << 30}[chance.IntN(3)]
		fault := []faultvfs.Fault{faultvfs.EIO, faultvfs.Full, faultvfs.Short}[chance.IntN(3)]
		t.Run(fmt.Sprintf("operation %d, fault %d for %d", first, fault, spell), func(t *testing.T) {
			l := newLife(t)
			var over atomic.Bool
			l.storage.Fail = func(n int, op faultvfs.Op) faultvfs.Fault {
				if n >= first && n < first+spell && !over.Load() {
					return fault
				}
				return unsynced(n, op)
			}
			synctest.Test(t, func(t *testing.T) {
				l.start(t, func() { over.Store(true) })
				l.live(10 * time.Second)
				over.Store(true)
				l.recovers(t)
			})
		})
	}
}

// So it does when the disk gives nothing back, or the index of the log (-shm) cannot be
// shared: all reads from one on, or those of one of the files. PAWL_TORTURE=1 takes 5,000
// lives in place of 31.
//
// "EIO": faults I1 to faults I6.
func TestSchedulerOutlivesADiskThatCannotBeRead(t *testing.T) {
	t.Parallel()
	lives, seed := int(howMany(t)/16), setting(t, "PAWL_SEED", time.Now().UnixNano())
	if os.Getenv("PAWL_TORTURE") != "" {
		lives = 5000
	}
	t.Logf("PAWL_SEED=%d", seed)
	chance := rand.New(rand.NewPCG(uint64(seed), 9))
	for range lives {
		first := 1 + chance.IntN(1000)
		spell := []int{1, 1 + chance.IntN(200), 1 << 30}[chance.IntN(3)]
		side := []string{"", "jobs.db", "jobs.db-wal", "jobs.db-shm"}[chance.IntN(4)]
		t.Run(fmt.Sprintf("read %d for %d of %q", first, spell, side), func(t *testing.T) {
			l := newLife(t)
			var over atomic.Bool
			l.storage.Fail = unsynced
			l.storage.FailRead = func(n int, op faultvfs.Op) faultvfs.Fault {
				if n >= first && n < first+spell && (side == "" || side == op.File) && !over.Load() {
					return faultvfs.EIO
				}
				return faultvfs.None
			}
			synctest.Test(t, func(t *testing.T) {
				l.start(t, func() { over.Store(true) })
				l.live(10 * time.Second)
				over.Store(true)
				l.recovers(t)
			})
			t.Logf("%d reads", l.storage.Reads())
		})
	}
}

// recovers holds a life against what must be when the disk is well again.
func (l *life) recovers(t *testing.T) {
	l.live(15 * time.Second)
	require.NoError(t, l.runner.Degraded())
	for _, id := range []string{"every", "cron"} {
		info, _ := l.runner.Status(id)
		require.WithinDuration(t, time.Now(), info.LastRun, 3*time.Second, "%s is dispatched again", id)
	}
	runs, err := l.runner.Runs(t.Context(), pawl.RunsQuery{Limit: 10_000})
	require.NoError(t, err)
	fresh := time.Now().Add(-5 * time.Second) // runs since then may be in flight
	require.NoError(t, l.runner.Stop(context.Background()))

	l.mu.Lock()
	defer l.mu.Unlock()
	recorded := map[string]int{}
	for _, run := range runs {
		recorded[harness.RunName(run.FlowID, run.Number)]++
		if run.StartedAt.Before(fresh) {
			assert.Contains(t, []pawl.RunStatus{pawl.RunCompleted, pawl.RunFailed}, run.Status, "its outcome is known: %+v", run)
		}
	}
	for name, times := range l.began {
		assert.Equal(t, 1, times, name)
	}
	for name := range recorded {
		assert.Contains(t, l.began, name, "what is in the file began")
	}
	require.NoError(t, check(l.db, l.facts))
}
