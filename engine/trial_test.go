package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store"
)

// hourlyFlow runs at once when it is new, and an hour after it was interrupted.
func hourlyFlow(t *testing.T, id string, job func(context.Context) error) engine.Flow {
	schedule, err := schedule.Every(time.Hour)
	require.NoError(t, err)
	return engine.Flow{ID: id, Plan: &core.Plan{Schedule: schedule, Backoff: &core.BackoffPolicy{Initial: time.Second}}, Job: job}
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

// inFlight are the flows with a run in flight.
func (r *rig) inFlight() (ids []string) {
	synctest.Wait()
	for _, f := range r.List() {
		if f.InFlight > 0 {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// isolates says whether the newest owner runs suspects apart, as its row has it.
func (r *rig) isolates(t *testing.T) (is bool) {
	db, err := sql.Open("sqlite", r.path)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT isolates FROM pawl_runners ORDER BY id DESC LIMIT 1").Scan(&is))
	return is
}

// suspects are the flows that are suspects.
func (r *rig) suspects() (ids []string) {
	for _, f := range r.List() {
		if f.Suspect {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// blockedFlows are flows whose jobs go on until they are cancelled.
func blockedFlows(t *testing.T, ids ...string) (flows []engine.Flow) {
	for _, id := range ids {
		flows = append(flows, hourlyFlow(t, id, blocked))
	}
	return flows
}

// isolated starts flows twice and ends both processes while all of them run: they are
// suspects that are isolated in the third, where they are due in an hour.
func isolated(t *testing.T, path string, flows ...engine.Flow) *rig {
	t.Helper()
	r := startRig(t, path, flows...)
	synctest.Wait()
	r.crash(t)
	r = startRig(t, path, flows...)
	time.Sleep(time.Hour)
	require.Len(t, r.inFlight(), len(flows), "the first crash isolates nothing")
	require.Len(t, r.suspects(), len(flows))
	r.crash(t)
	return startRig(t, path, flows...)
}

// The first crash with several runs in flight makes suspects of them, and nothing waits for
// that. found A12.
func TestFirstCrashIsolatesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		flows := blockedFlows(t, "a", "b", "c")
		r := startRig(t, path, flows...)
		synctest.Wait()
		r.crash(t)
		r = startRig(t, path, append(flows, hourlyFlow(t, "new", blocked))...)
		r.wantBriefs(t, map[string]string{"a": "failed, run 1, streak 0, suspect", "new": "running, run 1, streak 0"})
		assert.Contains(t, r.log.String(), "the process died with several runs in flight")
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"a", "b", "c", "new"}, r.inFlight())
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Empty(t, r.suspects(), "they ran for a minute")
		require.ErrorIs(t, r.end(t), core.ErrStopTimeout)
		assert.Contains(t, r.log.String(), "no suspect any more: it ran for 1m0s")
	})
}

// A second crash with suspects in flight isolates: at most half of the suspects run at a
// time. One whose run ends, or goes on for a minute, is cleared, and makes room for the next.
// Who is no suspect does not wait. A trigger of a suspect is accepted and waits.
// found Q3, found A12.
func TestSecondCrashRunsHalfOfTheSuspects(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		ids := []string{"a", "b", "c", "d"}
		r := isolated(t, path, blockedFlows(t, ids...)...)
		assert.True(t, r.isolates(t))
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"a", "b"}, r.inFlight())
		number, err := r.Trigger(t.Context(), "c")
		require.NoError(t, err, "a trigger is never refused for it")
		assert.Equal(t, []string{"a", "b"}, r.inFlight())
		assert.Equal(t, int64(3), number)
		time.Sleep(time.Minute - time.Millisecond)
		assert.Equal(t, ids, r.suspects())
		time.Sleep(time.Millisecond) // a and b are cleared: half of two is one
		assert.Equal(t, []string{"a", "b", "c"}, r.inFlight())
		assert.Equal(t, []string{"c", "d"}, r.suspects())
		time.Sleep(time.Minute)
		assert.Equal(t, ids, r.inFlight())
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Empty(t, r.suspects())
		require.ErrorIs(t, r.end(t), core.ErrStopTimeout)
		assert.False(t, r.isolates(t))
	})
}

// Each further crash clears the suspects that were not in flight, until one is left in
// flight, and that one has failed. Those beside it never fail. found Q3, found A12.
func TestSuspectsHalveUntilOneHasFailed(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		ids := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		flows := append(blockedFlows(t, ids...), hourlyFlow(t, "fresh", blocked))
		r := isolated(t, path, flows[:8]...)
		for _, left := range [][]string{{"a", "b", "c", "d"}, {"a", "b"}, {"a"}} {
			time.Sleep(time.Hour)
			for _, id := range left {
				require.Contains(t, r.inFlight(), id)
			}
			r.crash(t)
			r = startRig(t, path, flows...)
			require.Equal(t, left, r.suspects())
		}
		for _, f := range r.List() {
			assert.Equal(t, f.ID == "a", f.FailureStreak == 1, f.ID)
		}
		info, _ := r.Status("a")
		assert.Contains(t, info.LastError, "it was the only suspect of ")
		_ = r.end(t)
	})
}

