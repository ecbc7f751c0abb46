package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// Why a flow was reset, or a run cancelled, stands in the transition. time M3, time X2.
func TestReasonsAreKept(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Manual("work", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
		harness.Finish(t, r, "work")
		require.NoError(t, r.Reset(t.Context(), "work", "the disk was replaced", "by anna"))
		harness.Finish(t, r, "work")
		c := harness.OpenClient(t, db)
		require.NoError(t, c.Reset(t.Context(), "work", "again"))
		harness.Finish(t, r, "work")
		require.NoError(t, r.Reset(t.Context(), "work"))
		require.NoError(t, r.Pause(t.Context(), "work", "over night"))
		require.NoError(t, c.Close())
		assert.Equal(t, []string{"reset: the disk was replaced; by anna", "reset: again", "reset: ", "pause: over night"},
			harness.Texts(t, db, "SELECT event || ': ' || COALESCE(note, '') FROM pawl_transitions WHERE event IN ('reset', 'pause') ORDER BY seq"))
		harness.Stop(t, r, db)
	})
}

// A probe is one run of a flow that is tripped: success ends the trip, and failure, a
// skip, a cancel or a crash leave it tripped. A flow that is not tripped it triggers.
// time M3, time X3.
func TestProbeEndsATripBySuccessAlone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		does := "fail"
		d := harness.NewDiary()
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Every("work", time.Minute, d.Job(func(ctx context.Context) error {
				switch does {
				case "fail":
					return errors.New("boom")
				case "skip":
					return pawl.Skipped("no news")
				case "hang":
					return harness.UntilCancelled(ctx)
				}
				return nil
			}), pawl.WithBackoff(pawl.TripAfter(1))))
		}
		p := harness.Launch(t, db, register)
		probe := func() int64 {
			run, err := p.Probe(t.Context(), "work")
			require.NoError(t, err)
			return run
		}
		tripped := func(what string) {
			t.Helper()
			time.Sleep(time.Hour)
			flow := harness.Status(t, p.Runner, "work")
			require.Equal(t, pawl.StatusTripped, flow.Status, what)
			require.Zero(t, flow.NextRun, what)
			_, err := p.Trigger(t.Context(), "work")
			require.ErrorIs(t, err, pawl.ErrTripped, what)
		}
		tripped("by its first run")
		for _, does = range []string{"fail", "skip"} {
			info, err := p.WaitRun(t.Context(), "work", probe())
			require.NoError(t, err)
			assert.Equal(t, "probe", info.Trigger)
			tripped(does)
		}
		does = "hang"
		run := probe()
		synctest.Wait()
		_, err := p.Probe(t.Context(), "work")
		require.ErrorIs(t, err, pawl.ErrTripped, "one at a time")
		require.NoError(t, p.Cancel(t.Context(), "work", run))
		tripped("cancelled")
		run = probe()
		p.Kill()
		p = harness.Launch(t, db, register)
		assert.Equal(t, pawl.RunInterrupted, harness.RunOf(t, p.Runner, "work", run).Status)
		tripped("killed")
		run = probe()
		require.ErrorIs(t, p.Stop(context.Background()), pawl.ErrStopTimeout)
		harness.Verify(t, db)
		does = "fail"
		p = harness.Launch(t, db, register)
		assert.Equal(t, 1, harness.WaitRun(t, p.Runner, "work", run).Restarts, "it is made by the next process")
		tripped("stopped")

		does = "succeed"
		assert.Len(t, d.Entries(), 7, "but for the probes it was not run")
		_, err = p.WaitRun(t.Context(), "work", probe())
		require.NoError(t, err)
		flow := harness.Status(t, p.Runner, "work")
		assert.Equal(t, pawl.StatusCompleted, flow.Status)
		assert.Zero(t, flow.FailureStreak)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, d.Entries(), 9, "it goes on")
		_, err = p.WaitRun(t.Context(), "work", probe())
		require.NoError(t, err)
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
	})
}

