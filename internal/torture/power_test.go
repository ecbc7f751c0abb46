//go:build unix

package torture_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// The power fails at any moment of a scheduler's life: each run whose job began is
// in the file, and so is each state that was shown. A start on what is left goes on
// from there. PAWL_TORTURE=1 looks at 20,000 states in place of 300, PAWL_SEED
// repeats those of a failure. The store's own test looks closer, and at more.
//
// "machine restart, power cut": faults I1, faults I2, faults I4, faults I7.
func TestPowerCutLosesNothingThatASchedulerShowed(t *testing.T) {
	t.Parallel()
	states, seed := int(howMany(t))*3/5, setting(t, "PAWL_SEED", time.Now().UnixNano())
	if os.Getenv("PAWL_TORTURE") != "" {
		states = 20_000
	}
	l := newLife(t)
	synctest.Test(t, func(t *testing.T) {
		l.start(t, nil)
		l.live(15 * time.Second)
		require.NoError(t, l.runner.Stop(context.Background()))
	})
	log := l.storage.Log()
	chance := rand.New(rand.NewPCG(uint64(seed), 5))
	next := newLife(t)
	next.storage.Fail = unsynced
	folder := filepath.Dir(next.db)
	for looked := 0; looked < states; {
		var disk faultvfs.Disk
		var facts []fact
		for at, op := range log {
			disk.Do(op)
			if op.Kind == faultvfs.Mark {
				facts = append(facts, l.facts[op.Note])
			}
			if len(facts) == 0 || chance.IntN(len(log)) > states {
				continue
			}
			looked++
			next.storage.Forget()
			require.NoError(t, faultvfs.Put(folder, disk.Cut(chance)))
			require.NoError(t, check(next.db, facts), "PAWL_SEED=%d, operation %d of %d", seed, at+1, len(log))
			if looked%20 == 0 {
				synctest.Test(t, func(t *testing.T) {
					next.start(t, nil)
					next.live(3 * time.Second)
					require.NoError(t, next.runner.Stop(context.Background()))
				})
				require.NoError(t, check(next.db, facts), "PAWL_SEED=%d, start after operation %d of %d", seed, at+1, len(log))
			}
		}
	}
}

// unsynced makes looking at a state faster: nobody cuts the power again.
func unsynced(_ int, op faultvfs.Op) faultvfs.Fault {
	if op.Kind == faultvfs.Sync {
		return faultvfs.Skip
	}
	return faultvfs.None
}
