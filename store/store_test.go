package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/migrations"
	"github.com/pawl-go/pawl/store/internal/codes"
)

var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func openStore(t *testing.T, path string, o Options) *Store {
	t.Helper()
	o.Owner = Self(epoch)
	s, err := Open(t.Context(), path, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func plainDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execOn(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query)
	require.NoError(t, err)
}

func one[T any](t *testing.T, db *sql.DB, query string) (v T) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&v))
	return v
}

// scheduler D5 and the list of bad files: each is refused with an error that says
// what is wrong, and is untouched.
func TestBadFilesAreRefusedUntouched(t *testing.T) {
	sqlite := func(queries ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db := plainDB(t, path)
			for _, query := range queries {
				execOn(t, db, query)
			}
			require.NoError(t, db.Close())
		}
	}
	text := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		}
	}
	for _, test := range []struct {
		name string
		make func(*testing.T, string)
		o    Options
		want error
		says string
	}{
		{"a text file", text(strings.Repeat("not a database\n", 1000)), Options{}, ErrForeign, "no SQLite file"},
		{"a short text file", text("hello"), Options{}, ErrForeign, "no SQLite file"},
		{"a text file, shared", text("hello"), Options{Shared: true}, ErrForeign, "no SQLite file"},
		{"another app's file", sqlite("CREATE TABLE invoices (id)"), Options{}, ErrForeign, `"invoices"`},
		{"another app's WAL file", sqlite("PRAGMA journal_mode = WAL", "CREATE TABLE invoices (id)"), Options{}, ErrForeign, "WithSharedFile"},
		{"an app's table in ours", func(t *testing.T, path string) {
			require.NoError(t, openStore(t, path, Options{}).Close())
			sqlite("CREATE TABLE invoices (id)")(t, path)
		}, Options{}, ErrForeign, `"invoices"`},
		{"a newer schema", func(t *testing.T, path string) {
			require.NoError(t, openStore(t, path, Options{}).Close())
			sqlite("INSERT INTO pawl_migrations (version_id, is_applied) VALUES (999, 1)")(t, path)
		}, Options{}, ErrSchemaTooNew, "schema 999, this program knows 6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "jobs.db")
			test.make(t, path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			_, err = Open(t.Context(), path, test.o)
			require.ErrorIs(t, err, test.want)
			assert.ErrorContains(t, err, test.says)
			assert.ErrorContains(t, err, path)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, before, after)
			assert.NoFileExists(t, path+"-wal")
			_, owned, err := findHolder(path)
			require.NoError(t, err)
			assert.False(t, owned)
		})
	}
}

func TestBadPathsAreRefused(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(folder, "nowhere.db"), filepath.Join(folder, "dangling.db")))
	for _, test := range []struct{ path, says string }{
		{"", "no database path"},
		{":memory:", "plain path"},
		{"file:jobs.db?mode=ro", "plain path"},
		{"a\x00b", "NUL"},
		{folder, "is a directory"},
		{os.DevNull, "no regular file"},
		{filepath.Join(folder, "missing", "jobs.db"), "the directory is missing, create it first"},
		{filepath.Join(folder, "dangling.db"), "leads nowhere"},
	} {
		_, err := Open(t.Context(), test.path, Options{})
		require.ErrorContains(t, err, test.says)
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing was made")
}

// Characters that mean something in a URI mean nothing in a path.
func TestPathsMayHoldAnyCharacter(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a b.db", "50%.db", "what?.db", "a#b.db", "ü&=;.db", "a%20b.db"} {
		path := filepath.Join(folder, name)
		require.NoError(t, openStore(t, path, Options{}).Close())
		assert.FileExists(t, path)
		assert.FileExists(t, path+".lock")
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Len(t, entries, 12)
}

