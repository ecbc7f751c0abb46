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
)

// execSQL writes to the file as the sqlite3 program would.
func execSQL(t *testing.T, db, query string, args ...any) {
	t.Helper()
	other, err := sql.Open("sqlite", db+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

// answered is a row of the inbox with its answer.
type answered struct{ Verb, Flow, Result, Error string }

func inbox(t *testing.T, db string) (rows []answered) {
	t.Helper()
	other, err := sql.Open("sqlite", db+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer other.Close()
	found, err := other.QueryContext(t.Context(), `SELECT COALESCE(command, '-'), COALESCE(flow_id, '-'), COALESCE(result, '-'),
		COALESCE(error, '-') FROM pawl_commands WHERE handled_at IS NOT NULL ORDER BY id`)
	require.NoError(t, err)
	defer found.Close()
	for found.Next() {
		var a answered
		require.NoError(t, found.Scan(&a.Verb, &a.Flow, &a.Result, &a.Error))
		rows = append(rows, a)
	}
	require.NoError(t, found.Err())
	return rows
}

// The inbox: plain inserts are carried out and answered on the row; bad
// ones are answered with an error and stop nobody.
func TestInboxAnswersEveryRow(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithInboxPoll(250*time.Millisecond))
		require.NoError(t, s.Manual("nightly", job(failing), pawl.WithBackoff(pawl.TripAfter(1))))
		require.NoError(t, s.Manual("long", job(untilCancelled)))
		r := start(t, s)
		execSQL(t, db, `INSERT INTO pawl_commands (command, flow_id) VALUES
			('trigger', 'nightly'), ('trigger', 'long'), ('trigger', 'long'), ('reset', 'long'), ('trigger', 'nobody'),
			('reset', 'no' || char(7)), ('dance', 'nightly'), (NULL, NULL), ('trigger', NULL), ('', '')`)
		time.Sleep(time.Second)
		execSQL(t, db, `INSERT INTO pawl_commands (command, flow_id, requested_by, reason) VALUES
			('trigger', 'nightly', 'anna', 'why not'), ('reset', 'nightly', 'anna', 'mended')`)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []answered{
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
		}, inbox(t, db))
		assert.Equal(t, int64(2), status(t, r, "nightly").RunCount, "found Q2: it waited for the reset, and failed again")
		assert.Equal(t, pawl.StatusTripped, status(t, r, "nightly").Status)
		require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
	})
}

// With no owner a command waits for the next start.
func TestCommandsWaitForTheNextStart(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Manual("a", d.job(ok)))
			return s
		}
		stop(t, start(t, build()), db)
		c := openClient(t, db)
		_, err := c.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrNoOwner)
		require.ErrorIs(t, c.Reset(t.Context(), "a"), pawl.ErrNoOwner)
		id, err := c.Post(t.Context(), "trigger", "a")
		require.NoError(t, err)
		assert.Equal(t, int64(1), id, "what was refused was not posted")
		require.NoError(t, c.Close())
		r := start(t, build())
		assert.Equal(t, []answered{{"trigger", "a", "1", "-"}}, inbox(t, db), "when Start returns")
		synctest.Wait()
		assert.Len(t, d.entries(), 1)
		stop(t, r, db)
	})
}

// A Client has the Runner's verbs and errors.
func TestClientControlsTheOwner(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Manual("a", job(func(context.Context) error { time.Sleep(time.Minute); return errors.New("boom") }), pawl.WithBackoff(pawl.TripAfter(1))))
		require.NoError(t, s.Cron("b", "0 9 * * *", job(ok)))
		r := start(t, s)
		c := openClient(t, db)
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
		assert.Equal(t, status(t, r, "b"), flow)
		runs, err := c.Runs(t.Context(), pawl.RunsQuery{Flow: "a"})
		require.NoError(t, err)
		assert.Equal(t, []pawl.RunInfo{info}, runs)
		require.NoError(t, c.Close())
		stop(t, r, db)
	})
}

// A Client does not wait for an owner that is gone.
func TestClientDoesNotWaitForAnOwnerThatIsGone(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db) // never looks at its inbox
		require.NoError(t, s.Manual("a", job(untilCancelled)))
		r := start(t, s)
		c := openClient(t, db)
		asked := make(chan error, 1)
		go func() {
			_, err := c.Trigger(t.Context(), "a")
			asked <- err
		}()
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.Reset(ctx, "a"), context.DeadlineExceeded)
		stop(t, r, db)
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
	bubble(t, func(t *testing.T, db string) {
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := quiet(db, opts...)
			require.NoError(t, s.Manual("a", job(ok)))
			return s
		}
		r := start(t, build())
		_, err := build().Start(t.Context())
		require.ErrorIs(t, err, pawl.ErrDatabaseOwned)
		assert.ErrorContains(t, err, "since 2000-01-01T00:00:00Z")
		time.AfterFunc(time.Minute, func() { _ = r.Stop(context.Background()) })
		second := start(t, build(pawl.WithWaitForOwner(time.Hour)))
		assert.Less(t, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), 61*time.Second)
		stop(t, second, db)
	})
}

