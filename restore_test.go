package pawl_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
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

// restored makes a database whose flows ran, goes on for two hours with the
// original, and puts the state of two hours ago back.
func restored(t *testing.T, db string, build func(opts ...pawl.Option) *pawl.Scheduler) {
	t.Helper()
	r := harness.Start(t, build())
	time.Sleep(30 * time.Minute)
	c := harness.OpenClient(t, db)
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, err := c.Backup(t.Context(), backup)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	time.Sleep(2 * time.Hour)
	harness.Stop(t, r, db)
	harness.Stop(t, harness.Start(t, build()), db)
	require.NoError(t, os.Rename(backup, db))
}

// Matrix, a copied or restored database: with the guard nothing of the original
// happens twice, over restarts too, until somebody claims it; then what is overdue
// is made up for, once.
func TestRestoredDatabaseRunsNothingUntilItIsClaimed(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		var log bytes.Buffer
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := harness.Quiet(db, append(opts, pawl.WithRestoreGuard())...)
			require.NoError(t, s.Every("hourly", time.Hour, d.Job(harness.OK)))
			require.NoError(t, s.Manual("import", d.Job(harness.OK)))
			return s
		}
		restored(t, db, build)
		before := len(d.Entries())
		for range 2 {
			log.Reset()
			r := harness.Start(t, build(pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
			_, err := r.Trigger(t.Context(), "import")
			require.ErrorIs(t, err, pawl.ErrPassive)
			assert.ErrorContains(t, err, "restored: it is a backup of 2000-01-01T00:30:00.000Z; claim it first (pawl claim)")
			require.NoError(t, r.Reset(t.Context(), "import"), "what runs nothing is allowed")
			time.Sleep(24 * time.Hour)
			assert.Equal(t, pawl.StatusCompleted, harness.Status(t, r, "hourly").Status)
			assert.Equal(t, int64(1), harness.Status(t, r, "hourly").RunCount)
			harness.Stop(t, r, db)
			assert.Contains(t, log.String(), `level=WARN msg="pawl: the database was copied or restored; nothing runs until it is claimed (pawl claim)"`)
			assert.Contains(t, log.String(), "overdue=1 since=2000-01-01T01:00:00.000Z")
		}
		assert.Len(t, d.Entries(), before)

		r := harness.Start(t, build())
		require.NoError(t, r.Claim(t.Context()))
		synctest.Wait()
		assert.Len(t, d.Entries(), before+1, "one run for all that was missed")
		_, err := r.Trigger(t.Context(), "import")
		require.NoError(t, err)
		require.NoError(t, r.Claim(t.Context()), "again changes nothing")
		harness.Stop(t, r, db)
		r = harness.Start(t, build())
		time.Sleep(61 * time.Minute)
		assert.Len(t, d.Entries(), before+3, "and from then on as ever")
		harness.Stop(t, r, db)
		require.ErrorIs(t, r.Claim(t.Context()), pawl.ErrStopped)
	})
}

// Matrix, a copied or restored database: without the guard it is logged loudly,
// with what catch-up is about to do.
func TestRestoredDatabaseIsLoggedWithoutTheGuard(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		var log bytes.Buffer
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := harness.Quiet(db, opts...)
			require.NoError(t, s.Every("hourly", time.Hour, d.Job(harness.OK)))
			return s
		}
		restored(t, db, build)
		before := len(d.Entries())
		logger := pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
		r := harness.Start(t, build(logger))
		synctest.Wait()
		harness.Stop(t, r, db)
		assert.Len(t, d.Entries(), before+1)
		assert.Contains(t, log.String(), `level=WARN msg="pawl: the database was copied or restored; what is overdue runs now, also if the original has run it"`)
		assert.Contains(t, log.String(), "overdue=1 since=2000-01-01T01:00:00.000Z")
		log.Reset()
		harness.Stop(t, harness.Start(t, build(logger)), db)
		assert.NotContains(t, log.String(), "restored", "once")
	})
}

