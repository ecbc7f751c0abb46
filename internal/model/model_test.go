package model_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/store"
)

// modelFlow is what the specification says of a flow, written a second time and in
// another way than the engine: every has an interval, cron fires at the multiples
// of one, manual has none.
type modelFlow struct {
	id, kind string
	interval time.Duration
	policy   *pawl.BackoffPolicy

	status         pawl.Status
	count          int64
	streak         int
	next, eligible time.Time // zero: never
	end            time.Time // of the last run

	running, scheduled, suspect bool
	instant, since              time.Time // of the run in flight
	owed                        bool      // it was cancelled: its instant is still to be run
	asked                       time.Time // of a run that waits, for the flow is a suspect
	again                       time.Time // a stop cut a run short then, which waits to start again
}

func (f *modelFlow) tick(after time.Time) time.Time {
	return after.Truncate(f.interval).Add(f.interval)
}

// due is when its schedule starts it; zero: not before something else happens. scheduler L6.
func (f *modelFlow) due() time.Time {
	if !f.again.IsZero() && !f.running {
		return f.again
	}
	due := f.next
	if !f.running && !due.IsZero() && due.Before(f.eligible) {
		due = f.eligible
	}
	if !f.asked.IsZero() && (due.IsZero() || !due.Before(f.asked)) {
		due = f.asked
	}
	return due
}

// reserve is scheduler T1, with scheduler L2, scheduler L4, scheduler T8 for what the schedule does.
func (f *modelFlow) reserve(scheduled bool, now time.Time) {
	scheduled = scheduled && f.again.IsZero() && f.asked.IsZero()
	f.status, f.running, f.scheduled, f.since = pawl.StatusRunning, true, scheduled, now
	if !f.again.IsZero() { // the same run
		f.again = time.Time{}
		return
	}
	f.asked = time.Time{}
	f.count++
	if !scheduled {
		return
	}
	f.instant = f.next
	if f.kind == "cron" {
		if !f.owed {
			f.instant = now.Truncate(f.interval) // makes up for all that was missed
		}
		f.next = f.tick(now)
	} else {
		f.next = time.Time{}
	}
	f.owed = false
}

// outcome is scheduler T2 to scheduler T4.
func (f *modelFlow) outcome(failed bool, now time.Time) {
	f.running, f.suspect, f.end = false, false, now
	f.settle(failed, now)
	f.plan(now)
}

func (f *modelFlow) settle(failed bool, now time.Time) {
	switch {
	case !failed:
		f.status, f.streak, f.eligible = pawl.StatusCompleted, 0, time.Time{}
	case f.policy == nil:
		f.status, f.streak, f.eligible = pawl.StatusFailed, 0, time.Time{}
	case f.policy.StreakLimit > 0 && f.streak+1 >= f.policy.StreakLimit:
		f.status, f.streak, f.eligible, f.next = pawl.StatusTripped, f.streak+1, time.Time{}, time.Time{}
	default:
		f.streak++
		delay := f.policy.Initial
		for range f.streak - 1 {
			delay = min(2*delay, f.policy.MaxDelay)
		}
		f.status, f.eligible = pawl.StatusBackoff, now.Add(delay)
	}
}

// plan is scheduler L2, scheduler L4, scheduler L5: what passed during the run is skipped.
func (f *modelFlow) plan(now time.Time) {
	if f.status == pawl.StatusTripped || f.kind == "manual" {
		return
	}
	if !f.next.After(now) && f.kind == "cron" {
		f.next, f.owed = f.tick(now), false
	} else if !f.next.After(now) {
		f.next = now.Add(f.interval)
	}
	f.leaveWindow()
}

func (f *modelFlow) leaveWindow() {
	if f.next.Before(f.eligible) && f.kind == "cron" {
		f.next = f.tick(f.eligible.Add(-1))
	} else if f.next.Before(f.eligible) {
		f.next = f.eligible
	}
}

