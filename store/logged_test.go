package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/schedule"
)

// The log is never longer than it is taken to be: many runs in one change, large texts, and
// those that a row has from before.
func TestLogIsNotTakenForShorterThanItIs(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	seed(t, s, []string{"a"}, 1)
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	state, seq, key := *snap.Flows[0], snap.Counters.Seq, snap.Counters.Run
	plan := engine.Plan{Schedule: schedule.Manual(), Overlap: engine.Overlap{Buffer: 1 << 20}}
	waiting := func() int {
		pages, moved, err := pair(s.writer.measureLog)
		require.NoError(t, err)
		return pages - moved
	}
	now := epoch.Add(time.Hour)
	commit := func(e engine.Event) {
		c, err := engine.Apply(state, e, now, plan)
		require.NoError(t, err)
		seq++
		c.Number(seq)
		key += int64(len(c.Runs))
		state = *c.State
		require.NoError(t, s.Commit(t.Context(), engine.Batch{Changes: []engine.Change{c}}))
		if s.writer.behind < checkpointMax { // else it is measured
			assert.GreaterOrEqual(t, s.writer.behind, waiting(), "%T", e)
		}
		require.NoError(t, s.Checkpoint(false))
		assert.Less(t, waiting(), checkpointAt, "%T", e)
	}
	text := func(n int) engine.JSON { return engine.JSON(`"` + strings.Repeat("x", n-2) + `"`) }
	asks := func(n, size int) []engine.Ask {
		asks := make([]engine.Ask, n)
		for i := range asks {
			asks[i].Input = text(size)
		}
		return asks
	}
	commit(engine.Enqueue{Asks: asks(1000, 10), Key: key + 1})
	commit(engine.Enqueue{Asks: asks(1000, 3000), Key: key + 1})
	commit(engine.Enqueue{Asks: asks(2, 1<<20), Key: key + 1})
	commit(engine.Reserve{Trigger: engine.TriggerSchedule, Key: key + 1})
	commit(engine.Outcome{Run: 2, Error: strings.Repeat("y", 8000), Output: text(1 << 20)})
	plan.Retry = &engine.Retry{Max: 9, Delay: engine.BackoffPolicy{Initial: time.Second}}
	for range 100 { // found B2: the error of an attempt
		now = now.Add(time.Hour)
		commit(engine.Reserve{Trigger: engine.TriggerSchedule, Key: key + 1})
		commit(engine.Outcome{Run: state.Open[0].Number, Error: strings.Repeat("y", 8000)})
	}
	for range 200 {
		commit(engine.Reset{})
	}
}

// What a trigger of somebody else's keeps out of a log is no row that can be moved to where
// it belongs.
func TestRowThatIsNotAddedIsARejection(t *testing.T) {
	for _, log := range []string{"pawl_run_log", "pawl_transition_log"} {
		path := filepath.Join(t.TempDir(), "jobs.db")
		s := openStore(t, path, Options{})
		seed(t, s, []string{"a"}, 3)
		db := plainDB(t, path)
		execOn(t, db, "CREATE TRIGGER theirs BEFORE INSERT ON "+log+" BEGIN SELECT RAISE(IGNORE); END")
		snap, err := s.Load(t.Context())
		require.NoError(t, err)
		c, err := engine.Apply(*snap.Flows[0], engine.Reserve{Trigger: engine.TriggerManual, Key: snap.Counters.Run + 1}, epoch.Add(time.Hour), engine.Plan{Schedule: schedule.Manual()})
		require.NoError(t, err)
		c.Number(snap.Counters.Seq + 1)
		var rejected *engine.Rejected
		require.ErrorAs(t, s.Commit(t.Context(), engine.Batch{Changes: []engine.Change{c}}), &rejected)
		after, err := s.Load(t.Context())
		require.NoError(t, err)
		assert.Equal(t, snap, after)
		findings, err := s.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, findings)
	}
}
