package core

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/engine/schedule"
)

// story is a flow of one schedule through anything that can happen to it.
type story struct {
	t       *rapid.T
	plan    Plan
	now     time.Time
	state   State
	folded  State     // from the transitions alone
	from    time.Time // its first instant
	fired   map[int64]bool
	decided int64 // instants with a verdict in the ledger
}

// TestEveryInstantHasOneVerdictUnderAnyPolicy applies random events at random
// instants under plans whose policies change. After each, every instant before the
// first undecided one was run or is counted in one range of the ledger (time W1, time W3), and
// what must always hold of runs in flight and those that wait does (time O1, time O3, time O4, time Q4,
// time X2, time M1, time M2), and of those that are parked or blocked (found Q6, found Q7).
func TestEveryInstantHasOneVerdictUnderAnyPolicy(t *testing.T) {
	schedules := []schedule.Schedule{mustCron("* * * * *"), mustCron("*/7 * * * * *"), mustCron("CRON_TZ=Europe/Berlin 30 2 * * *"), fixedRate(90 * time.Second)}
	rapid.Check(t, func(t *rapid.T) {
		s := &story{t: t, now: epoch, fired: map[int64]bool{}}
		s.plan = Plan{Database: "db", Schedule: rapid.SampledFrom(schedules).Draw(t, "schedule"), Since: epoch}
		s.replan()
		s.state, s.folded = NewState("f", 1), NewState("f", 1)
		s.happen("adopt", Adopt{})
		s.from = s.state.undecided()
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			s.now = s.now.Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 999, 7_000, 61_000, 600_000, 90_000_000}).Draw(t, "later")) * time.Millisecond)
			s.step()
		}
	})
}

func fixedRate(d time.Duration) schedule.Schedule {
	s, err := schedule.FixedRate(d)
	if err != nil {
		panic(err)
	}
	return s
}

// replan draws policies that go together.
func (s *story) replan() {
	for {
		s.plan.Overlap = rapid.SampledFrom([]Overlap{OverlapSkip, OverlapBufferOne, OverlapBuffer(3), OverlapCancel, OverlapAllow(2, 0), OverlapAllow(3, 2)}).Draw(s.t, "overlap")
		s.plan.CatchUp = rapid.SampledFrom([]CatchUp{CatchUpLatest, CatchUpEarliest, CatchUpAll(2), CatchUpNone, {Within: time.Minute}}).Draw(s.t, "catch-up")
		s.plan.Backoff = rapid.SampledFrom([]*BackoffPolicy{nil, policy, {StreakLimit: 1}}).Draw(s.t, "backoff")
		s.plan.Retry = rapid.SampledFrom([]*Retry{nil, {Max: 1}}).Draw(s.t, "retry")
		s.plan.Jitter = rapid.SampledFrom([]time.Duration{0, 0, 50 * time.Second}).Draw(s.t, "jitter")
		s.plan.StopCancels = rapid.IntRange(0, 3).Draw(s.t, "a stop cancels") == 0
		s.plan.Resumes = rapid.Bool().Draw(s.t, "workflow")
		s.plan.Version = rapid.IntRange(1, 2).Draw(s.t, "version")
		s.plan.Timeout = rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(s.t, "timeout")
		if s.plan.Validate() == nil {
			return
		}
	}
}