// rest is where a run leaves the flow that was nobody's failure. scheduler T7, scheduler T8.
func (f *modelFlow) rest(status pawl.Status, now time.Time) {
	f.running, f.end, f.status = false, now, status
	if f.eligible.After(now) {
		f.status = pawl.StatusBackoff
	}
}

// cancel is scheduler T8, found Q1.
func (f *modelFlow) cancel(now time.Time) {
	f.rest(pawl.StatusIdle, now)
	if f.scheduled {
		f.suspect = false
		f.next, f.owed = f.instant, true
	} else {
		f.again = now
	}
}

// interrupt is scheduler T7, with scheduler L3 and scheduler L4: what was missed while down stays due.
func (f *modelFlow) interrupt(guilty bool, now time.Time) {
	f.rest(pawl.StatusFailed, now)
	if guilty {
		f.settle(true, now)
	}
	if f.next.IsZero() || f.next.After(now) {
		f.plan(now)
	}
}

// reset is scheduler T6 and scheduler L6.
func (f *modelFlow) reset(now time.Time) {
	waited := f.status == pawl.StatusTripped || f.eligible.After(now)
	f.streak, f.eligible = 0, time.Time{}
	if !f.running {
		f.status = pawl.StatusIdle
	}
	switch {
	case !waited || f.kind == "manual" || f.running && f.next.IsZero():
	case f.kind == "cron":
		f.next, f.owed = f.tick(now), false
	case !f.end.IsZero() && f.end.Add(f.interval).After(now):
		f.next = f.end.Add(f.interval)
	default:
		f.next = now
	}
}

// model is all flows, in the order of registration.
type model struct {
	list      []*modelFlow
	isolating bool // at most half of the suspects run at a time
}

// full says whether further suspects have to wait. found A12.
func (m *model) full() bool {
	suspects, trials := 0, 0
	for _, f := range m.list {
		if f.suspect {
			suspects++
			if f.running {
				trials++
			}
		}
	}
	m.isolating = m.isolating && suspects > 0
	return m.isolating && trials >= max(1, suspects/2)
}

// crash is what becomes of runs in flight. found A12, found Q3: one has failed if it is alone, or the
// only suspect; else all become suspects, or those that were before stay it.
func (m *model) crash(now time.Time) {
	var running, suspects []*modelFlow
	for _, f := range m.list {
		if f.running {
			running = append(running, f)
			if f.suspect {
				suspects = append(suspects, f)
			}
		}
	}
	m.full() // no suspect may have been left
	m.isolating = m.isolating || len(suspects) > 1
	for _, f := range m.list {
		switch {
		case f.running && len(running) > 1 && len(suspects) == 0:
			f.suspect = true
		case !f.running && len(suspects) > 0:
			f.suspect = false
		}
	}
	for _, f := range running {
		f.interrupt(len(running) == 1 || len(suspects) == 1 && f.suspect, now)
	}
}

// advance does what the schedules ask for up to an instant, and what ends trials.
func (m *model) advance(from, to time.Time) {
	for {
		var first *modelFlow
		var at time.Time
		clear := false
		sooner := func(f *modelFlow, t time.Time, c bool) {
			if t.Before(from) {
				t = from
			}
			if !t.After(to) && (first == nil || t.Before(at)) {
				first, at, clear = f, t, c
			}
		}
		for _, f := range m.list {
			if f.running && f.suspect {
				sooner(f, f.since.Add(time.Minute), true)
			}
		}
		var next *modelFlow // of the suspects
		for _, f := range m.list {
			switch due := f.due(); {
			case f.running || due.IsZero():
			case !f.suspect:
				sooner(f, due, false)
			case next == nil || due.Before(next.due()):
				next = f
			}
		}
		if next != nil && !m.full() {
			sooner(next, next.due(), false)
		}
		from = at
		switch {
		case first == nil:
			return
		case clear:
			first.suspect = false
		default:
			first.reserve(true, at)
		}
	}
}

// act is one thing that happens in a history.
type act struct {
	what string
	flow int
	wait time.Duration
}

func (a act) String() string { return fmt.Sprintf("%s %d %s", a.what, a.flow, a.wait) }

