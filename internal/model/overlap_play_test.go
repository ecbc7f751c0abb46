package model_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
)

// policyAct is one thing that happens in a history of a flow with policies.
type policyAct struct {
	what string
	wait time.Duration // how long, or when
	pick int           // of several runs
	once pawl.Overlap
}

func (a policyAct) String() string {
	return fmt.Sprintf("%s (wait %s, pick %d, once %s)", a.what, a.wait, a.pick, a.once)
}

var overlaps = []pawl.Overlap{pawl.OverlapSkip, pawl.OverlapBufferOne, pawl.OverlapBuffer(3), pawl.OverlapCancel, pawl.OverlapAllow(2, 2)}

var policyActs = rapid.Custom(func(t *rapid.T) policyAct {
	return policyAct{
		what: rapid.SampledFrom([]string{"wait", "wait", "wait", "wait", "succeed", "succeed", "fail", "fail", "trigger", "trigger",
			"post", "trigger later", "trigger with key", "trigger once", "probe", "cancel", "pause", "pause for", "pause for", "resume", "resume from", "backfill", "reset", "stop", "crash"}).Draw(t, "what"),
		wait: time.Duration(rapid.SampledFrom([]int{1, 999, 1000, 5000, 7001, 20000, 61000}).Draw(t, "wait")) * time.Millisecond,
		pick: rapid.IntRange(0, 3).Draw(t, "pick"),
		once: rapid.SampledFrom(overlaps).Draw(t, "once"),
	}
})

// spell is how some histories begin: with what seldom comes together by chance.
var spell = rapid.Custom(func(t *rapid.T) (acts []policyAct) {
	var whats []string
	switch rapid.IntRange(0, 2).Draw(t, "begins") {
	case 0:
		whats = []string{"wait", "succeed", "pause", "wait", "backfill", "succeed", "wait", "resume from"}
	case 1: // runs in flight together that end in any order
		whats = []string{"trigger", "trigger"}
		for range 6 {
			whats = append(whats, rapid.SampledFrom([]string{"succeed", "fail", "fail"}).Draw(t, "end"), "trigger")
		}
	}
	for _, what := range whats {
		a := policyActs.Draw(t, what)
		a.what = what
		acts = append(acts, a)
	}
	return acts
})

// policyFlows are all overlap policies with all catch-up modes, but for those that
// contradict each other. time O2.
var policyFlows = rapid.Custom(func(t *rapid.T) policyPlan {
	p := policyPlan{
		kind:    rapid.SampledFrom([]string{"cron", "cron", "rate", "delay", "manual"}).Draw(t, "kind"),
		overlap: rapid.SampledFrom(overlaps).Draw(t, "overlap"),
		mode:    rapid.SampledFrom([]string{"latest", "earliest", "all", "none"}).Draw(t, "mode"),
		within:  time.Duration(rapid.SampledFrom([]int{0, 0, 12}).Draw(t, "within")) * time.Second,
		limit:   rapid.SampledFrom([]int{0, 2, 4}).Draw(t, "limit"),
	}
	if p.overlap == pawl.OverlapSkip || p.overlap == pawl.OverlapCancel {
		p.mode = strings.Replace(p.mode, "all", "latest", 1)
	}
	return p
})

// policyPlan is what a history is about.
type policyPlan struct {
	kind, mode string
	overlap    pawl.Overlap
	within     time.Duration
	limit      int
}

func (p policyPlan) String() string {
	return fmt.Sprintf("%s, overlap %s, catch-up %s within %s, limit %d", p.kind, p.overlap, p.mode, p.within, p.limit)
}

// model is the flow before anything has happened.
func (p policyPlan) model() *policyFlow {
	f := &policyFlow{
		overlap: p.overlap, mode: p.mode, most: 3, within: p.within, limit: p.limit, every: harness.PolicyInterval,
		grid:   p.kind == "cron" || p.kind == "rate",
		status: pawl.StatusIdle, held: never, eligible: never, paused: never, until: never, end: never, fired: never,
		verdicts: map[time.Duration][]string{},
	}
	switch p.kind {
	case "cron":
		f.next = harness.PolicyInterval
	case "manual":
		f.every, f.next = 0, never
	}
	return f
}

