package pawl_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawltest"
)

// found Q2: triggers that a transaction committed on a tripped flow wait for the reset, also
// where the flow takes no queue, and over a restart. Who waits for the answer is refused.
func TestCommittedTriggersOfATrippedFlowRunAfterTheReset(t *testing.T) {
	all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for name, c := range map[string]struct {
		overlap pawl.Overlap
		want    []int
	}{
		"skip": {pawl.OverlapSkip, all}, "buffer one": {pawl.OverlapBufferOne, all}, "allow": {pawl.OverlapAllow(3, 0), all},
		"cancel": {pawl.OverlapCancel, []int{10}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				var mu sync.Mutex
				broken := true // like seen, under mu
				var seen []int
				build := func() *pawl.Scheduler {
					s := quiet(db, pawl.WithSharedFile(), pawl.WithInboxPoll(50*time.Millisecond))
					require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
						mu.Lock()
						defer mu.Unlock()
						n, err := pawl.InputOf[int](ctx)
						if broken || err != nil {
							return assert.AnError
						}
						seen = append(seen, n)
						return nil
					}), pawl.WithBackoff(pawl.TripAfter(2)), pawl.WithOverlap(c.overlap)))
					return s
				}
				r := start(t, build())
				for range 2 {
					_, err := r.Trigger(t.Context(), "work")
					require.NoError(t, err)
					synctest.Wait()
				}
				require.Equal(t, pawl.StatusTripped, status(t, r, "work").Status)
				commitTriggers(t, r, db, "work", all)
				time.Sleep(time.Second)
				assert.Equal(t, len(c.want), status(t, r, "work").Waiting)
				assert.Zero(t, r.Refusals())
				_, err := r.Trigger(t.Context(), "work")
				require.ErrorIs(t, err, pawl.ErrTripped)
				client := openClient(t, db)
				_, err = client.Trigger(t.Context(), "work")
				require.ErrorIs(t, err, pawl.ErrTripped)
				require.NoError(t, client.Close())
				assert.Zero(t, r.Refusals(), "who waits for the answer has it")
				stop(t, r, db)

				mu.Lock()
				broken = false
				mu.Unlock()
				r = start(t, build())
				time.Sleep(time.Hour)
				mu.Lock()
				assert.Empty(t, seen)
				mu.Unlock()
				require.NoError(t, r.Reset(t.Context(), "work"))
				time.Sleep(time.Second)
				mu.Lock()
				assert.ElementsMatch(t, c.want, seen)
				mu.Unlock()
				stop(t, r, db)
			})
		})
	}
}

