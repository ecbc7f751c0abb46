package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/migrations"
)

// outline is a schema without the texts of its tables, which an ALTER changes: columns,
// indexes, and the texts of all else.
func outline(t *testing.T, db *sqlx.DB) (lines []string) {
	t.Helper()
	require.NoError(t, db.Select(&lines, `
SELECT 'column ' || m.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || COALESCE(c.dflt_value, '') || ' ' || c.pk
FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND m.name LIKE 'pawl_%'
UNION ALL
SELECT type || ' ' || name || ' ' || sql FROM sqlite_schema WHERE type <> 'table' AND name LIKE 'pawl_%' AND sql IS NOT NULL
UNION ALL
SELECT 'word ' || kind || ' ' || code || ' ' || word FROM pawl_words
ORDER BY 1`))
	return lines
}

// content is every row of the tables that the first version has too, with its columns.
func content(t *testing.T, db *sqlx.DB) (rows []string) {
	t.Helper()
	for _, query := range []string{
		`SELECT id, created_at, generation, passive FROM pawl_database`, `SELECT * FROM pawl_runners`, `SELECT * FROM pawl_commands`,
		`SELECT key, id, position, kind, schedule, time_zone, backoff, streak_limit, registered, created_at FROM pawl_flow_plan`,
		`SELECT key, version, status, run_count, last_number, in_flight, failure_streak, attempt, last_run, last_scheduled,
			last_end, next_eligible, next_run, suspect, last_key, error_key, updated_at FROM pawl_flow_state`,
		`SELECT key, prev, flow, number, trigger, status, attempt, scheduled_at, started_at, finished_at, error FROM pawl_run_log`,
		`SELECT seq, at, flow, run_number, event, from_status, to_status, run_count, in_flight, failure_streak, last_run,
			next_eligible, next_run, version, note FROM pawl_transition_log`,
	} {
		found, err := db.Queryx(query)
		require.NoError(t, err)
		for found.Next() {
			row, err := found.SliceScan()
			require.NoError(t, err)
			rows = append(rows, fmt.Sprint(row))
		}
		require.NoError(t, found.Err())
	}
	return rows
}

// Each of the first migrations can be taken back, and made again: schema and rows are then
// as they were.
func TestMigrationsKeepTheRows(t *testing.T) {
	for _, c := range []struct {
		file   string
		before int64
	}{{"before_time.sqlite", 1}, {"before_workflow.sqlite", 2}, {"before_pause.sqlite", 3}} {
		t.Run(c.file, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join("testdata", c.file))
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), "jobs.db")
			require.NoError(t, os.WriteFile(path, file, 0o600))
			db := sqlx.NewDb(plainDB(t, path), "sqlite")
			defer db.Close()
			provider, err := goose.NewProvider(goose.DialectSQLite3, db.DB, migrations.SQLite(), goose.WithTableName(migrations.Table),
				goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
			require.NoError(t, err)
			schema, rows := outline(t, db), content(t, db)
			require.NotEmpty(t, rows)

			_, err = provider.UpTo(t.Context(), c.before+1)
			require.NoError(t, err)
			migrated := outline(t, db)
			assert.NotEqual(t, schema, migrated)
			assert.Equal(t, rows, content(t, db))
			_, err = provider.DownTo(t.Context(), c.before)
			require.NoError(t, err)
			assert.Equal(t, schema, outline(t, db))
			assert.Equal(t, rows, content(t, db))
			_, err = provider.UpTo(t.Context(), c.before+1)
			require.NoError(t, err)
			assert.Equal(t, migrated, outline(t, db))
			assert.Equal(t, rows, content(t, db))
		})
	}
}
