package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// wallClock is a clock that a test sets.
type wallClock struct{ ahead atomic.Int64 }

func (w *wallClock) now() time.Time          { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *wallClock) set(ahead time.Duration) { w.ahead.Store(int64(ahead)) }

// steps are what a wall clock does in the tests of this file.
var steps = []time.Duration{-100 * 365 * 24 * time.Hour, -8 * time.Hour, -2 * time.Hour, 2 * time.Hour, 8 * time.Hour, 100 * 365 * 24 * time.Hour}

// A flow whose job has failed is tried again after the wait that was asked for, and its
// schedule goes on, though the clock goes back by hours meanwhile. found C1.
func TestClockThatGoesBackHoldsUpNoRetry(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var wall wallClock
		d := newDiary()
		s := quiet(db, pawl.WithNow(wall.now))
		require.NoError(t, s.Cron("f", "*/5 * * * *", d.job(failing), pawl.WithRetry(3, pawl.BackoffPolicy{Initial: 10 * time.Second, Multiplier: 1, MaxDelay: 10 * time.Second, Jitter: pawl.NoJitter})))
		r := start(t, s)
		time.Sleep(5*time.Minute + 5*time.Second)
		wall.set(-8 * time.Hour)
		time.Sleep(10 * time.Minute)
		times := d.entries()
		require.GreaterOrEqual(t, len(times), 9)
		for i, want := range []time.Duration{300, 310, 320, 330, 600, 610, 620, 630, 900} {
			assert.InDelta(t, want*time.Second, times[i], float64(2*time.Second), "attempt %d", i+1)
		}
		stop(t, r, db)
	})
}

// Whatever waits for a length of time ends when that is over, however the clock is set
// meanwhile. found C1.
func TestRelativeWaitsKeepTheirLength(t *testing.T) {
	for name, wait := range relativeWaits {
		for _, step := range steps {
			t.Run(fmt.Sprintf("%s, %s", name, step), func(t *testing.T) {
				bubble(t, func(t *testing.T, db string) {
					var wall wallClock
					wall.set(max(-step, 0)) // it was wrong before
					w := wait(t, db, &wall)
					r := start(t, w.build())
					w.ask(r)
					time.Sleep(20 * time.Minute)
					assert.False(t, w.over(r), "before the step")
					wall.set(max(step, 0))
					time.Sleep(39 * time.Minute)
					assert.False(t, w.over(r), "before its end")
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					assert.True(t, w.over(r), "after its end")
					stop(t, r, db)
				})
			})
		}
	}
}

// The same over a restart that finds the clock behind: what was left then is waited for.
// found C1.
func TestRelativeWaitsAreBoundedOverARestart(t *testing.T) {
	for name, wait := range relativeWaits {
		for _, step := range steps[:3] {
			t.Run(fmt.Sprintf("%s, %s", name, step), func(t *testing.T) {
				bubble(t, func(t *testing.T, db string) {
					var wall wallClock
					wall.set(-step)
					w := wait(t, db, &wall)
					r := start(t, w.build())
					w.ask(r)
					time.Sleep(20 * time.Minute)
					stop(t, r, db)
					wall.set(0)
					r = start(t, w.build())
					time.Sleep(30 * time.Minute)
					assert.False(t, w.over(r), "before its end")
					time.Sleep(32 * time.Minute)
					synctest.Wait()
					assert.True(t, w.over(r), "after its length")
					stop(t, r, db)
				})
			})
		}
	}
}

// relativeWait is a wait of an hour.
type relativeWait struct {
	build func() *pawl.Scheduler
	ask   func(*pawl.Runner)
	over  func(*pawl.Runner) bool
}

var hourOnce = pawl.BackoffPolicy{Initial: time.Hour, Multiplier: 1, MaxDelay: time.Hour, StreakLimit: 9, Jitter: pawl.NoJitter}

