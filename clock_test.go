package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// wrongBoot is a daily life of an hourly flow that ends before a start with a clock that
// shows 30 years before.
type wrongBoot struct {
	wall  harness.WallClock
	log   *harness.Logbook
	tries *harness.Diary
	done  harness.Doings
	extra func(*pawl.Scheduler) // registrations from the wrong start on
	built time.Time
	db    string
	t     *testing.T
}

func (w *wrongBoot) start(opts ...pawl.Option) *pawl.Runner {
	opts = append(opts, pawl.WithLogger(slog.New(w.log)), pawl.WithNow(w.wall.Now), pawl.WithBuilt(w.built))
	s := harness.Quiet(w.db, opts...)
	require.NoError(w.t, s.Cron("hourly", "@hourly", harness.Job(harness.OK), pawl.WithCatchUp(pawl.CatchUpAll(100)), pawl.WithOverlap(pawl.OverlapBuffer(200))))
	require.NoError(w.t, s.Every("often", 10*time.Minute, harness.Job(harness.OK)))
	require.NoError(w.t, s.Manual("queue", w.tries.Job(harness.Failing), pawl.WithRetry(1, hourOnce)))
	require.NoError(w.t, s.Manual("patient", harness.Patient(1, time.Hour, &w.done), pawl.WithOverlap(pawl.OverlapAllow(9, 0)), pawl.WithTimeout(50*time.Hour)))
	if w.extra != nil {
		w.extra(s)
	}
	return harness.Start(w.t, s)
}

// startWrong runs 30 hours, and starts again with a clock that is wrong.
func startWrong(t *testing.T, db string, opts ...pawl.Option) (*wrongBoot, *pawl.Runner) {
	w := &wrongBoot{log: &harness.Logbook{}, db: db, t: t, built: harness.At("00:00:00"), tries: harness.NewDiary()}
	w.wall.Set(0)
	r := w.start()
	time.Sleep(30*time.Hour + 5*time.Minute)
	synctest.Wait()
	require.Len(t, harness.Told(t, r, "hourly"), 30)
	harness.Stop(t, r, db)
	w.wall.Set(-29 * 365 * 24 * time.Hour)
	return w, w.start(opts...)
}

// distinct says that no instant has two runs, and none is from before the registration.
func distinct(t *testing.T, r *pawl.Runner, id string, registered bool) {
	t.Helper()
	seen := map[time.Duration]bool{}
	for _, at := range harness.Told(t, r, id) {
		assert.False(t, seen[at], "%s twice", at)
		assert.False(t, registered && at < 0, "%s, before the registration", at)
		seen[at] = true
	}
}

// A clock that is wrong at the start is not believed: occurrences wait until it is right,
// none of them runs twice, and none is from before the registration; triggers, retries and
// timers go on. found C6, found A8.
func TestClockThatIsBehindAtTheStartIsNotBelieved(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		w, r := startWrong(t, db)
		assert.Len(t, w.log.Lines("the clock is behind"), 1)
		assert.Equal(t, harness.At("06:00:00").AddDate(0, 0, 1).Unix(), r.ClockBehind().Truncate(time.Hour).Unix())
		harness.Accepted(t, r, "queue")
		harness.Accepted(t, r, "patient")
		time.Sleep(time.Hour + time.Second)
		assert.Equal(t, "new ready", w.done.String(), "a timer")
		assert.Less(t, harness.Status(t, r, "patient").Version, int64(20))
		time.Sleep(2 * time.Hour)
		assert.Len(t, w.tries.Entries(), 2, "a trigger and its retry")
		assert.Len(t, harness.Told(t, r, "hourly"), 30, "occurrences wait")
		harness.Stop(t, r, db)
		w.extra = func(s *pawl.Scheduler) {
			require.NoError(t, s.Cron("new", "@hourly", harness.Job(harness.OK), pawl.WithCatchUp(pawl.CatchUpAll(100)), pawl.WithOverlap(pawl.OverlapBuffer(200))))
		}
		r = w.start()
		assert.NotZero(t, r.ClockBehind(), "the next start finds the same")
		time.Sleep(90 * time.Second)
		w.wall.Set(0)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Zero(t, r.ClockBehind())
		assert.Len(t, w.log.Lines("the clock is believed again"), 1)
		assert.Len(t, harness.Told(t, r, "hourly"), 33, "what came meanwhile is caught up on")
		assert.Empty(t, harness.Told(t, r, "new"), "nothing is from before it was registered")
		distinct(t, r, "hourly", true)
		distinct(t, r, "often", true)
		harness.Stop(t, r, db)
	})
}

