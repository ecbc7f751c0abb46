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

// killedOwner makes a database as a kill of its owner leaves it, with a log that is not in
// the file.
func killedOwner(t *testing.T) (path string) {
	t.Helper()
	original, _ := history(t)
	s := openStore(t, original, Options{})
	_, err := s.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context(), engine.Batch{Owner: &engine.Owner{Host: "here", PID: 1, Generation: 2, StartedAt: epoch}}))
	path = filepath.Join(t.TempDir(), "jobs.db")
	for _, side := range []string{"", "-wal", ".lock"} {
		copyFile(t, original+side, path+side)
	}
	return path
}

func contentOf(t *testing.T, path string) (content [2]string) {
	t.Helper()
	for i, side := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + side)
		require.NoError(t, err)
		content[i] = string(text)
	}
	return content
}

// readEverything calls what the verbs that read call; what they say is their business.
func readEverything(t *testing.T, path string) {
	t.Helper()
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		return
	}
	_, _ = r.Flows(t.Context())
	_, _ = r.Runs(t.Context(), RunsQuery{})
	_, _ = r.Verify(t.Context())
	_, _ = r.Examine(t.Context(), time.Now)
	_, _ = r.At(t.Context(), time.Now())
	_, _ = r.SuspectedCopy(t.Context())
	_, _ = r.Backup(t.Context(), filepath.Join(t.TempDir(), "copy.db"), time.Now())
	_ = r.Until(t.Context(), func() (bool, error) { return true, nil })
	require.NoError(t, r.Close())
}

// Matrix, corrupt pages and truncated file: a reader is the last to close a database
// whose owner was killed, and moves nothing of the log into what may be damaged.
func TestReadersLeaveWhatAKilledOwnerLeft(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"nothing": func(*testing.T, string) {},
		"cut off": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 40_000)) },
		"a page": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = f.WriteAt(make([]byte, 4096), 8192)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		},
		"the header": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = f.WriteAt(make([]byte, 100), 0)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		},
		"emptied":        func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"one byte of it": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := killedOwner(t)
			damage(t, path)
			before := contentOf(t, path)
			readEverything(t, path)
			assert.True(t, before == contentOf(t, path))
		})
	}
}

// A reader of a database that was closed in order leaves nothing beside it, also when
// its owner ended meanwhile.
func TestReadersLeaveNothingBesideAFile(t *testing.T) {
	path, _ := history(t)
	files := func() (names []string) {
		entries, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	before := files()
	readEverything(t, path)
	assert.Equal(t, before, files())

	s := openStore(t, path, Options{})
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	owner := engine.Owner{Host: "here", PID: 1, Generation: snap.Generation + 1, StartedAt: epoch}
	require.NoError(t, s.Commit(t.Context(), engine.Batch{Owner: &owner}))
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	owner.StoppedAt = epoch
	require.NoError(t, s.Commit(t.Context(), engine.Batch{Owner: &owner}))
	require.NoError(t, s.Close())
	require.NoError(t, r.Close())
	assert.Equal(t, before, files())
}

// An empty file that was a database once is not made anew, and its log, which may
// hold all there is, stays.
func TestEmptiedDatabaseIsRefusedUntouched(t *testing.T) {
	for _, size := range []int64{0, 1} {
		path := killedOwner(t)
		require.NoError(t, os.Truncate(path, size))
		before := contentOf(t, path)
		_, err := Open(t.Context(), path, Options{})
		require.ErrorIs(t, err, ErrDamaged)
		assert.ErrorContains(t, err, path+" is empty, but it has a log, "+path+"-wal. It was not touched. Restore a backup")
		_, err = OpenReader(t.Context(), path)
		require.ErrorIs(t, err, ErrDamaged)
		assert.True(t, before == contentOf(t, path))

		require.NoError(t, os.Remove(path+"-wal"))
		_, err = Open(t.Context(), path, Options{})
		require.ErrorIs(t, err, ErrDamaged)
		assert.ErrorContains(t, err, "is empty, but the lock file beside it tells of 2 starts")
		_, err = OpenReader(t.Context(), path)
		require.ErrorIs(t, err, ErrDamaged)

		require.NoError(t, os.Remove(path+".lock")) // as it says
		if size == 0 {
			openStore(t, path, Options{})
		}
	}
}
