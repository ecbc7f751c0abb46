package pawl_test

import (
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// A pause with an end ends by itself, once, as one transition; what is due at its end is
// held back still, and what comes after it runs. time M1.
func TestPauseEndsByItself(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("f", "*/5 * * * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(6 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", "a while", pawl.PauseFor(14*time.Second)))
		assert.Equal(t, harness.At("00:00:20"), harness.Status(t, r, "f").PausedUntil)
		require.NoError(t, r.Pause(t.Context(), "f", "a while", pawl.PauseUntil(harness.At("00:00:20"))), "which says the same")
		time.Sleep(14*time.Second - time.Nanosecond)
		synctest.Wait()
		assert.NotZero(t, harness.Status(t, r, "f").PausedAt)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Zero(t, harness.Status(t, r, "f").PausedAt)
		assert.Zero(t, harness.Status(t, r, "f").PausedUntil)
		time.Sleep(11 * time.Second)
		assert.Equal(t, harness.Seconds(5, 25, 30), harness.Told(t, r, "f"))
		assert.Equal(t, []string{
			"00:00:06.000 pause a while 00:00:20.000",
			"00:00:20.000 resume the pause was over at 2000-01-01T00:00:20.000Z -",
		}, harness.Texts(t, db, `SELECT substr(at, 12, 12) || ' ' || event || ' ' || note || ' ' || COALESCE(substr(paused_until, 12, 12), '-') FROM pawl_transitions WHERE flow_id = 'f' AND event IN ('pause', 'resume') ORDER BY seq`))
		harness.Stop(t, r, db)
		require.NoError(t, harness.CheckLedger(db, harness.At("00:00:00"), 31*time.Second, harness.Verdicts(map[string][]int{"suppressed_paused": {10, 15, 20}})))
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
		"latest":   {nil, harness.Seconds(5, 35, 40), map[string][]int{"coalesced": {25, 30}}},
		"earliest": {[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpEarliest)}, harness.Seconds(5, 25, 40), map[string][]int{"coalesced": {30, 35}}},
		"all":      {[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(9)), pawl.WithOverlap(pawl.OverlapBuffer(9))}, harness.Seconds(5, 25, 30, 35, 40), nil},
		"all of 2": {[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(2)), pawl.WithOverlap(pawl.OverlapBuffer(9))}, harness.Seconds(5, 30, 35, 40), map[string][]int{"missed": {25}}},
		"none":     {[]pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpNone)}, harness.Seconds(5, 40), map[string][]int{"missed": {25, 30, 35}}},
		"within":   {[]pawl.FlowOption{pawl.WithCatchUpWithin(8 * time.Second)}, harness.Seconds(5, 35, 40), map[string][]int{"missed": {25}, "coalesced": {30}}},
	} {
		for _, again := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				harness.Bubble(t, func(t *testing.T, db string) {
					register := func(s *pawl.Scheduler) {
						require.NoError(t, s.Cron("f", "*/5 * * * * *", harness.Job(harness.OK), test.policy...))
					}
					p := harness.Launch(t, db, register)
					time.Sleep(6 * time.Second)
					require.NoError(t, p.Pause(t.Context(), "f", "a while", pawl.PauseUntil(harness.At("00:00:22"))))
					time.Sleep(time.Second)
					p.Kill()
					time.Sleep(30 * time.Second)
					c := harness.OpenClient(t, db)
					held, err := c.Next(t.Context(), "f", 2)
					require.NoError(t, err)
					assert.Equal(t, []pawl.Instant{{At: harness.At("00:00:25")}, {At: harness.At("00:00:30")}}, held, "nothing is in their way")
					require.NoError(t, c.Close())
					p = harness.Launch(t, db, register)
					assert.Zero(t, harness.Status(t, p.Runner, "f").PausedAt, "it is over before Start returns")
					if again {
						synctest.Wait()
						p.Kill()
						p = harness.Launch(t, db, register)
					}
					time.Sleep(time.Until(harness.At("00:00:41")))
					assert.ElementsMatch(t, test.told, harness.Told(t, p.Runner, "f"))
					_, text := whySays(t, p.Runner, "f", "00:00:20")
					assert.Contains(t, text, "the flow was paused: a while, one of 3 instants")
					_, text = whySays(t, p.Runner, "f", "00:00:25")
					assert.NotContains(t, text, "paused")
					require.NoError(t, p.Stop(t.Context()))
					harness.Verify(t, db)
					all := harness.Verdicts(test.ledger)
					for _, at := range harness.Seconds(10, 15, 20) {
						all[at] = []string{"suppressed_paused"}
					}
					require.NoError(t, harness.CheckLedger(db, harness.At("00:00:00"), 41*time.Second, all))
				})
			})
		}
	}
}

