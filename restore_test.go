package pawl_test

import (
	"bytes"
	"context"
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
)

// restored makes a database whose flows ran, goes on for two hours with the
// original, and puts the state of two hours ago back.
func restored(t *testing.T, db string, build func(opts ...pawl.Option) *pawl.Scheduler) {
	t.Helper()
	r := start(t, build())
	time.Sleep(30 * time.Minute)
	c := openClient(t, db)
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, err := c.Backup(t.Context(), backup)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	time.Sleep(2 * time.Hour)
	stop(t, r, db)
	stop(t, start(t, build()), db)
	require.NoError(t, os.Rename(backup, db))
}

// Matrix, a copied or restored database: with the guard nothing of the original
// happens twice, over restarts too, until somebody claims it; then what is overdue
// is made up for, once.
func TestRestoredDatabaseRunsNothingUntilItIsClaimed(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		var log bytes.Buffer
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := quiet(db, append(opts, pawl.WithRestoreGuard())...)
			require.NoError(t, s.Every("hourly", time.Hour, d.job(ok)))
			require.NoError(t, s.Manual("import", d.job(ok)))
			return s
		}
		restored(t, db, build)
		before := len(d.entries())
		for range 2 {
			log.Reset()
			r := start(t, build(pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
			_, err := r.Trigger(t.Context(), "import")
			require.ErrorIs(t, err, pawl.ErrPassive)
			assert.ErrorContains(t, err, "restored: it is a backup of 2000-01-01T00:30:00.000Z; claim it first (pawl claim)")
			require.NoError(t, r.Reset(t.Context(), "import"), "what runs nothing is allowed")
			time.Sleep(24 * time.Hour)
			assert.Equal(t, pawl.StatusCompleted, status(t, r, "hourly").Status)
			assert.Equal(t, int64(1), status(t, r, "hourly").RunCount)
			stop(t, r, db)
			assert.Contains(t, log.String(), `level=WARN msg="pawl: the database was copied or restored; nothing runs until it is claimed (pawl claim)"`)
			assert.Contains(t, log.String(), "overdue=1 since=2000-01-01T01:00:00.000Z")
		}
		assert.Len(t, d.entries(), before)

		r := start(t, build())
		require.NoError(t, r.Claim(t.Context()))
		synctest.Wait()
		assert.Len(t, d.entries(), before+1, "one run for all that was missed")
		_, err := r.Trigger(t.Context(), "import")
		require.NoError(t, err)
		require.NoError(t, r.Claim(t.Context()), "again changes nothing")
		stop(t, r, db)
		r = start(t, build())
		time.Sleep(61 * time.Minute)
		assert.Len(t, d.entries(), before+3, "and from then on as ever")
		stop(t, r, db)
		require.ErrorIs(t, r.Claim(t.Context()), pawl.ErrStopped)
	})
}

// Matrix, a copied or restored database: without the guard it is logged loudly,
// with what catch-up is about to do.
func TestRestoredDatabaseIsLoggedWithoutTheGuard(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		var log bytes.Buffer
		build := func(opts ...pawl.Option) *pawl.Scheduler {
			s := quiet(db, opts...)
			require.NoError(t, s.Every("hourly", time.Hour, d.job(ok)))
			return s
		}
		restored(t, db, build)
		before := len(d.entries())
		logger := pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
		r := start(t, build(logger))
		synctest.Wait()
		stop(t, r, db)
		assert.Len(t, d.entries(), before+1)
		assert.Contains(t, log.String(), `level=WARN msg="pawl: the database was copied or restored; what is overdue runs now, also if the original has run it"`)
		assert.Contains(t, log.String(), "overdue=1 since=2000-01-01T01:00:00.000Z")
		log.Reset()
		stop(t, start(t, build(logger)), db)
		assert.NotContains(t, log.String(), "restored", "once")
	})
}

// A claim is a row of the inbox, like any other: of a client, of sqlite3, and
// before the start. Triggers that a copy brought along are not carried out.
func TestClaimIsACommandOfTheInbox(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithRestoreGuard(), pawl.WithInboxPoll(250*time.Millisecond))
			require.NoError(t, s.Manual("a", job(ok)))
			return s
		}
		copied := func() {
			t.Helper()
			require.NoError(t, os.Remove(db+".lock"))
		}
		stop(t, start(t, build()), db)
		const passive = "the runner is passive: copied: it was started 1 times, but the lock file beside it tells of none; claim it first (pawl claim)"

		copied()
		execSQL(t, db, "INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'a')")
		r := start(t, build())
		c := openClient(t, db)
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
		stop(t, r, db)

		copied()
		require.ErrorIs(t, c.Claim(t.Context()), pawl.ErrNoOwner, "left for the next start")
		require.NoError(t, c.Close())
		execSQL(t, db, "INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'a')")
		r = start(t, build())
		synctest.Wait()
		assert.Equal(t, int64(2), status(t, r, "a").RunCount)
		trigger(t, r, "a")
		synctest.Wait()
		stop(t, r, db)
		assert.Equal(t, []answered{
			{"trigger", "a", "-", passive},
			{"trigger", "a", "-", passive},
			{"claim", "", "done", "-"},
			{"trigger", "a", "1", "-"},
			{"claim", "", "done", "-"},
			{"trigger", "a", "2", "-"},
		}, inbox(t, db))
	})
}

