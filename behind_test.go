package pawl_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// wrongBoot is a daily life of an hourly flow that ends before a start with a clock that
// shows 30 years before.
type wrongBoot struct {
	wall  wallClock
	log   *logbook
	tries *diary
	done  doings
	extra func(*pawl.Scheduler) // registrations from the wrong start on
	built time.Time
	db    string
	t     *testing.T
}

func (w *wrongBoot) start(opts ...pawl.Option) *pawl.Runner {
	opts = append(opts, pawl.WithLogger(slog.New(w.log)), pawl.WithNow(w.wall.now), pawl.WithBuilt(w.built))
	s := quiet(w.db, opts...)
	require.NoError(w.t, s.Cron("hourly", "@hourly", job(ok), pawl.WithCatchUp(pawl.CatchUpAll(100)), pawl.WithOverlap(pawl.OverlapBuffer(200))))
	require.NoError(w.t, s.Every("often", 10*time.Minute, job(ok)))
	require.NoError(w.t, s.Manual("queue", w.tries.job(failing), pawl.WithRetry(1, hourOnce)))
	require.NoError(w.t, s.Manual("patient", patient(1, time.Hour, &w.done), pawl.WithOverlap(pawl.OverlapAllow(9, 0)), pawl.WithTimeout(50*time.Hour)))
	if w.extra != nil {
		w.extra(s)
	}
	return start(w.t, s)
}

// startWrong runs 30 hours, and starts again with a clock that is wrong.
func startWrong(t *testing.T, db string, opts ...pawl.Option) (*wrongBoot, *pawl.Runner) {
	w := &wrongBoot{log: &logbook{}, db: db, t: t, built: at("00:00:00"), tries: newDiary()}
	w.wall.set(0)
	r := w.start()
	time.Sleep(30*time.Hour + 5*time.Minute)
	synctest.Wait()
	require.Len(t, told(t, r, "hourly"), 30)
	stop(t, r, db)
	w.wall.set(-29 * 365 * 24 * time.Hour)
	return w, w.start(opts...)
}

// distinct says that no instant has two runs, and none is from before the registration.
func distinct(t *testing.T, r *pawl.Runner, id string, registered bool) {
	t.Helper()
	seen := map[time.Duration]bool{}
	for _, at := range told(t, r, id) {
		assert.False(t, seen[at], "%s twice", at)
		assert.False(t, registered && at < 0, "%s, before the registration", at)
		seen[at] = true
	}
}