// Neither a run that waits for a limit, nor a suspect that waits for its turn, nor what
// is in flight keeps a pause from ending; a trip stays. time M1, time Q5.
func TestPauseEndsWhateverTheFlowIsAt(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithMaxRunning(2))
		require.NoError(t, s.Manual("long", harness.Job(harness.Sleeps(time.Hour)), pawl.WithOverlap(pawl.OverlapAllow(2, 0))))
		require.NoError(t, s.Cron("waits", "0 0 * * * *", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(3))))
		require.NoError(t, s.Cron("runs", "0 0 * * * *", harness.Job(harness.Sleeps(40*time.Minute))))
		require.NoError(t, s.Cron("trips", "0 0 * * * *", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
		harness.Finish(t, r, "trips")
		harness.Trigger(t, r, "runs")
		harness.Trigger(t, r, "long")
		harness.Trigger(t, r, "waits")
		for _, id := range []string{"waits", "runs", "trips"} {
			require.NoError(t, r.Pause(t.Context(), id, "", pawl.PauseFor(10*time.Minute)))
		}
		require.Equal(t, 1, harness.Status(t, r, "waits").Waiting)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for _, id := range []string{"waits", "runs", "trips"} {
			assert.Zero(t, harness.Status(t, r, id).PausedAt, id)
		}
		assert.Equal(t, harness.At("01:00:00"), harness.Status(t, r, "waits").NextRun)
		assert.Equal(t, 1, harness.Status(t, r, "waits").Waiting)
		assert.Equal(t, pawl.StatusRunning, harness.Status(t, r, "runs").Status)
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, r, "trips").Status)
		assert.Zero(t, harness.Status(t, r, "trips").NextRun)
		time.Sleep(time.Hour + 45*time.Minute)
		harness.Stop(t, r, db)
	})
}

// A suspect's pause ends on time, also while another suspect is on trial.
func TestPauseOfASuspectEndsOnTime(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			for _, id := range []string{"a", "b"} {
				require.NoError(t, s.Cron(id, "*/30 * * * * *", harness.Job(harness.Sleeps(time.Hour))))
			}
		}
		p := harness.Launch(t, db, register)
		time.Sleep(31 * time.Second)
		p.Kill()
		p = harness.Launch(t, db, register)
		time.Sleep(30 * time.Second)
		p.Kill()
		p = harness.Launch(t, db, register)
		require.True(t, harness.Status(t, p.Runner, "b").Suspect)
		require.NoError(t, p.Pause(t.Context(), "b", "", pawl.PauseFor(40*time.Second)))
		time.Sleep(40 * time.Second)
		synctest.Wait()
		require.Equal(t, pawl.StatusRunning, harness.Status(t, p.Runner, "a").Status)
		require.True(t, harness.Status(t, p.Runner, "a").Suspect, "its trial goes on")
		assert.Zero(t, harness.Status(t, p.Runner, "b").PausedAt)
		p.Kill()
		time.Sleep(2 * time.Hour) // the jobs come to an end
		harness.Verify(t, db)
	})
}

// While the store takes no writes a pause goes on; it ends as soon as it does, as if it
// had at its instant.
func TestEndOfAPauseWaitsForTheStore(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		full := &harness.Disk{}
		s := harness.Quiet(db, pawl.WithStore(full.Wrap))
		require.NoError(t, s.Cron("f", "*/5 * * * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(6 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", "", pawl.PauseFor(6*time.Second)))
		full.Fail(errors.New("disk full"))
		time.Sleep(15 * time.Second)
		synctest.Wait()
		require.Error(t, r.Degraded())
		assert.NotZero(t, harness.Status(t, r, "f").PausedAt)
		full.Fail(nil)
		time.Sleep(5 * time.Second)
		assert.Equal(t, harness.Seconds(5, 20, 25), harness.Told(t, r, "f"))
		harness.Stop(t, r, db)
		require.NoError(t, harness.CheckLedger(db, harness.At("00:00:00"), 26*time.Second, harness.Verdicts(map[string][]int{"suppressed_paused": {10}, "coalesced": {15}})))
	})
}