// A probe does not wait behind the starts that the trip keeps waiting, nor for another
// attempt; only a limit that the flow shares keeps it, and a kill meanwhile does not lose
// it. Its success lets those that wait go on. time M3, time Q4, time Q5.
func TestProbeGoesBeforeAllThatWaits(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		works := new(atomic.Bool)
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("queue", harness.Job(func(context.Context) error {
				if works.Load() {
					return nil
				}
				return pawl.Permanent(errors.New("boom"))
			}), pawl.WithOverlap(pawl.OverlapBuffer(9)), pawl.WithBackoff(pawl.TripAfter(1))))
			require.NoError(t, s.Manual("retries", harness.Job(harness.Failing), pawl.WithRetry(3, harness.EveryMinute), pawl.WithBackoff(pawl.TripAfter(1))))
			require.NoError(t, s.Manual("long", harness.Job(func(context.Context) error { time.Sleep(time.Hour); return nil })))
		}
		p := harness.Launch(t, db, register, pawl.WithMaxRunning(1))
		_, err := p.TriggerMany(t.Context(), "queue", []any{1, 2, 3, 4})
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, p.Runner, "queue").Status)
		assert.Equal(t, 3, harness.Status(t, p.Runner, "queue").Waiting)
		harness.Finish(t, p.Runner, "retries")
		for _, id := range []string{"queue", "retries"} {
			for range 2 {
				run, err := p.Probe(t.Context(), id)
				require.NoError(t, err)
				info, err := p.WaitRun(t.Context(), id, run)
				require.NoError(t, err)
				assert.Equal(t, pawl.RunFailed, info.Status)
				assert.Equal(t, 1, info.Attempt)
				assert.Equal(t, pawl.StatusTripped, harness.Status(t, p.Runner, id).Status)
			}
		}
		harness.Trigger(t, p.Runner, "long")
		run, err := p.Probe(t.Context(), "queue")
		require.NoError(t, err)
		_, err = p.Probe(t.Context(), "queue")
		require.ErrorIs(t, err, pawl.ErrTripped, "one at a time")
		time.Sleep(time.Minute)
		assert.Equal(t, pawl.RunWaiting, harness.RunOf(t, p.Runner, "queue", run).Status)
		p.Kill()
		works.Store(true)
		p = harness.Launch(t, db, register, pawl.WithMaxRunning(1))
		synctest.Wait()
		assert.Equal(t, pawl.RunCompleted, harness.RunOf(t, p.Runner, "queue", run).Status)
		assert.Zero(t, harness.Status(t, p.Runner, "queue").Waiting)
		assert.Equal(t, pawl.StatusCompleted, harness.Status(t, p.Runner, "queue").Status)
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
		time.Sleep(time.Hour) // the job of the dead process comes to an end
	})
}

// An instant that several backfill at once is run once. time M2.
func TestConcurrentBackfillsRunAnInstantOnce(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		time.Sleep(24 * time.Hour)
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("hourly", "0 * * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		accepted := make(chan int64, 10) // one for each call
		for range 10 {
			go func() {
				n, err := r.Backfill(t.Context(), "hourly", pawl.Backfill{From: time.Now().Add(-5 * time.Hour), To: time.Now()})
				assert.NoError(t, err)
				accepted <- n
			}()
		}
		sum := int64(0)
		for range 10 {
			sum += <-accepted
		}
		assert.Equal(t, int64(6), sum)
		time.Sleep(time.Minute)
		assert.Equal(t, int64(6), harness.Status(t, r, "hourly").RunCount)
		harness.Stop(t, r, db)
	})
}

