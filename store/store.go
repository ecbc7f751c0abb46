package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/migrations"
)

// Options of [Open].
type Options struct {
	Shared bool          // the file holds tables of the app too
	Wait   time.Duration // how long to wait for another owner to end
	Owner  engine.Owner  // who opens; shown to whoever finds the file owned
}

// Store is a database that this process owns. Commit, Reload and Inbox are
// called from one goroutine each; the methods of Reader from any.
type Store struct {
	*Reader
	lock   *lock
	writer *writer
	inbox  *inbox
}

// Open becomes the owner of a database, creates the file if it is missing and brings its schema
// up to date. It does not touch a file that it refuses.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if err := checkLinksAndOwner(path); err != nil {
		return nil, err
	}
	if err := check(ctx, path, o.Shared); err != nil { // so that not even a lock is left beside it
		return nil, err
	}
	if frozenAt(path) != nil {
		return nil, writable(path)
	}
	lock, err := acquire(ctx, path, o.Owner, o.Wait)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, path, o)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s.lock = lock
	return s, nil
}

func open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	if err := check(ctx, path, o.Shared); err != nil {
		return nil, err
	}
	if err := checkPages(ctx, path); err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	s := &Store{}
	defer func() {
		if err != nil {
			_ = s.close() // the first error is the one to report
		}
	}()
	if err := prepare(ctx, path, o.Owner.StartedAt); err != nil {
		return nil, explainRead(path, fmt.Errorf("prepare: %w", err))
	}
	if s.Reader, err = newReader(path, nil); err != nil {
		return nil, err
	}
	if s.writer, err = newWriter(path); err != nil {
		return nil, fmt.Errorf("open the writer of %s: %w", path, err)
	}
	if s.inbox, err = newInbox(path); err != nil {
		return nil, fmt.Errorf("open the inbox of %s: %w", path, err)
	}
	if s.writer.files, err = noteFiles(path); err != nil {
		return nil, err
	}
	return s, nil
}

// Close releases the database. The last connection to a WAL database moves the log into the
// file, so that one file is left. It does so even if the log was deleted, but not if somebody
// replaced the file.
func (s *Store) Close() error {
	return errors.Join(s.close(), s.lock.release())
}

func (s *Store) close() (err error) {
	if s.inbox != nil {
		err = errors.Join(err, s.inbox.close())
	}
	if s.writer != nil {
		err = errors.Join(err, s.writer.close())
	}
	if s.Reader != nil {
		err = errors.Join(err, s.Reader.db.Close()) // the log is the owner's to move
	}
	return err
}

// resolve makes a path absolute and free of symbolic links, so that each file has one lock.
func resolve(path string) (string, error) {
	switch {
	case path == "":
		return "", fmt.Errorf("no database path given")
	case strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		return "", fmt.Errorf("database %q: want the plain path of a file, neither a DSN nor :memory: itself", path)
	case strings.ContainsRune(path, 0):
		return "", fmt.Errorf("database %q: a path has no NUL", path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("database %s: %w", path, err)
	}
	real, err := filepath.EvalSymlinks(absolute)
	if err == nil {
		return real, regular(real)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("database %s: %w", path, err)
	}
	if _, err := os.Lstat(absolute); err == nil {
		return "", fmt.Errorf("database %s: the symbolic link leads nowhere", path)
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(absolute))
	if err != nil {
		return "", fmt.Errorf("database %s: the directory is missing, create it first: %w", path, err)
	}
	return filepath.Join(folder, filepath.Base(absolute)), nil
}

func regular(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("database %s: %w", path, err)
	case info.IsDir():
		return fmt.Errorf("database %s: is a directory, want a file in it such as %s", path, filepath.Join(path, "jobs.db"))
	case !info.Mode().IsRegular():
		return fmt.Errorf("database %s: is no regular file", path)
	}
	return nil
}

// create makes the file readable for its owner only; SQLite gives its side files the same mode.
// It does not open an existing file: closing that again would drop this process's locks on it.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return f.Close()
}

const (
	setupPragmas  = "_busy_timeout=5000" + wholeSync
	postPragmas   = "_busy_timeout=500" + wholeSync // it is tried again
	wholeSync     = "&_pragma=synchronous(FULL)&_pragma=fullfsync(1)&_pragma=checkpoint_fullfsync(1)&_foreign_keys=on"
	readerPragmas = "_busy_timeout=5000&_query_only=on"
)

// connect opens a pool of at most n connections to a file that exists.
func connect(path, pragmas string, n int) (*sqlx.DB, error) {
	return connectAs(path, "mode=rw", pragmas, n)
}

func connectAs(path, mode, pragmas string, n int) (*sqlx.DB, error) {
	db, err := sqlx.Open("sqlite", dsn(path, mode+"&"+pragmas))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// prepare makes the settings that a file stores, in the order that SQLite requires, brings the
// schema up to date and gives a new database its id.
func prepare(ctx context.Context, path string, now time.Time) (err error) {
	db, err := connect(path, setupPragmas, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, pragma := range []string{
		"PRAGMA auto_vacuum = INCREMENTAL", // works before the first table only
		"PRAGMA journal_mode = WAL",
	} {
		if _, err := db.ExecContext(ctx, pragma); err != nil {
			return fmt.Errorf("%s: %w", pragma, err)
		}
	}
	found, err := inspect(ctx, db) // goose takes a table that it cannot read for one that is not there
	if err != nil {
		return err
	}
	if found.version < latest() {
		if err := migrate(ctx, db.DB); err != nil {
			return err
		}
	}
	var id int32
	if err := db.GetContext(ctx, &id, "PRAGMA application_id"); err != nil {
		return err
	}
	if id == 0 { // an app that shares the file may have set its own
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	}
	if err := identify(ctx, db, now); err != nil {
		return err
	}
	return createViews(ctx, db)
}

// migrate runs under the owner's lock, since goose has none for SQLite.
func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite(),
		goose.WithTableName(migrations.Table), goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// createViews replaces the views of a database whose views are older than this program's.
func createViews(ctx context.Context, db *sqlx.DB) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	var version int
	if err := tx.GetContext(ctx, &version, "SELECT views FROM pawl_database"); err != nil {
		return fmt.Errorf("views: %w", err)
	}
	if version >= migrations.ViewsVersion {
		return nil
	}
	if err := convertPolicies(ctx, tx); err != nil {
		return err
	}
	var names []string
	const list = `SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE 'pawl\_%' ESCAPE '\'`
	if err := tx.SelectContext(ctx, &names, list); err != nil {
		return fmt.Errorf("views: %w", err)
	}
	for _, name := range names {
		if _, err := tx.ExecContext(ctx, `DROP VIEW "`+strings.ReplaceAll(name, `"`, `""`)+`"`); err != nil {
			return fmt.Errorf("views: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, migrations.SQLiteViews); err != nil {
		return fmt.Errorf("views: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE pawl_database SET views = ?", migrations.ViewsVersion); err != nil {
		return fmt.Errorf("views: %w", err)
	}
	return tx.Commit()
}
