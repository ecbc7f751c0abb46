package pawl_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// at is an instant of the first day under virtual time.
func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2000-01-01 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func whySays(t *testing.T, r *pawl.Runner, id, clock string) (pawl.VerdictKind, string) {
	t.Helper()
	reason, err := r.Why(t.Context(), id, at(clock))
	require.NoError(t, err)
	assert.Equal(t, id, reason.Flow)
	return reason.Verdict, reason.String()
}

func ledgerRows(t *testing.T, db string) (rows []string) {
	t.Helper()
	file, err := sqlx.Open("sqlite", db)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, file.Select(&rows,
		`SELECT flow_id || ' ' || verdict || ' ' || first_at || ' ' || last_at || ' ' || count || ' ' || COALESCE(reason, '-') || ' ' || COALESCE(run_number, 0)
FROM pawl_occurrences WHERE verdict <> 'fired'`))
	return rows
}

// time W1: ticks that cannot run are not events. A tripped flow costs one row when it is
// reset, and an idle scheduler writes nothing.
func TestTrippedFlowOfEverySecondCostsOneRow(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("tick", "* * * * * *", job(failing), pawl.WithBackoff(pawl.TripAfter(1))))
		r := start(t, s)
		time.Sleep(24 * time.Hour)
		info := status(t, r, "tick")
		assert.Equal(t, pawl.StatusTripped, info.Status)
		assert.Equal(t, int64(3), info.Version, "adopt, reserve, outcome")
		assert.Empty(t, ledgerRows(t, db))
		verdict, text := whySays(t, r, "tick", "09:00:00")
		assert.Equal(t, pawl.VerdictTripped, verdict)
		assert.Equal(t, "tick did not run for 2000-01-01 09:00:00 UTC: it is tripped: it failed 1 time in a row; reset it first.", text)
		time.Sleep(500 * time.Millisecond)
		require.NoError(t, r.Reset(t.Context(), "tick"))
		assert.Equal(t, []string{"tick suppressed_tripped 2000-01-01T00:00:02.000Z 2000-01-02T00:00:00.000Z 86399 failed 1 time in a row 0"}, ledgerRows(t, db))
		verdict, text = whySays(t, r, "tick", "09:00:00")
		assert.Equal(t, pawl.VerdictTripped, verdict)
		assert.Equal(t, "tick did not run for 2000-01-01 09:00:00 UTC: the flow was tripped: failed 1 time in a row, "+
			"one of 86399 instants from 2000-01-01 00:00:02 UTC to 2000-01-02 00:00:00 UTC.", text)
		stop(t, r, db)
	})
}