// step lets something happen.
func (s *story) step() {
	s.plan.Isolated = rapid.IntRange(0, 3).Draw(s.t, "suspects wait") == 0
	run := s.state.LastNumber - int64(rapid.IntRange(0, 3).Draw(s.t, "older"))
	events := map[string]Event{
		"trigger": Reserve{Trigger: TriggerManual}, "later": Reserve{Trigger: TriggerManual, Ask: Ask{StartAt: s.now.Add(time.Hour)}},
		"posted": Reserve{Trigger: TriggerManual, Posted: true},
		"probe":  Reserve{Trigger: TriggerProbe}, "tick": Reserve{Trigger: TriggerSchedule}, "full tick": Reserve{Trigger: TriggerSchedule, Full: true},
		"many": Accept{Asks: make([]Ask, 2)}, "success": Outcome{Run: run}, "failure": Outcome{Run: run, Error: "boom"},
		"skipped": Outcome{Run: run, Error: "nothing", As: RunSkipped}, "timed out": Timeout{Run: run},
		"crash": Interrupt{Run: run, Error: "interrupted"}, "spared": Interrupt{Run: run, Error: "interrupted", Spared: true},
		"crash among others": Interrupt{Run: run, Error: "interrupted", Spared: true, Suspect: true}, "clear": Clear{Run: run}, "clear all": Clear{},
		"stop": Cancel{Run: run, Error: "cancelled"}, "abort": Abort{Run: run}, "reset": Reset{}, "pause": Pause{Note: "why"},
		"pause for a minute": Pause{Until: s.now.Add(time.Minute)}, "pause for an hour": Pause{Until: s.now.Add(time.Hour)}, "end": Resume{Expired: true},
		"resume": Resume{}, "resume from": Resume{From: s.now.Add(-10 * time.Minute)}, "adopt": Adopt{},
		"wake": Wake{}, "forced": Abort{Run: run, Force: true},
		"backfill": Backfill{Instants: []time.Time{epoch.Add(-time.Hour), epoch.Add(-time.Minute)}}, "drop": Drop{},
	}
	if s.plan.Resumes { // as the jobs of workflows end, beside others
		until := s.now.Add(time.Duration(rapid.SampledFrom([]int{7, 600, 100_000}).Draw(s.t, "parked for")) * time.Second)
		events["park"] = Outcome{Run: run, Error: "parked", As: RunParked, Rest: &Rest{Until: until}}
		version := rapid.IntRange(1, 2).Draw(s.t, "recorded by")
		events["block"] = Outcome{Run: run, Error: "another version", As: RunBlocked, Rest: &Rest{Version: &version}}
	}
	names := make([]string, 0, len(events)+3)
	for name := range events {
		names = append(names, name)
	}
	slices.Sort(names)
	name := rapid.SampledFrom(append(names, "tick", "tick", "tick", "success", "failure", "pause for a minute", "end", "wake", "wake")).Draw(s.t, "event")
	switch name {
	case "adopt": // by another start: what was in flight is settled
		for len(s.state.Open) > 0 {
			s.happen("crash", Interrupt{Run: s.state.Open[0].Number, Error: "interrupted"})
		}
		s.plan.Since = s.now
		s.replan()
	case "end":
		s.lapse()
	case "tick", "full tick":
		if due := s.state.DueAt(s.now, s.plan); due.IsZero() || due.After(s.now) {
			return
		}
	}
	s.happen(name, events[name])
}

// lapse compares the end of a pause that nobody saw with a resume at that instant: they
// lead to the same, if nothing happened in between.
func (s *story) lapse() {
	end := s.state.PausedUntil
	late, err := Apply(s.state, Resume{Expired: true}, s.now, s.plan)
	require.Equal(s.t, s.state.Over(s.now), err == nil, "a pause ends by itself at its end alone")
	if err != nil || s.state.UpdatedAt.After(end) {
		return
	}
	resumed, err := Apply(s.state, Resume{}, end, s.plan)
	require.NoError(s.t, err)
	resumed.UpdatedAt = late.UpdatedAt
	require.Equal(s.t, resumed, late)
}

// happen applies an event and checks what it leads to.
func (s *story) happen(name string, e Event) {
	key := s.state.LastKey + 1
	switch event := e.(type) {
	case Reserve:
		event.Key = key
		e = event
	case Accept:
		event.Key = key
		e = event
	case Backfill:
		event.Key = key
		e = event
	case Cancel:
		event.Key = key
		e = event
	}
	c, err := Apply(s.state, e, s.now, s.plan)
	if err != nil {
		require.Equal(s.t, Change{}, c, "a refusal changes nothing")
		require.False(s.t, name == "tick", "a flow that is due is refused: %v", err)
		wakes := s.state.WakeAt(s.plan)
		require.False(s.t, name == "wake" && !wakes.IsZero() && !wakes.After(s.now), "a run that is due is not woken: %v", err)
		return
	}
	requireFolded(s.t, &s.folded, c)
	before := s.state
	s.state = *c.State
	require.NoError(s.t, s.check(before, c), "%s at %s under %s made of %+v\n%+v", name, s.now, s.plan.policy(), before, s.state)
}

