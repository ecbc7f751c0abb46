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

// ErrOwned is returned for a database that another process drives.
var ErrOwned = errors.New("the database is owned by another runner")

// lock is the ownership of a database: a lock of the operating system on a file
// beside it, which ends with the process however that ends. The file stays; its
// content tells who the owner is.
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
	origin                   // kept when nobody holds the lock, too
	shutdownRecord           // likewise

	// Why the database takes no writes: it cannot be told there.
	Degraded string `json:"degraded,omitempty"`
}

const (
	lockPause = 20 * time.Millisecond
	// A process that asks whether there is an owner holds the lock for an
	// instant, and one that was killed may leave it to a child for as long as
	// that takes to exec. Neither is an owner.
	lockPatience = 200 * time.Millisecond
)

func lockPath(path string) string { return path + ".lock" }

// acquire locks the resolved path, if need be after another owner has ended.
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

// isLock says that a file is empty, or was signed by an owner. It is signed in place,
// so that a crash may leave a part of that: what begins like a signature is one.
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

// lockable says why nobody can own the resolved path; nil: what is in the place of
// its lock, if anything, is one.
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

// ownedBy names the owner, if he has signed already.
func ownedBy(path string, file *os.File) error {
	h, err := read(file)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrOwned, path)
	}
	return fmt.Errorf("%w: %s, by process %d on %s since %s",
		ErrOwned, path, h.PID, h.Host, h.Since.Format(time.RFC3339))
}

// take signs for an owner, and keeps the mark that the last one left.
func (l *lock) take(owner engine.Owner) error {
	left, err := read(l.file)
	if errors.As(err, new(*os.PathError)) { // the disk; others are of a signature that is not there, or torn
		return err
	}
	if err != nil {
		left = holder{}
	}
	l.holder = holder{PID: owner.PID, Host: owner.Host, Version: owner.Version, Since: owner.StartedAt, origin: left.origin, shutdownRecord: left.shutdownRecord}
	return l.write()
}

// write writes the content, durably: a power cut must not make the file look like a
// copy's.
func (l *lock) write() error {
	text, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	return overwrite(l.file, append(text, '\n'))
}

// durable is what [overwrite] asks of a file.
type durable interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
}

// overwrite puts a text in the place of all that a file holds, and returns when it is
// on disk.
func overwrite(file durable, text []byte) error {
	if _, err := file.WriteAt(text, 0); err != nil { // never empty for who reads it meanwhile
		return err
	}
	if err := file.Truncate(int64(len(text))); err != nil {
		return err
	}
	return file.Sync()
}

// release unlocks before it closes the file: a child that is about to exec has it
// open, too, and would keep the lock until then.
func (l *lock) release() error {
	return errors.Join(unlock(l.file), l.file.Close())
}

// read returns io.EOF for an empty file. What stands behind the first value is
// the rest of a longer signature.
func read(file *os.File) (h holder, err error) {
	return h, json.NewDecoder(io.NewSectionReader(file, 0, 1<<16)).Decode(&h)
}

// findHolder tells who owns the resolved path, without taking it from him.
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
	if err != nil { // he holds the lock and is about to sign
		return holder{}, true, nil
	}
	return h, true, nil
}