// scheduler D4: the error names the owner; the lock is one for all names of a file and
// ends with its holder.
func TestDatabaseHasOneOwner(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "jobs.db")
	s := openStore(t, path, Options{})
	link := filepath.Join(folder, "link.db")
	require.NoError(t, os.Symlink(path, link))
	for _, name := range []string{path, link} {
		_, err := Open(t.Context(), name, Options{})
		require.ErrorIs(t, err, ErrOwned)
		owner := Self(epoch)
		assert.ErrorContains(t, err, "by process "+strconv.Itoa(owner.PID)+" on "+owner.Host+" since 2026-11-22T09:00:00Z")
	}
	h, ok, err := findHolder(path)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, os.Getpid(), h.PID)

	opened := make(chan error, 1)
	go func() {
		next, err := Open(context.Background(), link, Options{Wait: time.Minute})
		if err == nil {
			err = next.Close()
		}
		opened <- err
	}()
	require.NoError(t, s.Close())
	require.NoError(t, <-opened, "WithWaitForOwner: as soon as the owner ends")
	_, ok, err = findHolder(path)
	require.NoError(t, err)
	assert.False(t, ok)
}

// The lock is a file of ours: nothing else is overwritten for it.
func TestFileInThePlaceOfTheLockIsLeftAlone(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "yarn")
	require.NoError(t, os.WriteFile(path+".lock", []byte("# yarn lockfile v1\n"), 0o600))
	_, err := Open(t.Context(), path, Options{})
	require.ErrorContains(t, err, "is in the way")
	content, err := os.ReadFile(path + ".lock")
	require.NoError(t, err)
	assert.Equal(t, "# yarn lockfile v1\n", string(content))

	path = filepath.Join(folder, "x.db")
	require.NoError(t, os.Symlink(filepath.Join(folder, "yarn.lock"), path+".lock"))
	_, err = Open(t.Context(), path, Options{})
	require.Error(t, err)
	assert.NoFileExists(t, path)
}

func TestWaitForTheOwnerEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	openStore(t, path, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Open(ctx, path, Options{Wait: time.Hour})
	require.ErrorIs(t, err, context.Canceled)
}

// design.md, the store: what the file keeps, and who may read it.
func TestFileIsAsItShouldBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
	}
	for pragma, want := range map[string]string{
		"synchronous": "2", "foreign_keys": "1", "auto_vacuum": "2", "application_id": strconv.Itoa(applicationID),
		"fullfsync": "1", "journal_mode": "wal",
	} {
		got, err := sqlitex.ResultText(s.writer.conn.Prep("PRAGMA " + pragma))
		require.NoError(t, err)
		assert.Equal(t, want, got, pragma)
	}
	id, err := s.Database(t.Context())
	require.NoError(t, err)
	assert.Len(t, id, 26)
	_, err = s.Reader.db.ExecContext(t.Context(), "DELETE FROM pawl_database")
	require.Error(t, err, "readers only read")
	require.NoError(t, s.Close())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 2, "one file and its lock are left")

	s = openStore(t, path, Options{})
	again, err := s.Database(t.Context())
	require.NoError(t, err)
	assert.Equal(t, id, again)
}

// An app may keep its tables, and its own goose, in the same file.
func TestAppSharesTheFileWithItsOwnGoose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	app := plainDB(t, path)
	execOn(t, app, "PRAGMA application_id = 77")
	theirs := fstest.MapFS{
		"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE invoices (id INTEGER);\n-- +goose Down\nDROP TABLE invoices;\n")},
		"00002_b.sql": {Data: []byte("-- +goose Up\nCREATE TABLE lines (id INTEGER);\n-- +goose Down\nDROP TABLE lines;\n")},
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, app, theirs)
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 1)
	require.NoError(t, err)

	s := openStore(t, path, Options{Shared: true})
	_, err = provider.Up(t.Context())
	require.NoError(t, err)
	version, err := provider.GetDBVersion(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(2), version)
	assert.Equal(t, int64(77), one[int64](t, app, "PRAGMA application_id"), "the app's own stays")
	require.NoError(t, s.Close())

	_, err = provider.DownTo(t.Context(), 0)
	require.NoError(t, err)
	execOn(t, app, "DROP TABLE goose_db_version")
	openStore(t, path, Options{}) // no foreign table is left
}

