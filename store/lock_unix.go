//go:build unix

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// noFollow keeps a symbolic link from making a lock of another file.
const noFollow = unix.O_NOFOLLOW

const (
	shared    = unix.LOCK_SH
	exclusive = unix.LOCK_EX
)

// tryLock locks the open file until it is closed, or says that it is taken.
func tryLock(file *os.File, mode int) (bool, error) {
	for {
		err := unix.Flock(int(file.Fd()), mode|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		default:
			return err == nil, err
		}
	}
}

func unlock(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_UN) }