// An accepted clock is believed at once and from then on, also by later starts; so is one
// that WithClockTrusted vouches for, and one that is later than the program's build after
// ten minutes. Occurrences then go on from it. found C6.
func TestClockThatIsBehindIsAccepted(t *testing.T) {
	for name, accept := range map[string]func(*testing.T, *wrongBoot, *pawl.Runner) *pawl.Runner{
		"by the runner": func(t *testing.T, w *wrongBoot, r *pawl.Runner) *pawl.Runner {
			require.NoError(t, r.AcceptClock(t.Context()))
			require.NoError(t, r.AcceptClock(t.Context()), "again: nothing changes")
			return r
		},
		"by a command that waits for the start": func(t *testing.T, w *wrongBoot, r *pawl.Runner) *pawl.Runner {
			harness.Stop(t, r, w.db)
			harness.ExecSQL(t, w.db, `INSERT INTO pawl_commands (command) VALUES ('accept_clock')`)
			return w.start()
		},
		"by an option": func(t *testing.T, w *wrongBoot, r *pawl.Runner) *pawl.Runner {
			harness.Stop(t, r, w.db)
			return w.start(pawl.WithClockTrusted())
		},
		"by the build time": func(t *testing.T, w *wrongBoot, r *pawl.Runner) *pawl.Runner {
			time.Sleep(time.Hour)
			assert.NotZero(t, r.ClockBehind(), "it is earlier than the build")
			harness.Stop(t, r, w.db)
			w.built = w.wall.Now().Add(-time.Hour)
			r = w.start()
			time.Sleep(9 * time.Minute)
			assert.NotZero(t, r.ClockBehind())
			time.Sleep(2 * time.Minute)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				w, r := startWrong(t, db)
				r = accept(t, w, r)
				time.Sleep(time.Minute)
				assert.Zero(t, r.ClockBehind())
				runs := len(harness.Told(t, r, "hourly"))
				time.Sleep(2 * time.Hour)
				assert.Len(t, harness.Told(t, r, "hourly"), runs+2)
				harness.Stop(t, r, db)
				r = w.start()
				assert.Zero(t, r.ClockBehind(), "the next start believes it too")
				w.wall.Set(0)
				time.Sleep(2 * time.Minute)
				distinct(t, r, "hourly", false)
				harness.Stop(t, r, db)
			})
		})
	}
}

// With an accepted clock that was wrong after all: what has a run is not run again when the
// right time is back, through restarts. found A8.
func TestNoInstantThatHasARunIsCaughtUpOn(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		w, r := startWrong(t, db, pawl.WithClockTrusted())
		time.Sleep(90 * time.Minute)
		harness.Stop(t, r, db)
		w.wall.Set(0)
		r = w.start()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		seen := map[string]int{}
		for _, at := range harness.Texts(t, db, `SELECT scheduled_at FROM pawl_runs WHERE flow_id = 'hourly' AND scheduled_at > '2000'`) {
			seen[at]++
		}
		for at, n := range seen {
			assert.Equal(t, 1, n, at)
		}
		harness.Stop(t, r, db)
	})
}

// What the database is silent about holds nothing up: a first start, one of manual flows.
// found C6.
func TestNothingToCompareTheClockWith(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("f", "@hourly", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		assert.Zero(t, r.ClockBehind())
		assert.False(t, errors.Is(r.AcceptClock(context.Background()), pawl.ErrStopped), "nothing to accept")
		harness.Stop(t, r, db)
	})
}