func (p policyPlan) register(s *pawl.Scheduler, job pawl.Job) error {
	modes := map[string]pawl.CatchUp{
		"latest": pawl.CatchUpLatest, "earliest": pawl.CatchUpEarliest, "all": pawl.CatchUpAll(3), "none": pawl.CatchUpNone,
	}
	opts := []pawl.FlowOption{pawl.WithOverlap(p.overlap), pawl.WithCatchUp(modes[p.mode])}
	if p.within > 0 {
		opts = append(opts, pawl.WithCatchUpWithin(p.within))
	}
	if p.limit > 0 {
		opts = append(opts, pawl.WithBackoff(pawl.BackoffPolicy{Initial: 7 * time.Second, Multiplier: 2, MaxDelay: 40 * time.Second, StreakLimit: p.limit}))
	}
	switch p.kind {
	case "cron":
		return s.Cron("f", "*/5 * * * * *", job, opts...)
	case "rate":
		return s.Every("f", harness.PolicyInterval, job, append(opts, pawl.WithFixedRate())...)
	case "delay":
		return s.Every("f", harness.PolicyInterval, job, opts...)
	}
	return s.Manual("f", job, opts...)
}

// Overlap policies and catch-up modes of all kinds of flows do what the model says,
// through any history of outcomes, triggers, cancels, pauses, backfills and resets, with stops
// and crashes anywhere; and each instant of the schedule has one verdict.
// PAWL_TORTURE=1 tries 20,000 histories in place of 200.
// time O1, time O3, time O4; time C1, time C2, time C3; time M1, time M2; time W1, time W3; time X2, time X3; time Q1; found B7.
func TestPoliciesDoWhatTheModelSays(t *testing.T) {
	t.Parallel()
	rounds := 2
	if os.Getenv("PAWL_TORTURE") != "" {
		rounds = 200
	}
	dir, n := t.TempDir(), 0
	property := func(rt *rapid.T) {
		plan := policyFlows.Draw(rt, "flow")
		history := append(spell.Draw(rt, "spell"), rapid.SliceOfN(policyActs, 1, 60).Draw(rt, "history")...)
		n++
		var err error
		synctest.Test(t, func(t *testing.T) { err = playPolicies(filepath.Join(dir, fmt.Sprint(n, ".db")), plan, history) })
		if err != nil {
			rt.Fatal(err)
		}
	}
	for range rounds {
		rapid.Check(t, property)
	}
}

