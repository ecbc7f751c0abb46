package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
)

const (
	// SQLite cuts a longer log back to this when it restarts the log, and Tend truncates one.
	// Checkpoints of a busy writer let the log grow to this size.
	logKept = checkpointMax * pageSize

	truncateLog = `PRAGMA wal_checkpoint(TRUNCATE)`
)

// Tend implements [engine.Store]: it truncates a log that is too long. Checkpoint does not: it
// only moves pages, and none while a reader has an old snapshot open. When that reader ends,
// SQLite does not shorten the log by itself.
func (s *Store) Tend() (engine.WAL, error) {
	log, err := s.WAL()
	if err != nil || log.Size <= logKept {
		return log, err
	}
	if err := s.writer.truncate(); err != nil {
		return log, fmt.Errorf("truncate the log: %w", err)
	}
	return s.WAL()
}

// truncate moves the log into the file and empties the log, if nobody reads or writes.
func (w *writer) truncate() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	if _, _, err := pair(w.truncateLog); err != nil && code(err) != sqlite.ResultBusy {
		w.discard()
		return explainWrite(w.path, err)
	}
	w.behind = checkpointMax // unknown, so that Checkpoint measures
	return nil
}

// WAL measures the log and the file. If the log is too long, it lists the processes that keep
// Pawl from truncating it.
func (r *Reader) WAL() (log engine.WAL, err error) {
	if log.Size, err = length(r.path + "-wal"); err != nil {
		return log, err
	}
	if log.File, err = length(r.path); err != nil || !log.Excessive() {
		return log, err
	}
	log.Readers = readersOf(r.path)
	return log, nil
}

// length is the size of a file; 0: it does not exist.
func length(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("database: %w", err)
	}
	return info.Size(), nil
}

// wal notices a log that somebody keeps from being truncated.
func (d doctor) wal(context.Context) (Check, error) {
	c := Check{Name: "log"}
	log, err := d.WAL()
	if err != nil {
		return c, err
	}
	c.Detail = fmt.Sprintf("the write-ahead log has %s, the file %s", bytesText(log.Size), bytesText(log.File))
	if !log.Excessive() {
		return c, nil
	}
	who := "a program that reads for long"
	if len(log.Readers) > 0 {
		who = strings.Join(log.Readers, ", ")
	}
	c.Found = []string{fmt.Sprintf("the write-ahead log has %s beside a file of %s: it cannot be truncated while %s reads from it",
		bytesText(log.Size), bytesText(log.File), who)}
	c.Help = "end the transaction or the query of that program; the scheduler truncates the log within a minute after that"
	return c, nil
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", (n+1023)>>10)
}
