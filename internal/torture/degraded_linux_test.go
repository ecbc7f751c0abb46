package torture_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
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

// Matrix, "read-only file or directory": the file system turns read-only under a
// scheduler at work, as ext4 does when its disk fails. Nothing is written any more, to no
// file; a start is refused; when it is mounted anew all goes on from the last commit, and
// what had ended meanwhile was interrupted. Where no image may be mounted, a disk that
// takes nothing from SQLite stands for it.
func TestFileSystemThatTurnsReadOnlyStopsDispatch(t *testing.T) {
	disk := imageDisk(t)
	if disk == nil {
		inChild(t, "TestFileSizeLimitStopsDispatchUntilItIsRaised")
		return
	}
	synctest.Test(t, func(t *testing.T) {
		w := admit(t, filepath.Join(disk.folder, "jobs.db"))
		before := harness.Status(t, w.runner, "tick")
		disk.turnReadOnly(t)
		w.suffer(w.db)
		require.ErrorContains(t, w.runner.Degraded(), w.db+" is read-only; make the file and its directory writable")
		require.ErrorContains(t, w.runner.Stop(context.Background()), "nor could it be left beside the database that this was a stop")
		_, err := w.scheduler().Start(t.Context())
		require.ErrorIs(t, err, unix.EROFS)
		require.ErrorContains(t, err, "its directory and lock file must be writable")
		c := harness.OpenClient(t, w.db)
		left, _, err := c.Status(t.Context(), "tick")
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.Equal(t, before, left)

		disk.mountAnew(t)
		w.runner = harness.Start(t, w.scheduler())
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Greater(t, harness.Status(t, w.runner, "tick").RunCount, before.RunCount+50, "it goes on")
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, w.runner, "long").Status, "there was no place for its outcome")
		harness.Stop(t, w.runner, w.db)
	})
}

// image is a file system in a file.
type image struct{ file, folder string }

// imageDisk mounts an image of ext4; nil: that is not possible here.
func imageDisk(t *testing.T) *image {
	i := &image{filepath.Join(t.TempDir(), "image"), t.TempDir()}
	require.NoError(t, os.WriteFile(i.file, nil, 0o600))
	require.NoError(t, os.Truncate(i.file, 16<<20))
	if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", i.file).CombinedOutput(); err != nil {
		t.Logf("no image can be made here; a limit of the file's size instead: %v %s", err, out)
		return nil
	}
	if out, err := i.mount(t); err != nil {
		t.Logf("no image may be mounted here; a limit of the file's size instead: %v %s", err, out)
		return nil
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(i.folder, unix.MNT_DETACH)) })
	return i
}

func (i *image) mount(t *testing.T) ([]byte, error) {
	return exec.CommandContext(t.Context(), "mount", "-o", "loop", i.file, i.folder).CombinedOutput()
}

// turnReadOnly makes ext4 believe that its disk failed.
func (i *image) turnReadOnly(t *testing.T) {
	require.NoError(t, unix.Mount("", i.folder, "", unix.MS_REMOUNT, "abort"))
}

func (i *image) mountAnew(t *testing.T) {
	require.NoError(t, unix.Unmount(i.folder, 0), "nobody has a file open")
	out, err := i.mount(t)
	require.NoError(t, err, string(out))
}

const limitedEnv = "PAWL_LIMITED_CHILD"

// Matrix, "RLIMIT_FSIZE": the limit is one of the whole process, so it is set in a
// child.
func TestFileSizeLimitStopsDispatchUntilItIsRaised(t *testing.T) {
	if os.Getenv(limitedEnv) == "" {
		inChild(t, t.Name())
		return
	}
	harness.Bubble(t, func(t *testing.T, db string) {
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
