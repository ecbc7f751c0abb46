package pawl_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// WaitRun waits for a run that waits itself, in memory or in the store alone, until it
// is over, however it ends. time Q1, time O3.
func TestWaitRunWaitsForARunThatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		nap := func(context.Context) error { time.Sleep(time.Second); return nil }
		require.NoError(t, s.Manual("queue", job(nap), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := start(t, s)
		first, err := r.TriggerMany(t.Context(), "queue", make([]any, 500))
		require.NoError(t, err)
		ends := make(chan pawl.RunInfo, 4) // one for each who waits
		wait := func(wait func(context.Context, string, int64) (pawl.RunInfo, error), run int64) {
			info, err := wait(t.Context(), "queue", run)
			assert.NoError(t, err)
			ends <- info
		}
		c := openClient(t, db)
		go wait(r.WaitRun, first+1)   // in memory
		go wait(r.WaitRun, first+400) // in the store
		go wait(c.WaitRun, first+2)
		go wait(r.WaitRun, first+450)
		synctest.Wait()
		assert.Empty(t, ends)
		require.NoError(t, r.Cancel(t.Context(), "queue", first+450))
		cancelled := <-ends
		assert.Equal(t, first+450, cancelled.Number)
		assert.Equal(t, pawl.RunCancelled, cancelled.Status)
		for _, n := range []int64{1, 2, 400} {
			info := <-ends
			assert.Equal(t, first+n, info.Number)
			assert.Equal(t, pawl.RunCompleted, info.Status)
		}
		info, err := r.WaitRun(t.Context(), "queue", first)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status, "over, while others wait")
		require.NoError(t, c.Close())
		time.Sleep(time.Hour)
		stop(t, r, db)
	})
}

// Between two attempts a run is not over. time Q4.
func TestWaitRunOutlastsFailedAttempts(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
			if run, _ := pawl.RunFrom(ctx); run.Attempt < 3 {
				return errors.New("boom")
			}
			return nil
		}), pawl.WithRetry(5, pawl.BackoffPolicy{Initial: time.Hour, Jitter: pawl.NoJitter})))
		r := start(t, s)
		info := finish(t, r, "work")
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, 3, info.Attempt)
		stop(t, r, db)
	})
}

// A backfill that is dropped ends the wait for its runs. time M2.
func TestWaitRunEndsWithADroppedBackfill(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		time.Sleep(24 * time.Hour)
		s := quiet(db)
		require.NoError(t, s.Cron("hourly", "0 * * * *", job(func(context.Context) error { time.Sleep(time.Minute); return nil })))
		r := start(t, s)
		n, err := r.Backfill(t.Context(), "hourly", pawl.Backfill{From: time.Now().Add(-5 * time.Hour), To: time.Now()})
		require.NoError(t, err)
		require.Equal(t, int64(6), n)
		ends := make(chan pawl.RunInfo, 2) // one for each who waits
		for _, run := range []int64{1, 6} {
			go func() {
				info, err := r.WaitRun(t.Context(), "hourly", run)
				assert.NoError(t, err)
				ends <- info
			}()
		}
		synctest.Wait()
		require.NoError(t, r.CancelBackfill(t.Context(), "hourly", "no more"))
		assert.Equal(t, pawl.RunCancelled, (<-ends).Status)
		assert.Equal(t, pawl.RunCompleted, (<-ends).Status)
		stop(t, r, db)
	})
}
