package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/store"
)

func minutes(n ...float64) (d []time.Duration) {
	for _, m := range n {
		d = append(d, time.Duration(m*float64(time.Minute)))
	}
	return d
}

// scheduler B1, scheduler B2
func TestBuilderKnowsWhatIsRegistered(t *testing.T) {
	s := harness.Quiet("unused.db")
	assert.Zero(t, s.Len())
	require.NoError(t, s.Every("a", time.Second, harness.Job(harness.OK)))
	require.NoError(t, s.Cron("b", "0 9 * * *", harness.Job(harness.OK)))
	require.NoError(t, s.Manual("c", harness.Job(harness.OK)))
	assert.Equal(t, 3, s.Len())
	assert.True(t, s.Contains("b"))
	assert.False(t, s.Contains("d"))
}

// scheduler B3, scheduler B4, scheduler B5: errors come at registration, are errors of Start too, and nothing
// is registered.
func TestBadRegistrationsAreRefused(t *testing.T) {
	var none pawl.JobFunc
	for _, test := range []struct {
		name     string
		register func(*pawl.Scheduler) error
		want     error
		says     string
	}{
		{"duplicate", func(s *pawl.Scheduler) error { return s.Manual("taken", harness.Job(harness.OK)) }, pawl.ErrFlowExists, `"taken"`},
		{"empty id", func(s *pawl.Scheduler) error { return s.Manual("", harness.Job(harness.OK)) }, pawl.ErrInvalidFlow, "empty"},
		{"long id", func(s *pawl.Scheduler) error { return s.Manual(strings.Repeat("a", 256), harness.Job(harness.OK)) }, pawl.ErrInvalidFlow, "256 bytes"},
		{"control character", func(s *pawl.Scheduler) error { return s.Manual("a\nb", harness.Job(harness.OK)) }, pawl.ErrInvalidFlow, "U+000A"},
		{"not UTF-8", func(s *pawl.Scheduler) error { return s.Manual("a\xff", harness.Job(harness.OK)) }, pawl.ErrInvalidFlow, "UTF-8"},
		{"nil job", func(s *pawl.Scheduler) error { return s.Manual("a", nil) }, pawl.ErrInvalidFlow, "nil"},
		{"nil func", func(s *pawl.Scheduler) error { return s.Manual("a", none) }, pawl.ErrInvalidFlow, "nil"},
		{"nil resource", func(s *pawl.Scheduler) error { return s.Manual("a", harness.Job(harness.OK), pawl.WithResources(nil)) }, pawl.ErrInvalidFlow, "resources"},
		{"interval", func(s *pawl.Scheduler) error { return s.Every("a", time.Microsecond, harness.Job(harness.OK)) }, pawl.ErrInvalidSchedule, "1ms"},
		{"expression", func(s *pawl.Scheduler) error { return s.Cron("a", "0 0 30 2 *", harness.Job(harness.OK)) }, pawl.ErrInvalidSchedule, `"0 0 30 2 *"`},
		{"policy", func(s *pawl.Scheduler) error {
			return s.Manual("a", harness.Job(harness.OK), pawl.WithBackoff(pawl.BackoffPolicy{Jitter: 2}))
		}, pawl.ErrInvalidBackoff, "Jitter"},
		{"policy later", func(s *pawl.Scheduler) error { return s.SetBackoff("taken", pawl.BackoffPolicy{Multiplier: 0.1}) }, pawl.ErrInvalidBackoff, "Multiplier"},
		{"policy of nobody", func(s *pawl.Scheduler) error { return s.SetBackoff("a", pawl.DefaultBackoff()) }, pawl.ErrFlowNotFound, `"a"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "jobs.db")
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("taken", harness.Job(harness.OK)))
			err := test.register(s)
			require.ErrorIs(t, err, test.want)
			assert.ErrorContains(t, err, test.says)
			assert.Equal(t, 1, s.Len())
			require.Error(t, s.Manual("", harness.Job(harness.OK)))
			_, err = s.Start(t.Context())
			require.ErrorIs(t, err, test.want, "also if nobody looked at it")
			require.ErrorIs(t, err, pawl.ErrInvalidFlow, "all of them")
			assert.NoFileExists(t, db)
		})
	}
}

func TestBadOptionsAreErrorsOfStart(t *testing.T) {
	s := harness.Quiet("unused.db", pawl.WithQueue(0), pawl.WithStopTimeout(-1), pawl.WithInboxPoll(-1), pawl.WithWaitForOwner(-1))
	s.AddResource(nil)
	_, err := s.Start(t.Context())
	for _, want := range []string{"WithQueue(0)", "WithStopTimeout(-1ns)", "WithInboxPoll(-1ns)", "WithWaitForOwner(-1ns)", "AddResource(nil)"} {
		assert.ErrorContains(t, err, want)
	}
}

// scheduler B6
func TestBuilderIsSpentByStart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		require.ErrorIs(t, s.Manual("b", harness.Job(harness.OK)), pawl.ErrStarted)
		require.ErrorIs(t, s.SetBackoff("a", pawl.DefaultBackoff()), pawl.ErrStarted)
		_, err := s.Start(t.Context())
		require.ErrorIs(t, err, pawl.ErrStarted)
		harness.Stop(t, r, db)
	})
}

// validated is a job with an opinion and a resource.
type validated struct {
	err error
	log *[]string
}

func (v validated) Run(context.Context) error { return nil }
func (v validated) Validate() error           { *v.log = append(*v.log, "validate"); return v.err }
func (v validated) Setup(context.Context) error {
	*v.log = append(*v.log, "setup")
	return nil
}
func (v validated) Teardown(context.Context) error { return nil }

// scheduler B7
func TestStartValidatesBeforeAnythingIsSetUp(t *testing.T) {
	var log []string
	db := filepath.Join(t.TempDir(), "jobs.db")
	s := harness.Quiet(db)
	require.NoError(t, s.Manual("good", validated{nil, &log}))
	require.NoError(t, s.Manual("bad", validated{errors.New("no exit state"), &log}))
	_, err := s.Start(t.Context())
	require.ErrorContains(t, err, `validate flow "bad": no exit state`)
	assert.Equal(t, []string{"validate", "validate"}, log)
	assert.NoFileExists(t, db)

	s = harness.Quiet(db)
	require.NoError(t, s.Manual("rude", panicky{}))
	_, err = s.Start(t.Context())
	require.ErrorContains(t, err, "panic: no manners")
}

type panicky struct{}

func (panicky) Run(context.Context) error { return nil }
func (panicky) Validate() error           { panic("no manners") }

// part is a resource that keeps a log.
type part struct {
	name          string
	log           *[]string
	setup, remove error
}

func (p part) Setup(context.Context) error {
	*p.log = append(*p.log, "+"+p.name)
	return p.setup
}

func (p part) Teardown(ctx context.Context) error {
	if ctx.Err() != nil {
		*p.log = append(*p.log, "dead context")
	}
	*p.log = append(*p.log, "-"+p.name)
	return p.remove
}

// scheduler B8: resources are set up in order and torn down in reverse; shared ones first
// and last.
func TestResourcesAreSetUpInOrderAndTornDownInReverse(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log []string
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.OK), pawl.WithResources(part{name: "a1", log: &log}, part{name: "a2", log: &log})))
		require.NoError(t, s.Manual("b", harness.Job(harness.OK), pawl.WithResources(part{name: "b", log: &log, remove: errors.New("stuck")})))
		s.AddResource(part{name: "shared", log: &log})
		r := harness.Start(t, s)
		err := r.Stop(t.Context())
		require.ErrorContains(t, err, `tear down resource of flow "b": stuck`, "R4: joined into the result")
		assert.Equal(t, []string{"+shared", "+a1", "+a2", "+b", "-b", "-a2", "-a1", "-shared"}, log)
	})
}

// scheduler B8: a failing setup leaves nothing behind.
func TestFailingSetupLeavesNothingBehind(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log []string
		s := harness.Quiet(db)
		require.NoError(t, s.Every("a", time.Second, harness.Job(func(context.Context) error { log = append(log, "ran"); return nil }),
			pawl.WithResources(part{name: "a", log: &log})))
		require.NoError(t, s.Manual("b", harness.Job(harness.OK), pawl.WithResources(part{name: "b", log: &log, setup: errors.New("no such host")})))
		_, err := s.Start(t.Context())
		require.ErrorContains(t, err, `set up resource of flow "b": no such host`)
		assert.Equal(t, []string{"+a", "+b", "-a"}, log)
		time.Sleep(time.Hour)
		assert.Len(t, log, 3, "nothing runs")

		c, err := pawl.Open(db)
		require.NoError(t, err)
		flows, err := c.List(t.Context())
		require.NoError(t, err)
		assert.Empty(t, flows, "no flow row is written")
		require.NoError(t, c.Close())
		s = harness.Quiet(db) // and the database is released
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		harness.Stop(t, harness.Start(t, s), db)
	})
}

// scheduler L1, scheduler L2
func TestEveryFiresAtOnceAndThenAnIntervalAfterTheEndOfEachRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Every("a", 10*time.Minute, d.Job(func(context.Context) error { time.Sleep(3 * time.Minute); return nil })))
		r := harness.Start(t, s)
		time.Sleep(43 * time.Minute)
		synctest.Wait()
		assert.Equal(t, minutes(0, 13, 26, 39), d.Entries())
		harness.Stop(t, r, db)
	})
}

// scheduler L2: max(interval, window).
func TestEveryWaitsForTheLongerOfIntervalAndWindow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		policy := pawl.BackoffPolicy{Initial: time.Minute, Multiplier: 4, MaxDelay: time.Hour}
		require.NoError(t, s.Every("a", 3*time.Minute, d.Job(harness.Failing), pawl.WithBackoff(policy)))
		r := harness.Start(t, s)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		assert.Equal(t, minutes(0, 3, 7, 23), d.Entries()) // windows of 1, 4, 16, 60 minutes
		assert.Equal(t, 4, harness.Status(t, r, "a").FailureStreak)
		harness.Stop(t, r, db)
	})
}

// scheduler L3: a restart neither re-fires a flow nor loses what was left of its wait.
func TestEveryKeepsItsCadenceAcrossRestarts(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		run := func(up, down time.Duration) {
			s := harness.Quiet(db)
			require.NoError(t, s.Every("a", time.Hour, d.Job(harness.OK)))
			r := harness.Start(t, s)
			time.Sleep(up)
			synctest.Wait()
			harness.Stop(t, r, db)
			time.Sleep(down)
		}
		run(10*time.Minute, 20*time.Minute)  // fires at 0
		run(20*time.Minute, 5*time.Minute)   // nothing to do
		run(10*time.Minute, 200*time.Minute) // fires at 60, misses 120
		run(time.Minute, 0)                  // fires at once, at 265
		assert.Equal(t, minutes(0, 60, 265), d.Entries())
	})
}

// scheduler L4: instants that pass while the flow runs, or in a window, are skipped.
func TestCronSkipsWhatPassesDuringARunOrAWindow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		slow, sick := harness.NewDiary(), harness.NewDiary()
		var log bytes.Buffer
		s := pawl.NewScheduler(db, pawl.WithInboxPoll(0),
			pawl.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		require.NoError(t, s.Cron("slow", "*/10 * * * *", slow.Job(func(context.Context) error { time.Sleep(15 * time.Minute); return nil })))
		require.NoError(t, s.Cron("sick", "0 */5 * * * *", sick.Job(harness.Failing), pawl.WithBackoff(pawl.BackoffPolicy{
			Initial: 12 * time.Minute, MaxDelay: 12 * time.Minute,
		})))
		r := harness.Start(t, s)
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		assert.Equal(t, minutes(10, 30, 50), slow.Entries())
		assert.Equal(t, minutes(5, 20, 35, 50), sick.Entries())
		time.Sleep(5 * time.Minute) // slow has ended
		synctest.Wait()
		require.NoError(t, r.Stop(t.Context()))
		assert.Contains(t, log.String(), "skipped 2000-01-01T00:10:00.000Z: backoff until 2000-01-01T00:17:00.000Z")
		assert.Contains(t, log.String(), "skipped 2000-01-01T00:20:00.000Z: running")
	})
}

// scheduler L4: what was missed while nobody ran fires once at start, told its latest
// instant, and the cadence goes on.
func TestMissedCronInstantsFireOnceAtStart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var told []string
		run := func(up time.Duration) {
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("a", "CRON_TZ=Europe/Berlin 0 9 * * *", harness.Job(func(ctx context.Context) error {
				info, ok := pawl.RunFrom(ctx)
				require.True(t, ok)
				told = append(told, info.ScheduledAt.Format("02 15:04")+" at "+info.StartedAt.Format("02 15:04"))
				return nil
			})))
			r := harness.Start(t, s)
			time.Sleep(up)
			synctest.Wait()
			harness.Stop(t, r, db)
		}
		run(10 * time.Hour)
		time.Sleep(74 * time.Hour) // until 84 h: the 4th at noon
		run(24 * time.Hour)
		assert.Equal(t, []string{"01 08:00 at 01 08:00", "04 08:00 at 04 12:00", "05 08:00 at 05 08:00"}, told)
	})
}

// scheduler L4: a flow that has no next instant rests quietly; scheduler L5: a manual one runs only
// when it is triggered.
func TestManualFlowRunsWhenTriggeredOnly(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", d.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(1000 * time.Hour)
		assert.Empty(t, d.Entries())
		run, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, int64(1), run)
		synctest.Wait()
		assert.Len(t, d.Entries(), 1)
		harness.Stop(t, r, db)
	})
}

// scheduler L5
func TestManualRunDoesNotMoveTheCadence(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		var long atomic.Bool
		s := harness.Quiet(db)
		require.NoError(t, s.Every("a", 10*time.Minute, d.Job(func(context.Context) error {
			if long.Load() {
				time.Sleep(7 * time.Minute)
			}
			return nil
		})))
		r := harness.Start(t, s)
		time.Sleep(5 * time.Minute)
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		time.Sleep(10 * time.Minute) // its own at 10; now 15
		long.Store(true)
		_, err = r.Trigger(t.Context(), "a") // until 22, passing 20
		require.NoError(t, err)
		time.Sleep(8 * time.Minute)
		long.Store(false)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assert.Equal(t, minutes(0, 5, 10, 15, 32), d.Entries(), "the one that passed is end + interval")
		harness.Stop(t, r, db)
	})
}

// scheduler L6, scheduler T6
func TestTrippedFlowIgnoresItsScheduleUntilReset(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Every("a", time.Minute, d.Job(harness.Failing), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Second, StreakLimit: 2})))
		r := harness.Start(t, s)
		time.Sleep(time.Hour)
		assert.Equal(t, minutes(0, 1), d.Entries())
		info := harness.Status(t, r, "a")
		assert.Equal(t, pawl.StatusTripped, info.Status)
		assert.True(t, info.NextRun.IsZero())
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrTripped)
		require.NoError(t, r.Reset(t.Context(), "a"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		assert.Equal(t, minutes(0, 1, 60), d.Entries(), "at once, its interval has passed")
		assert.Equal(t, 1, harness.Status(t, r, "a").FailureStreak)
		harness.Stop(t, r, db)
	})
}

// scheduler L6: a loop asleep in a backoff window is woken by Reset.
func TestResetWakesAFlowInItsWindow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Every("a", time.Minute, d.Job(harness.Failing), pawl.WithBackoff(pawl.BackoffPolicy{Initial: 24 * time.Hour, MaxDelay: 24 * time.Hour})))
		r := harness.Start(t, s)
		time.Sleep(30 * time.Second)
		require.NoError(t, r.Reset(t.Context(), "a"))
		assert.Equal(t, pawl.StatusIdle, harness.Status(t, r, "a").Status)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, minutes(0, 1), d.Entries())
		harness.Stop(t, r, db)
	})
}

// scheduler L7
func TestStopDoesNotWaitForTimers(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Every("a", 1000*time.Hour, harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(time.Minute)
		began := time.Now()
		harness.Stop(t, r, db)
		assert.Zero(t, time.Since(began))
	})
}

// scheduler D2: streak, trip and window are those of the last commit, the window to the
// millisecond.
func TestRestartKeepsStreakWindowAndTrip(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Every("sick", time.Second, harness.Job(harness.Failing), pawl.WithBackoff(pawl.BackoffPolicy{
				Initial: 777 * time.Millisecond, Multiplier: 3, MaxDelay: time.Hour, Jitter: 0.5,
			})))
			require.NoError(t, s.Every("dead", time.Second, harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(3))))
			return s
		}
		r := harness.Start(t, build())
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		before := r.List()
		require.Equal(t, pawl.StatusBackoff, before[0].Status)
		require.Equal(t, pawl.StatusTripped, before[1].Status)
		harness.Stop(t, r, db)
		r = harness.Start(t, build())
		assert.Equal(t, before, r.List(), "an unchanged plan writes nothing")
		time.Sleep(time.Until(before[0].NextRun) - time.Millisecond)
		synctest.Wait()
		assert.Equal(t, before, r.List())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.Equal(t, before[0].RunCount+1, harness.Status(t, r, "sick").RunCount)
		assert.Equal(t, before[0].NextEligible, harness.Status(t, r, "sick").LastRun, "the same instant, not a fresh window")
		harness.Stop(t, r, db)
	})
}

// scheduler D3, scheduler T9
func TestFlowThatIsNotRegisteredAnyMoreIsKept(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Every("old", time.Hour, d.Job(harness.OK)))
		require.NoError(t, s.Manual("new", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		synctest.Wait()
		harness.Stop(t, r, db)

		s = harness.Quiet(db)
		require.NoError(t, s.Manual("new", harness.Job(harness.OK)))
		r = harness.Start(t, s)
		time.Sleep(5 * time.Hour)
		info := harness.Status(t, r, "old")
		assert.False(t, info.Registered)
		assert.Equal(t, int64(1), info.RunCount, "never run")
		assert.Equal(t, "old", r.List()[1].ID, "last in the list")
		_, err := r.Trigger(t.Context(), "old")
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		require.ErrorIs(t, r.Reset(t.Context(), "old"), pawl.ErrFlowNotFound)
		harness.Stop(t, r, db)

		s = harness.Quiet(db)
		require.NoError(t, s.Manual("new", harness.Job(harness.OK)))
		require.NoError(t, s.Every("old", time.Hour, d.Job(harness.OK)))
		r = harness.Start(t, s)
		synctest.Wait()
		assert.Equal(t, minutes(0, 300), d.Entries(), "it carries on where it was")
		assert.Equal(t, int64(2), harness.Status(t, r, "old").RunCount)
		harness.Stop(t, r, db)
	})
}

// scheduler R1
func TestTriggerReturnsWhenTheRunIsCommitted(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		finish := make(chan struct{})
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(func(context.Context) error { <-finish; return nil })))
		r := harness.Start(t, s)
		run, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		c, err := pawl.Open(db)
		require.NoError(t, err)
		runs, err := c.Runs(t.Context(), pawl.RunsQuery{Flow: "a"})
		require.NoError(t, err)
		require.Len(t, runs, 1)
		assert.Equal(t, pawl.RunRunning, runs[0].Status)
		assert.Equal(t, run, runs[0].Number)
		assert.True(t, r.HasRunning())
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrAlreadyRunning)
		_, err = r.Trigger(t.Context(), "b")
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		close(finish)
		info, err := r.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrStopped)
	})
}

// scheduler R1: an operator knows what he does.
func TestTriggerIgnoresTheBackoffWindow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", d.Job(harness.Failing), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Hour, MaxDelay: time.Hour, StreakLimit: 3})))
		r := harness.Start(t, s)
		for range 3 {
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
		}
		assert.Len(t, d.Entries(), 3)
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrTripped)
		harness.Stop(t, r, db)
	})
}

func TestWaitRunWaitsForThatRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(func(context.Context) error { time.Sleep(time.Minute); return errors.New("boom") })))
		r := harness.Start(t, s)
		run, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		info, err := r.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunFailed, info.Status)
		assert.Equal(t, time.Minute, info.FinishedAt.Sub(info.StartedAt))
		again, err := r.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		assert.Equal(t, info, again, "also when it is over already")
		_, err = r.WaitRun(t.Context(), "a", 2)
		require.ErrorIs(t, err, pawl.ErrRunNotFound)
		_, err = r.WaitRun(t.Context(), "b", 1)
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		_, err = r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = r.WaitRun(ctx, "a", 2)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Minute)
		harness.Stop(t, r, db)
		_, err = r.WaitRun(t.Context(), "a", 1)
		require.ErrorIs(t, err, pawl.ErrStopped)
	})
}

// scheduler R3: after Stop the last committed state stays readable, the rest is refused.
func TestStatusAndListOutliveStop(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Every("b", time.Hour, harness.Job(harness.OK)))
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		synctest.Wait()
		harness.Stop(t, r, db)
		list := r.List()
		require.Len(t, list, 2)
		assert.Equal(t, "b", list[0].ID, "in the order of registration")
		assert.Equal(t, pawl.StatusCompleted, harness.Status(t, r, "b").Status)
		assert.False(t, r.HasRunning())
		_, found := r.Status("nobody")
		assert.False(t, found)
		_, err := r.Runs(t.Context(), pawl.RunsQuery{})
		require.ErrorIs(t, err, pawl.ErrStopped)
		require.ErrorIs(t, r.Reset(t.Context(), "a"), pawl.ErrStopped)
	})
}

// scheduler R4: jobs get the stop window to finish, and Stop waits for them.
func TestStopLetsRunsFinish(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error {
			time.Sleep(20 * time.Second)
			return ctx.Err()
		})))
		require.NoError(t, s.Every("b", time.Second, harness.Job(harness.OK)))
		r := harness.Start(t, s)
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		began := time.Now()
		harness.Stop(t, r, db)
		assert.Equal(t, 20*time.Second, time.Since(began))
		assert.Equal(t, pawl.StatusCompleted, harness.Status(t, r, "a").Status)
		assert.Equal(t, int64(1), harness.Status(t, r, "b").RunCount, "nothing is dispatched meanwhile")
		require.NoError(t, r.Stop(t.Context()), "the same for every later call")
		require.NoError(t, r.Wait())
	})
}

// scheduler R4, scheduler T8, found Q1: what outlasts the window is cancelled with a cause, and named; the
// scheduled instant is due again at the next start, a manual run goes back to the queue.
func TestRunsThatOutlastTheStopWindowGoOnInTheNextProcess(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var cause error
		d := harness.NewDiary()
		polite := d.Job(func(ctx context.Context) error { cause = harness.UntilCancelled(ctx); return cause })
		release := make(chan struct{})
		build := func(cronJob pawl.Job) *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithStopTimeout(10*time.Second))
			require.NoError(t, s.Cron("polite", "0 1 * * *", cronJob, pawl.WithBackoff(pawl.TripAfter(1))))
			require.NoError(t, s.Manual("deaf", harness.Job(func(context.Context) error { <-release; return nil })))
			return s
		}
		r := harness.Start(t, build(polite))
		time.Sleep(90 * time.Minute)
		_, err := r.Trigger(t.Context(), "deaf")
		require.NoError(t, err)
		began := time.Now()
		err = r.Stop(t.Context())
		require.ErrorIs(t, err, pawl.ErrStopTimeout)
		assert.ErrorContains(t, err, `"polite", "deaf"`)
		assert.Equal(t, 15*time.Second, time.Since(began), "window and grace")
		require.ErrorIs(t, cause, pawl.ErrStopTimeout)
		require.ErrorIs(t, r.Wait(), pawl.ErrStopTimeout)
		harness.Verify(t, db)
		for _, id := range []string{"polite", "deaf"} {
			info := harness.Status(t, r, id)
			assert.Equal(t, pawl.StatusIdle, info.Status)
			assert.Zero(t, info.FailureStreak)
			assert.Empty(t, info.LastError)
		}
		close(release)

		var again pawl.RunInfo
		r = harness.Start(t, build(harness.Job(func(ctx context.Context) error { again, _ = pawl.RunFrom(ctx); return nil })))
		synctest.Wait()
		assert.Equal(t, 2, again.Attempt, "the next attempt of the same instant")
		assert.Equal(t, time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC), again.ScheduledAt)
		assert.Equal(t, int64(1), harness.Status(t, r, "deaf").RunCount)
		assert.Equal(t, pawl.RunCompleted, harness.WaitRun(t, r, "deaf", 1).Status)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Status: pawl.RunCancelled})
		require.NoError(t, err)
		assert.Len(t, runs, 1)
		harness.Stop(t, r, db)
	})
}

// scheduler R4: commands queued before Stop are carried out, the result is the same for
// every caller, and a caller's context bounds his wait alone.
func TestEveryCallerOfStopGetsTheSameResult(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithStopTimeout(time.Minute))
		require.NoError(t, s.Manual("a", harness.Job(harness.UntilCancelled)))
		r := harness.Start(t, s)
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Stop(short), context.DeadlineExceeded)
		results := make(chan error, 3)
		for range 3 {
			go func() { results <- r.Stop(context.Background()) }()
		}
		want := r.Wait()
		require.ErrorIs(t, want, pawl.ErrStopTimeout)
		for range 3 {
			assert.Equal(t, want, <-results)
		}
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrStopped)
	})
}

// scheduler R4: Stop returns in bounded time, even if a teardown hangs.
func TestStopDoesNotWaitForATeardownThatHangs(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		release := make(chan struct{})
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.OK), pawl.WithResources(stuck{release})))
		r := harness.Start(t, s)
		began := time.Now()
		require.ErrorContains(t, r.Stop(t.Context()), "not done after 10s")
		assert.Equal(t, 10*time.Second, time.Since(began))
		close(release)
	})
}

type stuck struct{ release chan struct{} }

func (s stuck) Setup(context.Context) error    { return nil }
func (s stuck) Teardown(context.Context) error { <-s.release; return nil }

// scheduler R5
func TestEndOfTheContextIsAStop(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		ctx, cancel := context.WithCancel(t.Context())
		s := harness.Quiet(db)
		finished := false
		require.NoError(t, s.Every("a", time.Hour, harness.Job(func(ctx context.Context) error {
			time.Sleep(time.Minute)
			finished = ctx.Err() == nil
			return nil
		})))
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(40 * time.Second)
		cancel()
		require.NoError(t, <-ended, "an orderly stop")
		assert.True(t, finished, "jobs do not get Start's context")
		harness.Verify(t, db)

		s = harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		_, err := s.Start(ctx)
		require.ErrorIs(t, err, context.Canceled)
	})
}

type key struct{}

func TestJobContextCarriesTheValuesOfStart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		var value any
		var held context.Context
		require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error { value, held = ctx.Value(key{}), ctx; return nil })))
		r, err := s.Start(context.WithValue(t.Context(), key{}, "kept"))
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, "kept", value)
		require.Error(t, held.Err(), "it ends with the run")
		_, ok := pawl.RunFrom(t.Context())
		assert.False(t, ok)
		harness.Stop(t, r, db)
	})
}

// scheduler R6
func TestManyTriggersLeaveNothingBehind(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		trigger := func(n int) {
			for range n {
				run, err := r.Trigger(t.Context(), "a")
				require.NoError(t, err)
				_, err = r.WaitRun(t.Context(), "a", run)
				require.NoError(t, err)
			}
			synctest.Wait()
		}
		trigger(100)
		before := runtime.NumGoroutine()
		trigger(2000)
		assert.Equal(t, before, runtime.NumGoroutine())
		assert.Equal(t, int64(2100), harness.Status(t, r, "a").RunCount)
		harness.Stop(t, r, db)
	})
}

// scheduler R7, and the matrix of bad jobs: the run fails with what happened and the
// process lives on.
func TestJobsThatMisbehaveFail(t *testing.T) {
	var nothing *int
	for _, test := range []struct {
		name string
		job  func(context.Context) error
		want string
	}{
		{"panic", func(context.Context) error { panic("ouch") }, "panic: ouch"},
		{"panic with an error", func(context.Context) error { return errors.New(fmt.Sprint(*nothing)) }, "nil pointer"},
		{"panic(nil)", func(context.Context) error { panic(nil) }, "panic"},
		{"Goexit", func(context.Context) error { runtime.Goexit(); return nil }, "runtime.Goexit"},
		{"1 MB of error", func(context.Context) error { return errors.New(strings.Repeat("x", 1<<20)) }, "[cut]"},
		{"NUL and no UTF-8", func(context.Context) error { return errors.New("a\x00b\xff") }, "a\uFFFDb\uFFFD"},
		{"no message", func(context.Context) error { return errors.New("") }, "without a message"},
		{"a message that panics", func(context.Context) error { return rude{} }, "panic: rude"},
	} {
		t.Run(test.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				s := harness.Quiet(db)
				require.NoError(t, s.Manual("a", harness.Job(test.job)))
				require.NoError(t, s.Manual("b", harness.Job(harness.OK)))
				r := harness.Start(t, s)
				run, err := r.Trigger(t.Context(), "a")
				require.NoError(t, err)
				info, err := r.WaitRun(t.Context(), "a", run)
				require.NoError(t, err)
				assert.Equal(t, pawl.RunFailed, info.Status)
				assert.Contains(t, info.Error, test.want)
				assert.LessOrEqual(t, len(info.Error), 8<<10)
				assert.LessOrEqual(t, len(harness.Status(t, r, "a").LastError), 1<<10)
				_, err = r.Trigger(t.Context(), "b")
				require.NoError(t, err)
				harness.Stop(t, r, db)
			})
		})
	}
	t.Run("the stack is kept", func(t *testing.T) {
		harness.Bubble(t, func(t *testing.T, db string) {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("a", harness.Job(func(context.Context) error { panic("ouch") })))
			r := harness.Start(t, s)
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			info, err := r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
			assert.Contains(t, info.Error, "runner_test.go:")
			harness.Stop(t, r, db)
		})
	})
}

type rude struct{}

func (rude) Error() string { panic("rude") }

// Logging: start, trips at warn, transitions at debug.
func TestWhatIsLogged(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log bytes.Buffer
		run := func(level slog.Level, up time.Duration) string {
			log.Reset()
			s := pawl.NewScheduler(db, pawl.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))))
			require.NoError(t, s.Every("a", time.Minute, harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(3))))
			require.NoError(t, s.Every("b", time.Hour, harness.Job(harness.OK)))
			r := harness.Start(t, s)
			time.Sleep(up)
			synctest.Wait()
			require.NoError(t, r.Stop(t.Context()))
			return log.String()
		}
		text := run(slog.LevelInfo, time.Second)
		assert.Contains(t, text, "flows=2 recovered=0 missed=0 caught_up=0 generation=1")
		assert.NotContains(t, text, "transition")
		time.Sleep(2 * time.Hour)
		text = run(slog.LevelDebug, time.Hour)
		assert.Contains(t, text, "flows=2 recovered=0 missed=2 caught_up=2 generation=2")
		assert.Contains(t, text, "level=DEBUG msg=\"pawl: transition\" flow=a event=outcome run=2 from=running to=backoff")
		assert.Equal(t, 1, strings.Count(text, "level=WARN"))
		assert.Contains(t, text, "level=WARN msg=\"pawl: flow tripped\" flow=a streak=3 error=boom")
	})
}

var _ engine.Store = (*store.Store)(nil)

// scheduler L3, scheduler L5: a manual success inside a backoff window ends the window, but neither
// it nor a restart moves the next run.
func TestManualSuccessInAWindowDoesNotMoveTheNextRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		var mended atomic.Bool
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Every("a", time.Minute, d.Job(func(context.Context) error {
				if mended.Load() {
					return nil
				}
				return errors.New("boom")
			}), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Hour, MaxDelay: time.Hour})))
			return s
		}
		r := harness.Start(t, build())
		time.Sleep(10 * time.Minute)
		mended.Store(true)
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		before := r.List()
		assert.Equal(t, pawl.StatusCompleted, before[0].Status)
		harness.Stop(t, r, db)
		r = harness.Start(t, build())
		assert.Equal(t, before, r.List())
		time.Sleep(51 * time.Minute)
		synctest.Wait()
		assert.Equal(t, minutes(0, 10, 60, 61), d.Entries())
		harness.Stop(t, r, db)
	})
}

// scheduler L8: a clock that is found behind at the start.
func TestClockThatWentBackWhileNobodyRanIsHandledAtStart(t *testing.T) {
	for _, test := range []struct {
		back time.Duration
		cron string
		opts []pawl.Option
	}{
		{time.Hour, "10:00", nil}, // found C7
		{5 * time.Hour, "06:00", []pawl.Option{pawl.WithClockTrusted()}},
	} {
		harness.Bubble(t, func(t *testing.T, db string) {
			var offset time.Duration
			log := &harness.Logbook{}
			build := func() *pawl.Scheduler {
				s := harness.Quiet(db, append(test.opts, pawl.WithLogger(slog.New(log)), pawl.WithNow(func() time.Time { return time.Now().Add(offset) }))...)
				require.NoError(t, s.Every("every", 10*time.Minute, harness.Job(harness.OK)))
				require.NoError(t, s.Cron("cron", "@hourly", harness.Job(harness.OK)))
				return s
			}
			r := harness.Start(t, build())
			time.Sleep(10*time.Hour + 5*time.Minute)
			synctest.Wait()
			harness.Stop(t, r, db)
			offset = -test.back
			assert.Empty(t, log.Lines("the wall clock"))
			r = harness.Start(t, build())
			assert.Len(t, log.Lines("the wall clock is behind the last transition"), 1)
			now := time.Now().Add(offset)
			assert.False(t, harness.Status(t, r, "every").NextRun.After(now.Add(10*time.Minute)))
			assert.Equal(t, test.cron, harness.Status(t, r, "cron").NextRun.Format("15:04"))
			harness.Stop(t, r, db)
		})
	}
}

// scheduler T8, scheduler L4: the instant of a cancelled run is repeated at the next start, and makes
// up for those that were missed since.
func TestCancelledInstantIsRepeatedThoughNewerOnesPassed(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var told []string
		build := func(j pawl.Job) *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithStopTimeout(time.Second))
			require.NoError(t, s.Cron("a", "@hourly", j))
			return s
		}
		r := harness.Start(t, build(harness.Job(harness.UntilCancelled)))
		time.Sleep(61 * time.Minute)
		require.ErrorIs(t, r.Stop(t.Context()), pawl.ErrStopTimeout)
		time.Sleep(2 * time.Hour)
		r = harness.Start(t, build(harness.Job(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			told = append(told, fmt.Sprint(run.ScheduledAt.Format("15:04"), " attempt ", run.Attempt))
			return nil
		})))
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"01:00 attempt 2", "04:00 attempt 1"}, told)
		harness.Stop(t, r, db)
	})
}

// A stop timeout may be as long as a Duration is.
func TestStopTimeoutMayBeForEver(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithStopTimeout(math.MaxInt64), nil)
		require.NoError(t, s.Manual("a", harness.Job(func(context.Context) error { time.Sleep(time.Hour); return nil }), nil))
		r := harness.Start(t, s)
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		harness.Stop(t, r, db)
		assert.Equal(t, pawl.StatusCompleted, harness.Status(t, r, "a").Status)
	})
}

// curious is a job that asks the scheduler something while it is validated.
type curious struct{ s *pawl.Scheduler }

func (curious) Run(context.Context) error { return nil }
func (c curious) Validate() error {
	if !c.s.Contains("a") || c.s.Len() != 1 {
		return errors.New("where am I?")
	}
	return nil
}

func TestValidatorMayAskTheScheduler(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log bytes.Buffer
		s := pawl.NewScheduler(db, pawl.WithInboxPoll(0), pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		require.NoError(t, s.Manual("a", curious{s}))
		r := harness.Start(t, s)
		s.AddResource(part{name: "late", log: &[]string{}})
		assert.Contains(t, log.String(), "AddResource after Start has no effect")
		harness.Stop(t, r, db)
	})
}

// interrupting ends the start's context, and fails as SQLite does then.
type interrupting struct{ stop context.CancelFunc }

func (i interrupting) Setup(context.Context) error {
	i.stop()
	return errors.New("sqlite: step: interrupted")
}
func (interrupting) Teardown(context.Context) error { return nil }

// found A11: whatever a start fails with after its context has ended, the error is that
// of the context, so that a signal during the recovery is a clean stop.
func TestStartThatIsToldToEndSaysSo(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	s := harness.Quiet(filepath.Join(t.TempDir(), "jobs.db"))
	s.AddResource(interrupting{stop})
	_, err := s.Start(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "sqlite: step: interrupted")

	s = pawl.NewScheduler(filepath.Join(t.TempDir(), "jobs.db"))
	_, err = s.Start(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
