package pawl_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A client of a database whose log was deleted says so, and what helps.
//
// found A11.
func TestDeletedLogIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("a", job(ok)))
		r := start(t, s)
		runTimes(t, r, "a", 20)
		require.NoError(t, os.Rename(db+"-wal", db+"-away"))
		_, err := pawl.Open(db)
		require.ErrorIs(t, err, pawl.ErrLogGone)
		assert.ErrorContains(t, err, db+"-wal. Put it back.")
		require.NoError(t, os.Remove(db+"-wal"), "which the look has made")
		require.NoError(t, os.Rename(db+"-away", db+"-wal"))
		c, err := pawl.Open(db)
		require.NoError(t, err)
		runs, err := c.Runs(t.Context(), pawl.RunsQuery{})
		require.NoError(t, err)
		assert.Len(t, runs, 20)
		require.NoError(t, c.Close())
		stop(t, r, db)
	})
}
