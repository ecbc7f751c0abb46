package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
)

// found A4: what another user puts beside the database, in a folder where everybody can
// make files, is neither followed nor taken for SQLite's own.
func TestFilesOfOthersBesideTheDatabaseAreRefused(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "tmp")
	require.NoError(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(folder, "jobs.db")
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	opened := func() error {
		s, err := Open(t.Context(), path, Options{Owner: engine.Owner{PID: 1}})
		if err == nil {
			require.NoError(t, s.Close())
		}
		return err
	}
	for _, side := range []string{"-wal", "-shm", "-journal", ".lock"} {
		require.NoError(t, os.Symlink(victim, path+side))
		assert.Error(t, opened(), side)
		require.NoError(t, os.Remove(path+side))
	}
	require.NoError(t, opened())
	read := func() error {
		r, err := OpenReader(t.Context(), path)
		if err == nil {
			require.NoError(t, r.Close())
		}
		return err
	}
	for _, side := range []string{"-wal", "-shm", "-journal"} {
		require.NoError(t, os.Symlink(victim, path+side))
		assert.ErrorContains(t, read(), path+side+" is in the way", "a reader opens them too")
		require.NoError(t, os.Remove(path+side))
	}
	text, err := os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(text))

	if os.Geteuid() != 0 { // only root can make files of others
		return
	}
	require.NoError(t, opened())
	require.NoError(t, os.WriteFile(path+"-shm", nil, 0o600))
	require.NoError(t, os.Chown(path+"-shm", 4711, 4711))
	require.NoError(t, opened(), "the folder is ours alone")
	require.NoError(t, os.WriteFile(path+"-shm", nil, 0o600))
	require.NoError(t, os.Chown(path+"-shm", 4711, 4711))
	require.NoError(t, os.Chmod(folder, 0o777|os.ModeSticky))
	err = opened()
	require.ErrorIs(t, err, os.ErrPermission)
	assert.ErrorContains(t, err, "belongs to user 4711")
	require.ErrorIs(t, read(), os.ErrPermission)
	require.NoError(t, os.Chown(path, 4711, 4711))
	assert.NoError(t, opened(), "the owner of the database")
}

// found A4: in a folder where everybody can make files, a hard link beside the database may be
// any file of ours. In a folder of our own, a tool for backups may have made it.
func TestHardLinksBesideTheDatabaseAreRefusedInPublicFolders(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "tmp")
	require.NoError(t, os.Mkdir(folder, 0o700))
	path, victim := filepath.Join(folder, "jobs.db"), filepath.Join(folder, "victim")
	opened := func() error {
		s, err := Open(t.Context(), path, Options{Owner: engine.Owner{PID: 1}})
		if err == nil {
			err = s.Close()
		}
		return err
	}
	read := func() error {
		r, err := OpenReader(t.Context(), path)
		if err == nil {
			err = r.Close()
		}
		return err
	}
	require.NoError(t, opened())
	for _, side := range []string{"-wal", "-shm", "-journal"} {
		require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
		require.NoError(t, os.Link(victim, path+side))
		require.NoError(t, os.Chmod(folder, 0o777|os.ModeSticky))
		for _, err := range []error{opened(), read()} {
			require.ErrorIs(t, err, os.ErrPermission, side)
			assert.ErrorContains(t, err, side+" is another file too (it has 2 hard links)")
		}
		text, err := os.ReadFile(victim)
		require.NoError(t, err)
		assert.Equal(t, "precious", string(text))
		require.NoError(t, os.Chmod(folder, 0o700))
		assert.NoError(t, checkLinksAndOwner(path), "the folder is ours alone")
		require.NoError(t, os.Remove(path+side))
		require.NoError(t, os.Remove(victim))
	}
}
