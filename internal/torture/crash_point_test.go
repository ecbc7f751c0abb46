//go:build unix

package torture_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine/schedule"
)

// The life of one run, and of one reset, killed at each place where something begins
// or ends, for all that can ask for it. The next start settles what was left, and the
// one after that does it all. Harness 3; faults I1 to faults I5, faults I7.
func TestKilledAtEveryFailpoint(t *testing.T) {
	t.Parallel()
	run := []string{"before migrate", "after migrate", "before start", "after start", "before reserve", "after reserve",
		"before job", "after job", "before outcome", "after outcome", "published"}
	reset := []string{"before reset", "after reset"}
	inbox := []string{"before answer", "after answer"}
	trips := crashFlow{ID: "trips", Backoff: backoff(1), Job: "fails"}
	for _, kind := range []struct {
		name   string
		flow   crashFlow
		points []string
	}{
		{"every", crashFlow{ID: "work", Every: time.Millisecond}, run},
		{"cron", crashFlow{ID: "work", Cron: "* * * * * *"}, run},
		{"manual", crashFlow{ID: "work"}, slices.Concat(run, []string{"returned"})},
		{"trigger", crashFlow{ID: inboxOnly}, slices.Concat(run, inbox)},
		{"reset", trips, slices.Concat(reset, run)},
		{"reset by inbox", crashFlow{ID: inboxReset, Backoff: backoff(1), Job: "fails"}, slices.Concat(reset, run, inbox)},
	} {
		for _, point := range kind.points {
			t.Run(fmt.Sprintf("%s/%s", kind.name, point), func(t *testing.T) {
				t.Parallel()
				c := newCampaign(t, []crashFlow{kind.flow})
				require.True(t, c.child(child{Script: "one", Kill: point}, nil))
				c.owner()
				before := c.file.states[kind.flow.ID].RunCount
				require.False(t, c.child(child{Script: "one"}, nil))
				after := c.file.states[kind.flow.ID]
				require.Greater(t, after.RunCount, before, "it goes on")
				if kind.flow.Job == "fails" {
					require.Equal(t, pawl.StatusIdle, after.Status, "reset")
				}
			})
		}
	}
}

// inboxReset is a flow that is reset through the inbox.
const inboxReset = "reset-inbox"

// one goes through one run of the first flow, and through a reset if that trips it.
func (w *world) one() error {
	w.Shift += 900*time.Millisecond - time.Duration(time.Now().Add(w.Shift).Nanosecond()) // a second is about to begin
	if err := w.start(); err != nil {
		return err
	}
	id := w.Flows[0].ID
	run, err := w.ask(id)
	if err != nil {
		return err
	}
	w.point("returned")
	if _, err := w.runner.WaitRun(context.Background(), id, run); err != nil {
		return err
	}
	if info, _ := w.runner.Status(id); info.Status == pawl.StatusTripped {
		if err := w.askReset(id); err != nil {
			return err
		}
	}
	w.point("published")
	return w.runner.Stop(context.Background())
}

// ask asks for a run, or waits for the schedule to do so.
func (w *world) ask(id string) (int64, error) {
	if w.Flows[0].kind() != schedule.KindManual {
		return <-w.began, nil
	}
	if info, _ := w.runner.Status(id); info.Status == pawl.StatusTripped {
		if err := w.askReset(id); err != nil {
			return 0, err
		}
	}
	if id != inboxOnly {
		return w.trigger(id)
	}
	client, err := pawl.Open(w.Database)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	run, err := client.Trigger(context.Background(), id)
	if err != nil {
		return 0, err
	}
	_, err = client.WaitRun(context.Background(), id, run) // it reads the answer before the runner shows the run
	return run, err
}

func (w *world) askReset(id string) error {
	if id != inboxReset {
		return w.reset(id)
	}
	client, err := pawl.Open(w.Database)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Reset(context.Background(), id)
}
