package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// The exit code of a command becomes a column where it is certain that a command of pawl run
// failed, and not a job in Go whose error reads like that. facts T5.
func TestMigrationConvertsExitCodes(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "before_facts.sqlite"))
	require.NoError(t, err)
	open := func(edits ...string) (codes []string) {
		path := filepath.Join(t.TempDir(), "jobs.db")
		require.NoError(t, os.WriteFile(path, file, 0o600))
		db := plainDB(t, path)
		for _, edit := range edits {
			_, err := db.Exec(edit)
			require.NoError(t, err)
		}
		require.NoError(t, db.Close())
		s := openStore(t, path, Options{})
		defer s.Close()
		require.NoError(t, s.Reader.db.Select(&codes, `SELECT flow_id || ' ' || number || ' ' || exit_code FROM pawl_runs WHERE exit_code IS NOT NULL
UNION ALL SELECT flow_id || ' attempt ' || exit_code FROM pawl_attempts WHERE exit_code IS NOT NULL AND flow_id = 'again' ORDER BY 1`))
		return codes
	}
	assert.Equal(t, []string{"again attempt 6", "says 1 3", "seven 1 7", "signal 1 139"}, open())
	const of = ` WHERE flow = (SELECT key FROM pawl_flow_plan WHERE id = 'seven')`
	for text, want := range map[string]string{
		"exit status 7": "7", "exit status 255\nmany lines": "255", "killed by SIGTERM: bye": "143", "killed by SIGKILL": "137",
		"exit status 7th: what": "", "exit status 0": "", "exit status -1": "", "exit status 07": "", "exit status 99999999999999999999": "",
		"killed by SIGUSR1": "", "killed by SIGTERMINATOR": "", "timed out after 1s (exit status 7)": "", " exit status 7": "",
	} {
		codes := open(`UPDATE pawl_run_log SET error = '` + text + `'` + of)
		if want == "" {
			assert.NotContains(t, strings.Join(codes, " "), "seven", text)
		} else {
			assert.Contains(t, codes, "seven 1 "+want, text)
		}
	}
	assert.Empty(t, open(`UPDATE pawl_runners SET program = 'app'`), "another program")
	assert.Empty(t, open(`UPDATE pawl_runners SET program = NULL`), "an older version")
	assert.Empty(t, open(`UPDATE pawl_runners SET started_at = '2026-11-01T00:00:00.000Z' WHERE id = 2`), "the clock went back")
}

