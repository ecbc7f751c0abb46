package harness

import (
	"database/sql"
	"testing"

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
