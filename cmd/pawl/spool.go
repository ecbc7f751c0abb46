package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"github.com/pawl-go/pawl/cmd/pawl/internal/files"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// A spool is the output of a run as it comes: a file that is there while the run is
// under way, so that others can look on. What is kept of it is in the database. The nil
// spool takes in nothing.
type spool struct {
	file *os.File
	path string
	left int64 // bytes that still fit, of all attempts of the run
}

const (
	maxSpool = 16 << 20 // bytes of a run that others can look at
	spoolEnd = "\n[more is not shown while the run goes on]\n"
)

var spoolName = regexp.MustCompile(`^[0-9a-f]{64}-\d+$`)

// spoolFolder is where the spools of a database are. It is made for them alone.
func spoolFolder(database string) string {
	if real, err := filepath.EvalSymlinks(database); err == nil {
		database = real
	}
	return database + ".output"
}

// spoolPath is the spool of a run. The name of a flow may be anything.
func spoolPath(database, flow string, number int64) string {
	return filepath.Join(spoolFolder(database), spoolFile(flow, number))
}

func spoolFile(flow string, number int64) string {
	return fmt.Sprintf("%x-%d", sha256.Sum256([]byte(flow)), number)
}

// ownFolder opens a folder beside the database, and makes it if it is missing. Where
// everybody can make files, as in /tmp, somebody else may have made it, and may put links
// into it: it is refused unless it is ours alone.
func ownFolder(path string) (*os.Root, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	named, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err == nil && (!os.SameFile(named, opened) || !files.Private(opened)) {
		err = fmt.Errorf("%w: %s is not a folder of ours with mode 0700: somebody else may have made it; remove it", fs.ErrPermission, path)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// openSpool makes the spool of a run, or goes on with the spool of its last attempt. Where
// there is no room for it, the run goes on without.
func openSpool(database, flow string, number int64) *spool {
	if database == "" {
		return nil
	}
	root, err := ownFolder(spoolFolder(database))
	if err != nil {
		return nil
	}
	defer root.Close()
	name := spoolFile(flow, number)
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		file, err = root.OpenFile(name, os.O_APPEND|os.O_WRONLY|files.NoFollow, 0)
	}
	if err != nil {
		return nil
	}
	s := &spool{file: file, path: spoolPath(database, flow, number)}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		s.left = maxSpool - info.Size() // what earlier attempts have printed counts
	}
	return s
}

// Write takes in what fits. It never fails.
func (s *spool) Write(p []byte) (int, error) {
	if s == nil || s.left <= 0 {
		return len(p), nil
	}
	n, err := s.file.Write(p[:min(int64(len(p)), s.left)])
	if s.left -= int64(n); s.left <= 0 && err == nil {
		_, _ = io.WriteString(s.file, spoolEnd)
	}
	if err != nil {
		s.left = 0
	}
	return len(p), nil
}

// close ends the spool. Over, it is deleted too, and whoever has it open reads on to its
// end; else another attempt of the run goes on with it.
func (s *spool) close(over bool) {
	if s == nil {
		return
	}
	s.file.Close()
	if over {
		_ = os.Remove(s.path)
	}
}

// sweepSpools deletes what a killed daemon has left, and the folder. An error says that
// the folder is not ours.
func sweepSpools(database string) error {
	root, err := ownFolder(spoolFolder(database))
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err != nil {
		return nil // there is no room for it: runs go on without
	}
	defer root.Close()
	files, _ := fs.ReadDir(root.FS(), ".")
	for _, f := range files {
		if f.Type().IsRegular() && spoolName.MatchString(f.Name()) {
			_ = root.Remove(f.Name())
		}
	}
	_ = os.Remove(spoolFolder(database)) // if nothing else is in it
	return nil
}
