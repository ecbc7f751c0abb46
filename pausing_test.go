package pawl_test

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A pause with an end ends by itself, once, as one transition; what is due at its end is
// held back still, and what comes after it runs. time M1.
func TestPauseEndsByItself(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("f", "*/5 * * * * *", job(ok)))
		r := start(t, s)
		time.Sleep(6 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", "a while", pawl.PauseFor(14*time.Second)))
		assert.Equal(t, at("00:00:20"), status(t, r, "f").PausedUntil)
		require.NoError(t, r.Pause(t.Context(), "f", "a while", pawl.PauseUntil(at("00:00:20"))), "which says the same")
		time.Sleep(14*time.Second - time.Nanosecond)
		synctest.Wait()
		assert.NotZero(t, status(t, r, "f").PausedAt)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Zero(t, status(t, r, "f").PausedAt)
		assert.Zero(t, status(t, r, "f").PausedUntil)
		time.Sleep(11 * time.Second)
		assert.Equal(t, seconds(5, 25, 30), told(t, r, "f"))
		assert.Equal(t, []string{
			"00:00:06.000 pause a while 00:00:20.000",
			"00:00:20.000 resume the pause was over at 2000-01-01T00:00:20.000Z -",
		}, texts(t, db, `SELECT substr(at, 12, 12) || ' ' || event || ' ' || note || ' ' || COALESCE(substr(paused_until, 12, 12), '-') FROM pawl_transitions WHERE flow_id = 'f' AND event IN ('pause', 'resume') ORDER BY seq`))
		stop(t, r, db)
		require.NoError(t, checkLedger(db, at("00:00:00"), 31*time.Second, verdicts(map[string][]int{"suppressed_paused": {10, 15, 20}})))
	})
}

// A pause whose end passes while nobody runs ends at the next start: up to its end the
// ledger says paused, and what came after it was missed, and is caught up on as the
// policy says; once, also when that start is killed too. time M1, time C1, time C2, time C3.
func TestPauseThatEndedWhileNobodyRan(t *testing.T) {
	for name, test := range map[string]struct {
		policy []pawl.FlowOption
		told   []time.Duration
		ledger map[string][]int
	}{
		"latest":   {nil, seconds(5, 35, 40), map[string][]int{"coalesced": {25, 30}}},
		"earliest": {[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpEarliest)}, seconds(5, 25, 40), map[string][]int{"coalesced": {30, 35}}},
		"all":      {[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(9)), pawl.WithOverlap(pawl.OverlapBuffer(9))}, seconds(5, 25, 30, 35, 40), nil},
		"all of 2": {[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(2)), pawl.WithOverlap(pawl.OverlapBuffer(9))}, seconds(5, 30, 35, 40), map[string][]int{"missed": {25}}},
		"none":     {[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpNone)}, seconds(5, 40), map[string][]int{"missed": {25, 30, 35}}},
		"within":   {[]pawl.FlowOption{pawl.WithCatchUpWithin(8 * time.Second)}, seconds(5, 35, 40), map[string][]int{"missed": {25}, "coalesced": {30}}},
	} {
		for _, again := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T, db string) {
					register := func(s *pawl.Scheduler) {
						require.NoError(t, s.Cron("f", "*/5 * * * * *", job(ok), test.policy...))
					}
					p := launch(t, db, register)
					time.Sleep(6 * time.Second)
					require.NoError(t, p.Pause(t.Context(), "f", "a while", pawl.PauseUntil(at("00:00:22"))))
					time.Sleep(time.Second)
					p.kill()
					time.Sleep(30 * time.Second)
					c := openClient(t, db)
					held, err := c.Next(t.Context(), "f", 2)
					require.NoError(t, err)
					assert.Equal(t, []pawl.Instant{{At: at("00:00:25")}, {At: at("00:00:30")}}, held, "nothing is in their way")
					require.NoError(t, c.Close())
					p = launch(t, db, register)
					assert.Zero(t, status(t, p.Runner, "f").PausedAt, "it is over before Start returns")
					if again {
						synctest.Wait()
						p.kill()
						p = launch(t, db, register)
					}
					time.Sleep(time.Until(at("00:00:41")))
					assert.ElementsMatch(t, test.told, told(t, p.Runner, "f"))
					_, text := whySays(t, p.Runner, "f", "00:00:20")
					assert.Contains(t, text, "the flow was paused: a while, one of 3 instants")
					_, text = whySays(t, p.Runner, "f", "00:00:25")
					assert.NotContains(t, text, "paused")
					require.NoError(t, p.Stop(t.Context()))
					verify(t, db)
					all := verdicts(test.ledger)
					for _, at := range seconds(10, 15, 20) {
						all[at] = []string{"suppressed_paused"}
					}
					require.NoError(t, checkLedger(db, at("00:00:00"), 41*time.Second, all))
				})
			})
		}
	}
}

