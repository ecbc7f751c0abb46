package core

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/schedule"
)

var (
	epoch  = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	minute = mustEvery(time.Minute)
	hourly = mustCron("0 0 * * * *")
	policy = &BackoffPolicy{Initial: 10 * time.Second, Multiplier: 2, MaxDelay: time.Minute, StreakLimit: 3}
)

func mustEvery(d time.Duration) schedule.Schedule {
	s, err := schedule.Every(d)
	if err != nil {
		panic(err)
	}
	return s
}

func mustCron(expr string) schedule.Schedule {
	s, err := schedule.Cron(expr)
	if err != nil {
		panic(err)
	}
	return s
}

func mustAligned(d time.Duration) schedule.Schedule {
	s, err := schedule.Aligned(d)
	if err != nil {
		panic(err)
	}
	return s
}

func mustRate(d time.Duration) schedule.Schedule {
	s, err := schedule.FixedRate(d)
	if err != nil {
		panic(err)
	}
	return s
}

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// stateIn is a flow of a plan in a status, as earlier transitions left it: its
// fourth run began at 0 s and, unless it is running, ended at 5 s.
func stateIn(status Status, p Plan) State {
	s := State{
		ID: "f", Key: 1, Definition: p.Describe(), Paused: NotPaused, Registered: true, Position: p.Position, Status: status, RunCount: 4, LastNumber: 4, LastKey: 40, Attempt: 1,
		Version: 9, CreatedAt: at(-3600), LastRun: at(0), LastScheduled: at(0), LastEnd: at(5), NextRun: p.Schedule.Next(at(5), at(0)),
	}
	switch status {
	case StatusIdle:
		s.RunCount, s.LastNumber, s.LastKey, s.Attempt = 0, 0, 0, 0
		s.LastRun, s.LastScheduled, s.LastEnd = time.Time{}, time.Time{}, time.Time{}
		s.NextRun = p.Schedule.Resume(at(5), time.Time{}, time.Time{})
	case StatusRunning:
		s.InFlight, s.LastEnd, s.FailureStreak = 1, at(-60), 1
		s.LastError, s.ErrorKey = "before", 39
		s.NextRun = p.Schedule.NextWhileRunning(at(0), at(0))
		s.NextEligible = at(-1)
		s.Open = []*Run{{Key: 40, Prev: 39, RunInfo: RunInfo{
			FlowID: "f", Number: 4, Trigger: TriggerSchedule, Status: RunRunning, Attempt: 1,
			ScheduledAt: at(0), StartedAt: at(0),
		}}}
	case StatusFailed:
		s.LastError, s.ErrorKey = "boom", 40
	case StatusBackoff:
		s.FailureStreak, s.NextEligible = 2, at(25)
		s.LastError, s.ErrorKey = "boom", 40
		s.NextRun = p.Schedule.NotBefore(s.NextRun, s.NextEligible)
	case StatusTripped:
		s.FailureStreak, s.Held, s.NextRun = 3, s.NextRun, time.Time{}
		s.LastError, s.ErrorKey = "boom", 40
	}
	return s
}

var allStatuses = []Status{StatusIdle, StatusRunning, StatusCompleted, StatusFailed, StatusBackoff, StatusTripped}

