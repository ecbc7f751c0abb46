package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// saga is a machine of ten states with all there is: values, splits, steps, a timer, a
// poll and undos. Each task claims that it is its turn by the journal.
type saga struct {
	t      *testing.T
	j      *journal
	broken bool // the state before the last fails for good
	asked  int
	undos  []string // that returned
}

// claim fails the test if the journal knows that the state was left, or that the run goes back.
func (s *saga) claim(at state) {
	enter, _ := s.j.last(workflow.KindEnter)
	assert.Equal(s.t, string(at), enter.State, "a state that was left runs again")
	assert.Zero(s.t, s.j.count(workflow.KindFailed), "state %s runs in a run that goes back", at)
}

func (s *saga) puts(at, next state) task {
	return func(ctx context.Context, _ *resources) (state, error) {
		s.claim(at)
		return next, errors.Join(workflow.Put(ctx, string(at), "was here"), workflow.SetUndo(ctx, "undo "+string(at)))
	}
}

func (s *saga) step(ctx context.Context, _ *resources, cursor int) (int, bool, error) {
	s.claim("import")
	want := 0
	if c, ok := s.j.last(workflow.KindStep); ok {
		_, err := fmt.Sscanf(string(c.Payload), `{"data":{"sum":%d},"cursor":%d}`, new(int), &want)
		require.NoError(s.t, err)
	}
	assert.Equal(s.t, want, cursor, "a step that was recorded runs again")
	sum, _, err := workflow.Value[int](ctx, "sum")
	if cursor == 3 {
		return 0, true, errors.Join(err, workflow.SetUndo(ctx, "undo import"))
	}
	return cursor + 1, false, errors.Join(err, workflow.Put(ctx, "sum", sum+cursor+1))
}

func (s *saga) branch(at state, i int) workflow.Branch {
	return func(ctx context.Context, _ *resources) error {
		s.claim(at)
		if err := works(ctx, time.Duration(i)*time.Second); err != nil {
			return err
		}
		return workflow.Put(ctx, fmt.Sprint(at, i), i)
	}
}

func (s *saga) poll(context.Context, *resources) (bool, error) {
	s.claim("poll")
	s.asked++
	return s.asked%3 == 0, nil
}

// check sees all that was put.
func (s *saga) check(ctx context.Context, _ *resources) (state, error) {
	s.claim("check")
	assert.Equal(s.t, "was here", value[string](s.t, ctx, "start"))
	assert.Equal(s.t, 6, value[int](s.t, ctx, "sum"))
	for _, key := range []string{"fan1", "fan2", "fan3", "race1", "race2"} {
		value[int](s.t, ctx, key)
	}
	_, ok, err := workflow.Value[int](ctx, "race3")
	assert.False(s.t, ok, "a loser left a value")
	if s.broken {
		return "", workflow.Permanent(errBoom)
	}
	return "last", err
}

// undo claims that it is the turn of the state by the journal.
func (s *saga) undo(_ context.Context, _ *resources, v string) error {
	order := []string{"undo book", "undo import", "undo start"}
	n := s.j.count(workflow.KindUndo)
	assert.Equal(s.t, 1, s.j.count(workflow.KindFailed))
	require.Less(s.t, n, len(order))
	assert.Equal(s.t, order[n], v, "an undo that was recorded runs again, or one is out of turn")
	s.undos = append(s.undos, v)
	return nil
}

func (s *saga) machine() *machine {
	undo := workflow.WithUndo(s.undo)
	w := workflow.New[state](workflow.Version(3))
	w.Register("start", s.puts("start", "fan"), undo)
	w.RegisterSplit("fan", []workflow.Branch{s.branch("fan", 1), s.branch("fan", 2), s.branch("fan", 3)}, workflow.All[state]("import"))
	w.Register("import", workflow.Steps[state]("timer", s.step), undo)
	w.Register("timer", workflow.After[state]("poll", 30*time.Minute))
	w.Register("poll", workflow.Poll[state]("race", workflow.Fixed(time.Second), s.poll))
	w.RegisterSplit("race", []workflow.Branch{s.branch("race", 1), s.branch("race", 2), s.branch("race", 3)}, workflow.Quorum[state](2, "book"))
	w.Register("book", s.puts("book", "check"), undo)
	w.Register("check", s.check)
	w.Register("last", goes("end"))
	w.Exit("end")
	return w
}

