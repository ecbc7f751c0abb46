package pawl_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// time S4, time W1, time W2: a flow at 02:30 in Berlin through a year of virtual time, with both
// nights on which clocks are changed: a run for every day, no more and no less, and a
// line in the ledger for each DST gap and fold.
func TestNightsOfBerlinHaveOneRunEach(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var fired []time.Time
		s := quiet(db)
		require.NoError(t, s.Cron("night", "30 2 * * *", job(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			fired = append(fired, run.ScheduledAt)
			return nil
		}), pawl.WithLocation("Europe/Berlin"), pawl.WithRetention(0, 0)))
		require.NoError(t, s.Cron("quarters", "*/15 2 * * *", job(ok), pawl.WithLocation("Europe/Berlin"), pawl.WithRetention(0, 0)))
		r := start(t, s)
		time.Sleep(366 * 24 * time.Hour)
		synctest.Wait()
		require.Len(t, fired, 366)
		local := map[string]int{}
		berlin, err := time.LoadLocation("Europe/Berlin")
		require.NoError(t, err)
		for _, at := range fired {
			local[at.In(berlin).Format("2006-01-02")]++
		}
		assert.Len(t, local, 366, "one on every day")
		assert.Contains(t, fired, time.Date(2000, 3, 26, 1, 0, 0, 0, time.UTC), "02:30 does not exist: right after the gap")
		assert.Contains(t, fired, time.Date(2000, 10, 29, 0, 30, 0, 0, time.UTC), "the first of two")
		assert.Equal(t, []string{
			"night dst_gap 2000-03-26T01:00:00.000Z 2000-03-26T01:00:00.000Z 1 02:30 does not exist on 2000-03-26 in Europe/Berlin 86",
			"night dst_fold 2000-10-29T01:30:00.000Z 2000-10-29T01:30:00.000Z 1 02:30 comes twice on 2000-10-29 in Europe/Berlin; this is its second copy 0",
		}, ledgerRows(t, db))
		reason, err := r.Why(t.Context(), "night", time.Date(2000, 3, 26, 1, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		assert.Equal(t, "night ran for 2000-03-26 03:00:00 CEST: run 86, completed, started 2000-03-26 03:00:00 CEST; 02:30 does not exist on 2000-03-26 in Europe/Berlin.", reason.Text)
		reason, err = r.Why(t.Context(), "night", time.Date(2000, 10, 29, 1, 30, 0, 0, time.UTC))
		require.NoError(t, err)
		assert.Equal(t, pawl.VerdictFold, reason.Verdict)
		assert.Equal(t, int64(366*4-4+4), status(t, r, "quarters").RunCount, "a wildcard follows elapsed time: none in the gap, eight in the fold")
		stop(t, r, db)
	})
}