var relativeWaits = map[string]func(*testing.T, string, *wallClock) relativeWait{
	"a retry": func(t *testing.T, db string, wall *wallClock) relativeWait {
		return retried(t, db, wall, failing, 1)
	},
	"a retry that the job asks for": func(t *testing.T, db string, wall *wallClock) relativeWait {
		return retried(t, db, wall, func(context.Context) error { return pawl.RetryAfter(time.Hour, errors.New("busy")) }, 1)
	},
	"retries of more runs than are in memory": func(t *testing.T, db string, wall *wallClock) relativeWait {
		return retried(t, db, wall, failing, 300)
	},
	"a backoff window": func(t *testing.T, db string, wall *wallClock) relativeWait {
		d := newDiary()
		return relativeWait{func() *pawl.Scheduler {
			s := quiet(db, pawl.WithNow(wall.now), pawl.WithClockTrusted()) // else occurrences wait
			require.NoError(t, s.Every("f", time.Minute, d.job(failing)))
			require.NoError(t, s.SetBackoff("f", hourOnce))
			return s
		}, func(*pawl.Runner) {}, func(*pawl.Runner) bool { return len(d.entries()) > 1 }}
	},
	"a pause for a while": func(t *testing.T, db string, wall *wallClock) relativeWait {
		return relativeWait{func() *pawl.Scheduler {
			s := quiet(db, pawl.WithNow(wall.now))
			require.NoError(t, s.Every("f", time.Minute, job(ok)))
			return s
		}, func(r *pawl.Runner) {
			require.NoError(t, r.Pause(t.Context(), "f", "a while", pawl.PauseFor(time.Hour)))
		}, func(r *pawl.Runner) bool { return status(t, r, "f").PausedAt.IsZero() }}
	},
	"the window of a key": func(t *testing.T, db string, wall *wallClock) relativeWait {
		var first int64
		return relativeWait{func() *pawl.Scheduler {
			s := quiet(db, pawl.WithNow(wall.now))
			require.NoError(t, s.Manual("f", job(ok), pawl.WithKeyWindow(time.Hour)))
			return s
		}, func(r *pawl.Runner) {
			first = accepted(t, r, "f", pawl.WithKey("k"))
			synctest.Wait()
		}, func(r *pawl.Runner) bool {
			again := accepted(t, r, "f", pawl.WithKey("k"))
			synctest.Wait()
			return again != first
		}}
	},
	"a timer of a workflow": func(t *testing.T, db string, wall *wallClock) relativeWait {
		return parkedFor(t, db, wall, time.Hour, 0)
	},
	"the deadline of a parked run": func(t *testing.T, db string, wall *wallClock) relativeWait {
		return parkedFor(t, db, wall, 100*time.Hour, time.Hour)
	},
	"a deadline between attempts": func(t *testing.T, db string, wall *wallClock) relativeWait {
		return relativeWait{func() *pawl.Scheduler {
			s := quiet(db, pawl.WithNow(wall.now))
			retry := hourOnce
			retry.Initial = 59*time.Minute + 30*time.Second
			require.NoError(t, s.Manual("f", job(func(ctx context.Context) error {
				if run, _ := pawl.RunFrom(ctx); run.Attempt == 1 {
					return errors.New("boom")
				}
				<-ctx.Done()
				return context.Cause(ctx)
			}), pawl.WithTimeout(time.Hour), pawl.WithRetry(1, retry)))
			return s
		}, func(r *pawl.Runner) { accepted(t, r, "f") }, func(r *pawl.Runner) bool {
			return runOf(t, r, "f", 1).Status == pawl.RunTimedOut
		}}
	},
}

// parkedFor is workflows that wait, and the last of which is over after an hour.
func parkedFor(t *testing.T, db string, wall *wallClock, d, timeout time.Duration) relativeWait {
	const n = 3
	return relativeWait{func() *pawl.Scheduler {
		var done doings
		s := quiet(db, pawl.WithNow(wall.now))
		opts := []pawl.FlowOption{pawl.WithOverlap(pawl.OverlapAllow(n, 0))}
		if timeout > 0 {
			opts = append(opts, pawl.WithTimeout(timeout))
		}
		require.NoError(t, s.Manual("f", patient(1, d, &done), opts...))
		return s
	}, func(r *pawl.Runner) {
		for range n {
			accepted(t, r, "f")
		}
	}, func(r *pawl.Runner) bool {
		over := 0
		for i := range n {
			if runOf(t, r, "f", int64(i+1)).Status.Over() {
				over++
			}
		}
		if over > 0 {
			assert.Equal(t, n, over, "all of them")
		}
		return over > 0
	}}
}

