package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A still is a file that this process may read but not write, as it was when a Reader
// opened it, with nobody writing to it. SQLite would need side files to read it beside
// others, which it cannot make, or could not delete again. So the Reader reads the file
// alone, and compares it with the still around each query.
type frozenFile struct {
	path string
	size int64
	at   time.Time // of its last change
}

// ErrChanged is a read-only database that somebody else began to change while a Reader had it
// open.
var ErrChanged = errors.New("another user began to change the read-only database")

// frozenAt is the still of a resolved path; nil: the file can be written, or is being
// written.
func frozenAt(path string) *frozenFile {
	if !hasNoLog(path) || writable(path) == nil {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil // whoever opens it gets the error
	}
	return &frozenFile{path: path, size: info.Size(), at: info.ModTime()}
}

// check returns an error if the file is not what it was.
func (s *frozenFile) check() error {
	if s == nil {
		return nil
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if !hasNoLog(s.path) || info.Size() != s.size || !info.ModTime().Equal(s.at) {
		return fmt.Errorf("%w %s: call this again", ErrChanged, s.path)
	}
	return nil
}

// writable returns an error if this process may not write a file that exists, or may not
// make files beside it, which SQLite has to do.
func writable(path string) error {
	for _, name := range []string{path, filepath.Dir(path)} {
		err := mayWrite(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explained{fmt.Errorf("database %s is read-only; make the file and its directory writable: %w: %s", path, fs.ErrPermission, name)}
		}
	}
	return nil
}
