//go:build unix

package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A child of the process between fork and exec has the lock's file open, too. It
// does not keep a database that was closed from its next owner.
func TestLockEndsWithItsOwnerThoughAChildHasTheFile(t *testing.T) {
	path := t.TempDir() + "/jobs.db"
	s, err := Open(t.Context(), path, Options{Owner: Self(time.Now())})
	require.NoError(t, err)
	childs, err := unix.Dup(int(s.lock.file.Fd()))
	require.NoError(t, err)
	defer unix.Close(childs)
	require.NoError(t, s.Close())

	s, err = Open(t.Context(), path, Options{Owner: Self(time.Now())})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// A symbolic link in the place of the lock is not followed: what it leads to would be
// signed, or made.
func TestLinkInThePlaceOfTheLockIsNotFollowed(t *testing.T) {
	folder := t.TempDir()
	empty, nowhere := filepath.Join(folder, "empty"), filepath.Join(folder, "nowhere")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, target := range []string{empty, nowhere} {
		path := target + ".db"
		require.NoError(t, os.Symlink(target, path+".lock"))
		_, err := Open(t.Context(), path, Options{Owner: Self(time.Now())})
		require.ErrorIs(t, err, unix.ELOOP)
		assert.NoFileExists(t, path)
	}
	text, err := os.ReadFile(empty)
	require.NoError(t, err)
	assert.Empty(t, text)
	assert.NoFileExists(t, nowhere)
}