// Neither a run that waits for a limit, nor a suspect that waits for its turn, nor what
// is in flight keeps a pause from ending; a trip stays. time M1, time Q5.
func TestPauseEndsWhateverTheFlowIsAt(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithMaxRunning(2))
		require.NoError(t, s.Manual("long", job(sleeps(time.Hour)), pawl.WithOverlap(pawl.OverlapAllow(2, 0))))
		require.NoError(t, s.Cron("waits", "0 0 * * * *", job(ok), pawl.WithOverlap(pawl.OverlapBuffer(3))))
		require.NoError(t, s.Cron("runs", "0 0 * * * *", job(sleeps(40*time.Minute))))
		require.NoError(t, s.Cron("trips", "0 0 * * * *", job(failing), pawl.WithBackoff(pawl.TripAfter(1))))
		r := start(t, s)
		finish(t, r, "trips")
		trigger(t, r, "runs")
		trigger(t, r, "long")
		trigger(t, r, "waits")
		for _, id := range []string{"waits", "runs", "trips"} {
			require.NoError(t, r.Pause(t.Context(), id, "", pawl.PauseFor(10*time.Minute)))
		}
		require.Equal(t, 1, status(t, r, "waits").Waiting)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for _, id := range []string{"waits", "runs", "trips"} {
			assert.Zero(t, status(t, r, id).PausedAt, id)
		}
		assert.Equal(t, at("01:00:00"), status(t, r, "waits").NextRun)
		assert.Equal(t, 1, status(t, r, "waits").Waiting)
		assert.Equal(t, pawl.StatusRunning, status(t, r, "runs").Status)
		assert.Equal(t, pawl.StatusTripped, status(t, r, "trips").Status)
		assert.Zero(t, status(t, r, "trips").NextRun)
		time.Sleep(time.Hour + 45*time.Minute)
		stop(t, r, db)
	})
}

// A suspect's pause ends on time, also while another suspect is on trial.
func TestPauseOfASuspectEndsOnTime(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			for _, id := range []string{"a", "b"} {
				require.NoError(t, s.Cron(id, "*/30 * * * * *", job(sleeps(time.Hour))))
			}
		}
		p := launch(t, db, register)
		time.Sleep(31 * time.Second)
		p.kill()
		p = launch(t, db, register)
		time.Sleep(30 * time.Second)
		p.kill()
		p = launch(t, db, register)
		require.True(t, status(t, p.Runner, "b").Suspect)
		require.NoError(t, p.Pause(t.Context(), "b", "", pawl.PauseFor(40*time.Second)))
		time.Sleep(40 * time.Second)
		synctest.Wait()
		require.Equal(t, pawl.StatusRunning, status(t, p.Runner, "a").Status)
		require.True(t, status(t, p.Runner, "a").Suspect, "its trial goes on")
		assert.Zero(t, status(t, p.Runner, "b").PausedAt)
		p.kill()
		time.Sleep(2 * time.Hour) // the jobs come to an end
		verify(t, db)
	})
}

// While the store takes no writes a pause goes on; it ends as soon as it does, as if it
// had at its instant.
func TestEndOfAPauseWaitsForTheStore(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		full := &disk{}
		s := quiet(db, pawl.WithStore(full.Wrap))
		require.NoError(t, s.Cron("f", "*/5 * * * * *", job(ok)))
		r := start(t, s)
		time.Sleep(6 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", "", pawl.PauseFor(6*time.Second)))
		full.Fail(errors.New("disk full"))
		time.Sleep(15 * time.Second)
		synctest.Wait()
		require.Error(t, r.Degraded())
		assert.NotZero(t, status(t, r, "f").PausedAt)
		full.Fail(nil)
		time.Sleep(5 * time.Second)
		assert.Equal(t, seconds(5, 20, 25), told(t, r, "f"))
		stop(t, r, db)
		require.NoError(t, checkLedger(db, at("00:00:00"), 26*time.Second, verdicts(map[string][]int{"suppressed_paused": {10}, "coalesced": {15}})))
	})
}