// A suspect waits for others no longer than the configuration says; without isolation it does
// not wait. found A12.
func TestIsolationIsBounded(t *testing.T) {
	for _, most := range []time.Duration{30 * time.Second, -1} {
		bubble(t, func(t *testing.T, path string) {
			flows := blockedFlows(t, "a", "b")
			require.NoError(t, isolated(t, path, flows...).end(t))
			r := startRigWith(t, path, engine.Config{Now: time.Now, Isolation: most}, flows...)
			time.Sleep(time.Hour)
			if most > 0 {
				assert.Equal(t, []string{"a"}, r.inFlight(), "an orderly start in between does not end it")
				time.Sleep(most)
			}
			assert.Equal(t, []string{"a", "b"}, r.inFlight())
			assert.Equal(t, []string{"a", "b"}, r.suspects())
			require.ErrorIs(t, r.end(t), core.ErrStopTimeout)
		})
	}
}

// The mark is taken off when the store takes writes again, not before, and once.
func TestSuspectIsClearedThoughTheStoreFailsMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		r := isolated(t, path, blockedFlows(t, "a", "b")...)
		time.Sleep(time.Hour + 59*time.Second)
		r.store.break_(func() error { return fmt.Errorf("the disk is full") })
		time.Sleep(30 * time.Second)
		r.wantBriefs(t, map[string]string{"a": "running, run 3, streak 0, suspect", "b": "failed, run 2, streak 0, suspect"})
		r.store.break_(nil)
		time.Sleep(time.Minute)
		r.wantBriefs(t, map[string]string{"a": "running, run 3, streak 0", "b": "running, run 3, streak 0, suspect"})
		require.ErrorIs(t, r.end(t), core.ErrStopTimeout)
	})
}

// A trigger that shares a batch with the schedule of another suspect goes first.
func TestTriggerKeepsTheNextSuspectWaitingWithinABatch(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		flows := blockedFlows(t, "a", "b")
		r := isolated(t, path, flows...)
		require.NoError(t, r.end(t))
		var shift atomic.Int64
		r = startRigAt(t, path, func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }, flows...)
		synctest.Wait()
		shift.Store(int64(time.Hour)) // a is due, which the driver sees when it is asked for b
		_, err := r.Trigger(t.Context(), "b")
		require.NoError(t, err)
		r.wantBriefs(t, map[string]string{"a": "failed, run 2, streak 0, suspect", "b": "running, run 3, streak 0, suspect"})
		require.ErrorIs(t, r.end(t), core.ErrStopTimeout)
	})
}

// Runs of one flow that go on are suspects each: one of many that kills the process is found,
// and the others are carried out. found Q3.
func TestRunThatKillsTheProcessFailsAlone(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		const killer, all = 13, 30
		var living atomic.Pointer[rig]
		job := func(ctx context.Context) error {
			info, _ := engine.RunFrom(ctx)
			at := 350 * time.Millisecond
			if info.Number == killer {
				at = 120 * time.Millisecond
			}
			select {
			case <-time.After(at):
			case <-ctx.Done():
				return ctx.Err()
			}
			if info.Number == killer {
				go living.Load().store.break_(func() error { return errors.New("the process is dead") })
				<-ctx.Done()
			}
			return nil
		}
		flow := engine.Flow{ID: "queue", Job: job, Plan: &core.Plan{
			Schedule: schedule.Manual(), Overlap: core.OverlapAllow(5, 100), Retry: &core.Retry{Max: 1, Delay: core.BackoffPolicy{Initial: time.Millisecond}},
			Backoff: &core.BackoffPolicy{StreakLimit: 5},
		}}
		r := startRig(t, path, flow)
		living.Store(r)
		_, err := r.TriggerMany(t.Context(), "queue", make([]core.Ask, all))
		require.NoError(t, err)
		crashes := 0
		for {
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if r.Degraded() == nil {
				break
			}
			crashes++
			require.Less(t, crashes, 12)
			r.crash(t)
			r = startRig(t, path, flow)
			living.Store(r)
		}
		runs, err := r.real.Runs(t.Context(), store.RunsQuery{Flow: "queue"})
		require.NoError(t, err)
		require.Len(t, runs, all)
		for _, run := range runs {
			want := core.RunCompleted
			if run.Number == killer {
				want = core.RunInterrupted
				assert.Equal(t, 2, run.Attempt)
			} else {
				assert.Equal(t, 1, run.Attempt)
			}
			assert.Equal(t, want, run.Status, "run %d", run.Number)
		}
		info, _ := r.Status("queue")
		assert.False(t, info.Suspect)
		require.NoError(t, r.end(t))
	})
}

// A process that the system killed for lack of memory has not crashed: nothing is a suspect,
// and no streak changes. found A12.
func TestProcessKilledForLackOfMemoryIsNoCrash(t *testing.T) {
	for _, kills := range []int64{0, 1} {
		bubble(t, func(t *testing.T, path string) {
			flows := blockedFlows(t, "a", "b")
			r := startRigWith(t, path, engine.Config{Now: time.Now, Owner: engine.Owner{OOMKills: 7}}, flows...)
			synctest.Wait()
			r.crash(t)
			r = startRigWith(t, path, engine.Config{Now: time.Now, Owner: engine.Owner{OOMKills: 7 + kills}}, flows...)
			info, _ := r.Status("a")
			assert.Equal(t, kills == 0, info.Suspect)
			if kills > 0 {
				assert.Contains(t, info.LastError, "out of memory")
			}
			_ = r.end(t)
		})
	}
}
