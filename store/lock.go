package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine"
)

// ErrOwned says that another process owns the database.
var ErrOwned = errors.New("the database is owned by another runner")

// lock is the ownership of a database: a lock of the operating system on a file beside the
// database. It ends with the process, however the process ends. The file stays; its content
// says who the owner is.
type lock struct {
	file   *os.File
	holder holder // its content
}

// holder is the content of the lock's file.
type holder struct {
	PID            int       `json:"pid"`
	Host           string    `json:"host"`
	Since          time.Time `json:"since"`
	Version        string    `json:"version,omitempty"`
	origin                   // stays when nobody holds the lock
	shutdownRecord           // likewise

	// Why the database takes no writes, which cannot be stored in the database itself.
	Degraded string `json:"degraded,omitempty"`
}

const (
	lockPause = 20 * time.Millisecond
	// A process that asks whether there is an owner holds the lock for an instant, and a
	// killed process may leave it to a child until the child calls exec. Neither is an owner.
	lockPatience = 200 * time.Millisecond
)

func lockPath(path string) string { return path + ".lock" }

// acquire locks the resolved path. It waits for another owner to end.
func acquire(ctx context.Context, path string, owner engine.Owner, wait time.Duration) (*lock, error) {
	file, err := os.OpenFile(lockPath(path), os.O_CREATE|os.O_RDWR|noFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database; its directory and lock file must be writable: %w", err)
	}
	if !isLock(file) {
		return nil, errors.Join(errInTheWay(path), file.Close())
	}
	deadline := time.Now().Add(max(wait, lockPatience))
	for {
		ok, err := tryLock(file, exclusive)
		switch {
		case err != nil:
			return nil, errors.Join(fmt.Errorf("lock %s: %w", lockPath(path), err), file.Close())
		case ok:
			l := &lock{file: file}
			if err := l.take(owner); err != nil {
				return nil, errors.Join(fmt.Errorf("write %s: %w", lockPath(path), err), l.release())
			}
			return l, nil
		case time.Now().After(deadline):
			return nil, errors.Join(ownedBy(path, file), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for the owner of %s: %w", path, ctx.Err()), file.Close())
		case <-time.After(lockPause):
		}
	}
}

// isLock reports whether a file is empty or an owner wrote it. Owners write in place, so a crash
// may leave a part of the text: a file that begins like the text of an owner is a lock.
func isLock(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	if h, err := read(file); err == nil {
		return h.PID != 0
	}
	const start = `{"pid":`
	text := make([]byte, len(start))
	n, err := file.ReadAt(text, 0)
	if err != nil && err != io.EOF {
		return false
	}
	text = bytes.TrimRight(text[:n], "\x00") // which a power cut may leave in a new file
	return strings.HasPrefix(start, string(text))
}

func errInTheWay(path string) error {
	return fmt.Errorf("%s is in the way: it is not the lock of a Pawl database; if it is this database's own, damaged, and nothing runs, delete it; "+
		"or choose another name for the database", lockPath(path))
}

// lockable is why nobody can own the resolved path; nil: its lock file is missing, or is a lock.
func lockable(path string) error {
	file, err := os.OpenFile(lockPath(path), os.O_RDONLY|noFollow, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the lock file must be a file that can be written: %w", err)
	}
	defer file.Close()
	if !isLock(file) {
		return errInTheWay(path)
	}
	return nil
}

// ownedBy is ErrOwned with the name of the owner, if the owner has written it already.
func ownedBy(path string, file *os.File) error {
	h, err := read(file)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrOwned, path)
	}
	return fmt.Errorf("%w: %s, by process %d on %s since %s",
		ErrOwned, path, h.PID, h.Host, h.Since.Format(time.RFC3339))
}

// take writes an owner into the file, and keeps the origin and the shutdown record of the
// last one.
func (l *lock) take(owner engine.Owner) error {
	left, err := read(l.file)
	if errors.As(err, new(*os.PathError)) { // the disk fails; other errors say that the text is missing or torn
		return err
	}
	if err != nil {
		left = holder{}
	}
	l.holder = holder{PID: owner.PID, Host: owner.Host, Version: owner.Version, Since: owner.StartedAt, origin: left.origin, shutdownRecord: left.shutdownRecord}
	return l.write()
}

// write makes the content durable: after a power cut the file must not look like the lock of a
// copy.
func (l *lock) write() error {
	text, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	return overwrite(l.file, append(text, '\n'))
}

// durable is what [overwrite] needs of a file.
type durable interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
}

// overwrite replaces the content of a file, and returns when the new content is on disk.
func overwrite(file durable, text []byte) error {
	if _, err := file.WriteAt(text, 0); err != nil { // so that no reader ever finds the file empty
		return err
	}
	if err := file.Truncate(int64(len(text))); err != nil {
		return err
	}
	return file.Sync()
}

// release unlocks the file before it closes it: a child that is about to call exec has it open,
// too, and would keep the lock until then.
func (l *lock) release() error {
	return errors.Join(unlock(l.file), l.file.Close())
}

// read returns io.EOF for an empty file. Text after the first value is the rest of a longer
// value that was there before.
func read(file *os.File) (h holder, err error) {
	return h, json.NewDecoder(io.NewSectionReader(file, 0, 1<<16)).Decode(&h)
}

// findHolder returns the owner of the resolved path, and does not disturb it; false: nobody owns
// it.
func findHolder(path string) (holder, bool, error) {
	file, err := os.Open(lockPath(path))
	if errors.Is(err, os.ErrNotExist) {
		return holder{}, false, nil
	}
	if err != nil {
		return holder{}, false, fmt.Errorf("look for the owner: %w", err)
	}
	defer file.Close()
	free, err := tryLock(file, shared)
	if free {
		err = unlock(file)
	}
	if err != nil || free {
		return holder{}, false, err
	}
	h, err := read(file)
	if err != nil { // the owner holds the lock and is about to write
		return holder{}, true, nil
	}
	return h, true, nil
}
