package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Matrix, hand-edited rows: what no transition tells of, the schema and the words
// behind the numbers, is compared with what the migrations make.
func TestChangedSchemaIsNamed(t *testing.T) {
	for _, test := range []struct{ change, want string }{
		{"SELECT 1", ""},
		{"CREATE TABLE invoices (id)", ""},
		{"DROP VIEW pawl_status", "view pawl_status is missing"},
		{"DROP INDEX pawl_run_mark", "index pawl_run_mark is missing"},
		{"CREATE TRIGGER mine AFTER INSERT ON pawl_run_log BEGIN SELECT 1; END", "trigger mine is none of Pawl's"},
		{"CREATE INDEX mine ON pawl_run_log (flow, number)", "index mine is none of Pawl's"},
		{"ALTER TABLE pawl_commands ADD COLUMN mine TEXT", "table pawl_commands is not as the migrations make it"},
		{"UPDATE pawl_words SET word = 'fine' WHERE kind = 'status' AND code = 3", `status 3 in pawl_words is "fine", but should be "failed"`},
		{"UPDATE pawl_words SET failure = 0 WHERE kind = 'run' AND code = 6", `over, failure of run 6 in pawl_words is "1, 0", but should be "1, 1"`},
		{"DELETE FROM pawl_words WHERE kind = 'run'", "run 0 in pawl_words is missing"},
		{"INSERT INTO pawl_words (kind, code, word) VALUES ('run', 77, 'lost')", "run 77 in pawl_words is none of Pawl's"},
		{"INSERT INTO pawl_database (id, created_at, generation) VALUES ('another', '', 1)", `the number of rows of pawl_database is "2", but should be "1"`},
	} {
		t.Run(test.change, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "jobs.db")
			startOnce(t, path, false)
			db := plainDB(t, path)
			execOn(t, db, test.change)
			require.NoError(t, db.Close())
			r, err := OpenReader(t.Context(), path)
			require.NoError(t, err)
			defer r.Close()
			c, err := doctor{r, time.Now}.schema(t.Context())
			require.NoError(t, err)
			if test.want == "" {
				assert.Empty(t, c.Found)
				return
			}
			require.NotEmpty(t, c.Found)
			assert.Contains(t, c.Found[0], test.want)
			assert.NotEmpty(t, c.Help)
		})
	}
}

// Words that are gone take the views with them, and are named nevertheless.
func TestSchemaWithoutWordsIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	db := plainDB(t, path)
	execOn(t, db, "DROP TABLE pawl_words")
	require.NoError(t, db.Close())
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()
	c, err := doctor{r, time.Now}.schema(t.Context())
	require.NoError(t, err)
	assert.Contains(t, c.Found, "table pawl_words is missing")
}
