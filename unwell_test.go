package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
)

// unwell is a store that takes no commits while somebody says so.
type unwell struct {
	engine.Store
	ill *atomic.Bool
}

func (u unwell) Commit(ctx context.Context, b engine.Batch) error {
	if u.ill.Load() {
		return errors.New("the disk is full")
	}
	return u.Store.Commit(ctx, b)
}

func unwellStore(ill *atomic.Bool) pawl.Option {
	return pawl.WithStore(func(s engine.Store) engine.Store { return unwell{s, ill} })
}

// X1, D7: a run whose job does not return is closed when the database is back, if it
// took no writes at the end of the grace.
func TestTimeoutIsKeptWhileTheDatabaseTakesNoWrites(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var ill atomic.Bool
		forever := make(chan struct{})
		s := quiet(db, unwellStore(&ill))
		require.NoError(t, s.Manual("stuck", job(func(context.Context) error { <-forever; return nil }), pawl.WithTimeout(time.Second)))
		r := start(t, s)
		_, err := r.Trigger(t.Context(), "stuck")
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		ill.Store(true)
		time.Sleep(5 * time.Second)
		assert.Equal(t, pawl.StatusRunning, status(t, r, "stuck").Status)
		ill.Store(false)
		time.Sleep(5 * time.Second)
		run, err := r.WaitRun(t.Context(), "stuck", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunTimedOut, run.Status)
		assert.Equal(t, pawl.StatusFailed, status(t, r, "stuck").Status)
		close(forever)
		synctest.Wait()
		stop(t, r, db)
	})
}

// X4, D7: a stop while the database takes no writes leaves beside it how runs ended,
// with their outputs, but not a success whose own rows were not committed.
func TestFarewellClaimsNoSuccessWhoseRowsAreMissing(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var ill atomic.Bool
		finish := make(chan struct{})
		build := func() *pawl.Scheduler {
			s := quiet(db, unwellStore(&ill), pawl.WithStopTimeout(time.Second))
			require.NoError(t, s.Manual("output", job(func(ctx context.Context) error { <-finish; return pawl.SetOutput(ctx, 7) })))
			require.NoError(t, s.Manual("skipped", job(func(ctx context.Context) error { <-finish; return pawl.Skipped("nothing new") })))
			require.NoError(t, s.Manual("joined", job(func(ctx context.Context) error {
				<-finish
				return pawl.Committing(ctx, func(context.Context, *sql.Tx) error { return nil })
			})))
			return s
		}
		r := start(t, build())
		for _, id := range []string{"output", "skipped", "joined"} {
			_, err := r.Trigger(t.Context(), id)
			require.NoError(t, err)
		}
		ill.Store(true)
		close(finish)
		synctest.Wait()
		require.Error(t, r.Stop(context.Background()))
		ill.Store(false)
		r = start(t, build())
		for id, want := range map[string]pawl.RunStatus{"output": pawl.RunCompleted, "skipped": pawl.RunSkipped, "joined": pawl.RunInterrupted} {
			run, err := r.WaitRun(t.Context(), id, 1)
			require.NoError(t, err)
			assert.Equal(t, want, run.Status, id)
			assert.Equal(t, id == "output", run.Output == "7", id)
		}
		stop(t, r, db)
	})
}
