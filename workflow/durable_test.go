package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/workflow"
)

// travelogue keeps what happened, in order, from any goroutine.
type travelogue struct {
	mu    sync.Mutex
	lines []string
}

func (d *travelogue) write(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, text)
}

func (d *travelogue) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.lines...)
}

// booking is a workflow of three states with undos that take longer than the grace of
// other jobs, whose last one waits for an hour.
func booking(d *travelogue, dead <-chan struct{}) *workflow.Workflow[string] {
	w := workflow.New[string]()
	do := func(name, next string) workflow.Task[string] {
		return func(ctx context.Context, _ *workflow.Resources) (string, error) {
			d.write(name)
			return next, workflow.SetUndo(ctx, name)
		}
	}
	undo := workflow.WithUndo(func(ctx context.Context, _ *workflow.Resources, name string) error {
		d.write("undo " + name)
		select {
		case <-time.After(20 * time.Second):
			d.write("undone " + name)
		case <-dead:
		case <-ctx.Done():
		}
		return ctx.Err()
	})
	w.Register("flight", do("flight", "hotel"), undo)
	w.Register("hotel", do("hotel", "visa"), undo)
	w.Register("visa", workflow.After("booked", time.Hour))
	w.Exit("booked")
	return w
}

// A run that is cancelled has what it did undone, however long that takes, and over a
// stop or a crash: then it is cancelled. workflow F11, time X2.
func TestCancelledWorkflowUndoesWhatItDid(t *testing.T) {
	all := []string{"flight", "hotel", "undo hotel", "undone hotel", "undo flight", "undone flight"}
	again := []string{"flight", "hotel", "undo hotel", "undo hotel", "undone hotel", "undo flight", "undone flight"}
	for _, c := range []struct {
		name string
		want []string
		do   func(t *testing.T, p harness.Process, kill, next func() harness.Process) harness.Process
	}{
		{"at work", all, func(t *testing.T, p harness.Process, _, _ func() harness.Process) harness.Process {
			require.NoError(t, p.Cancel(t.Context(), "trip", 1))
			return p
		}},
		{"killed before it began", all, func(t *testing.T, p harness.Process, kill, _ func() harness.Process) harness.Process {
			require.NoError(t, p.Cancel(t.Context(), "trip", 1))
			return kill()
		}},
		{"killed in an undo", again, func(t *testing.T, p harness.Process, kill, _ func() harness.Process) harness.Process {
			require.NoError(t, p.Cancel(t.Context(), "trip", 1))
			time.Sleep(10 * time.Second)
			return kill()
		}},
		{"while it waits for the next process", all, func(t *testing.T, p harness.Process, _, next func() harness.Process) harness.Process {
			require.NoError(t, p.Stop(t.Context()))
			c := harness.OpenClient(t, p.DB)
			queueing := c.Queueing()
			assert.ErrorIs(t, queueing.Cancel(t.Context(), "trip", 1), pawl.ErrQueued)
			require.NoError(t, c.Close())
			return next()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				d := &travelogue{}
				var dead chan struct{}
				next := func() harness.Process {
					dead = make(chan struct{})
					return harness.Launch(t, db, func(s *pawl.Scheduler) {
						require.NoError(t, s.Manual("trip", booking(d, dead).Job("flight")))
					}, pawl.WithStopTimeout(time.Minute))
				}
				p := next()
				kill := func() harness.Process {
					p.Dead.Store(true)
					close(dead) // a goroutine does not die otherwise
					p.Kill()
					return next()
				}
				_, err := p.Trigger(t.Context(), "trip")
				require.NoError(t, err)
				time.Sleep(time.Minute)
				p = c.do(t, p, kill, next)
				info, err := p.WaitRun(t.Context(), "trip", 1)
				require.NoError(t, err)
				assert.Equal(t, pawl.RunCancelled, info.Status)
				assert.Equal(t, c.want, d.read())
				assert.Zero(t, harness.Status(t, p.Runner, "trip").FailureStreak)
				list, err := p.Checkpoints(t.Context(), "trip", 1)
				require.NoError(t, err)
				assert.Equal(t, []string{"undo hotel", "undo flight"}, harness.StatesOf(list[len(list)-2:]))
				harness.Stop(t, p.Runner, db)
			})
		})
	}
}