var acts = rapid.Custom(func(t *rapid.T) act {
	return act{
		what: rapid.SampledFrom([]string{"wait", "wait", "wait", "succeed", "fail", "fail", "fail", "trigger", "reset", "stop", "crash"}).Draw(t, "what"),
		flow: rapid.IntRange(0, len(modelFlows())-1).Draw(t, "flow"),
		wait: time.Duration(rapid.SampledFrom([]int{1, 999, 1000, 5000, 7001, 20000, 61000, 200000}).Draw(t, "wait")) * time.Millisecond,
	}
})

func modelFlows() []*modelFlow {
	policy := func(limit int) *pawl.BackoffPolicy {
		return &pawl.BackoffPolicy{Initial: 7 * time.Second, Multiplier: 2, MaxDelay: 40 * time.Second, StreakLimit: limit}
	}
	return []*modelFlow{
		{id: "every", kind: "every", interval: 10 * time.Second},
		{id: "every with a policy", kind: "every", interval: 3 * time.Second, policy: policy(0)},
		{id: "every that trips", kind: "every", interval: 25 * time.Second, policy: policy(3)},
		{id: "cron", kind: "cron", interval: 20 * time.Second},
		{id: "cron that trips", kind: "cron", interval: 5 * time.Second, policy: policy(4)},
		{id: "manual", kind: "manual"},
		{id: "manual that trips", kind: "manual", policy: policy(2)},
	}
}

// The engine over a real file does what the model says, through any history of
// schedules, outcomes, triggers and resets, with stops and crashes anywhere.
// PAWL_TORTURE=1 tries 10,000 histories in place of 100.
// Harness 4; scheduler L2 to scheduler L6, scheduler T1 to scheduler T8, scheduler D2; found Q1, found Q3, found A12.
func TestEngineDoesWhatTheModelSays(t *testing.T) {
	t.Parallel()
	rounds := 1
	if os.Getenv("PAWL_TORTURE") != "" {
		rounds = 100
	}
	dir, n := t.TempDir(), 0
	property := func(rt *rapid.T) {
		history := rapid.SliceOfN(acts, 1, 60).Draw(rt, "history")
		n++
		var err error
		synctest.Test(t, func(t *testing.T) { err = play(filepath.Join(dir, fmt.Sprint(n, ".db")), history) })
		if err != nil {
			rt.Fatal(err)
		}
	}
	for range rounds {
		rapid.Check(t, property)
	}
}

// stage is a runner with its model. Its jobs end when they are told.
type stage struct {
	db     string
	model  model
	ends   []chan error // one per flow; the test sends while a run is in flight
	dead   *atomic.Bool // nothing reaches the file any more
	runner *pawl.Runner
	now    time.Time // up to when the model knows
}

func play(db string, history []act) error {
	s := &stage{db: db, model: model{list: modelFlows()}, ends: make([]chan error, len(modelFlows()))}
	for i, f := range s.model.list {
		s.ends[i] = make(chan error)
		f.status = pawl.StatusIdle
		switch f.kind {
		case "every":
			f.next = time.Now()
		case "cron":
			f.next = f.tick(time.Now())
		}
	}
	err := s.start()
	for i, a := range history {
		if err == nil {
			err = s.do(a)
		}
		if err == nil {
			err = s.compare()
		}
		if err != nil {
			err = fmt.Errorf("act %d, %s, at %s: %w", i, a, time.Now().UTC().Format("15:04:05.000"), err)
			break
		}
	}
	if s.runner != nil {
		_ = s.runner.Stop(context.Background()) // says which runs it cancelled
	}
	return errors.Join(err, sound(db))
}

// sound says what is wrong with a file.
func sound(db string) error {
	reader, err := store.OpenReader(context.Background(), db)
	if err != nil {
		return err
	}
	found, err := reader.Verify(context.Background())
	if len(found) > 0 {
		err = errors.Join(err, errors.New(strings.Join(found, "; ")))
	}
	return errors.Join(err, harness.CheckAttempts(db, reader), reader.Close())
}

