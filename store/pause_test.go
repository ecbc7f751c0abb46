package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// What the row of a flow says of its pause is what the transitions say, at each point of
// a history of pauses with an end and without; and an edit of either is found. facts T1.
func TestPauseIsAsItsTransitionsSay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jobs.db")
	b := newBook(t, file)
	b.flow("import", schedule.Manual(), nil, nil)
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }
	for _, step := range []struct {
		minute int
		event  core.Event
	}{
		{1, core.Pause{Note: "why"}}, {2, core.Pause{Note: "why", Until: at(5)}}, {5, core.Resume{Expired: true}},
		{6, core.Pause{Until: at(9)}}, {7, core.Resume{}}, {8, core.Pause{Note: "why", Until: at(11)}},
		{20, core.Pause{Note: "until 2026-11-22T09:59:00.000Z: no end, but looks like one"}}, {70, core.Pause{Note: "again", Until: at(99)}},
		{75, core.Pause{Note: "for a while", For: time.Hour}}, {80, core.Adjust{By: -60_000}}, {81, core.Pause{Note: "again", Until: at(99)}},
	} {
		b.now = at(step.minute)
		b.apply("import", step.event)
		b.commit()
		found, err := b.store.Verify(t.Context())
		require.NoError(t, err)
		require.Empty(t, found, step.minute)
		row, _, err := b.store.Flow(t.Context(), "import")
		require.NoError(t, err)
		flows, err := b.store.At(t.Context(), b.now)
		require.NoError(t, err)
		assert.Equal(t, row.PausedAt, flows[0].PausedAt, step.minute)
		assert.Equal(t, row.PauseNote, flows[0].PauseNote, step.minute)
		assert.Equal(t, row.PausedUntil, flows[0].PausedUntil, step.minute)
	}
	require.NoError(t, b.store.Close())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for edit, want := range map[string]string{
		`UPDATE pawl_flow_plan SET paused_until = paused_until + 1`: `its row is paused "until 2026-11-22T10:39:00.001Z: again", its transition "until 2026-11-22T10:39:00.000Z: again"`,
		`UPDATE pawl_flow_plan SET pause_note = 'no'`:               `its row is paused "until 2026-11-22T10:39:00.000Z: no", its transition "until 2026-11-22T10:39:00.000Z: again"`,
		`UPDATE pawl_transition_log SET paused_until = NULL`:        `its row is paused "until 2026-11-22T10:39:00.000Z: again", its transition "again"`,
		`UPDATE pawl_flow_plan SET paused_at = NULL`:                `its row is not paused, but has an end or a note of a pause: "until 2026-11-22T10:39:00.000Z: again"`,
		`UPDATE pawl_flow_plan SET paused_at = paused_at + 60000`:   `its row has paused_at 2026-11-22T09:21:00.000Z, the replay of its transitions gives 2026-11-22T09:20:00.000Z`,
	} {
		found, err := edited(t, data, edit).Verify(t.Context())
		require.NoError(t, err)
		assert.Contains(t, found, `flow "import": `+want)
	}
}
