package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
)

// startOnce is a start of an owner and its end, and tells what he found.
func startOnce(t *testing.T, path string, passive bool) (doubt string) {
	t.Helper()
	s := openStore(t, path, Options{Owner: Self(time.Now())})
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	owner := engine.Owner{Host: "here", PID: 1, Generation: snap.Generation + 1, StartedAt: time.Now()}
	if passive {
		owner.Passive = snap.Doubt
	}
	require.NoError(t, s.Commit(t.Context(), engine.Batch{Owner: &owner}))
	require.NoError(t, s.Close())
	return snap.Doubt
}

func doubt(t *testing.T, path string) string {
	t.Helper()
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()
	found, err := r.SuspectedCopy(t.Context())
	require.NoError(t, err)
	return found
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}

// Matrix, a copied or restored database: the generation in the lock file, which
// outlives its holder, gives it away.
func TestCopiedAndRestoredFilesAreKnownByTheirGeneration(t *testing.T) {
	const (
		copied   = "copied: it was started 3 times, but the lock file beside it tells of "
		restored = "restored: it was started 1 times, but the lock file beside it tells of 3"
	)
	for _, test := range []struct {
		name   string
		change func(t *testing.T, path, backup string)
		want   string
	}{
		{"nothing happened", func(*testing.T, string, string) {}, ""},
		{"the lock file is gone", func(t *testing.T, path, _ string) {
			require.NoError(t, os.Remove(path+".lock"))
		}, copied + "none"},
		{"the lock file is empty", func(t *testing.T, path, _ string) {
			require.NoError(t, os.Truncate(path+".lock", 0))
		}, copied + "none"},
		{"the lock file has no generation", func(t *testing.T, path, _ string) {
			require.NoError(t, os.WriteFile(path+".lock", []byte(`{"pid":1,"host":"h","since":"2026-11-22T09:00:00Z"}`), 0o600))
		}, copied + "none"},
		{"an older state is put back", func(t *testing.T, path, backup string) { copyFile(t, backup, path) }, restored},
		{"a newer one is brought here", func(t *testing.T, path, backup string) {
			older := filepath.Join(t.TempDir(), "older.db")
			startOnce(t, older, false) // for its lock file
			lock, err := os.ReadFile(older + ".lock")
			require.NoError(t, err)
			id := func(path string) string {
				r, err := OpenReader(t.Context(), path)
				require.NoError(t, err)
				defer r.Close()
				id, err := r.Database(t.Context())
				require.NoError(t, err)
				return id
			}
			lock = bytes.Replace(lock, []byte(id(older)), []byte(id(path)), 1) // of the same database, long ago
			require.NoError(t, os.WriteFile(path+".lock", lock, 0o600))
		}, copied + "1"},
		{"one is one behind after a kill", func(t *testing.T, path, _ string) {
			content, err := os.ReadFile(path + ".lock")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path+".lock", bytes.Replace(content, []byte(`"generation":3`), []byte(`"generation":2`), 1), 0o600))
		}, ""},
		{"a new file is made", func(t *testing.T, path, _ string) {
			require.NoError(t, os.Remove(path))
		}, "replaced: it is new, but the lock file beside it tells of 3 starts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "jobs.db")
			backup := path + ".backup"
			assert.Empty(t, startOnce(t, path, false), "the first start")
			copyFile(t, path, backup)
			assert.Empty(t, startOnce(t, path, false))
			assert.Empty(t, startOnce(t, path, false))
			assert.Empty(t, doubt(t, path))
			test.change(t, path, backup)
			assert.Equal(t, test.want, startOnce(t, path, false))
			assert.Empty(t, startOnce(t, path, false), "the start after that is on its own file")
		})
	}
}

// A copy of another database's file, in its place.
func TestFileOfAnotherDatabaseIsKnown(t *testing.T) {
	folder := t.TempDir()
	one, other := filepath.Join(folder, "one.db"), filepath.Join(folder, "other.db")
	startOnce(t, one, false)
	startOnce(t, other, false)
	copyFile(t, other, one)
	assert.Contains(t, startOnce(t, one, false), "replaced: the lock file beside it is that of another database")
}

// What a passive start found lasts until it is claimed, whatever starts meanwhile.
func TestDoubtLastsOverRestartsUntilItIsClaimed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	require.NoError(t, os.Remove(path+".lock"))
	found := doubt(t, path)
	require.NotEmpty(t, found)
	for range 3 {
		assert.Equal(t, found, startOnce(t, path, true))
		assert.Equal(t, found, doubt(t, path))
	}
	assert.Equal(t, found, startOnce(t, path, false), "which is claimed")
	assert.Empty(t, startOnce(t, path, true))
}

// A copy within one generation, after an orderly stop.
func TestOlderStateOfTheSameGenerationIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	copyFile(t, path, path+".copy")
	s := openStore(t, path, Options{Owner: Self(time.Now())})
	_, err := s.Load(t.Context())
	require.NoError(t, err)
	db := plainDB(t, path)
	execOn(t, db, "INSERT INTO pawl_transition_log (seq, at, flow, event, from_status, to_status, run_count, in_flight, failure_streak, version) VALUES (1, 1, 1, 0, 0, 0, 0, 0, 0, 1)")
	require.NoError(t, db.Close())
	now := time.Now()
	require.NoError(t, s.Commit(t.Context(), engine.Batch{Owner: &engine.Owner{Generation: 1, StartedAt: now, StoppedAt: now}}))
	require.NoError(t, s.Close())
	copyFile(t, path+".copy", path)
	assert.Equal(t, "restored: its newest transition is 0, but the lock file beside it tells of 1", startOnce(t, path, false))
}

// A copy of the start before, after which nothing was done.
func TestStateOfTheStartBeforeIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	copyFile(t, path, path+".copy")
	startOnce(t, path, false)
	copyFile(t, path+".copy", path)
	assert.Equal(t, "restored: it was started 1 times, but the lock file beside it tells of 2", startOnce(t, path, false))
}

// A kill between the commit of a generation and its mark in the lock file, and
// again at the next start, raises no doubt.
func TestKillBeforeTheMarkRaisesNoDoubt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	for range 3 { // the first of which makes the file
		s := openStore(t, path, Options{Owner: Self(time.Now())})
		snap, err := s.Load(context.Background())
		require.NoError(t, err)
		assert.Empty(t, snap.Doubt)
		owner := engine.Owner{Host: "here", PID: 1, Generation: snap.Generation + 1, StartedAt: time.Now()}
		require.NoError(t, s.writer.write(engine.Batch{Owner: &owner})) // without what follows it in Commit
		require.NoError(t, s.Close())
	}
}