// time C1, time M1, time M2: nights missed while nobody ran are caught up on, one run each; those of a
// pause are not missed, and a backfill runs them when somebody asks, once.
func TestMissedNightsAreCaughtUpAndPausedOnesBackfilled(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var ran []string
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Cron("night", "0 2 * * *", job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				ran = append(ran, run.Trigger+" "+run.ScheduledAt.Format("01-02"))
				return nil
			}), pawl.WithCatchUp(pawl.CatchUpAll(10)), pawl.WithOverlap(pawl.OverlapBuffer(10)), pawl.WithBackoff(pawl.TripAfter(3))))
			return s
		}
		r := start(t, build())
		time.Sleep(24 * time.Hour)
		stop(t, r, db)
		time.Sleep(3 * 24 * time.Hour)
		r = start(t, build())
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"schedule 01-01", "schedule 01-02", "schedule 01-03", "schedule 01-04"}, ran)

		require.NoError(t, r.Pause(t.Context(), "night", "vacation"))
		time.Sleep(5 * 24 * time.Hour)
		require.NoError(t, r.Resume(t.Context(), "night"))
		synctest.Wait()
		assert.Len(t, ran, 4, "time spent paused is not missed")
		next := status(t, r, "night").NextRun

		from, to := time.Date(2000, 1, 3, 2, 0, 0, 0, time.UTC), time.Date(2000, 1, 8, 2, 0, 0, 0, time.UTC)
		dry, err := r.Instants("night", from, to)
		require.NoError(t, err)
		assert.Len(t, dry, 6, "both ends are included")
		n, err := r.Backfill(t.Context(), "night", pawl.Backfill{From: from, To: to})
		require.NoError(t, err)
		assert.Equal(t, int64(4), n, "but for the two that have a run")
		synctest.Wait()
		assert.Equal(t, []string{"backfill 01-05", "backfill 01-06", "backfill 01-07", "backfill 01-08"}, ran[4:])
		assert.Equal(t, next, status(t, r, "night").NextRun)
		n, err = r.Backfill(t.Context(), "night", pawl.Backfill{From: from, To: to})
		require.NoError(t, err)
		assert.Zero(t, n, "all have a run now")
		n, err = r.Backfill(t.Context(), "night", pawl.Backfill{From: from, To: from, Again: true})
		require.NoError(t, err)
		assert.Equal(t, int64(1), n)
		synctest.Wait()
		_, err = r.Backfill(t.Context(), "night", pawl.Backfill{From: from, To: time.Now().Add(time.Hour)})
		require.ErrorIs(t, err, pawl.ErrInvalidRange)
		verdict, text := func() (pawl.VerdictKind, string) {
			reason, err := r.Why(t.Context(), "night", time.Date(2000, 1, 6, 2, 0, 0, 0, time.UTC))
			require.NoError(t, err)
			return reason.Verdict, reason.Text
		}()
		assert.Equal(t, pawl.VerdictPaused, verdict)
		assert.Contains(t, text, "the flow was paused: vacation, one of 5 instants from 2000-01-05 02:00:00 UTC to 2000-01-09 02:00:00 UTC; run 6 of a backfill did later")
		stop(t, r, db)
	})
}

// time M2, time O3: a backfill survives a restart, goes on in order one after another, lets the
// schedule and triggers go first, and can be cancelled.
func TestBackfillGoesOnAfterARestartAndCanBeCancelled(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var ran []string
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithStopTimeout(time.Hour))
			require.NoError(t, s.Cron("hour", "0 * * * *", job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				ran = append(ran, run.Trigger)
				time.Sleep(10 * time.Minute)
				return nil
			})))
			return s
		}
		r := start(t, build())
		time.Sleep(200*time.Hour + 30*time.Minute)
		synctest.Wait()
		ran = nil
		base := time.Date(1999, 12, 1, 0, 0, 0, 0, time.UTC)
		n, err := r.Backfill(t.Context(), "hour", pawl.Backfill{From: base, To: base.Add(199 * time.Hour)})
		require.NoError(t, err)
		assert.Equal(t, int64(200), n)
		time.Sleep(25 * time.Minute) // 55 minutes past: runs of the backfill began at 30, 40, 50
		require.NoError(t, r.Stop(context.Background()))
		r = start(t, build())
		time.Sleep(3*time.Hour + time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"backfill", "backfill", "backfill", "schedule", "backfill"}, ran[:5], "the schedule goes first")
		info := status(t, r, "hour")
		assert.Equal(t, pawl.StatusRunning, info.Status)
		assert.Greater(t, info.Backfill, 150)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "hour", Status: pawl.RunCompleted, Limit: 20})
		require.NoError(t, err)
		var instants []time.Time
		for _, run := range runs {
			if run.Trigger == "backfill" {
				instants = append(instants, run.ScheduledAt)
			}
		}
		assert.True(t, slices.IsSortedFunc(instants, func(a, b time.Time) int { return b.Compare(a) }), "in order")
		require.NoError(t, r.CancelBackfill(t.Context(), "hour", "enough"))
		info = status(t, r, "hour")
		assert.Zero(t, info.Backfill)
		time.Sleep(80 * time.Minute)
		assert.Equal(t, pawl.StatusCompleted, status(t, r, "hour").Status)
		stop(t, r, db)
	})
}