// A start replaces views that are older than its own, whatever they are, and leaves newer
// ones alone: the program that made them may start again.
func TestViewsOfAnOlderProgramAreReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	require.NoError(t, openStore(t, path, Options{}).Close())
	db := plainDB(t, path)
	const text = `SELECT sql FROM sqlite_schema WHERE name = 'pawl_status'`
	made := one[string](t, db, text)
	execOn(t, db, `DROP VIEW pawl_status; CREATE VIEW pawl_status AS SELECT 1 AS old; CREATE VIEW pawl_gone AS SELECT 2 AS gone;
CREATE VIEW mine AS SELECT 3 AS kept; UPDATE pawl_database SET views = views - 1`)
	require.NoError(t, db.Close())

	require.NoError(t, openStore(t, path, Options{Shared: true}).Close())
	db = plainDB(t, path)
	assert.Equal(t, made, one[string](t, db, text))
	assert.Equal(t, int64(0), one[int64](t, db, `SELECT count(*) FROM sqlite_schema WHERE name = 'pawl_gone'`))
	assert.Equal(t, int64(3), one[int64](t, db, `SELECT kept FROM mine`))
	assert.Equal(t, int64(migrations.ViewsVersion), one[int64](t, db, `SELECT views FROM pawl_database`))
	execOn(t, db, `DROP VIEW pawl_status; CREATE VIEW pawl_status AS SELECT 1 AS newer; UPDATE pawl_database SET views = views + 1`)
	require.NoError(t, db.Close())

	s := openStore(t, path, Options{Shared: true})
	check, err := doctor{s.Reader, time.Now}.schema(t.Context())
	require.NoError(t, err)
	assert.Empty(t, check.Found, "the views of a newer program are its own business")
	require.NoError(t, s.Close())
	db = plainDB(t, path)
	assert.Equal(t, int64(1), one[int64](t, db, `SELECT newer FROM pawl_status`))
	require.NoError(t, db.Close())
}

// A tool reads without an owner, and does not migrate.
func TestReaderRefusesWhatItCannotRead(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "jobs.db")
	_, err := OpenReader(t.Context(), path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.NoFileExists(t, path)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = OpenReader(t.Context(), path)
	require.ErrorIs(t, err, ErrForeign)
	require.NoError(t, os.WriteFile(path, []byte("hello, world"), 0o600))
	_, err = OpenReader(t.Context(), path)
	require.ErrorIs(t, err, ErrForeign)

	path = filepath.Join(folder, "old.db")
	require.NoError(t, openStore(t, path, Options{}).Close())
	db := plainDB(t, path)
	execOn(t, db, "INSERT INTO pawl_migrations (version_id, is_applied) VALUES (999, 1)")
	_, err = OpenReader(t.Context(), path)
	require.ErrorIs(t, err, ErrSchemaTooNew)
	execOn(t, db, "DELETE FROM pawl_migrations WHERE version_id > 0")
	_, err = OpenReader(t.Context(), path)
	require.ErrorIs(t, err, ErrForeign)
}

// seed commits flows and runs: n runs each, taking turns, every third a failure.
func seed(t *testing.T, s *Store, flows []string, n int) {
	t.Helper()
	plan := core.Plan{Schedule: schedule.Manual(), Database: "db"}
	var b engine.Batch
	states := make([]core.State, len(flows))
	step := func(i int, e core.Event, at time.Time) {
		c, err := core.Apply(states[i], e, at, plan)
		require.NoError(t, err)
		c.Number(int64(len(b.Changes) + 1))
		states[i] = *c.State
		b.Changes = append(b.Changes, c)
	}
	for i, id := range flows {
		states[i] = core.NewState(id, int64(i+1))
		step(i, core.Adopt{}, epoch)
	}
	key := int64(0)
	for round := range n {
		for i := range flows {
			key++
			at := epoch.Add(time.Duration(round)*time.Minute + time.Duration(i)*time.Second)
			step(i, core.Reserve{Trigger: core.TriggerManual, Key: key}, at)
			failure := ""
			if round%3 == 2 {
				failure = "boom\nand more"
			}
			step(i, core.Outcome{Run: int64(round + 1), Error: failure}, at.Add(1234*time.Millisecond))
		}
	}
	require.NoError(t, s.Commit(t.Context(), b))
}