// commitTriggers asks for a run for each input in one transaction.
func commitTriggers(t *testing.T, r *pawl.Runner, db, id string, inputs []int) {
	t.Helper()
	app, err := sql.Open("sqlite", db+"?_pragma=busy_timeout(5000)&_txlock=immediate")
	require.NoError(t, err)
	defer app.Close()
	tx, err := app.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	for _, n := range inputs {
		_, err = r.TriggerTx(t.Context(), tx, id, pawl.WithInput(n))
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
}

// found Q2: a backfill that plain SQL asked for waits for the reset too.
func TestCommittedBackfillOfATrippedFlowWaitsForTheReset(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		broken := true
		s := quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Cron("hourly", "0 * * * *", job(func(context.Context) error {
			if broken {
				return assert.AnError
			}
			return nil
		}), pawl.WithBackoff(pawl.TripAfter(1))))
		r := start(t, s)
		time.Sleep(5 * time.Hour)
		require.Equal(t, pawl.StatusTripped, status(t, r, "hourly").Status)
		execSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, args) VALUES
			('backfill', 'hourly', '{"from": "2000-01-01T02:00:00Z", "to": "2000-01-01T04:00:00Z"}')`)
		time.Sleep(time.Minute)
		assert.Equal(t, []answered{{"backfill", "hourly", "3", "-"}}, inbox(t, db))
		assert.Equal(t, 3, status(t, r, "hourly").Backfill)
		broken = false
		require.NoError(t, r.Reset(t.Context(), "hourly"))
		time.Sleep(time.Minute)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "hourly", Status: pawl.RunCompleted})
		require.NoError(t, err)
		assert.Len(t, runs, 3)
		stop(t, r, db)
	})
}

// found Q2: every other refusal of a committed request is a warning in the log, is counted,
// and is found by the doctor for a day.
func TestRefusedCommittedRequestIsSeen(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var log bytes.Buffer
		build := func() *pawl.Scheduler {
			s := pawl.NewScheduler(db, pawl.WithSharedFile(), pawl.WithInboxPoll(50*time.Millisecond), pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			require.NoError(t, s.Manual("long", job(untilCancelled)))
			return s
		}
		r := start(t, build())
		commitTriggers(t, r, db, "long", []int{1, 2})
		time.Sleep(time.Second)
		assert.Equal(t, int64(1), r.Refusals())
		client := openClient(t, db)
		_, err := client.Trigger(t.Context(), "long")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
		assert.Equal(t, int64(1), r.Refusals())
		assert.Contains(t, log.String(), "a committed request was refused")
		assert.Contains(t, log.String(), "command=2 verb=trigger flow=long by=TriggerTx")
		found := doctorsInbox(t, client)
		assert.Equal(t, []string{`1 committed request was refused within a day; command 2, trigger long: flow is running already: flow "long", run 1`}, found.Found)
		require.NoError(t, r.Cancel(t.Context(), "long", 1))
		synctest.Wait()
		time.Sleep(25 * time.Hour)
		assert.Empty(t, doctorsInbox(t, client).Found)
		stop(t, r, db)

		log.Reset()
		_, err = client.Post(t.Context(), "reset", "nobody")
		require.NoError(t, err)
		execSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, args) VALUES ('trigger', 'long', 'no json')`)
		r = start(t, build())
		assert.Equal(t, int64(2), r.Refusals(), "at the start too")
		assert.Contains(t, log.String(), `command=4 verb=reset flow=nobody`)
		assert.Contains(t, doctorsInbox(t, client).Found[0], "2 committed requests were refused within a day; command 5, trigger long: args: ")
		require.NoError(t, client.Close())
		stop(t, r, db)
	})
}

// found Q2: a committed trigger of a tripped flow that cancels what is before it leaves a probe
// alone, in flight or queued: it waits for the end of the trip, which the probe decides on.
func TestCommittedTriggerDoesNotCancelTheProbe(t *testing.T) {
	for name, busy := range map[string]bool{"in flight": false, "queued": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				broken := true
				s := quiet(db, pawl.WithSharedFile(), pawl.WithMaxRunning(1), pawl.WithInboxPoll(50*time.Millisecond))
				require.NoError(t, s.Manual("a", job(func(context.Context) error {
					if broken {
						return assert.AnError
					}
					time.Sleep(time.Minute)
					return nil
				}), pawl.WithOverlap(pawl.OverlapCancel), pawl.WithBackoff(pawl.TripAfter(1))))
				require.NoError(t, s.Manual("busy", job(func(context.Context) error { time.Sleep(time.Minute); return nil })))
				r := start(t, s)
				trigger(t, r, "a")
				synctest.Wait()
				require.Equal(t, pawl.StatusTripped, status(t, r, "a").Status)
				broken = false
				if busy {
					trigger(t, r, "busy")
				}
				_, err := r.Probe(t.Context(), "a")
				require.NoError(t, err)
				commitTriggers(t, r, db, "a", []int{1, 2})
				time.Sleep(10 * time.Minute)
				for run, want := range map[int64]pawl.RunStatus{2: pawl.RunCompleted, 3: pawl.RunCancelled, 4: pawl.RunCompleted} {
					assert.Equal(t, want, runOf(t, r, "a", run).Status, run)
				}
				assert.Equal(t, pawl.StatusCompleted, status(t, r, "a").Status)
				stop(t, r, db)
			})
		})
	}
}

