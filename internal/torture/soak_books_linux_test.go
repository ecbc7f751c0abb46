package torture_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
)

// books are what the jobs and the users of a soak know by themselves.
type books struct {
	t       *testing.T
	effects int       // that were counted
	looked  time.Time // when they were

	mu       sync.Mutex
	began    map[string]int64             // by flow: first attempts that began
	newest   map[string]int64             // by flow: the highest number of those that began
	attempts map[string]map[int64]attempt // by flow and run: the last one that began
	instants map[string]map[instant]int64 // by flow: the run that began for it
	inFlight map[string]int
	reported map[string]int64 // by flow: the highest number that Trigger returned
}

// instant is one of a schedule; what a stop cancelled is tried again.
type instant struct {
	at      time.Time
	attempt int
}

// attempt is one of a run; what a stop or a crash cut short is the same attempt again.
type attempt struct{ number, restarts int }

// after says whether an attempt comes after another.
func (a attempt) after(other attempt) bool {
	return a.number > other.number && a.restarts >= other.restarts || a.number == other.number && a.restarts > other.restarts
}

func newBooks(t *testing.T) *books {
	return &books{
		t: t, began: map[string]int64{}, newest: map[string]int64{}, attempts: map[string]map[int64]attempt{},
		instants: map[string]map[instant]int64{}, inFlight: map[string]int{}, reported: map[string]int64{},
	}
}

// remembered is how many runs of a flow are.
const remembered = 200

// begin notes a job that begins: no attempt begins twice, but one that was cut short, no instant has two runs, and
// no more are in flight than the policy lets. What it returns is called when the job
// ends. faults I3.
func (b *books) begin(run pawl.RunInfo) (end func()) {
	id := run.FlowID
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.attempts[id] == nil || len(b.attempts[id]) > remembered {
		b.forget(id, run)
	}
	last, now := b.attempts[id][run.Number], attempt{run.Attempt, run.Restarts}
	if !now.after(last) {
		b.t.Errorf("attempt %+v of run %d of %q began after %+v", now, run.Number, id, last)
	}
	if now == (attempt{1, 0}) {
		b.began[id]++
	}
	b.attempts[id][run.Number] = now
	b.newest[id] = max(b.newest[id], run.Number)
	if run.Trigger == core.TriggerSchedule {
		at := instant{run.ScheduledAt, run.Attempt}
		if other, ok := b.instants[id][at]; ok && other != run.Number {
			b.t.Errorf("runs %d and %d of %q are for %s", other, run.Number, id, run.ScheduledAt)
		}
		b.instants[id][at] = run.Number
	}
	b.inFlight[id]++
	if limit := parallel(id); b.inFlight[id] > limit {
		b.t.Errorf("%d runs of %q at once, %d are allowed", b.inFlight[id], id, limit)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.inFlight[id]--
	}
}

// forget keeps the newest half of what is remembered.
func (b *books) forget(id string, run pawl.RunInfo) {
	attempts, instants := map[int64]attempt{}, map[instant]int64{}
	for number, last := range b.attempts[id] {
		if number > run.Number-remembered/2 {
			attempts[number] = last
		}
	}
	for at, number := range b.instants[id] {
		if number > run.Number-remembered/2 {
			instants[at] = number
		}
	}
	b.attempts[id], b.instants[id] = attempts, instants
}

// parallel is how many jobs of a flow may be at work. Those that are left behind count for
// nothing: there is one in three seconds, and each goes on for twelve.
func parallel(id string) int {
	switch id {
	case "allow, within":
		return 3
	case "group b":
		return 2
	case "queue":
		return 4
	case "deaf":
		return 9
	}
	return 1
}

func (b *books) report(id string, run int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reported[id] = max(b.reported[id], run)
}

// check holds a flow against what is known: what was reported is there, and of the runs
// that started only some at the end of a life had no job.
func (b *books) check(f pawl.FlowInfo, lives int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.LessOrEqual(b.t, b.reported[f.ID], f.LastNumber, "reported of %q", f.ID)
	if f.ID == "order" {
		return // its jobs are states
	}
	assert.LessOrEqual(b.t, b.newest[f.ID], f.LastNumber, "of %q", f.ID)
	assert.LessOrEqual(b.t, b.began[f.ID], f.RunCount, "jobs of %q that began", f.ID)
	assert.LessOrEqual(b.t, f.RunCount-b.began[f.ID], lives*int64(parallel(f.ID)), "runs of %q without a job", f.ID)
}

