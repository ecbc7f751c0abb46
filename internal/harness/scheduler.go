package harness

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/workflow"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Exits is the error of a command that exits with a code, as exec.ExitError is.
type Exits int

func (e Exits) Error() string { return "exit status 99: its text is for people" }

func (e Exits) ExitCode() int { return int(e) }

// SchedulerWith is a quiet scheduler with flows.
func SchedulerWith(db string, register func(*pawl.Scheduler), opts ...pawl.Option) *pawl.Scheduler {
	s := Quiet(db, opts...)
	register(s)
	return s
}

// ExecSQL writes to the file as the sqlite3 program would.
func ExecSQL(t *testing.T, db, query string, args ...any) {
	t.Helper()
	other, err := sql.Open("sqlite", db+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

// Answered is a row of the inbox with its answer: verb, flow, result, error.
type Answered [4]string

// Inbox returns the answered rows of the inbox, in order.
func Inbox(t *testing.T, db string) (rows []Answered) {
	t.Helper()
	other, err := sql.Open("sqlite", db+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer other.Close()
	found, err := other.QueryContext(t.Context(), `SELECT COALESCE(command, '-'), COALESCE(flow_id, '-'), COALESCE(result, '-'),
		COALESCE(error, '-') FROM pawl_commands WHERE handled_at IS NOT NULL ORDER BY id`)
	require.NoError(t, err)
	defer found.Close()
	for found.Next() {
		var a Answered
		require.NoError(t, found.Scan(&a[0], &a[1], &a[2], &a[3]))
		rows = append(rows, a)
	}
	require.NoError(t, found.Err())
	return rows
}

// Second is the error of a call.
func Second[T any](_ T, err error) error { return err }

// Orders is the workflow of the README.
func Orders(wait time.Duration) *workflow.Workflow[string] {
	reserve := func(ctx context.Context, _ *workflow.Resources) (string, error) {
		return "reserved", workflow.SetUndo(ctx, "shelf 7")
	}
	release := func(_ context.Context, _ *workflow.Resources, shelf string) error {
		fmt.Println("released", shelf)
		return nil
	}
	fine := func(context.Context, *workflow.Resources) error { return nil }
	charge := func(ctx context.Context, _ *workflow.Resources) (string, error) {
		return "paid", workflow.Put(ctx, "receipt", 4711)
	}
	ship := func(ctx context.Context, _ *workflow.Resources) (string, error) {
		receipt, _, err := workflow.Value[int](ctx, "receipt")
		fmt.Println("shipped, receipt", receipt)
		return "shipped", err
	}

	w := workflow.New[string](workflow.Version(1))
	w.Register("new", reserve, workflow.To("reserved"), workflow.WithUndo(release))
	w.RegisterSplit("reserved", []workflow.Branch{fine, fine}, workflow.All("checked"))
	w.Register("checked", charge, workflow.To("paid", "declined"))
	w.Register("paid", workflow.After("ready", wait), workflow.To("ready"))
	w.Register("ready", ship, workflow.To("shipped"))
	w.Exit("shipped", "declined")
	w.Initial("new")
	return w
}

// Sleeps is a job that takes a while, or until it is cancelled.
func Sleeps(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Accepted asks for a run and returns its number.
func Accepted(t *testing.T, r *pawl.Runner, id string, opts ...pawl.TriggerOption) int64 {
	t.Helper()
	run, err := r.Trigger(t.Context(), id, opts...)
	require.NoError(t, err)
	return run
}

// WaitRun waits for the end of a run and returns it.
func WaitRun(t *testing.T, r *pawl.Runner, id string, run int64) pawl.RunInfo {
	t.Helper()
	info, err := r.WaitRun(t.Context(), id, run)
	require.NoError(t, err)
	return info
}

// Told is the instants of a flow's runs, oldest first, as time since the bubble began.
func Told(t *testing.T, r *pawl.Runner, id string) (at []time.Duration) {
	t.Helper()
	runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: id, Limit: 1000})
	require.NoError(t, err)
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, run := range runs {
		at = append([]time.Duration{run.ScheduledAt.Sub(began)}, at...)
	}
	return at
}

// WallClock is a clock that a test sets.
type WallClock struct{ ahead atomic.Int64 }

func (w *WallClock) Now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *WallClock) Set(ahead time.Duration) { w.ahead.Store(int64(ahead)) }

// Seconds are instants as a model counts them.
func Seconds(list ...int) (at []time.Duration) {
	for _, n := range list {
		at = append(at, time.Duration(n)*time.Second)
	}
	return at
}

// Verdicts maps what became of instants, as checkLedger wants it.
func Verdicts(of map[string][]int) map[time.Duration][]string {
	all := map[time.Duration][]string{}
	for verdict, list := range of {
		for _, at := range Seconds(list...) {
			all[at] = []string{verdict}
		}
	}
	return all
}

// RunTimes triggers a flow n times, each run after the end of the one before.
func RunTimes(t *testing.T, r *pawl.Runner, id string, n int) {
	t.Helper()
	for range n {
		run, err := r.Trigger(t.Context(), id)
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), id, run)
		require.NoError(t, err)
	}
}