// A claim is a row of the inbox, like any other: of a client, of sqlite3, and
// before the start. Triggers that a copy brought along are not carried out.
func TestClaimIsACommandOfTheInbox(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithRestoreGuard(), pawl.WithInboxPoll(250*time.Millisecond))
			require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
			return s
		}
		copied := func() {
			t.Helper()
			require.NoError(t, os.Remove(db+".lock"))
		}
		harness.Stop(t, harness.Start(t, build()), db)
		const passive = "the runner is passive: copied: it was started 1 times, but the lock file beside it tells of none; claim it first (pawl claim)"

		copied()
		harness.ExecSQL(t, db, "INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'a')")
		r := harness.Start(t, build())
		c := harness.OpenClient(t, db)
		reason, err := c.Passive(t.Context())
		require.NoError(t, err)
		assert.Contains(t, reason, "copied: ")
		_, err = c.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrPassive)
		require.NoError(t, c.Claim(t.Context()))
		reason, err = c.Passive(t.Context())
		require.NoError(t, err)
		assert.Empty(t, reason)
		_, err = c.Trigger(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		harness.Stop(t, r, db)

		copied()
		require.ErrorIs(t, c.Claim(t.Context()), pawl.ErrNoOwner, "left for the next start")
		require.NoError(t, c.Close())
		harness.ExecSQL(t, db, "INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'a')")
		r = harness.Start(t, build())
		synctest.Wait()
		assert.Equal(t, int64(2), harness.Status(t, r, "a").RunCount)
		harness.Trigger(t, r, "a")
		synctest.Wait()
		harness.Stop(t, r, db)
		assert.Equal(t, []harness.Answered{
			{"trigger", "a", "-", passive},
			{"trigger", "a", "-", passive},
			{"claim", "", "done", "-"},
			{"trigger", "a", "1", "-"},
			{"claim", "", "done", "-"},
			{"trigger", "a", "2", "-"},
		}, harness.Inbox(t, db))
	})
}

// A claim that could not be written claims nothing.
func TestClaimThatIsNotCommittedClaimsNothing(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := &harness.Disk{}
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithRestoreGuard(), pawl.WithStore(d.Wrap))
			require.NoError(t, s.Every("hourly", time.Hour, harness.Job(harness.OK)))
			return s
		}
		r := harness.Start(t, build())
		synctest.Wait()
		harness.Stop(t, r, db)
		require.NoError(t, os.Remove(db+".lock"))
		r = harness.Start(t, build())
		d.Fail(errors.New("no answer from the disk"))
		require.Error(t, r.Claim(t.Context()))
		d.Fail(nil)
		time.Sleep(24 * time.Hour)
		assert.Equal(t, int64(1), harness.Status(t, r, "hourly").RunCount)
		_, err := r.Trigger(t.Context(), "hourly")
		require.ErrorIs(t, err, pawl.ErrPassive)
		require.NoError(t, r.Claim(t.Context()))
		synctest.Wait()
		assert.Equal(t, int64(2), harness.Status(t, r, "hourly").RunCount)
		require.NoError(t, r.Stop(context.Background()))
	})
}

// A claim whose commit failed is asked for again: it may be in the file after all,
// and then the flows run.
func TestClaimThatIsCommittedAfterAllClaims(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := &harness.Disk{}
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithRestoreGuard(), pawl.WithStore(d.Wrap))
			require.NoError(t, s.Every("hourly", time.Hour, harness.Job(harness.OK)))
			return s
		}
		harness.Stop(t, harness.Start(t, build()), db)
		require.NoError(t, os.Remove(db+".lock"))
		r := harness.Start(t, build())
		d.Durable = true
		d.Fail(errors.New("who knows"))
		require.Error(t, r.Claim(t.Context()))
		d.Fail(nil)
		time.Sleep(24*time.Hour - time.Minute)
		assert.Equal(t, int64(24), harness.Status(t, r, "hourly").RunCount)
		require.NoError(t, r.Stop(context.Background()))
		assert.Equal(t, int64(24), harness.Status(t, harness.Start(t, build()), "hourly").RunCount, "nor does the next start doubt it")
	})
}

// A run that was in flight when the backup was made is nobody's failure.
func TestRunOpenInABackupIsNotAFailure(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("long", harness.Job(harness.UntilCancelled), pawl.WithBackoff(pawl.TripAfter(1))))
			return s
		}
		r := harness.Start(t, build())
		harness.Trigger(t, r, "long")
		c := harness.OpenClient(t, db)
		backup := filepath.Join(t.TempDir(), "backup.db")
		_, err := c.Backup(t.Context(), backup)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		require.NoError(t, os.Rename(backup, db))
		r = harness.Start(t, build())
		assert.Zero(t, harness.Status(t, r, "long").FailureStreak)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{})
		require.NoError(t, err)
		require.Len(t, runs, 1)
		assert.Equal(t, pawl.RunInterrupted, runs[0].Status, "copied before it ended")
		assert.Equal(t, "interrupted: the database was copied while the job ran", runs[0].Error)
		harness.Stop(t, r, db)
	})
}