// TestEveryStatusMeetsEveryEvent is the whole transition table (scheduler T1 to scheduler T10): what
// each event makes of a flow in each status, with and without a policy. A want
// of "-" is a refusal that changes nothing.
func TestEveryStatusMeetsEveryEvent(t *testing.T) {
	withPolicy := Plan{Schedule: minute, Backoff: policy, Database: "db"}
	without := Plan{Schedule: minute, Database: "db"}
	with := func(change func(*Plan)) Plan {
		p := withPolicy
		change(&p)
		return p
	}
	buffering := with(func(p *Plan) { p.Overlap = OverlapBuffer(3) })
	allowing := with(func(p *Plan) { p.Overlap = OverlapAllow(2, 0) })
	cancelling := with(func(p *Plan) { p.Overlap = OverlapCancel })
	grid := with(func(p *Plan) { p.Schedule, p.Overlap = mustCron("* * * * *"), OverlapBufferOne })
	retrying := with(func(p *Plan) { p.Retry = &Retry{Max: 1} })
	resuming := with(func(p *Plan) { p.Resumes = true })
	events := []struct {
		name  string
		event Event
		plan  Plan
		want  [6]string // by status, in the order of allStatuses
	}{
		{"reserve by trigger", Reserve{Trigger: TriggerManual, Key: 41}, withPolicy,
			[6]string{"running", "- running already", "running", "running", "running", "- tripped"}},
		{"reserve by schedule, due", Reserve{Trigger: TriggerSchedule, Key: 41}, withPolicy,
			[6]string{"running", "- running already", "running", "running", "running", "- tripped"}},
		{"success", Outcome{Run: 4}, withPolicy,
			[6]string{"- not in flight", "completed", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"failure with a policy", Outcome{Run: 4, Error: "x"}, withPolicy,
			[6]string{"- not in flight", "backoff", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"failure without", Outcome{Run: 4, Error: "x"}, without,
			[6]string{"- not in flight", "failed", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"interrupt with a policy", Interrupt{Run: 4, Error: "interrupted: x"}, withPolicy,
			[6]string{"- not in flight", "backoff", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"interrupt without", Interrupt{Run: 4, Error: "interrupted: x"}, without,
			[6]string{"- not in flight", "failed", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"spared interrupt", Interrupt{Run: 4, Error: "interrupted: x", Spared: true}, withPolicy,
			[6]string{"- not in flight", "failed", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"interrupt of a retired flow", Interrupt{Run: 4, Error: "interrupted: x"}, Plan{},
			[6]string{"- not in flight", "failed", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"interrupt among others", Interrupt{Run: 4, Error: "interrupted: x", Spared: true, Suspect: true, Why: "suspect: one of 2 that were in flight"}, withPolicy,
			[6]string{"- not in flight", "failed", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"clear of no suspect", Clear{Run: 4}, withPolicy,
			[6]string{"- not in flight", "- nothing", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"cancel", Cancel{Run: 4, Error: "cancelled"}, withPolicy,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"reset", Reset{}, withPolicy,
			[6]string{"idle", "running", "idle", "idle", "idle", "idle"}},
		{"adopt", Adopt{}, withPolicy,
			[6]string{"idle", "running", "completed", "failed", "backoff", "tripped"}},
		{"adopt without a policy", Adopt{}, without,
			[6]string{"idle", "running", "completed", "failed", "failed", "tripped"}},
		{"retire", Retire{}, Plan{},
			[6]string{"idle", "running", "completed", "failed", "backoff", "tripped"}},
		{"adjust, nothing too far ahead", Adjust{}, withPolicy,
			[6]string{"- nothing", "- nothing", "- nothing", "- nothing", "- nothing", "- nothing"}},
		{"correct", Correct{By: -4 * 3600_000}, withPolicy,
			[6]string{"idle", "- nothing", "completed", "failed", "backoff", "tripped"}},
		{"checkpoint", Checkpoint{Run: 4, Steps: []CheckpointData{{Seq: 1, State: "a", Kind: "enter"}}}, resuming,
			[6]string{"- not in flight", "running", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"suspend", Outcome{Run: 4, Error: "suspended", As: RunWaiting}, resuming,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"suspend by a job that is another in the next process", Outcome{Run: 4, Error: "suspended", As: RunWaiting}, withPolicy,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"interrupt of a run that goes on", Interrupt{Run: 4, Error: "interrupted: x"}, resuming,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"interrupt of one that stalls", Interrupt{Run: 4, Error: "interrupted: x", Mark: Mark{Stalled: 5}}, resuming,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"spared interrupt of one that stalls", Interrupt{Run: 4, Error: "interrupted: x", Spared: true, Mark: Mark{Stalled: 5}}, resuming,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"cancel of a run that goes on", Cancel{Run: 4, Error: "cancelled"}, resuming,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"trigger that may wait", Reserve{Trigger: TriggerManual, Key: 41}, buffering,
			[6]string{"running", "running", "running", "running", "running", "- tripped"}},
		{"trigger that may run beside", Reserve{Trigger: TriggerManual, Key: 41}, allowing,
			[6]string{"running", "running", "running", "running", "running", "- tripped"}},
		{"trigger that cancels", Reserve{Trigger: TriggerManual, Key: 41}, cancelling,
			[6]string{"running", "running", "running", "running", "running", "- tripped"}},
		{"trigger without room in a group", Reserve{Trigger: TriggerManual, Key: 41, Full: true}, withPolicy,
			[6]string{"idle", "- running already", "completed", "failed", "backoff", "- tripped"}},
		{"trigger for later", Reserve{Trigger: TriggerManual, Key: 41, Ask: Ask{StartAt: at(900)}}, withPolicy,
			[6]string{"idle", "running", "completed", "failed", "backoff", "- tripped"}},
		{"trigger with a key that is taken", Reserve{Trigger: TriggerManual, Key: 41, Ask: Ask{Known: &RunKey{Number: 2}}}, withPolicy,
			[6]string{"- stands for run 2", "- stands for run 2", "- stands for run 2", "- stands for run 2", "- stands for run 2", "- stands for run 2"}},
		{"probe", Reserve{Trigger: TriggerProbe, Key: 41}, withPolicy,
			[6]string{"running", "- running already", "running", "running", "running", "running"}},
		{"many triggers", Accept{Key: 41, Asks: make([]Ask, 3)}, buffering,
			[6]string{"idle", "running", "completed", "failed", "backoff", "- tripped"}},
		{"many triggers that have no room", Accept{Key: 41, Asks: make([]Ask, 3)}, withPolicy,
			[6]string{"- too many", "- too many", "- too many", "- too many", "- too many", "- tripped"}},
		{"schedule that may wait, due", Reserve{Trigger: TriggerSchedule, Key: 41}, grid,
			[6]string{"running", "running", "running", "running", "running", "- tripped"}},
		{"failure that is tried again", Outcome{Run: 4, Error: "x"}, retrying,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"failure that no attempt would mend", Outcome{Run: 4, Error: "x", Permanent: true}, retrying,
			[6]string{"- not in flight", "backoff", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"skipped", Outcome{Run: 4, Error: "nothing to do", As: RunSkipped}, withPolicy,
			[6]string{"- not in flight", "idle", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"timed out", Outcome{Run: 4, Error: "x", As: RunTimedOut}, withPolicy,
			[6]string{"- not in flight", "backoff", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"job that does not return", Timeout{Run: 4}, withPolicy,
			[6]string{"- not in flight", "backoff", "- not in flight", "- not in flight", "- not in flight", "- not in flight"}},
		{"abort", Abort{Run: 4, Reason: "why"}, withPolicy,
			[6]string{"- no such run", "running", "- is over", "- is over", "- is over", "- is over"}},
		{"pause", Pause{Note: "why"}, withPolicy,
			[6]string{"idle", "running", "completed", "failed", "backoff", "tripped"}},
		{"pause for a while", Pause{Note: "why", Until: at(3600)}, withPolicy,
			[6]string{"idle", "running", "completed", "failed", "backoff", "tripped"}},
		{"pause until now", Pause{Until: at(70)}, withPolicy,
			[6]string{"- not after now", "- not after now", "- not after now", "- not after now", "- not after now", "- not after now"}},
		{"end of a pause that is none", Resume{Expired: true}, withPolicy,
			[6]string{"- goes on", "- goes on", "- goes on", "- goes on", "- goes on", "- goes on"}},
		{"resume without a pause", Resume{}, withPolicy,
			[6]string{"- nothing", "- nothing", "- nothing", "- nothing", "- nothing", "- nothing"}},
		{"backfill", Backfill{Key: 41, Instants: []time.Time{at(-7200), at(-3600)}}, grid,
			[6]string{"idle", "running", "completed", "failed", "backoff", "- tripped"}},
		{"drop without a backfill", Drop{}, withPolicy,
			[6]string{"- nothing", "- nothing", "- nothing", "- nothing", "- nothing", "- nothing"}},
	}
	for _, e := range events {
		for i, status := range allStatuses {
			t.Run(fmt.Sprintf("%s/%s", status, e.name), func(t *testing.T) {
				plan := e.plan
				if plan.Schedule == nil {
					plan = withPolicy
				}
				s := stateIn(status, plan)
				before := s
				c, err := Apply(s, e.event, at(70), e.plan)
				assert.Equal(t, before, s, "Apply does not touch its argument")
				if reason, refused := strings.CutPrefix(e.want[i], "- "); refused {
					require.ErrorContains(t, err, reason)
					assert.Equal(t, Change{}, c)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, e.want[i], string(c.Status))
				assert.Equal(t, s.Version+1, c.Version)
				assert.Equal(t, status, c.From)
				assert.Equal(t, at(70), c.UpdatedAt)
				name := e.event.name()
				if c.Waiting > s.Waiting && name == "reserve" { // it waits instead
					name = "accept"
				} else if c.Waiting > s.Waiting && name == "cancel" && e.plan.Resumes { // it goes on, as after a crash
					name = "interrupt"
				}
				assert.Equal(t, name, c.Event)
				again, err := Apply(s, e.event, at(70), e.plan)
				require.NoError(t, err)
				assert.Equal(t, c, again, "T10: the same question has the same answer")
			})
		}
	}
}

// apply is Apply that must not refuse.
func apply(t *testing.T, s State, e Event, now time.Time, p Plan) Change {
	t.Helper()
	c, err := Apply(s, e, now, p)
	require.NoError(t, err)
	return c
}

// scheduler T1
func TestReserveStampsTheRunAndKeepsWindowAndError(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy}
	s := stateIn(StatusBackoff, p)
	c := apply(t, s, Reserve{Trigger: TriggerManual, Key: 41}, at(10), p)
	assert.Equal(t, at(10), c.LastRun)
	assert.Equal(t, s.RunCount+1, c.RunCount)
	assert.Equal(t, s.NextEligible, c.NextEligible)
	assert.Equal(t, "boom", c.LastError)
	assert.Equal(t, s.NextRun, c.NextRun, "L5: a manual run does not move NextRun")
	assert.Equal(t, 1, c.InFlight)
	require.Len(t, c.Runs, 1)
	assert.Equal(t, Run{Key: 41, Prev: 40, RunInfo: RunInfo{
		FlowID: "f", Number: 5, Trigger: TriggerManual, Status: RunRunning, Attempt: 1, ScheduledAt: at(10), StartedAt: at(10),
	}}, c.Runs[0])
	require.Len(t, c.Open, 1)
	assert.Equal(t, c.Runs[0], *c.Open[0])
}

// scheduler T1: the two refusals are told apart.
func TestRunningAndTrippedAreRefusedApart(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy}
	_, err := Apply(stateIn(StatusRunning, p), Reserve{Trigger: TriggerManual}, at(10), p)
	require.ErrorIs(t, err, ErrAlreadyRunning)
	require.NotErrorIs(t, err, ErrTripped)
	_, err = Apply(stateIn(StatusTripped, p), Reserve{Trigger: TriggerManual}, at(10), p)
	require.ErrorIs(t, err, ErrTripped)
	require.NotErrorIs(t, err, ErrAlreadyRunning)
}

// scheduler L4, scheduler L6: the schedule asks only when the flow is due.
func TestScheduleReservesNotBeforeTheFlowIsDue(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy}
	s := stateIn(StatusCompleted, p) // due at 65
	_, err := Apply(s, Reserve{Trigger: TriggerSchedule}, at(64.999), p)
	require.ErrorIs(t, err, ErrNotDue)
	c := apply(t, s, Reserve{Trigger: TriggerSchedule, Key: 41}, at(65), p)
	assert.Equal(t, at(65), c.Runs[0].ScheduledAt)
	assert.True(t, c.NextRun.IsZero(), "an interval is counted from the end of the run")
	_, err = Apply(stateIn(StatusCompleted, Plan{Schedule: schedule.Manual()}), Reserve{Trigger: TriggerSchedule}, at(70), Plan{Schedule: schedule.Manual()})
	require.ErrorIs(t, err, ErrNotDue)
}

// scheduler T2
func TestSuccessClearsStreakWindowAndError(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy}
	c := apply(t, stateIn(StatusRunning, p), Outcome{Run: 4}, at(8), p)
	assert.Equal(t, StatusCompleted, c.Status)
	assert.Zero(t, c.FailureStreak)
	assert.True(t, c.NextEligible.IsZero())
	assert.Empty(t, c.LastError)
	assert.Zero(t, c.ErrorKey)
	assert.Equal(t, at(68), c.NextRun, "L2: an interval after the end of the run")
	assert.Equal(t, RunCompleted, c.Runs[0].Status)
	assert.Equal(t, at(8), c.Runs[0].FinishedAt)
	assert.Empty(t, c.Open)
}

// scheduler T3
func TestFailureWithoutAPolicyHasNoStreak(t *testing.T) {
	p := Plan{Schedule: minute}
	c := apply(t, stateIn(StatusRunning, p), Outcome{Run: 4, Error: "boom"}, at(8), p)
	assert.Equal(t, StatusFailed, c.Status)
	assert.Equal(t, "boom", c.LastError)
	assert.Zero(t, c.FailureStreak)
	assert.True(t, c.NextEligible.IsZero())
	assert.Equal(t, at(68), c.NextRun)
}

// scheduler T4
func TestFailuresBackOffAndTripAtTheLimit(t *testing.T) {
	p := Plan{Schedule: mustEvery(time.Second), Backoff: policy, Database: "db"}
	s := stateIn(StatusRunning, p)
	s.FailureStreak = 0
	c := apply(t, s, Outcome{Run: 4, Error: "one"}, at(5), p)
	assert.Equal(t, StatusBackoff, c.Status)
	assert.Equal(t, 1, c.FailureStreak)
	assert.Equal(t, at(15), c.NextEligible)
	assert.Equal(t, at(15), c.NextRun, "L2: max(interval, window)")

	c = apply(t, *c.State, Reserve{Trigger: TriggerSchedule, Key: 41}, at(15), p)
	c = apply(t, *c.State, Outcome{Run: 5, Error: "two"}, at(16), p)
	assert.Equal(t, 2, c.FailureStreak)
	assert.Equal(t, at(36), c.NextEligible)

	c = apply(t, *c.State, Reserve{Trigger: TriggerSchedule, Key: 42}, at(36), p)
	c = apply(t, *c.State, Outcome{Run: 6, Error: "three"}, at(40), p)
	assert.Equal(t, StatusTripped, c.Status)
	assert.Equal(t, 3, c.FailureStreak)
	assert.Equal(t, "three", c.LastError)
	assert.True(t, c.NextEligible.IsZero())
	assert.True(t, c.NextRun.IsZero(), "L6: a tripped flow has no NextRun")
	assert.Equal(t, int64(42), c.ErrorKey)
}

// scheduler T4: the streak saturates.
func TestStreakDoesNotOverflow(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: &BackoffPolicy{}}
	s := stateIn(StatusRunning, p)
	s.FailureStreak = math.MaxInt32
	c := apply(t, s, Outcome{Run: 4, Error: "boom"}, at(5), p)
	assert.Equal(t, math.MaxInt32, c.FailureStreak)
	assert.Equal(t, at(5).Add(5*time.Minute), c.NextEligible)
}

// scheduler T5: jitter is a hash, within bounds, spread over flows, runs and databases.
func TestJitterIsAHashThatSpreads(t *testing.T) {
	seen := map[float64]bool{}
	var sum float64
	for run := range int64(1000) {
		j := jitter("db", "flow", run)
		assert.Equal(t, j, jitter("db", "flow", run))
		assert.True(t, j >= -1 && j <= 1)
		seen[j] = true
		sum += j
	}
	assert.Greater(t, len(seen), 990)
	assert.InDelta(t, 0, sum/1000, 0.1)
	assert.NotEqual(t, jitter("db", "flow", 1), jitter("db2", "flow", 1))
	assert.NotEqual(t, jitter("db", "flow", 1), jitter("db", "flow2", 1))
}

// scheduler T6, scheduler L6
func TestResetClearsStreakAndTripAndPlansAnew(t *testing.T) {
	for _, test := range []struct {
		name     string
		schedule schedule.Schedule
		status   Status
		now      time.Time
		want     time.Time
	}{
		{"tripped every, interval passed", minute, StatusTripped, at(100), at(100)},
		{"tripped every, interval not passed", minute, StatusTripped, at(30), at(65)},
		{"tripped cron", hourly, StatusTripped, at(30), at(3600)},
		{"tripped manual", schedule.Manual(), StatusTripped, at(30), time.Time{}},
		{"every in backoff", mustEvery(time.Second), StatusBackoff, at(10), at(10)},
		{"cron in backoff", mustCron("*/5 * * * * *"), StatusBackoff, at(11), at(15)},
		{"completed keeps its cadence", minute, StatusCompleted, at(30), at(65)},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Plan{Schedule: test.schedule, Backoff: policy}
			c := apply(t, stateIn(test.status, p), Reset{}, test.now, p)
			assert.Equal(t, StatusIdle, c.Status)
			assert.Zero(t, c.FailureStreak)
			assert.True(t, c.NextEligible.IsZero())
			assert.Empty(t, c.LastError)
			assert.Equal(t, test.want, c.NextRun)
		})
	}
}

// scheduler T6: a reset while the flow runs keeps it running; if that run fails the streak is 1.
func TestResetDuringARunStartsTheStreakOver(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy, Database: "db"}
	s := stateIn(StatusRunning, p)
	s.FailureStreak = 2
	c := apply(t, s, Reset{}, at(5), p)
	assert.Equal(t, StatusRunning, c.Status)
	assert.Equal(t, 1, c.InFlight)
	assert.True(t, c.NextRun.IsZero(), "the end of the run plans the next")
	c = apply(t, *c.State, Outcome{Run: 4, Error: "boom"}, at(6), p)
	assert.Equal(t, 1, c.FailureStreak)
	assert.Equal(t, StatusBackoff, c.Status)
}

// scheduler T7
func TestInterruptIsAFailureUnlessTheJobIsSpared(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy, Database: "db"}
	s := stateIn(StatusRunning, p)
	s.FailureStreak = 2
	c := apply(t, s, Interrupt{Run: 4, Error: "interrupted: x"}, at(100), p)
	assert.Equal(t, StatusTripped, c.Status, "a flow that kills its process trips")
	assert.Equal(t, 3, c.FailureStreak)
	assert.Equal(t, RunInterrupted, c.Runs[0].Status)
	assert.True(t, c.Runs[0].FinishedAt.IsZero(), "nobody knows when it ended")
	assert.Equal(t, "interrupted: x", c.LastError)

	c = apply(t, s, Interrupt{Run: 4, Error: "interrupted: x", Spared: true}, at(100), p)
	assert.Equal(t, StatusFailed, c.Status)
	assert.Equal(t, 2, c.FailureStreak)
	assert.Equal(t, s.NextEligible, c.NextEligible)
	assert.Equal(t, at(160), c.NextRun)

	s.NextEligible = at(500) // a manual run inside a window
	c = apply(t, s, Interrupt{Run: 4, Error: "interrupted: x", Spared: true}, at(100), p)
	assert.Equal(t, StatusBackoff, c.Status)
	assert.Equal(t, at(500), c.NextRun)

	c = apply(t, s, Interrupt{Run: 4, Error: "interrupted: x"}, at(100), Plan{})
	assert.Equal(t, StatusFailed, c.Status)
	assert.Equal(t, 2, c.FailureStreak, "the streak of a flow that is not registered is kept")
}

// scheduler L3, scheduler L4: what was missed while the process was down stays due.
func TestInterruptKeepsAMissedInstantDue(t *testing.T) {
	p := Plan{Schedule: hourly, Database: "db"}
	s := stateIn(StatusRunning, p) // run of 09:00, next 10:00
	c := apply(t, s, Interrupt{Run: 4, Error: "interrupted: x"}, at(3*3600+60), p)
	assert.Equal(t, at(3600), c.NextRun)
	c = apply(t, *c.State, Reserve{Trigger: TriggerSchedule, Key: 41}, at(3*3600+60), p)
	assert.Equal(t, at(3*3600), c.Runs[0].ScheduledAt, "one run for all missed instants, told the latest")
	assert.Equal(t, at(4*3600), c.NextRun)
}

// scheduler T8
func TestCancelSparesTheStreakAndRepeatsTheInstant(t *testing.T) {
	p := Plan{Schedule: hourly, Backoff: policy}
	s := stateIn(StatusRunning, p)
	c := apply(t, s, Cancel{Run: 4, Error: "cancelled: x"}, at(600), p)
	assert.Equal(t, StatusIdle, c.Status)
	assert.Equal(t, 1, c.FailureStreak)
	assert.Equal(t, s.NextEligible, c.NextEligible)
	assert.Equal(t, "before", c.LastError, "nobody failed")
	assert.Equal(t, RunCancelled, c.Runs[0].Status)
	assert.Equal(t, at(0), c.NextRun, "due again at once")
	c = apply(t, *c.State, Reserve{Trigger: TriggerSchedule, Key: 41}, at(700), p)
	assert.Equal(t, at(0), c.Runs[0].ScheduledAt)
	assert.Equal(t, 2, c.Runs[0].Attempt)
	assert.Equal(t, at(3600), c.NextRun)

	s.Open[0].Trigger = TriggerManual
	c = apply(t, s, Cancel{Run: 4, Error: "cancelled: x"}, at(600), p)
	assert.Equal(t, at(3600), c.NextRun, "a manual run is not repeated")

	s.NextEligible = at(900)
	c = apply(t, s, Cancel{Run: 4, Error: "cancelled: x"}, at(600), p)
	assert.Equal(t, StatusBackoff, c.Status)
}

// scheduler T9
func TestAdoptReplansOnlyWhenTheScheduleChanged(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy}
	s := stateIn(StatusCompleted, p) // ended at 5, due at 65
	c := apply(t, s, Adopt{}, at(30), Plan{Schedule: minute, Backoff: &BackoffPolicy{StreakLimit: 9}})
	assert.Equal(t, s.NextRun, c.NextRun, "a changed policy does not")
	assert.Equal(t, 9, c.StreakLimit)

	c = apply(t, s, Adopt{}, at(30), Plan{Schedule: mustEvery(10 * time.Second)})
	assert.Equal(t, at(30), c.NextRun, "max(now, end of last run + interval)")
	c = apply(t, s, Adopt{}, at(30), Plan{Schedule: mustEvery(time.Hour)})
	assert.Equal(t, at(3605), c.NextRun)
	c = apply(t, s, Adopt{}, at(30), Plan{Schedule: hourly})
	assert.Equal(t, at(3600), c.NextRun)
	assert.Equal(t, "UTC", c.TimeZone)
	c = apply(t, s, Adopt{}, at(30), Plan{Schedule: schedule.Manual()})
	assert.True(t, c.NextRun.IsZero())

	s = stateIn(StatusBackoff, p)
	c = apply(t, s, Adopt{}, at(10), Plan{Schedule: mustEvery(time.Second), Backoff: policy})
	assert.Equal(t, at(25), c.NextRun, "not before the window ends")
	c = apply(t, s, Adopt{}, at(10), Plan{Schedule: minute})
	assert.Equal(t, StatusFailed, c.Status, "a plan without a policy has no window")
	assert.Zero(t, c.FailureStreak)
	assert.True(t, c.NextEligible.IsZero())

	s = stateIn(StatusTripped, p)
	c = apply(t, s, Adopt{}, at(10), Plan{Schedule: hourly})
	assert.Equal(t, StatusTripped, c.Status, "tripped until reset")
	assert.Equal(t, 3, c.FailureStreak)
	assert.True(t, c.NextRun.IsZero())
}

// scheduler T9: a lower limit acts at the next failure.
func TestLowerLimitActsAtTheNextFailure(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: &BackoffPolicy{StreakLimit: 1}}
	s := stateIn(StatusBackoff, Plan{Schedule: minute, Backoff: policy})
	c := apply(t, s, Adopt{}, at(6), p)
	assert.Equal(t, StatusBackoff, c.Status)
	c = apply(t, *c.State, Reserve{Trigger: TriggerManual, Key: 41}, at(7), p)
	c = apply(t, *c.State, Interrupt{Run: 5, Error: "interrupted", Spared: true}, at(8), p)
	assert.Equal(t, StatusBackoff, c.Status, "nobody failed")
	c = apply(t, *c.State, Reserve{Trigger: TriggerManual, Key: 42}, at(70), p)
	c = apply(t, *c.State, Outcome{Run: 6, Error: "boom"}, at(71), p)
	assert.Equal(t, StatusTripped, c.Status)
}

func TestNewFlowIsAdoptedAtVersionOne(t *testing.T) {
	for _, test := range []struct {
		schedule schedule.Schedule
		want     time.Time
	}{{minute, at(10)}, {hourly, at(3600)}, {schedule.Manual(), time.Time{}}} {
		c := apply(t, NewState("f", 1), Adopt{}, at(10), Plan{Schedule: test.schedule, Position: 3})
		assert.Equal(t, int64(1), c.Version)
		assert.Equal(t, StatusIdle, c.Status)
		assert.Equal(t, at(10), c.CreatedAt)
		assert.Equal(t, test.want, c.NextRun)
		assert.Equal(t, 3, c.Position)
		assert.True(t, c.Registered)
	}
}

// scheduler L1, scheduler L4, scheduler L5: instants that pass while the flow runs are skipped, and said so.
func TestInstantsThatPassDuringARunAreSkipped(t *testing.T) {
	p := Plan{Schedule: mustCron("*/10 * * * * *"), Database: "db"}
	s := stateIn(StatusRunning, p) // next 10
	c := apply(t, s, Outcome{Run: 4}, at(25), p)
	assert.Equal(t, at(30), c.NextRun)
	assert.Contains(t, c.Note, "skipped 2026-11-22T09:00:10.000Z")
	c = apply(t, s, Outcome{Run: 4}, at(10), p)
	assert.Equal(t, at(20), c.NextRun, "the instant of the end passed too")
	c = apply(t, s, Outcome{Run: 4}, at(9.999), p)
	assert.Equal(t, at(10), c.NextRun)
	assert.Empty(t, c.Note)

	p = Plan{Schedule: minute, Database: "db"}
	s = stateIn(StatusRunning, p)
	s.Open[0].Trigger = TriggerManual
	s.NextRun = at(20)
	c = apply(t, s, Outcome{Run: 4}, at(15), p)
	assert.Equal(t, at(20), c.NextRun, "a manual run does not move it")
	c = apply(t, s, Outcome{Run: 4}, at(25), p)
	assert.Equal(t, at(85), c.NextRun, "one that passed is end + interval")
}

// scheduler L4, scheduler L5: the backoff window moves the next run, of cron to its next instant.
func TestNoInstantIsDueInsideTheWindow(t *testing.T) {
	p := Plan{Schedule: mustCron("*/4 * * * * *"), Backoff: policy, Database: "db"}
	s := stateIn(StatusRunning, p)
	s.FailureStreak = 0
	c := apply(t, s, Outcome{Run: 4, Error: "boom"}, at(3), p) // window until 13
	assert.Equal(t, at(16), c.NextRun)
	assert.Contains(t, c.Note, "backoff until 2026-11-22T09:00:13.000Z")
	c = apply(t, s, Outcome{Run: 4, Error: "boom"}, at(2), p) // window until 12
	assert.Equal(t, at(12), c.NextRun, "the end of the window is outside of it")

	p = Plan{Schedule: minute, Backoff: policy, Database: "db"}
	s = stateIn(StatusRunning, p)
	s.Open[0].Trigger, s.NextRun, s.FailureStreak = TriggerManual, at(7), 0
	c = apply(t, s, Outcome{Run: 4, Error: "boom"}, at(5), p)
	assert.Equal(t, at(15), c.NextRun, "a failed manual run moves it to nextEligible, if later")
	s.NextRun = at(60)
	c = apply(t, s, Outcome{Run: 4, Error: "boom"}, at(5), p)
	assert.Equal(t, at(60), c.NextRun)
}

// scheduler L8
func TestClockThatWentBackIsHandled(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy}
	s := stateIn(StatusBackoff, p)
	s.NextEligible, s.NextRun = at(25), at(65)

	t.Run("waits are cut to the interval and the cap", func(t *testing.T) {
		c := apply(t, s, Adjust{By: -1}, at(-3600), p)
		assert.Equal(t, at(-3600+60), c.NextRun)
		assert.Equal(t, at(-3600+60), c.NextEligible)
		_, err := Apply(*c.State, Adjust{}, at(-3600), p)
		require.ErrorIs(t, err, ErrUnchanged)
	})
	t.Run("less than 3 h: no fixed time runs twice", func(t *testing.T) { // found C7
		p := Plan{Schedule: mustCron("0 0 9,10 * * *")}
		s := stateIn(StatusCompleted, p) // fired 09:00, next 10:00
		_, err := Apply(s, Adjust{By: -2 * 3600_000}, at(-2*3600), p)
		require.ErrorIs(t, err, ErrUnchanged)
		c := apply(t, s, Reset{}, at(-2*3600+1), p)
		assert.Equal(t, at(3600), c.NextRun)
		s.Status, s.NextRun = StatusTripped, time.Time{}
		c = apply(t, s, Reset{}, at(-2*3600+1), p)
		assert.Equal(t, at(3600), c.NextRun, "planned anew, and yet not 09:00 again")
	})
	t.Run("less than 3 h: wildcards and intervals keep their rate", func(t *testing.T) { // found C7
		for _, schedule := range []schedule.Schedule{hourly, mustEvery(time.Hour), mustAligned(time.Hour), mustRate(time.Hour)} {
			p := Plan{Schedule: schedule}
			s := stateIn(StatusCompleted, p)
			s.Anchor, s.NextRun = at(0), at(3600)
			c := apply(t, s, Adjust{By: -2 * 3600_000}, at(-2*3600+5), p)
			assert.LessOrEqual(t, c.NextRun.Sub(at(-2*3600+5)), time.Hour)
			if c.floats(schedule, at(0)) {
				continue
			}
			assert.Equal(t, at(-3600), c.NextRun)
			require.NotNil(t, c.Reached)
			assert.Equal(t, Reached{at(0), 40, 40}, *c.Reached)
			first := apply(t, *c.State, Reserve{Trigger: TriggerSchedule, Key: 41}, at(-3600), p)
			assert.False(t, first.Runs[0].Repeated, "it had no run")
			over := apply(t, *first.State, Outcome{Run: 5}, at(-3600+1), p)
			ran := map[int64]bool{at(0).UnixMilli(): false}
			again := apply(t, *over.State, Reserve{Trigger: TriggerSchedule, Key: 42, Ran: ran}, at(0), p)
			assert.True(t, again.Runs[0].Repeated, "it had one")
			assert.Equal(t, at(0), again.Runs[0].ScheduledAt)
			assert.Equal(t, 1, again.Runs[0].Attempt)
		}
	})
	t.Run("3 h or more: planned anew", func(t *testing.T) {
		p := Plan{Schedule: hourly}
		s := stateIn(StatusCompleted, p)
		now := at(-4*3600 + 60)
		c := apply(t, s, Correct{By: -4 * 3600_000}, now, p)
		assert.Equal(t, at(-3*3600), c.NextRun)
		assert.Equal(t, now, c.LastScheduled, "what fired then holds nothing back")
		c = apply(t, *c.State, Reserve{Trigger: TriggerSchedule, Key: 41}, at(-3*3600), p)
		assert.Equal(t, at(-2*3600), c.NextRun)
	})
	t.Run("a run that a stop cancels then: its instant is due again, unless the clock was wrong", func(t *testing.T) {
		p := Plan{Schedule: hourly}
		s := stateIn(StatusRunning, p) // for 09:00
		s.NextEligible = time.Time{}
		c := apply(t, s, Cancel{Run: 4}, at(-2*3600), p)
		assert.Equal(t, at(0), c.NextRun)
		assert.True(t, c.owed())
		c = apply(t, s, Correct{By: -4 * 3600_000}, at(-4*3600+60), p)
		c = apply(t, *c.State, Cancel{Run: 4}, at(-4*3600+120), p)
		assert.Equal(t, at(-3*3600), c.NextRun)
		assert.False(t, c.owed())
	})
	t.Run("forward: what is due fires once", func(t *testing.T) {
		p := Plan{Schedule: hourly}
		c := apply(t, stateIn(StatusCompleted, p), Reserve{Trigger: TriggerSchedule, Key: 41}, at(86400*30+5), p)
		assert.Equal(t, at(86400*30), c.Runs[0].ScheduledAt)
		assert.Equal(t, at(86400*30+3600), c.NextRun)
	})
}

// scheduler D3
func TestRetiredFlowIsNeverReserved(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy}
	c := apply(t, stateIn(StatusCompleted, p), Retire{}, at(30), Plan{})
	assert.False(t, c.Registered)
	assert.Equal(t, at(65), c.NextRun, "it carries on where it was when it is registered again")
	assert.True(t, c.DueAt(epoch, Plan{}).IsZero())
	for _, e := range []Event{Reserve{Trigger: TriggerManual}, Reserve{Trigger: TriggerSchedule}, Reset{}} {
		_, err := Apply(*c.State, e, at(100), Plan{})
		require.ErrorIs(t, err, ErrFlowNotFound)
	}
	back := apply(t, *c.State, Adopt{}, at(100), p)
	assert.True(t, back.Registered)
	assert.Equal(t, at(65), back.NextRun)
}

