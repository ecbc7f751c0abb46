//go:build unix

package torture_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// neighbours asks for 30 runs of a queue, once, and waits until all are over.
func (w *world) neighbours() error {
	if err := w.start(); err != nil {
		return err
	}
	info, _ := w.runner.Status("queue")
	if info.LastNumber == 0 {
		first, err := w.runner.TriggerMany(context.Background(), "queue", make([]any, 30))
		if err != nil {
			return err
		}
		w.tell(line{What: "accepted", Flow: "queue", Run: first, Count: 30})
	}
	for n := range int64(30) {
		if _, err := w.runner.WaitRun(context.Background(), "queue", n+1); err != nil {
			return err
		}
	}
	return w.runner.Stop(context.Background())
}

// One of 30 inputs kills the process as often as it is tried, five at a time: it is found by
// halves and fails alone, after both of its attempts. The others are done, in one attempt
// each. found Q3.
func TestKillerInputFailsAlone(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, []crashFlow{{ID: "queue", Overlap: pawl.OverlapAllow(5, 100), Retries: 1, Job: "kills at 13"}})
	kills := 0
	for c.child(child{Script: "neighbours"}, nil) {
		kills++
		require.Less(t, kills, 12)
	}
	t.Logf("%d kills", kills)
	for _, run := range c.file.runs {
		if run.Number == 13 {
			require.Equal(t, pawl.RunInterrupted, run.Status)
			require.Equal(t, 2, run.Attempt)
			continue
		}
		require.Equal(t, pawl.RunCompleted, run.Status, "run %d", run.Number)
		require.Equal(t, 1, run.Attempt, "run %d", run.Number)
	}
	require.Len(t, c.file.runs, 30)
	require.False(t, c.file.states["queue"].Suspect)
}
