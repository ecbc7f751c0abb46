package torture_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
)

// dying is a store whose process dies at one of its commits: before it, or after.
type dying struct {
	engine.Store
	left  atomic.Int64 // commits until then
	after bool
	dead  atomic.Bool
}

var errDied = errors.New("the process has died")

func (d *dying) Commit(ctx context.Context, b engine.Batch) error {
	if d.dead.Load() {
		return errDied
	}
	if d.left.Add(-1) > 0 {
		return d.Store.Commit(ctx, b)
	}
	if d.after {
		if err := d.Store.Commit(ctx, b); err != nil {
			return err
		}
	}
	d.dead.Store(true)
	return errDied
}

// found Q6, found Q7: a deploy that is undone, with a kill at each commit of each of its three
// processes, before it and after it. The run parks, is blocked, and is finished by its version,
// once; a failure of the last state undoes what the first has done.
func TestDeployThatIsUndoneIsKilledAtEveryCommit(t *testing.T) {
	dir, n := t.TempDir(), 0
	for victim := range 3 { // the process that dies
		for _, after := range []bool{false, true} {
			for at, died := int64(1), true; died; at++ {
				n++
				db := filepath.Join(dir, fmt.Sprint(n, ".db"))
				synctest.Test(t, func(t *testing.T) { died = deployKilled(t, db, victim, at, after) })
				require.Less(t, at, int64(100), "the process does not end by itself")
			}
		}
	}
	assert.Greater(t, n, 20)
}

// deployKilled plays a deploy that is undone, and says whether the victim died.
func deployKilled(t *testing.T, db string, victim int, at int64, after bool) (died bool) {
	ctx := context.Background()
	var first, other harness.Doings
	live := func(i int, version int, done *harness.Doings, d time.Duration) {
		store := &dying{after: after}
		store.left.Store(1 << 40)
		if i == victim {
			store.left.Store(at)
		}
		s := harness.Quiet(db, pawl.WithStopTimeout(0), harness.WithStore(func(real engine.Store) engine.Store {
			store.Store = real
			return store
		}))
		require.NoError(t, s.Manual("a", harness.Patient(version, time.Hour, done)))
		r, err := s.Start(ctx)
		if err == nil {
			if i == 0 {
				_, _ = r.Trigger(ctx, "a", pawl.WithKey("one"))
			}
			time.Sleep(d)
			_ = r.Stop(ctx)
		}
		died = died || store.dead.Load()
	}
	live(0, 1, &first, time.Minute)
	live(1, 2, &other, 2*time.Hour)
	live(2, 1, &first, time.Minute)
	live(3, 1, &first, 3*time.Hour) // nobody dies here, and a timer that was not recorded begins anew

	client, err := pawl.Open(db)
	require.NoError(t, err)
	defer client.Close()
	runs, err := client.Runs(ctx, pawl.RunsQuery{Flow: "a"})
	require.NoError(t, err)
	require.LessOrEqual(t, len(runs), 1)
	info, _, err := client.Status(ctx, "a")
	require.NoError(t, err)
	for _, run := range runs { // there is none if the trigger was not committed
		assert.Equal(t, pawl.RunCompleted, run.Status, "killed %d at %d, after: %t: %s", victim, at, after, run.Error)
	}
	assert.False(t, info.Suspect)
	assert.Zero(t, info.Blocked+info.Parked+info.InFlight+info.Waiting)
	harness.Verify(t, db)
	return died
}