func (s *stage) start() error {
	s.dead = new(atomic.Bool)
	scheduler := harness.Quiet(s.db, pawl.WithStopTimeout(0), harness.WithStore(func(real engine.Store) engine.Store {
		return &harness.Mortal{Store: real, Dead: s.dead}
	}))
	for i, f := range s.model.list {
		job := harness.Job(func(ctx context.Context) error {
			select {
			case err := <-s.ends[i]:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		var opts []pawl.FlowOption
		if f.policy != nil {
			opts = append(opts, pawl.WithBackoff(*f.policy))
		}
		err := error(nil)
		switch f.kind {
		case "every":
			err = scheduler.Every(f.id, f.interval, job, opts...)
		case "cron":
			err = scheduler.Cron(f.id, fmt.Sprintf("*/%d * * * * *", f.interval/time.Second), job, opts...)
		default:
			err = scheduler.Manual(f.id, job, opts...)
		}
		if err != nil {
			return err
		}
	}
	var err error
	s.now = time.Now()
	s.runner, err = scheduler.Start(context.Background())
	return err
}

// do lets the runner and the model go through the same.
func (s *stage) do(a act) error {
	f, now := s.model.list[a.flow], time.Now()
	s.advance()
	switch a.what {
	case "wait":
		time.Sleep(a.wait)
	case "succeed", "fail":
		if !f.running {
			return nil
		}
		var outcome error
		if a.what == "fail" {
			outcome = errors.New("boom")
		}
		s.ends[a.flow] <- outcome
		f.outcome(outcome != nil, now)
	case "trigger":
		return s.trigger(f, now)
	case "reset":
		f.reset(now)
		return s.runner.Reset(context.Background(), f.id)
	case "stop":
		_ = s.runner.Stop(context.Background()) // says which runs it cancelled
		for _, f := range s.model.list {
			if f.running {
				f.cancel(now)
			}
		}
		time.Sleep(a.wait)
		return s.start()
	case "crash":
		s.dead.Store(true)
		_ = s.runner.Stop(context.Background())
		time.Sleep(a.wait)
		s.model.crash(time.Now())
		return s.start()
	}
	return nil
}

func (s *stage) trigger(f *modelFlow, now time.Time) error {
	var want error
	switch {
	case f.status == pawl.StatusTripped:
		want = pawl.ErrTripped
	case f.running, !f.again.IsZero(), !f.asked.IsZero():
		want = pawl.ErrAlreadyRunning
	case f.suspect && s.model.full(): // it waits
		f.asked = now
	default:
		f.reserve(false, now)
	}
	if _, err := s.runner.Trigger(context.Background(), f.id); !errors.Is(err, want) {
		return fmt.Errorf("trigger: %v, want %v", err, want)
	}
	return nil
}

// advance lets the model catch up with the clock.
func (s *stage) advance() {
	synctest.Wait()
	s.model.advance(s.now, time.Now())
	s.now = time.Now()
}

func (s *stage) compare() error {
	s.advance()
	for i, got := range s.runner.List() {
		f := s.model.list[i]
		want := core.FlowInfo{
			ID: f.id, Status: f.status, RunCount: f.count, FailureStreak: f.streak, LastEnd: f.end,
			NextEligible: f.eligible, NextRun: f.next, Suspect: f.suspect,
		}
		is := core.FlowInfo{
			ID: got.ID, Status: got.Status, RunCount: got.RunCount, FailureStreak: got.FailureStreak, LastEnd: got.LastEnd,
			NextEligible: got.NextEligible, NextRun: got.NextRun, Suspect: got.Suspect,
		}
		if text, wanted := show(is), show(want); text != wanted {
			return fmt.Errorf("%s\n  is   %s\n  want %s", f.id, text, wanted)
		}
	}
	return nil
}

func show(f core.FlowInfo) string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format("15:04:05.000")
	}
	return fmt.Sprintf("%s, %d runs, streak %d, last end %s, eligible %s, next %s, suspect %t",
		f.Status, f.RunCount, f.FailureStreak, at(f.LastEnd), at(f.NextEligible), at(f.NextRun), f.Suspect)
}