// found Q2: a request that was committed while no process ran is carried out for a flow that
// the next start registers for the first time, or again.
func TestRequestsForAFlowThatIsRegisteredByTheStart(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func(flows ...string) *pawl.Scheduler {
			s := quiet(db)
			for _, id := range flows {
				require.NoError(t, s.Cron(id, "0 * * * *", job(ok), pawl.WithOverlap(pawl.OverlapBuffer(9))))
			}
			return s
		}
		stop(t, start(t, build("gone", "back")), db)
		stop(t, start(t, build("gone")), db)
		for _, id := range []string{"new", "back", "gone", "nobody"} {
			execSQL(t, db, `INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', ?)`, id)
			execSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, args) VALUES
				('backfill', ?, '{"from": "1999-12-31T01:00:00Z", "to": "1999-12-31T02:00:00Z"}')`, id)
		}
		r := start(t, build("new", "back"))
		synctest.Wait()
		assert.Equal(t, []answered{
			{"trigger", "new", "1", "-"}, {"backfill", "new", "2", "-"}, {"trigger", "back", "1", "-"}, {"backfill", "back", "2", "-"},
			{"trigger", "gone", "-", `no such flow: "gone" is not registered any more`},
			{"backfill", "gone", "-", `no such flow: "gone" is not registered any more`},
			{"trigger", "nobody", "-", `no such flow: "nobody"`}, {"backfill", "nobody", "-", `no such flow: "nobody"`},
		}, inbox(t, db))
		assert.Equal(t, int64(4), r.Refusals())
		assert.Equal(t, int64(3), status(t, r, "new").RunCount)
		stop(t, r, db)
	})
}

func doctorsInbox(t *testing.T, client *pawl.Client) pawl.Check {
	t.Helper()
	checks, err := client.Doctor(t.Context())
	require.NoError(t, err)
	for _, c := range checks {
		if c.Name == "inbox" {
			return c
		}
	}
	require.Fail(t, "the doctor does not look at the inbox")
	return pawl.Check{}
}

// found Q2: a trigger that was committed on a tripped flow is carried out once, wherever the
// process is killed.
func TestCommittedTriggerOfATrippedFlowSurvivesEveryCrash(t *testing.T) {
	bubble(t, func(t *testing.T, _ string) {
		var path string
		pawltest.CrashEverywhere(t, func(db string) *pawl.Scheduler {
			path = db
			s := quiet(db, pawl.WithSharedFile())
			_ = s.Manual("a", job(func(ctx context.Context) error { // Start returns the error
				if n, err := pawl.InputOf[int](ctx); n == 0 || err != nil {
					return assert.AnError
				}
				return nil
			}), pawl.WithBackoff(pawl.TripAfter(1)), pawl.WithRetry(3, pawl.BackoffPolicy{Initial: time.Second}), pawl.WithKeyWindow(24*time.Hour))
			return s
		}, func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "a", pawl.WithKey("fails"))
			if err == nil {
				_, err = r.WaitRun(ctx, "a", run)
			}
			if err != nil {
				return err
			}
			app, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
			if err != nil {
				return err
			}
			defer app.Close()
			if _, err := r.TriggerTx(ctx, app, "a", pawl.WithKey("works"), pawl.WithInput(7)); err != nil {
				return err
			}
			time.Sleep(time.Second) // the row is answered
			if err := r.Reset(ctx, "a"); err != nil {
				return err
			}
			_, err = r.WaitRun(ctx, "a", 2)
			return err
		}, func(t testing.TB, db string) {
			client, err := pawl.Open(db)
			require.NoError(t, err)
			defer client.Close()
			runs, err := client.Runs(context.Background(), pawl.RunsQuery{Flow: "a"})
			require.NoError(t, err)
			require.Len(t, runs, 2)
			assert.Equal(t, pawl.RunCompleted, runs[0].Status, runs[0].Error)
		})
	})
}