// What an operator can ask for is a row that anybody with sqlite3 can insert, and its
// answer stands on it. time M5.
func TestInboxKnowsEveryOperation(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		time.Sleep(24 * time.Hour)
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Manual("queue", harness.Job(func(ctx context.Context) error {
			in, err := pawl.InputOf[map[string]int](ctx)
			return errors.Join(err, pawl.SetOutput(ctx, in["n"]+1))
		}), pawl.WithOverlap(pawl.OverlapBuffer(10))))
		require.NoError(t, s.Manual("long", harness.Job(harness.UntilCancelled)))
		require.NoError(t, s.Manual("trips", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))))
		require.NoError(t, s.Cron("hourly", "0 * * * *", harness.Job(func(context.Context) error { time.Sleep(time.Minute); return nil })))
		require.NoError(t, s.Manual("gone", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("gone") }))
		harness.Finish(t, r, "trips")
		ask := func(verb, flow, args, reason string) harness.Answered {
			t.Helper()
			harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, args, reason) VALUES (?, ?, nullif(?, ''), nullif(?, ''))`, verb, flow, args, reason)
			time.Sleep(time.Second)
			synctest.Wait()
			rows := harness.Inbox(t, db)
			return rows[len(rows)-1]
		}
		for _, test := range []struct{ verb, flow, args, result, err string }{
			{"trigger", "queue", `{"input": {"n": 41}, "key": "k"}`, "1", "-"},
			{"trigger", "queue", `{"input": {"n": 1}, "key": "k"}`, "1", "-"},
			{"trigger", "queue", `{"start_at": "2000-01-03T00:00:00Z"}`, "2", "-"},
			{"trigger", "long", "", "1", "-"},
			{"trigger", "long", `{"overlap": "cancel"}`, "2", "-"},
			{"cancel", "long", `{"run": 2}`, "done", "-"},
			{"probe", "trips", "", "2", "-"},
			{"reset", "trips", "", "done", "-"},
			{"pause", "hourly", "", "done", "-"},
			{"pause", "hourly", "", "unchanged", "-"},
			{"pause", "hourly", `{"until": "2000-01-09T00:00:00Z"}`, "done", "-"},
			{"pause", "hourly", `{"until": "2000-01-09T00:00:00.000Z"}`, "unchanged", "-"},
			{"backfill", "hourly", `{"from": "2000-01-01T01:00:00Z", "to": "2000-01-01T05:00:00Z"}`, "5", "-"},
			{"backfill", "hourly", `{"drop": true}`, "done", "-"},
			{"resume", "hourly", `{"from": "2000-01-01T20:00:00Z"}`, "done", "-"},
			{"resume", "hourly", "", "unchanged", "-"},
			{"forget", "gone", "", "done", "-"},
			{"claim", "", "", "done", "-"},

			{"trigger", "queue", `{"input": `, "-", "args: unexpected EOF"},
			{"trigger", "queue", `{"start-at": "2000-01-03T00:00:00Z"}`, "-", `args: unknown argument "start-at": trigger takes input, start_at, key, overlap`},
			{"pause", "hourly", `{"from": "2000-01-01T01:00:00Z"}`, "-", `args: unknown argument "from": pause takes until, for`},
			{"resume", "hourly", `{"from": "2000-01-01T01:00:00Z", "to": "2000-01-01T01:00:00Z"}`, "-", `args: unknown argument "to": resume takes from`},
			{"backfill", "hourly", `{"run": 2}`, "-", `args: unknown argument "run": backfill takes from, to, again, drop`},
			{"forget", "gone", `{"run": 0}`, "-", `args: unknown argument "run": forget takes none`},
			{"claim", "", `{"Key": "k"}`, "-", `args: unknown argument "Key": claim takes none`},
			{"explode", "queue", `{"key": "k"}`, "-", `unknown command "explode": want trigger, probe, reset, cancel, pause, resume, backfill, forget, claim or accept_clock`},
			{"trigger", "queue", `{"start_at": "tomorrow"}`, "-", `args: parsing time "tomorrow" as "2006-01-02T15:04:05Z07:00": cannot parse "tomorrow" as "2006"`},
			{"trigger", "queue", `{} {}`, "-", `args: want one JSON object, as in {"run": 17}`},
			{"trigger", "queue", `{"overlap": "often"}`, "-", `invalid flow: overlap "often": want skip, cancel, buffer 10, or allow 5, buffer 100`},
			{"cancel", "long", "", "-", `cancel needs the number of a run in args: {"run": 17}`},
			{"cancel", "long", `{"run": 2}`, "-", `run is over: run 2 of flow "long"`},
			{"cancel", "long", `{"run": "2"}`, "-", "args: json: cannot unmarshal string into Go struct field Args.run of type int64"},
			{"backfill", "hourly", "", "-", `invalid range: a backfill needs from and to`},
			{"backfill", "hourly", `{"from": "2000-01-01T01:00:00Z", "to": "2100-01-01T05:00:00Z"}`, "-", "invalid range: 2100-01-01T05:00:00.000Z has not come yet"},
			{"backfill", "queue", `{"from": "2000-01-01T01:00:00Z", "to": "2000-01-01T05:00:00Z"}`, "-", `invalid range: the schedule of flow "queue" has no instants of its own`},
			{"forget", "queue", "", "-", `flow is registered: flow "queue"; take it out of the program first`},
			{"forget", "gone", "", "-", `no such flow: "gone"`},
			{"pause", "hourly", `{"until": "2000-01-01T00:00:00Z"}`, "-", "invalid range: a pause until 2000-01-01T00:00:00.000Z, which is not after now"},
			{"pause", "hourly", `{"for": "soon"}`, "-", `args: invalid duration "soon"; write a duration as in 2h30m, of less than 292 years`},
			{"pause", "hourly", `{"until": "soon"}`, "-", `args: parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"`},
			{"pause", "nobody", "", "-", `no such flow: "nobody"`},
		} {
			assert.Equal(t, harness.Answered{test.verb, test.flow, test.result, test.err}, ask(test.verb, test.flow, test.args, "because"), "%+v", test)
		}
		assert.Equal(t, []string{"args -", "cancel needs the number of a run in args -", "flow is registered registered", "invalid flow invalid_flow",
			"invalid range invalid_range", "no such flow flow_not_found", "run is over run_over", `unknown command "explode" -`},
			harness.Texts(t, db, `SELECT DISTINCT substr(error, 1, instr(error, ': ') - 1) || ' ' || COALESCE(error_code, '-') FROM pawl_commands WHERE error IS NOT NULL ORDER BY 1`),
			"facts T2: programs read the code")
		assert.Equal(t, []string{"0"}, harness.Texts(t, db, `SELECT count(error_code) FROM pawl_commands WHERE error IS NULL`))
		assert.Equal(t, pawl.JSON("42"), harness.RunOf(t, r, "queue", 1).Output)
		assert.Equal(t, pawl.RunCancelled, harness.RunOf(t, r, "long", 1).Status)
		assert.Equal(t, pawl.RunCancelled, harness.RunOf(t, r, "long", 2).Status)
		assert.Equal(t, []string{"because"}, harness.Texts(t, db, "SELECT note FROM pawl_transitions WHERE flow_id = 'long' AND event = 'abort'"))
		time.Sleep(time.Minute)
		harness.Stop(t, r, db)
	})
}