// A database that was copied ends no pause until it is claimed.
func TestPassiveRunnerEndsNoPause(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithRestoreGuard())
			require.NoError(t, s.Cron("f", "*/5 * * * * *", harness.Job(harness.OK)))
			return s
		}
		r := harness.Start(t, build())
		require.NoError(t, r.Pause(t.Context(), "f", "", pawl.PauseFor(7*time.Second)))
		harness.Stop(t, r, db)
		require.NoError(t, os.Remove(db+".lock"))
		time.Sleep(5 * time.Second)
		r = harness.Start(t, build())
		time.Sleep(7 * time.Second)
		assert.NotZero(t, harness.Status(t, r, "f").PausedAt)
		harness.Stop(t, r, db)
		r = harness.Start(t, build())
		assert.NotZero(t, harness.Status(t, r, "f").PausedAt, "nor at a start")
		require.NoError(t, r.Claim(t.Context()))
		synctest.Wait()
		assert.Zero(t, harness.Status(t, r, "f").PausedAt)
		assert.Equal(t, harness.Seconds(10), harness.Told(t, r, "f"), "what came after its end was missed")
		harness.Stop(t, r, db)
	})
}

// A pause goes with a flow through a rename, and is over with its end; one that is not
// registered any more is as it was.
func TestEndOfAPauseFollowsItsFlow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("old", "0 * * * *", harness.Job(harness.OK)))
		require.NoError(t, s.Cron("gone", "0 * * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		for _, id := range []string{"old", "gone"} {
			require.NoError(t, r.Pause(t.Context(), id, "", pawl.PauseFor(90*time.Minute)))
		}
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			return errors.Join(s.Remove("old"), s.Remove("gone"), s.Cron("new", "0 * * * *", harness.Job(harness.OK), pawl.WithFormerID("old")))
		}))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Zero(t, harness.Status(t, r, "new").PausedAt)
		assert.Equal(t, []time.Duration{2 * time.Hour}, harness.Told(t, r, "new"))
		assert.NotZero(t, harness.Status(t, r, "gone").PausedAt)
		require.NoError(t, r.Forget(t.Context(), "gone"))
		harness.Stop(t, r, db)
	})
}

