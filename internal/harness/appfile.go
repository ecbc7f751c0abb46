package harness

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/stretchr/testify/require"
)

// AppFile makes a file with the app's own table.
func AppFile(t *testing.T, path string) {
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE effects (flow TEXT NOT NULL, run INTEGER NOT NULL, attempt INTEGER NOT NULL, input TEXT)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// AppTable makes the app's own table in the file of a scheduler to come.
func AppTable(t *testing.T, db string) {
	t.Helper()
	require.NoError(t, os.WriteFile(db, nil, 0o600))
	ExecSQL(t, db, "CREATE TABLE effects (run INTEGER NOT NULL, what TEXT)")
}

// Numbers is what a query for numbers finds in the file.
func Numbers(t *testing.T, db, query string, args ...any) (list []int64) {
	t.Helper()
	other, err := sql.Open("sqlite", db+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer other.Close()
	rows, err := other.QueryContext(t.Context(), query, args...)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var n int64
		require.NoError(t, rows.Scan(&n))
		list = append(list, n)
	}
	require.NoError(t, rows.Err())
	return list
}

// Finish triggers a flow and waits for the end of the run.
func Finish(t *testing.T, r *pawl.Runner, id string, opts ...pawl.TriggerOption) pawl.RunInfo {
	t.Helper()
	run, err := r.Trigger(t.Context(), id, opts...)
	require.NoError(t, err)
	info, err := r.WaitRun(t.Context(), id, run)
	require.NoError(t, err)
	return info
}

// Effect is what a job does in the app's table.
func Effect(ctx context.Context, tx *sql.Tx, run int64) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO effects (run, what) VALUES (?, 'done')", run)
	return err
}