// A misconfigured workflow, or one that is to begin in a state that it does not have, is
// refused by Start before any resource is set up. workflow F2.
func TestMisconfiguredWorkflowIsRefusedByStart(t *testing.T) {
	good := func() *workflow.Workflow[int] {
		w := workflow.New[int]()
		w.Register(1, func(context.Context, *workflow.Resources) (int, error) { return 2, nil })
		w.Exit(2)
		return w
	}
	noExit := workflow.New[int]()
	noExit.Register(1, func(context.Context, *workflow.Resources) (int, error) { return 2, nil })
	for want, job := range map[string]pawl.Job{
		"exit":  noExit.Job(1),
		"state": workflow.New[int]().Job(1),
		"7":     good().Job(7),
	} {
		harness.Bubble(t, func(t *testing.T, db string) {
			s := harness.Quiet(db)
			resource := &counted{}
			s.AddResource(resource)
			require.NoError(t, s.Manual("machine", job))
			_, err := s.Start(t.Context())
			require.ErrorIs(t, err, workflow.ErrInvalid)
			assert.ErrorContains(t, err, `flow "machine"`)
			assert.ErrorContains(t, err, want)
			assert.Zero(t, resource.setups)
			assert.NoFileExists(t, db)
		})
	}
}

// counted is a resource that counts.
type counted struct{ setups, teardowns int }

func (c *counted) Setup(context.Context) error    { c.setups++; return nil }
func (c *counted) Teardown(context.Context) error { c.teardowns++; return nil }

// Workflows of different states and plain jobs run in one scheduler; all of them are
// killed, and each goes on where it was. Their resources are set up once per process and
// torn down in the end. workflow F1, workflow F6, workflow F7.
func TestWorkflowsOfDifferentStatesShareAScheduler(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		type color int
		type stage struct{ Name string }
		d, pool := &travelogue{}, &counted{}
		hour := func(ctx context.Context) error {
			select {
			case <-time.After(time.Hour):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		register := func(s *pawl.Scheduler) {
			words := workflow.New[string]()
			words.Provide("pool", pool)
			words.Register("first", func(context.Context, *workflow.Resources) (string, error) { d.write("words"); return "second", nil })
			words.Register("second", func(ctx context.Context, res *workflow.Resources) (string, error) {
				if _, err := workflow.Get[*counted](res, "pool"); err != nil {
					return "", err
				}
				return "end", hour(ctx)
			})
			words.Exit("end")
			colors := workflow.New[color]()
			colors.Register(0, func(context.Context, *workflow.Resources) (color, error) { d.write("colors"); return 1, nil })
			colors.Register(1, func(ctx context.Context, _ *workflow.Resources) (color, error) { return 2, hour(ctx) })
			colors.Exit(2)
			stages := workflow.New[stage]()
			stages.Register(stage{"a"}, func(context.Context, *workflow.Resources) (stage, error) { d.write("stages"); return stage{"b"}, nil })
			stages.Register(stage{"b"}, func(ctx context.Context, _ *workflow.Resources) (stage, error) { return stage{"c"}, hour(ctx) })
			stages.Exit(stage{"c"})
			require.NoError(t, errors.Join(
				s.Manual("words", words.Job("first")), s.Manual("colors", colors.Job(0)), s.Manual("stages", stages.Job(stage{"a"})),
				s.Manual("plain", harness.Job(hour)),
			))
		}
		ids := []string{"words", "colors", "stages", "plain"}
		p := harness.Launch(t, db, register)
		for _, id := range ids {
			_, err := p.Trigger(t.Context(), id)
			require.NoError(t, err)
		}
		time.Sleep(time.Minute)
		p.Kill()
		p = harness.Launch(t, db, register)
		for _, id := range ids[:3] {
			info, err := p.WaitRun(t.Context(), id, 1)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunCompleted, info.Status, id)
		}
		assert.Equal(t, pawl.RunInterrupted, harness.RunOf(t, p.Runner, "plain", 1).Status)
		assert.ElementsMatch(t, []string{"words", "colors", "stages"}, d.read(), "what was left is not done again")
		harness.Stop(t, p.Runner, db)
		assert.Equal(t, counted{2, 2}, *pool)
	})
}

