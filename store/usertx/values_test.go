package usertx

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/jmoiron/sqlx/reflectx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const valuesTable = `CREATE TABLE vals (id INTEGER PRIMARY KEY, any, at TIMESTAMP, day Date)`

// mustCommit requires that do succeeds.
func (h *host) mustCommit(do work) {
	h.t.Helper()
	require.NoError(h.t, h.commit(h.t.Context(), do))
}

// What a job stores through its transaction, and reads there, is what it would
// be with modernc.org/sqlite, told to write times as SQLite reads them.
func TestValuesAreThoseOfTheOtherDriver(t *testing.T) {
	values := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Int64(), toAny), rapid.Map(rapid.Float64(), toAny), rapid.Map(rapid.Bool(), toAny),
		rapid.Map(rapid.String(), toAny), rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, -1), toAny))
	times := rapid.Custom(func(t *rapid.T) time.Time {
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "minutes east"))
		return time.Unix(rapid.Int64Range(-1<<35, 1<<37).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(zone)
	})
	other := openDB(t, "file:"+filepath.Join(t.TempDir(), "other.db")+"?_time_format=sqlite")
	exec(t, other, valuesTable)
	newHost(t, valuesTable).mustCommit(func(_ context.Context, tx *sql.Tx) error {
		rapid.Check(t, func(t *rapid.T) {
			value, at := values.Draw(t, "value"), times.Draw(t, "at")
			want, got := storedAndRead(t, other, value, at), storedAndRead(t, tx, value, at)
			assert.Equal(t, want, got)
			require.IsType(t, at, got[0])
			assert.True(t, at.Equal(got[0].(time.Time)))
		})
		return nil
	})
}

func toAny[T any](v T) any { return v }

func storedAndRead(t *rapid.T, db interface {
	Exec(query string, args ...any) (sql.Result, error)
	QueryRow(query string, args ...any) *sql.Row
}, value any, at time.Time) []any {
	_, err := db.Exec(`INSERT OR REPLACE INTO vals VALUES (1, ?, ?, ?)`, value, at, at)
	require.NoError(t, err)
	found := make([]any, 6)
	row := db.QueryRow(`SELECT at, day, any, quote(any), typeof(any), at || day FROM vals`)
	require.NoError(t, row.Scan(&found[0], &found[1], &found[2], &found[3], &found[4], &found[5]))
	return found
}

// Empty bytes are not NULL, no bytes are; a bool is a number.
func TestSmallValues(t *testing.T) {
	l := newHost(t, valuesTable)
	l.mustCommit(func(ctx context.Context, tx *sql.Tx) error {
		var empty, none []byte
		var kinds string
		require.NoError(t, tx.QueryRow(`SELECT ?1, ?2, typeof(?3) || typeof(?4) || ?5 || ?6`,
			[]byte{}, []byte(nil), true, "", true, false).Scan(&empty, &none, &kinds))
		assert.Equal(t, []byte{}, empty)
		assert.Nil(t, none)
		assert.Equal(t, "integertext10", kinds)
		return nil
	})
}

func TestTimesAreReadInEveryLayout(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 500, time.UTC)
	for text, want := range map[string]any{
		"2026-11-22 09:00:00.0000005+00:00":                 at,
		"2026-11-22T09:00:00.0000005Z":                      at,
		"2026-11-22 09:00:00.0000005":                       at,
		"2026-11-22 10:00:00.0000005 +0100 CET m=+0.000001": at,
		"2026-11-22 10:00:00.0000005 +0100 CET":             at,
		"2026-11-22 09:00":                                  at.Truncate(time.Hour),
		"2026-11-22":                                        at.Truncate(24 * time.Hour),
		"yesterday":                                         "yesterday",
		"":                                                  "",
	} {
		for _, declared := range []string{"DATE", "DATETIME", "TIMESTAMP"} {
			got := timeOrText(text, declared)
			if read, ok := got.(time.Time); ok {
				got = read.UTC()
			}
			assert.Equal(t, want, got)
		}
		assert.Equal(t, text, timeOrText(text, "TEXT"))
	}
}

func TestParametersFindTheirArguments(t *testing.T) {
	l := newHost(t, valuesTable)
	l.mustCommit(func(ctx context.Context, tx *sql.Tx) error {
		for query, test := range map[string]struct {
			args []any
			want string
		}{
			`SELECT ? || ? || ?`:               {[]any{"a", "b", "c"}, "abc"},
			`SELECT ?2 || ?1 || ?2`:            {[]any{"a", "b"}, "bab"},
			`SELECT $2 || $1`:                  {[]any{"a", "b"}, "ba"},
			`SELECT :a || @b || $c || :a`:      {[]any{sql.Named("c", "3"), sql.Named("a", "1"), sql.Named("b", "2")}, "1231"},
			`SELECT ? || :b`:                   {[]any{"a", sql.Named("b", "2")}, "a2"},
			`SELECT :a || :b`:                  {[]any{"a", "b"}, "ab"},
			`SELECT 'a'; ; SELECT ?1; -- done`: {[]any{"b"}, "b"},
			`/* none */ SELECT 'a'`:            {nil, "a"},
		} {
			var got string
			require.NoError(t, tx.QueryRow(query, test.args...).Scan(&got), query)
			assert.Equal(t, test.want, got, query)
		}
		for query, args := range map[string][]any{
			`SELECT ?, ?`: {1}, `SELECT ?2`: {1}, `SELECT :a`: {sql.Named("b", 1)}, `SELECT 1`: {1}, `SELECT :a `: {sql.Named("a", 1), 2},
		} {
			_, err := tx.Exec(query, args...)
			require.ErrorContains(t, err, "argument", query)
		}
		return nil
	})
}

