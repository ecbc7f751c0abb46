//go:build unix

package pawl_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A job that kills its process at every start, with innocents in flight each time:
// the first kill makes suspects of all, the next ones are its failures, and it trips
// within limit+2 starts. What the innocents failed before is neither forgotten nor
// added to. Matrix: k > 1 runs in flight; I2.
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
				c.flows = append(c.flows, crashFlow{ID: fmt.Sprint("innocent-", i), Backoff: backoff(2), Job: "hangs at 2"})
			}
			c.owner(func(w *world) {
				for _, f := range c.flows {
					require.NoError(t, w.run(f.ID))
				}
			})
			for i := range c.flows {
				require.Equal(t, 1, c.file.states[c.flows[i].ID].FailureStreak)
				c.flows[i].Every = time.Millisecond
			}
			bomb.Backoff = &pawl.BackoffPolicy{Initial: time.Millisecond, StreakLimit: limit}
			bomb.Job = "kills"
			c.flows = append(c.flows, bomb)

			require.True(t, c.child(child{Script: "bomb"}, nil))
			flows, suspects := c.file.inFlight()
			require.Equal(t, innocents+1, flows)
			require.Zero(t, suspects)
			for start := 2; start <= limit+1; start++ {
				require.True(t, c.child(child{Script: "bomb"}, nil), "start %d", start)
				require.True(t, c.file.states["bomb"].Suspect)
				require.Equal(t, start-2, c.file.states["bomb"].FailureStreak, "start %d", start)
				_, suspects := c.file.inFlight()
				require.Equal(t, 1, suspects, "start %d", start)
			}
			require.False(t, c.child(child{Script: "bomb"}, nil), "start %d stays up", limit+2)
			require.Equal(t, pawl.StatusTripped, c.file.states["bomb"].Status)
			for _, f := range c.flows[:innocents] {
				run := c.file.runs[f.ID+"/2"]
				require.Equal(t, pawl.RunInterrupted, run.Status)
				require.Contains(t, run.Error, fmt.Sprintf("suspect: one of %d flows", innocents+1))
				for i, step := range c.interrupts(f.ID) {
					require.Contains(t, step.to, []string{"streak 1 ", "streak 0 "}[min(i, 1)], "as it was before")
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
		if s := c.file.steps[runName(id, version+1)]; s.event == "interrupt" {
			steps = append(steps, s)
		}
	}
	return steps
}