// process runs the saga once, until its end or the crash.
func (s *saga) process() error { return s.machine().Job("start").Run(s.j.in(s.t.Context())) }

// finish has one process after the other until there is no crash.
func (s *saga) finish(down time.Duration) (err error) {
	for {
		if err = s.process(); !errors.Is(err, errCrash) {
			return err
		}
		time.Sleep(down)
		s.j.reborn()
	}
}

// reference is a saga without a crash.
func reference(t *testing.T, broken bool) (lines []string, records int) {
	s := &saga{t: t, j: newJournal(), broken: broken}
	s.expect(s.finish(0))
	return s.j.lines(), s.j.records
}

func (s *saga) expect(err error) {
	if s.broken {
		require.ErrorContains(s.t, err, "state check")
		require.ErrorContains(s.t, err, "boom")
		return
	}
	require.NoError(s.t, err)
}

// workflow F7, workflow F9, workflow F10, workflow F11: a process that dies at any two checkpoints, before or after they are
// durable: in the end the journal is the same, to the letter, as without a crash. That no
// state that was left runs again, that values are there and undos in turn, is claimed by
// the tasks themselves.
func TestCrashAtAnyTwoCheckpointsChangesNothing(t *testing.T) {
	for _, broken := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			want, n := reference(t, broken)
			require.Greater(t, n, 12)
			for first := 1; first <= n; first++ {
				for second := first; second <= n+2; second++ {
					for _, side := range []string{"before", "after"} {
						s := &saga{t: t, j: newJournal(), broken: broken}
						s.j.cuts = map[int]string{first: side, second: map[string]string{"before": "after", "after": "before"}[side]}
						s.expect(s.finish(time.Minute))
						require.Equal(t, want, s.j.lines(), "crash %s record %d, and at %d", side, first, second)
						if broken {
							require.LessOrEqual(t, len(s.undos), 3+2)
						}
					}
				}
			}
		})
	}
}

// workflow F10: the instant is stored, so whatever happens the state after the timer is entered
// 30 minutes after the timer was, and at once if that is past.
func TestTimerIsNotProlongedByCrashes(t *testing.T) {
	for _, down := range []time.Duration{time.Second, 10 * time.Minute, time.Hour} {
		bubble(t, func(t *testing.T) {
			j := newJournal()
			j.cuts = map[int]string{2: "after"} // the timer is recorded, and the process dies
			w := of(workflow.After[state]("end", 30*time.Minute))
			_, err := w.Run(j.in(t.Context()), "start")
			require.ErrorIs(t, err, errCrash)
			began := time.Now()
			time.Sleep(down)
			j.reborn()
			_, err = w.Run(j.in(t.Context()), "start")
			require.NoError(t, err)
			assert.Equal(t, max(down, 30*time.Minute), time.Since(began))
		})
	}
}

// workflow F7: of a run that reached its exit nothing runs again, should its outcome be lost.
func TestRunThatReachedItsExitIsOver(t *testing.T) {
	j := newJournal()
	calls := 0
	w := of(func(context.Context, *resources) (state, error) { calls++; return "end", nil })
	for range 2 {
		final, err := w.Run(j.in(t.Context()), "start")
		require.NoError(t, err)
		assert.Equal(t, state("end"), final)
	}
	assert.Equal(t, 1, calls)
	assert.Equal(t, []string{"enter start", "enter end"}, j.path())
}

// workflow F7: what a run failed at is where its next attempt begins.
func TestRunThatFailedWithNothingToUndoResumesWhereItFailed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := newJournal()
		calls := 0
		w := workflow.New[state]()
		w.Register("start", func(context.Context, *resources) (state, error) { calls++; return "more", nil })
		w.Register("more", func(context.Context, *resources) (state, error) {
			if j.attempt == 1 {
				return "", errBoom
			}
			return "end", nil
		})
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "start")
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, []string{"enter start", "enter more"}, j.path())
		j.attempt = 2
		_, err = w.Run(j.in(t.Context()), "start")
		require.NoError(t, err)
		assert.Equal(t, 1, calls)
	})
}