// scheduler D7: a database that another program keeps locked stops dispatch; callers learn
// it, and everything goes on by itself when it is free.
func TestLockedDatabaseStopsDispatchUntilItIsFree(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		s := quiet(db)
		require.NoError(t, s.Every("a", time.Minute, d.job(ok)))
		require.NoError(t, s.Manual("b", job(ok)))
		r := start(t, s)
		synctest.Wait()
		other, err := sql.Open("sqlite", db)
		require.NoError(t, err)
		other.SetMaxOpenConns(1)
		_, err = other.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "b")
		require.ErrorContains(t, err, "locked")
		time.Sleep(10 * time.Minute)
		assert.Len(t, d.entries(), 1, "no job starts whose reserve is not committed")
		_, err = other.ExecContext(t.Context(), "ROLLBACK")
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Len(t, d.entries(), 2)
		require.NoError(t, other.Close())
		stop(t, r, db)
	})
}

// found A9: a request waits for the end of another program's transaction until the deadline
// of its context, or for 5 s if it has none.
func TestRequestWaitsForALockUntilItsDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		require.NoError(t, s.Manual("a", job(ok)))
		r := start(t, s)
		client := openClient(t, db)
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
		stop(t, r, db)
	})
}

// scheduler D5: the app's tables and ours in one file, and a file that is not ours.
func TestSharedFileMustBeSaidSo(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, nil, 0o600))
		execSQL(t, db, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := quiet(db, opts...)
			require.NoError(t, s.Manual("a", job(func(ctx context.Context) error {
				execSQL(t, db, "INSERT INTO orders DEFAULT VALUES")
				return nil
			})))
			return s
		}
		_, err := build().Start(t.Context())
		require.ErrorIs(t, err, pawl.ErrForeignDatabase)
		r := start(t, build(pawl.WithSharedFile()))
		run, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		info, err := r.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		stop(t, r, db)
	})
}

// A Client is safe for any number of callers.
func TestManyCallersShareAClient(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		for i := range 20 {
			require.NoError(t, s.Manual(fmt.Sprint(i), job(ok)))
		}
		r := start(t, s)
		c := openClient(t, db)
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
		stop(t, r, db)
	})
}

// The inbox is emptied whatever its size and whatever ids its rows have, and no
// row is carried out twice.
func TestInboxIsEmptiedWhateverItHolds(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := quiet(db, opts...)
			require.NoError(t, s.Manual("a", job(ok)))
			return s
		}
		stop(t, start(t, build()), db)
		const fill = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
			INSERT INTO pawl_commands (command, flow_id) SELECT 'reset', 'a' FROM n`
		execSQL(t, db, fill)
		r := start(t, build())
		assert.Len(t, inbox(t, db), 1500, "at the start")
		stop(t, r, db)
		r = start(t, build(pawl.WithInboxPoll(50*time.Millisecond)))
		execSQL(t, db, fill)
		execSQL(t, db, "INSERT INTO pawl_commands (id, command, flow_id) VALUES (0, 'trigger', 'a'), (-7, 'trigger', 'a')")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Len(t, inbox(t, db), 3002, "while it runs")
		assert.LessOrEqual(t, status(t, r, "a").RunCount, int64(2))
		stop(t, r, db)
	})
}

// A row whose answer the database rejects is not carried out, and stops nobody.
func TestRowThatCannotBeAnsweredStopsNobody(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		s := quiet(db, pawl.WithInboxPoll(time.Second))
		require.NoError(t, s.Every("tick", time.Minute, d.job(ok)))
		require.NoError(t, s.Manual("a", job(ok)))
		r := start(t, s)
		execSQL(t, db, `CREATE TRIGGER pawl_no BEFORE UPDATE ON pawl_commands BEGIN SELECT RAISE(ABORT, 'no'); END`)
		execSQL(t, db, `INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'a')`)
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		assert.Len(t, d.entries(), 11)
		assert.Zero(t, status(t, r, "a").RunCount)
		stop(t, r, db)
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
		bubble(t, func(t *testing.T, db string) {
			build := func(db string) *pawl.Scheduler {
				s := quiet(db)
				require.NoError(t, s.Manual("a", job(untilCancelled), pawl.WithBackoff(pawl.TripAfter(5))))
				return s
			}
			r := start(t, build(db))
			_, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			asKilled := db + ".copy"
			execSQL(t, db, "VACUUM INTO ?", asKilled)
			mark, err := os.ReadFile(db + ".lock") // or it would be taken for a copy
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(asKilled+".lock", mark, 0o600))
			if test.boot != "" {
				execSQL(t, asKilled, "UPDATE pawl_runners SET boot_id = ?", test.boot)
			}
			second := start(t, build(asKilled))
			info := status(t, second, "a")
			assert.Equal(t, test.streak, info.FailureStreak)
			assert.Contains(t, info.LastError, test.says)
			stop(t, second, asKilled)
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
		bubble(t, func(t *testing.T, db string) {
			build := func() *pawl.Scheduler {
				s := quiet(db)
				require.NoError(t, s.Manual("a", job(ok)))
				return s
			}
			stop(t, start(t, build()), db)
			execSQL(t, db, edit)
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
			bubble(t, func(t *testing.T, db string) {
				build := func() *pawl.Scheduler {
					s := quiet(db)
					require.NoError(t, s.Manual("m", job(func(context.Context) error { return nil })))
					return s
				}
				require.NoError(t, start(t, build()).Stop(t.Context()))
				execSQL(t, db, test.edit)

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