// time W1, time W2: each reason why an instant is not run has a verdict and a sentence, also
// while what causes it goes on.
func TestWhyTellsWhatBecameOfEachInstant(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var well atomic.Bool
		work := job(func(ctx context.Context) error {
			if !well.Load() {
				return assert.AnError
			}
			return nil
		})
		policy := pawl.BackoffPolicy{Initial: 25 * time.Minute, MaxDelay: time.Hour}
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithStopTimeout(0))
			require.NoError(t, s.Cron("flaky", "*/10 * * * *", work, pawl.WithBackoff(policy)))
			require.NoError(t, s.Cron("slow", "0 * * * *", job(func(ctx context.Context) error {
				select {
				case <-time.After(150 * time.Minute):
				case <-ctx.Done():
				}
				return ctx.Err()
			})))
			require.NoError(t, s.Every("every", time.Hour, job(ok)))
			require.NoError(t, s.Manual("manual", job(ok)))
			return s
		}
		r := start(t, build())

		time.Sleep(20 * time.Minute) // 00:20: flaky failed at 00:10
		verdict, text := whySays(t, r, "flaky", "00:20:00")
		assert.Equal(t, pawl.VerdictBackoff, verdict)
		assert.Equal(t, "flaky did not run for 2000-01-01 00:20:00 UTC: it is backoff until 2000-01-01T00:35:00.000Z.", text)
		well.Store(true)
		time.Sleep(21 * time.Minute) // 00:41: it ran at 00:40
		verdict, text = whySays(t, r, "flaky", "00:20:00")
		assert.Equal(t, pawl.VerdictBackoff, verdict)
		assert.Equal(t, "flaky did not run for 2000-01-01 00:20:00 UTC: it lay in a backoff window, "+
			"one of 2 instants from 2000-01-01 00:20:00 UTC to 2000-01-01 00:30:00 UTC.", text)
		verdict, text = whySays(t, r, "flaky", "00:40:00")
		assert.Equal(t, pawl.VerdictFired, verdict)
		assert.Equal(t, "flaky ran for 2000-01-01 00:40:00 UTC: run 2, completed, started 2000-01-01 00:40:00 UTC.", text)

		require.NoError(t, r.Pause(t.Context(), "flaky", "moving house"))
		time.Sleep(90 * time.Minute) // 02:11
		verdict, text = whySays(t, r, "flaky", "01:00:00")
		assert.Equal(t, pawl.VerdictPaused, verdict)
		assert.Equal(t, "flaky did not run for 2000-01-01 01:00:00 UTC: it is paused: moving house.", text)
		require.NoError(t, r.Resume(t.Context(), "flaky"))
		verdict, text = whySays(t, r, "flaky", "01:00:00")
		assert.Equal(t, pawl.VerdictPaused, verdict)
		assert.Contains(t, text, "the flow was paused: moving house, one of 9 instants")

		verdict, text = whySays(t, r, "slow", "02:00:00")
		assert.Empty(t, verdict, "it is not decided before the run has ended")
		assert.Equal(t, "slow has not run for 2000-01-01 02:00:00 UTC yet: run 1 is in flight since 2000-01-01 01:00:00 UTC.", text)
		time.Sleep(100 * time.Minute) // 03:51
		verdict, text = whySays(t, r, "slow", "02:00:00")
		assert.Equal(t, pawl.VerdictOverlap, verdict)
		assert.Contains(t, text, "it was skipped: a run was in flight (run 1), one of 2 instants")

		_, text = whySays(t, r, "slow", "23:00:00")
		assert.Equal(t, "slow will run at 2000-01-01 23:00:00 UTC.", text)
		_, text = whySays(t, r, "slow", "02:30:00")
		assert.Equal(t, "2000-01-01 02:30:00 UTC is no instant of slow (0 * * * *); the one before is 2000-01-01 02:00:00 UTC, the one after 2000-01-01 03:00:00 UTC.", text)
		_, text = whySays(t, r, "manual", "02:30:00")
		assert.Equal(t, "manual has no schedule: it runs when it is triggered.", text)
		_, text = whySays(t, r, "every", "02:30:00")
		assert.Equal(t, "every runs 1h0m0s after the end of each run and was not due at 2000-01-01 02:30:00 UTC; it runs next at 2000-01-01 04:00:00 UTC.", text)
		verdict, text = whySays(t, r, "every", "02:00:00")
		assert.Equal(t, pawl.VerdictFired, verdict)
		assert.Contains(t, text, "every ran for 2000-01-01 02:00:00 UTC: run 3, completed")
		_, err := r.Why(t.Context(), "nobody", time.Now())
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)

		time.Sleep(45 * time.Minute) // 04:36, and down until 06:36
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		time.Sleep(2 * time.Hour)
		r = start(t, build())
		synctest.Wait()
		verdict, text = whySays(t, r, "flaky", "05:00:00")
		assert.Equal(t, pawl.VerdictCoalesced, verdict)
		assert.Contains(t, text, "caught up on it, one of 11 instants from 2000-01-01 04:40:00 UTC to 2000-01-01 06:20:00 UTC")
		verdict, text = whySays(t, r, "flaky", "06:30:00")
		assert.Equal(t, pawl.VerdictFired, verdict)
		assert.Contains(t, text, "(6m0s late)")

		client, err := pawl.Open(db)
		require.NoError(t, err)
		reason, err := client.Why(t.Context(), "flaky", at("05:00:00"))
		require.NoError(t, err)
		assert.Equal(t, pawl.VerdictCoalesced, reason.Verdict)
		require.NoError(t, client.Close())
		_ = r.Stop(context.Background()) // slow is cancelled
		verify(t, db)
	})
}

