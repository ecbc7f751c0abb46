package faultvfs_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// openTable makes a file in WAL mode with a table, on one connection.
func openTable(t *testing.T, folder string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, "x.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	for _, query := range []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE n (n INTEGER)"} {
		_, err := db.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	return db
}

func insert(t *testing.T, db *sql.DB) error {
	_, err := db.ExecContext(t.Context(), "INSERT INTO n VALUES (1)")
	return err
}

func TestLogTellsWhatACommitDoes(t *testing.T) {
	folder := t.TempDir()
	storage := faultvfs.Watch(folder)
	defer storage.Close()
	db := openTable(t, folder)
	storage.Mark(1)
	before := len(storage.Log())
	require.NoError(t, insert(t, db))
	ops := storage.Log()[before:]
	require.Len(t, ops, 3, "the header and the content of a frame, and a sync")
	for i, kind := range []faultvfs.Kind{faultvfs.Write, faultvfs.Write, faultvfs.Sync} {
		assert.Equal(t, kind, ops[i].Kind)
		assert.Equal(t, "x.db-wal", ops[i].File)
	}
	assert.Len(t, ops[1].Data, 4096)
	assert.Equal(t, int64(1), storage.Log()[before-1].Note)
}

// Each fault is what SQLite takes it for, and over when it is over.
func TestFaultsFailTheOperationOfOnesChoice(t *testing.T) {
	for _, test := range []struct {
		name  string
		kind  faultvfs.Kind
		fault faultvfs.Fault
		code  int
	}{
		{"EIO", faultvfs.Write, faultvfs.EIO, sqlite3.SQLITE_IOERR_WRITE},
		{"full", faultvfs.Write, faultvfs.Full, sqlite3.SQLITE_FULL},
		{"short write", faultvfs.Write, faultvfs.Short, sqlite3.SQLITE_FULL},
		{"failing fsync", faultvfs.Sync, faultvfs.EIO, sqlite3.SQLITE_IOERR_FSYNC},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			storage := faultvfs.Watch(folder)
			defer storage.Close()
			faulty := false
			storage.Fail = func(_ int, op faultvfs.Op) faultvfs.Fault {
				if faulty && op.Kind == test.kind {
					return test.fault
				}
				return faultvfs.None
			}
			db := openTable(t, folder)
			require.NoError(t, insert(t, db))
			faulty = true
			var failed *sqlite.Error
			require.ErrorAs(t, insert(t, db), &failed)
			assert.Equal(t, test.code, failed.Code())
			faulty = false
			require.NoError(t, insert(t, db))
		})
	}
}

// So are those of operations that change nothing: a read of either file, and what
// goes on around the index.
func TestReadsFailToo(t *testing.T) {
	for _, test := range []struct {
		kind faultvfs.Kind
		file string
		code int
	}{
		{faultvfs.Read, "x.db", sqlite3.SQLITE_IOERR}, // of the header, where SQLite says no more
		{faultvfs.Read, "x.db-wal", sqlite3.SQLITE_IOERR_READ},
		{faultvfs.Map, "x.db-shm", sqlite3.SQLITE_IOERR_SHMMAP},
		{faultvfs.Lock, "x.db-shm", sqlite3.SQLITE_IOERR_SHMLOCK},
	} {
		t.Run(fmt.Sprintf("%s of %s", test.kind, test.file), func(t *testing.T) {
			folder := t.TempDir()
			storage := faultvfs.Watch(folder)
			defer storage.Close()
			faulty := false
			storage.FailRead = func(_ int, op faultvfs.Op) faultvfs.Fault {
				if faulty && op.Kind == test.kind && op.File == test.file {
					return faultvfs.EIO
				}
				return faultvfs.None
			}
			require.NoError(t, insert(t, openTable(t, folder)))
			count := func() (n int, err error) {
				other, err := sql.Open("sqlite", filepath.Join(folder, "x.db"))
				require.NoError(t, err)
				defer other.Close()
				return n, other.QueryRowContext(t.Context(), "SELECT count(*) FROM n").Scan(&n)
			}
			faulty = true
			var failed *sqlite.Error
			_, err := count()
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, test.code, failed.Code())
			faulty = false
			n, err := count()
			require.NoError(t, err)
			assert.Equal(t, 1, n)
		})
	}
}