// What a pause says to whoever asks: the runner, a client, the inbox, the views, At.
// time M1, time M5.
func TestEndOfAPauseIsToldEverywhere(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
			require.NoError(t, errors.Join(s.Cron("f", "0 * * * *", harness.Job(harness.OK)), s.Every("delay", time.Hour, harness.Job(harness.OK))))
			return s
		}
		r := harness.Start(t, build())
		synctest.Wait()
		c := harness.OpenClient(t, db)
		require.NoError(t, c.Pause(t.Context(), "f", "moving", pawl.PauseFor(150*time.Minute)))
		require.NoError(t, r.Pause(t.Context(), "delay", "", pawl.PauseUntil(harness.At("02:30:00"))))
		end := harness.Status(t, r, "f").PausedUntil
		assert.Equal(t, harness.At("02:30:00"), end)
		require.ErrorIs(t, c.Pause(t.Context(), "f", "", pawl.PauseFor(0)), pawl.ErrInvalidRange)
		require.ErrorIs(t, r.Pause(t.Context(), "f", "", pawl.PauseFor(-time.Second)), pawl.ErrInvalidRange)
		require.ErrorIs(t, c.Pause(t.Context(), "f", "", pawl.PauseUntil(time.Now())), pawl.ErrInvalidRange)
		require.ErrorIs(t, c.Pause(t.Context(), "f", "", pawl.PauseUntil(time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC))), pawl.ErrInvalidRange)
		assert.Equal(t, []string{"2000-01-01T02:30:00.000Z"}, harness.Texts(t, db, "SELECT paused_until FROM pawl_flows WHERE id = 'f'"))
		assert.Equal(t, []string{"paused until 2000-01-01T02:30:00.000Z: moving"}, harness.Texts(t, db, "SELECT next_run FROM pawl_status WHERE flow = 'f'"))
		next, err := r.Next("f", 3)
		require.NoError(t, err)
		assert.Equal(t, []pawl.Instant{
			{At: harness.At("01:00:00"), Held: "paused until 2000-01-01T02:30:00.000Z: moving"},
			{At: harness.At("02:00:00"), Held: "paused until 2000-01-01T02:30:00.000Z: moving"},
			{At: harness.At("03:00:00")},
		}, next)
		next, err = r.Next("delay", 2)
		require.NoError(t, err)
		assert.Equal(t, []pawl.Instant{{At: harness.At("02:30:00")}, {At: harness.At("03:30:00"), Estimate: true}}, next, "it is counted from the end")
		for clock, want := range map[string]string{
			"02:00:00": "f will not run at 2000-01-01 02:00:00 UTC as things are: paused until 2000-01-01T02:30:00.000Z: moving.",
			"03:00:00": "f will run at 2000-01-01 03:00:00 UTC.",
		} {
			_, text := whySays(t, r, "f", clock)
			assert.Equal(t, want, text)
		}
		_, text := whySays(t, r, "delay", "05:00:00")
		assert.Contains(t, text, "it is paused until 2000-01-01T02:30:00.000Z.")

		time.Sleep(time.Until(harness.At("01:00:00")))
		require.NoError(t, c.Pause(t.Context(), "f", "still moving", pawl.PauseUntil(harness.At("04:30:00"))))
		paused := harness.Status(t, r, "f")
		time.Sleep(100 * time.Minute)
		assert.Equal(t, []time.Duration{0, 150 * time.Minute}, harness.Told(t, r, "delay"))
		harness.Stop(t, r, db)
		time.Sleep(8 * time.Hour)
		for when, want := range map[string]pawl.FlowInfo{
			"00:59:00": {PausedAt: paused.PausedAt, PauseNote: "moving", PausedUntil: end},
			"01:59:00": {PausedAt: paused.PausedAt, PauseNote: "still moving", PausedUntil: harness.At("04:30:00")},
			"04:29:59": {PausedAt: paused.PausedAt, PauseNote: "still moving", PausedUntil: harness.At("04:30:00")},
			"04:30:00": {},
		} {
			flows, err := c.At(t.Context(), harness.At(when))
			require.NoError(t, err)
			is := flows[0]
			assert.Equal(t, want, pawl.FlowInfo{PausedAt: is.PausedAt, PauseNote: is.PauseNote, PausedUntil: is.PausedUntil}, when)
		}
		require.ErrorIs(t, c.Queueing().Pause(t.Context(), "f", "", pawl.PauseFor(time.Hour)), pawl.ErrQueued)
		require.NoError(t, c.Close())
		time.Sleep(2 * time.Hour)
		r = harness.Start(t, build())
		assert.Zero(t, harness.Status(t, r, "f").PausedAt, "the end of what was queued has passed too")
		harness.Stop(t, r, db)
		assert.Regexp(t, `^invalid range: a pause until 2000-01-01T11:40:00\.\d{3}Z, which is not after now$`, harness.Texts(t, db, "SELECT error FROM pawl_commands ORDER BY id DESC LIMIT 1")[0])
	})
}

// A database of the version before pauses had ends opens, is migrated and carries on:
// what is paused is so until somebody resumes it. The owner that made it was killed.
func TestDatabaseBeforePausesHadEndsCarriesOn(t *testing.T) {
	file, err := os.ReadFile("store/testdata/before_pause.sqlite")
	require.NoError(t, err)
	harness.Bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, file, 0o600))
		time.Sleep(time.Until(time.Date(2026, 11, 28, 1, 16, 0, 0, time.UTC)))
		s := harness.Quiet(db)
		require.NoError(t, errors.Join(
			s.Cron("hourly", "0 * * * *", harness.Job(harness.OK)),
			s.Cron("nightly", "30 2 * * *", harness.Job(harness.OK), pawl.WithLocation("Europe/Berlin")),
			s.Manual("broken", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))),
			s.Manual("queue", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(5))),
		))
		r := harness.Start(t, s)
		synctest.Wait()
		nightly, broken := harness.Status(t, r, "nightly"), harness.Status(t, r, "broken")
		assert.Equal(t, "a holiday", nightly.PauseNote)
		assert.Equal(t, time.Date(2026, 11, 28, 1, 15, 37, 623e6, time.UTC), nightly.PausedAt)
		assert.Equal(t, "until it is mended", broken.PauseNote, "which is no end")
		assert.Equal(t, pawl.StatusTripped, broken.Status)
		assert.Zero(t, nightly.PausedUntil)
		assert.Equal(t, pawl.RunCompleted, harness.RunOf(t, r, "queue", 2).Status)
		require.NoError(t, r.Pause(t.Context(), "nightly", "a holiday", pawl.PauseFor(48*time.Hour)))
		time.Sleep(80 * time.Hour)
		synctest.Wait()
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "nightly"})
		require.NoError(t, err)
		require.Len(t, runs, 2)
		assert.Equal(t, time.Date(2026, 11, 30, 1, 30, 0, 0, time.UTC), runs[1].ScheduledAt)
		harness.Stop(t, r, db)
		c := harness.OpenClient(t, db)
		checks, err := c.Doctor(t.Context())
		require.NoError(t, err)
		for _, check := range checks {
			assert.Empty(t, check.Found, check.Name)
		}
		require.NoError(t, c.Close())
	})
}

