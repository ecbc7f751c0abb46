package model_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/workflow"
)

// machinePlan is a workflow whose states take their time, one after the other.
type machinePlan struct {
	States []machineState
	Fails  int // the state that fails in the end; -1: none
}

type machineState struct {
	Takes time.Duration
	Undo  bool
	Timer bool // it only waits: for longer than a few seconds the run is parked
}

// waits says whether a state is a timer. One that is to fail is none.
func (p machinePlan) waits(state int) bool { return p.States[state].Timer && state != p.Fails }

// undoTakes is how long an undo takes.
const undoTakes = 7 * time.Second

// machineAct is what happens to a process after a while, and for how long nobody runs
// then.
type machineAct struct {
	Wait time.Duration
	What string // crash, stop, cancel
	Down time.Duration
}

// machineEntry is the beginning of a task, or of an undo.
type machineEntry struct {
	what string // such as "2", or "undo 2"
	at   time.Duration
}

// machinePlay is a plan at work.
type machinePlay struct {
	plan  machinePlan
	began time.Time

	mu   sync.Mutex
	log  []machineEntry
	life int            // tasks of another one are dead, and write nothing
	dead []*atomic.Bool // by life
}

func (p *machinePlay) note(life int, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if life == p.life {
		p.log = append(p.log, machineEntry{what, time.Since(p.began)})
	}
}

func (p *machinePlay) scheduler(db string, life int) *pawl.Scheduler {
	takes := func(ctx context.Context, d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w := workflow.New[int]()
	for i, state := range p.plan.States {
		var opts []workflow.StateOption
		if state.Undo {
			opts = append(opts, workflow.WithUndo(func(ctx context.Context, _ *workflow.Resources, _ any) error {
				p.note(life, fmt.Sprint("undo ", i))
				return takes(ctx, undoTakes)
			}))
		}
		if p.plan.waits(i) {
			w.Register(i, workflow.After(i+1, state.Takes), opts...)
			continue
		}
		w.Register(i, func(ctx context.Context, _ *workflow.Resources) (int, error) {
			p.note(life, fmt.Sprint(i))
			if err := takes(ctx, state.Takes); err != nil {
				return i, err
			}
			if i == p.plan.Fails {
				return i, workflow.Permanent(errors.New("no luck"))
			}
			return i + 1, nil
		}, opts...)
	}
	w.Exit(len(p.plan.States))
	s := harness.Quiet(db, pawl.WithStopTimeout(time.Minute), harness.WithStore(p.mortal(life)))
	_ = s.Manual("machine", w.Job(0))
	return s
}

// mortal is the store of a life, which ends with it.
func (p *machinePlay) mortal(life int) func(engine.Store) engine.Store {
	return func(real engine.Store) engine.Store { return &harness.Mortal{Store: real, Dead: p.dead[life]} }
}

// next begins another life.
func (p *machinePlay) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = append(p.dead, new(atomic.Bool))
	p.life = len(p.dead) - 1
	return p.life
}

// machineModel says what a run does.
type machineModel struct {
	plan    machinePlan
	want    []machineEntry
	at      time.Duration // when its task, or undo, begins or began
	began   bool          // it did
	pos     int           // the state that was entered last
	resumed time.Duration // when the process started
	undos   []int         // that are to be done, when it goes back
	back    bool
	stalled bool   // the process died since it last got any further
	over    string // empty: it is not
}

// item is what it is to do, and how long that takes.
func (m *machineModel) item() (what string, takes time.Duration) {
	if m.back {
		return fmt.Sprint("undo ", m.undos[len(m.undos)-1]), undoTakes
	}
	return fmt.Sprint(m.pos), m.plan.States[m.pos].Takes
}

// until lets time pass.
func (m *machineModel) until(end time.Duration) {
	for m.over == "" {
		what, takes := m.item()
		if !m.began && !m.waits() {
			m.want = append(m.want, machineEntry{what, m.at})
		}
		m.began = true
		if m.at+takes > end {
			return
		}
		m.finish()
	}
}

// finish is the end of what it does.
func (m *machineModel) finish() {
	_, takes := m.item()
	m.at, m.began, m.stalled = max(m.at+takes, m.resumed), false, false // a timer may have ended while nobody ran
	switch {
	case m.back:
		m.undos = m.undos[:len(m.undos)-1]
	case m.pos == m.plan.Fails:
		m.fail()
	default:
		m.pos++
	}
	switch {
	case m.back && len(m.undos) == 0:
		m.over = "failed"
	case m.pos == len(m.plan.States):
		m.over = "completed"
	}
}

// fail finds what is to be undone.
func (m *machineModel) fail() {
	m.back, m.stalled = true, false
	for i := range m.pos {
		if m.plan.States[i].Undo {
			m.undos = append(m.undos, i)
		}
	}
	if len(m.undos) == 0 {
		m.over = "failed"
	}
}