// The Client has the same, with the same errors. time M5.
func TestClientHasTheOperatorsVerbs(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		time.Sleep(24 * time.Hour)
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Manual("queue", harness.Job(func(ctx context.Context) error { time.Sleep(time.Minute); return nil }),
			pawl.WithOverlap(pawl.OverlapBuffer(2))))
		require.NoError(t, s.Manual("trips", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))))
		require.NoError(t, s.Cron("hourly", "0 * * * *", harness.Job(harness.OK)))
		require.NoError(t, s.Manual("gone", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("gone") }))
		c := harness.OpenClient(t, db)
		ctx := t.Context()
		for n := range int64(3) {
			run, err := c.Trigger(ctx, "queue", pawl.WithInput(n), pawl.WithKey(fmt.Sprint(n)))
			require.NoError(t, err)
			assert.Equal(t, n+1, run)
		}
		run, err := c.Trigger(ctx, "queue", pawl.WithKey("1"))
		require.NoError(t, err)
		assert.Equal(t, int64(2), run)
		_, err = c.Trigger(ctx, "queue")
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		require.NoError(t, c.Cancel(ctx, "queue", 2, "not needed"))
		require.ErrorIs(t, c.Cancel(ctx, "queue", 2), pawl.ErrRunOver)
		require.ErrorIs(t, c.Cancel(ctx, "queue", 9), pawl.ErrRunNotFound)
		assert.Equal(t, "cancelled: not needed", harness.RunOf(t, r, "queue", 2).Error)
		info, err := c.WaitRun(ctx, "queue", 3)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, pawl.JSON("2"), info.Input)

		harness.Finish(t, r, "trips")
		run, err = c.Probe(ctx, "trips")
		require.NoError(t, err)
		assert.Equal(t, int64(2), run)
		require.NoError(t, c.Pause(ctx, "hourly", "for now"))
		flow, _, err := c.Status(ctx, "hourly")
		require.NoError(t, err)
		assert.Equal(t, "for now", flow.PauseNote)
		_, err = c.Trigger(ctx, "hourly")
		require.NoError(t, err, "a trigger is carried out while paused")
		noon := time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)
		n, err := c.Backfill(ctx, "hourly", pawl.Backfill{From: noon, To: noon.Add(2 * time.Hour)})
		require.NoError(t, err)
		assert.Equal(t, int64(3), n)
		time.Sleep(time.Second)
		n, err = c.Backfill(ctx, "hourly", pawl.Backfill{From: noon, To: noon.Add(3 * time.Hour)})
		require.NoError(t, err)
		assert.Equal(t, int64(1), n, "those that have a run are left out")
		n, err = c.Backfill(ctx, "hourly", pawl.Backfill{From: noon, To: noon.Add(time.Hour), Again: true})
		require.NoError(t, err)
		assert.Equal(t, int64(2), n)
		_, err = c.Backfill(ctx, "hourly", pawl.Backfill{From: noon, To: noon.Add(-time.Hour)})
		require.ErrorIs(t, err, pawl.ErrInvalidRange)
		require.NoError(t, c.CancelBackfill(ctx, "hourly"))
		require.NoError(t, c.ResumeFrom(ctx, "hourly", noon))
		require.NoError(t, c.Resume(ctx, "hourly"), "it is not paused")
		require.ErrorIs(t, c.Forget(ctx, "hourly"), pawl.ErrRegistered)
		require.NoError(t, c.Forget(ctx, "gone"))
		require.ErrorIs(t, c.Forget(ctx, "gone"), pawl.ErrFlowNotFound)
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// time M2: a backfill may reach up to now, of which the engine keeps milliseconds only.
func TestBackfillReachesUpToNow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("hourly", "0 * * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(time.Hour/2 + 999*time.Microsecond)
		n, err := r.Backfill(t.Context(), "hourly", pawl.Backfill{From: time.Now().Add(-3 * time.Hour), To: time.Now()})
		require.NoError(t, err)
		assert.Equal(t, int64(3), n)
		_, err = r.Backfill(t.Context(), "hourly", pawl.Backfill{From: time.Now(), To: time.Now().Add(time.Millisecond)})
		require.ErrorIs(t, err, pawl.ErrInvalidRange)
		harness.Stop(t, r, db)
	})
}