// A claim that could not be written claims nothing.
func TestClaimThatIsNotCommittedClaimsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := &disk{}
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithRestoreGuard(), pawl.WithStore(d.Wrap))
			require.NoError(t, s.Every("hourly", time.Hour, job(ok)))
			return s
		}
		r := start(t, build())
		synctest.Wait()
		stop(t, r, db)
		require.NoError(t, os.Remove(db+".lock"))
		r = start(t, build())
		d.Fail(errors.New("no answer from the disk"))
		require.Error(t, r.Claim(t.Context()))
		d.Fail(nil)
		time.Sleep(24 * time.Hour)
		assert.Equal(t, int64(1), status(t, r, "hourly").RunCount)
		_, err := r.Trigger(t.Context(), "hourly")
		require.ErrorIs(t, err, pawl.ErrPassive)
		require.NoError(t, r.Claim(t.Context()))
		synctest.Wait()
		assert.Equal(t, int64(2), status(t, r, "hourly").RunCount)
		require.NoError(t, r.Stop(context.Background()))
	})
}

// A claim whose commit failed is asked for again: it may be in the file after all,
// and then the flows run.
func TestClaimThatIsCommittedAfterAllClaims(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := &disk{}
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithRestoreGuard(), pawl.WithStore(d.Wrap))
			require.NoError(t, s.Every("hourly", time.Hour, job(ok)))
			return s
		}
		stop(t, start(t, build()), db)
		require.NoError(t, os.Remove(db+".lock"))
		r := start(t, build())
		d.Durable = true
		d.Fail(errors.New("who knows"))
		require.Error(t, r.Claim(t.Context()))
		d.Fail(nil)
		time.Sleep(24*time.Hour - time.Minute)
		assert.Equal(t, int64(24), status(t, r, "hourly").RunCount)
		require.NoError(t, r.Stop(context.Background()))
		assert.Equal(t, int64(24), status(t, start(t, build()), "hourly").RunCount, "nor does the next start doubt it")
	})
}

// A run that was in flight when the backup was made is nobody's failure.
func TestRunOpenInABackupIsNotAFailure(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Manual("long", job(untilCancelled), pawl.WithBackoff(pawl.TripAfter(1))))
			return s
		}
		r := start(t, build())
		trigger(t, r, "long")
		c := openClient(t, db)
		backup := filepath.Join(t.TempDir(), "backup.db")
		_, err := c.Backup(t.Context(), backup)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		require.NoError(t, os.Rename(backup, db))
		r = start(t, build())
		assert.Zero(t, status(t, r, "long").FailureStreak)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{})
		require.NoError(t, err)
		require.Len(t, runs, 1)
		assert.Equal(t, pawl.RunInterrupted, runs[0].Status, "copied before it ended")
		assert.Equal(t, "interrupted: the database was copied while the job ran", runs[0].Error)
		stop(t, r, db)
	})
}

// The verbs of operators as a program calls them: each is tried out in
// cmd/pawl/testdata/script.
func TestClientLooksIntoThePastAndAtItsHealth(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("a", job(failing), pawl.WithBackoff(pawl.TripAfter(2))))
		require.NoError(t, s.Manual("b", job(ok)))
		r := start(t, s)
		var stood [][]pawl.FlowInfo
		var at []time.Time
		for _, act := range []func(){
			func() {}, func() { trigger(t, r, "a") }, func() { trigger(t, r, "b") }, func() { trigger(t, r, "a") },
			func() { require.NoError(t, r.Reset(t.Context(), "a")) },
		} {
			time.Sleep(time.Hour)
			act()
			synctest.Wait()
			at, stood = append(at, time.Now()), append(stood, r.List())
		}
		c := openClient(t, db)
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
		stop(t, r, db)
		s = quiet(db)
		require.NoError(t, s.Manual("a", job(failing), pawl.WithBackoff(pawl.TripAfter(2))))
		r = start(t, s)
		then, err = c.At(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, r.List(), then, "b is not registered any more")
		then, err = c.At(t.Context(), at[4])
		require.NoError(t, err)
		assert.Equal(t, stood[4], then, "but was")
		require.NoError(t, c.Close())
		stop(t, r, db)
	})
}

func trigger(t *testing.T, r *pawl.Runner, id string) {
	t.Helper()
	_, err := r.Trigger(t.Context(), id)
	require.NoError(t, err)
}