// Instants that a backfill has run in a pause have their run: a resume from before
// them leaves them out, whatever the catch-up policy, also when the process dies
// between the resume and the runs. time M1, time M2: at most one run for each.
func TestResumeFromLeavesOutWhatABackfillHasRun(t *testing.T) {
	for _, test := range []struct {
		name    string
		catchUp pawl.CatchUp
		from    int // of the backfill, which has three instants
		told    []time.Duration
		ledger  map[string][]int
	}{
		{"all, the first ones", pawl.CatchUpAll(100), 10, harness.Seconds(5, 10, 15, 20, 25, 30, 35, 40), map[string][]int{"suppressed_paused": {10, 15, 20}}},
		{"all, in the middle", pawl.CatchUpAll(100), 20, harness.Seconds(5, 20, 25, 30, 10, 15, 35, 40), map[string][]int{"suppressed_paused": {20, 25, 30}}},
		{"all, at most two", pawl.CatchUpAll(2), 20, harness.Seconds(5, 20, 25, 30, 15, 35, 40), map[string][]int{"suppressed_paused": {20, 25, 30}, "missed": {10}}},
		{"the latest, the last ones", pawl.CatchUpLatest, 25, harness.Seconds(5, 25, 30, 35, 20, 40), map[string][]int{"suppressed_paused": {25, 30, 35}, "coalesced": {10, 15}}},
		{"the latest, in the middle", pawl.CatchUpLatest, 20, harness.Seconds(5, 20, 25, 30, 35, 40), map[string][]int{"suppressed_paused": {20, 25, 30}, "coalesced": {10, 15}}},
		{"the earliest, the first ones", pawl.CatchUpEarliest, 10, harness.Seconds(5, 10, 15, 20, 25, 40), map[string][]int{"suppressed_paused": {10, 15, 20}, "coalesced": {30, 35}}},
	} {
		for _, dies := range []bool{false, true} {
			play := func(t *testing.T) (late bool) {
				harness.Bubble(t, func(t *testing.T, db string) {
					began := time.Now()
					register := func(s *pawl.Scheduler) {
						require.NoError(t, s.Cron("f", "*/5 * * * * *", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(100)), pawl.WithCatchUp(test.catchUp)))
					}
					p := harness.Launch(t, db, register)
					time.Sleep(6 * time.Second)
					require.NoError(t, p.Pause(t.Context(), "f", "a while"))
					time.Sleep(32 * time.Second)
					from := began.Add(time.Duration(test.from) * time.Second)
					n, err := p.Backfill(t.Context(), "f", pawl.Backfill{From: from, To: from.Add(10 * time.Second)})
					require.NoError(t, err)
					require.Equal(t, int64(3), n)
					synctest.Wait()
					require.NoError(t, p.ResumeFrom(t.Context(), "f", began))
					if dies {
						at := time.Now()
						p.Kill()
						late = time.Since(at) > time.Second // it died in a commit, which it waited for
						p = harness.Launch(t, db, register)
						if late { // the next instant may have passed
							require.NoError(t, p.Stop(t.Context()))
							return
						}
					}
					time.Sleep(3 * time.Second)
					runs := harness.Told(t, p.Runner, "f")
					assert.Equal(t, test.told, runs)
					slices.Sort(runs)
					assert.Len(t, slices.Compact(runs), len(test.told), "each once")
					require.NoError(t, p.Stop(t.Context()))
					harness.Verify(t, db)
					require.NoError(t, harness.CheckLedger(db, began, 41*time.Second, harness.Verdicts(test.ledger)))
				})
				return late
			}
			t.Run(test.name, func(t *testing.T) {
				for play(t) {
				}
			})
		}
	}
}

