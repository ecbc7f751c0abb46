package pawl_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// time K1: history can be deleted while nobody runs, and the database is as sound as before;
// what a state rests on stays.
func TestHistoryIsPrunedWhileNobodyRuns(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("a", job(ok), pawl.WithRetention(0, 0)))
		require.NoError(t, s.Manual("b", job(ok), pawl.WithRetention(0, 0)))
		require.NoError(t, s.Manual("fails", job(func(context.Context) error { return assert.AnError }), pawl.WithBackoff(pawl.TripAfter(100))))
		r := start(t, s)
		runTimes(t, r, "a", 900)
		runTimes(t, r, "b", 10)
		runTimes(t, r, "fails", 10)
		_, err := pawl.PruneHistory(t.Context(), db, pawl.Prune{Runs: 5})
		assert.ErrorIs(t, err, pawl.ErrDatabaseOwned)
		stop(t, r, db)

		before, err := os.Stat(db)
		require.NoError(t, err)
		told := 0
		rows, err := pawl.PruneHistory(t.Context(), db, pawl.Prune{Runs: 5, Flows: []string{"a"}, Told: func(n int) { told = n }})
		require.NoError(t, err)
		assert.GreaterOrEqual(t, rows, 3*895)
		assert.Greater(t, told, 0)
		verify(t, db)
		after, err := os.Stat(db)
		require.NoError(t, err)
		assert.Less(t, after.Size(), before.Size()/2, "a small file gives its space back, too")
		assert.Zero(t, query[int](t, db, `PRAGMA freelist_count`))
		c, err := pawl.Open(db)
		require.NoError(t, err)
		count := func(id string) int {
			runs, err := c.Runs(t.Context(), pawl.RunsQuery{Flow: id, Limit: 10_000})
			require.NoError(t, err)
			return len(runs)
		}
		assert.Equal(t, 5, count("a"))
		assert.Equal(t, 10, count("b"))
		require.NoError(t, c.Close())

		time.Sleep(time.Hour)
		_, err = pawl.PruneHistory(t.Context(), db, pawl.Prune{Age: time.Minute})
		require.NoError(t, err)
		verify(t, db)
		c, err = pawl.Open(db)
		require.NoError(t, err)
		assert.Equal(t, 1, count("b"), "the newest stays")
		assert.Equal(t, 10, count("fails"), "as do failures in a row")
		doubt, err := c.Doubt(t.Context())
		require.NoError(t, err)
		assert.Empty(t, doubt)
		require.NoError(t, c.Close())

		r = start(t, again(t, db))
		stop(t, r, db)
	})
}

func TestUpkeepRefusesWhatItCannotMean(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.db")
	assert.ErrorIs(t, pawl.Migrate(t.Context(), missing), fs.ErrNotExist)
	_, err := pawl.PruneHistory(t.Context(), missing, pawl.Prune{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.NoFileExists(t, missing)
	bubble(t, func(t *testing.T, db string) {
		stop(t, start(t, quiet(db)), db)
		_, err := pawl.PruneHistory(t.Context(), db, pawl.Prune{Runs: -1})
		assert.ErrorContains(t, err, "-1 runs")
		assert.NoError(t, pawl.Migrate(t.Context(), db), "there is nothing to do")
		verify(t, db)
	})
}
