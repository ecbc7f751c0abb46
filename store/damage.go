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

// soundLimit is the size up to which every start looks at all pages of a file, an
// orderly end before it or not: a disk spoils a file that was closed, too. That
// takes 5 ms per MiB, so 80 ms at most. A larger file is looked at by Verify
// alone, which pawl verify and pawl doctor call.
const soundLimit = 16 << 20

// checkPages refuses a file with damaged pages before anything is written to it:
// SQLite would go on writing to many of them.
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

// isEmpty says that SQLite would take a file for a new one.
func isEmpty(path string) (bool, error) {
	info, err := os.Stat(path)
	return err == nil && info.Size() <= 1, err
}

// hasLog says that there is a log beside a file, with something in it.
func hasLog(path string) bool {
	log, err := os.Stat(path + "-wal")
	return err == nil && log.Size() > 0
}

// refuseEmptied refuses an empty file that was a database once. SQLite would make it
// anew, and delete its log.
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
	// SQLite finds pages that the disk does not give as it finds those that are wrong.
	err := db.GetContext(ctx, new(int), `SELECT count(data) FROM sqlite_dbpage`)
	if code(err) == sqlite.ResultIOErr {
		return explainRead(path, err)
	}
	return damaged(path, errors.New(found))
}

// refuseForeignLog refuses a file beside which lies the log of another: a backup that was put
// in the place of a database whose process was killed. SQLite would take the log for
// the backup's, and spoil that. A database of ours is in WAL mode before it has a
// log, which its header tells; a backup is not until it is started.
func refuseForeignLog(path string) error {
	if !hasLog(path) {
		return nil
	}
	var version int
	const query = `SELECT hex(substr(data, 20, 1)) FROM sqlite_dbpage WHERE pgno = 1` // of the file alone
	err := withMode(path, "mode=ro&immutable=1", func(db *sqlx.DB) error { return db.Get(&version, query) })
	if err != nil || version != 1 {
		return nil // others say what is wrong with it
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
