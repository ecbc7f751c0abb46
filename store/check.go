package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pawl-go/pawl/migrations"
)

// Why a file is refused.
var (
	ErrForeign      = errors.New("not a Pawl database")
	ErrSchemaTooNew = errors.New("the database is from a newer version")
	ErrSchemaTooOld = errors.New("the database is from an older version")
	ErrDamaged      = errors.New("the database is damaged")
)

// applicationID is "Pawl" in the file's header, for file(1) and for us.
const applicationID = 0x5061776C

// check refuses a file that is not a Pawl database, or has a schema that this program does not
// know. It uses a connection that cannot write. A missing file is fine, and so is an empty
// one that never was a database.
func check(ctx context.Context, path string, shared bool) error {
	bare, err := isEmpty(path)
	if err == nil && bare {
		return refuseEmptied(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	var found contents
	err = withReadOnly(path, func(db *sqlx.DB) (err error) {
		found, err = inspect(ctx, db)
		return err
	})
	if err != nil {
		return explainRead(path, err)
	}
	return found.judge(path, shared)
}

// withReadOnly lets use read a file through a connection of its own that leaves no side files.
func withReadOnly(path string, use func(*sqlx.DB) error) error {
	mode := "mode=ro"
	if hasNoLog(path) {
		mode = "mode=ro&immutable=1" // or reading a WAL database would leave side files behind
	}
	err := withMode(path, mode, use)
	if e := (*sqlite.Error)(nil); errors.As(err, &e) && e.Code() == sqlite3.SQLITE_READONLY_ROLLBACK {
		// Whoever wrote last was killed before the file was in WAL mode. SQLite
		// rolls that back for the next reader that may write.
		err = withMode(path, "mode=rw", use)
	}
	return err
}

func withMode(path, mode string, use func(*sqlx.DB) error) error {
	db, err := sqlx.Open("sqlite", dsn(path, mode+"&"+readerPragmas))
	if err != nil {
		return err
	}
	defer db.Close()
	return use(db)
}

// hasNoLog reports whether neither a log nor a journal lies beside the file, so that nobody is
// writing to it.
func hasNoLog(path string) bool {
	for _, side := range []string{"-wal", "-journal"} {
		if _, err := os.Lstat(path + side); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// contents is what inspect finds in a file.
type contents struct {
	ours    bool   // there is a migration table of ours
	version int64  // of our schema
	foreign string // a table that is not ours
	stray   string // a table with a name of ours
}

func inspect(ctx context.Context, db *sqlx.DB) (c contents, err error) {
	var tables []string
	const listTables = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`
	if err := db.SelectContext(ctx, &tables, listTables); err != nil {
		return c, err
	}
	for _, name := range tables {
		switch {
		case name == migrations.Table:
			c.ours = true
		case strings.HasPrefix(name, "pawl_"):
			c.stray = name
		case c.foreign == "":
			c.foreign = name
		}
	}
	if !c.ours {
		return c, nil
	}
	const readVersion = `SELECT COALESCE(max(version_id), 0) FROM ` + migrations.Table + ` WHERE is_applied`
	err = db.GetContext(ctx, &c.version, readVersion)
	return c, err
}

func (c contents) judge(path string, shared bool) error {
	switch {
	case c.stray != "" && !c.ours:
		return damaged(path, fmt.Errorf("it holds the table %q, but not %s", c.stray, migrations.Table))
	case c.foreign != "" && !shared && c.ours:
		return fmt.Errorf("%w: %s also holds the table %q; the option WithSharedFile allows that", ErrForeign, path, c.foreign)
	case c.foreign != "" && !shared:
		return fmt.Errorf("%w: %s holds the table %q; choose another file; a Go program may keep both in one with the option WithSharedFile", ErrForeign, path, c.foreign)
	case c.version > latest():
		return fmt.Errorf("%w: %s has schema %d, this program knows %d; upgrade the program or restore a backup",
			ErrSchemaTooNew, path, c.version, latest())
	}
	return nil
}

// latest is the newest schema that this program knows.
func latest() int64 {
	files, err := fs.Glob(migrations.SQLite(), "*.sql")
	if err != nil || len(files) == 0 {
		panic("store: no migrations are embedded")
	}
	version, err := goose.NumericComponent(files[len(files)-1]) // Glob sorts
	if err != nil {
		panic(err)
	}
	return version
}

// dsn is the connection string for a resolved path, whatever characters it has.
func dsn(path, query string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // C:/jobs.db
		slashed = "/" + slashed
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: query}
	return u.String()
}