// A clock that is wrong at the start is not believed: occurrences wait until it is right,
// none of them runs twice, and none is from before the registration; triggers, retries and
// timers go on. found C6, found A8.
func TestClockThatIsBehindAtTheStartIsNotBelieved(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		w, r := startWrong(t, db)
		assert.Len(t, w.log.lines("the clock is behind"), 1)
		assert.Equal(t, at("06:00:00").AddDate(0, 0, 1).Unix(), r.ClockBehind().Truncate(time.Hour).Unix())
		accepted(t, r, "queue")
		accepted(t, r, "patient")
		time.Sleep(time.Hour + time.Second)
		assert.Equal(t, "new ready", w.done.String(), "a timer")
		assert.Less(t, status(t, r, "patient").Version, int64(20))
		time.Sleep(2 * time.Hour)
		assert.Len(t, w.tries.entries(), 2, "a trigger and its retry")
		assert.Len(t, told(t, r, "hourly"), 30, "occurrences wait")
		stop(t, r, db)
		w.extra = func(s *pawl.Scheduler) {
			require.NoError(t, s.Cron("new", "@hourly", job(ok), pawl.WithCatchUp(pawl.CatchUpAll(100)), pawl.WithOverlap(pawl.OverlapBuffer(200))))
		}
		r = w.start()
		assert.NotZero(t, r.ClockBehind(), "the next start finds the same")
		time.Sleep(90 * time.Second)
		w.wall.set(0)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Zero(t, r.ClockBehind())
		assert.Len(t, w.log.lines("the clock is believed again"), 1)
		assert.Len(t, told(t, r, "hourly"), 33, "what came meanwhile is caught up on")
		assert.Empty(t, told(t, r, "new"), "nothing is from before it was registered")
		distinct(t, r, "hourly", true)
		distinct(t, r, "often", true)
		stop(t, r, db)
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
			stop(t, r, w.db)
			execSQL(t, w.db, `INSERT INTO pawl_commands (command) VALUES ('accept_clock')`)
			return w.start()
		},
		"by an option": func(t *testing.T, w *wrongBoot, r *pawl.Runner) *pawl.Runner {
			stop(t, r, w.db)
			return w.start(pawl.WithClockTrusted())
		},
		"by the build time": func(t *testing.T, w *wrongBoot, r *pawl.Runner) *pawl.Runner {
			time.Sleep(time.Hour)
			assert.NotZero(t, r.ClockBehind(), "it is earlier than the build")
			stop(t, r, w.db)
			w.built = w.wall.now().Add(-time.Hour)
			r = w.start()
			time.Sleep(9 * time.Minute)
			assert.NotZero(t, r.ClockBehind())
			time.Sleep(2 * time.Minute)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				w, r := startWrong(t, db)
				r = accept(t, w, r)
				time.Sleep(time.Minute)
				assert.Zero(t, r.ClockBehind())
				runs := len(told(t, r, "hourly"))
				time.Sleep(2 * time.Hour)
				assert.Len(t, told(t, r, "hourly"), runs+2)
				stop(t, r, db)
				r = w.start()
				assert.Zero(t, r.ClockBehind(), "the next start believes it too")
				w.wall.set(0)
				time.Sleep(2 * time.Minute)
				distinct(t, r, "hourly", false)
				stop(t, r, db)
			})
		})
	}
}

// With an accepted clock that was wrong after all: what has a run is not run again when the
// right time is back, through restarts. found A8.
func TestNoInstantThatHasARunIsCaughtUpOn(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		w, r := startWrong(t, db, pawl.WithClockTrusted())
		time.Sleep(90 * time.Minute)
		stop(t, r, db)
		w.wall.set(0)
		r = w.start()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		seen := map[string]int{}
		for _, at := range texts(t, db, `SELECT scheduled_at FROM pawl_runs WHERE flow_id = 'hourly' AND scheduled_at > '2000'`) {
			seen[at]++
		}
		for at, n := range seen {
			assert.Equal(t, 1, n, at)
		}
		stop(t, r, db)
	})
}

// What the database is silent about holds nothing up: a first start, one of manual flows.
// found C6.
func TestNothingToCompareTheClockWith(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("f", "@hourly", job(ok)))
		r := start(t, s)
		assert.Zero(t, r.ClockBehind())
		assert.False(t, errors.Is(r.AcceptClock(context.Background()), pawl.ErrStopped), "nothing to accept")
		stop(t, r, db)
	})
}

// What a catch-up finds out about the instants that it passes over says nothing about those
// that come later: of a clock that was ahead for a while, each is marked. found C6, found C7.
func TestInstantsAfterACatchUpAreMarkedAsRepeated(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var wall wallClock
		begin := func() *pawl.Runner {
			s := quiet(db, pawl.WithNow(wall.now), pawl.WithClockTrusted())
			require.NoError(t, s.Cron("daily", "0 9 * * *", job(ok), pawl.WithCatchUp(pawl.CatchUpAll(100)), pawl.WithOverlap(pawl.OverlapBuffer(100))))
			return start(t, s)
		}
		r := begin()
		time.Sleep(time.Hour)
		wall.set(10 * 24 * time.Hour)
		time.Sleep(time.Hour)
		wall.set(0)
		time.Sleep(time.Hour)
		stop(t, r, db)
		time.Sleep(9 * time.Hour) // over an instant that has a run
		r = begin()
		time.Sleep(3 * 24 * time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"2000-01-02", "2000-01-03", "2000-01-04"},
			texts(t, db, `SELECT substr(scheduled_at, 1, 10) FROM pawl_runs WHERE number > 10 AND repeated ORDER BY number`))
		assert.Len(t, told(t, r, "daily"), 13)
		stop(t, r, db)
	})
}
