//go:build unix

package torture_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/harness"
)

// crashFlow is a flow as both the child and the parent know it: manual unless it
// has an interval or an expression.
type crashFlow struct {
	ID      string
	Every   time.Duration
	Cron    string
	Backoff *pawl.BackoffPolicy
	Overlap pawl.Overlap
	CatchUp pawl.CatchUp
	Retries int
	Cancels bool   // a stop cancels its runs, rather than starting them again
	Job     string // what it does, see [world.job]; empty: it succeeds
}

// retry waits a moment before a further attempt.
var retry = pawl.BackoffPolicy{Initial: 5 * time.Millisecond, Jitter: pawl.NoJitter}

// backoff is a policy with windows that are over at the next start, or at one of
// those after that.
func backoff(limit int) *pawl.BackoffPolicy {
	return &pawl.BackoffPolicy{Initial: 700 * time.Millisecond, MaxDelay: 4 * time.Second, Jitter: 0.3, StreakLimit: limit}
}

var stormFlows = []crashFlow{
	{ID: "every-ok", Every: 3 * time.Millisecond},
	{ID: "every-fails", Every: 7 * time.Millisecond, Job: "fails"},
	{ID: "every-flaky", Every: 4 * time.Millisecond, Backoff: backoff(0), Job: "flaky"},
	{ID: "every-backoff", Every: 5 * time.Millisecond, Backoff: backoff(0), Job: "fails"},
	{ID: "every-trips", Every: 5 * time.Millisecond, Backoff: backoff(3), Job: "fails"},
	{ID: "every-long", Every: time.Millisecond, Job: "hangs"},
	{ID: "every-long-backoff", Every: time.Millisecond, Backoff: backoff(0), Job: "hangs"},
	{ID: "cron-ok", Cron: "* * * * * *"},
	{ID: "cron-trips", Cron: "* * * * * *", Backoff: backoff(4), Job: "fails"},
	{ID: "cron-long", Cron: "* * * * * *", Backoff: backoff(5), Job: "hangs"},
	{ID: "manual-ok"},
	{ID: inboxOnly, Job: "flaky"},
	{ID: "manual-flaky", Backoff: backoff(0), Job: "flaky"},
	{ID: "manual-trips", Backoff: backoff(2), Job: "fails"},
	{ID: "manual-long", Backoff: backoff(3), Job: "hangs"},
	{ID: "manual-nested", Job: "nested"},
}

var tourFlows = []crashFlow{
	{ID: "every-flaky", Every: time.Second, Backoff: backoff(0), Job: "flaky"},
	{ID: "cron-flaky", Cron: "0 * * * * *", Backoff: backoff(0), Job: "flaky"},
	{ID: "manual-ok"},
	{ID: inboxOnly},
	{ID: "manual-trips", Backoff: backoff(2), Job: "fails"},
	{ID: "manual-long", Backoff: backoff(3), Job: "hangs"},
	{ID: "manual-cancelled", Cancels: true, Job: "hangs"},
}

func (f crashFlow) kind() string { return f.schedule().Kind() }

func (f crashFlow) schedule() schedule.Schedule {
	s, err := schedule.Manual(), error(nil)
	switch {
	case f.Every != 0:
		s, err = schedule.Every(f.Every)
	case f.Cron != "":
		s, err = schedule.Cron(f.Cron)
	}
	if err != nil {
		panic(err)
	}
	return s
}

func (f crashFlow) register(s *pawl.Scheduler, job pawl.Job) error {
	var opts []pawl.FlowOption
	if f.Backoff != nil {
		opts = append(opts, pawl.WithBackoff(*f.Backoff))
	}
	if f.Retries > 0 {
		opts = append(opts, pawl.WithRetry(f.Retries, retry))
	}
	if f.Cancels {
		opts = append(opts, pawl.WithStopCancels())
	}
	opts = append(opts, pawl.WithOverlap(f.Overlap), pawl.WithCatchUp(f.CatchUp))
	switch {
	case f.Every != 0:
		return s.Every(f.ID, f.Every, job, opts...)
	case f.Cron != "":
		return s.Cron(f.ID, f.Cron, job, opts...)
	}
	return s.Manual(f.ID, job, opts...)
}

