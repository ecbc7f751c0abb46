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

// queueOf registers a queue that trips at five failures in a row. Its jobs take a second, and
// those of the inputs that fail fail each time.
func queueOf(t *testing.T, s *pawl.Scheduler, fails func(input int) bool) {
	require.NoError(t, s.Manual("mail", job(func(ctx context.Context) error {
		input, err := pawl.InputOf[int](ctx)
		if err != nil {
			return err
		}
		time.Sleep(time.Second)
		if fails(input) {
			return errors.New("no such mailbox")
		}
		return nil
	}), pawl.WithOverlap(pawl.OverlapAllow(2, 100)), pawl.WithRetry(2, pawl.BackoffPolicy{Initial: 5 * time.Second, Jitter: pawl.NoJitter}),
		pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Second, StreakLimit: 5})))
}

// feedAll triggers a run for each input.
func feedAll(t *testing.T, r *pawl.Runner, n int) {
	for i := 1; i <= n; i++ {
		_, err := r.Trigger(t.Context(), "mail", pawl.WithInput(i))
		require.NoError(t, err)
	}
}

// found B7: a queue of which every fifth input fails is healthy, although the runs
// that are retried end last and in a row.
func TestHealthyQueueDoesNotTrip(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		queueOf(t, s, func(input int) bool { return input%5 == 0 })
		r := start(t, s)
		feedAll(t, r, 40)
		for range 200 {
			time.Sleep(time.Second)
			synctest.Wait()
			assert.NotEqual(t, pawl.StatusTripped, status(t, r, "mail").Status)
		}
		assert.Equal(t, 1, status(t, r, "mail").FailureStreak, "that of the newest run")
		failed, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "mail", Status: pawl.RunFailed})
		require.NoError(t, err)
		assert.Len(t, failed, 8, "each of them is recorded as failed")
		stop(t, r, db)
	})
}

// found B7: one of which all fail trips.
func TestQueueThatFailsTrips(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		queueOf(t, s, func(int) bool { return true })
		r := start(t, s)
		feedAll(t, r, 10)
		time.Sleep(time.Hour)
		f := status(t, r, "mail")
		assert.Equal(t, pawl.StatusTripped, f.Status)
		assert.GreaterOrEqual(t, f.FailureStreak, 5)
		assert.Equal(t, "no such mailbox", f.LastError)
		stop(t, r, db)
	})
}

// found B7: one that was healthy and then fails trips. One that is well again is
// not held up by the failures of runs that began before.
func TestQueueIsJudgedByWhatBeganLast(t *testing.T) {
	for last, want := range map[int]pawl.Status{30: pawl.StatusCompleted, 40: pawl.StatusTripped} {
		bubble(t, func(t *testing.T, db string) {
			s := quiet(db)
			queueOf(t, s, func(input int) bool { return input > 10 && input <= last })
			r := start(t, s)
			feedAll(t, r, 40)
			time.Sleep(time.Hour)
			assert.Equal(t, want, status(t, r, "mail").Status, "the inputs up to %d fail", last)
			stop(t, r, db)
		})
	}
}

// found B7: what the streak is judged by outlives the process.
func TestOrderOfStartsOutlivesTheProcess(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db)
			queueOf(t, s, func(input int) bool { return input == 1 })
			return s
		}
		r := start(t, build())
		feedAll(t, r, 6)
		time.Sleep(4 * time.Second) // the first waits for its second attempt
		synctest.Wait()
		stop(t, r, db)
		time.Sleep(time.Minute)
		r = start(t, build())
		time.Sleep(time.Minute)
		synctest.Wait()
		f := status(t, r, "mail")
		assert.Equal(t, pawl.StatusCompleted, f.Status)
		assert.Empty(t, f.FailureStreak)
		assert.Empty(t, f.LastError)
		failed, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "mail", Status: pawl.RunFailed})
		require.NoError(t, err)
		require.Len(t, failed, 1)
		assert.EqualValues(t, 1, failed[0].Number)
		stop(t, r, db)
	})
}