// Runs are newest first, of one flow or of all, with any filter.
func TestRunsAreReadNewestFirst(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	seed(t, s, []string{"a", "b"}, 30)
	numbers := func(q RunsQuery) (got []string) {
		t.Helper()
		runs, err := s.Runs(t.Context(), q)
		require.NoError(t, err)
		for _, run := range runs {
			got = append(got, run.FlowID+strconv.FormatInt(run.Number, 10))
		}
		return got
	}
	assert.Equal(t, []string{"a30", "a29", "a28"}, numbers(RunsQuery{Flow: "a", Limit: 3}))
	assert.Equal(t, []string{"a4", "a3", "a2", "a1"}, numbers(RunsQuery{Flow: "a", Before: 5}))
	assert.Equal(t, []string{"b30", "a30", "b29"}, numbers(RunsQuery{Limit: 3}))
	assert.Equal(t, []string{"b30", "b27"}, numbers(RunsQuery{Flow: "b", Status: core.RunFailed, Limit: 2}))
	assert.Equal(t, []string{"b30", "a30", "b27"}, numbers(RunsQuery{Status: core.RunFailed, Limit: 3}))
	assert.Equal(t, []string{"a30", "a29"}, numbers(RunsQuery{Flow: "a", Since: epoch.Add(28 * time.Minute)}))
	assert.Equal(t, []string{"b30", "a30", "b29"}, numbers(RunsQuery{Since: epoch.Add(28*time.Minute + time.Second)}))
	assert.Empty(t, numbers(RunsQuery{Since: epoch.Add(time.Hour)}))
	assert.Len(t, numbers(RunsQuery{}), 60)
	assert.Empty(t, numbers(RunsQuery{Flow: "nobody"}))

	for _, q := range []RunsQuery{{Limit: -1}, {Before: 3}, {Status: "odd"}} {
		_, err := s.Runs(t.Context(), q)
		require.Error(t, err)
	}
	run, ok, err := s.Run(t.Context(), "a", 3)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, core.RunInfo{
		FlowID: "a", Number: 3, Trigger: "manual", Status: "failed", Attempt: 1, Error: "boom\nand more",
		ScheduledAt: epoch.Add(2 * time.Minute), StartedAt: epoch.Add(2 * time.Minute), FinishedAt: epoch.Add(2*time.Minute + 1234*time.Millisecond),
	}, run)
	_, ok, err = s.Run(t.Context(), "a", 31)
	require.NoError(t, err)
	assert.False(t, ok)
}

// What is loaded is what was committed.
func TestLoadReturnsWhatWasCommitted(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	seed(t, s, []string{"a", "b"}, 3)
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, snap.Flows, 2)
	assert.Equal(t, engine.Counters{Flow: 2, Run: 6, Seq: 14}, snap.Counters)
	a := snap.Flows[0]
	assert.Equal(t, core.FlowInfo{
		ID: "a", Retention: "all", Kind: "manual", Status: "failed", RunCount: 3, LastNumber: 3, LastRun: epoch.Add(2 * time.Minute),
		LastEnd: epoch.Add(2*time.Minute + 1234*time.Millisecond), LastError: "boom\nand more", Registered: true, Version: 7,
		CreatedAt: epoch, UpdatedAt: epoch.Add(2*time.Minute + 1234*time.Millisecond),
	}, a.Info())
	assert.Equal(t, int64(5), a.LastKey)
	assert.Equal(t, int64(5), a.ErrorKey)
	assert.Empty(t, a.Open)
	flows, err := s.Flows(t.Context())
	require.NoError(t, err)
	assert.Equal(t, a.Info(), flows[0])
	flow, ok, err := s.Flow(t.Context(), "a")
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, a.Info(), flow)
	_, ok, err = s.Flow(t.Context(), "nobody")
	require.NoError(t, err)
	assert.False(t, ok)
	info, err := s.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, info)
}

