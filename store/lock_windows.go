package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const noFollow = 0 // symbolic links take privileges here

const (
	shared    = 0
	exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK
)

// lockOffset is far behind the content, since Windows keeps others from reading
// what is locked.
const lockOffset = 1 << 30

// tryLock locks the open file until it is closed, or says that it is taken.
func tryLock(file *os.File, mode uint32) (bool, error) {
	at := &windows.Overlapped{Offset: lockOffset}
	err := windows.LockFileEx(windows.Handle(file.Fd()), mode|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

func unlock(file *os.File) error {
	return windows.UnlockFileEx(windows.Handle(file.Fd()), 0, 1, 0, &windows.Overlapped{Offset: lockOffset})
}
