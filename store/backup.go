package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
)

// Backup is [Reader.Backup] for a database of this schema or an older one.
func Backup(ctx context.Context, path, dest string, now time.Time) (size int64, err error) {
	r, err := openReader(ctx, path, contents.judgeOurs)
	if err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	size, err = r.Backup(ctx, dest, now)
	return size, errors.Join(err, r.Close())
}

// Backup copies the database, as it is at one instant, into a new file that its
// owner alone can read, and returns its size. An owner may be running. The file appears
// under its name complete and on disk, just before Backup returns nil. Backup does not
// overwrite a file ([fs.ErrExist]). The copy says that it is one, wherever it is started: see
// SuspectedCopy.
func (r *Reader) Backup(ctx context.Context, dest string, now time.Time) (size int64, err error) {
	if err := mustNotExist(dest); err != nil {
		return 0, err
	}
	folder, err := filepath.Abs(filepath.Dir(dest))
	if err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	// VACUUM INTO takes an empty file and keeps its mode.
	file, err := os.CreateTemp(folder, ".pawl-backup-*")
	if err != nil {
		return 0, fmt.Errorf("back up: no file can be made in %s; name a copy in a folder that is there and writable: %w", folder, err)
	}
	copied := file.Name()
	defer os.Remove(copied + "-journal") // which SQLite leaves when it cannot go on
	defer os.Remove(copied)
	if err := errors.Join(file.Close(), r.vacuumInto(ctx, copied)); err != nil {
		return 0, fmt.Errorf("back up %s: %w", r.path, r.explainCopy(dest, err))
	}
	if err := recordBackup(ctx, copied, "restored: it is a backup of "+iso(now)); err != nil {
		return 0, fmt.Errorf("back up %s: %w", r.path, explainRead(dest, err))
	}
	if err := withReadOnly(copied, func(db *sqlx.DB) error { return quickCheck(ctx, db, r.path) }); err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	info, err := os.Stat(copied)
	if err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	return info.Size(), publish(copied, dest)
}

// mustNotExist refuses a name that is taken, or that has a log beside it, which SQLite could
// apply to the new file.
func mustNotExist(dest string) error {
	if dest == "" {
		return errors.New("back up: no name given for the copy")
	}
	for _, name := range []string{dest, dest + "-wal", dest + "-journal"} {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("back up: %s: %w; choose another name, or move it away", name, fs.ErrExist)
		}
	}
	return nil
}

// explainCopy says whether the database is at fault, which is read, or the place of the copy,
// which is written.
func (r *Reader) explainCopy(dest string, err error) error {
	e := (*modernc.Error)(nil)
	reading := errors.As(err, &e) && e.Code() == sqlite3.SQLITE_IOERR_READ
	if c := code(err); (c == sqlite.ResultFull || c == sqlite.ResultIOErr) && !reading {
		return explainRead(dest, err)
	}
	return explainRead(r.path, err)
}

func (r *Reader) vacuumInto(ctx context.Context, dest string) error {
	db, err := r.connect("_busy_timeout=5000", 1)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, dest)
	return err
}

// recordBackup stores in a copy that it is a backup, and deletes claims that wait: they were
// meant for the original. The commit syncs the file; nothing is written to it after that.
func recordBackup(ctx context.Context, dest, text string) error {
	db, err := connect(dest, "_pragma=journal_mode(OFF)&_pragma=synchronous(FULL)&_pragma=fullfsync(1)", 1)
	if err != nil {
		return err
	}
	const mark = `BEGIN;
UPDATE pawl_database SET passive = ?;
DELETE FROM pawl_commands WHERE command = 'claim' AND handled_at IS NULL;
COMMIT`
	_, err = db.ExecContext(ctx, mark, text)
	return errors.Join(err, db.Close())
}

// publish gives a file its name, unless the name was taken meanwhile, and makes both durable.
func publish(file, dest string) error {
	err := os.Link(file, dest)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
		if err = mustNotExist(dest); err == nil {
			err = os.Rename(file, dest)
		}
	}
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return syncFolder(filepath.Dir(dest))
}