// child is what a child is told, in its environment.
type child struct {
	Database string
	Flows    []crashFlow
	Script   string
	Kill     string        // when it kills itself: "before 3" is before its third commit, "after reset", "during start 200µs", or see [world.point]
	Shift    time.Duration // of its wall clock, so that time passes between two starts
	Virtual  string        // the test that runs it, in virtual time; empty: TestMain does, in real time
	Shared   bool          // the file has a table of the app, for the effects of jobs
	Inputs   int           // how many a script is to ask for
}

const (
	childEnv   = "PAWL_CRASH_CHILD"
	virtualEnv = "PAWL_CRASH_VIRTUAL_CHILD"
)

// command tells the test binary to run the child: its arguments and a variable of
// its environment.
func (c child) command(spec string) (arg, variable string) {
	if c.Virtual != "" {
		return "-test.run=^" + c.Virtual + "$", virtualEnv + "=" + spec
	}
	return "-test.run=^$", childEnv + "=" + spec
}

// line is what a child says.
type line struct {
	What    string        // start, ready, commit, job, reserved, accepted, did, over, reset, posted
	Flow    string        `json:",omitempty"`
	Run     int64         `json:",omitempty"` // or the id of a command
	Version int64         `json:",omitempty"` // of the flow, as Status had it
	Info    *pawl.RunInfo `json:",omitempty"`
	Seq     int64         `json:",omitempty"` // of the newest transition
	At      time.Time     `json:",omitzero"`  // of the same
	Attempt int           `json:",omitempty"` // of a job's run
	Again   int           `json:",omitempty"` // how often that attempt was started before
	Count   int64         `json:",omitempty"` // of runs that were accepted
	Event   string        `json:",omitempty"` // of what was done
	States  []core.State  `json:",omitempty"` // after the first commit
}

func childMain(text string, dieIn func(time.Duration)) int {
	w := &world{log: os.Stderr, ready: make(chan struct{}), began: make(chan int64, 1), dieIn: dieIn}
	err := json.Unmarshal([]byte(text), &w.child)
	if err != nil {
		panic(err)
	}
	w.tell = func(l line) {
		text, err := json.Marshal(l)
		if err != nil {
			panic(err)
		}
		if _, err := os.Stdout.Write(append(text, '\n')); err != nil {
			panic(err)
		}
	}
	if err := w.play(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// world is a program with a scheduler: a child, or a part of the parent.
type world struct {
	child
	log      io.Writer
	tell     func(line) // from any goroutine
	runner   *pawl.Runner
	ready    chan struct{}       // closed when there is a runner
	inserted atomic.Int64        // effects so far, those of functions that failed too
	began    chan int64          // takes the number of a run whose job begins, if there is room; nobody closes it
	dieIn    func(time.Duration) // a time that passes during a commit
}

// point is a place where a child can be told to kill itself that is no commit.
func (w *world) point(name string) {
	if w.Kill == name {
		die()
	}
}

func (w *world) start(opts ...pawl.Option) (err error) {
	opts = append([]pawl.Option{
		pawl.WithLogger(slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelError}))),
		harness.WithStore(func(s engine.Store) engine.Store {
			w.point("after migrate")
			return &tap{Store: s, world: w}
		}),
		harness.WithNow(func() time.Time { return time.Now().Add(w.Shift) }),
		pawl.WithInboxPoll(time.Millisecond),
		pawl.WithRestoreGuard(), // a kill must not look like a copy: everything would be refused
	}, opts...)
	if w.Shared {
		opts = append(opts, pawl.WithSharedFile())
	}
	s := pawl.NewScheduler(w.Database, opts...)
	for _, f := range w.Flows {
		if err := f.register(s, w.work(f)); err != nil {
			return err
		}
	}
	w.point("before migrate")
	if w.runner, err = s.Start(context.Background()); err != nil {
		return err
	}
	close(w.ready)
	return nil
}

// work is the job of a flow.
func (w *world) work(f crashFlow) pawl.Job {
	if f.Job == "machine" {
		return w.tenStates().Job("reserve")
	}
	return w.job(f)
}

