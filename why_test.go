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

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

func whySays(t *testing.T, r *pawl.Runner, id, clock string) (pawl.VerdictKind, string) {
	t.Helper()
	reason, err := r.Why(t.Context(), id, harness.At(clock))
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
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("tick", "* * * * * *", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
		time.Sleep(24 * time.Hour)
		info := harness.Status(t, r, "tick")
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
		harness.Stop(t, r, db)
	})
}

// time W1, time W2: each reason why an instant is not run has a verdict and a sentence, also
// while what causes it goes on.
func TestWhyTellsWhatBecameOfEachInstant(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var well atomic.Bool
		work := harness.Job(func(ctx context.Context) error {
			if !well.Load() {
				return assert.AnError
			}
			return nil
		})
		policy := pawl.BackoffPolicy{Initial: 25 * time.Minute, MaxDelay: time.Hour}
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithStopTimeout(0))
			require.NoError(t, s.Cron("flaky", "*/10 * * * *", work, pawl.WithBackoff(policy)))
			require.NoError(t, s.Cron("slow", "0 * * * *", harness.Job(func(ctx context.Context) error {
				select {
				case <-time.After(150 * time.Minute):
				case <-ctx.Done():
				}
				return ctx.Err()
			})))
			require.NoError(t, s.Every("every", time.Hour, harness.Job(harness.OK)))
			require.NoError(t, s.Manual("manual", harness.Job(harness.OK)))
			return s
		}
		r := harness.Start(t, build())

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
		r = harness.Start(t, build())
		synctest.Wait()
		verdict, text = whySays(t, r, "flaky", "05:00:00")
		assert.Equal(t, pawl.VerdictCoalesced, verdict)
		assert.Contains(t, text, "caught up on it, one of 11 instants from 2000-01-01 04:40:00 UTC to 2000-01-01 06:20:00 UTC")
		verdict, text = whySays(t, r, "flaky", "06:30:00")
		assert.Equal(t, pawl.VerdictFired, verdict)
		assert.Contains(t, text, "(6m0s late)")

		client, err := pawl.Open(db)
		require.NoError(t, err)
		reason, err := client.Why(t.Context(), "flaky", harness.At("05:00:00"))
		require.NoError(t, err)
		assert.Equal(t, pawl.VerdictCoalesced, reason.Verdict)
		require.NoError(t, client.Close())
		_ = r.Stop(context.Background()) // slow is cancelled
		harness.Verify(t, db)
	})
}

// time W1: what is not made up for was missed, and says so.
func TestInstantsThatAreNotMadeUpForWereMissed(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("none", "0 * * * *", harness.Job(harness.OK), pawl.WithCatchUp(pawl.CatchUpNone)))
			require.NoError(t, s.Cron("within", "0 * * * *", harness.Job(harness.OK), pawl.WithCatchUpWithin(90*time.Minute)))
			require.NoError(t, s.Cron("all", "0 * * * *", harness.Job(harness.OK), pawl.WithCatchUp(pawl.CatchUpAll(2)), pawl.WithOverlap(pawl.OverlapBuffer(10))))
			return s
		}
		r := harness.Start(t, build())
		time.Sleep(90 * time.Minute)
		harness.Stop(t, r, db)
		time.Sleep(4 * time.Hour) // 05:30: 2, 3, 4 and 5 o'clock passed
		r = harness.Start(t, build())
		synctest.Wait()
		assert.Equal(t, []string{
			"none missed 2000-01-01T02:00:00.000Z 2000-01-01T05:00:00.000Z 4 catch-up none 0",
			"within missed 2000-01-01T02:00:00.000Z 2000-01-01T03:00:00.000Z 2 catch-up latest within 1h30m0s 0",
			"within coalesced 2000-01-01T04:00:00.000Z 2000-01-01T04:00:00.000Z 1 - 2",
			"all missed 2000-01-01T02:00:00.000Z 2000-01-01T03:00:00.000Z 2 catch-up all 2 0",
		}, ledgerRows(t, db))
		_, text := whySays(t, r, "none", "03:00:00")
		assert.Contains(t, text, "none did not run for 2000-01-01 03:00:00 UTC: nobody ran then, and it was not caught up on: catch-up none")
		assert.Equal(t, int64(1), harness.Status(t, r, "none").RunCount)
		assert.Equal(t, int64(2), harness.Status(t, r, "within").RunCount)
		assert.Equal(t, int64(3), harness.Status(t, r, "all").RunCount)
		harness.Stop(t, r, db)
	})
}

// time S7: what is known to stand in the way of the next instants is told with them.
func TestNextInstantsSayWhatStandsInTheirWay(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("cron", "0 9 * * *", harness.Job(harness.OK), pawl.WithLocation("Europe/Berlin")))
		require.NoError(t, s.Cron("backoff", "* * * * *", harness.Job(harness.Failing), pawl.WithBackoff(pawl.BackoffPolicy{Initial: 2 * time.Minute})))
		require.NoError(t, s.Every("every", time.Hour, harness.Job(harness.OK)))
		require.NoError(t, s.Manual("manual", harness.Job(harness.OK)))
		require.NoError(t, s.Cron("tripped", "0 * * * *", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
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
		harness.Stop(t, r, db)
	})
}

