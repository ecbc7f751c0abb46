package pawl_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/pawltest"
)

// A transaction that reads first and triggers later cannot write once others have committed.
// The error says so and names what helps; with that, each of them works.
//
// found Q9.
func TestTriggerTxAfterAReadNamesTheWayOut(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, nil, 0o600))
		harness.ExecSQL(t, db, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
		s := harness.Quiet(db, pawl.WithSharedFile())
		require.NoError(t, s.Manual("work", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(100))))
		r := harness.Start(t, s)
		attempt := func(dsn string) error {
			app, err := sql.Open("sqlite", dsn)
			require.NoError(t, err)
			defer app.Close()
			tx, err := app.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }() // nothing, after a commit
			var n int
			require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(&n))
			if dsn == db+"?_pragma=busy_timeout(5000)" { // else nobody can
				harness.RunTimes(t, r, "work", 1)
			}
			if _, err := r.TriggerTx(t.Context(), tx, "work"); err != nil {
				return err
			}
			return tx.Commit()
		}
		err := attempt(db + "?_pragma=busy_timeout(5000)")
		require.ErrorIs(t, err, pawl.ErrReadFirst)
		assert.ErrorContains(t, err, "_txlock=immediate")
		for range 50 {
			require.NoError(t, attempt(db+"?_pragma=busy_timeout(5000)&_txlock=immediate"))
		}
		harness.Stop(t, r, db)
	})
}

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
			harness.Bubble(t, func(t *testing.T, db string) {
				var mu sync.Mutex
				broken := true // like seen, under mu
				var seen []int
				build := func() *pawl.Scheduler {
					s := harness.Quiet(db, pawl.WithSharedFile(), pawl.WithInboxPoll(50*time.Millisecond))
					require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
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
				r := harness.Start(t, build())
				for range 2 {
					_, err := r.Trigger(t.Context(), "work")
					require.NoError(t, err)
					synctest.Wait()
				}
				require.Equal(t, pawl.StatusTripped, harness.Status(t, r, "work").Status)
				commitTriggers(t, r, db, "work", all)
				time.Sleep(time.Second)
				assert.Equal(t, len(c.want), harness.Status(t, r, "work").Waiting)
				assert.Zero(t, r.Refusals())
				_, err := r.Trigger(t.Context(), "work")
				require.ErrorIs(t, err, pawl.ErrTripped)
				client := harness.OpenClient(t, db)
				_, err = client.Trigger(t.Context(), "work")
				require.ErrorIs(t, err, pawl.ErrTripped)
				require.NoError(t, client.Close())
				assert.Zero(t, r.Refusals(), "who waits for the answer has it")
				harness.Stop(t, r, db)

				mu.Lock()
				broken = false
				mu.Unlock()
				r = harness.Start(t, build())
				time.Sleep(time.Hour)
				mu.Lock()
				assert.Empty(t, seen)
				mu.Unlock()
				require.NoError(t, r.Reset(t.Context(), "work"))
				time.Sleep(time.Second)
				mu.Lock()
				assert.ElementsMatch(t, c.want, seen)
				mu.Unlock()
				harness.Stop(t, r, db)
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
	harness.Bubble(t, func(t *testing.T, db string) {
		broken := true
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Cron("hourly", "0 * * * *", harness.Job(func(context.Context) error {
			if broken {
				return assert.AnError
			}
			return nil
		}), pawl.WithBackoff(pawl.TripAfter(1))))
		r := harness.Start(t, s)
		time.Sleep(5 * time.Hour)
		require.Equal(t, pawl.StatusTripped, harness.Status(t, r, "hourly").Status)
		harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, args) VALUES
			('backfill', 'hourly', '{"from": "2000-01-01T02:00:00Z", "to": "2000-01-01T04:00:00Z"}')`)
		time.Sleep(time.Minute)
		assert.Equal(t, []harness.Answered{{"backfill", "hourly", "3", "-"}}, harness.Inbox(t, db))
		assert.Equal(t, 3, harness.Status(t, r, "hourly").Backfill)
		broken = false
		require.NoError(t, r.Reset(t.Context(), "hourly"))
		time.Sleep(time.Minute)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "hourly", Status: pawl.RunCompleted})
		require.NoError(t, err)
		assert.Len(t, runs, 3)
		harness.Stop(t, r, db)
	})
}

// found Q2: every other refusal of a committed request is a warning in the log, is counted,
// and is found by the doctor for a day.
func TestRefusedCommittedRequestIsSeen(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log bytes.Buffer
		build := func() *pawl.Scheduler {
			s := pawl.NewScheduler(db, pawl.WithSharedFile(), pawl.WithInboxPoll(50*time.Millisecond), pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			require.NoError(t, s.Manual("long", harness.Job(harness.UntilCancelled)))
			return s
		}
		r := harness.Start(t, build())
		commitTriggers(t, r, db, "long", []int{1, 2})
		time.Sleep(time.Second)
		assert.Equal(t, int64(1), r.Refusals())
		client := harness.OpenClient(t, db)
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
		harness.Stop(t, r, db)

		log.Reset()
		_, err = client.Post(t.Context(), "reset", "nobody")
		require.NoError(t, err)
		harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, args) VALUES ('trigger', 'long', 'no json')`)
		r = harness.Start(t, build())
		assert.Equal(t, int64(2), r.Refusals(), "at the start too")
		assert.Contains(t, log.String(), `command=4 verb=reset flow=nobody`)
		assert.Contains(t, doctorsInbox(t, client).Found[0], "2 committed requests were refused within a day; command 5, trigger long: args: ")
		require.NoError(t, client.Close())
		harness.Stop(t, r, db)
	})
}

