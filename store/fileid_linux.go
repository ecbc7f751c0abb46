package store

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileID tells files apart.
type fileID struct{ device, inode uint64 }

func (i fileID) same(j fileID) bool { return i == j }

// fileAt asks which file is at a path, and nothing else. A stat asks for its times too, and
// since Linux 6.13 the first write after that gives the file a time of its own, where it
// else has the one of the last clock tick: each fsync of the log then writes its inode
// besides, and takes half as long again
// (https://docs.kernel.org/filesystems/multigrain-ts.html).
func fileAt(path string) (fileID, error) {
	var s unix.Statx_t
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO, &s)
	}
	switch {
	case err == nil:
		return fileID{unix.Mkdev(s.Dev_major, s.Dev_minor), s.Ino}, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // an old kernel, or a sandbox
		return statted(path)
	}
	return fileID{}, &os.PathError{Op: "statx", Path: path, Err: err}
}

func statted(path string) (fileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileID{}, err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, &os.PathError{Op: "stat", Path: path, Err: errors.ErrUnsupported}
	}
	return fileID{s.Dev, s.Ino}, nil
}