// The verbs of operators as a program calls them: each is tried out in
// cmd/pawl/testdata/script.
func TestClientLooksIntoThePastAndAtItsHealth(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(2))))
		require.NoError(t, s.Manual("b", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		var stood [][]pawl.FlowInfo
		var at []time.Time
		for _, act := range []func(){
			func() {}, func() { harness.Trigger(t, r, "a") }, func() { harness.Trigger(t, r, "b") }, func() { harness.Trigger(t, r, "a") },
			func() { require.NoError(t, r.Reset(t.Context(), "a")) },
		} {
			time.Sleep(time.Hour)
			act()
			synctest.Wait()
			at, stood = append(at, time.Now()), append(stood, r.List())
		}
		c := harness.OpenClient(t, db)
		for i := range at {
			then, err := c.At(t.Context(), at[i].Add(time.Minute))
			require.NoError(t, err)
			assert.Equal(t, stood[i], then, "step %d", i)
		}
		then, err := c.At(t.Context(), at[0].Add(-2*time.Hour))
		require.NoError(t, err)
		assert.Empty(t, then)
		checks, err := c.Doctor(t.Context())
		require.NoError(t, err)
		assert.Len(t, checks, 10)
		for _, check := range checks {
			assert.Empty(t, check.Found, check.Name)
		}
		found, err := c.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, found)
		time.Sleep(time.Hour)
		harness.Stop(t, r, db)
		s = harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(2))))
		r = harness.Start(t, s)
		then, err = c.At(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, r.List(), then, "b is not registered any more")
		then, err = c.At(t.Context(), at[4])
		require.NoError(t, err)
		assert.Equal(t, stood[4], then, "but was")
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// What the program knows of a copy counts like what the lock file tells, which comes
// first, and only where it knows something.
func TestDoubtOfTheProgramMakesAStartPassive(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var asked []string
		begin := func(why string) *pawl.Runner {
			s := harness.Quiet(db, pawl.WithRestoreGuard(), pawl.WithDoubt(func(_ context.Context, id string) string {
				asked = append(asked, id)
				return why
			}))
			require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
			return harness.Start(t, s)
		}
		r := begin("")
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		harness.Stop(t, r, db)
		c := harness.OpenClient(t, db)
		assert.Equal(t, []string{c.Database()}, asked)
		require.NoError(t, c.Close())

		r = begin("copied: its twin was seen")
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrPassive)
		require.ErrorContains(t, err, "copied: its twin was seen")
		harness.Stop(t, r, db)
		r = begin("copied: its twin was seen again")
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorContains(t, err, "its twin was seen;", "until it is claimed")
		assert.Len(t, asked, 2)
		require.NoError(t, r.Claim(t.Context()))
		harness.Stop(t, r, db)
	})
}

// A database that rejects all that a command brings, one after the other (its change, its
// change without what a failed function wanted, its answer), stops nobody else. scheduler D6, time X4.
func TestDatabaseThatRejectsEverythingOfACommandStopsNobody(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.AppTable(t, db)
		s := harness.Quiet(db, pawl.WithSharedFile(), pawl.WithInboxPoll(time.Second), pawl.WithStopTimeout(0))
		release := make(chan struct{})
		require.NoError(t, s.Manual("joins", harness.Job(func(ctx context.Context) error {
			<-release
			return pawl.Committing(ctx, func(context.Context, *sql.Tx) error { return errors.New("no luck") })
		})))
		require.NoError(t, s.Manual("asked", harness.Job(harness.OK)))
		d := harness.NewDiary()
		require.NoError(t, s.Every("tick", time.Minute, d.Job(harness.OK)))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "joins")
		synctest.Wait()
		harness.ExecSQL(t, db, `CREATE TRIGGER pawl_no_end BEFORE UPDATE ON pawl_run_log WHEN NEW.flow = 1 BEGIN SELECT RAISE(ABORT, 'no end'); END`)
		harness.ExecSQL(t, db, `CREATE TRIGGER pawl_no_run BEFORE INSERT ON pawl_run_log WHEN NEW.flow = 2 BEGIN SELECT RAISE(ABORT, 'no run'); END`)
		harness.ExecSQL(t, db, `CREATE TRIGGER pawl_no_answer BEFORE UPDATE ON pawl_commands BEGIN SELECT RAISE(ABORT, 'no answer'); END`)
		close(release)
		harness.ExecSQL(t, db, `INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'asked')`)
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		assert.Len(t, d.Entries(), 6)
		assert.Zero(t, harness.Status(t, r, "asked").RunCount)
		assert.Equal(t, 1, harness.Status(t, r, "joins").InFlight)
		for _, name := range []string{"pawl_no_end", "pawl_no_run", "pawl_no_answer"} {
			harness.ExecSQL(t, db, `DROP TRIGGER `+name)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Zero(t, harness.Status(t, r, "joins").InFlight, "it is tried again once a minute")
		assert.Contains(t, harness.RunOf(t, r, "joins", 1).Error, "no luck")
		harness.Stop(t, r, db)
	})
}
