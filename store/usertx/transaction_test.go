package usertx

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func add(ctx context.Context, tx *sql.Tx, what string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO effects (what) VALUES (?)`, what)
	return err
}

// time X4.
func TestFunctionCommitsWithPawl(t *testing.T) {
	l := newHost(t, twoTables)
	require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		assert.Empty(t, l.effects(), "nobody else sees it yet")
		return add(ctx, tx, "paid")
	}))
	assert.Equal(t, []string{"paid"}, l.effects())
}

// time X4: an error, a panic or whatever else ends the function leaves nothing behind,
// and our own statements are what they were.
func TestFailedFunctionLeavesNothing(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		end  func(tx *sql.Tx) error
		says string
	}{
		"error":        {func(*sql.Tx) error { return boom }, "boom"},
		"panic":        {func(*sql.Tx) error { panic(boom) }, "panic: boom\ngoroutine "},
		"Goexit":       {func(*sql.Tx) error { runtime.Goexit(); return nil }, "runtime.Goexit"},
		"Commit":       {func(tx *sql.Tx) error { _ = tx.Commit(); return nil }, "return nil to commit it"},
		"Rollback":     {func(tx *sql.Tx) error { _ = tx.Rollback(); return nil }, "an error to undo it"},
		"a constraint": {func(tx *sql.Tx) error { _, err := tx.Exec(`INSERT INTO effects VALUES (1, '')`); return err }, "UNIQUE"},
		"a deferred constraint": {func(tx *sql.Tx) error { _, err := tx.Exec(`INSERT INTO parts VALUES (1, 2)`); return err },
			"FOREIGN KEY constraint failed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
				l := newHost(t, twoTables)
				err := l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
					require.NoError(t, add(ctx, tx, "paid"))
					_, err := tx.Query(`SELECT * FROM effects`) // not closed
					require.NoError(t, err)
					return test.end(tx)
				})
				require.ErrorContains(t, err, test.says)
				require.NotErrorIs(t, err, ErrRolledBack)
				assert.Empty(t, l.effects())
				require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error { return add(ctx, tx, "again") }))
				assert.Equal(t, []string{"again"}, l.effects())
			})
		})
	}
}

// A transaction of database/sql says itself that it is not the function's.
func TestCommitAndRollbackAreRefused(t *testing.T) {
	l := newHost(t, twoTables)
	err := l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		require.ErrorIs(t, tx.Commit(), errPawlEnds)
		require.ErrorIs(t, add(ctx, tx, "more"), sql.ErrTxDone)
		return nil
	})
	require.ErrorIs(t, err, errPawlEnds)
	err = l.commit(t.Context(), func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() })
	require.ErrorIs(t, err, errPawlEnds)
}

// time X4: the function has its time, also if it is not in SQLite when that ends. It
// keeps nothing that reaches the connection.
func TestHangingFunctionIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newHost(t, twoTables)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("over time"))
		defer cancel()
		release, after := make(chan struct{}), make(chan error, 3)
		began := time.Now()
		err := l.commit(ctx, func(_ context.Context, tx *sql.Tx) error {
			require.NoError(t, add(t.Context(), tx, "paid"))
			rows, err := tx.QueryContext(t.Context(), `SELECT 1 UNION SELECT 2`)
			require.NoError(t, err)
			require.True(t, rows.Next())
			require.NoError(t, rows.Scan(new(sql.RawBytes))) // holds the transaction of database/sql until the next Next
			stmt, err := tx.Prepare(`INSERT INTO effects (what) VALUES ('late')`)
			require.NoError(t, err)
			<-release
			assert.False(t, rows.Next())
			after <- rows.Err()
			after <- add(t.Context(), tx, "late")
			_, err = stmt.Exec()
			after <- err
			return nil
		})
		require.EqualError(t, err, "over time")
		assert.Equal(t, time.Second, time.Since(began))
		close(release)
		<-after // whether rows says it or only ends is database/sql's
		require.ErrorIs(t, <-after, sql.ErrTxDone)
		require.Error(t, <-after)
		assert.Empty(t, l.effects())
		require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error { return add(ctx, tx, "again") }))
		assert.Equal(t, []string{"again"}, l.effects())
		synctest.Wait()
	})
}

// Without database/sql before it, too, the driver lets nobody through.
func TestEndedTransactionIsDead(t *testing.T) {
	l := newHost(t, twoTables)
	require.NoError(t, sqlitex.Execute(l.conn, `BEGIN IMMEDIATE`, nil))
	require.NoError(t, sqlitex.Execute(l.conn, savepoint, nil))
	kept := begin(t.Context(), l.conn)
	p, err := driverConn{kept}.Prepare(`SELECT 1`)
	require.NoError(t, err)
	r, err := driverConn{kept}.QueryContext(t.Context(), `SELECT 1`, nil)
	require.NoError(t, err)
	require.NoError(t, kept.end(nil))
	require.NoError(t, sqlitex.Execute(l.conn, `ROLLBACK`, nil))
	_, err = driverConn{kept}.ExecContext(t.Context(), `SELECT 1`, nil)
	require.ErrorIs(t, err, errEnded)
	_, err = driverConn{kept}.Prepare(`SELECT 1`)
	require.ErrorIs(t, err, errEnded)
	require.ErrorIs(t, r.Next(nil), errEnded)
	require.NoError(t, r.Close())
	require.NoError(t, p.Close())
}

// interrupting makes the function stop() of SQL end a context.
func interrupting(t *testing.T, conn *sqlite.Conn) (context.Context, error) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("over time")
	require.NoError(t, conn.CreateFunction("stop", &sqlite.FunctionImpl{
		Scalar: func(sqlite.Context, []sqlite.Value) (sqlite.Value, error) {
			cancel(cause)
			return sqlite.IntegerValue(1), nil
		},
	}))
	return ctx, cause
}

const endless = `WITH RECURSIVE c (i) AS (SELECT stop() UNION ALL SELECT i + 1 FROM c) SELECT `

// time X4: the end of the time interrupts what SQLite does.
func TestEndOfTimeInterruptsAQuery(t *testing.T) {
	l := newHost(t, twoTables)
	ctx, cause := interrupting(t, l.conn)
	err := l.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		require.NoError(t, add(ctx, tx, "paid"))
		return tx.QueryRow(endless + `count(*) FROM c`).Scan(new(int))
	})
	require.Equal(t, cause, err)
	assert.Empty(t, l.effects())
}

// A context of the function's own ends its statement, not the transaction.
func TestOwnContextEndsItsStatementOnly(t *testing.T) {
	l := newHost(t, twoTables)
	own, cause := interrupting(t, l.conn)
	require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		require.ErrorIs(t, tx.QueryRowContext(own, endless+`count(*) FROM c`).Scan(new(int)), cause)
		return add(ctx, tx, "paid")
	}))
	assert.Equal(t, []string{"paid"}, l.effects())
}

// SQLite undoes the whole transaction when a write is interrupted or says OR
// ROLLBACK: nothing that comes after is committed alone, and the error says it.
func TestRolledBackTransactionIsReported(t *testing.T) {
	l := newHost(t, twoTables)
	ctx, cause := interrupting(t, l.conn)
	for name, test := range map[string]struct {
		ctx   context.Context
		query string
		want  error
	}{
		"interrupted":          {ctx, `INSERT INTO effects (what) ` + endless + `i FROM c`, cause},
		"conflict":             {t.Context(), `INSERT OR ROLLBACK INTO effects VALUES (1, 'twice')`, nil},
		"conflict in a script": {t.Context(), `INSERT OR ROLLBACK INTO effects VALUES (1, 'twice'); INSERT INTO effects VALUES (2, 'alone')`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, sqlitex.Execute(l.conn, `BEGIN IMMEDIATE`, nil))
			err := Run(test.ctx, l.conn, func(ctx context.Context, tx *sql.Tx) error {
				require.NoError(t, add(ctx, tx, "paid"))
				_, err := tx.Exec(test.query)
				require.Error(t, err)
				require.Error(t, add(t.Context(), tx, "alone"))
				return nil
			})
			require.ErrorIs(t, err, ErrRolledBack)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
			assert.True(t, l.conn.AutocommitEnabled())
			assert.Empty(t, l.effects())
		})
	}
	require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error { return add(ctx, tx, "again") }))
}

func TestEndedContextStartsNothing(t *testing.T) {
	l := newHost(t, twoTables)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := l.commit(ctx, func(context.Context, *sql.Tx) error { panic("not called") })
	require.ErrorIs(t, err, context.Canceled)
}

// Run returns only after a statement that another goroutine is running.
func TestEndWaitsForRunningStatements(t *testing.T) {
	l := newHost(t, twoTables)
	running, ended := make(chan struct{}), make(chan error, 1)
	require.NoError(t, l.conn.CreateFunction("running", &sqlite.FunctionImpl{
		Scalar: func(sqlite.Context, []sqlite.Value) (sqlite.Value, error) {
			close(running)
			return sqlite.IntegerValue(1), nil
		},
	}))
	require.NoError(t, l.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		go func() {
			_, err := tx.ExecContext(ctx, `INSERT INTO effects (what) WITH RECURSIVE c (i) AS
(SELECT running() UNION ALL SELECT i + 1 FROM c WHERE i < 1000) SELECT i FROM c`)
			ended <- err
		}()
		<-running
		return nil
	}))
	require.NoError(t, <-ended)
	assert.Len(t, l.effects(), 1000)
}
