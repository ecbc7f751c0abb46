package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// The inbox: plain inserts are carried out and answered on the row; bad
// ones are answered with an error and stop nobody.
func TestInboxAnswersEveryRow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithInboxPoll(250*time.Millisecond))
		require.NoError(t, s.Manual("nightly", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))))
		require.NoError(t, s.Manual("long", harness.Job(harness.UntilCancelled)))
		r := harness.Start(t, s)
		harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id) VALUES
			('trigger', 'nightly'), ('trigger', 'long'), ('trigger', 'long'), ('reset', 'long'), ('trigger', 'nobody'),
			('reset', 'no' || char(7)), ('dance', 'nightly'), (NULL, NULL), ('trigger', NULL), ('', '')`)
		time.Sleep(time.Second)
		harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, requested_by, reason) VALUES
			('trigger', 'nightly', 'anna', 'why not'), ('reset', 'nightly', 'anna', 'mended')`)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []harness.Answered{
			{"trigger", "nightly", "1", "-"},
			{"trigger", "long", "1", "-"},
			{"trigger", "long", "-", `flow is running already: flow "long", run 1`},
			{"reset", "long", "done", "-"},
			{"trigger", "nobody", "-", `no such flow: "nobody"`},
			{"reset", "no\a", "-", `no such flow: "no\a"`},
			{"dance", "nightly", "-", `unknown command "dance": want trigger, probe, reset, cancel, pause, resume, backfill, forget, claim or accept_clock`},
			{"-", "-", "-", `unknown command "": want trigger, probe, reset, cancel, pause, resume, backfill, forget, claim or accept_clock`},
			{"trigger", "-", "-", `no such flow: ""`},
			{"", "", "-", `unknown command "": want trigger, probe, reset, cancel, pause, resume, backfill, forget, claim or accept_clock`},
			{"trigger", "nightly", "2", "-"},
			{"reset", "nightly", "done", "-"},
		}, harness.Inbox(t, db))
		assert.Equal(t, int64(2), harness.Status(t, r, "nightly").RunCount, "found Q2: it waited for the reset, and failed again")
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, r, "nightly").Status)
		require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
	})
}

// With no owner a command waits for the next start.
func TestCommandsWaitForTheNextStart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("a", d.Job(harness.OK)))
			return s
		}
		harness.Stop(t, harness.Start(t, build()), db)
		c := harness.OpenClient(t, db)
		_, err := c.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrNoOwner)
		require.ErrorIs(t, c.Reset(t.Context(), "a"), pawl.ErrNoOwner)
		id, err := c.Post(t.Context(), "trigger", "a")
		require.NoError(t, err)
		assert.Equal(t, int64(1), id, "what was refused was not posted")
		require.NoError(t, c.Close())
		r := harness.Start(t, build())
		assert.Equal(t, []harness.Answered{{"trigger", "a", "1", "-"}}, harness.Inbox(t, db), "when Start returns")
		synctest.Wait()
		assert.Len(t, d.Entries(), 1)
		harness.Stop(t, r, db)
	})
}

// A Client has the Runner's verbs and errors.
func TestClientControlsTheOwner(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Manual("a", harness.Job(func(context.Context) error { time.Sleep(time.Minute); return errors.New("boom") }), pawl.WithBackoff(pawl.TripAfter(1))))
		require.NoError(t, s.Cron("b", "0 9 * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		c := harness.OpenClient(t, db)
		owner, owned, err := c.Owner(t.Context())
		require.NoError(t, err)
		assert.True(t, owned)
		assert.Equal(t, os.Getpid(), owner.PID)
		assert.Equal(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), owner.Since)
		assert.NotEmpty(t, c.Database())

		run, err := c.Trigger(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, int64(1), run)
		_, err = c.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
		_, err = c.Trigger(t.Context(), "nobody")
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		info, err := c.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunFailed, info.Status)
		assert.Equal(t, "boom", info.Error)
		_, err = c.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrTripped)
		require.NoError(t, c.Reset(t.Context(), "a"))
		_, err = c.WaitRun(t.Context(), "a", 9)
		require.ErrorIs(t, err, pawl.ErrRunNotFound)
		_, err = c.WaitRun(t.Context(), "nobody", 1)
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)

		list, err := c.List(t.Context())
		require.NoError(t, err)
		assert.Equal(t, r.List(), list, "what is on disk is what the owner shows")
		flow, found, err := c.Status(t.Context(), "b")
		require.NoError(t, err)
		assert.True(t, found)
		assert.Equal(t, harness.Status(t, r, "b"), flow)
		runs, err := c.Runs(t.Context(), pawl.RunsQuery{Flow: "a"})
		require.NoError(t, err)
		assert.Equal(t, []pawl.RunInfo{info}, runs)
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// A Client does not wait for an owner that is gone.
func TestClientDoesNotWaitForAnOwnerThatIsGone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db) // never looks at its inbox
		require.NoError(t, s.Manual("a", harness.Job(harness.UntilCancelled)))
		r := harness.Start(t, s)
		c := harness.OpenClient(t, db)
		asked := make(chan error, 1)
		go func() {
			_, err := c.Trigger(t.Context(), "a")
			asked <- err
		}()
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.Reset(ctx, "a"), context.DeadlineExceeded)
		harness.Stop(t, r, db)
		require.ErrorIs(t, <-asked, pawl.ErrNoOwner)
		require.NoError(t, c.Close())
	})
}

