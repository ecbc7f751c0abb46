package pawl_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// time M5: with no owner everything that an operator asks for waits for the next start, with
// its arguments, if he wants that.
func TestQueueingClientLeavesCommandsForTheNextStart(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Cron("a", "0 9 * * *", job(ok), pawl.WithOverlap(pawl.OverlapBuffer(10))))
			return s
		}
		stop(t, start(t, build()), db)
		c := openClient(t, db)
		q := c.Queueing()
		time.Sleep(72 * time.Hour)
		require.ErrorIs(t, q.Pause(t.Context(), "a", "the disk is full"), pawl.ErrQueued)
		now := time.Now()
		_, err := q.Backfill(t.Context(), "a", pawl.Backfill{From: now.Add(-48 * time.Hour), To: now})
		require.ErrorIs(t, err, pawl.ErrQueued)
		_, err = q.Trigger(t.Context(), "a", pawl.WithInput(7), pawl.WithStartAt(now.Add(time.Hour)))
		require.ErrorIs(t, err, pawl.ErrQueued)
		require.ErrorIs(t, c.Pause(t.Context(), "a", "not that"), pawl.ErrNoOwner, "the client it was made of is as it was")
		require.NoError(t, c.Close())

		r := start(t, build())
		assert.Equal(t, []answered{{"pause", "a", "done", "-"}, {"backfill", "a", "2", "-"}, {"trigger", "a", "3", "-"}}, inbox(t, db))
		assert.Equal(t, "the disk is full", status(t, r, "a").PauseNote)
		synctest.Wait()
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "a", Status: pawl.RunCompleted})
		require.NoError(t, err)
		assert.Len(t, runs, 2)
		stop(t, r, db)
	})
}

// time Q1: a run that waits is not over, nor is one between two attempts.
func TestClientWaitsForARunThatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		attempts := 0
		flaky := job(func(context.Context) error {
			if attempts++; attempts < 3 {
				return assert.AnError
			}
			return nil
		})
		require.NoError(t, s.Manual("a", flaky, pawl.WithRetry(3, pawl.BackoffPolicy{Initial: time.Minute, Jitter: pawl.NoJitter})))
		r := start(t, s)
		c := openClient(t, db)
		began := time.Now()
		run, err := c.Trigger(t.Context(), "a", pawl.WithStartAt(began.Add(time.Hour)))
		require.NoError(t, err)
		synctest.Wait()
		info, err := c.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, 3, info.Attempt)
		assert.WithinDuration(t, began.Add(time.Hour+3*time.Minute), time.Now(), time.Second)
		require.NoError(t, c.Close())
		stop(t, r, db)
	})
}
