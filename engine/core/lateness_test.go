package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/schedule"
)

// Everything that may keep a flow from starting has one cause, and only what nobody asked
// for makes it late. found C3.
func TestWaitSaysWhyAFlowDoesNotStart(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	due := FlowInfo{ID: "f", Registered: true, Status: StatusIdle, NextRun: ago(2 * time.Minute), DueAt: ago(2 * time.Minute)}
	with := func(change func(*FlowInfo)) FlowInfo {
		f := due
		change(&f)
		return f
	}
	owned := Surroundings{Owned: true}
	full := Surroundings{Owned: true, Limits: Limits{MaxRunning: 2, Groups: map[string]int{"mail": 1}}, Running: 1, Grouped: map[string]int{"mail": 1}}
	for name, c := range map[string]struct {
		flow   FlowInfo
		around Surroundings
		cause  WaitCause
		late   time.Time
	}{
		"due":             {due, owned, WaitStart, ago(2 * time.Minute)},
		"due just now":    {with(func(f *FlowInfo) { f.NextRun, f.DueAt = ago(time.Minute), ago(time.Minute) }), owned, WaitStart, time.Time{}},
		"not registered":  {with(func(f *FlowInfo) { f.Registered = false }), owned, WaitRegistration, time.Time{}},
		"tripped":         {with(func(f *FlowInfo) { f.Status = StatusTripped }), owned, WaitReset, time.Time{}},
		"paused":          {with(func(f *FlowInfo) { f.PausedAt = ago(time.Hour) }), owned, WaitResume, time.Time{}},
		"pause goes on":   {with(func(f *FlowInfo) { f.PausedAt, f.PausedUntil = ago(time.Hour), now.Add(time.Hour) }), owned, WaitResume, time.Time{}},
		"pause is over":   {with(func(f *FlowInfo) { f.PausedAt, f.PausedUntil = ago(time.Hour), ago(2*time.Minute) }), owned, WaitResume, ago(2 * time.Minute)},
		"running":         {with(func(f *FlowInfo) { f.Status, f.InFlight = StatusRunning, 1 }), owned, WaitRun, time.Time{}},
		"manual":          {with(func(f *FlowInfo) { f.NextRun, f.DueAt = time.Time{}, time.Time{} }), owned, WaitNothing, time.Time{}},
		"backoff":         {with(func(f *FlowInfo) { f.NextEligible, f.DueAt = now.Add(1), now.Add(1) }), owned, WaitBackoff, time.Time{}},
		"backoff is over": {with(func(f *FlowInfo) { f.NextEligible, f.DueAt = ago(90*time.Second), ago(90*time.Second) }), owned, WaitStart, ago(90 * time.Second)},
		"ahead":           {with(func(f *FlowInfo) { f.NextRun, f.DueAt = now.Add(1), now.Add(1) }), owned, WaitSchedule, time.Time{}},
		"jitter":          {with(func(f *FlowInfo) { f.DueAt = now.Add(1) }), owned, WaitJitter, time.Time{}},
		"jitter is over":  {with(func(f *FlowInfo) { f.DueAt = ago(61 * time.Second) }), owned, WaitStart, ago(61 * time.Second)},
		"next attempt":    {with(func(f *FlowInfo) { f.NextAttempt = now.Add(1) }), Surroundings{}, WaitAttempt, time.Time{}},
		"attempt is due":  {with(func(f *FlowInfo) { f.NextAttempt = ago(30 * time.Second) }), owned, WaitStart, time.Time{}},
		"attempt is late": {with(func(f *FlowInfo) { f.NextAttempt = ago(90 * time.Second) }), owned, WaitStart, ago(90 * time.Second)},
		"no owner":        {due, Surroundings{}, WaitOwner, ago(2 * time.Minute)},
		"halted":          {due, Surroundings{Owned: true, Halt: "it is stopping"}, WaitHalt, ago(2 * time.Minute)},
		"isolated":        {with(func(f *FlowInfo) { f.Suspect = true }), Surroundings{Owned: true, Trial: "g"}, WaitIsolation, time.Time{}},
		"other is":        {due, Surroundings{Owned: true, Trial: "g"}, WaitStart, ago(2 * time.Minute)},
		"group is full":   {with(func(f *FlowInfo) { f.Group = "mail" }), full, WaitLimit, time.Time{}},
		"other group":     {with(func(f *FlowInfo) { f.Group = "pages" }), full, WaitStart, ago(2 * time.Minute)},
		"all is full":     {due, Surroundings{Owned: true, Limits: Limits{MaxRunning: 1}, Running: 1}, WaitLimit, time.Time{}},
		"full for long": {with(func(f *FlowInfo) { f.NextRun, f.DueAt = ago(62*time.Minute), ago(62*time.Minute) }),
			Surroundings{Owned: true, Limits: Limits{MaxRunning: 1}, Running: 1}, WaitLimit, ago(62 * time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.flow.Wait(now, c.around)
			assert.Equal(t, c.cause, w.Cause)
			assert.Equal(t, c.late, w.Late)
		})
	}
}

// DueAt includes the jitter. found C3.
func TestStartOfAFlowHasItsJitter(t *testing.T) {
	s, err := schedule.Cron("*/5 * * * *")
	require.NoError(t, err)
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	f := FlowInfo{ID: "f", Kind: schedule.KindCron, NextRun: at, Jitter: 280 * time.Second}
	start := StartOf(f, s, "db")
	assert.Equal(t, delayed("f", s, at, Plan{Jitter: 280 * time.Second, Database: "db"}), start)
	assert.True(t, start.After(at))
	f.NextEligible = at.Add(time.Hour)
	assert.Equal(t, f.NextEligible, StartOf(f, s, "db"))
	assert.Zero(t, StartOf(FlowInfo{}, s, "db"))
}