// A version that does not follow is a rejection that names the flow, and nothing
// of the batch is written.
func TestVersionThatDoesNotFollowIsRejected(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	seed(t, s, []string{"a", "b"}, 1)
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	plan := core.Plan{Schedule: schedule.Manual()}
	var b engine.Batch
	for i := range snap.Flows {
		c, err := core.Apply(*snap.Flows[i], core.Reset{}, epoch, plan)
		require.NoError(t, err)
		c.Number(snap.Counters.Seq + int64(i) + 1)
		b.Changes = append(b.Changes, c)
	}
	b.Changes[1].Version++
	err = s.Commit(t.Context(), b)
	var rejected *engine.Rejected
	require.ErrorAs(t, err, &rejected)
	assert.Equal(t, int64(2), rejected.Flow)
	after, err := s.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, snap, after)
	b.Changes[1].Version--
	require.NoError(t, s.Commit(t.Context(), b), "the writer is well")
}

// Of the changes of a flow in a batch the last one's state alone is stored, over the one
// that was there before all of them, or not at all.
func TestStateOfTheLastChangeIsStored(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	seed(t, s, []string{"a", "b"}, 1)
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	var b engine.Batch
	state := *snap.Flows[0]
	for i, e := range []core.Event{
		core.Reserve{Trigger: core.TriggerManual, Key: 3}, core.Outcome{Run: 2, Error: "boom"}, core.Reset{},
	} {
		c, err := core.Apply(state, e, epoch.Add(time.Hour), core.Plan{Schedule: schedule.Manual()})
		require.NoError(t, err)
		c.Number(snap.Counters.Seq + int64(i) + 1)
		c.Passing, c.Passed = i < 2, int64(i)
		state = *c.State
		b.Changes = append(b.Changes, c)
	}
	b.Changes[2].Passed = 1 // over a state that is not there
	var rejected *engine.Rejected
	require.ErrorAs(t, s.Commit(t.Context(), b), &rejected)
	assert.Equal(t, int64(1), rejected.Flow)
	b.Changes[2].Passed = 2
	require.NoError(t, s.Commit(t.Context(), b))
	after, err := s.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, state.Info(), after.Flows[0].Info())
	steps, err := s.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, steps)
}

// Rows have the keys that the change gives them, also when SQLite would give others:
// the newest were deleted, as a flow that is forgotten has its own deleted. A key that is
// taken is a rejection.
func TestRowsHaveTheKeysOfTheChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	seed(t, s, []string{"a", "b"}, 64) // its next run is the 65th, and the 64th is in an index
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	reserve := func(run, seq int64) engine.Batch {
		c, err := core.Apply(*snap.Flows[0], core.Reserve{Trigger: core.TriggerManual, Key: run}, epoch.Add(time.Hour), core.Plan{Schedule: schedule.Manual()})
		require.NoError(t, err)
		c.Number(seq)
		return engine.Batch{Changes: []core.Change{c}}
	}
	db := plainDB(t, path)
	execOn(t, db, "DELETE FROM pawl_run_log WHERE flow = 2 AND number > 10; DELETE FROM pawl_transition_log WHERE flow = 2 AND version > 20")
	run, seq := snap.Counters.Run, snap.Counters.Seq
	require.NoError(t, s.Commit(t.Context(), reserve(run+1, seq+1)))
	assert.Equal(t, run+1, one[int64](t, db, "SELECT key FROM pawl_run_log WHERE flow = 1 AND number = 65"))
	assert.Equal(t, seq+1, one[int64](t, db, "SELECT seq FROM pawl_transition_log WHERE flow = 1 AND run_number = 65"))
	assert.Equal(t, "ok", one[string](t, db, "PRAGMA integrity_check"))
	rows := one[int64](t, db, "SELECT count(*) FROM pawl_transition_log")
	for _, taken := range []engine.Batch{reserve(run+1, seq+2), reserve(run+2, seq+1)} {
		taken.Changes[0].Version++
		var rejected *engine.Rejected
		require.ErrorAs(t, s.Commit(t.Context(), taken), &rejected)
		assert.Equal(t, int64(1), rejected.Flow)
	}
	assert.Equal(t, rows, one[int64](t, db, "SELECT count(*) FROM pawl_transition_log"))
}

