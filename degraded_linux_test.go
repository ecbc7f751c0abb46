package pawl_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Matrix, "disk full": on a small file system that fills up, where one may be
// mounted, or else at a limit of the file's size.
func TestFullDiskStopsDispatchUntilThereIsSpace(t *testing.T) {
	folder, mounted := smallDisk(t, "8m")
	if !mounted {
		inChild(t, "TestFileSizeLimitStopsDispatchUntilItIsRaised")
		return
	}
	synctest.Test(t, func(t *testing.T) {
		db, ballast := filepath.Join(folder, "jobs.db"), filepath.Join(folder, "ballast")
		w := admit(t, db)
		fill(t, ballast)
		w.suffer("the disk is full; free some space")
		require.Contains(t, w.told(), "the disk is full")
		require.NoError(t, os.Remove(ballast))
		w.heal()
	})
}

// smallDisk mounts a file system of some size; false: that is not allowed here.
func smallDisk(t *testing.T, size string) (folder string, mounted bool) {
	folder = t.TempDir()
	err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size="+size)
	if errors.Is(err, unix.EPERM) {
		t.Log("no tmpfs may be mounted here; a limit of the file's size instead")
		return "", false
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Unmount(folder, unix.MNT_DETACH)) }) // also of a scheduler that a failed test left running
	return folder, true
}

// fill writes a file until the disk takes no more.
func fill(t *testing.T, path string) {
	f, err := os.Create(path)
	require.NoError(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, f.Close())
}

const limitedEnv = "PAWL_LIMITED_CHILD"

// Matrix, "RLIMIT_FSIZE": the limit is one of the whole process, so it is set in a
// child.
func TestFileSizeLimitStopsDispatchUntilItIsRaised(t *testing.T) {
	if os.Getenv(limitedEnv) == "" {
		inChild(t, t.Name())
		return
	}
	bubble(t, func(t *testing.T, db string) {
		w := admit(t, db)
		log, err := os.Stat(db + "-wal")
		require.NoError(t, err)
		var free unix.Rlimit
		require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &free))
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(log.Size()) + 100, Max: free.Max}))
		w.suffer("limits of the process (ulimit -f)")
		require.Contains(t, w.told(), "ulimit -f")
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &free))
		w.heal()
	})
}

// inChild runs a test in a process of its own.
func inChild(t *testing.T, name string) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(os.Environ(), limitedEnv+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: "+name)
}
