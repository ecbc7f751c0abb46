//go:build unix

package torture_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/store"
	"github.com/pawl-go/pawl/workflow"
)

// tenPath is the way of a run through the machine of ten states.
var tenPath = []string{"reserve", "charge", "check", "import", "settle", "pack", "notify", "ship", "audit", "close", "done"}

// tenSteps is how many steps the import has.
const tenSteps = 5

// tenStates is a workflow with splits, steps, a timer and compensation, that looks for
// what a crash could take from it. Every second run fails at its end, and goes all the
// way back.
func (w *world) tenStates() *workflow.Workflow[string] {
	m := workflow.New[string](workflow.Version(3))
	state := func(name string, opts ...workflow.StateOption) {
		next := tenPath[slices.Index(tenPath, name)+1]
		m.Register(name, func(ctx context.Context, _ *workflow.Resources) (string, error) {
			return next, w.enter(ctx, name)
		}, opts...)
	}
	branch := func(name string) workflow.Branch {
		return func(ctx context.Context, _ *workflow.Resources) error { return workflow.Put(ctx, name, name) }
	}
	state("reserve", w.undoes("reserve"))
	state("charge", w.undoes("charge"))
	m.RegisterSplit("check", []workflow.Branch{branch("check"), branch("fraud"), branch("stock")}, workflow.All("import"))
	m.Register("import", workflow.Steps("settle", func(ctx context.Context, _ *workflow.Resources, cursor int) (int, bool, error) {
		w.tell(line{What: "step", Run: numberOf(ctx), Count: int64(cursor)})
		if cursor > 0 { // the cursor alone takes the place of the one before
			return cursor + 1, cursor == tenSteps-1, nil
		}
		return 1, false, workflow.Put(ctx, "import", "import")
	}), w.undoes("import"))
	m.Register("settle", workflow.Timer("pack", func(ctx context.Context, _ *workflow.Resources) (time.Time, error) {
		return time.Now().Add(3 * time.Millisecond), workflow.Put(ctx, "settle", "settle")
	}))
	state("pack", w.undoes("pack"))
	m.RegisterSplit("notify", []workflow.Branch{branch("notify"), branch("notify")}, workflow.Quorum(2, "ship"))
	state("ship")
	state("audit", w.undoes("audit"))
	m.Register("close", func(ctx context.Context, _ *workflow.Resources) (string, error) {
		if err := w.enter(ctx, "close"); err != nil || numberOf(ctx)%2 == 1 {
			return "done", err
		}
		return "done", workflow.Permanent(errors.New("no luck at the end"))
	})
	m.Exit("done")
	return m
}

func numberOf(ctx context.Context) int64 {
	run, _ := pawl.RunFrom(ctx)
	return run.Number
}

// enter says that the task of a state begins, and finds what all before it have put.
func (w *world) enter(ctx context.Context, name string) error {
	w.tell(line{What: "state", Run: numberOf(ctx), Event: name})
	for _, before := range tenPath[:slices.Index(tenPath, name)] {
		v, ok, err := workflow.Value[string](ctx, before)
		if err != nil || !ok || v != before {
			w.tell(line{What: "lost", Run: numberOf(ctx), Event: before})
		}
	}
	return errors.Join(workflow.Put(ctx, name, name), workflow.SetUndo(ctx, "of "+name))
}

// undoes says that the undo of a state begins, and whether it got what it needs.
func (w *world) undoes(name string) workflow.StateOption {
	return workflow.WithUndo(func(ctx context.Context, _ *workflow.Resources, output string) error {
		w.tell(line{What: "undo", Run: numberOf(ctx), Event: name})
		if output != "of "+name && name != "import" {
			w.tell(line{What: "lost", Run: numberOf(ctx), Event: output})
		}
		return nil
	})
}

// machine finishes the run that is there, or one that it asks for, and ends by itself.
func (w *world) machine() error {
	if err := w.start(pawl.WithStopTimeout(time.Hour)); err != nil {
		return err
	}
	ctx := context.Background()
	run := int64(0)
	if info, _ := w.runner.Status("order"); info.InFlight+info.Waiting > 0 {
		run = info.LastNumber
	} else {
		var err error
		if run, err = w.runner.Trigger(ctx, "order"); err != nil {
			return err
		}
	}
	info, err := w.runner.WaitRun(ctx, "order", run)
	if err != nil {
		return err
	}
	w.tell(line{What: "over", Run: run, Info: &info})
	return w.runner.Stop(ctx)
}

func newMachine(t *testing.T) *campaign {
	c := newCampaign(t, []crashFlow{{ID: "order", Job: "machine"}})
	c.unmodelled = true
	return c
}

