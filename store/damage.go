package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/jmoiron/sqlx"
	"zombiezen.com/go/sqlite"
)

// soundLimit is the size up to which every start checks all pages of a file, also after an
// orderly end: a disk can damage a file that was closed, too. That takes 5 ms per MiB, so
// 80 ms at most. Larger files are checked by Verify only, which pawl verify and pawl doctor
// call.
const soundLimit = 16 << 20

// checkPages refuses a file with damaged pages before anything is written to it: SQLite would
// write to many damaged files without an error.
func checkPages(ctx context.Context, path string) error {
	if err := refuseForeignLog(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (info.Size() == 0 || info.Size() > soundLimit) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return withReadOnly(path, func(db *sqlx.DB) error { return quickCheck(ctx, db, path) })
}

// isEmpty reports whether SQLite would treat a file as a new database.
func isEmpty(path string) (bool, error) {
	info, err := os.Stat(path)
	return err == nil && info.Size() <= 1, err
}

// hasLog reports whether a log that is not empty lies beside a file.
func hasLog(path string) bool {
	log, err := os.Stat(path + "-wal")
	return err == nil && log.Size() > 0
}

// refuseEmptied refuses an empty file that was a database before. SQLite would create a new
// database in it and delete its log.
func refuseEmptied(path string) error {
	const text = "%w: %s is empty, but %s. It was not touched. Restore a backup; to begin anew, delete it and what lies beside it: %[2]s-wal, %[2]s-shm and %[2]s.lock"
	if hasLog(path) {
		return fmt.Errorf(text, ErrDamaged, path, "it has a log, "+path+"-wal")
	}
	m, err := readOrigin(path)
	if err == nil && m.Generation > 0 {
		err = fmt.Errorf(text, ErrDamaged, path, fmt.Sprintf("the lock file beside it tells of %d starts", m.Generation))
	}
	return err
}

func quickCheck(ctx context.Context, db *sqlx.DB, path string) error {
	var found string
	if err := db.GetContext(ctx, &found, `PRAGMA quick_check(1)`); err != nil {
		return explainRead(path, err)
	}
	if found == "ok" {
		return nil
	}
	// quick_check reports a page that the disk cannot read as it reports a damaged one.
	err := db.GetContext(ctx, new(int), `SELECT count(data) FROM sqlite_dbpage`)
	if code(err) == sqlite.ResultIOErr {
		return explainRead(path, err)
	}
	return damaged(path, errors.New(found))
}

// refuseForeignLog refuses a file beside the log of another file: somebody put a backup in the
// place of a database whose process was killed. SQLite would apply the log to the backup and
// damage it. The header tells the two apart: a database of Pawl is in WAL mode before it has a
// log, a backup is not until its first start.
func refuseForeignLog(path string) error {
	if !hasLog(path) {
		return nil
	}
	var version int
	const query = `SELECT hex(substr(data, 20, 1)) FROM sqlite_dbpage WHERE pgno = 1` // of the file alone
	err := withMode(path, "mode=ro&immutable=1", func(db *sqlx.DB) error { return db.Get(&version, query) })
	if err != nil || version != 1 {
		return nil // another check says what is wrong with the file
	}
	return fmt.Errorf("%w: %s is not what %[2]s-wal belongs to: a backup was put here beside the log of the database before it. "+
		"It was not touched. Move %[2]s-wal and %[2]s-shm away", ErrDamaged, path)
}

func damaged(path string, err error) error {
	if stray := refuseForeignLog(path); stray != nil {
		return stray
	}
	return fmt.Errorf("%w: %s; it was not touched. Restore a backup, or rescue what can be read with: sqlite3 %[2]s .recover: %w",
		ErrDamaged, path, err)
}