// A pause and then a trip each have the range that they held back, and so have a trip
// and then a pause. time W1, time M1.
func TestAPauseAndATripHaveTheirOwnVerdicts(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("f", "*/5 * * * * *", harness.Job(func(ctx context.Context) error {
			time.Sleep(10 * time.Second)
			return errors.New("boom")
		}), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
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
		harness.Stop(t, r, db)
		require.NoError(t, harness.CheckLedger(db, began, time.Since(began), harness.Verdicts(map[string][]int{
			"suppressed_paused": {10, 15, 25}, "suppressed_tripped": {20}, "skipped_overlap": {30},
		})))
	})
}

// An instant after the last one of a limited schedule is told why it does not run. time S6, time W2.
func TestWhySaysThatALimitWasReached(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("f", "0 * * * *", harness.Job(harness.OK), pawl.WithLimit(2)))
		require.NoError(t, s.Every("delay", time.Hour, harness.Job(harness.OK), pawl.WithLimit(1)))
		r := harness.Start(t, s)
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
		harness.Stop(t, r, db)
	})
}

// time W2: a time without fractions is meant as the run within its second, where only runs
// tell what was due.
func TestWhyFindsTheRunWithinASecond(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Every("every", time.Hour, harness.Job(func(context.Context) error {
			time.Sleep(263 * time.Millisecond)
			return nil
		})))
		r := harness.Start(t, s)
		time.Sleep(150 * time.Minute)
		verdict, text := whySays(t, r, "every", "02:00:00")
		assert.Equal(t, pawl.VerdictFired, verdict)
		assert.Contains(t, text, "every ran for 2000-01-01 02:00:00.526 UTC: run 3, completed")
		verdict, text = whySays(t, r, "every", "02:00:01")
		assert.Empty(t, verdict)
		assert.Contains(t, text, "was not due at 2000-01-01 02:00:01 UTC")
		harness.Stop(t, r, db)
	})
}