// What a resume reconsiders one by one goes on from where it stopped when there is no
// room for all of it, and what comes meanwhile has its own turn, or is skipped. time M1, time C1.
func TestResumeFromGoesOnWhenTheBufferWasFull(t *testing.T) {
	for _, dies := range []bool{false, true} {
		harness.Bubble(t, func(t *testing.T, db string) {
			began := time.Now()
			register := func(s *pawl.Scheduler) {
				require.NoError(t, s.Cron("f", "*/5 * * * * *", harness.Job(harness.Sleeps(3*time.Second)), pawl.WithOverlap(pawl.OverlapBuffer(2)), pawl.WithCatchUp(pawl.CatchUpAll(100))))
			}
			p := harness.Launch(t, db, register)
			time.Sleep(9 * time.Second)
			require.NoError(t, p.Pause(t.Context(), "f", "a while"))
			time.Sleep(43 * time.Second)
			require.NoError(t, p.ResumeFrom(t.Context(), "f", began.Add(15*time.Second)))
			if dies {
				synctest.Wait()
				p.Kill()
				p = harness.Launch(t, db, register)
			}
			time.Sleep(23 * time.Second)
			assert.Equal(t, harness.Seconds(5, 15, 20, 25, 30, 35, 40, 45), harness.Told(t, p.Runner, "f")[:8])
			time.Sleep(9 * time.Second)
			_ = p.Stop(t.Context()) // says whether a run was in flight
			harness.Verify(t, db)
		})
	}
}

// What was due before a pause and had not started, for its jitter or a limit, is held
// back too. The ledger says so, and a resume from before it runs it. time M1, time Q5, time S5, time W2.
func TestPauseHoldsBackWhatHasNotStarted(t *testing.T) {
	for _, test := range []struct {
		name string
		opts []pawl.Option
		flow []pawl.FlowOption
	}{
		{"its jitter", nil, []pawl.FlowOption{pawl.WithJitter(30 * time.Minute)}},
		{"a limit", []pawl.Option{pawl.WithMaxRunning(1)}, nil},
	} {
		for _, back := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				harness.Bubble(t, func(t *testing.T, db string) {
					began := time.Now()
					s := harness.Quiet(db, test.opts...)
					require.NoError(t, s.Cron("f", "0 * * * *", harness.Job(harness.OK), test.flow...))
					require.NoError(t, s.Manual("other", harness.Job(harness.Sleeps(90*time.Minute))))
					r := harness.Start(t, s)
					harness.Trigger(t, r, "other")
					time.Sleep(time.Hour + time.Millisecond)
					require.NoError(t, r.Pause(t.Context(), "f", "over night"))
					why := func(hour int) string {
						reason, err := r.Why(t.Context(), "f", began.Add(time.Duration(hour)*time.Hour))
						require.NoError(t, err)
						return reason.Text
					}
					assert.Equal(t, "f did not run for 2000-01-01 01:00:00 UTC: it was due and had not started when the flow was paused: over night.", why(1))
					time.Sleep(90 * time.Minute)
					assert.Equal(t, "f did not run for 2000-01-01 02:00:00 UTC: it is paused: over night.", why(2))
					if back {
						require.NoError(t, r.ResumeFrom(t.Context(), "f", began))
					} else {
						require.NoError(t, r.Resume(t.Context(), "f"))
						assert.Equal(t, "f did not run for 2000-01-01 01:00:00 UTC: the flow was paused: it was due and had not started; over night.", why(1))
						assert.Equal(t, "f did not run for 2000-01-01 02:00:00 UTC: the flow was paused: over night.", why(2))
					}
					time.Sleep(time.Minute)
					if back { // one run for both, as its catch-up policy says
						assert.Equal(t, minutes(120), harness.Told(t, r, "f"))
						assert.Equal(t, "f did not run for 2000-01-01 01:00:00 UTC: run 1 caught up on it.", why(1))
					} else {
						assert.Empty(t, harness.Told(t, r, "f"))
					}
					harness.Stop(t, r, db)
				})
			})
		}
	}
}

// An instant that is backfilled in its own millisecond, in which the pause ends, has one
// run too. time M1, time M2.
func TestResumeInTheMillisecondOfABackfillRunsTheInstantOnce(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		began := time.Now()
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("f", "*/5 * * * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(6 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", ""))
		time.Sleep(4 * time.Second)
		_, err := r.Backfill(t.Context(), "f", pawl.Backfill{From: time.Now(), To: time.Now()})
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, r.ResumeFrom(t.Context(), "f", began))
		time.Sleep(6 * time.Second)
		assert.Equal(t, harness.Seconds(5, 10, 15), harness.Told(t, r, "f"))
		harness.Stop(t, r, db)
	})
}