// A crash at minute 29 of a wait of 30 waits for one minute, not for 30. workflow F10.
func TestTimerIsNotProlongedByACrash(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		began := time.Now()
		register := func(s *pawl.Scheduler) {
			w := workflow.New[string]()
			w.Register("wait", workflow.After("end", 30*time.Minute))
			w.Exit("end")
			require.NoError(t, s.Manual("slow", w.Job("wait")))
		}
		p := harness.Launch(t, db, register)
		_, err := p.Trigger(t.Context(), "slow")
		require.NoError(t, err)
		time.Sleep(29 * time.Minute)
		p.Kill()
		p = harness.Launch(t, db, register)
		info, err := p.WaitRun(t.Context(), "slow", 1)
		require.NoError(t, err)
		assert.Equal(t, began.Add(30*time.Minute).UTC(), info.FinishedAt)
		harness.Stop(t, p.Runner, db)
	})
}

// A run that was recorded under another version is blocked and names both; it uses up no
// attempt. workflow F8 as found Q6 has it.
func TestRunOfAnotherVersionIsBlocked(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(version int) func(*pawl.Scheduler) {
			return func(s *pawl.Scheduler) {
				w := workflow.New[string](workflow.Version(version))
				w.Register("wait", workflow.After("end", time.Hour))
				w.Exit("end")
				require.NoError(t, s.Manual("slow", w.Job("wait"), pawl.WithRetry(5, pawl.DefaultBackoff())))
			}
		}
		p := harness.Launch(t, db, register(3))
		_, err := p.Trigger(t.Context(), "slow")
		require.NoError(t, err)
		synctest.Wait()
		p.Kill()
		p = harness.Launch(t, db, register(4))
		time.Sleep(2 * time.Hour)
		info := harness.RunOf(t, p.Runner, "slow", 1)
		assert.Equal(t, pawl.RunBlocked, info.Status)
		assert.Equal(t, 1, info.Attempt)
		for _, version := range []int{3, 4} {
			assert.Contains(t, info.Error, fmt.Sprint("version ", version))
		}
		harness.Stop(t, p.Runner, db)
	})
}

// A further attempt of a run goes on in the state that failed; one of a run that was
// undone begins anew. workflow F7, workflow F11, time Q4.
func TestFurtherAttemptGoesOnOrBeginsAnew(t *testing.T) {
	for undone, want := range map[bool][]string{
		false: {"first", "second", "second"},
		true:  {"first", "second", "undo", "first", "second"},
	} {
		harness.Bubble(t, func(t *testing.T, db string) {
			d := &travelogue{}
			w := workflow.New[string]()
			var undo []workflow.StateOption
			if undone {
				undo = append(undo, workflow.WithUndo(func(context.Context, *workflow.Resources, any) error { d.write("undo"); return nil }))
			}
			w.Register("first", func(context.Context, *workflow.Resources) (string, error) { d.write("first"); return "second", nil }, undo...)
			w.Register("second", func(ctx context.Context, _ *workflow.Resources) (string, error) {
				d.write("second")
				if run, _ := pawl.RunFrom(ctx); run.Attempt == 1 {
					return "", errors.New("no luck")
				}
				return "end", nil
			}, workflow.WithoutRetry())
			w.Exit("end")
			r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) {
				require.NoError(t, s.Manual("order", w.Job("first"), pawl.WithRetry(1, pawl.DefaultBackoff())))
			}))
			run, err := r.Trigger(t.Context(), "order")
			require.NoError(t, err)
			info, err := r.WaitRun(t.Context(), "order", run)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunCompleted, info.Status, info.Error)
			assert.Equal(t, 2, info.Attempt)
			assert.Equal(t, want, d.read())
			way := []string{"first", "second", "end"}
			if undone {
				way = []string{"first", "second", "", "first", "second", "end"}
			}
			drawn, err := r.Diagram(t.Context(), "order", run)
			require.NoError(t, err)
			assert.Equal(t, w.Job("first").Mermaid(way...), drawn)
			harness.Stop(t, r, db)
		})
	}
}

// An error that is permanent to the scheduler is so to a workflow within, and the other
// way round. workflow F4, time Q4.
func TestPermanentIsPermanentOnBothSides(t *testing.T) {
	for _, permanent := range []func(error) error{pawl.Permanent, workflow.Permanent} {
		harness.Bubble(t, func(t *testing.T, db string) {
			calls := 0
			w := workflow.New[string]()
			w.Register("first", func(context.Context, *workflow.Resources) (string, error) {
				calls++
				return "", permanent(errors.New("no luck"))
			})
			w.Exit("end")
			r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) {
				require.NoError(t, s.Manual("order", w.Job("first"), pawl.WithRetry(3, pawl.DefaultBackoff())))
			}))
			run, err := r.Trigger(t.Context(), "order")
			require.NoError(t, err)
			info, err := r.WaitRun(t.Context(), "order", run)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunFailed, info.Status)
			assert.Equal(t, 1, calls)
			harness.Stop(t, r, db)
		})
	}
}

