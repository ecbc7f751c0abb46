package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/engine/schedule"
)

// TestInvariantsHoldUnderAnyHistory applies random events at random instants,
// under plans that change, and checks after each what must always hold (scheduler T1 to scheduler T10,
// scheduler L6, scheduler L8).
func TestInvariantsHoldUnderAnyHistory(t *testing.T) {
	schedules := []schedule.Schedule{mustEvery(time.Millisecond), minute, mustEvery(24 * time.Hour), schedule.Manual(),
		mustCron("* * * * * *"), hourly, mustCron("CRON_TZ=Europe/Berlin 30 2 * * *")}
	backoffs := []*BackoffPolicy{nil, {}, policy, {StreakLimit: 1}, {Initial: time.Hour, Jitter: 1, StreakLimit: 2}}
	rapid.Check(t, func(t *rapid.T) {
		plan := Plan{Database: "db"}
		replan := func() {
			plan.Schedule = rapid.SampledFrom(schedules).Draw(t, "schedule")
			plan.Backoff = rapid.SampledFrom(backoffs).Draw(t, "backoff")
		}
		replan()
		now := epoch
		s := NewState("f", 1)
		c, err := Apply(s, Adopt{}, now, plan)
		require.NoError(t, err)
		s = *c.State
		folded := NewState("f", 1)
		requireFolded(t, &folded, c)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(-1000, 7200_000).Draw(t, "later")) * time.Millisecond)
			run := s.LastNumber - int64(rapid.IntRange(0, 1).Draw(t, "older"))
			events := map[string]Event{
				"trigger": Reserve{Trigger: TriggerManual, Key: s.LastKey + 1},
				"tick":    Reserve{Trigger: TriggerSchedule, Key: s.LastKey + 1},
				"success": Outcome{Run: run}, "failure": Outcome{Run: run, Error: "boom"},
				"crash": Interrupt{Run: run, Error: "interrupted"}, "crash among others": Interrupt{Run: run, Error: "interrupted", Spared: true, Suspect: true},
				"clear": Clear{Run: run}, "spared": Interrupt{Run: run, Error: "interrupted", Spared: true},
				"cancel": Cancel{Run: run, Error: "cancelled", Key: s.LastKey + 1}, "reset": Reset{}, "adjust": Adjust{By: -3600_000}, "correct": Correct{By: -4 * 3600_000},
				"adopt": Adopt{}, "retire": Retire{},
			}
			name := rapid.SampledFrom([]string{"trigger", "tick", "tick", "success", "failure", "failure", "crash",
				"crash among others", "clear", "spared", "cancel", "reset", "adjust", "correct", "adopt", "retire"}).Draw(t, "event")
			if name == "adopt" {
				if s.InFlight > 0 { // plans change between starts, when nothing is in flight any more
					continue
				}
				replan()
			}
			c, err := Apply(s, events[name], now, plan)
			if err != nil {
				require.Equal(t, Change{}, c, "a refusal changes nothing")
				continue
			}
			require.NoError(t, invariant(s, c, events[name], now, plan), "%s at %s on %+v", name, now, s)
			requireFolded(t, &folded, c)
			s = *c.State
		}
	})
}

func count(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// made is how many runs a change makes.
func made(c Change) (n int64) {
	for _, run := range c.Runs {
		n += count(run.Was == "")
	}
	return n
}

// ended is how many runs a change ends.
func ended(c Change) (n int64) {
	for _, run := range c.Runs {
		n += count(run.Status.Over())
	}
	return n
}

// invariant says what a change breaks.
func invariant(s State, c Change, e Event, now time.Time, p Plan) error {
	breaks := func(format string, args ...any) error { return fmt.Errorf(format, args...) }
	_, reserve := e.(Reserve)
	_, reset := e.(Reset)
	switch {
	case c.Version != s.Version+1:
		return breaks("version %d follows %d", c.Version, s.Version)
	case (c.Status == StatusRunning) != (c.InFlight > 0), c.InFlight != len(c.Open), c.InFlight > 1:
		return breaks("%s with %d in flight and %d open", c.Status, c.InFlight, len(c.Open))
	case c.RunCount != s.RunCount+count(c.Began != 0) || c.Began != 0 && !reserve:
		return breaks("a reserve counts the run that begins, nothing else does")
	case c.LastNumber != s.LastNumber+made(c):
		return breaks("run %d is the newest after run %d and %d new ones", c.LastNumber, s.LastNumber, made(c))
	case reserve && !c.LastRun.Equal(now), !reserve && !c.LastRun.Equal(s.LastRun):
		return breaks("the last run began at %s", c.LastRun)
	case c.InFlight+c.Waiting != s.InFlight+s.Waiting+int(made(c)-ended(c)):
		return breaks("a run is neither over, in flight nor waiting")
	case s.Status == StatusTripped && c.Status != StatusTripped && !reset:
		return breaks("%T ended a trip", e)
	case c.Status == StatusTripped && (!c.NextRun.IsZero() || !c.NextEligible.IsZero() || c.FailureStreak == 0):
		return breaks("a tripped flow waits for something: %+v", c.Info())
	case c.Status == StatusBackoff && (c.NextEligible.IsZero() || p.Backoff == nil):
		return breaks("backoff without a window")
	case c.Status == StatusCompleted && (c.FailureStreak != 0 || c.LastError != "" || !c.NextEligible.IsZero()):
		return breaks("completed with a streak")
	case (c.LastError == "") != (c.ErrorKey == 0):
		return breaks("error %q of run %d", c.LastError, c.ErrorKey)
	case c.NextEligible.After(s.NextEligible) && c.NextEligible.After(now.Add(p.Backoff.cap())):
		return breaks("window until %s at %s", c.NextEligible, now)
	case !c.NextRun.IsZero() && c.NextRun != c.NextRun.Truncate(time.Millisecond):
		return breaks("next run %s is finer than the store keeps", c.NextRun)
	case c.Registered && c.Kind == schedule.KindManual && !c.NextRun.IsZero():
		return breaks("a manual flow is scheduled")
	case c.Registered && c.Kind == schedule.KindEvery && c.InFlight == 0 && c.Waiting == 0 && c.Status != StatusTripped && c.NextRun.IsZero():
		return breaks("an every flow at rest is not scheduled")
	case c.Kind == schedule.KindCron && c.InFlight == 0 && c.Status != StatusTripped && c.NextRun.IsZero():
		return breaks("a cron flow at rest is not scheduled")
	}
	for _, run := range c.Runs {
		if run.Was == RunWaiting { // accepted when its instant had come; the clock may have gone back since
			continue
		}
		if reserve && run.Trigger == TriggerSchedule && run.ScheduledAt.After(now) && !s.owed() { // that was due before
			return breaks("run for %s began at %s", run.ScheduledAt, now)
		}
		if reserve && run.Trigger == TriggerSchedule && now.Before(s.NextEligible) {
			return breaks("run inside the window until %s", s.NextEligible)
		}
		comesAgain := run.ScheduledAt.After(now) && !schedule.HasFixedTimes(p.Schedule) // the clock went back. found C7
		if reserve && run.Trigger == TriggerSchedule && c.Kind == schedule.KindCron && !c.NextRun.After(run.ScheduledAt) && !comesAgain {
			return breaks("instant %s is due again", run.ScheduledAt)
		}
	}
	return nil
}