func TestErrorsAreClipped(t *testing.T) {
	p := Plan{Schedule: minute, Backoff: policy}
	c := apply(t, stateIn(StatusRunning, p), Outcome{Run: 4, Error: strings.Repeat("é", 1<<20)}, at(5), p)
	assert.LessOrEqual(t, len(c.Runs[0].Error), 8<<10)
	assert.Greater(t, len(c.Runs[0].Error), 8<<10-20)
	assert.LessOrEqual(t, len(c.LastError), 1<<10)
	assert.True(t, strings.HasSuffix(c.LastError, "... [cut]"))
}

func TestUnknownEventIsABug(t *testing.T) {
	assert.Panics(t, func() {
		_, _ = Apply(stateIn(StatusIdle, Plan{Schedule: minute}), nobody{}, at(0), Plan{Schedule: minute})
	})
}

type nobody struct{}

func (nobody) name() string { return "nobody" }

// Whatever the short statement of the store leaves out makes a flow not plain.
func TestPlainFlowHasNothingInRareColumns(t *testing.T) {
	require.True(t, (&State{}).IsPlain())
	for name, set := range map[string]func(*State){
		"suspect":         func(s *State) { s.Suspect = true },
		"suspects":        func(s *State) { s.Suspects = 1 },
		"error_key":       func(s *State) { s.ErrorKey = 1 },
		"streak_from":     func(s *State) { s.StreakFrom = 1 },
		"backfill":        func(s *State) { s.Backfill = 1 },
		"held":            func(s *State) { s.Held = epoch },
		"parked":          func(s *State) { s.aside = &aside{parkedCount: 1} },
		"blocked":         func(s *State) { s.aside = &aside{blockedCount: 1} },
		"succeeded_order": func(s *State) { s.Marks = &Marks{Succeeded: 1} },
		"failed_order":    func(s *State) { s.Marks = &Marks{Failed: 1} },
	} {
		var s State
		set(&s)
		assert.False(t, s.IsPlain(), name)
	}
}
