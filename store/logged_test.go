package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
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
	plan := core.Plan{Schedule: schedule.Manual(), Overlap: core.Overlap{Buffer: 1 << 20}}
	waiting := func() int {
		pages, moved, err := pair(s.writer.measureLog)
		require.NoError(t, err)
		return pages - moved
	}
	now := epoch.Add(time.Hour)
	commit := func(e core.Event) {
		c, err := core.Apply(state, e, now, plan)
		require.NoError(t, err)
		seq++
		c.Number(seq)
		key += int64(len(c.Runs))
		state = *c.State
		require.NoError(t, s.Commit(t.Context(), engine.Batch{Changes: []core.Change{c}}))
		if s.writer.behind < checkpointMax { // else it is measured
			assert.GreaterOrEqual(t, s.writer.behind, waiting(), "%T", e)
		}
		require.NoError(t, s.Checkpoint(false))
		assert.Less(t, waiting(), checkpointAt, "%T", e)
	}
	text := func(n int) core.JSON { return core.JSON(`"` + strings.Repeat("x", n-2) + `"`) }
	asks := func(n, size int) []core.Ask {
		asks := make([]core.Ask, n)
		for i := range asks {
			asks[i].Input = text(size)
		}
		return asks
	}
	commit(core.Accept{Asks: asks(1000, 10), Key: key + 1})
	commit(core.Accept{Asks: asks(1000, 3000), Key: key + 1})
	commit(core.Accept{Asks: asks(2, 1<<20), Key: key + 1})
	commit(core.Reserve{Trigger: core.TriggerSchedule, Key: key + 1})
	commit(core.Outcome{Run: 2, Error: strings.Repeat("y", 8000), Output: text(1 << 20)})
	plan.Retry = &core.Retry{Max: 9, Delay: core.BackoffPolicy{Initial: time.Second}}
	for range 100 { // found B2: the error of an attempt
		now = now.Add(time.Hour)
		commit(core.Reserve{Trigger: core.TriggerSchedule, Key: key + 1})
		commit(core.Outcome{Run: state.Open[0].Number, Error: strings.Repeat("y", 8000)})
	}
	for range 200 {
		commit(core.Reset{})
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
		c, err := core.Apply(*snap.Flows[0], core.Reserve{Trigger: core.TriggerManual, Key: snap.Counters.Run + 1}, epoch.Add(time.Hour), core.Plan{Schedule: schedule.Manual()})
		require.NoError(t, err)
		c.Number(snap.Counters.Seq + 1)
		var rejected *engine.Rejected
		require.ErrorAs(t, s.Commit(t.Context(), engine.Batch{Changes: []core.Change{c}}), &rejected)
		after, err := s.Load(t.Context())
		require.NoError(t, err)
		assert.Equal(t, snap, after)
		findings, err := s.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, findings)
	}
}
