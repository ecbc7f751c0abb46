package pawltest_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawltest"
	"github.com/pawl-go/pawl/workflow"
)

// time V3, workflow F7: a workflow that is killed at every commit goes through all of its states, and
// through none again that it has left.
func TestCrashEverywhereTriesWorkflows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var done []string // by the processes of one attempt
		setup := func(database string) *pawl.Scheduler {
			w := workflow.New[string]()
			for from, to := range map[string]string{"new": "paid", "packed": "sent"} {
				w.Register(from, func(ctx context.Context, _ *workflow.Resources) (string, error) {
					done = append(done, from)
					return to, workflow.Put(ctx, from, true)
				})
			}
			w.Register("paid", workflow.After("packed", time.Hour))
			w.Exit("sent")
			s := pawl.NewScheduler(database, pawl.WithInboxPoll(0), pawl.WithLogger(slog.New(slog.DiscardHandler)))
			_ = s.Manual("order", w.Job("new"))
			return s
		}
		drive := func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "order", pawl.WithKey("one"))
			if err == nil {
				_, err = r.WaitRun(ctx, "order", run)
			}
			return err
		}
		checks := 0
		pawltest.CrashEverywhere(t, setup, drive, func(t testing.TB, database string) {
			checks++
			c, err := pawl.Open(database)
			require.NoError(t, err)
			defer c.Close()
			run, err := c.WaitRun(t.Context(), "order", 1)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunCompleted, run.Status)
			var states []string
			path, err := c.Checkpoints(t.Context(), "order", 1)
			require.NoError(t, err)
			for _, p := range path {
				if p.Kind == workflow.KindEnter {
					states = append(states, p.State)
				}
			}
			assert.Equal(t, []string{"new", "paid", "packed", "sent"}, states)
			for i, state := range done { // again at once, if at all
				assert.False(t, i > 0 && state == "new" && done[i-1] == "packed", "%v", done)
			}
			assert.LessOrEqual(t, len(done), 3, "%v", done)
			done = nil
		})
		assert.Greater(t, checks, 14)
	})
}