func TestClientOpensOnlyWhatIsThere(t *testing.T) {
	db := filepath.Join(t.TempDir(), "jobs.db")
	_, err := pawl.Open(db)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.NoFileExists(t, db)
	require.NoError(t, os.WriteFile(db, []byte("hello"), 0o600))
	_, err = pawl.Open(db)
	require.ErrorIs(t, err, pawl.ErrForeignDatabase)
}

// scheduler D4
func TestSecondRunnerIsToldWhoOwnsTheDatabase(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := harness.Quiet(db, opts...)
			require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
			return s
		}
		r := harness.Start(t, build())
		_, err := build().Start(t.Context())
		require.ErrorIs(t, err, pawl.ErrDatabaseOwned)
		assert.ErrorContains(t, err, "since 2000-01-01T00:00:00Z")
		time.AfterFunc(time.Minute, func() { _ = r.Stop(context.Background()) })
		second := harness.Start(t, build(pawl.WithWaitForOwner(time.Hour)))
		assert.Less(t, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), 61*time.Second)
		harness.Stop(t, second, db)
	})
}

// scheduler D7: a database that another program keeps locked stops dispatch; callers learn
// it, and everything goes on by itself when it is free.
func TestLockedDatabaseStopsDispatchUntilItIsFree(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Every("a", time.Minute, d.Job(harness.OK)))
		require.NoError(t, s.Manual("b", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		synctest.Wait()
		other, err := sql.Open("sqlite", db)
		require.NoError(t, err)
		other.SetMaxOpenConns(1)
		_, err = other.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "b")
		require.ErrorContains(t, err, "locked")
		time.Sleep(10 * time.Minute)
		assert.Len(t, d.Entries(), 1, "no job starts whose reserve is not committed")
		_, err = other.ExecContext(t.Context(), "ROLLBACK")
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Len(t, d.Entries(), 2)
		require.NoError(t, other.Close())
		harness.Stop(t, r, db)
	})
}

// found A9: a request waits for the end of another program's transaction until the deadline
// of its context, or for 5 s if it has none.
func TestRequestWaitsForALockUntilItsDeadline(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		client := harness.OpenClient(t, db)
		other, err := sql.Open("sqlite", db)
		require.NoError(t, err)
		other.SetMaxOpenConns(1)
		_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		require.NoError(t, err)
		for limit, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Minute: time.Minute} {
			ctx, cancel := context.WithCancel(t.Context())
			if limit > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), limit)
			}
			began := time.Now()
			_, err = client.Trigger(ctx, "a")
			cancel()
			require.Error(t, err)
			assert.NotErrorIs(t, err, pawl.ErrUnanswered, "nothing was asked for")
			assert.InDelta(t, want.Seconds(), time.Since(began).Seconds(), 1)
		}
		go func() {
			time.Sleep(20 * time.Second)
			_, err := other.ExecContext(t.Context(), "ROLLBACK")
			assert.NoError(t, err)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		run, err := client.Trigger(ctx, "a")
		require.NoError(t, err)
		assert.Equal(t, int64(1), run)
		require.NoError(t, other.Close())
		require.NoError(t, client.Close())
		harness.Stop(t, r, db)
	})
}

// scheduler D5: the app's tables and ours in one file, and a file that is not ours.
func TestSharedFileMustBeSaidSo(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, nil, 0o600))
		harness.ExecSQL(t, db, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := harness.Quiet(db, opts...)
			require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error {
				harness.ExecSQL(t, db, "INSERT INTO orders DEFAULT VALUES")
				return nil
			})))
			return s
		}
		_, err := build().Start(t.Context())
		require.ErrorIs(t, err, pawl.ErrForeignDatabase)
		r := harness.Start(t, build(pawl.WithSharedFile()))
		run, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		info, err := r.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		harness.Stop(t, r, db)
	})
}

