package workflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/workflow"
)

// plan is a random machine. Its states are numbered, and the exit comes after the last.
type plan struct {
	States []planned
	Cuts   map[int]string
	Stops  []int // after so many seconds each of the first processes is about to end
}

// planned is a state of it.
type planned struct {
	Kind  string // plain, steps, timer, poll, split
	N     int    // steps, seconds, questions, or branches
	Puts  []bool // which of three steps put a value
	Leads []int  // where its first visits lead; later ones to the next state
	Fails int    // so often it fails before it succeeds
	Undo  bool
	Bad   bool // it fails for good
}

func drawPlan(t *rapid.T) plan {
	p := plan{Cuts: make(map[int]string)}
	n := rapid.IntRange(1, 6).Draw(t, "states")
	for i := range n {
		p.States = append(p.States, planned{
			Kind:  rapid.SampledFrom([]string{"plain", "steps", "timer", "poll", "split"}).Draw(t, "kind"),
			N:     rapid.IntRange(1, 3).Draw(t, "n"),
			Puts:  rapid.SliceOfN(rapid.Bool(), 3, 3).Draw(t, "puts"),
			Leads: rapid.SliceOfN(rapid.IntRange(0, n), 0, 2).Draw(t, "leads"),
			Fails: rapid.IntRange(0, 2).Draw(t, "fails"),
			Undo:  rapid.Bool().Draw(t, "undo"),
			Bad:   i > 0 && rapid.IntRange(0, 5).Draw(t, "bad") == 0,
		})
	}
	for range rapid.IntRange(0, 5).Draw(t, "cuts") {
		p.Cuts[rapid.IntRange(1, 25).Draw(t, "cut")] = rapid.SampledFrom([]string{"before", "after"}).Draw(t, "side")
	}
	p.Stops = rapid.SliceOfN(rapid.IntRange(0, 20), 0, 3).Draw(t, "stops")
	return p
}

// leads is where a visit of a state leads, counted from 0.
func (p plan) leads(i, visit int) int {
	if s := p.States[i]; s.Kind != "split" && visit < len(s.Leads) {
		return s.Leads[visit]
	}
	return i + 1
}

// model is what is to be in the journal in the end, what was undone, and whether the run
// succeeds.
func (p plan) model() (path, undone []string, ok bool) {
	visits := make([]int, len(p.States))
	add := func(kind string, i int) { path = append(path, fmt.Sprintf("%s %d", kind, i)) }
	for i := 0; ; i = p.leads(i, visits[i]-1) {
		add("enter", i)
		if i == len(p.States) {
			return path, nil, true
		}
		s := p.States[i]
		switch s.Kind {
		case "steps":
			for n := range s.N {
				if n == 0 || s.Puts[n-1] { // else it takes the place of the one before
					add("step", i)
				}
			}
		case "timer":
			add("timer", i)
		}
		if s.Bad {
			return p.back(path, i, undone), undone, false
		}
		if s.Undo {
			visit := visits[i]
			if s.Kind == "split" {
				visit = 0 // its branches hand over nothing
			}
			undone = slices.Insert(undone, 0, fmt.Sprintf("undo %d of visit %d", i, visit))
		}
		visits[i]++
	}
}

// back adds to a path what follows the failure of a state.
func (p plan) back(path []string, bad int, undone []string) []string {
	if len(undone) > 0 {
		path = append(path, fmt.Sprintf("failed %d", bad))
	}
	for _, u := range undone {
		path = append(path, u[:len("undo 0")])
	}
	return path
}

// world is a plan at work.
type world struct {
	plan
	j      *journal
	failed map[string]int // by state and visit
	asked  int
	faults ledger // what should not have been
	undos  []string
}

func (w *world) machine() *workflow.Workflow[int] {
	m := workflow.New[int]()
	for i, s := range w.States {
		opts := []workflow.StateOption{workflow.WithRetry(2, workflow.Fixed(time.Second))}
		if s.Undo {
			opts = append(opts, w.undo(i))
		}
		if s.Kind == "split" {
			branches := make([]workflow.Branch, s.N)
			for b := range branches {
				branches[b] = func(ctx context.Context, _ *resources) error {
					if b > 0 {
						return works(ctx, time.Second)
					}
					return w.finish(ctx, i)
				}
			}
			m.RegisterSplit(i, branches, workflow.All(i+1), opts...)
			continue
		}
		m.Register(i, w.task(i, s), opts...)
	}
	m.Exit(len(w.States))
	return m
}