// time W1: what is not made up for was missed, and says so.
func TestInstantsThatAreNotMadeUpForWereMissed(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Cron("none", "0 * * * *", job(ok), pawl.WithCatchUp(pawl.CatchUpNone)))
			require.NoError(t, s.Cron("within", "0 * * * *", job(ok), pawl.WithCatchUpWithin(90*time.Minute)))
			require.NoError(t, s.Cron("all", "0 * * * *", job(ok), pawl.WithCatchUp(pawl.CatchUpAll(2)), pawl.WithOverlap(pawl.OverlapBuffer(10))))
			return s
		}
		r := start(t, build())
		time.Sleep(90 * time.Minute)
		stop(t, r, db)
		time.Sleep(4 * time.Hour) // 05:30: 2, 3, 4 and 5 o'clock passed
		r = start(t, build())
		synctest.Wait()
		assert.Equal(t, []string{
			"none missed 2000-01-01T02:00:00.000Z 2000-01-01T05:00:00.000Z 4 catch-up none 0",
			"within missed 2000-01-01T02:00:00.000Z 2000-01-01T03:00:00.000Z 2 catch-up latest within 1h30m0s 0",
			"within coalesced 2000-01-01T04:00:00.000Z 2000-01-01T04:00:00.000Z 1 - 2",
			"all missed 2000-01-01T02:00:00.000Z 2000-01-01T03:00:00.000Z 2 catch-up all 2 0",
		}, ledgerRows(t, db))
		_, text := whySays(t, r, "none", "03:00:00")
		assert.Contains(t, text, "none did not run for 2000-01-01 03:00:00 UTC: nobody ran then, and it was not caught up on: catch-up none")
		assert.Equal(t, int64(1), status(t, r, "none").RunCount)
		assert.Equal(t, int64(2), status(t, r, "within").RunCount)
		assert.Equal(t, int64(3), status(t, r, "all").RunCount)
		stop(t, r, db)
	})
}

// time S7: what is known to stand in the way of the next instants is told with them.
func TestNextInstantsSayWhatStandsInTheirWay(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("cron", "0 9 * * *", job(ok), pawl.WithLocation("Europe/Berlin")))
		require.NoError(t, s.Cron("backoff", "* * * * *", job(failing), pawl.WithBackoff(pawl.BackoffPolicy{Initial: 2 * time.Minute})))
		require.NoError(t, s.Every("every", time.Hour, job(ok)))
		require.NoError(t, s.Manual("manual", job(ok)))
		require.NoError(t, s.Cron("tripped", "0 * * * *", job(failing), pawl.WithBackoff(pawl.TripAfter(1))))
		r := start(t, s)
		next := func(id string, n int) (list []string) {
			synctest.Wait()
			instants, err := r.Next(id, n)
			require.NoError(t, err)
			for _, i := range instants {
				text := i.At.Format("02 15:04")
				if i.Held != "" {
					text += " " + i.Held
				}
				if i.Estimate {
					text += " about"
				}
				list = append(list, text)
			}
			return list
		}
		assert.Equal(t, []string{"01 08:00", "02 08:00", "03 08:00"}, next("cron", 3))
		assert.Empty(t, next("manual", 3))
		assert.Equal(t, []string{"01 01:00", "01 02:00 about"}, next("every", 2))
		require.NoError(t, r.Pause(t.Context(), "cron", "holidays"))
		assert.Equal(t, []string{"01 08:00 paused: holidays"}, next("cron", 1))
		time.Sleep(61 * time.Minute)
		assert.Equal(t, []string{"01 02:00 tripped: it failed 1 time in a row; reset it first"}, next("tripped", 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		instants, err := r.Next("backoff", 3)
		require.NoError(t, err)
		require.Len(t, instants, 3)
		assert.Contains(t, instants[0].Held, "backoff until")
		client, err := pawl.Open(db)
		require.NoError(t, err)
		same, err := client.Next(t.Context(), "backoff", 3)
		require.NoError(t, err)
		assert.Equal(t, instants, same)
		_, err = client.Next(t.Context(), "nobody", 3)
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		require.NoError(t, client.Close())
		stop(t, r, db)
	})
}