// job says that it runs before it does anything.
func (w *world) job(f crashFlow) pawl.JobFunc {
	return func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		w.point("before job")
		defer w.point("after job")
		w.tell(line{What: "job", Flow: run.FlowID, Run: run.Number, Attempt: run.Attempt, Again: run.Restarts})
		select {
		case w.began <- run.Number:
		default:
		}
		switch f.Job {
		case "fails":
			return errors.New("no luck")
		case "flaky":
			if run.Number%3 != 0 {
				return fmt.Errorf("no luck with %d", run.Number)
			}
		case "hangs":
			<-ctx.Done()
			return ctx.Err()
		case "nested":
			<-w.ready
			return w.run("manual-ok")
		case "hangs from 2":
			if run.Number == 1 {
				return errors.New("no luck")
			}
			<-ctx.Done()
			return ctx.Err()
		case "kills":
			die()
		case "kills at 13":
			if run.Number == 13 {
				time.Sleep(10 * time.Millisecond)
				die()
			}
			time.Sleep(30 * time.Millisecond)
		case "effect":
			return w.effect(ctx, run)
		case "input":
			return w.input(ctx, run)
		case "fails once":
			if run.Attempt == 1 {
				return errors.New("no luck yet")
			}
		}
		return nil
	}
}

// run triggers a flow and waits for the end of the run, or resets the flow if it
// is tripped.
func (w *world) run(id string) error {
	run, err := w.trigger(id)
	if run == 0 || err != nil {
		return err
	}
	info, err := w.runner.WaitRun(context.Background(), id, run)
	if err != nil {
		return err
	}
	w.tell(line{What: "over", Flow: id, Run: run, Info: &info, Version: w.version(id)})
	return nil
}

// trigger returns 0 if the flow cannot be run now.
func (w *world) trigger(id string) (int64, error) {
	run, err := w.runner.Trigger(context.Background(), id)
	switch {
	case errors.Is(err, pawl.ErrTripped):
		return 0, w.reset(id)
	case errors.Is(err, pawl.ErrAlreadyRunning):
		return 0, nil
	case err == nil:
		w.tell(line{What: "reserved", Flow: id, Run: run, Version: w.version(id)})
	}
	return run, err
}

func (w *world) reset(id string) error {
	err := w.runner.Reset(context.Background(), id)
	if err == nil {
		w.tell(line{What: "reset", Flow: id, Version: w.version(id)})
	}
	return err
}

func (w *world) version(id string) int64 {
	info, _ := w.runner.Status(id)
	return info.Version
}

// play goes through the script of a child.
func (w *world) play() error {
	switch w.Script {
	case "storm":
		return w.storm()
	case "tour":
		return w.tour()
	case "bomb":
		return w.bomb()
	case "drain":
		return w.drain()
	case "deaf":
		return w.deaf()
	case "one":
		return w.one()
	case "crowd":
		return w.crowd()
	case "trial":
		return w.trial()
	case "operate":
		return w.operate()
	case "effects":
		return w.effects()
	case "neighbours":
		return w.neighbours()
	case "feed":
		return w.feed()
	case "prune":
		return w.prune()
	case "machine":
		return w.machine()
	}
	return fmt.Errorf("no script %q", w.Script)
}

// storm does all at once until it is killed.
func (w *world) storm() error {
	if err := w.start(); err != nil {
		return err
	}
	failed := make(chan error) // nobody closes it; the first one ends the process
	for _, ids := range [][]string{
		{"manual-ok"},
		{"manual-trips", "cron-trips"},
		{"manual-flaky", "every-ok", "every-flaky", "manual-nested", "every-trips"},
	} {
		go func() {
			for i := 0; ; i++ {
				if err := w.run(ids[i%len(ids)]); err != nil {
					failed <- err
				}
			}
		}()
	}
	go func() { failed <- w.command() }()
	w.tell(line{What: "ready"})
	if _, err := w.trigger("manual-long"); err != nil {
		return err
	}
	return <-failed
}

// command asks through the inbox, as another process would.
func (w *world) command() error {
	client, err := pawl.Open(w.Database)
	if err != nil {
		return err
	}
	for {
		id, err := client.Post(context.Background(), "reset", "manual-flaky")
		if err != nil {
			return err
		}
		w.tell(line{What: "posted", Run: id})
		run, err := client.Trigger(context.Background(), inboxOnly)
		if err != nil && !errors.Is(err, pawl.ErrAlreadyRunning) {
			return err
		}
		if err == nil {
			w.tell(line{What: "reserved", Flow: inboxOnly, Run: run})
		}
	}
}