// A database that was copied ends no pause until it is claimed.
func TestPassiveRunnerEndsNoPause(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithRestoreGuard())
			require.NoError(t, s.Cron("f", "*/5 * * * * *", job(ok)))
			return s
		}
		r := start(t, build())
		require.NoError(t, r.Pause(t.Context(), "f", "", pawl.PauseFor(7*time.Second)))
		stop(t, r, db)
		require.NoError(t, os.Remove(db+".lock"))
		time.Sleep(5 * time.Second)
		r = start(t, build())
		time.Sleep(7 * time.Second)
		assert.NotZero(t, status(t, r, "f").PausedAt)
		stop(t, r, db)
		r = start(t, build())
		assert.NotZero(t, status(t, r, "f").PausedAt, "nor at a start")
		require.NoError(t, r.Claim(t.Context()))
		synctest.Wait()
		assert.Zero(t, status(t, r, "f").PausedAt)
		assert.Equal(t, seconds(10), told(t, r, "f"), "what came after its end was missed")
		stop(t, r, db)
	})
}

// A pause goes with a flow through a rename, and is over with its end; one that is not
// registered any more is as it was.
func TestEndOfAPauseFollowsItsFlow(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("old", "0 * * * *", job(ok)))
		require.NoError(t, s.Cron("gone", "0 * * * *", job(ok)))
		r := start(t, s)
		for _, id := range []string{"old", "gone"} {
			require.NoError(t, r.Pause(t.Context(), id, "", pawl.PauseFor(90*time.Minute)))
		}
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			return errors.Join(s.Remove("old"), s.Remove("gone"), s.Cron("new", "0 * * * *", job(ok), pawl.WithFormerID("old")))
		}))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Zero(t, status(t, r, "new").PausedAt)
		assert.Equal(t, []time.Duration{2 * time.Hour}, told(t, r, "new"))
		assert.NotZero(t, status(t, r, "gone").PausedAt)
		require.NoError(t, r.Forget(t.Context(), "gone"))
		stop(t, r, db)
	})
}

// What a pause says to whoever asks: the runner, a client, the inbox, the views, At.
// time M1, time M5.
func TestEndOfAPauseIsToldEverywhere(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
			require.NoError(t, errors.Join(s.Cron("f", "0 * * * *", job(ok)), s.Every("delay", time.Hour, job(ok))))
			return s
		}
		r := start(t, build())
		synctest.Wait()
		c := openClient(t, db)
		require.NoError(t, c.Pause(t.Context(), "f", "moving", pawl.PauseFor(150*time.Minute)))
		require.NoError(t, r.Pause(t.Context(), "delay", "", pawl.PauseUntil(at("02:30:00"))))
		end := status(t, r, "f").PausedUntil
		assert.Equal(t, at("02:30:00"), end)
		require.ErrorIs(t, c.Pause(t.Context(), "f", "", pawl.PauseFor(0)), pawl.ErrInvalidRange)
		require.ErrorIs(t, r.Pause(t.Context(), "f", "", pawl.PauseFor(-time.Second)), pawl.ErrInvalidRange)
		require.ErrorIs(t, c.Pause(t.Context(), "f", "", pawl.PauseUntil(time.Now())), pawl.ErrInvalidRange)
		require.ErrorIs(t, c.Pause(t.Context(), "f", "", pawl.PauseUntil(time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC))), pawl.ErrInvalidRange)
		assert.Equal(t, []string{"2000-01-01T02:30:00.000Z"}, texts(t, db, "SELECT paused_until FROM pawl_flows WHERE id = 'f'"))
		assert.Equal(t, []string{"paused until 2000-01-01T02:30:00.000Z: moving"}, texts(t, db, "SELECT next_run FROM pawl_status WHERE flow = 'f'"))
		next, err := r.Next("f", 3)
		require.NoError(t, err)
		assert.Equal(t, []pawl.Instant{
			{At: at("01:00:00"), Held: "paused until 2000-01-01T02:30:00.000Z: moving"},
			{At: at("02:00:00"), Held: "paused until 2000-01-01T02:30:00.000Z: moving"},
			{At: at("03:00:00")},
		}, next)
		next, err = r.Next("delay", 2)
		require.NoError(t, err)
		assert.Equal(t, []pawl.Instant{{At: at("02:30:00")}, {At: at("03:30:00"), Estimate: true}}, next, "it is counted from the end")
		for clock, want := range map[string]string{
			"02:00:00": "f will not run at 2000-01-01 02:00:00 UTC as things are: paused until 2000-01-01T02:30:00.000Z: moving.",
			"03:00:00": "f will run at 2000-01-01 03:00:00 UTC.",
		} {
			_, text := whySays(t, r, "f", clock)
			assert.Equal(t, want, text)
		}
		_, text := whySays(t, r, "delay", "05:00:00")
		assert.Contains(t, text, "it is paused until 2000-01-01T02:30:00.000Z.")

		time.Sleep(time.Until(at("01:00:00")))
		require.NoError(t, c.Pause(t.Context(), "f", "still moving", pawl.PauseUntil(at("04:30:00"))))
		paused := status(t, r, "f")
		time.Sleep(100 * time.Minute)
		assert.Equal(t, []time.Duration{0, 150 * time.Minute}, told(t, r, "delay"))
		stop(t, r, db)
		time.Sleep(8 * time.Hour)
		for when, want := range map[string]pawl.FlowInfo{
			"00:59:00": {PausedAt: paused.PausedAt, PauseNote: "moving", PausedUntil: end},
			"01:59:00": {PausedAt: paused.PausedAt, PauseNote: "still moving", PausedUntil: at("04:30:00")},
			"04:29:59": {PausedAt: paused.PausedAt, PauseNote: "still moving", PausedUntil: at("04:30:00")},
			"04:30:00": {},
		} {
			flows, err := c.At(t.Context(), at(when))
			require.NoError(t, err)
			is := flows[0]
			assert.Equal(t, want, pawl.FlowInfo{PausedAt: is.PausedAt, PauseNote: is.PauseNote, PausedUntil: is.PausedUntil}, when)
		}
		require.ErrorIs(t, c.Queueing().Pause(t.Context(), "f", "", pawl.PauseFor(time.Hour)), pawl.ErrQueued)
		require.NoError(t, c.Close())
		time.Sleep(2 * time.Hour)
		r = start(t, build())
		assert.Zero(t, status(t, r, "f").PausedAt, "the end of what was queued has passed too")
		stop(t, r, db)
		assert.Regexp(t, `^invalid range: a pause until 2000-01-01T11:40:00\.\d{3}Z, which is not after now$`, texts(t, db, "SELECT error FROM pawl_commands ORDER BY id DESC LIMIT 1")[0])
	})
}

