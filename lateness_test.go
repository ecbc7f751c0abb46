package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
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

// The wait before the next attempt of a run was asked for too, whatever else waits behind it:
// runner, client and why say so. found C3.
func TestWaitForTheNextAttemptIsNoLateness(t *testing.T) {
	for name, overlap := range map[string]pawl.Overlap{"skip": pawl.OverlapSkip, "buffer": pawl.OverlapBuffer(2), "cancel": pawl.OverlapCancel} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				var tries atomic.Int64
				once := func(context.Context) error {
					if tries.Add(1) == 1 {
						return errors.New("boom")
					}
					return nil
				}
				retry := pawl.BackoffPolicy{Initial: 3 * time.Hour, Multiplier: 1, MaxDelay: 3 * time.Hour, Jitter: pawl.NoJitter}
				s := quiet(db)
				require.NoError(t, s.Cron("f", "*/5 * * * *", job(once), pawl.WithRetry(1, retry), pawl.WithOverlap(overlap)))
				r := start(t, s)
				again := status(t, r, "f").NextRun.Add(3 * time.Hour)
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				c := openClient(t, db)
				around, err := c.Surroundings(t.Context())
				require.NoError(t, err)
				flow, _, err := c.Status(t.Context(), "f")
				require.NoError(t, err)
				want := pawl.Wait{Cause: pawl.WaitAttempt, Until: again}
				assert.Equal(t, want, flow.Wait(time.Now(), around))
				assert.Equal(t, want, status(t, r, "f").Wait(time.Now(), r.Surroundings()))
				assert.Equal(t, again, flow.NextAttempt)
				assert.Equal(t, again.Format("2006-01-02T15:04:05.000Z"), query[string](t, db, `SELECT next_attempt FROM pawl_flows`))
				for _, why := range []func(context.Context, string, time.Time) (pawl.Reason, error){r.Why, c.Why, c.View().Why} {
					reason, err := why(t.Context(), "f", flow.NextRun)
					require.NoError(t, err)
					assert.Contains(t, reason.Text, "yet: a run of it waits for its next attempt at 2000-01-01 03:05:00")
				}
				time.Sleep(90 * time.Minute)
				synctest.Wait()
				assert.Equal(t, pawl.WaitSchedule, status(t, r, "f").Wait(time.Now(), r.Surroundings()).Cause)
				assert.Zero(t, status(t, r, "f").NextAttempt)
				require.NoError(t, c.Close())
				stop(t, r, db)
			})
		})
	}
}

// Why says what an instant waits for that has come and has not started. found C3.
func TestWhySaysWhatAnInstantThatHasComeWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithGroupLimit("mail", 1))
		require.NoError(t, s.Cron("spread", "*/5 * * * *", job(ok), pawl.WithJitter(280*time.Second)))
		require.NoError(t, s.Manual("long", job(func(ctx context.Context) error { <-ctx.Done(); return nil }), pawl.WithGroup("mail")))
		require.NoError(t, s.Cron("often", "* * * * *", job(ok), pawl.WithGroup("mail")))
		r := start(t, s)
		accepted(t, r, "long")
		why := func(id string, at time.Time) string {
			reason, err := r.Why(t.Context(), id, at)
			require.NoError(t, err)
			return reason.Text
		}
		for status(t, r, "spread").DueAt.Sub(status(t, r, "spread").NextRun) < 2*time.Minute {
			time.Sleep(5 * time.Minute)
		}
		next, due := status(t, r, "spread").NextRun, status(t, r, "spread").DueAt
		time.Sleep(time.Until(next.Add(100 * time.Second)))
		assert.Contains(t, why("spread", next), "yet: its jitter ends at "+due.Format("2006-01-02 15:04:05"))
		assert.Contains(t, why("often", status(t, r, "often").NextRun), "yet: it is due, and waits for room in the limit on runs in flight")
		require.NoError(t, r.Cancel(t.Context(), "long", 1))
		stop(t, r, db)
		c := openClient(t, db)
		flow, _, err := c.Status(t.Context(), "often")
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		reason, err := c.Why(t.Context(), "often", flow.NextRun)
		require.NoError(t, err)
		assert.Contains(t, reason.Text, "yet: it is due, but no process drives the flow")
		require.NoError(t, c.Close())
	})
}