// life is one start of the machine: what its jobs did is held against what was recorded
// before. workflow F7, workflow F9, workflow F10, workflow F11.
func (c *campaign) life(kill string) (killed bool) {
	c.t.Helper()
	before := c.paths()
	killed = c.child(child{Script: "machine", Kill: kill}, nil)
	after := c.paths()
	for run, path := range before {
		if after[run] == nil { // it is old, and not read again
			continue
		}
		for i, step := range path {
			replaced := strings.HasPrefix(step, "step ") && strings.HasPrefix(after[run][i], "step ")
			require.True(c.t, replaced || step == after[run][i], "%s: recorded is recorded: %v, then %v", kill, path, after[run])
		}
	}
	for _, l := range c.lines {
		path := before[l.Run]
		switch l.What {
		case "lost":
			require.Fail(c.t, "lost", "%s: run %d misses %q", kill, l.Run, l.Event)
		case "state":
			next := tenPath[slices.Index(tenPath, l.Event)+1]
			require.NotContains(c.t, path, "enter "+next, "%s: %s runs again", kill, l.Event)
		case "step":
			require.NotContains(c.t, path, fmt.Sprintf("step import %d", l.Count+1), "%s: a step runs again", kill)
		case "undo":
			require.NotContains(c.t, path, "undo "+l.Event, "%s: is undone again", kill)
		case "over":
			c.requireEnd(l.Info, after[l.Run])
		}
	}
	return killed
}

// requireEnd looks at the whole path of a run that is over.
func (c *campaign) requireEnd(info *pawl.RunInfo, path []string) {
	c.t.Helper()
	path = slices.DeleteFunc(slices.Clone(path), func(s string) bool {
		return strings.HasPrefix(s, "interrupt") || strings.HasPrefix(s, "step")
	})
	var want []string
	for _, state := range tenPath {
		want = append(want, "enter "+state)
		if state == "settle" {
			want = append(want, "timer settle")
		}
	}
	status := pawl.RunCompleted
	if info.Number%2 == 0 {
		status = pawl.RunFailed
		want = append(want[:len(want)-1], "failed close", "undo audit", "undo pack", "undo import", "undo charge", "undo reserve")
		require.Contains(c.t, info.Error, "no luck at the end")
	}
	require.Equal(c.t, want, path)
	require.Equal(c.t, status, info.Status)
	require.Equal(c.t, 1, info.Attempt)
}

// paths are the checkpoints of all runs, as words; a step with its cursor.
func (c *campaign) paths() map[int64][]string {
	c.t.Helper()
	paths := map[int64][]string{}
	if c.starts == 0 {
		return paths
	}
	s, err := store.Open(c.t.Context(), c.path, store.Options{Owner: store.Self(time.Now())})
	require.NoError(c.t, err)
	defer s.Close()
	violations, err := s.Verify(c.t.Context())
	require.NoError(c.t, err)
	require.Empty(c.t, violations)
	require.NoError(c.t, harness.CheckAttempts(c.path, s.Reader))
	runs, err := s.Runs(c.t.Context(), pawl.RunsQuery{Flow: "order", Limit: 3})
	require.NoError(c.t, err)
	for _, run := range runs {
		list, _, err := s.CheckpointsOf(c.t.Context(), "order", run.Number)
		require.NoError(c.t, err)
		paths[run.Number] = []string{}
		for _, p := range list {
			word := p.Kind + " " + p.State
			if _, rest, ok := strings.Cut(string(p.Payload), `"cursor":`); ok && p.Kind == workflow.KindStep {
				word += " " + strings.TrimRight(rest, "}")
			}
			paths[run.Number] = append(paths[run.Number], word)
		}
	}
	return paths
}

// A workflow of ten states with splits, steps, a timer and compensation, killed before
// and after each of its commits: no state whose successor was recorded runs again, what
// was put is there, undos are recorded once each and in order, and a timer that was
// recorded is not asked for again. workflow F7, workflow F9, workflow F10, workflow F11; faults I1 to faults I5.
func TestWorkflowKilledAtEveryCommit(t *testing.T) {
	t.Parallel()
	c := newMachine(t)
	kills := 0
	for n, alive := 1, 0; alive < 2; n++ { // until a run that goes back, too, passes
		alive = 0
		for _, where := range []string{"before ", "after "} {
			for range 2 { // one run that succeeds, one that goes back
				if c.life(where + strconv.Itoa(n)) {
					kills++
					require.False(t, c.life(""))
				} else {
					alive++
				}
			}
		}
	}
	require.Greater(t, kills, 60)
	t.Logf("%d kills", kills)
}

// The same at random moments, one crash after the other in the same run. PAWL_SEED
// repeats them.
func TestWorkflowKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	kills, seed := howMany(t)/2, setting(t, "PAWL_SEED", time.Now().UnixNano())
	t.Logf("PAWL_SEED=%d", seed)
	moments := rand.New(rand.NewPCG(uint64(seed), 1<<61))
	c := newMachine(t)
	for killed := int64(0); killed < kills; {
		// A life comes to a checkpoint of its own, or the run would be given up.
		if c.life(fmt.Sprintf("during %d %s", 4+moments.IntN(9), time.Duration(moments.Int64N(int64(2*time.Millisecond))))) {
			killed++
		}
	}
	require.False(t, c.life(""))
}