// workflow F7
func TestWithoutJournalRecordsNothing(t *testing.T) {
	j := newJournal()
	w := workflow.New[state](workflow.WithoutJournal())
	w.Register("start", goes("end"))
	w.Exit("end")
	assert.False(t, w.Job("start").Resumes())
	_, err := w.Run(j.in(t.Context()), "start")
	require.NoError(t, err)
	assert.Empty(t, j.path())
	assert.True(t, of(goes("end")).Job("start").Resumes())
}

// keeper is a journal that keeps runs which the workflow cannot go on with.
type keeper struct {
	*journal
	version int // of the run that it was given last
}

func (k *keeper) Blocked(version int, err error) error {
	k.version = version
	return err
}

// workflow F8 as found Q6 has it: a journal that can keeps the run for its version.
func TestRunOfAnotherVersionIsKept(t *testing.T) {
	j := &keeper{journal: newJournal()}
	j.cuts = map[int]string{2: "before"}
	version := func(n int) *machine {
		w := workflow.New[state](workflow.Version(n))
		w.Register("start", goes("end"))
		w.Exit("end")
		return w
	}
	ctx := workflow.WithJournal(t.Context(), j)
	_, err := version(7).Run(ctx, "start")
	require.ErrorIs(t, err, errCrash)
	j.reborn()
	_, err = version(8).Run(ctx, "start")
	require.ErrorIs(t, err, workflow.ErrVersion)
	assert.False(t, errors.As(err, new(permanent)))
	assert.Equal(t, 7, j.version)
	_, err = version(7).Run(ctx, "start")
	require.NoError(t, err)
}

// workflow F8: a journal that cannot keep it is given a permanent error.
func TestRunOfAnotherVersionIsNotResumed(t *testing.T) {
	j := newJournal()
	j.cuts = map[int]string{2: "before"}
	version := func(n int) *machine {
		w := workflow.New[state](workflow.Version(n))
		w.Register("start", goes("end"))
		w.Exit("end")
		return w
	}
	_, err := version(1).Run(j.in(t.Context()), "start")
	require.ErrorIs(t, err, errCrash)
	j.reborn()
	_, err = version(2).Run(j.in(t.Context()), "start")
	require.ErrorIs(t, err, workflow.ErrVersion)
	require.ErrorContains(t, err, "recorded under version 1, this is version 2")
	require.ErrorAs(t, err, new(permanent))
	_, err = version(1).Run(j.in(t.Context()), "start")
	require.NoError(t, err)
}

// workflow F8: a state that is gone is another version, said or not.
func TestRunInAStateThatIsGoneIsNotResumed(t *testing.T) {
	j := newJournal()
	j.cuts = map[int]string{2: "before"}
	_, err := of(goes("end")).Run(j.in(t.Context()), "start")
	require.ErrorIs(t, err, errCrash)
	j.reborn()
	w := workflow.New[state]()
	w.Register("begin", goes("end"))
	w.Exit("end")
	_, err = w.Run(j.in(t.Context()), "begin")
	require.ErrorIs(t, err, workflow.ErrVersion)
	require.ErrorContains(t, err, "state start, which is not registered")
	require.ErrorAs(t, err, new(permanent))
}

// workflow F5, workflow F7: the timeout of a workflow counts from its first state, not from the restart.
func TestTimeoutOfTheWorkflowCountsOverCrashes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := newJournal()
		j.cuts = map[int]string{2: "after"}
		w := workflow.New[state](workflow.WithTimeout(time.Hour))
		w.Register("start", workflow.After[state]("end", 2*time.Hour))
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "start")
		require.ErrorIs(t, err, errCrash)
		time.Sleep(40 * time.Minute)
		j.reborn()
		_, err = w.Run(j.in(t.Context()), "start")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorAs(t, err, new(permanent), "a further attempt would be late, too")
		assert.Equal(t, midnight.Add(time.Hour), time.Now().UTC())
	})
}