// What a catch-up finds out about the instants that it passes over says nothing about those
// that come later: of a clock that was ahead for a while, each is marked. found C6, found C7.
func TestInstantsAfterACatchUpAreMarkedAsRepeated(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var wall harness.WallClock
		begin := func() *pawl.Runner {
			s := harness.Quiet(db, pawl.WithNow(wall.Now), pawl.WithClockTrusted())
			require.NoError(t, s.Cron("daily", "0 9 * * *", harness.Job(harness.OK), pawl.WithCatchUp(pawl.CatchUpAll(100)), pawl.WithOverlap(pawl.OverlapBuffer(100))))
			return harness.Start(t, s)
		}
		r := begin()
		time.Sleep(time.Hour)
		wall.Set(10 * 24 * time.Hour)
		time.Sleep(time.Hour)
		wall.Set(0)
		time.Sleep(time.Hour)
		harness.Stop(t, r, db)
		time.Sleep(9 * time.Hour) // over an instant that has a run
		r = begin()
		time.Sleep(3 * 24 * time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"2000-01-02", "2000-01-03", "2000-01-04"},
			harness.Texts(t, db, `SELECT substr(scheduled_at, 1, 10) FROM pawl_runs WHERE number > 10 AND repeated ORDER BY number`))
		assert.Len(t, harness.Told(t, r, "daily"), 13)
		harness.Stop(t, r, db)
	})
}

// steps are what a wall clock does in the tests of this file.
var steps = []time.Duration{-100 * 365 * 24 * time.Hour, -8 * time.Hour, -2 * time.Hour, 2 * time.Hour, 8 * time.Hour, 100 * 365 * 24 * time.Hour}

// A flow whose job has failed is tried again after the wait that was asked for, and its
// schedule goes on, though the clock goes back by hours meanwhile. found C1.
func TestClockThatGoesBackHoldsUpNoRetry(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var wall harness.WallClock
		d := harness.NewDiary()
		s := harness.Quiet(db, pawl.WithNow(wall.Now))
		require.NoError(t, s.Cron("f", "*/5 * * * *", d.Job(harness.Failing), pawl.WithRetry(3, pawl.BackoffPolicy{Initial: 10 * time.Second, Multiplier: 1, MaxDelay: 10 * time.Second, Jitter: pawl.NoJitter})))
		r := harness.Start(t, s)
		time.Sleep(5*time.Minute + 5*time.Second)
		wall.Set(-8 * time.Hour)
		time.Sleep(10 * time.Minute)
		times := d.Entries()
		require.GreaterOrEqual(t, len(times), 9)
		for i, want := range []time.Duration{300, 310, 320, 330, 600, 610, 620, 630, 900} {
			assert.InDelta(t, want*time.Second, times[i], float64(2*time.Second), "attempt %d", i+1)
		}
		harness.Stop(t, r, db)
	})
}