// A database of the version before pauses had ends opens, is migrated and carries on:
// what is paused is so until somebody resumes it. The owner that made it was killed.
func TestDatabaseBeforePausesHadEndsCarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_pause.sqlite")
	require.NoError(t, err)
	bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		time.Sleep(time.Until(time.Date(2026, 11, 28, 1, 16, 0, 0, time.UTC)))
		s := quiet(db)
		require.NoError(t, errors.Join(
			s.Cron("hourly", "0 * * * *", job(ok)),
			s.Cron("nightly", "30 2 * * *", job(ok), pawl.WithLocation("Europe/Berlin")),
			s.Manual("broken", job(failing), pawl.WithBackoff(pawl.TripAfter(1))),
			s.Manual("queue", job(ok), pawl.WithOverlap(pawl.OverlapBuffer(5))),
		))
		r := start(t, s)
		synctest.Wait()
		nightly, broken := status(t, r, "nightly"), status(t, r, "broken")
		assert.Equal(t, "a holiday", nightly.PauseNote)
		assert.Equal(t, time.Date(2026, 11, 28, 1, 15, 37, 623e6, time.UTC), nightly.PausedAt)
		assert.Equal(t, "until it is mended", broken.PauseNote, "which is no end")
		assert.Equal(t, pawl.StatusTripped, broken.Status)
		assert.Zero(t, nightly.PausedUntil)
		assert.Equal(t, pawl.RunCompleted, runOf(t, r, "queue", 2).Status)
		require.NoError(t, r.Pause(t.Context(), "nightly", "a holiday", pawl.PauseFor(48*time.Hour)))
		time.Sleep(80 * time.Hour)
		synctest.Wait()
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "nightly"})
		require.NoError(t, err)
		require.Len(t, runs, 2)
		assert.Equal(t, time.Date(2026, 11, 30, 1, 30, 0, 0, time.UTC), runs[1].ScheduledAt)
		stop(t, r, db)
		c := openClient(t, db)
		checks, err := c.Doctor(t.Context())
		require.NoError(t, err)
		for _, check := range checks {
			assert.Empty(t, check.Found, check.Name)
		}
		require.NoError(t, c.Close())
	})
}
