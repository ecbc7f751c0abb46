//go:build unix

package store

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// mayWrite returns an error if this process may not write a file or folder. It does not open
// the file: closing it again would drop the locks that this process may hold on it.
func mayWrite(path string) error {
	err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.EROFS) {
		return fs.ErrPermission
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // it cannot be told
}
