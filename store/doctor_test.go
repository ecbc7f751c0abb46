package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
)

// examined makes every check and returns them by their names.
func examined(t *testing.T, r *Reader, now func() time.Time) map[string]Check {
	t.Helper()
	checks, err := r.Examine(t.Context(), now)
	require.NoError(t, err)
	named := map[string]Check{}
	for _, c := range checks {
		named[c.Name] = c
	}
	return named
}

// A database at work is well: a transition that was committed while it was examined
// is not in its future.
func TestBusyDatabaseIsWell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	seed(t, s, []string{"a"}, 1)
	db := plainDB(t, path)
	clock := time.Now()
	commit := func() {
		clock = clock.Add(time.Minute)
		_, err := db.ExecContext(t.Context(), `UPDATE pawl_transition_log SET at = ?`, clock.UnixMilli())
		require.NoError(t, err)
	}
	commit()
	checks := examined(t, s.Reader, func() time.Time {
		now := clock
		commit() // by another, a minute later
		return now
	})
	assert.Empty(t, checks["clock"].Found)
	assert.Empty(t, checks["writable"].Found)
}

// How far ahead a transition may be, and how long a command may wait: a second, and
// ten, and no more.
func TestPatienceOfTheDoctorHasAnEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	seed(t, s, []string{"a"}, 1)
	newest, err := s.lastAt(t.Context())
	require.NoError(t, err)
	asked := newest.Add(time.Hour)
	_, err = s.Post(t.Context(), engine.Command{Verb: "reset", Flow: "a"}, asked)
	require.NoError(t, err)
	at := func(t0 time.Time) func() time.Time { return func() time.Time { return t0 } }

	assert.Empty(t, examined(t, s.Reader, at(newest.Add(-time.Second)))["clock"].Found)
	assert.NotEmpty(t, examined(t, s.Reader, at(newest.Add(-time.Second-time.Millisecond)))["clock"].Found)
	assert.Empty(t, examined(t, s.Reader, at(asked.Add(10*time.Second)))["inbox"].Found)
	assert.NotEmpty(t, examined(t, s.Reader, at(asked.Add(10*time.Second+time.Millisecond)))["inbox"].Found)
}

// A directory in which anybody may replace the database is found, and one whose files
// are their owners' is not.
func TestDirectoryThatAnybodyCanWriteIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	for mode, found := range map[os.FileMode]bool{0o700: false, 0o755: false, 0o777: true, 0o777 | os.ModeSticky: false} {
		require.NoError(t, os.Chmod(filepath.Dir(path), mode))
		c := examined(t, s.Reader, time.Now)["files"]
		assert.Equal(t, found, len(c.Found) == 1, "%v: %v", mode, c.Found)
		if found {
			assert.Contains(t, c.Found[0], "anybody can put another file in the place of the database")
			assert.Equal(t, "chmod o-w "+filepath.Dir(path), c.Help)
		}
	}
}

// What stands in the place of the lock stops every start.
func TestDoctorNamesWhatIsInThePlaceOfTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()
	assert.Empty(t, examined(t, r, time.Now)["owner"].Found)
	require.NoError(t, os.WriteFile(path+".lock", []byte("mine"), 0o600))
	c := examined(t, r, time.Now)["owner"]
	require.Len(t, c.Found, 1)
	assert.Contains(t, c.Found[0], path+".lock is in the way")
	require.NoError(t, os.Remove(path+".lock"))
	require.NoError(t, os.Symlink(path, path+".lock"))
	assert.Len(t, examined(t, r, time.Now)["owner"].Found, 1)
}

// A start verifies a small file, and a large one not.
func TestStartTellsWhatContradictsItself(t *testing.T) {
	path, _ := history(t) // of runs that no flow has
	s := openStore(t, path, Options{})
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, snap.Violations)
	found, err := s.Verify(t.Context())
	require.NoError(t, err)
	assert.Equal(t, found, snap.Violations)

	db := plainDB(t, path)
	execOn(t, db, `INSERT INTO pawl_commands (created_at, command, flow_id, handled_at) VALUES ('', 'reset', hex(zeroblob(2500000)), '')`)
	snap, err = s.Load(t.Context())
	require.NoError(t, err)
	assert.Empty(t, snap.Violations)

	s = openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	seed(t, s, []string{"a"}, 3)
	snap, err = s.Load(t.Context())
	require.NoError(t, err)
	assert.Empty(t, snap.Violations)
}
