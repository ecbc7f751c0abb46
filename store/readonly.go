package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// frozenFile is a file that this process may read but not write, as it was when a Reader
// opened it while nobody wrote to it. To read beside a writer, SQLite needs side files, which
// it could not create here. So the Reader reads the file alone, and checks before and after
// each query that the file did not change.
type frozenFile struct {
	path string
	size int64
	at   time.Time // of its last change
}

// ErrChanged says that somebody else began to change a read-only database while a Reader had
// it open.
var ErrChanged = errors.New("another user began to change the read-only database")

// frozenAt returns the file at a resolved path; nil: this process can write it, or another
// one is writing it.
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

// check returns an error if the file has changed.
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