// found Q2: a committed trigger of a tripped flow that cancels what is before it leaves a probe
// alone, in flight or queued: it waits for the end of the trip, which the probe decides on.
func TestCommittedTriggerDoesNotCancelTheProbe(t *testing.T) {
	for name, busy := range map[string]bool{"in flight": false, "queued": true} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				broken := true
				s := harness.Quiet(db, pawl.WithSharedFile(), pawl.WithMaxRunning(1), pawl.WithInboxPoll(50*time.Millisecond))
				require.NoError(t, s.Manual("a", harness.Job(func(context.Context) error {
					if broken {
						return assert.AnError
					}
					time.Sleep(time.Minute)
					return nil
				}), pawl.WithOverlap(pawl.OverlapCancel), pawl.WithBackoff(pawl.TripAfter(1))))
				require.NoError(t, s.Manual("busy", harness.Job(func(context.Context) error { time.Sleep(time.Minute); return nil })))
				r := harness.Start(t, s)
				harness.Trigger(t, r, "a")
				synctest.Wait()
				require.Equal(t, pawl.StatusTripped, harness.Status(t, r, "a").Status)
				broken = false
				if busy {
					harness.Trigger(t, r, "busy")
				}
				_, err := r.Probe(t.Context(), "a")
				require.NoError(t, err)
				commitTriggers(t, r, db, "a", []int{1, 2})
				time.Sleep(10 * time.Minute)
				for run, want := range map[int64]pawl.RunStatus{2: pawl.RunCompleted, 3: pawl.RunCancelled, 4: pawl.RunCompleted} {
					assert.Equal(t, want, harness.RunOf(t, r, "a", run).Status, run)
				}
				assert.Equal(t, pawl.StatusCompleted, harness.Status(t, r, "a").Status)
				harness.Stop(t, r, db)
			})
		})
	}
}

