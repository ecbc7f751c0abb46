package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
)

// hourlyFlow runs at once when it is new, and an hour after it was interrupted.
func hourlyFlow(t *testing.T, id string, job func(context.Context) error) engine.Flow {
	schedule, err := engine.Every(time.Hour)
	require.NoError(t, err)
	return engine.Flow{ID: id, Plan: &engine.Plan{Schedule: schedule, Backoff: &engine.BackoffPolicy{Initial: time.Second}}, Job: job}
}

// brief tells of a flow what blame is about: status, streak, whether it is a suspect.
func (r *rig) brief(t *testing.T, id string) string {
	info, known := r.Status(id)
	require.True(t, known)
	text := fmt.Sprintf("%s, run %d, streak %d", info.Status, info.LastNumber, info.FailureStreak)
	if info.Suspect {
		text += ", suspect"
	}
	return text
}

func (r *rig) wantBriefs(t *testing.T, want map[string]string) {
	t.Helper()
	synctest.Wait()
	for id, brief := range want {
		assert.Equal(t, brief, r.brief(t, id), id)
	}
}

// After a crash with several runs in flight no streak changes, and the schedules of
// those flows start them one at a time: the next one when the run before ended, or
// went on for a minute. Who is no suspect does not wait, nor does a trigger.
// Matrix: k > 1 runs in flight.
func TestSuspectsAreRunOneAtATime(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		goOn := make(chan struct{})
		gated := func(ctx context.Context) error {
			select {
			case <-goOn:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		suspects := []engine.Flow{hourlyFlow(t, "ends", gated), hourlyFlow(t, "stays", blocked),
			hourlyFlow(t, "waits", blocked), hourlyFlow(t, "asked", blocked)}
		r := startRig(t, path, suspects...)
		r.wantBriefs(t, map[string]string{"ends": "running, run 1, streak 0", "asked": "running, run 1, streak 0"})
		r.crash(t)

		r = startRig(t, path, append(suspects, hourlyFlow(t, "new", blocked))...)
		time.Sleep(time.Hour) // all of them are due
		r.wantBriefs(t, map[string]string{
			"ends": "running, run 2, streak 0, suspect", "stays": "failed, run 1, streak 0, suspect",
			"waits": "failed, run 1, streak 0, suspect", "asked": "failed, run 1, streak 0, suspect",
			"new": "running, run 1, streak 0",
		})
		assert.Contains(t, r.log.String(), "the process died with runs of several flows in flight")

		_, err := r.Trigger(t.Context(), "asked")
		require.NoError(t, err, "a trigger is never refused for it")
		close(goOn)
		r.wantBriefs(t, map[string]string{
			"ends": "completed, run 2, streak 0", "asked": "running, run 2, streak 0, suspect",
			"stays": "failed, run 1, streak 0, suspect",
		})
		time.Sleep(time.Minute - time.Millisecond)
		r.wantBriefs(t, map[string]string{"asked": "running, run 2, streak 0, suspect", "stays": "failed, run 1, streak 0, suspect"})
		time.Sleep(time.Millisecond)
		r.wantBriefs(t, map[string]string{
			"asked": "running, run 2, streak 0", "stays": "running, run 2, streak 0, suspect",
			"waits": "failed, run 1, streak 0, suspect",
		})
		time.Sleep(time.Minute)
		r.wantBriefs(t, map[string]string{"stays": "running, run 2, streak 0", "waits": "running, run 2, streak 0, suspect"})
		require.ErrorIs(t, r.end(t), engine.ErrStopTimeout)
		assert.Contains(t, r.log.String(), "no suspect any more: it ran for 1m0s")
	})
}

// A flow that is the only suspect in flight at the next crash has failed; those
// beside it have not, and are not under suspicion. Of two suspects neither is known
// to be the one.
func TestOnlySuspectInFlightIsBlamed(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		fresh := hourlyFlow(t, "fresh", blocked)
		flows := []engine.Flow{hourlyFlow(t, "a", blocked), hourlyFlow(t, "b", blocked)}
		r := startRig(t, path, flows...)
		synctest.Wait()
		r.crash(t)

		r = startRig(t, path, append(flows, fresh)...)
		time.Sleep(time.Hour)
		r.wantBriefs(t, map[string]string{"a": "running, run 2, streak 0, suspect", "fresh": "running, run 1, streak 0"})
		r.crash(t)

		r = startRig(t, path, append(flows, fresh)...)
		r.wantBriefs(t, map[string]string{"a": "backoff, run 2, streak 1, suspect", "fresh": "failed, run 1, streak 0"})
		_, err := r.Trigger(t.Context(), "a") // b was due
		require.NoError(t, err)
		r.wantBriefs(t, map[string]string{"a": "running, run 3, streak 1, suspect", "b": "running, run 2, streak 0, suspect"})
		r.crash(t)

		r = startRig(t, path, append(flows, fresh)...)
		for id, streak := range map[string]int{"a": 1, "b": 0} {
			info, _ := r.Status(id)
			assert.Equal(t, streak, info.FailureStreak, id)
			assert.True(t, info.Suspect, id)
			assert.Contains(t, info.LastError, "suspect: one of 2 flows with a run in flight")
		}
		_ = r.end(t)
	})
}

// The mark is taken off when the store takes writes again, not before, and once.
func TestSuspectIsClearedThoughTheStoreFailsMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		flows := []engine.Flow{hourlyFlow(t, "a", blocked), hourlyFlow(t, "b", blocked)}
		r := startRig(t, path, flows...)
		synctest.Wait()
		r.crash(t)
		r = startRig(t, path, flows...)
		time.Sleep(time.Hour + 59*time.Second)
		r.store.break_(func() error { return fmt.Errorf("the disk is full") })
		time.Sleep(30 * time.Second)
		r.wantBriefs(t, map[string]string{"a": "running, run 2, streak 0, suspect", "b": "failed, run 1, streak 0, suspect"})
		r.store.break_(nil)
		time.Sleep(time.Minute)
		r.wantBriefs(t, map[string]string{"a": "running, run 2, streak 0", "b": "running, run 2, streak 0, suspect"})
		require.ErrorIs(t, r.end(t), engine.ErrStopTimeout)
	})
}

// A trigger that shares a batch with the schedule of another suspect goes first.
func TestTriggerKeepsTheNextSuspectWaitingWithinABatch(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		flows := []engine.Flow{hourlyFlow(t, "a", blocked), hourlyFlow(t, "b", blocked)}
		r := startRig(t, path, flows...)
		synctest.Wait()
		r.crash(t)
		var shift atomic.Int64
		r = startRigAt(t, path, func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }, flows...)
		synctest.Wait()
		shift.Store(int64(time.Hour)) // a is due, which the driver sees when it is asked for b
		_, err := r.Trigger(t.Context(), "b")
		require.NoError(t, err)
		r.wantBriefs(t, map[string]string{"a": "failed, run 1, streak 0, suspect", "b": "running, run 2, streak 0, suspect"})
		require.ErrorIs(t, r.end(t), engine.ErrStopTimeout)
	})
}