// Query reads one value from the file.
func Query[T any](t *testing.T, db, text string, args ...any) (v T) {
	t.Helper()
	require.NoError(t, Open(t, db).QueryRow(text, args...).Scan(&v), text)
	return v
}

// Open opens the file as another program would.
func Open(t *testing.T, db string) *sql.DB {
	t.Helper()
	other, err := sql.Open("sqlite", db)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, other.Close()) })
	return other
}

// EveryMinute waits a minute before each further attempt.
var EveryMinute = pawl.BackoffPolicy{Initial: time.Minute, Multiplier: 1, Jitter: pawl.NoJitter}

// Status returns what is known of a flow, which must exist.
func Status(t *testing.T, r *pawl.Runner, id string) pawl.FlowInfo {
	t.Helper()
	info, ok := r.Status(id)
	require.True(t, ok)
	return info
}

// Failing is a job that fails.
func Failing(context.Context) error { return errors.New("boom") }

// UntilCancelled is a job that ends when its context does.
func UntilCancelled(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Logbook keeps the messages that were logged.
type Logbook struct {
	mu       sync.Mutex
	messages []string
}

func (l *Logbook) Enabled(context.Context, slog.Level) bool { return true }

func (l *Logbook) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *Logbook) WithGroup(string) slog.Handler { return l }

func (l *Logbook) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, r.Message)
	return nil
}

// Lines are the messages that hold a text.
func (l *Logbook) Lines(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.messages {
		if strings.Contains(m, text) {
			found = append(found, m)
		}
	}
	return found
}

// Diary notes when a job began, as time since the test began.
type Diary struct {
	mu    sync.Mutex
	Began time.Time
	times []time.Duration
}

// NewDiary begins a diary now.
func NewDiary() *Diary { return &Diary{Began: time.Now()} }

func (d *Diary) Job(then func(context.Context) error) pawl.Job {
	return Job(func(ctx context.Context) error {
		d.mu.Lock()
		d.times = append(d.times, time.Since(d.Began))
		d.mu.Unlock()
		return then(ctx)
	})
}

func (d *Diary) Entries() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]time.Duration(nil), d.times...)
}

// Process is a scheduler that can die under virtual time: whatever it does then does
// not come to the file.
type Process struct {
	*pawl.Runner
	Dead *atomic.Bool
	DB   string
}

// Launch starts a process with the flows that register gives it.
func Launch(t *testing.T, db string, register func(*pawl.Scheduler), opts ...pawl.Option) Process {
	t.Helper()
	dead := new(atomic.Bool)
	opts = append([]pawl.Option{pawl.WithStopTimeout(0), WithStore(func(real engine.Store) engine.Store { return &Mortal{Store: real, Dead: dead} })}, opts...)
	s := Quiet(db, opts...)
	register(s)
	return Process{Start(t, s), dead, db}
}

func (p Process) Kill() {
	p.Dead.Store(true)
	_ = p.Stop(context.Background()) // says which runs it left
}

// RunOf reads a run, which may not be over.
func RunOf(t *testing.T, r *pawl.Runner, id string, number int64) pawl.RunInfo {
	t.Helper()
	runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: id, Before: number + 1, Limit: 1})
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.Equal(t, number, runs[0].Number)
	return runs[0]
}

// At is an instant of the first day under virtual time.
func At(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2000-01-01 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// StatesOf returns the kinds and states of checkpoints, as texts.
func StatesOf(list []pawl.Checkpoint) (states []string) {
	for _, c := range list {
		states = append(states, c.Kind+" "+c.State)
	}
	return states
}