// found Q2: a request that was committed while no process ran is carried out for a flow that
// the next start registers for the first time, or again.
func TestRequestsForAFlowThatIsRegisteredByTheStart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func(flows ...string) *pawl.Scheduler {
			s := harness.Quiet(db)
			for _, id := range flows {
				require.NoError(t, s.Cron(id, "0 * * * *", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(9))))
			}
			return s
		}
		harness.Stop(t, harness.Start(t, build("gone", "back")), db)
		harness.Stop(t, harness.Start(t, build("gone")), db)
		for _, id := range []string{"new", "back", "gone", "nobody"} {
			harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', ?)`, id)
			harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, args) VALUES
				('backfill', ?, '{"from": "1999-12-31T01:00:00Z", "to": "1999-12-31T02:00:00Z"}')`, id)
		}
		r := harness.Start(t, build("new", "back"))
		synctest.Wait()
		assert.Equal(t, []harness.Answered{
			{"trigger", "new", "1", "-"}, {"backfill", "new", "2", "-"}, {"trigger", "back", "1", "-"}, {"backfill", "back", "2", "-"},
			{"trigger", "gone", "-", `no such flow: "gone" is not registered any more`},
			{"backfill", "gone", "-", `no such flow: "gone" is not registered any more`},
			{"trigger", "nobody", "-", `no such flow: "nobody"`}, {"backfill", "nobody", "-", `no such flow: "nobody"`},
		}, harness.Inbox(t, db))
		assert.Equal(t, int64(4), r.Refusals())
		assert.Equal(t, int64(3), harness.Status(t, r, "new").RunCount)
		harness.Stop(t, r, db)
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
	harness.Bubble(t, func(t *testing.T, _ string) {
		var path string
		pawltest.CrashEverywhere(t, func(db string) *pawl.Scheduler {
			path = db
			s := harness.Quiet(db, pawl.WithSharedFile())
			_ = s.Manual("a", harness.Job(func(ctx context.Context) error { // Start returns the error
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

// time K2: inputs and outputs over 1 MiB are refused by whoever is asked, and nothing
// happens; one of exactly that size is taken.
func TestPayloadsOverTheLimitAreRefused(t *testing.T) {
	const most = 1<<20 - 2 // as JSON it has quotes
	large := strings.Repeat("x", most+1)
	harness.Bubble(t, func(t *testing.T, db string) {
		var output error
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(func(ctx context.Context) error {
			output = pawl.SetOutput(ctx, large)
			in, err := pawl.InputOf[string](ctx)
			if err == nil && in != "" {
				err = pawl.SetOutput(ctx, in)
			}
			return err
		}), pawl.WithOverlap(pawl.OverlapBuffer(10))))
		r := harness.Start(t, s)
		_, err := r.Trigger(t.Context(), "import", pawl.WithInput(large))
		assert.ErrorIs(t, err, pawl.ErrTooLarge)
		assert.ErrorContains(t, err, "1048577 bytes, at most 1048576 are allowed")
		_, err = r.TriggerMany(t.Context(), "import", []any{"small", large})
		assert.ErrorIs(t, err, pawl.ErrTooLarge)
		assert.Zero(t, harness.Status(t, r, "import").LastNumber, "none of them was accepted")

		run, err := r.Trigger(t.Context(), "import", pawl.WithInput(large[:most]))
		require.NoError(t, err)
		info, err := r.WaitRun(t.Context(), "import", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.ErrorIs(t, output, pawl.ErrTooLarge)
		assert.Equal(t, 1<<20, harness.Query[int](t, db, `SELECT length(output) FROM pawl_runs`))
		harness.Stop(t, r, db)
	})
}

// time K2: the inbox answers a row with an input over the limit with an error.
func TestPayloadOverTheLimitIsRefusedByTheInbox(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithInboxPoll(time.Second))
		require.NoError(t, s.Manual("import", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		_, err := harness.Open(t, db).Exec(`INSERT INTO pawl_commands (command, flow_id, args) VALUES ('trigger', 'import', ?)`,
			`{"input": "`+strings.Repeat("x", 1<<20)+`"}`)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		assert.Contains(t, harness.Query[string](t, db, `SELECT error FROM pawl_commands`), "too large")
		assert.Zero(t, harness.Status(t, r, "import").LastNumber)
		harness.Stop(t, r, db)
	})
	client := harness.OpenClient(t, startedOnce(t))
	_, err := client.Trigger(t.Context(), "import", pawl.WithInput(strings.Repeat("x", 1<<20)))
	assert.ErrorIs(t, err, pawl.ErrTooLarge)
}

// startedOnce is a database that has had an owner.
func startedOnce(t *testing.T) (db string) {
	t.Helper()
	harness.Bubble(t, func(t *testing.T, path string) {
		s := harness.Quiet(path)
		require.NoError(t, s.Manual("import", harness.Job(harness.OK)))
		harness.Stop(t, harness.Start(t, s), path)
		db = path
	})
	return db
}

// time K2: an error is cut at 8 KiB.
func TestLongErrorsAreCut(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(func(context.Context) error { panic(strings.Repeat("x", 1<<20)) })))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "import", 1)
		assert.LessOrEqual(t, harness.Query[int](t, db, `SELECT length(CAST(error AS BLOB)) FROM pawl_runs`), 8<<10)
		harness.Stop(t, r, db)
	})
}
