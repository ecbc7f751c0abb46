package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
	modernc "modernc.org/sqlite"
	"zombiezen.com/go/sqlite"
)

// readDB has the connections of a Reader. Its errors say what is wrong with the file, not
// only SQLite's code.
type readDB struct {
	*sqlx.DB
	path   string
	frozen *frozenFile // nil: the file can be written, and SQLite sees changes
}

// explain adds the remedy to an error of a query. If a frozen file changed meanwhile, that is
// the error.
func (r readDB) explain(err error) error {
	if changed := r.frozen.check(); changed != nil {
		return changed
	}
	if _, known := remedies[code(err)]; !known {
		return err
	}
	return explained{remedy(r.path, err)}
}

// explained is an error that already has its remedy.
type explained struct{ error }

func (e explained) Unwrap() error { return e.error }

func (r readDB) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	return r.explain(r.DB.GetContext(ctx, dest, query, args...))
}

func (r readDB) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	return r.explain(r.DB.SelectContext(ctx, dest, query, args...))
}

func (r readDB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := r.DB.QueryContext(ctx, query, args...)
	return rows, r.explain(err)
}

func (r readDB) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	rows, err := r.DB.QueryxContext(ctx, query, args...)
	return rows, r.explain(err)
}

func (r readDB) NamedQueryContext(ctx context.Context, query string, arg any) (*sqlx.Rows, error) {
	rows, err := r.DB.NamedQueryContext(ctx, query, arg)
	return rows, r.explain(err)
}

func (r readDB) BeginTxx(ctx context.Context, opts *sql.TxOptions) (*sqlx.Tx, error) {
	tx, err := r.DB.BeginTxx(ctx, opts)
	return tx, r.explain(err)
}

// ErrLogGone says that the write-ahead log was deleted, replaced or cut while a process has the
// database open: the index of the log names pages that the log does not have.
var ErrLogGone = errors.New("the write-ahead log was deleted, replaced or cut while the database is in use")

// logGone reports whether an error of SQLite means [ErrLogGone].
func logGone(err error) bool {
	var full *modernc.Error
	return errors.As(err, &full) && sqlite.ResultCode(full.Code()) == sqlite.ResultIOErrShortRead
}

// withoutLog is ErrLogGone with what helps.
func withoutLog(path string, err error) error {
	return fmt.Errorf("%w: %s-wal. Put it back. If it is gone, end the programs that have %[2]s open in order, the scheduler last, which moves "+
		"what it still holds of the log into the file: %[3]w", ErrLogGone, path, err)
}
