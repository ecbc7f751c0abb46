package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// machine is one that a test suspends, or whose clock it sets.
type machine struct{ ahead, slept atomic.Int64 }

func (m *machine) now() time.Time        { return time.Now().Add(time.Duration(m.ahead.Load())) }
func (m *machine) asleep() time.Duration { return time.Duration(m.slept.Load()) }

// suspend lets the wall clock go on while everything else stands still.
func (m *machine) suspend(d time.Duration) { m.slept.Add(int64(d)); m.ahead.Add(int64(d)) }
func (m *machine) step(d time.Duration)    { m.ahead.Add(int64(d)) }

func (m *machine) start(t *testing.T, path string, flows ...engine.Flow) *rig {
	return startRigWith(t, path, engine.Config{Now: m.now, Asleep: m.asleep}, flows...)
}

// A jump forward of a minute or more is down time, whether the machine was suspended or its
// clock was set: the catch-up policy says what becomes of the instants in it. The log tells
// the two apart. found C9.
func TestJumpForwardIsDownTime(t *testing.T) {
	hourly, err := schedule.Cron("@hourly")
	require.NoError(t, err)
	for name, jump := range map[string]struct {
		do     func(*machine, time.Duration)
		logged string
	}{
		"suspend": {(*machine).suspend, "the machine was suspended"},
		"step":    {(*machine).step, "the wall clock jumped"},
	} {
		for policy, test := range map[core.CatchUp]struct{ runs, short int }{
			core.CatchUpNone: {0, 1}, core.CatchUpLatest: {1, 1}, core.CatchUpAll(3): {3, 1},
		} {
			t.Run(name+", "+policy.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T, path string) {
					var m machine
					plan := &core.Plan{Schedule: hourly, CatchUp: policy}
					if policy.Mode == core.CatchAll {
						plan.Overlap = core.Overlap{Buffer: 9}
					}
					var ran atomic.Int64
					r := m.start(t, path, engine.Flow{ID: "f", Plan: plan, Job: func(context.Context) error { ran.Add(1); return nil }})
					time.Sleep(30 * time.Minute)
					jump.do(&m, 8*time.Hour)
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					assert.EqualValues(t, test.runs, ran.Load(), "eight hours")
					ran.Store(0)
					time.Sleep(28*time.Minute - 30*time.Second)
					synctest.Wait()
					ran.Store(0)
					jump.do(&m, 50*time.Second) // over an instant
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					assert.EqualValues(t, test.short, ran.Load(), "less than a minute")
					require.NoError(t, r.end(t))
					assert.Equal(t, 2, strings.Count(r.log.String(), jump.logged))
				})
			})
		}
	}
}

// Time in suspend counts towards waits for a length of time, also towards the deadline of a
// job; a step does not. found C9.
func TestSuspendCountsTowardsRelativeWaits(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		var m machine
		var attempts atomic.Int64
		ended := make(chan error, 1)
		retry := &core.Retry{Max: 1, Delay: core.BackoffPolicy{Initial: 10 * time.Hour, Multiplier: 1, MaxDelay: 10 * time.Hour, Jitter: core.NoJitter}}
		r := m.start(t, path,
			engine.Flow{ID: "retried", Plan: &core.Plan{Schedule: schedule.Manual(), Retry: retry}, Job: func(context.Context) error {
				attempts.Add(1)
				return errors.New("boom")
			}},
			engine.Flow{ID: "late", Plan: &core.Plan{Schedule: schedule.Manual(), Timeout: 10 * time.Hour}, Job: func(ctx context.Context) error {
				<-ctx.Done()
				ended <- context.Cause(ctx)
				return ctx.Err()
			}})
		for _, id := range []string{"retried", "late"} {
			_, err := r.Trigger(t.Context(), id)
			require.NoError(t, err)
		}
		time.Sleep(time.Hour)
		m.step(20 * time.Hour)
		time.Sleep(time.Hour)
		assert.EqualValues(t, 1, attempts.Load(), "a step does not count")
		assert.Empty(t, ended)
		m.suspend(7 * time.Hour)
		time.Sleep(time.Hour - 2*time.Minute)
		assert.EqualValues(t, 1, attempts.Load())
		assert.Empty(t, ended)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 2, attempts.Load())
		require.Len(t, ended, 1)
		require.ErrorIs(t, <-ended, engine.ErrTimedOut)
		require.NoError(t, r.end(t))
	})
}

// indoubt is a store whose next commit fails, after or before it has taken effect.
type indoubt struct {
	engine.Store
	fails, done atomic.Bool
}

func (d *indoubt) Commit(ctx context.Context, b engine.Batch) error {
	if !d.fails.Swap(false) {
		return d.Store.Commit(ctx, b)
	}
	if d.done.Load() {
		if err := d.Store.Commit(ctx, b); err != nil {
			return err
		}
	}
	return errors.New("the disk does not say")
}

// A step of the clock moves a wait once, also if the commit of that failed and took effect,
// or did not. found C1.
func TestStepMovesAWaitOnceThoughItsCommitIsInDoubt(t *testing.T) {
	for name, done := range map[string]bool{"took effect": true, "did not": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, path string) {
				var m machine
				tries := make(chan time.Duration, 9)
				began := time.Now()
				retry := &core.Retry{Max: 1, Delay: core.BackoffPolicy{Initial: 10 * time.Hour, Multiplier: 1, MaxDelay: 10 * time.Hour, Jitter: core.NoJitter}}
				r := m.start(t, path, engine.Flow{ID: "f", Plan: &core.Plan{Schedule: schedule.Manual(), Retry: retry}, Job: func(context.Context) error {
					tries <- time.Since(began)
					return errors.New("boom")
				}})
				disk := &indoubt{Store: r.store.Store}
				r.store.Store = disk
				_, err := r.Trigger(t.Context(), "f")
				require.NoError(t, err)
				synctest.Wait()
				disk.done.Store(done)
				disk.fails.Store(true)
				m.step(-8 * time.Hour)
				time.Sleep(11 * time.Hour)
				synctest.Wait()
				assert.False(t, disk.fails.Load(), "a commit failed")
				require.Len(t, tries, 2)
				<-tries
				assert.InDelta(t, 10*time.Hour, <-tries, float64(2*time.Minute))
				require.NoError(t, r.end(t))
			})
		})
	}
}

// An instant that comes after the end of a suspend runs, although the driver sees the
// jump later than that: it looks at the clock once a minute. found C9.
func TestInstantAfterAJumpIsNotMissed(t *testing.T) {
	hourly, err := schedule.Cron("@hourly")
	require.NoError(t, err)
	for name, jump := range map[string]func(*machine, time.Duration){"suspend": (*machine).suspend, "step": (*machine).step} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, path string) {
				var m machine
				var ran atomic.Int64
				r := m.start(t, path, engine.Flow{ID: "f", Plan: &core.Plan{Schedule: hourly, CatchUp: core.CatchUpNone},
					Job: func(context.Context) error { ran.Add(1); return nil }})
				time.Sleep(30*time.Minute + 10*time.Second) // the driver sleeps for a minute each time
				jump(&m, 8*time.Hour+29*time.Minute+40*time.Second)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				assert.EqualValues(t, 1, ran.Load())
				assert.Equal(t, 1, strings.Count(r.log.String(), "the "+map[string]string{"suspend": "machine was suspended", "step": "wall clock jumped"}[name]))
				require.NoError(t, r.end(t))
			})
		})
	}
}