// scheduler D7: a connection that met an I/O error is given up, and the next commit begins
// on a new one.
func TestWriterBeginsAnewAfterAnIOError(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	require.ErrorContains(t, s.writer.afterFailure(errors.New("disk I/O error")), "disk I/O error")
	require.Nil(t, s.writer.conn)
	seed(t, s, []string{"a"}, 2)
	runs, err := s.Runs(t.Context(), RunsQuery{})
	require.NoError(t, err)
	assert.Len(t, runs, 2)
	before := s.writer.conn
	require.Error(t, s.writer.afterFailure(&engine.Rejected{Err: errors.New("no")}))
	assert.Same(t, before, s.writer.conn, "a rejection is no fault of it")
}

// speed P6: old runs are found from the mark above them, each and every one.
func TestOldRunsAreFoundByMarks(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	const n = 200
	seed(t, s, []string{"a", "b"}, n)
	for before := int64(1); before <= n+70; before++ {
		runs, err := s.Runs(t.Context(), RunsQuery{Flow: "b", Before: before, Limit: 2})
		require.NoError(t, err)
		var want, got []int64
		for number := min(before-1, n); number > 0 && len(want) < 2; number-- {
			want = append(want, number)
		}
		for _, run := range runs {
			got = append(got, run.Number)
		}
		require.Equal(t, want, got, "before %d", before)
	}
	var plan []string
	rows, err := s.Reader.db.NamedQueryContext(t.Context(), "EXPLAIN QUERY PLAN "+walkFlow,
		map[string]any{"flow": "b", "before": 7, "status": -1, "limit": 2, "from": 1, "room": 0})
	require.NoError(t, err)
	for rows.Next() {
		step, err := rows.SliceScan()
		require.NoError(t, err)
		plan = append(plan, fmt.Sprint(step[3]))
	}
	require.NoError(t, errors.Join(rows.Err(), rows.Close()))
	assert.Contains(t, strings.Join(plan, "\n"), "pawl_run_mark (flow=? AND number>?)")
	assert.NotContains(t, strings.Join(plan, "\n"), "SCAN r", "nothing reads the whole log")
}

// The log is moved into the file when it is long, and not before: SQLite itself
// does not, so nobody waits for it within a COMMIT.
func TestCheckpointKeepsTheLogShort(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	seed(t, s, []string{"a"}, 50)
	waiting := func() int {
		pages, moved, err := pair(s.writer.measureLog)
		require.NoError(t, err)
		return pages - moved
	}
	before := waiting()
	require.Positive(t, before)
	require.NoError(t, s.Checkpoint(false))
	assert.Equal(t, before, waiting(), "it is short")
	for start := int64(1); waiting() < checkpointAt; start++ {
		require.NoError(t, s.Commit(t.Context(), engine.Batch{Owner: &engine.Owner{Generation: start, StartedAt: epoch}}))
	}
	require.NoError(t, s.Checkpoint(true))
	assert.NotZero(t, waiting(), "somebody waits")
	require.NoError(t, s.Checkpoint(false))
	assert.Zero(t, waiting())
}