// A Client is safe for any number of callers.
func TestManyCallersShareAClient(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		for i := range 20 {
			require.NoError(t, s.Manual(fmt.Sprint(i), harness.Job(harness.OK)))
		}
		r := harness.Start(t, s)
		c := harness.OpenClient(t, db)
		errs := make(chan error, 20)
		for i := range 20 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := c.Trigger(ctx, fmt.Sprint(i))
				errs <- err
			}()
		}
		for range 20 {
			require.NoError(t, <-errs)
		}
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// The inbox is emptied whatever its size and whatever ids its rows have, and no
// row is carried out twice.
func TestInboxIsEmptiedWhateverItHolds(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := harness.Quiet(db, opts...)
			require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
			return s
		}
		harness.Stop(t, harness.Start(t, build()), db)
		const fill = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
			INSERT INTO pawl_commands (command, flow_id) SELECT 'reset', 'a' FROM n`
		harness.ExecSQL(t, db, fill)
		r := harness.Start(t, build())
		assert.Len(t, harness.Inbox(t, db), 1500, "at the start")
		harness.Stop(t, r, db)
		r = harness.Start(t, build(pawl.WithInboxPoll(50*time.Millisecond)))
		harness.ExecSQL(t, db, fill)
		harness.ExecSQL(t, db, "INSERT INTO pawl_commands (id, command, flow_id) VALUES (0, 'trigger', 'a'), (-7, 'trigger', 'a')")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Len(t, harness.Inbox(t, db), 3002, "while it runs")
		assert.LessOrEqual(t, harness.Status(t, r, "a").RunCount, int64(2))
		harness.Stop(t, r, db)
	})
}

// A row whose answer the database rejects is not carried out, and stops nobody.
func TestRowThatCannotBeAnsweredStopsNobody(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db, pawl.WithInboxPoll(time.Second))
		require.NoError(t, s.Every("tick", time.Minute, d.Job(harness.OK)))
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		harness.ExecSQL(t, db, `CREATE TRIGGER pawl_no BEFORE UPDATE ON pawl_commands BEGIN SELECT RAISE(ABORT, 'no'); END`)
		harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'a')`)
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		assert.Len(t, d.Entries(), 11)
		assert.Zero(t, harness.Status(t, r, "a").RunCount)
		harness.Stop(t, r, db)
	})
}

// scheduler T7: the machine went down, so nobody blames the job.
func TestMachineThatWentDownIsNotBlamedOnTheJob(t *testing.T) {
	for _, test := range []struct {
		boot   string
		streak int
		says   string
	}{
		{"another", 0, "interrupted: the machine went down"},
		{"", 1, "interrupted: the process died"},
	} {
		harness.Bubble(t, func(t *testing.T, db string) {
			build := func(db string) *pawl.Scheduler {
				s := harness.Quiet(db)
				require.NoError(t, s.Manual("a", harness.Job(harness.UntilCancelled), pawl.WithBackoff(pawl.TripAfter(5))))
				return s
			}
			r := harness.Start(t, build(db))
			_, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			asKilled := db + ".copy"
			harness.ExecSQL(t, db, "VACUUM INTO ?", asKilled)
			mark, err := os.ReadFile(db + ".lock") // or it would be taken for a copy
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(asKilled+".lock", mark, 0o600))
			if test.boot != "" {
				harness.ExecSQL(t, asKilled, "UPDATE pawl_runners SET boot_id = ?", test.boot)
			}
			second := harness.Start(t, build(asKilled))
			info := harness.Status(t, second, "a")
			assert.Equal(t, test.streak, info.FailureStreak)
			assert.Contains(t, info.LastError, test.says)
			harness.Stop(t, second, asKilled)
			require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
		})
	}
}

// Rows that somebody edited into nonsense are refused at the start, by name.
func TestNonsenseInARowIsRefusedAtStart(t *testing.T) {
	for _, edit := range []string{
		"UPDATE pawl_flow_state SET status = 9",
		"UPDATE pawl_flow_state SET in_flight = 1",
		"UPDATE pawl_flow_state SET in_flight = 1, last_key = 77",
		"PRAGMA foreign_keys = off; DELETE FROM pawl_flow_state",
	} {
		harness.Bubble(t, func(t *testing.T, db string) {
			build := func() *pawl.Scheduler {
				s := harness.Quiet(db)
				require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
				return s
			}
			harness.Stop(t, harness.Start(t, build()), db)
			harness.ExecSQL(t, db, edit)
			_, err := build().Start(t.Context())
			require.ErrorContains(t, err, `flow "a"`, edit)
		})
	}
}