// task leads on when what its kind calls for is done.
func (w *world) task(i int, s planned) workflow.Task[int] {
	return func(ctx context.Context, res *resources) (int, error) {
		w.claim(i)
		visit, _, _ := workflow.Value[int](ctx, fmt.Sprint("visits", i))
		next := w.leads(i, visit)
		switch s.Kind {
		case "steps":
			return workflow.Steps(next, func(ctx context.Context, _ *resources, n int) (int, bool, error) {
				if want := w.steps(); n != want {
					w.faults.add("state %d: step %d in place of %d", i, n, want)
				}
				err := w.put(ctx, fmt.Sprintf("steps of visit %d of %d", visit, i), s.Puts, n)
				if n == s.N {
					return 0, true, errors.Join(err, w.finish(ctx, i))
				}
				return n + 1, false, errors.Join(err, works(ctx, time.Second))
			})(ctx, res)
		case "timer":
			next, err := workflow.After(next, time.Duration(s.N)*time.Second)(ctx, res)
			if err == nil {
				err = w.finish(ctx, i)
			}
			return next, err
		case "poll":
			return workflow.Poll(next, workflow.Fixed(time.Second), func(ctx context.Context, _ *resources) (bool, error) {
				if w.asked++; w.asked%s.N != 0 {
					return false, nil
				}
				return true, w.finish(ctx, i)
			})(ctx, res)
		}
		return next, w.finish(ctx, i)
	}
}

// finish is the end of a visit: it fails as often as the plan says, and counts.
func (w *world) finish(ctx context.Context, i int) error {
	w.claim(i)
	s, key := w.States[i], fmt.Sprint("visits", i)
	visit, _, err := workflow.Value[int](ctx, key)
	if err == nil {
		err = workflow.Put(ctx, key, visit+1)
	}
	if s.Kind != "split" {
		err = errors.Join(err, workflow.SetUndo(ctx, visit))
	}
	id := fmt.Sprint(i, " ", visit)
	switch w.failed[id]++; {
	case s.Bad:
		return workflow.Permanent(errBoom)
	case w.failed[id] <= s.Fails:
		return errBoom
	}
	return err
}

// claim notes a task that runs although its state was left, or the run goes back.
func (w *world) claim(i int) {
	if c, _ := w.j.last(workflow.KindEnter); c.State != fmt.Sprint(i) {
		w.faults.add("state %d runs in state %s", i, c.State)
	}
	if w.j.count(workflow.KindFailed) > 0 {
		w.faults.add("state %d runs while the run goes back", i)
	}
}

// put is what a step puts, who finds what those before it put.
func (w *world) put(ctx context.Context, key string, puts []bool, n int) error {
	var want []int
	for before := range n {
		if puts[before] {
			want = append(want, before)
		}
	}
	got, _, err := workflow.Value[[]int](ctx, key)
	if !slices.Equal(want, got) {
		w.faults.add("%s: step %d finds %v in place of %v", key, n, got, want)
	}
	if n < len(puts) && puts[n] {
		err = errors.Join(err, workflow.Put(ctx, key, append(got, n)))
	}
	return err
}

// steps is how many steps of the current visit are recorded.
func (w *world) steps() int {
	var p struct{ Cursor int }
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	if c := w.j.cs[len(w.j.cs)-1]; c.Kind == workflow.KindStep {
		_ = json.Unmarshal(c.Payload, &p)
	}
	return p.Cursor
}

// undo notes what is undone, once for each time that it is recorded.
func (w *world) undo(i int) workflow.StateOption {
	return workflow.WithUndo(func(_ context.Context, _ *resources, visit int) error {
		w.undos = append(w.undos[:w.j.count(workflow.KindUndo)], fmt.Sprintf("undo %d of visit %d", i, visit))
		return nil
	})
}

// play has processes one after the other until the run is over.
func (w *world) play(t *testing.T) (err error) {
	for n := range 100 {
		if n < len(w.Stops) {
			suspending := w.j.suspending
			stop := time.AfterFunc(time.Duration(w.Stops[n])*time.Second, func() { close(suspending) })
			_, err = w.machine().Run(w.j.in(t.Context()), 0)
			stop.Stop()
		} else {
			_, err = w.machine().Run(w.j.in(t.Context()), 0)
		}
		if !errors.Is(err, errCrash) && !errors.Is(err, errSuspend) {
			return err
		}
		w.j.reborn()
	}
	return errors.New("100 processes did not finish the run")
}

// workflow F7, workflow F9, workflow F10, workflow F11: random machines with cycles, failures, crashes and orderly ends of the
// process leave the journal of a model that knows of none.
func TestRandomMachinesSurviveRandomCrashes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		want, undone, ok := p.model()
		w := &world{plan: p, failed: make(map[string]int)}
		var err error
		synctest.Test(t, func(t *testing.T) {
			w.j = newJournal()
			w.j.cuts = p.Cuts
			err = w.play(t)
		})
		require.Equal(rt, want, w.j.path())
		require.Equal(rt, ok, err == nil, "error: %v", err)
		if !ok {
			require.ErrorContains(rt, err, "boom")
		}
		require.Empty(rt, w.faults.lines)
		require.Equal(rt, undone, w.undos)
	})
}