// tour does one thing after the other, all that there is, and ends by itself.
func (w *world) tour() error {
	if err := w.start(pawl.WithStopTimeout(0)); err != nil {
		return err
	}
	for _, id := range []string{"manual-trips", "manual-long"} {
		if err := w.reset(id); err != nil {
			return err
		}
	}
	for _, id := range []string{"manual-ok", "manual-trips", "manual-trips", "manual-trips"} { // the last one resets
		if err := w.run(id); err != nil {
			return err
		}
	}
	for _, id := range []string{"manual-long", "manual-cancelled"} {
		if _, err := w.trigger(id); err != nil {
			return err
		}
	}
	client, err := pawl.Open(w.Database)
	if err != nil {
		return err
	}
	if _, err := client.Trigger(context.Background(), inboxOnly); err != nil && !errors.Is(err, pawl.ErrAlreadyRunning) {
		return err
	}
	if err := w.runner.Stop(context.Background()); !errors.Is(err, pawl.ErrStopTimeout) {
		return fmt.Errorf("stop with a job that hangs: %w", err)
	}
	return client.Close()
}

// bomb waits for a job to kill it, unless that flow is tripped.
func (w *world) bomb() error {
	w.Shift += 900*time.Millisecond - time.Duration(time.Now().Add(w.Shift).Nanosecond()) // a second is about to begin
	if err := w.start(pawl.WithStopTimeout(0)); err != nil {
		return err
	}
	bomb, _ := w.runner.Status("bomb")
	switch {
	case bomb.Status == pawl.StatusTripped:
		if err := w.runner.Stop(context.Background()); !errors.Is(err, pawl.ErrStopTimeout) {
			return err
		}
		return nil // others go on
	case bomb.Kind == schedule.KindManual:
		_, err := w.trigger("bomb")
		return errors.Join(err, w.runner.Wait())
	}
	return w.runner.Wait()
}

// drain stops while a run is in flight that does not end.
func (w *world) drain() error {
	if err := w.start(pawl.WithStopTimeout(time.Hour)); err != nil {
		return err
	}
	if _, err := w.trigger("long"); err != nil {
		return err
	}
	return w.runner.Stop(context.Background())
}

// deaf never looks at the inbox after its start.
func (w *world) deaf() error {
	if err := w.start(pawl.WithInboxPoll(0)); err != nil {
		return err
	}
	w.tell(line{What: "ready"})
	return w.runner.Wait()
}

// tap stands between the engine and its store. It says what was committed, and
// kills the process at the commit that it was told.
type tap struct {
	engine.Store
	world   *world
	commits int
	states  map[string]core.State // as the commits leave them
}

func (p *tap) Load(ctx context.Context) (engine.Snapshot, error) {
	snapshot, err := p.Store.Load(ctx)
	p.states = map[string]core.State{}
	for _, s := range snapshot.Flows {
		p.states[s.ID] = *s
	}
	return snapshot, err
}

func (p *tap) Commit(ctx context.Context, b engine.Batch) error {
	p.commits++
	p.strike("before", b)
	p.strike("during", b)
	if err := p.Store.Commit(ctx, b); err != nil {
		return err
	}
	p.strike("after", b)
	said := line{What: "commit"}
	for _, c := range b.Changes {
		p.states[c.ID] = *c.State
		said.Seq, said.At = c.Seq, c.UpdatedAt
	}
	if p.commits == 1 {
		said.What, said.States = "start", slices.Collect(maps.Values(p.states))
	}
	p.world.tell(said)
	return nil
}

// strike kills at once, or after the time that is given for a kill during a commit.
func (p *tap) strike(where string, b engine.Batch) {
	order := strings.Fields(p.world.Kill)
	if len(order) < 2 || order[0] != where || order[1] != strconv.Itoa(p.commits) && !slices.Contains(about(b), order[1]) {
		return
	}
	if len(order) == 2 {
		die()
	}
	delay, err := time.ParseDuration(order[2])
	if err != nil {
		panic(err)
	}
	p.world.dieIn(delay)
}

// about names what a batch holds.
func about(b engine.Batch) (marks []string) {
	for _, c := range b.Changes {
		marks = append(marks, c.Event)
		again := func(r core.Run) bool { return r.Was == core.RunRunning && r.Status == core.RunWaiting }
		if slices.ContainsFunc(c.Runs, again) {
			marks = append(marks, "retry")
		}
	}
	if len(b.Answers) > 0 {
		marks = append(marks, "answer")
	}
	switch {
	case b.Owner == nil:
	case !b.Owner.StoppedAt.IsZero():
		marks = append(marks, "stopped")
	case !b.Owner.StoppingAt.IsZero():
		marks = append(marks, "stopping")
	default:
		marks = append(marks, "start")
	}
	return marks
}

// die is kill -9.
func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {} // other threads end a moment later
}
