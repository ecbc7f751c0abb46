package pawl_test

import (
	"database/sql"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A transaction that reads first and triggers later cannot write once others have committed.
// The error says so and names what helps; with that, each of them works.
//
// found Q9.
func TestTriggerTxAfterAReadNamesTheWayOut(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		require.NoError(t, os.WriteFile(db, nil, 0o600))
		execSQL(t, db, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
		s := quiet(db, pawl.WithSharedFile())
		require.NoError(t, s.Manual("work", job(ok), pawl.WithOverlap(pawl.OverlapBuffer(100))))
		r := start(t, s)
		attempt := func(dsn string) error {
			app, err := sql.Open("sqlite", dsn)
			require.NoError(t, err)
			defer app.Close()
			tx, err := app.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }() // nothing, after a commit
			var n int
			require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(&n))
			if dsn == db+"?_pragma=busy_timeout(5000)" { // else nobody can
				runTimes(t, r, "work", 1)
			}
			if _, err := r.TriggerTx(t.Context(), tx, "work"); err != nil {
				return err
			}
			return tx.Commit()
		}
		err := attempt(db + "?_pragma=busy_timeout(5000)")
		require.ErrorIs(t, err, pawl.ErrReadFirst)
		assert.ErrorContains(t, err, "_txlock=immediate")
		for range 50 {
			require.NoError(t, attempt(db+"?_pragma=busy_timeout(5000)&_txlock=immediate"))
		}
		stop(t, r, db)
	})
}