// retried is runs that fail at once and wait for an hour.
func retried(t *testing.T, db string, wall *wallClock, fail func(context.Context) error, n int) relativeWait {
	d := newDiary()
	return relativeWait{func() *pawl.Scheduler {
		s := quiet(db, pawl.WithNow(wall.now))
		require.NoError(t, s.Manual("f", d.job(fail), pawl.WithRetry(1, hourOnce), pawl.WithOverlap(pawl.OverlapAllow(100, 1000))))
		return s
	}, func(r *pawl.Runner) {
		for range n {
			accepted(t, r, "f")
		}
	}, func(r *pawl.Runner) bool {
		if made := len(d.entries()) - n; made > 0 {
			assert.Equal(t, n, made, "all of them")
		}
		return len(d.entries()) > n
	}}
}

// A start at an instant, and a pause until one, follow the clock. found C1.
func TestAbsoluteTimesFollowTheClock(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var wall wallClock
		s := quiet(db, pawl.WithNow(wall.now))
		d := newDiary()
		require.NoError(t, s.Manual("later", d.job(ok)))
		require.NoError(t, s.Every("paused", time.Minute, job(ok)))
		r := start(t, s)
		accepted(t, r, "later", pawl.WithStartAt(at("10:00:00")))
		require.NoError(t, r.Pause(t.Context(), "paused", "", pawl.PauseUntil(at("10:00:00"))))
		time.Sleep(time.Minute)
		wall.set(8 * time.Hour)
		time.Sleep(time.Hour)
		assert.Empty(t, d.entries())
		assert.Equal(t, at("10:00:00"), status(t, r, "paused").PausedUntil)
		time.Sleep(time.Hour)
		assert.Len(t, d.entries(), 1)
		assert.Zero(t, status(t, r, "paused").PausedAt)
		stop(t, r, db)
	})
}

// After a step back of an hour wildcards and intervals keep their rate, and an instant that
// had a run has a second one, marked as repeated; fixed times run once. found C7.
func TestWildcardsAndIntervalsKeepTheirRateAfterAStepBack(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var wall wallClock
		s := quiet(db, pawl.WithNow(wall.now))
		wildcard, delay, rate, aligned, fixed := newDiary(), newDiary(), newDiary(), newDiary(), newDiary()
		require.NoError(t, s.Cron("wildcard", "*/5 * * * *", wildcard.job(ok)))
		require.NoError(t, s.Every("delay", 5*time.Minute, delay.job(ok)))
		require.NoError(t, s.Every("rate", 5*time.Minute, rate.job(ok), pawl.WithFixedRate()))
		require.NoError(t, s.Every("aligned", 5*time.Minute, aligned.job(ok), pawl.WithAligned()))
		require.NoError(t, s.Cron("fixed", "30 1 * * *", fixed.job(ok)))
		r := start(t, s)
		time.Sleep(2*time.Hour + time.Second)
		wall.set(-time.Hour)
		time.Sleep(50 * time.Minute)
		for id, d := range map[string]*diary{"wildcard": wildcard, "delay": delay, "rate": rate, "aligned": aligned} {
			assert.InDelta(t, 34, len(d.entries()), 1, id)
		}
		assert.Len(t, fixed.entries(), 1)
		why, err := r.Why(t.Context(), "wildcard", at("01:30:00"))
		require.NoError(t, err)
		assert.Contains(t, why.Text, "it had a run before")
		stop(t, r, db)
		assert.Equal(t, []string{"10", "10"}, texts(t, db, `SELECT count(*) FROM pawl_runs WHERE flow_id = 'wildcard' AND repeated = 1
UNION ALL SELECT count(*) FROM pawl_occurrences WHERE flow_id = 'wildcard' AND repeated = 1`))
	})
}