// What the property found, kept. time O1, time O4; time C1, time C3; time M1, time M3; time W1.
func TestHistoriesThatWentWrongDoNotAgain(t *testing.T) {
	wait := func(what string, seconds float64) policyAct {
		return policyAct{what: what, wait: time.Duration(seconds*1000) * time.Millisecond}
	}
	for _, test := range []struct {
		name string
		plan policyPlan
		acts []policyAct
	}{
		{"a fixed delay is not put off by a resume", policyPlan{kind: "delay", mode: "latest"},
			[]policyAct{wait("fail", 0), wait("pause", 0), wait("resume from", 0.999)}},
		{"a trip in a window leaves no instant silent", policyPlan{kind: "rate", mode: "latest", limit: 2},
			[]policyAct{wait("fail", 0), wait("trigger", 0), wait("fail", 0), wait("wait", 5)}},
		{"a reset of a paused flow in a window leaves none", policyPlan{kind: "rate", mode: "latest", limit: 4},
			[]policyAct{wait("fail", 0), wait("pause", 0), wait("wait", 5), wait("reset", 0), wait("wait", 20)}},
		{"a reset in a window leaves none that was missed", policyPlan{kind: "cron", mode: "latest", limit: 4},
			[]policyAct{wait("wait", 7.001), wait("crash", 0.001), wait("reset", 0)}},
		{"a reset during a probe does not end the flow", policyPlan{kind: "rate", mode: "latest", limit: 2},
			[]policyAct{wait("fail", 0), wait("trigger", 0), wait("fail", 0), wait("probe", 0), wait("reset", 0), wait("fail", 0), wait("wait", 61)}},
		{"what was skipped is not made up for after a stop", policyPlan{kind: "cron", mode: "latest", overlap: pawl.OverlapBufferOne},
			[]policyAct{wait("wait", 61), wait("succeed", 0), wait("stop", 61)}},
		{"what was made up for is not again after another stop", policyPlan{kind: "cron", mode: "latest"},
			[]policyAct{wait("wait", 5), wait("stop", 20), wait("stop", 20)}},
		{"a stop takes no run from those that are caught up on", policyPlan{kind: "cron", mode: "all", overlap: pawl.OverlapBuffer(3)},
			[]policyAct{wait("wait", 5), wait("stop", 20), wait("succeed", 0), wait("succeed", 0), wait("succeed", 0), wait("succeed", 0)}},
		{"a delay has one run that waits, after a crash too", policyPlan{kind: "delay", mode: "none", overlap: pawl.OverlapBuffer(3)},
			[]policyAct{wait("probe", 0), wait("crash", 7.001), wait("wait", 61), wait("crash", 0.999)}},
		{"one crash trips a flow once", policyPlan{kind: "rate", mode: "latest", within: 12 * time.Second, limit: 2, overlap: pawl.OverlapAllow(2, 2)},
			[]policyAct{wait("wait", 5), wait("trigger", 0), wait("fail", 0), wait("crash", 0.001)}},
		{"a failure of a run that began before a success", policyPlan{kind: "manual", mode: "latest", limit: 2, overlap: pawl.OverlapAllow(2, 2)},
			[]policyAct{wait("trigger", 0), wait("trigger", 0), {what: "succeed", pick: 1}, wait("fail", 0), wait("trigger", 0), wait("fail", 0)}},
		{"a success of a run that began before a failure", policyPlan{kind: "manual", mode: "latest", limit: 4, overlap: pawl.OverlapAllow(2, 2)},
			[]policyAct{wait("trigger", 0), wait("trigger", 0), {what: "fail", pick: 1}, wait("succeed", 0), wait("trigger", 0), wait("fail", 0), wait("trigger", 0), wait("succeed", 0)}},
		{"a crash counts if the newest run does", policyPlan{kind: "manual", mode: "latest", limit: 4, overlap: pawl.OverlapAllow(2, 2)},
			[]policyAct{wait("trigger", 0), wait("trigger", 0), {what: "succeed", pick: 1}, wait("trigger", 0), wait("crash", 1), wait("trigger", 0), wait("crash", 1)}},
		{"a run that a stop cancelled waits for the window", policyPlan{kind: "rate", mode: "latest", limit: 4, overlap: pawl.OverlapBuffer(3)},
			[]policyAct{wait("probe", 0), wait("stop", 20), wait("fail", 61)}},
		{"a backfill does not hide the failure of a crash", policyPlan{kind: "cron", mode: "latest", limit: 4, overlap: pawl.OverlapAllow(2, 2)},
			[]policyAct{wait("wait", 7), wait("succeed", 0), wait("pause", 0), wait("wait", 5), wait("backfill", 5), wait("trigger", 0), wait("crash", 0.999)}},
		{"what a backfill has run is not run again by a resume", policyPlan{kind: "cron", mode: "latest", overlap: pawl.OverlapBuffer(3)},
			[]policyAct{wait("wait", 7.001), wait("succeed", 0), wait("pause", 0), wait("wait", 20), wait("backfill", 7.001), wait("succeed", 0),
				wait("wait", 1), wait("succeed", 0), {what: "resume from", wait: time.Minute, pick: 1}, wait("succeed", 0), wait("wait", 5)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "jobs.db")
			var err error
			synctest.Test(t, func(t *testing.T) { err = playPolicies(db, test.plan, test.acts) })
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// policyStage is a runner with one flow and its model. Its jobs end when they are
// told.
type policyStage struct {
	plan   policyPlan
	db     string
	began  time.Time
	model  *policyFlow
	dead   *atomic.Bool // nothing reaches the file any more
	runner *pawl.Runner
	from   time.Duration // up to when the model knows

	mu   sync.Mutex
	ends map[int64]chan error // of the jobs at work, by run
}

func playPolicies(db string, plan policyPlan, history []policyAct) error {
	s := &policyStage{plan: plan, db: db, began: time.Now(), model: plan.model()}
	err := s.start()
	for i, a := range history {
		if err == nil {
			err = s.do(a)
		}
		if err == nil {
			err = s.compare(20)
		}
		if err != nil {
			err = fmt.Errorf("%s: act %d, %s, at %s: %w", plan, i, a, s.now(), err)
			break
		}
	}
	if err == nil {
		err = s.compare(10_000)
	}
	if s.runner == nil {
		return err
	}
	now := s.now()
	s.dead.Store(true)
	_ = s.runner.Stop(context.Background())
	if err == nil && s.model.grid {
		err = harness.CheckLedger(db, s.began, now, s.model.verdicts)
	}
	return errors.Join(err, sound(db))
}

func (s *policyStage) now() time.Duration { return time.Since(s.began) }

// start starts the runner at a whole millisecond.
func (s *policyStage) start() error {
	time.Sleep((s.now() + time.Millisecond - 1).Truncate(time.Millisecond) - s.now())
	s.dead, s.ends = new(atomic.Bool), map[int64]chan error{}
	scheduler := harness.Quiet(s.db, pawl.WithSharedFile(), pawl.WithStopTimeout(0), harness.WithStore(func(real engine.Store) engine.Store {
		return &harness.Mortal{Store: real, Dead: s.dead}
	}))
	if err := s.plan.register(scheduler, harness.Job(s.work)); err != nil {
		return err
	}
	s.from = s.now()
	s.model.since = s.from
	var err error
	s.runner, err = scheduler.Start(context.Background())
	return err
}

// work is the job: it ends when it is told, or soon after its context.
func (s *policyStage) work(ctx context.Context) error {
	run, _ := pawl.RunFrom(ctx)
	end := make(chan error)
	s.mu.Lock()
	s.ends[run.Number] = end
	s.mu.Unlock()
	select {
	case err := <-end:
		return err
	case <-ctx.Done():
		time.Sleep((&policyRun{number: int(run.Number)}).leaves())
		return ctx.Err()
	}
}

// do lets the runner and the model go through the same.
func (s *policyStage) do(a policyAct) error {
	ctx, f := context.Background(), s.model
	s.advance()
	now := s.now()
	switch a.what {
	case "wait":
		time.Sleep(a.wait)
	case "succeed", "fail":
		s.end(a, now)
	case "trigger":
		return s.trigger(now, now, f.overlap, false)
	case "post":
		return s.post()
	case "trigger later":
		return s.trigger(now+a.wait, now, f.overlap, false, pawl.WithStartAt(time.Now().Add(a.wait)))
	case "trigger with key":
		return s.trigger(now, now, f.overlap, true, pawl.WithKey("key"))
	case "trigger once":
		return s.trigger(now, now, a.once, false, pawl.WithOverlapOnce(a.once))
	case "probe":
		return s.probe(now)
	case "cancel":
		number := max(len(f.runs)+1-a.pick, 1)
		return wanted(s.runner.Cancel(ctx, "f", int64(number)), f.cancel(number, now))
	case "pause":
		f.pause(now, never)
		return s.runner.Pause(ctx, "f", "")
	case "pause for":
		until := now.Truncate(time.Millisecond) + a.wait
		f.pause(now, until)
		return s.runner.Pause(ctx, "f", "", pawl.PauseUntil(s.began.Add(until)))
	case "resume":
		f.unpause(never, now)
		return s.runner.Resume(ctx, "f")
	case "resume from":
		from := now - a.wait
		if a.pick == 0 {
			from = now + a.wait // no later than now
		}
		f.unpause(max(min(from, now), 0), now)
		return s.runner.ResumeFrom(ctx, "f", s.began.Add(from))
	case "backfill":
		return s.backfill(max(now-a.wait, f.every), now)
	case "reset":
		f.reset(now)
		return s.runner.Reset(ctx, "f")
	case "stop":
		return s.stop(a, now)
	case "crash":
		s.dead.Store(true)
		_ = s.runner.Stop(ctx)
		time.Sleep(a.wait)
		if err := s.start(); err != nil {
			return err
		}
		f.crash(s.from)
	}
	return nil
}

// end lets one of the jobs return.
func (s *policyStage) end(a policyAct, now time.Duration) {
	var at []*policyRun
	for _, r := range s.model.open {
		if !r.asked {
			at = append(at, r)
		}
	}
	if len(at) == 0 {
		return
	}
	r := at[a.pick%len(at)]
	var outcome error
	if a.what == "fail" {
		outcome = errors.New("boom")
	}
	s.ends[int64(r.number)] <- outcome
	s.model.finish(r, outcome != nil, now)
}

func (s *policyStage) trigger(at, now time.Duration, overlap pawl.Overlap, key bool, opts ...pawl.TriggerOption) error {
	want, refusal := s.model.ask(at, now, overlap, key)
	got, err := s.runner.Trigger(context.Background(), "f", opts...)
	if refusal == nil && err == nil && got != int64(want.number) {
		return fmt.Errorf("trigger: run %d, want %d", got, want.number)
	}
	return wanted(err, refusal)
}

// post commits a trigger in the inbox, whose answer nobody waits for. found Q2.
func (s *policyStage) post() error {
	if left := harness.PolicyInterval - s.now()%harness.PolicyInterval; left < 100*time.Millisecond {
		time.Sleep(left + time.Millisecond) // or it might be handled at an instant of the schedule
		s.advance()
	}
	app, err := sql.Open("sqlite", s.db+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer app.Close()
	row, err := s.runner.TriggerTx(context.Background(), app, "f")
	if err != nil {
		return err
	}
	time.Sleep(50 * time.Millisecond)
	synctest.Wait()
	var at, refusal string
	const query = `SELECT handled_at, COALESCE(error, '') FROM pawl_commands WHERE id = ?`
	if err := app.QueryRowContext(context.Background(), query, row).Scan(&at, &refusal); err != nil {
		return err
	}
	handled, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return err
	}
	s.model.advance(s.from, handled.Sub(s.began))
	s.from = handled.Sub(s.began)
	if want := s.model.post(s.from); (want == nil) != (refusal == "") {
		return fmt.Errorf("post: answered %q, want %v", refusal, want)
	}
	return nil
}

// backfill is of a flow whose instants are on a grid.
func (s *policyStage) backfill(from, now time.Duration) error {
	if !s.model.grid || from > now {
		return nil
	}
	want, refusal := s.model.backfill(from, now, now)
	got, err := s.runner.Backfill(context.Background(), "f", pawl.Backfill{From: s.began.Add(from), To: s.began.Add(now)})
	if err == nil && got != want {
		return fmt.Errorf("backfill: %d runs, want %d", got, want)
	}
	return wanted(err, refusal)
}

// probe is a trigger that may start a tripped flow; of any other it is a trigger. time M3.
func (s *policyStage) probe(now time.Duration) error {
	f, tripped := s.model, s.model.status == pawl.StatusTripped && s.model.waitingProbe() == nil
	if status, waits := f.status, f.waits; tripped { // it goes before what waits
		f.status, f.waits = pawl.StatusIdle, nil
		defer func() { f.waits = append(f.waits, waits...) }()
		defer func() {
			if len(f.open) == 0 {
				f.status = status
			}
		}()
	}
	r, refusal := f.ask(now, now, f.overlap, false)
	if r != nil && tripped {
		r.trigger = "probe"
	}
	_, err := s.runner.Probe(context.Background(), "f")
	return wanted(err, refusal)
}

func (s *policyStage) stop(a policyAct, now time.Duration) error {
	f := s.model
	_ = s.runner.Stop(context.Background()) // says which runs it cancelled
	for len(f.open) > 0 {
		first, ends := f.open[0], never
		for _, r := range f.open {
			at := now + r.leaves()
			if r.asked {
				at = r.ends
			}
			if ends == never || at < ends {
				first, ends = r, at
			}
		}
		f.outlast(first, ends.Truncate(time.Millisecond))
	}
	time.Sleep(a.wait)
	return s.start()
}

func wanted(err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("got %v, want %v", err, want)
	}
	return nil
}

// advance lets the model catch up with the clock.
func (s *policyStage) advance() {
	synctest.Wait()
	s.model.advance(s.from, s.now())
	s.from = s.now()
}

func (s *policyStage) compare(newest int) error {
	s.advance()
	info, _ := s.runner.Status("f")
	runs, err := s.runner.Runs(context.Background(), pawl.RunsQuery{Flow: "f", Limit: newest})
	if err != nil {
		return err
	}
	var got, want strings.Builder
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return never
		}
		return t.Sub(s.began)
	}
	fmt.Fprintf(&got, "%s, streak %d, %d in flight, %d and %d wait, next %s, held %s, paused %s until %s", info.Status, info.FailureStreak,
		info.InFlight, info.Waiting, info.Backfill, since(info.NextRun), since(info.Held), since(info.PausedAt), since(info.PausedUntil))
	f := s.model
	fmt.Fprintf(&want, "%s, streak %d, %d in flight, %d and %d wait, next %s, held %s, paused %s until %s", f.status, f.streak,
		len(f.open), len(f.waits), len(f.fill), f.next, f.held, f.paused, f.until)
	const line = "\n  run %d: %s, %s, attempt %d, at %s, began %s, due %s, restarts %d"
	for _, r := range runs {
		fmt.Fprintf(&got, line, r.Number, r.Trigger, r.Status, r.Attempt, since(r.ScheduledAt), since(r.StartedAt), since(r.DueAt), r.Restarts)
	}
	for i := len(f.runs) - 1; i >= max(0, len(f.runs)-newest); i-- {
		r, due := f.runs[i], never
		if r.status == pawl.RunWaiting {
			due = r.due
		}
		fmt.Fprintf(&want, line, r.number, r.trigger, r.status, r.attempt, r.at, r.began, due, r.restarts)
	}
	if got.String() != want.String() {
		return fmt.Errorf("\nis   %s\nwant %s", got.String(), want.String())
	}
	return nil
}