// scheduler D6: the words and times that people see are those of Go, to the millisecond.
func TestViewsSpeakPlainly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	seed(t, s, []string{"a"}, 3)
	db := plainDB(t, path)
	row := func(query string) (got []string) {
		t.Helper()
		rows, err := db.QueryContext(t.Context(), query)
		require.NoError(t, err)
		defer rows.Close()
		columns, err := rows.Columns()
		require.NoError(t, err)
		require.True(t, rows.Next())
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		for i, v := range values {
			text := "NULL"
			if v.Valid {
				text = v.String
			}
			got = append(got, columns[i]+"="+text)
		}
		return got
	}
	assert.Equal(t, []string{"flow=a", "status=failed", "schedule=manual", "next_run=NULL",
		"last_run=2026-11-22T09:02:00.000Z", "streak=0", "runs=3", "waiting=0", "parked=0", "blocked=0", "keeps=all", "error=boom"}, row("SELECT * FROM pawl_status"))
	assert.Equal(t, []string{"flow=a", "run=3", "trigger=manual", "status=failed", "started_at=2026-11-22T09:02:00.000Z",
		"seconds=1.234", "attempt=1", "error=boom\nand more", "output=NULL", "failure=1", "restarts=0", "exit_code=NULL"}, row("SELECT * FROM pawl_history"))
	assert.Equal(t, []string{"seq=2", "at=2026-11-22T09:00:00.000Z", "flow_id=a", "run_number=1", "event=reserve",
		"from_status=idle", "to_status=running", "run_count=1", "in_flight=1", "failure_streak=0",
		"last_run=2026-11-22T09:00:00.000Z", "next_eligible=NULL", "next_run=NULL", "version=2", "note=NULL", "waiting=0", "paused_until=NULL"},
		row("SELECT * FROM pawl_transitions WHERE seq = 2"))
	assert.Equal(t, []string{"flow_id=a", "number=1", "trigger=manual", "status=completed", "attempt=1",
		"scheduled_at=2026-11-22T09:00:00.000Z", "started_at=2026-11-22T09:00:00.000Z",
		"finished_at=2026-11-22T09:00:01.234Z", "error=NULL",
		"due_at=NULL", "deadline=NULL", "input=NULL", "output=NULL", "over=1", "failure=0", "restarts=0", "repeated=0", "suspect=0", "exit_code=NULL"}, row("SELECT * FROM pawl_runs WHERE number = 1"))

	for ms := int64(0); ms < 4102444800000; ms += 1234567891 {
		var text string
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ? / 1000.0, 'unixepoch')", ms).Scan(&text))
		require.Equal(t, time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"), text)
	}
}

// The words in the file are those of the code.
func TestWordsInTheFileAreThoseOfTheCode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	openStore(t, path, Options{})
	db := plainDB(t, path)
	check := func(kind string, words []string) {
		for code, word := range words {
			assert.Equal(t, word, one[string](t, db, "SELECT word FROM pawl_words WHERE kind = '"+kind+"' AND code = "+strconv.Itoa(code)))
		}
		assert.Equal(t, int64(len(words)), one[int64](t, db, "SELECT count(*) FROM pawl_words WHERE kind = '"+kind+"'"))
	}
	check("status", texts(codes.Statuses))
	check("run", texts(codes.RunStatuses))
	check("verdict", texts(codes.Verdicts))
	for code, fact := range core.RunStatuses { // found B10
		where := " FROM pawl_words WHERE kind = 'run' AND code = " + strconv.Itoa(code)
		assert.Equal(t, fact.Over, one[bool](t, db, "SELECT over"+where), fact.Word)
		assert.Equal(t, fact.Failure, one[bool](t, db, "SELECT failure"+where), fact.Word)
		assert.Equal(t, fact.Over, fact.Word.Over())
		assert.Equal(t, fact.Failure, fact.Word.Failure())
	}
	check("trigger", codes.Triggers)
	check("event", codes.Events)
}

func texts[W ~string](words []W) (s []string) {
	for _, word := range words {
		s = append(s, string(word))
	}
	return s
}