// The cursors of a long import do not pile up: one takes the place of the one before,
// but for those whose steps have put something. workflow F10.
func TestCursorsOfStepsDoNotPileUp(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		w := workflow.New[string]()
		w.Register("import", workflow.Steps("end", func(ctx context.Context, _ *workflow.Resources, n int) (int, bool, error) {
			if n%100 == 50 {
				return n + 1, false, workflow.Put(ctx, fmt.Sprint(n), n)
			}
			return n + 1, n == 499, nil
		}))
		w.Exit("end")
		r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) { require.NoError(t, s.Manual("import", w.Job("import"))) }))
		run, err := r.Trigger(t.Context(), "import")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "import", run)
		require.NoError(t, err)
		path, err := r.Checkpoints(t.Context(), "import", run)
		require.NoError(t, err)
		assert.Len(t, path, 2+5+1, "states, values, and the last cursor")
		assert.Equal(t, int64(len(path)), path[len(path)-1].Seq)
		harness.Stop(t, r, db)
	})
}

// The machine of a flow can be drawn, with the path of a run in it. workflow F12.
func TestDiagramShowsThePathOfARun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		r := harness.Start(t, harness.SchedulerWith(db, func(s *pawl.Scheduler) {
			require.NoError(t, errors.Join(s.Manual("order", harness.Orders(time.Hour).Job("new")), s.Manual("plain", harness.Job(harness.OK))))
		}))
		_, err := r.Trigger(t.Context(), "order")
		require.NoError(t, err)
		synctest.Wait()
		text, err := r.Diagram(t.Context(), "order", 0)
		require.NoError(t, err)
		assert.Equal(t, harness.Orders(0).Mermaid(), text)
		text, err = r.Diagram(t.Context(), "order", 1)
		require.NoError(t, err)
		assert.Equal(t, harness.Orders(0).Mermaid("new", "reserved", "checked", "paid"), text)
		seen, err := r.View().Diagram(t.Context(), "order", 1)
		require.NoError(t, err)
		assert.Equal(t, text, seen)
		path, err := r.View().Checkpoints(t.Context(), "order", 1)
		require.NoError(t, err)
		assert.Equal(t, []string{"enter new", "enter reserved", "enter checked", "enter paid", "timer paid"}, harness.StatesOf(path))
		text, err = r.Diagram(t.Context(), "plain", 1)
		require.NoError(t, err)
		assert.Empty(t, text)
		_, err = r.Diagram(t.Context(), "order", 2)
		require.ErrorIs(t, err, pawl.ErrRunNotFound)
		_, err = r.Diagram(t.Context(), "none", 0)
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		harness.Stop(t, r, db)
	})
}

// A run whose deadline passed while nobody ran undoes what it did, and has timed out; so
// does one whose deadline passes while it waits. time X1, workflow F11.
func TestDeadlineOfAWorkflowUndoesWhatItDid(t *testing.T) {
	for _, down := range []bool{false, true} {
		harness.Bubble(t, func(t *testing.T, db string) {
			d := &travelogue{}
			next := func() harness.Process {
				return harness.Launch(t, db, func(s *pawl.Scheduler) {
					require.NoError(t, s.Manual("trip", booking(d, nil).Job("flight"), pawl.WithTimeout(30*time.Minute)))
				}, pawl.WithStopTimeout(time.Minute))
			}
			p := next()
			_, err := p.Trigger(t.Context(), "trip")
			require.NoError(t, err)
			time.Sleep(time.Minute)
			if down {
				require.NoError(t, p.Stop(t.Context()))
				time.Sleep(time.Hour)
				p = next()
			}
			info, err := p.WaitRun(t.Context(), "trip", 1)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunTimedOut, info.Status)
			assert.Equal(t, []string{"flight", "hotel", "undo hotel", "undone hotel", "undo flight", "undone flight"}, d.read())
			harness.Stop(t, p.Runner, db)
		})
	}
}