// Matrix, hand-edited rows: what cannot be made sense of is refused with what helps,
// what can be is read.
func TestEditedRowsAreReadOrRefusedWithWhatHelps(t *testing.T) {
	for _, test := range []struct{ name, edit, client, start string }{
		{"a flag that is no flag", "UPDATE pawl_flow_plan SET registered = 7; UPDATE pawl_flow_state SET suspect = 7", "", ""},
		{"no row of state", "DELETE FROM pawl_flow_state", "", "pawl verify"},
		{"no row of the database", "DELETE FROM pawl_database", "restore a backup", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				build := func() *pawl.Scheduler {
					s := harness.Quiet(db)
					require.NoError(t, s.Manual("m", harness.Job(func(context.Context) error { return nil })))
					return s
				}
				require.NoError(t, harness.Start(t, build()).Stop(t.Context()))
				harness.ExecSQL(t, db, test.edit)

				c, err := pawl.Open(db)
				if test.client == "" {
					require.NoError(t, err)
					_, err = c.List(t.Context())
					require.NoError(t, err)
					require.NoError(t, c.Close())
				} else {
					require.ErrorIs(t, err, pawl.ErrDatabaseDamaged)
					assert.ErrorContains(t, err, test.client)
				}
				r, err := build().Start(t.Context())
				if test.start == "" {
					require.NoError(t, err)
					require.NoError(t, r.Stop(t.Context()))
				} else {
					assert.ErrorContains(t, err, test.start)
				}
			})
		})
	}
}

// time M5: with no owner everything that an operator asks for waits for the next start, with
// its arguments, if he wants that.
func TestQueueingClientLeavesCommandsForTheNextStart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("a", "0 9 * * *", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(10))))
			return s
		}
		harness.Stop(t, harness.Start(t, build()), db)
		c := harness.OpenClient(t, db)
		q := c.Queueing()
		time.Sleep(72 * time.Hour)
		require.ErrorIs(t, q.Pause(t.Context(), "a", "the disk is full"), pawl.ErrQueued)
		now := time.Now()
		_, err := q.Backfill(t.Context(), "a", pawl.Backfill{From: now.Add(-48 * time.Hour), To: now})
		require.ErrorIs(t, err, pawl.ErrQueued)
		_, err = q.Trigger(t.Context(), "a", pawl.WithInput(7), pawl.WithStartAt(now.Add(time.Hour)))
		require.ErrorIs(t, err, pawl.ErrQueued)
		require.ErrorIs(t, c.Pause(t.Context(), "a", "not that"), pawl.ErrNoOwner, "the client it was made of is as it was")
		require.NoError(t, c.Close())

		r := harness.Start(t, build())
		assert.Equal(t, []harness.Answered{{"pause", "a", "done", "-"}, {"backfill", "a", "2", "-"}, {"trigger", "a", "3", "-"}}, harness.Inbox(t, db))
		assert.Equal(t, "the disk is full", harness.Status(t, r, "a").PauseNote)
		synctest.Wait()
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "a", Status: pawl.RunCompleted})
		require.NoError(t, err)
		assert.Len(t, runs, 2)
		harness.Stop(t, r, db)
	})
}

// time Q1: a run that waits is not over, nor is one between two attempts.
func TestClientWaitsForARunThatWaits(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		attempts := 0
		flaky := harness.Job(func(context.Context) error {
			if attempts++; attempts < 3 {
				return assert.AnError
			}
			return nil
		})
		require.NoError(t, s.Manual("a", flaky, pawl.WithRetry(3, pawl.BackoffPolicy{Initial: time.Minute, Jitter: pawl.NoJitter})))
		r := harness.Start(t, s)
		c := harness.OpenClient(t, db)
		began := time.Now()
		run, err := c.Trigger(t.Context(), "a", pawl.WithStartAt(began.Add(time.Hour)))
		require.NoError(t, err)
		synctest.Wait()
		info, err := c.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, 3, info.Attempt)
		assert.WithinDuration(t, began.Add(time.Hour+3*time.Minute), time.Now(), time.Second)
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// Keys of a flow that was forgotten are not given again: a search by time has to look past
// the last run that there is.
func TestRunsSinceAnInstantAreFoundAfterAFlowWasForgotten(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("stays", harness.Job(harness.OK)))
		require.NoError(t, s.Manual("goes", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		for _, id := range []string{"stays", "goes", "goes", "goes"} {
			run, err := r.Trigger(t.Context(), id)
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), id, run)
			require.NoError(t, err)
		}
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("goes") }))
		require.NoError(t, r.Forget(t.Context(), "goes"))
		for _, since := range []time.Time{harness.At("00:00:00"), harness.At("00:00:01"), harness.At("23:00:00")} {
			runs, err := r.Runs(t.Context(), pawl.RunsQuery{Since: since})
			require.NoError(t, err)
			assert.Equal(t, since.Equal(harness.At("00:00:00")), len(runs) == 1)
			window, err := r.View().Window(t.Context(), pawl.WindowQuery{Flows: []string{"stays"}, From: since})
			require.NoError(t, err)
			assert.Equal(t, since.Equal(harness.At("00:00:00")), len(window["stays"]) == 1)
		}
		harness.Stop(t, r, db)
	})
}
