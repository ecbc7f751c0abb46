package peer

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// file is a database that a library drives with one connection, the fastest for
// all of them, and in which we count with another.
type file struct {
	db, reader *sql.DB
}

// sqliteDSN has what makes a commit durable everywhere.
func sqliteDSN(dir string) string {
	u := url.URL{Scheme: "file", Path: filepath.Join(dir, "peer.db"), RawQuery: "_pragma=busy_timeout(5000)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=fullfsync(1)&_pragma=checkpoint_fullfsync(1)&_pragma=foreign_keys(1)"}
	return u.String()
}

func openFile(dir string) (*file, error) {
	db, err := sql.Open("sqlite", sqliteDSN(dir))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	reader, err := sql.Open("sqlite", sqliteDSN(dir))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &file{db, reader}, nil
}

func (f *file) count(ctx context.Context, query string) (n int, err error) {
	err = f.reader.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

func (f *file) close() error { return errors.Join(f.reader.Close(), f.db.Close()) }