// A pause and then a trip each have the range that they held back, and so have a trip
// and then a pause. time W1, time M1.
func TestAPauseAndATripHaveTheirOwnVerdicts(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("f", "*/5 * * * * *", job(func(ctx context.Context) error {
			time.Sleep(10 * time.Second)
			return errors.New("boom")
		}), pawl.WithBackoff(pawl.TripAfter(1))))
		r := start(t, s)
		began := time.Now()
		time.Sleep(6 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", "over night")) // until 15 s, when it trips
		time.Sleep(16 * time.Second)
		why := func(after int) string {
			reason, err := r.Why(t.Context(), "f", began.Add(time.Duration(after)*time.Second))
			require.NoError(t, err)
			return reason.Text
		}
		assert.Equal(t, "f did not run for 2000-01-01 00:00:10 UTC: the flow was paused: over night, one of 2 instants from 2000-01-01 00:00:10 UTC to 2000-01-01 00:00:15 UTC.", why(10))
		assert.Equal(t, "f did not run for 2000-01-01 00:00:20 UTC: it is tripped: it failed 1 time in a row; reset it first.", why(20))
		_, err := r.Probe(t.Context(), "f")
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, r.Reset(t.Context(), "f")) // the pause goes on
		time.Sleep(5 * time.Second)
		require.NoError(t, r.Resume(t.Context(), "f"))
		stop(t, r, db)
		require.NoError(t, checkLedger(db, began, time.Since(began), verdicts(map[string][]int{
			"suppressed_paused": {10, 15, 25}, "suppressed_tripped": {20}, "skipped_overlap": {30},
		})))
	})
}

// An instant after the last one of a limited schedule is told why it does not run. time S6, time W2.
func TestWhySaysThatALimitWasReached(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("f", "0 * * * *", job(ok), pawl.WithLimit(2)))
		require.NoError(t, s.Every("delay", time.Hour, job(ok), pawl.WithLimit(1)))
		r := start(t, s)
		time.Sleep(4 * time.Hour)
		for clock, want := range map[string]string{
			"03:00:00": "f did not run for 2000-01-01 03:00:00 UTC: its limit (2) was reached with the run for 2000-01-01 02:00:00 UTC.",
			"05:00:00": "f will not run at 2000-01-01 05:00:00 UTC: its limit (2) was reached with the run for 2000-01-01 02:00:00 UTC.",
		} {
			_, text := whySays(t, r, "f", clock)
			assert.Equal(t, want, text)
		}
		_, text := whySays(t, r, "delay", "03:00:00")
		assert.Equal(t, "delay runs 1h0m0s after the end of each run and was not due at 2000-01-01 03:00:00 UTC; its limit (1) was reached with the run for 2000-01-01 00:00:00 UTC.", text)
		stop(t, r, db)
	})
}

// time W2: a time without fractions is meant as the run within its second, where only runs
// tell what was due.
func TestWhyFindsTheRunWithinASecond(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Every("every", time.Hour, job(func(context.Context) error {
			time.Sleep(263 * time.Millisecond)
			return nil
		})))
		r := start(t, s)
		time.Sleep(150 * time.Minute)
		verdict, text := whySays(t, r, "every", "02:00:00")
		assert.Equal(t, pawl.VerdictFired, verdict)
		assert.Contains(t, text, "every ran for 2000-01-01 02:00:00.526 UTC: run 3, completed")
		verdict, text = whySays(t, r, "every", "02:00:01")
		assert.Empty(t, verdict)
		assert.Contains(t, text, "was not due at 2000-01-01 02:00:01 UTC")
		stop(t, r, db)
	})
}
