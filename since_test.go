package pawl_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// Keys of a flow that was forgotten are not given again: a search by time has to look past
// the last run that there is.
func TestRunsSinceAnInstantAreFoundAfterAFlowWasForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("stays", job(ok)))
		require.NoError(t, s.Manual("goes", job(ok)))
		r := start(t, s)
		for _, id := range []string{"stays", "goes", "goes", "goes"} {
			run, err := r.Trigger(t.Context(), id)
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), id, run)
			require.NoError(t, err)
		}
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("goes") }))
		require.NoError(t, r.Forget(t.Context(), "goes"))
		for _, since := range []time.Time{at("00:00:00"), at("00:00:01"), at("23:00:00")} {
			runs, err := r.Runs(t.Context(), pawl.RunsQuery{Since: since})
			require.NoError(t, err)
			assert.Equal(t, since.Equal(at("00:00:00")), len(runs) == 1)
			window, err := r.View().Window(t.Context(), pawl.WindowQuery{Flows: []string{"stays"}, From: since})
			require.NoError(t, err)
			assert.Equal(t, since.Equal(at("00:00:00")), len(window["stays"]) == 1)
		}
		stop(t, r, db)
	})
}
