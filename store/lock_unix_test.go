//go:build unix

package store

import (
	"testing"
	"time"

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