// Jitter delays a start on purpose: runner and client say until when, and that the flow
// is not late. found C3.
func TestJitterIsNoLateness(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		for i := range 20 {
			require.NoError(t, s.Cron(fmt.Sprint("spread", i), "0 * * * *", harness.Job(harness.OK), pawl.WithJitter(59*time.Minute)))
		}
		r := harness.Start(t, s)
		long := slices.IndexFunc(r.List(), func(f pawl.FlowInfo) bool { return f.DueAt.After(f.NextRun.Add(3 * time.Minute)) })
		require.GreaterOrEqual(t, long, 0)
		id := r.List()[long].ID
		next, due := harness.Status(t, r, id).NextRun, harness.Status(t, r, id).DueAt
		time.Sleep(time.Until(next.Add(2 * time.Minute)))
		c := harness.OpenClient(t, db)
		around, err := c.Surroundings(t.Context())
		require.NoError(t, err)
		flow, found, err := c.Status(t.Context(), id)
		require.NoError(t, err)
		require.True(t, found)
		want := pawl.Wait{Cause: pawl.WaitJitter, Until: due}
		assert.Equal(t, want, flow.Wait(time.Now(), around))
		assert.Equal(t, want, harness.Status(t, r, id).Wait(time.Now(), r.Surroundings()))

		time.Sleep(time.Until(due.Add(time.Second)))
		synctest.Wait()
		run := harness.RunOf(t, r, id, 1)
		assert.Equal(t, due, run.StartedAt)
		reason, err := r.Why(t.Context(), id, next)
		require.NoError(t, err)
		assert.Contains(t, reason.Text, "of jitter)")
		assert.NotContains(t, reason.Text, "late")
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// A flow that finds no room waits for a limit that somebody has set: it is not late, for
// an hour. found C3.
func TestWaitForALimitIsNoLatenessForAnHour(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithGroupLimit("mail", 1))
		release := make(chan struct{})
		require.NoError(t, s.Manual("long", harness.Job(func(ctx context.Context) error { <-release; return nil }), pawl.WithGroup("mail")))
		require.NoError(t, s.Cron("often", "* * * * *", harness.Job(harness.OK), pawl.WithGroup("mail")))
		r := harness.Start(t, s)
		_, err := r.Trigger(t.Context(), "long")
		require.NoError(t, err)
		due := harness.Status(t, r, "often").NextRun
		time.Sleep(time.Until(due.Add(10 * time.Minute)))
		synctest.Wait()
		c := harness.OpenClient(t, db)
		wait := func() pawl.Wait {
			around, err := c.Surroundings(t.Context())
			require.NoError(t, err)
			flow, _, err := c.Status(t.Context(), "often")
			require.NoError(t, err)
			w := flow.Wait(time.Now(), around)
			assert.Equal(t, w, harness.Status(t, r, "often").Wait(time.Now(), r.Surroundings()), "runner and client say the same")
			return w
		}
		assert.Equal(t, pawl.Wait{Cause: pawl.WaitLimit}, wait())
		time.Sleep(time.Hour)
		assert.Equal(t, pawl.WaitLimit, wait().Cause)
		assert.Equal(t, due, wait().Late)
		close(release)
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// The wait before the next attempt of a run was asked for too, whatever else waits behind it:
// runner, client and why say so. found C3.
func TestWaitForTheNextAttemptIsNoLateness(t *testing.T) {
	for name, overlap := range map[string]pawl.Overlap{"skip": pawl.OverlapSkip, "buffer": pawl.OverlapBuffer(2), "cancel": pawl.OverlapCancel} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				var tries atomic.Int64
				once := func(context.Context) error {
					if tries.Add(1) == 1 {
						return errors.New("boom")
					}
					return nil
				}
				retry := pawl.BackoffPolicy{Initial: 3 * time.Hour, Multiplier: 1, MaxDelay: 3 * time.Hour, Jitter: pawl.NoJitter}
				s := harness.Quiet(db)
				require.NoError(t, s.Cron("f", "*/5 * * * *", harness.Job(once), pawl.WithRetry(1, retry), pawl.WithOverlap(overlap)))
				r := harness.Start(t, s)
				again := harness.Status(t, r, "f").NextRun.Add(3 * time.Hour)
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				c := harness.OpenClient(t, db)
				around, err := c.Surroundings(t.Context())
				require.NoError(t, err)
				flow, _, err := c.Status(t.Context(), "f")
				require.NoError(t, err)
				want := pawl.Wait{Cause: pawl.WaitAttempt, Until: again}
				assert.Equal(t, want, flow.Wait(time.Now(), around))
				assert.Equal(t, want, harness.Status(t, r, "f").Wait(time.Now(), r.Surroundings()))
				assert.Equal(t, again, flow.NextAttempt)
				assert.Equal(t, again.Format("2006-01-02T15:04:05.000Z"), harness.Query[string](t, db, `SELECT next_attempt FROM pawl_flows`))
				for _, why := range []func(context.Context, string, time.Time) (pawl.Reason, error){r.Why, c.Why, c.View().Why} {
					reason, err := why(t.Context(), "f", flow.NextRun)
					require.NoError(t, err)
					assert.Contains(t, reason.Text, "yet: a run of it waits for its next attempt at 2000-01-01 03:05:00")
				}
				time.Sleep(90 * time.Minute)
				synctest.Wait()
				assert.Equal(t, pawl.WaitSchedule, harness.Status(t, r, "f").Wait(time.Now(), r.Surroundings()).Cause)
				assert.Zero(t, harness.Status(t, r, "f").NextAttempt)
				require.NoError(t, c.Close())
				harness.Stop(t, r, db)
			})
		})
	}
}

// Why says what an instant waits for that has come and has not started. found C3.
func TestWhySaysWhatAnInstantThatHasComeWaitsFor(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithGroupLimit("mail", 1))
		require.NoError(t, s.Cron("spread", "*/5 * * * *", harness.Job(harness.OK), pawl.WithJitter(280*time.Second)))
		require.NoError(t, s.Manual("long", harness.Job(func(ctx context.Context) error { <-ctx.Done(); return nil }), pawl.WithGroup("mail")))
		require.NoError(t, s.Cron("often", "* * * * *", harness.Job(harness.OK), pawl.WithGroup("mail")))
		r := harness.Start(t, s)
		harness.Accepted(t, r, "long")
		why := func(id string, at time.Time) string {
			reason, err := r.Why(t.Context(), id, at)
			require.NoError(t, err)
			return reason.Text
		}
		for harness.Status(t, r, "spread").DueAt.Sub(harness.Status(t, r, "spread").NextRun) < 2*time.Minute {
			time.Sleep(5 * time.Minute)
		}
		next, due := harness.Status(t, r, "spread").NextRun, harness.Status(t, r, "spread").DueAt
		time.Sleep(time.Until(next.Add(100 * time.Second)))
		assert.Contains(t, why("spread", next), "yet: its jitter ends at "+due.Format("2006-01-02 15:04:05"))
		assert.Contains(t, why("often", harness.Status(t, r, "often").NextRun), "yet: it is due, and waits for room in the limit on runs in flight")
		require.NoError(t, r.Cancel(t.Context(), "long", 1))
		harness.Stop(t, r, db)
		c := harness.OpenClient(t, db)
		flow, _, err := c.Status(t.Context(), "often")
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		reason, err := c.Why(t.Context(), "often", flow.NextRun)
		require.NoError(t, err)
		assert.Contains(t, reason.Text, "yet: it is due, but no process drives the flow")
		require.NoError(t, c.Close())
	})
}