// workflow F7: what a task did is recorded also when its context ends meanwhile.
func TestStateThatWasLeftInACancelledRunIsRecorded(t *testing.T) {
	j := newJournal()
	ctx, cancel := context.WithCancel(j.in(t.Context()))
	w := workflow.New[state]()
	w.Register("start", func(context.Context, *resources) (state, error) { cancel(); return "more", nil })
	w.Register("more", goes("end"))
	w.Exit("end")
	_, err := w.Run(ctx, "start")
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []string{"enter start", "enter more"}, j.path())
}

// workflow F8: also one that the run has left.
func TestRunThatLeftAStateThatIsGoneIsNotResumed(t *testing.T) {
	j := newJournal()
	j.cs = []workflow.Checkpoint{
		{Seq: 1, Kind: workflow.KindEnter, State: "gone", Payload: []byte(`{"begin":{"version":0}}`)},
		{Seq: 2, Kind: workflow.KindEnter, State: "start"},
	}
	_, err := of(goes("end")).Run(j.in(t.Context()), "start")
	require.ErrorIs(t, err, workflow.ErrVersion)
	require.ErrorContains(t, err, "state gone")
}

// mute is a journal that does not answer.
type mute struct{ *journal }

func (mute) Checkpoints(context.Context) ([]workflow.Checkpoint, error) { return nil, errBoom }

// workflow F7: without its past a run does not begin.
func TestRunDoesNotBeginWithoutItsJournal(t *testing.T) {
	_, err := of(fails(errors.New("not to be called"))).Run(workflow.WithJournal(t.Context(), mute{newJournal()}), "start")
	require.EqualError(t, err, "read the checkpoints of the run: boom")
}

// torn is a journal with a bug.
type torn struct{ *journal }

func (torn) Record(ctx context.Context, cs ...workflow.Checkpoint) error {
	if cs[0].State == "end" {
		panic("a bug")
	}
	return nil
}

// workflow F5: what panics outside of tasks is for the caller to recover from.
func TestPanicOfTheJournalIsTheCallers(t *testing.T) {
	defer func() {
		err, _ := recover().(error)
		require.ErrorContains(t, err, "panic: a bug")
		require.ErrorContains(t, err, "crash_test.go", "the stack")
	}()
	_, _ = of(goes("end")).Run(workflow.WithJournal(t.Context(), torn{newJournal()}), "start")
}

// workflow F7: what is no journal of a workflow is told, and not run.
func TestJournalThatCannotBeReadIsAnError(t *testing.T) {
	for _, c := range []workflow.Checkpoint{
		{Seq: 1, Kind: workflow.KindEnter, State: "start", Payload: []byte("{")},
		{Seq: 1, Kind: workflow.KindStep, State: "start"},
	} {
		j := newJournal()
		j.cs = []workflow.Checkpoint{c}
		_, err := of(goes("end")).Run(j.in(t.Context()), "start")
		require.ErrorContains(t, err, "read checkpoint 1")
		require.ErrorAs(t, err, new(permanent))
	}
}

// workflow F7: a workflow inside of a task leaves the journal of the outer one alone.
func TestWorkflowInsideATaskHasNoPartInTheJournal(t *testing.T) {
	j, own := newJournal(), newJournal()
	inner := workflow.New[state]()
	inner.Register("inner", func(ctx context.Context, _ *resources) (state, error) {
		_, ok, err := workflow.Value[int](ctx, "x")
		assert.False(t, ok, "a value of the outer run")
		return "done", errors.Join(err, workflow.Put(ctx, "x", 2))
	})
	inner.Exit("done")
	w := of(func(ctx context.Context, _ *resources) (state, error) {
		require.NoError(t, workflow.Put(ctx, "x", 1))
		_, err := inner.Run(ctx, "inner")
		require.NoError(t, err)
		_, err = inner.Run(own.in(ctx), "inner")
		assert.Equal(t, 1, value[int](t, ctx, "x"))
		return "end", err
	})
	_, err := w.Run(j.in(t.Context()), "start")
	require.NoError(t, err)
	assert.Equal(t, []string{`enter start {"begin":{"version":0,"attempt":1}}`, `enter end {"data":{"x":1}}`}, j.lines())
	assert.Equal(t, []string{"enter inner", "enter done"}, own.path())
}
