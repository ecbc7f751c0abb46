package pawl_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// Jitter delays a start on purpose: runner and client say until when, and that the flow
// is not late. found C3.
func TestJitterIsNoLateness(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		for i := range 20 {
			require.NoError(t, s.Cron(fmt.Sprint("spread", i), "0 * * * *", job(ok), pawl.WithJitter(59*time.Minute)))
		}
		r := start(t, s)
		long := slices.IndexFunc(r.List(), func(f pawl.FlowInfo) bool { return f.DueAt.After(f.NextRun.Add(3 * time.Minute)) })
		require.GreaterOrEqual(t, long, 0)
		id := r.List()[long].ID
		next, due := status(t, r, id).NextRun, status(t, r, id).DueAt
		time.Sleep(time.Until(next.Add(2 * time.Minute)))
		c := openClient(t, db)
		around, err := c.Surroundings(t.Context())
		require.NoError(t, err)
		flow, found, err := c.Status(t.Context(), id)
		require.NoError(t, err)
		require.True(t, found)
		want := pawl.Wait{Cause: pawl.WaitJitter, Until: due}
		assert.Equal(t, want, flow.Wait(time.Now(), around))
		assert.Equal(t, want, status(t, r, id).Wait(time.Now(), r.Surroundings()))

		time.Sleep(time.Until(due.Add(time.Second)))
		synctest.Wait()
		run := runOf(t, r, id, 1)
		assert.Equal(t, due, run.StartedAt)
		reason, err := r.Why(t.Context(), id, next)
		require.NoError(t, err)
		assert.Contains(t, reason.Text, "of jitter)")
		assert.NotContains(t, reason.Text, "late")
		require.NoError(t, c.Close())
		stop(t, r, db)
	})
}

// A flow that finds no room waits for a limit that somebody has set: it is not late, for
// an hour. found C3.
func TestWaitForALimitIsNoLatenessForAnHour(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithGroupLimit("mail", 1))
		release := make(chan struct{})
		require.NoError(t, s.Manual("long", job(func(ctx context.Context) error { <-release; return nil }), pawl.WithGroup("mail")))
		require.NoError(t, s.Cron("often", "* * * * *", job(ok), pawl.WithGroup("mail")))
		r := start(t, s)
		_, err := r.Trigger(t.Context(), "long")
		require.NoError(t, err)
		due := status(t, r, "often").NextRun
		time.Sleep(time.Until(due.Add(10 * time.Minute)))
		synctest.Wait()
		c := openClient(t, db)
		wait := func() pawl.Wait {
			around, err := c.Surroundings(t.Context())
			require.NoError(t, err)
			flow, _, err := c.Status(t.Context(), "often")
			require.NoError(t, err)
			w := flow.Wait(time.Now(), around)
			assert.Equal(t, w, status(t, r, "often").Wait(time.Now(), r.Surroundings()), "runner and client say the same")
			return w
		}
		assert.Equal(t, pawl.Wait{Cause: pawl.WaitLimit}, wait())
		time.Sleep(time.Hour)
		assert.Equal(t, pawl.WaitLimit, wait().Cause)
		assert.Equal(t, due, wait().Late)
		close(release)
		require.NoError(t, c.Close())
		stop(t, r, db)
	})
}