// Whatever waits for a length of time ends when that is over, however the clock is set
// meanwhile. found C1.
func TestRelativeWaitsKeepTheirLength(t *testing.T) {
	for name, wait := range relativeWaits {
		for _, step := range steps {
			t.Run(fmt.Sprintf("%s, %s", name, step), func(t *testing.T) {
				harness.Bubble(t, func(t *testing.T, db string) {
					var wall harness.WallClock
					wall.Set(max(-step, 0)) // it was wrong before
					w := wait(t, db, &wall)
					r := harness.Start(t, w.build())
					w.ask(r)
					time.Sleep(20 * time.Minute)
					assert.False(t, w.over(r), "before the step")
					wall.Set(max(step, 0))
					time.Sleep(39 * time.Minute)
					assert.False(t, w.over(r), "before its end")
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					assert.True(t, w.over(r), "after its end")
					harness.Stop(t, r, db)
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
				harness.Bubble(t, func(t *testing.T, db string) {
					var wall harness.WallClock
					wall.Set(-step)
					w := wait(t, db, &wall)
					r := harness.Start(t, w.build())
					w.ask(r)
					time.Sleep(20 * time.Minute)
					harness.Stop(t, r, db)
					wall.Set(0)
					r = harness.Start(t, w.build())
					time.Sleep(30 * time.Minute)
					assert.False(t, w.over(r), "before its end")
					time.Sleep(32 * time.Minute)
					synctest.Wait()
					assert.True(t, w.over(r), "after its length")
					harness.Stop(t, r, db)
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

var relativeWaits = map[string]func(*testing.T, string, *harness.WallClock) relativeWait{
	"a retry": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		return retried(t, db, wall, harness.Failing, 1)
	},
	"a retry that the job asks for": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		return retried(t, db, wall, func(context.Context) error { return pawl.RetryAfter(time.Hour, errors.New("busy")) }, 1)
	},
	"retries of more runs than are in memory": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		return retried(t, db, wall, harness.Failing, 300)
	},
	"a backoff window": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		d := harness.NewDiary()
		return relativeWait{func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithNow(wall.Now), pawl.WithClockTrusted()) // else occurrences wait
			require.NoError(t, s.Every("f", time.Minute, d.Job(harness.Failing)))
			require.NoError(t, s.SetBackoff("f", hourOnce))
			return s
		}, func(*pawl.Runner) {}, func(*pawl.Runner) bool { return len(d.Entries()) > 1 }}
	},
	"a pause for a while": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		return relativeWait{func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithNow(wall.Now))
			require.NoError(t, s.Every("f", time.Minute, harness.Job(harness.OK)))
			return s
		}, func(r *pawl.Runner) {
			require.NoError(t, r.Pause(t.Context(), "f", "a while", pawl.PauseFor(time.Hour)))
		}, func(r *pawl.Runner) bool { return harness.Status(t, r, "f").PausedAt.IsZero() }}
	},
	"the window of a key": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		var first int64
		return relativeWait{func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithNow(wall.Now))
			require.NoError(t, s.Manual("f", harness.Job(harness.OK), pawl.WithKeyWindow(time.Hour)))
			return s
		}, func(r *pawl.Runner) {
			first = harness.Accepted(t, r, "f", pawl.WithKey("k"))
			synctest.Wait()
		}, func(r *pawl.Runner) bool {
			again := harness.Accepted(t, r, "f", pawl.WithKey("k"))
			synctest.Wait()
			return again != first
		}}
	},
	"a timer of a workflow": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		return parkedFor(t, db, wall, time.Hour, 0)
	},
	"the deadline of a parked run": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		return parkedFor(t, db, wall, 100*time.Hour, time.Hour)
	},
	"a deadline between attempts": func(t *testing.T, db string, wall *harness.WallClock) relativeWait {
		return relativeWait{func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithNow(wall.Now))
			retry := hourOnce
			retry.Initial = 59*time.Minute + 30*time.Second
			require.NoError(t, s.Manual("f", harness.Job(func(ctx context.Context) error {
				if run, _ := pawl.RunFrom(ctx); run.Attempt == 1 {
					return errors.New("boom")
				}
				<-ctx.Done()
				return context.Cause(ctx)
			}), pawl.WithTimeout(time.Hour), pawl.WithRetry(1, retry)))
			return s
		}, func(r *pawl.Runner) { harness.Accepted(t, r, "f") }, func(r *pawl.Runner) bool {
			return harness.RunOf(t, r, "f", 1).Status == pawl.RunTimedOut
		}}
	},
}

