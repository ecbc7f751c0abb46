//go:build unix

package torture_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// A suspect's run goes on for a minute and so clears it: a kill before that is
// committed is the suspect's failure, since it is the only one in flight, and clears the
// suspect that was not; after it the suspect is one of two that nobody suspected, and no streak changes. A kill within the
// commit is one or the other. The minute passes in virtual time, the kills are real.
// PAWL_SEED repeats the moments.
//
// found A12; faults I1, faults I2.
func TestKilledAroundTheEndOfATrial(t *testing.T) {
	if spec, ok := os.LookupEnv(virtualEnv); ok {
		virtualChild(t, spec)
	}
	t.Parallel()
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	t.Logf("PAWL_SEED=%d", seed)
	moments := rand.New(rand.NewPCG(uint64(seed), 1<<61))
	for _, kill := range []string{"before clear", "after clear"} {
		t.Run(kill, func(t *testing.T) {
			t.Parallel()
			cleared := kill == "after clear"
			c := newTrial(t, kill)
			on := c.file.states
			first, next := "a", "b" // whose trial is the first
			if on[first].InFlight == 0 {
				first, next = next, first
			}
			require.Equal(t, []int{1, 0, 1}, []int{on[first].InFlight, on[next].InFlight, on["innocent"].InFlight}, "the next trial has not begun")
			require.Equal(t, []bool{!cleared, true, false}, []bool{on[first].Suspect, on[next].Suspect, on["innocent"].Suspect})
			require.Equal(t, cleared, c.stepped(first, "clear"))

			c.trial("after start")
			off := c.file.states
			require.Equal(t, []bool{true, cleared, cleared}, []bool{off[first].Suspect, off[next].Suspect, off["innocent"].Suspect})
			require.Equal(t, !cleared, off[first].Status == pawl.StatusTripped)
			require.NotEqual(t, pawl.StatusTripped, off[next].Status)
			require.NotEqual(t, pawl.StatusTripped, off["innocent"].Status)
		})
	}
	for range howMany(t) / 50 {
		kill := fmt.Sprint("during clear ", time.Duration(moments.Int64N(int64(time.Millisecond))))
		t.Run(kill, func(t *testing.T) {
			t.Parallel()
			newTrial(t, kill).trial("after start")
		})
	}
}

// virtualChild is a child in a bubble, which ends with it. The clock outside of that
// runs during a commit, too.
func virtualChild(t *testing.T, spec string) {
	alarm := make(chan time.Duration)
	go func() {
		time.Sleep(<-alarm)
		die()
	}()
	synctest.Test(t, func(*testing.T) {
		os.Exit(childMain(spec, func(d time.Duration) { alarm <- d }))
	})
}

// newTrial makes suspects of two flows that are isolated, and has a start with the trial of one of them,
// beside the run of a third, killed.
func newTrial(t *testing.T, kill string) *campaign {
	once := pawl.TripAfter(1)
	c := newCampaign(t, []crashFlow{
		{ID: "a", Every: time.Millisecond, Backoff: &once, Job: "hangs"},
		{ID: "b", Every: time.Millisecond, Backoff: &once, Job: "hangs"},
		{ID: "innocent", Backoff: &once, Job: "hangs"},
	})
	for range 2 { // the first crash isolates nothing
		require.True(t, c.child(child{Script: "crowd", Kill: "both", Virtual: trialTest}, nil))
	}
	c.trial(kill)
	return c
}

const trialTest = "TestKilledAroundTheEndOfATrial"

func (c *campaign) trial(kill string) {
	require.True(c.t, c.child(child{Script: "trial", Kill: kill, Virtual: trialTest}, nil))
}

// stepped says whether a flow went through such an event.
func (c *campaign) stepped(id, event string) bool {
	for version := range c.file.states[id].Version {
		if c.file.steps[harness.RunName(id, version+1)].event == event {
			return true
		}
	}
	return false
}

// crowd is killed with runs of two flows in flight.
func (w *world) crowd() error {
	if err := w.start(pawl.WithInboxPoll(0)); err != nil {
		return err
	}
	for _, id := range []string{"a", "b"} {
		if _, err := w.trigger(id); err != nil { // unless its schedule was first
			return err
		}
	}
	w.point("both")
	return nil
}

// trial keeps a suspect in flight beside an innocent one.
func (w *world) trial() error {
	if err := w.start(pawl.WithInboxPoll(0)); err != nil {
		return err
	}
	if _, err := w.trigger("innocent"); err != nil {
		return err
	}
	return w.runner.Wait()
}