// The texts of several statements run in order; the result is that of the last.
func TestTextsOfSeveralStatements(t *testing.T) {
	l := newHost(t, twoTables)
	l.mustCommit(func(ctx context.Context, tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `CREATE TABLE own (i); -- first
INSERT INTO own VALUES (?1), (?1 + 1), (?1 + 2);
INSERT INTO effects (id, what) SELECT i, 'a;b' FROM own WHERE i > ?1; /* end`, 7)
		require.NoError(t, err)
		id, err := r.LastInsertId()
		require.NoError(t, err)
		n, err := r.RowsAffected()
		require.NoError(t, err)
		assert.Equal(t, []int64{9, 2}, []int64{id, n})
		_, err = tx.ExecContext(ctx, " ;; -- nothing")
		require.NoError(t, err)
		_, err = tx.ExecContext(ctx, "SELECT 1;\x00COMMIT")
		require.ErrorContains(t, err, "NUL")
		rows, err := tx.QueryContext(ctx, "-- nothing")
		require.NoError(t, err)
		assert.False(t, rows.Next())
		require.NoError(t, rows.Close())
		rows, err = tx.QueryContext(ctx, `INSERT INTO effects VALUES (10, 'returned') RETURNING what`)
		require.NoError(t, err)
		return rows.Close() // done though nobody looked
	})
	assert.Equal(t, []string{"a;b", "a;b", "returned"}, l.effects())
}

// Columns have their names, also those that share one, and their declared types.
func TestColumnsAreNamedAndTyped(t *testing.T) {
	l := newHost(t, valuesTable)
	l.mustCommit(func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT v.id, w.id, v.at, v.day AS d, 1 + 1 FROM vals v, vals w`)
		require.NoError(t, err)
		defer rows.Close()
		types, err := rows.ColumnTypes()
		require.NoError(t, err)
		var got []string
		for _, column := range types {
			got = append(got, column.Name()+" "+column.DatabaseTypeName())
		}
		assert.Equal(t, []string{"id INTEGER", "id INTEGER", "at TIMESTAMP", "d DATE", "1 + 1 "}, got)
		return nil
	})
}

// A prepared statement can be used while its rows are open, and after an error.
func TestPreparedStatements(t *testing.T) {
	l := newHost(t, twoTables)
	l.mustCommit(func(ctx context.Context, tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, `INSERT INTO effects VALUES (?, ?)`)
		require.NoError(t, err)
		for i := range 3 {
			_, err := insert.ExecContext(ctx, i+1, "paid")
			require.NoError(t, err)
		}
		_, err = insert.Exec(3, "twice")
		require.ErrorContains(t, err, "UNIQUE")
		_, err = insert.Exec(4)
		require.ErrorContains(t, err, "argument")
		_, err = insert.Exec(4, "paid")
		require.NoError(t, err)
		require.NoError(t, insert.Close())
		return countTwice(t, tx)
	})
	assert.Len(t, l.effects(), 4)
}

func countTwice(t *testing.T, tx *sql.Tx) error {
	ids, err := tx.Prepare(`SELECT id FROM effects WHERE id >= ? ORDER BY id`)
	require.NoError(t, err)
	outer, err := ids.Query(1)
	require.NoError(t, err)
	for want := 1; outer.Next(); want++ {
		var id, inner int
		require.NoError(t, outer.Scan(&id))
		require.NoError(t, ids.QueryRow(id).Scan(&inner))
		assert.Equal(t, []int{want, want}, []int{id, inner})
	}
	require.NoError(t, outer.Err())
	several, err := tx.Prepare(`SELECT 1; SELECT max(id) FROM effects`)
	require.NoError(t, err)
	var newest int
	require.NoError(t, several.QueryRow().Scan(&newest))
	assert.Equal(t, 4, newest)
	return nil
}

// sqlx can wrap the transaction.
func TestSqlxWrapsTheTransaction(t *testing.T) {
	type row struct {
		ID  int64
		Any string
		At  time.Time
	}
	l := newHost(t, valuesTable)
	l.mustCommit(func(ctx context.Context, tx *sql.Tx) error {
		x := &sqlx.Tx{Tx: tx, Mapper: reflectx.NewMapperFunc("db", sqlx.NameMapper)}
		want := []row{{1, "a", epoch}, {2, "b", epoch.Add(time.Hour)}}
		_, err := x.NamedExecContext(ctx, `INSERT INTO vals (id, any, at) VALUES (:id, :any, :at)`, want)
		require.NoError(t, err)
		var got []row
		require.NoError(t, x.SelectContext(ctx, &got, `SELECT id, any, at FROM vals ORDER BY id`))
		for i := range got {
			got[i].At = got[i].At.UTC()
		}
		assert.Equal(t, want, got)
		query, args, err := sqlx.In(`SELECT count(*) FROM vals WHERE any IN (?)`, []string{"a", "b", "c"})
		require.NoError(t, err)
		var n int
		require.NoError(t, x.GetContext(ctx, &n, x.Rebind(query), args...))
		assert.Equal(t, 2, n)
		return nil
	})
}
