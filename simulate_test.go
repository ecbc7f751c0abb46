package pawl_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A simulation starts what a scheduler starts, at the same instants.
func TestSimulationIsWhatHappens(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var mu sync.Mutex // of happened
		var happened []string
		register := func(s *pawl.Scheduler) {
			sleeps := job(func(ctx context.Context) error {
				defer time.Sleep(7 * time.Minute)
				run, _ := pawl.RunFrom(ctx)
				mu.Lock()
				defer mu.Unlock()
				happened = append(happened, fmt.Sprintf("%s %d", run.FlowID, time.Now().Unix()))
				return nil
			})
			require.NoError(t, s.Cron("cron", "*/5 9-17 * * *", sleeps, pawl.WithOverlap(pawl.OverlapBufferOne)))
			require.NoError(t, s.Every("every", 10*time.Minute, sleeps))
			require.NoError(t, s.Cron("skips", "*/5 * * * *", sleeps))
		}
		var simulated []string
		from := time.Now()
		plan := quiet(db)
		register(plan)
		require.NoError(t, plan.Simulate(t.Context(), pawl.Simulation{From: from, To: from.Add(24*time.Hour - time.Second),
			Job: func(pawl.RunInfo) (time.Duration, error) { return 7 * time.Minute, nil },
			Each: func(step pawl.SimulationStep) error {
				for _, r := range step.Runs {
					if r.Status == pawl.RunRunning {
						simulated = append(simulated, fmt.Sprintf("%s %d", r.FlowID, r.StartedAt.Unix()))
					}
				}
				return nil
			}}))

		s := quiet(db, pawl.WithStopTimeout(time.Hour))
		register(s)
		r := start(t, s)
		time.Sleep(24*time.Hour - time.Second)
		synctest.Wait()
		stop(t, r, db)
		assert.Greater(t, len(simulated), 300)
		assert.ElementsMatch(t, happened, simulated)
	})
}

func TestSimulationReportsWhatIsWrong(t *testing.T) {
	s := pawl.NewScheduler("")
	assert.NoError(t, s.Simulate(t.Context(), pawl.Simulation{}), "there is nothing to play")
	assert.Error(t, s.Cron("a", "* * *", job(ok)))
	assert.ErrorIs(t, s.Simulate(t.Context(), pawl.Simulation{}), pawl.ErrInvalidSchedule)
}