// parkedFor is workflows that wait, and the last of which is over after an hour.
func parkedFor(t *testing.T, db string, wall *harness.WallClock, d, timeout time.Duration) relativeWait {
	const n = 3
	return relativeWait{func() *pawl.Scheduler {
		var done harness.Doings
		s := harness.Quiet(db, pawl.WithNow(wall.Now))
		opts := []pawl.FlowOption{pawl.WithOverlap(pawl.OverlapAllow(n, 0))}
		if timeout > 0 {
			opts = append(opts, pawl.WithTimeout(timeout))
		}
		require.NoError(t, s.Manual("f", harness.Patient(1, d, &done), opts...))
		return s
	}, func(r *pawl.Runner) {
		for range n {
			harness.Accepted(t, r, "f")
		}
	}, func(r *pawl.Runner) bool {
		over := 0
		for i := range n {
			if harness.RunOf(t, r, "f", int64(i+1)).Status.Over() {
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
func retried(t *testing.T, db string, wall *harness.WallClock, fail func(context.Context) error, n int) relativeWait {
	d := harness.NewDiary()
	return relativeWait{func() *pawl.Scheduler {
		s := harness.Quiet(db, pawl.WithNow(wall.Now))
		require.NoError(t, s.Manual("f", d.Job(fail), pawl.WithRetry(1, hourOnce), pawl.WithOverlap(pawl.OverlapAllow(100, 1000))))
		return s
	}, func(r *pawl.Runner) {
		for range n {
			harness.Accepted(t, r, "f")
		}
	}, func(r *pawl.Runner) bool {
		if made := len(d.Entries()) - n; made > 0 {
			assert.Equal(t, n, made, "all of them")
		}
		return len(d.Entries()) > n
	}}
}

// A start at an instant, and a pause until one, follow the clock. found C1.
func TestAbsoluteTimesFollowTheClock(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var wall harness.WallClock
		s := harness.Quiet(db, pawl.WithNow(wall.Now))
		d := harness.NewDiary()
		require.NoError(t, s.Manual("later", d.Job(harness.OK)))
		require.NoError(t, s.Every("paused", time.Minute, harness.Job(harness.OK)))
		r := harness.Start(t, s)
		harness.Accepted(t, r, "later", pawl.WithStartAt(harness.At("10:00:00")))
		require.NoError(t, r.Pause(t.Context(), "paused", "", pawl.PauseUntil(harness.At("10:00:00"))))
		time.Sleep(time.Minute)
		wall.Set(8 * time.Hour)
		time.Sleep(time.Hour)
		assert.Empty(t, d.Entries())
		assert.Equal(t, harness.At("10:00:00"), harness.Status(t, r, "paused").PausedUntil)
		time.Sleep(time.Hour)
		assert.Len(t, d.Entries(), 1)
		assert.Zero(t, harness.Status(t, r, "paused").PausedAt)
		harness.Stop(t, r, db)
	})
}

// After a step back of an hour wildcards and intervals keep their rate, and an instant that
// had a run has a second one, marked as repeated; fixed times run once. found C7.
func TestWildcardsAndIntervalsKeepTheirRateAfterAStepBack(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var wall harness.WallClock
		s := harness.Quiet(db, pawl.WithNow(wall.Now))
		wildcard, delay, rate, aligned, fixed := harness.NewDiary(), harness.NewDiary(), harness.NewDiary(), harness.NewDiary(), harness.NewDiary()
		require.NoError(t, s.Cron("wildcard", "*/5 * * * *", wildcard.Job(harness.OK)))
		require.NoError(t, s.Every("delay", 5*time.Minute, delay.Job(harness.OK)))
		require.NoError(t, s.Every("rate", 5*time.Minute, rate.Job(harness.OK), pawl.WithFixedRate()))
		require.NoError(t, s.Every("aligned", 5*time.Minute, aligned.Job(harness.OK), pawl.WithAligned()))
		require.NoError(t, s.Cron("fixed", "30 1 * * *", fixed.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(2*time.Hour + time.Second)
		wall.Set(-time.Hour)
		time.Sleep(50 * time.Minute)
		for id, d := range map[string]*harness.Diary{"wildcard": wildcard, "delay": delay, "rate": rate, "aligned": aligned} {
			assert.InDelta(t, 34, len(d.Entries()), 1, id)
		}
		assert.Len(t, fixed.Entries(), 1)
		why, err := r.Why(t.Context(), "wildcard", harness.At("01:30:00"))
		require.NoError(t, err)
		assert.Contains(t, why.Text, "it had a run before")
		harness.Stop(t, r, db)
		assert.Equal(t, []string{"10", "10"}, harness.Texts(t, db, `SELECT count(*) FROM pawl_runs WHERE flow_id = 'wildcard' AND repeated = 1
UNION ALL SELECT count(*) FROM pawl_occurrences WHERE flow_id = 'wildcard' AND repeated = 1`))
	})
}