// checkEffects is time X4, between two lives: one effect for each run that was completed since
// the last look, and no other. Then there is none.
func (s *soak) checkEffects() {
	const runs = `SELECT flow_id || ' ' || number || ' ' || attempt FROM pawl_runs
WHERE status = 'completed' AND flow_id IN ('effect', 'queue') AND finished_at > ?`
	want := harness.Texts(s.t, s.db, runs, s.books.looked.Format(stampLayout))
	got := harness.Texts(s.t, s.db, "SELECT flow || ' ' || run || ' ' || attempt FROM effects")
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(s.t, want, got)
	s.books.effects += len(got)
	s.books.looked = time.Now().UTC()
	s.exec("DELETE FROM effects")
}

// contradictions are what no file may hold, and Verify does not look for: time W1, time W3, time K1, faults F7.
var contradictions = map[string]string{
	"instants with two runs": `SELECT count(*) FROM (SELECT 1 FROM pawl_run_log WHERE trigger = 0 GROUP BY flow, scheduled_at, attempt HAVING count(*) > 1)`,
	"instants with a run and a verdict": `SELECT count(*) FROM pawl_run_log r JOIN pawl_verdict_log v
ON v.flow = r.flow AND r.trigger = 0 AND r.scheduled_at BETWEEN v.first_at AND v.last_at AND v.verdict < 7`,
	"instants with two verdicts": `SELECT count(*) FROM pawl_verdict_log a JOIN pawl_verdict_log b
ON a.flow = b.flow AND a.key < b.key AND a.first_at <= b.last_at AND b.first_at <= a.last_at AND a.verdict < 7 AND b.verdict < 7`,
	"keys of no run":        `SELECT count(*) FROM pawl_keys k WHERE NOT EXISTS (SELECT 1 FROM pawl_run_log r WHERE r.key = k.run)`,
	"checkpoints of no run": `SELECT count(*) FROM pawl_checkpoint_log c WHERE NOT EXISTS (SELECT 1 FROM pawl_run_log r WHERE r.key = c.run)`,
	"paths with a gap":      `SELECT count(*) FROM (SELECT 1 FROM pawl_checkpoint_log GROUP BY run HAVING max(seq) <> count(*) OR min(seq) <> 1)`,
	"jobs left by no run":   `SELECT count(*) FROM pawl_leaks l WHERE NOT EXISTS (SELECT 1 FROM pawl_runs r WHERE r.flow_id = l.flow_id AND r.number = l.run_number)`,
}

// tooMany is 1 if far more runs of a busy flow are in the file than are to be kept.
const tooMany = `SELECT count(*) > 500 FROM pawl_runs WHERE flow_id = 'often'`

// checkRows looks for them between two lives.
func (s *soak) checkRows() {
	for what, query := range contradictions {
		assert.Equal(s.t, []string{"0"}, harness.Texts(s.t, s.db, query), what)
	}
	assert.Equal(s.t, []string{"0"}, harness.Texts(s.t, s.db, tooMany), "history is deleted")
}

// exec is what the app does to its table.
func (s *soak) exec(statement string) {
	db := s.app()
	defer db.Close()
	_, err := db.Exec(statement)
	require.NoError(s.t, err)
}

// watch follows the transitions.
type watch struct {
	last int64 // Seq of the last one that the tail told of
}

// observe is an observer for a life, that is told of what it is told in order.
func (w *watch) observe(t *testing.T) func(pawl.Transition) {
	last := int64(0)
	return func(c pawl.Transition) {
		if c.Seq <= last {
			t.Errorf("an observer was told of %d after %d", c.Seq, last)
		}
		last = c.Seq
	}
}

// tail follows the file as another process would, until the end of the life, from where it
// was in the last one. time V1.
func (s *soak) tail(stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-stop; cancel() }()
	for ctx.Err() == nil {
		for transition, err := range s.runner.Transitions(ctx, s.watch.last) {
			if err == nil {
				s.note(transition)
			} else if ctx.Err() == nil && !errors.Is(err, pawl.ErrStopped) {
				s.tolerate(err)
				s.rest(10 * time.Millisecond)
			}
		}
	}
}

// follow reads on up to a transition.
func (s *soak) follow(last int64) {
	for transition, err := range s.runner.Transitions(context.Background(), s.watch.last) {
		require.NoError(s.t, err)
		if s.note(transition); transition.Seq >= last {
			return
		}
	}
}

func (s *soak) note(c pawl.Transition) {
	w := &s.watch
	if c.Seq != w.last+1 {
		s.t.Errorf("the tail told of transition %d after %d", c.Seq, w.last)
	}
	w.last = c.Seq
}
