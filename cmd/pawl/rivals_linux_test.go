package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/pawl-go/pawl"
)

// A daemon of a copy is known by the lock that it holds on another file; a client
// that asks who the owner is, of ours or of a copy, is none.
func TestRivalIsWhoHoldsTheLockOfAnotherFile(t *testing.T) {
	t.Parallel()
	o := newOrphanage(t)
	o.database = filepath.Join(t.TempDir(), "pawl.db")
	runOnce(t, o, "a")
	require.NoError(t, o.Setup(t.Context()))
	own := holdLock(t, o.database+".lock") // as a daemon of ours does
	assert.Empty(t, rivals(o.id, o.database), "ours")
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(o.database, link))
	assert.Empty(t, rivals(o.id, link), "ours by another name")

	copied := copyOf(t, o.database)
	other := openFor(t, copied+".lock")
	assert.Empty(t, rivals(o.id, o.database), "who asks")
	require.NoError(t, unix.Flock(int(other.Fd()), unix.LOCK_EX))
	want := []rival{{os.Getpid(), copied + ".lock"}}
	assert.Equal(t, want, rivals(o.id, o.database))
	assert.Empty(t, rivals("another-database", o.database))
	require.NoError(t, os.Remove(copied+".lock"))
	want[0].lock += " (deleted)"
	assert.Equal(t, want, rivals(o.id, o.database), "though its file is gone")
	assert.NoError(t, own.Close())
}

// A copy of all files is in doubt while the original runs, but the original is not
// while the copy runs nothing either.
func TestRivalIsADoubtUnlessItIsPassive(t *testing.T) {
	t.Parallel()
	o := newOrphanage(t)
	o.database = filepath.Join(t.TempDir(), "pawl.db")
	runOnce(t, o, "a")
	require.NoError(t, o.Setup(t.Context()))
	original, copied := o.database, copyOf(t, o.database)
	assert.Empty(t, doubt(copied)(t.Context(), o.id))
	held := holdLock(t, original+".lock")
	assert.Regexp(t, `^copied: process \d+ drives another file with its id, /.*/pawl\.db$`, doubt(copied)(t.Context(), o.id))

	s := pawl.NewScheduler(copied, pawl.WithLogger(o.log), pawl.WithRestoreGuard(), pawl.WithDoubt(doubt(copied)))
	require.NoError(t, s.Manual("a", pawl.JobFunc(func(context.Context) error { return nil })))
	r, err := s.Start(t.Context())
	require.NoError(t, err)
	_, err = r.Trigger(t.Context(), "a")
	require.ErrorIs(t, err, pawl.ErrPassive)
	require.NoError(t, held.Close())
	assert.Empty(t, doubt(original)(t.Context(), o.id))
	require.NoError(t, r.Claim(t.Context()))
	assert.NotEmpty(t, doubt(original)(t.Context(), o.id))
	require.NoError(t, r.Stop(t.Context()))
}

// Without its lock file nothing stops a second daemon from running the flows twice
// but what the first one has open.
func TestDaemonWithoutItsLockFileIsFound(t *testing.T) {
	t.Parallel()
	o := newOrphanage(t)
	o.database = filepath.Join(t.TempDir(), "pawl.db")
	runOnce(t, o, "a")
	require.NoError(t, o.Setup(t.Context()))
	find := func() rival {
		r, _ := displaced(o.id, o.database)
		return r
	}
	lock := o.database + ".lock"
	held := holdLock(t, lock)
	content, err := os.ReadFile(lock)
	require.NoError(t, err)
	assert.Zero(t, find(), "it has it")
	require.NoError(t, os.Rename(lock, lock+".old"))
	assert.Zero(t, find(), "it drives another file, for all that is known")
	main := openFor(t, o.database)
	assert.Equal(t, rival{os.Getpid(), lock + ".old"}, find())
	assert.ErrorContains(t, find().refuse(), "pawl.db.lock.old back to its place")
	require.ErrorIs(t, o.Setup(t.Context()), pawl.ErrDatabaseOwned)
	_, found := displaced("another-database", o.database)
	assert.False(t, found, "a process may drive several")
	require.NoError(t, os.Rename(lock+".old", lock))
	assert.Zero(t, find(), "put back")
	require.NoError(t, main.Close())

	require.NoError(t, os.Remove(lock))
	gone := rival{os.Getpid(), lock + " (deleted)"}
	assert.Equal(t, gone, find())
	require.NoError(t, os.WriteFile(lock, content, 0o600))
	assert.Equal(t, gone, find(), "another lock is not its own")
	require.ErrorIs(t, find().refuse(), pawl.ErrDatabaseOwned)
	assert.ErrorContains(t, find().refuse(), "end that process (kill ")
	require.NoError(t, held.Close())
	assert.Zero(t, find(), "it has ended")
}

func openFor(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func holdLock(t *testing.T, path string) *os.File {
	t.Helper()
	f := openFor(t, path)
	require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	return f
}

// copyOf copies a database that nobody runs, with its lock file.
func copyOf(t *testing.T, database string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "pawl.db")
	for _, suffix := range []string{"", ".lock"} {
		content, err := os.ReadFile(database + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied+suffix, content, 0o600))
	}
	return copied
}