// The reason of an occurrence that nobody ran does not begin with its verdict any more.
func TestMigrationShortensReasonsOfMissedOccurrences(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "before_facts.sqlite"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "jobs.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	db := plainDB(t, path)
	_, err = db.Exec(`INSERT INTO pawl_verdict_log (flow, first_at, last_at, count, verdict, reason, seq)
VALUES (1, 1, 1, 1, 6, 'not made up for: catch-up none', 1), (1, 2, 2, 1, 6, 'catch-up none', 1), (1, 3, 3, 1, 5, 'not made up for: says the operator', 1)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	s := openStore(t, path, Options{})
	defer s.Close()
	var reasons []string
	require.NoError(t, s.Reader.db.Select(&reasons, `SELECT reason FROM pawl_occurrences WHERE flow_id = 'seven' ORDER BY first_at`))
	assert.Equal(t, []string{"catch-up none", "catch-up none", "not made up for: says the operator"}, reasons)
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

// The end of a pause becomes a column where it is certain that the pause had one. A note that
// only looks like an end stays what the operator wrote. facts T1.
func TestMigrationConvertsEndsOfPauses(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "before_facts.sqlite"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "jobs.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	db := plainDB(t, path)
	const pause, resume, adjust, correct = 14, 15, 7, 8
	for i, row := range []struct {
		flow   string
		minute int
		event  int
		note   any
	}{
		// A pause until an instant that was over when the next pause began: that is the flow's pause.
		{"twice", 0, pause, "until 2026-12-02T00:10:00.000Z: a while"}, {"twice", 20, pause, "until 2026-12-02T09:00:00.000Z: more"},
		// A note of the operator, and a second pause that went on from the first.
		{"tool", 0, pause, "until 2026-12-02T00:10:00.000Z: vendor"}, {"tool", 20, pause, "until 2026-12-02T09:00:00.000Z: more"},
		{"text", 0, pause, "until 2026-12-02T00:10:00.000Z"}, {"text", 20, resume, "the pause was over at 2026-12-02T00:10:00.000Z"},
		{"text", 30, pause, "until 2026-12-02T00:10:00.000Z"}, {"text", 40, resume, nil},
		{"text", 50, pause, "until tomorrow"}, {"text", 51, resume, nil},
		{"text", 52, pause, "until 2026-99-02T00:10:00.000Z"}, {"text", 53, resume, "the pause was over at"},
		{"fine", 0, pause, "why; skipped 2026-12-02T00:00:00.000Z: running"},
		{"often", 0, adjust, "until 2026-12-02T00:10:00.000Z: the clock went back by 1h0m0s"},
		{"often", 1, adjust, "skipped 2026-12-02T00:00:00.000Z: backoff; until 2026-12-02T00:10:00.123Z: the clock went forward by 1h0m0s"},
		{"often", 2, correct, "until 2026-12-02T00:10:00.000Z: the clock was corrected: it went back by 9h0m0s"},
		{"often", 3, correct, "the clock was corrected: it went back by 9h0m0s"}, {"often", 4, adjust, "the clock went back by 1s"},
	} {
		_, err := db.Exec(`INSERT INTO pawl_transition_log (seq, at, flow, event, from_status, to_status, run_count, in_flight, failure_streak, version, note)
SELECT ?, unixepoch('2026-12-02T00:00:00Z') * 1000 + ? * 60000, key, ?, 0, 0, 0, 0, 0, 99, ? FROM pawl_flow_plan WHERE id = ?`, 1000+i, row.minute, row.event, row.note, row.flow)
		require.NoError(t, err)
	}
	for flow, row := range map[string]struct {
		paused, until int
		note          string
	}{"twice": {20, 9 * 60, "more"}, "tool": {0, 9 * 60, "more"}, "fine": {0, 0, "why"}} {
		_, err := db.Exec(`UPDATE pawl_flow_plan SET paused_at = unixepoch('2026-12-02T00:00:00Z') * 1000 + ? * 60000,
paused_until = nullif(unixepoch('2026-12-02T00:00:00Z') * 1000 + ? * 60000, unixepoch('2026-12-02T00:00:00Z') * 1000), pause_note = ? WHERE id = ?`, row.paused, row.until, row.note, flow)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	s := openStore(t, path, Options{})
	defer s.Close()
	var got []string
	require.NoError(t, s.Reader.db.Select(&got, `SELECT flow_id || ' ' || event || ': ' || COALESCE(note, '-') || COALESCE(' | ' || paused_until, '')
FROM pawl_transitions WHERE event IN ('pause', 'resume', 'adjust', 'correct') ORDER BY seq`))
	assert.Equal(t, []string{
		"moving pause: the office moves | 2026-12-03T05:23:46.213Z",
		"vendor pause: until 2030-01-01T00:00:00.000Z: vendor",
		"vendor-twice pause: until 2030-01-01T00:00:00.000Z: vendor",
		"lapsed pause: a moment | 2026-12-01T05:23:46.720Z",
		"resumed pause: until 2026-12-02T05:23:46.221Z: a day", // nothing shows that it had an end
		"asked pause: a week | 2026-12-08T05:23:46.229Z",
		"asked-vendor pause: until 2030-01-01T00:00:00.000Z: vendor",
		"lapsed resume: the pause was over at 2026-12-01T05:23:46.720Z",
		"vendor-twice pause: again | 2026-12-04T05:23:47.945Z",
		"resumed resume: -", "asked resume: -", "asked-vendor resume: -",

		"twice pause: a while | 2026-12-02T00:10:00.000Z", "twice pause: more | 2026-12-02T09:00:00.000Z",
		"tool pause: until 2026-12-02T00:10:00.000Z: vendor", "tool pause: more | 2026-12-02T09:00:00.000Z",
		"text pause: - | 2026-12-02T00:10:00.000Z", "text resume: the pause was over at 2026-12-02T00:10:00.000Z",
		"text pause: until 2026-12-02T00:10:00.000Z", "text resume: -",
		"text pause: until tomorrow", "text resume: -",
		"text pause: until 2026-99-02T00:10:00.000Z", "text resume: the pause was over at",
		"fine pause: why",
		"often adjust: the clock went back by 1h0m0s | 2026-12-02T00:10:00.000Z",
		"often adjust: skipped 2026-12-02T00:00:00.000Z: backoff; the clock went forward by 1h0m0s | 2026-12-02T00:10:00.123Z",
		"often correct: the clock was corrected: it went back by 9h0m0s | 2026-12-02T00:10:00.000Z",
		"often correct: the clock was corrected: it went back by 9h0m0s", "often adjust: the clock went back by 1s",
	}, got)
}
