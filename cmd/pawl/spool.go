package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// A spool is the output of a run as it comes: a file that is there while the run is
// under way, so that others can look on. What is kept of it is in the database. The nil
// spool takes in nothing.
type spool struct {
	file *os.File
	left int64 // bytes that still fit
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
	return filepath.Join(spoolFolder(database), fmt.Sprintf("%x-%d", sha256.Sum256([]byte(flow)), number))
}

// openSpool makes the spool of a run, or goes on with that of its last attempt. Where there is no room for it, the run goes on
// without.
func openSpool(database, flow string, number int64) *spool {
	if database == "" || os.MkdirAll(spoolFolder(database), 0o700) != nil {
		return nil
	}
	file, err := os.OpenFile(spoolPath(database, flow, number), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil
	}
	return &spool{file: file, left: maxSpool}
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
		_ = os.Remove(s.file.Name())
	}
}

// sweepSpools deletes what a killed daemon has left, and the folder.
func sweepSpools(database string) {
	folder := spoolFolder(database)
	files, _ := os.ReadDir(folder)
	for _, f := range files {
		if f.Type().IsRegular() && spoolName.MatchString(f.Name()) {
			_ = os.Remove(filepath.Join(folder, f.Name()))
		}
	}
	_ = os.Remove(folder) // if nothing else is in it
}
