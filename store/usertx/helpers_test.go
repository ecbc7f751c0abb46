package usertx

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/pawl-go/pawl/migrations"
)

type work = func(ctx context.Context, tx *sql.Tx) error

var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// host stands for the store's writer: a connection to a database of Pawl that has tables of
// an app too.
type host struct {
	t    *testing.T
	conn *sqlite.Conn
	path string
}

const twoTables = `CREATE TABLE effects (id INTEGER PRIMARY KEY, what TEXT);
CREATE TABLE parts (id INTEGER PRIMARY KEY, effect INTEGER REFERENCES effects (id) DEFERRABLE INITIALLY DEFERRED);`

func newHost(t *testing.T, schema string) *host {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs.db")
	db := openDB(t, path)
	exec(t, db, `PRAGMA journal_mode = WAL`)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite(),
		goose.WithTableName(migrations.Table), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	require.NoError(t, err)
	_, err = provider.Up(t.Context())
	require.NoError(t, err)
	exec(t, db, migrations.SQLiteViews)
	exec(t, db, schema)
	require.NoError(t, db.Close())
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, sqlitex.Execute(conn, `PRAGMA foreign_keys = 1`, nil))
	return &host{t, conn, path}
}

func openDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query)
	require.NoError(t, err)
}

// commit runs do between two writes of Pawl's own in one transaction, and commits that
// whatever do returns.
func (h *host) commit(ctx context.Context, do work) error {
	h.t.Helper()
	own := func(query string) { require.NoError(h.t, sqlitex.Execute(h.conn, query, nil)) }
	const write = `INSERT INTO pawl_runners (id, generation, pid, host, boot_id, version, started_at) VALUES `
	own(`BEGIN IMMEDIATE`)
	own(write + `(41, 41, 1, 'test', 'boot', 'test', '')`)
	err := Run(ctx, h.conn, do)
	own(write + `(42, 42, 1, 'test', 'boot', 'test', '')`)
	own(`COMMIT`)
	h.requireOwnWrites()
	return err
}

// requireOwnWrites requires that both writes of commit are there, and deletes them.
func (h *host) requireOwnWrites() {
	h.t.Helper()
	db := openDB(h.t, h.path)
	var n int
	require.NoError(h.t, db.QueryRowContext(h.t.Context(), `SELECT count(*) FROM pawl_runners WHERE id IN (41, 42)`).Scan(&n))
	require.Equal(h.t, 2, n)
	exec(h.t, db, `DELETE FROM pawl_runners WHERE id IN (41, 42)`)
	require.NoError(h.t, db.Close())
}

// effects is the content of the table of that name.
func (h *host) effects() []string {
	h.t.Helper()
	db := openDB(h.t, h.path)
	defer db.Close()
	var all []string
	rows, err := db.QueryContext(h.t.Context(), `SELECT what FROM effects ORDER BY id`)
	require.NoError(h.t, err)
	defer rows.Close()
	for rows.Next() {
		var what string
		require.NoError(h.t, rows.Scan(&what))
		all = append(all, what)
	}
	require.NoError(h.t, rows.Err())
	return all
}