func (s *story) check(before State, c Change) error {
	f := s.state
	if err := s.checkRestart(before, c); err != nil {
		return err
	}
	for _, r := range c.Runs {
		if r.Was == "" && r.Trigger == TriggerSchedule && c.Event != "cancel" {
			s.fired[r.ScheduledAt.UnixMilli()] = true
		}
	}
	for _, v := range c.Verdicts {
		if v.Kind != VerdictGap && v.Kind != VerdictFold {
			s.decided += v.Count
		}
		if end := before.PausedUntil; v.Kind == VerdictPaused && !end.IsZero() && v.Last.After(end) {
			return fmt.Errorf("paused until %s, but %+v", end, v)
		}
		if v.Count < 1 || v.Last.Before(v.First) || v.First.Before(s.from) || !s.from.IsZero() && v.Last.After(s.now) {
			return fmt.Errorf("verdict %+v", v)
		}
	}
	marked := 0
	for _, r := range slices.Concat(f.Open, f.Queue(), f.BackfillQueue()) {
		marked += int(truth(r.Suspect))
	}
	head, _ := f.NextQueued(s.now, s.plan)
	switch {
	case f.Version != before.Version+1:
		return fmt.Errorf("version %d follows %d", f.Version, before.Version)
	case marked != int(f.Suspects):
		return fmt.Errorf("%d runs are suspects, counted are %d", marked, f.Suspects)
	case head != nil && s.plan.Isolated && (head.Suspect || f.Suspect):
		return fmt.Errorf("suspect run %d does not wait", head.Number)
	case (f.Status == StatusRunning) != (f.InFlight > 0) || f.InFlight != len(f.Open):
		return fmt.Errorf("%s with %d in flight and %d open", f.Status, f.InFlight, len(f.Open))
	case f.InFlight > max(before.InFlight, s.plan.Overlap.limit()):
		return fmt.Errorf("%d in flight", f.InFlight)
	case c.Began != 0 && before.SlotsTaken(s.plan) >= s.plan.Overlap.limit():
		return fmt.Errorf("run %d began beside %d in flight and %d parked", c.Began, before.InFlight, before.Parked())
	case f.Parked() != len(f.sides().parked) || f.Blocked() != len(f.sides().blocked):
		return fmt.Errorf("%d are parked and %d blocked, but %d and %d are known", f.Parked(), f.Blocked(), len(f.sides().parked), len(f.sides().blocked))
	case !slices.IsSortedFunc(f.sides().parked, ByRank) || !slices.IsSortedFunc(f.sides().blocked, ByRank):
		return fmt.Errorf("what is aside is out of order")
	case f.Waiting != len(f.Queue()) || f.Backfill != len(f.BackfillQueue()):
		return fmt.Errorf("%d and %d wait, but %d and %d are known", f.Waiting, f.Backfill, len(f.Queue()), len(f.BackfillQueue()))
	case !slices.IsSortedFunc(f.Queue(), ByRank) || !slices.IsSortedFunc(f.BackfillQueue(), ByRank):
		return fmt.Errorf("what waits is out of order")
	case f.PausedAt.IsZero() && (f.PauseNote != "" || !f.PausedUntil.IsZero()):
		return fmt.Errorf("not paused, %q until %s", f.PauseNote, f.PausedUntil)
	case (f.Status == StatusTripped || !f.PausedAt.IsZero()) && !f.NextRun.IsZero():
		return fmt.Errorf("it is held, but has a next run")
	case f.Status == StatusTripped && (f.FailureStreak == 0 || !f.NextEligible.IsZero()):
		return fmt.Errorf("tripped with streak %d until %s", f.FailureStreak, f.NextEligible)
	case f.undecided().IsZero():
		return fmt.Errorf("it has neither a next run nor one that is held back")
	case f.NextRun.IsZero() && f.Status != StatusTripped && f.PausedAt.IsZero() && !c.tripping(s.plan):
		if len(f.Open) == 0 {
			return fmt.Errorf("nothing holds it, but it has no next run")
		}
	}
	return s.tally(c)
}

// checkRestart checks what becomes of a run that a stop or a crash cut short.
func (s *story) checkRestart(before State, c Change) error {
	for _, was := range before.Open {
		for _, r := range c.Runs {
			if r.Number != was.Number || r.Restarts == was.Restarts {
				continue
			}
			same := r.Status == RunWaiting && r.Attempt == was.Attempt && r.Input == was.Input && r.Deadline.Equal(was.Deadline)
			queue := append(slices.Clone(s.state.Queue()), s.state.BackfillQueue()...)
			ahead := slices.IndexFunc(queue, func(w *Run) bool { return w.Number == r.Number })
			lower := func(w *Run) bool {
				return w.startsAgain() && w.Number < r.Number || r.Trigger == TriggerBackfill && w.Trigger != TriggerBackfill
			}
			if !same || r.Restarts != was.Restarts+1 || slices.ContainsFunc(queue[:ahead], func(w *Run) bool { return !lower(w) }) {
				return fmt.Errorf("run %+v starts again as %+v, after %d others", was.RunInfo, r.RunInfo, ahead)
			}
		}
	}
	return nil
}

// tally counts the instants that are decided.
func (s *story) tally(c Change) error {
	until := s.state.undecided().Add(-time.Millisecond)
	if s.from.IsZero() {
		return nil
	}
	n, _ := c.schedule(s.plan).Count(s.from, until)
	if is := int64(len(s.fired)) + s.decided; n != is {
		return fmt.Errorf("%d instants from %s to %s, %d of them decided: %d fired; %+v", n, s.from, until, is, len(s.fired), c.Verdicts)
	}
	return nil
}
