package usertx

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// time X4: what would end the transaction, reach beyond it or write what is ours is
// refused, says why, and changes nothing else.
func TestEscapesAreRefused(t *testing.T) {
	l := newHost(t, twoTables+`CREATE VIEW mine AS SELECT * FROM effects;
CREATE TRIGGER mine_too INSTEAD OF INSERT ON mine BEGIN DELETE FROM pawl_commands; END;`)
	escapes := map[string]string{
		`BEGIN`:    "the transaction is Pawl's",
		`COMMIT`:   "the transaction is Pawl's",
		`END`:      "the transaction is Pawl's",
		`ROLLBACK`: "the transaction is Pawl's",

		`SELECT 1; -- not all` + "\n" + `/* and */ COMMIT`: "the transaction is Pawl's",

		`SAVEPOINT pawl_job`:                         "take another",
		`RELEASE Pawl_Job`:                           "take another",
		`ROLLBACK TO "pawl_job"`:                     "take another",
		`ATTACH ':memory:' AS other`:                 "one file",
		`DETACH main`:                                "one file",
		`VACUUM`:                                     "cannot VACUUM from within a transaction",
		`VACUUM INTO 'copy.db'`:                      "cannot VACUUM from within a transaction",
		`PRAGMA foreign_keys = 0`:                    "goes on after the transaction",
		`PRAGMA writable_schema = 1`:                 "goes on after the transaction",
		`PRAGMA user_version = 1`:                    "goes on after the transaction",
		`PRAGMA main.QUERY_ONLY`:                     "goes on after the transaction",
		`PRAGMA wal_checkpoint`:                      "goes on after the transaction",
		`CREATE TEMP TABLE t (i)`:                    "nothing temporary",
		`CREATE TABLE temp.t (i)`:                    "nothing temporary",
		`CREATE TEMP VIEW v AS VALUES (1)`:           "nothing temporary",
		`CREATE VIRTUAL TABLE temp.t USING fts5 (x)`: "nothing temporary",
		`CREATE TEMP TRIGGER t INSERT ON effects BEGIN SELECT 1; END`:      "nothing temporary",
		`CREATE TEMP TRIGGER t INSERT ON pawl_run_log BEGIN SELECT 1; END`: "nothing temporary",
		`UPDATE sqlite_schema SET sql = ''`:                                "may not be modified",
		`UPDATE sqlite_dbpage SET data = zeroblob(4096)`:                   "sqlite_dbpage is not to be written",
		`INSERT INTO pawl_commands (command) VALUES ('reset')`:             "pawl_commands is not to be written",
		`UPDATE Pawl_Flow_State SET version = 1`:                           "pawl_flow_state is not to be written",
		`DELETE FROM pawl_run_log`:                                         "pawl_run_log is not to be written",
		`WITH w AS (SELECT 1) DELETE FROM main.pawl_words`:                 "pawl_words is not to be written",
		`INSERT INTO mine (what) VALUES ('')`:                              "pawl_commands is not to be written",
		`DROP TABLE pawl_run_log`:                                          "pawl_run_log is not to be written",
		`DROP VIEW pawl_status`:                                            "pawl_status is not to be written",
		`DROP INDEX pawl_run_mark`:                                         "not to be written",
		`CREATE TABLE PAWL_own (i)`:                                        "PAWL_own is not to be written",
		`CREATE VIEW pawl_own AS VALUES (1)`:                               "pawl_own is not to be written",
		`CREATE VIRTUAL TABLE pawl_own USING fts5 (x)`:                     "pawl_own is not to be written",
		`CREATE INDEX own ON pawl_run_log (status)`:                        "pawl_run_log is not to be written",
		`CREATE INDEX pawl_own ON effects (what)`:                          "pawl_own is not to be written",
		`CREATE TRIGGER own INSERT ON pawl_run_log BEGIN SELECT 1; END`:    "pawl_run_log is not to be written",
		`CREATE TRIGGER pawl_own INSERT ON effects BEGIN SELECT 1; END`:    "pawl_own is not to be written",
		`ALTER TABLE pawl_run_log ADD COLUMN own`:                          "pawl_run_log is not to be written",
		`ALTER TABLE pawl_run_log RENAME TO own`:                           "pawl_run_log is not to be written",
		`SELECT * FROM pragma_wal_checkpoint`:                              "no such table",
	}
	for query, says := range escapes {
		t.Run(query, func(t *testing.T) {
			require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, query)
				require.ErrorContains(t, err, says)
				_, err = tx.PrepareContext(ctx, query)
				if err == nil { // a script, or refused as it runs
					rows, again := tx.QueryContext(ctx, query)
					require.ErrorContains(t, again, says)
					require.Nil(t, rows)
				}
				return add(ctx, tx, "paid")
			}))
		})
	}
	assert.Len(t, l.effects(), len(escapes), "each goes on without")
}

// What a job does to tables of its app, and reads of ours, is its own business.
func TestOwnSchemaAndReadsAreAllowed(t *testing.T) {
	l := newHost(t, twoTables)
	require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		for _, query := range []string{
			`CREATE TABLE own (i INTEGER PRIMARY KEY AUTOINCREMENT, x)`, `CREATE INDEX own_x ON own (x)`,
			`CREATE VIEW seen AS SELECT * FROM pawl_status`, `CREATE VIRTUAL TABLE words USING fts5 (word)`,
			`CREATE VIRTUAL TABLE places USING rtree (id, a, b)`, `INSERT INTO places VALUES (1, 2, 3)`,
			`INSERT INTO words VALUES ('one'), ('two')`, `SELECT * FROM words WHERE words MATCH 'two'`,
			`CREATE TRIGGER own_too AFTER INSERT ON own BEGIN INSERT INTO effects (what) VALUES (new.x); END`,
			`INSERT INTO own (x) VALUES ('paid')`, `ALTER TABLE own RENAME COLUMN x TO y`, `ALTER TABLE own RENAME TO owned`,
			`SELECT * FROM seen, pawl_flow_state, pawl_history`, `PRAGMA table_info (effects)`, `SELECT * FROM pragma_table_list`,
			`PRAGMA foreign_keys`, `ANALYZE effects`, `REINDEX owned`, `EXPLAIN QUERY PLAN SELECT * FROM effects`,
			`SAVEPOINT own; INSERT INTO effects (what) VALUES ('not'); ROLLBACK TO own; RELEASE own`,
			`SAVEPOINT left_open; INSERT INTO effects (what) VALUES ('too')`,
		} {
			_, err := tx.ExecContext(ctx, query)
			require.NoError(t, err, query)
		}
		return nil
	}))
	assert.Equal(t, []string{"paid", "too"}, l.effects())
	require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DROP TABLE owned; DROP VIEW seen; DROP TABLE words; DROP TABLE places`)
		return err
	}))
}