// cancel ends the task at work; an undo goes on.
func (m *machineModel) cancel(at time.Duration) {
	if !m.back {
		m.at, m.began = at, false
		m.fail()
	}
}

// waits says whether it is in a timer, which goes on whatever becomes of the process.
func (m *machineModel) waits() bool { return m.over == "" && !m.back && m.plan.waits(m.pos) }

// start begins again what the last process was at.
func (m *machineModel) start(at time.Duration) {
	m.resumed = at
	if !m.waits() || !m.began {
		m.at, m.began = at, false
	}
}

// A workflow in a scheduler does what a model of a few lines says, to the millisecond,
// whatever its states and whenever its process crashes or stops, or it is cancelled. workflow F5,
// workflow F7, workflow F11, time X2. A timer goes on whatever happens, and a stop does not wait for it: found Q7.
func TestWorkflowsDoWhatTheModelSays(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		plan := machinePlan{Fails: rapid.IntRange(-3, 5).Draw(rt, "fails")}
		plan.States = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) machineState {
			takes := time.Duration(rapid.IntRange(1, 9).Draw(rt, "takes")) * time.Second
			return machineState{takes, rapid.IntRange(0, 3).Draw(rt, "undo") > 0, rapid.IntRange(0, 2).Draw(rt, "timer") == 0}
		}), 1, 6).Draw(rt, "states")
		acts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) machineAct {
			// Fractions of a second, of which no sum is whole: nothing happens at the same time as something else.
			return machineAct{
				time.Duration(rapid.IntRange(0, 12).Draw(rt, "wait"))*time.Second + time.Second/64,
				rapid.SampledFrom([]string{"crash", "stop", "crash", "stop", "cancel"}).Draw(rt, "what"),
				time.Duration(rapid.IntRange(1, 100).Draw(rt, "down"))*time.Second + time.Second/8,
			}
		}), 0, 6).Draw(rt, "acts")
		var err error
		synctest.Test(t, func(t *testing.T) {
			err = playMachine(t, filepath.Join(dir, fmt.Sprint(n, ".db")), plan, acts)
		})
		require.NoError(rt, err)
	})
}

// playMachine does all of it, and says what differs from the model.
func playMachine(t *testing.T, db string, plan machinePlan, acts []machineAct) error {
	p, m := &machinePlay{plan: plan, began: time.Now()}, &machineModel{plan: plan}
	r := harness.Start(t, p.scheduler(db, p.next()))
	if _, err := r.Trigger(t.Context(), "machine"); err != nil {
		return err
	}
	cancelled := false
	for _, act := range acts {
		time.Sleep(act.Wait)
		now := time.Since(p.began)
		if m.until(now); m.over != "" {
			break
		}
		if act.What == "crash" && m.stalled {
			act.What = "stop" // or it would wait, for some time that the database decides on
		}
		switch act.What {
		case "cancel":
			cancelled = true
			m.cancel(now)
			if err := r.Cancel(t.Context(), "machine", 1); err != nil {
				return err
			}
			continue
		case "crash":
			p.dead[p.life].Store(true)
			life := p.next()
			_ = r.Stop(context.Background())
			time.Sleep(act.Down)
			m.stalled = !m.waits()
			m.start(time.Since(p.began))
			r = harness.Start(t, p.scheduler(db, life))
		case "stop":
			want := now
			if !m.waits() {
				m.finish()
				want = m.at
			}
			if err := r.Stop(t.Context()); err != nil {
				return err
			}
			if took := time.Since(p.began); (took - want).Abs() > time.Millisecond {
				return fmt.Errorf("the stop was over at %s, not at %s", took, want)
			}
			time.Sleep(act.Down)
			m.start(time.Since(p.began))
			r = harness.Start(t, p.scheduler(db, p.next()))
		}
	}
	m.until(1 << 62)
	if cancelled && m.over == "failed" {
		m.over = "cancelled"
	}
	info, err := r.WaitRun(t.Context(), "machine", 1)
	if err != nil {
		return err
	}
	harness.Stop(t, r, db)
	return p.compare(m, info)
}

func (p *machinePlay) compare(m *machineModel, info pawl.RunInfo) error {
	got, want := course(p.log), course(m.want)
	same := func(a, b machineEntry) bool { return a.what == b.what && (a.at-b.at).Abs() <= time.Millisecond } // which the store keeps
	if !slices.EqualFunc(p.log, m.want, same) || string(info.Status) != m.over {
		return fmt.Errorf("it did %s, and is %s (%s); wanted %s, and %s", got, info.Status, info.Error, want, m.over)
	}
	return nil
}

func course(log []machineEntry) string {
	var words []string
	for _, e := range log {
		words = append(words, fmt.Sprintf("%s at %s", e.what, e.at))
	}
	return strings.Join(words, ", ")
}
