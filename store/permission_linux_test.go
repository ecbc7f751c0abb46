package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/pawl-go/pawl/engine"
)

// asNobody runs a function without root's rights to files.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread() // the right is that of a thread
	defer runtime.UnlockOSThread()
	require.NoError(t, unix.Setfsgid(65534))
	require.NoError(t, unix.Setfsuid(65534))
	f()
	require.NoError(t, unix.Setfsuid(0))
	require.NoError(t, unix.Setfsgid(0))
}

// The list of bad paths: a directory that cannot be written.
func TestUnwritableDirectoryIsRefused(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(folder), 0o755))
	require.NoError(t, os.Chmod(folder, 0o555))
	asNobody(t, func() {
		_, err := Open(t.Context(), filepath.Join(folder, "jobs.db"), Options{})
		require.ErrorIs(t, err, fs.ErrPermission)
		assert.ErrorContains(t, err, "must be writable")
	})
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// A file that is somebody else's.
func TestUnreadableFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "jobs.db")
	require.NoError(t, openStore(t, path, Options{}).Close())
	require.NoError(t, os.Chmod(filepath.Dir(folder), 0o755))
	require.NoError(t, os.Chmod(folder, 0o777))
	require.NoError(t, os.Chmod(path, 0o000))
	asNobody(t, func() {
		_, err := Open(t.Context(), path, Options{})
		require.Error(t, err)
		assert.ErrorContains(t, err, "permissions")
		_, err = OpenReader(t.Context(), path)
		require.Error(t, err)
		assert.ErrorContains(t, err, "permissions")
	})
}

// A copy whose name cannot be made durable, as its directory cannot be read, is not
// reported as one.
func TestBackupIsNotDoneBeforeItsNameIsDurable(t *testing.T) {
	path, folder := filepath.Join(t.TempDir(), "jobs.db"), t.TempDir()
	startOnce(t, path, false)
	for _, name := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path)), filepath.Dir(folder)} {
		require.NoError(t, os.Chmod(name, 0o777))
	}
	require.NoError(t, os.Chmod(path, 0o666))
	require.NoError(t, os.Chmod(folder, 0o333))
	asNobody(t, func() {
		r, err := OpenReader(t.Context(), path)
		require.NoError(t, err)
		defer r.Close()
		_, err = r.Backup(t.Context(), filepath.Join(folder, "copy.db"), epoch)
		require.ErrorIs(t, err, fs.ErrPermission)
	})
}

// found Q8: a file that this process may only read is read as it is, without side files,
// and what somebody else changes meanwhile is not missed.
func TestReadOnlyFileIsReadWithoutATrace(t *testing.T) {
	for name, modes := range map[string][2]os.FileMode{"the file": {0o444, 0o777}, "the folder": {0o666, 0o555}, "both": {0o444, 0o555}} {
		t.Run(name, func(t *testing.T) {
			folder, elsewhere := t.TempDir(), t.TempDir()
			path := filepath.Join(folder, "jobs.db")
			startOnce(t, path, false)
			require.NoError(t, os.Chmod(filepath.Dir(folder), 0o755))
			require.NoError(t, os.Chmod(elsewhere, 0o777))
			require.NoError(t, os.Chmod(path, modes[0]))
			require.NoError(t, os.Chmod(folder, modes[1]))
			t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
			before, err := os.ReadDir(folder)
			require.NoError(t, err)
			asNobody(t, func() {
				r, err := OpenReader(t.Context(), path)
				require.NoError(t, err)
				defer r.Close()
				_, err = r.Flows(t.Context())
				require.NoError(t, err)
				_, err = r.Backup(t.Context(), filepath.Join(elsewhere, "copy.db"), epoch)
				require.NoError(t, err)
				_, err = r.Post(t.Context(), engine.Command{Verb: "claim"}, epoch)
				require.ErrorIs(t, err, fs.ErrPermission)
				_, err = Open(t.Context(), path, Options{})
				require.ErrorIs(t, err, fs.ErrPermission)
				assert.ErrorContains(t, err, "is read-only; make the file and its directory writable")
				after, err := os.ReadDir(folder)
				require.NoError(t, err)
				assert.Len(t, after, len(before))
			})
		})
	}
}

// found Q8: a read-only file that somebody else begins to change.
func TestReadOnlyFileThatChangesIsNotReadOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	s := &frozenFile{path: path}
	info, err := os.Stat(path)
	require.NoError(t, err)
	s.size, s.at = info.Size(), info.ModTime()
	r, err := newReader(path, s)
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Runs(t.Context(), RunsQuery{})
	require.NoError(t, err)
	owner := openStore(t, path, Options{})
	_, err = r.Runs(t.Context(), RunsQuery{})
	require.ErrorIs(t, err, ErrChanged)
	_, err = r.Flows(t.Context())
	require.ErrorIs(t, err, ErrChanged)
	require.ErrorIs(t, r.Until(t.Context(), func() (bool, error) { return false, nil }), ErrChanged)
	require.NoError(t, owner.Close())
}
