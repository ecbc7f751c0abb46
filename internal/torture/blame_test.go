//go:build unix

package torture_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// A job that kills its process at every start, with innocents in flight each time: the
// first kill makes suspects of all, those that follow halve them until it is the only one
// in flight, and then each is its failure, and it trips. What the innocents failed before is
// neither forgotten nor added to. found Q3, found A12; faults I2.
func TestFlowThatKillsItsProcessIsFoundAmongInnocents(t *testing.T) {
	t.Parallel()
	const limit, innocents = 3, 4
	for _, bomb := range []crashFlow{
		{ID: "bomb", Every: time.Millisecond},
		{ID: "bomb", Cron: "* * * * * *"},
	} {
		t.Run(bomb.kind(), func(t *testing.T) {
			t.Parallel()
			c := newCampaign(t, nil)
			for i := range innocents {
				c.flows = append(c.flows, crashFlow{ID: fmt.Sprint("innocent-", i), Backoff: backoff(2), Job: "hangs from 2"})
			}
			c.owner(func(w *world) {
				for _, f := range c.flows {
					require.NoError(t, w.run(f.ID))
				}
			})
			for i := range c.flows {
				require.Equal(t, 1, c.file.states[c.flows[i].ID].FailureStreak)
				c.flows[i].Every, c.flows[i].Cron = bomb.Every, bomb.Cron
			}
			bomb.Backoff = &pawl.BackoffPolicy{Initial: time.Millisecond, StreakLimit: limit}
			bomb.Job = "kills"
			c.flows = append([]crashFlow{bomb}, c.flows...) // it is due first

			// All five, all five again, half of them, and one, which fails three times.
			for start, suspects := range []int{0, 5, 2, 1, 1, 1} {
				require.True(t, c.child(child{Script: "bomb"}, nil), "start %d", start)
				all, is := c.file.inFlight()
				require.Equal(t, suspects, is, "start %d", start)
				require.GreaterOrEqual(t, all, 2, "start %d", start)
				require.Equal(t, max(start-3, 0), c.file.states["bomb"].FailureStreak, "start %d", start)
			}
			require.False(t, c.child(child{Script: "bomb"}, nil), "the next one stays up")
			require.Equal(t, pawl.StatusTripped, c.file.states["bomb"].Status)
			for _, f := range c.flows[1:] {
				run := c.file.runs[f.ID+"/2"]
				require.Equal(t, pawl.RunInterrupted, run.Status)
				require.Contains(t, run.Error, fmt.Sprintf("suspect: one of %d that were in flight", innocents+1))
				for _, step := range c.interrupts(f.ID) {
					require.Contains(t, step.to, "streak 1 ", "as it was before")
				}
				require.False(t, c.file.states[f.ID].Suspect)
				require.NotEqual(t, pawl.StatusTripped, c.file.states[f.ID].Status)
			}
		})
	}
}

// interrupts are the transitions of a flow whose process died, in their order.
func (c *campaign) interrupts(id string) (steps []step) {
	for version := range c.file.states[id].Version {
		if s := c.file.steps[harness.RunName(id, version+1)]; s.event == "interrupt" {
			steps = append(steps, s)
		}
	}
	return steps
}
