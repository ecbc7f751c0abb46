package pawl_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A run is over when its job returns, not when the database takes the commit: while another
// program holds the lock, and also when the process ends before it lets go.
//
// found A11.
func TestRunIsOverWhenItsJobReturns(t *testing.T) {
	build := func(t *testing.T, db string) *pawl.Scheduler {
		s := quiet(db, pawl.WithStopTimeout(time.Second))
		require.NoError(t, s.Manual("a", job(func(context.Context) error { time.Sleep(3 * time.Second); return nil })))
		return s
	}
	lock := func(t *testing.T, db string) (unlock func()) {
		c, err := open(t, db).Conn(t.Context())
		require.NoError(t, err)
		_, err = c.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		require.NoError(t, err)
		return func() {
			_, err := c.ExecContext(t.Context(), "ROLLBACK")
			require.NoError(t, err)
			require.NoError(t, c.Close())
		}
	}
	t.Run("locked", func(t *testing.T) {
		bubble(t, func(t *testing.T, db string) {
			r := start(t, build(t, db))
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
			unlock := lock(t, db)
			time.Sleep(12 * time.Second)
			unlock()
			info, err := r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunCompleted, info.Status)
			assert.InDelta(t, 3, info.FinishedAt.Sub(info.StartedAt).Seconds(), .01)
			verify(t, db)
			stop(t, r, db)
		})
	})
	t.Run("stopped meanwhile", func(t *testing.T) {
		bubble(t, func(t *testing.T, db string) {
			r := start(t, build(t, db))
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
			unlock := lock(t, db)
			time.Sleep(2 * time.Second)
			_ = r.Stop(context.Background()) // says that the database is locked
			unlock()
			time.Sleep(time.Hour)
			r = start(t, build(t, db))
			info, err := r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunCompleted, info.Status)
			assert.InDelta(t, 3, info.FinishedAt.Sub(info.StartedAt).Seconds(), .01)
			verify(t, db)
			stop(t, r, db)
		})
	})
}
