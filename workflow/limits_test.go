package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/workflow"
)

// megabyte is a text that no checkpoint holds.
var megabyte = strings.Repeat("é", 600_000)

// undone runs a machine in a journal: a state that is undone, and do behind it.
func undone(t *testing.T, j workflow.Journal, do task) (undos int, err error) {
	t.Helper()
	w := workflow.New[state]()
	w.Register("start", goes("more"), workflow.WithUndo(func(context.Context, *resources, int) error { undos++; return nil }))
	w.Register("more", do, workflow.WithoutRetry())
	w.Exit("end")
	_, err = w.Run(workflow.WithJournal(t.Context(), j), "start")
	return undos, err
}

// workflow F7: what a run records is what the scheduler's journal takes.
func TestLimitsAreThoseOfTheEngine(t *testing.T) {
	assert.Equal(t, core.MaxPayload, workflow.MaxPayload)
	c := core.CheckpointData{Seq: workflow.MaxCheckpoints, State: strings.Repeat("s", workflow.MaxState), Kind: workflow.KindEnter}
	require.NoError(t, c.Validate())
	c.Seq++
	require.ErrorIs(t, c.Validate(), core.ErrTooLarge)
	c.Seq, c.State = 1, c.State+"s"
	require.Error(t, c.Validate())
}

// workflow F11: however long the error of a task is, what was done is undone.
func TestErrorOfAMegabyteIsClippedInTheJournalAlone(t *testing.T) {
	for name, do := range map[string]task{
		"error":   fails(errors.New(megabyte)),
		"panic":   func(context.Context, *resources) (state, error) { panic(megabyte) },
		"no text": fails(errors.New(strings.Repeat("\xff\x00", 600_000))),
	} {
		j := newJournal()
		undos, err := undone(t, j, do)
		assert.Greater(t, len(err.Error()), 1_000_000, name)
		assert.Equal(t, 1, undos, name)
		assert.Equal(t, []string{"enter start", "enter more", "failed more", "undo start"}, j.path(), name)
		c, _ := j.last(workflow.KindFailed)
		assert.Less(t, len(c.Payload), 50_000, name)
		assert.True(t, utf8.Valid(c.Payload), name)
		_, again := undone(t, j, do)
		require.ErrorContains(t, again, "... [cut]", name)
	}
}

// workflow F11: that of an undo, too.
func TestErrorOfAnUndoOfAMegabyteIsClippedInTheJournalAlone(t *testing.T) {
	j := newJournal()
	w := workflow.New[state]()
	w.Register("start", goes("more"), workflow.WithoutRetry(),
		workflow.WithUndo(func(context.Context, *resources, int) error { return errors.New(megabyte) }))
	w.Register("more", fails(errBoom), workflow.WithoutRetry())
	w.Exit("end")
	_, err := w.Run(j.in(t.Context()), "start")
	require.ErrorIs(t, err, errBoom)
	require.ErrorContains(t, err, megabyte)
	assert.Equal(t, 1, j.count(workflow.KindUndo))
}

// workflow F9: values that no checkpoint would hold are refused when they are put, with a journal
// and without; what was put before stays.
func TestValuesThatDoNotFitAreRefusedAtOnce(t *testing.T) {
	half := strings.Repeat("v", workflow.MaxValues/2)
	do := func(ctx context.Context, _ *resources) (state, error) {
		require.ErrorIs(t, workflow.Put(ctx, "x", megabyte), workflow.ErrTooLarge)
		require.NoError(t, workflow.Put(ctx, "a", half))
		require.NoError(t, workflow.Put(ctx, "a", half), "in place of the one before")
		err := workflow.Put(ctx, "b", half)
		require.ErrorIs(t, err, workflow.ErrTooLarge)
		require.ErrorContains(t, err, fmt.Sprintf(`put "b": too large for the journal: the values of one checkpoint would take %d bytes of JSON together, at most %d are allowed`,
			2*(len(half)+len(`"":"",`)+1), workflow.MaxValues))
		require.ErrorIs(t, workflow.SetUndo(ctx, half), workflow.ErrTooLarge)
		require.NoError(t, workflow.SetUndo(ctx, half[:len(half)-20]))
		require.NoError(t, workflow.SetUndo(ctx, half[:len(half)-10]))
		require.ErrorIs(t, workflow.Put(ctx, strings.Repeat("k", 20), 1), workflow.ErrTooLarge, "keys count")
		assert.Equal(t, half, value[string](t, ctx, "a"))
		_, ok, err := workflow.Value[string](ctx, "b")
		assert.False(t, ok)
		return "end", err
	}
	for _, ctx := range []context.Context{t.Context(), newJournal().in(t.Context())} {
		_, err := of(do, workflow.WithoutRetry()).Run(ctx, "start")
		require.NoError(t, err)
	}
}

// workflow F10, workflow F11: a cursor that does not fit is the failure of its state.
func TestCursorThatDoesNotFitFailsTheState(t *testing.T) {
	undos, err := undone(t, newJournal(), workflow.Steps[state]("end", func(ctx context.Context, _ *resources, _ string) (string, bool, error) {
		return strings.Repeat("c", workflow.MaxValues-10), false, workflow.Put(ctx, "key", "value")
	}))
	require.ErrorIs(t, err, workflow.ErrTooLarge)
	require.ErrorContains(t, err, "record the cursor")
	assert.Equal(t, 1, undos)
}

// workflow F9, workflow F11: nor do values of branches that each fit, but not together.
func TestValuesOfBranchesThatDoNotFitTogetherFailTheSplit(t *testing.T) {
	branches := make([]workflow.Branch, 3)
	for i := range branches {
		branches[i] = func(ctx context.Context, _ *resources) error {
			return workflow.Put(ctx, fmt.Sprint("x", i), strings.Repeat("v", workflow.MaxValues/3))
		}
	}
	for _, j := range []*journal{nil, newJournal()} {
		ctx, undos := t.Context(), 0
		if j != nil {
			ctx = j.in(ctx)
		}
		w := workflow.New[state]()
		w.Register("start", goes("fan"), workflow.WithUndo(func(context.Context, *resources, int) error { undos++; return nil }))
		w.RegisterSplit("fan", branches, workflow.All[state]("end"))
		w.Exit("end")
		_, err := w.Run(ctx, "start")
		require.ErrorIs(t, err, workflow.ErrTooLarge)
		assert.Equal(t, 1, undos)
	}
}

// workflow F3, workflow F7: outcomes fit into a checkpoint, whatever the branches say, and are valid.
func TestOutcomesOfManyBranchesFitIntoACheckpoint(t *testing.T) {
	for _, n := range []int{1000, workflow.MaxBranches} {
		bad := func(context.Context, *resources) error { panic(strings.Repeat("<é", 300)) }
		branches := make([]workflow.Branch, n)
		for i := range branches {
			branches[i] = bad
		}
		branches[n-1] = func(ctx context.Context, _ *resources) error {
			return workflow.Put(ctx, "most", strings.Repeat("v", workflow.MaxValues-20))
		}
		j := newJournal()
		_, err := splits(branches, workflow.PartialResults[state](n, "joined"), func(ctx context.Context) {
			outcomes, err := workflow.Outcomes(ctx)
			require.NoError(t, err)
			assert.Equal(t, strings.Repeat("-", n-1)+"+", signs(outcomes))
			for _, o := range outcomes {
				require.True(t, utf8.ValidString(o.Error))
				require.LessOrEqual(t, len(o.Error), 200)
			}
		}, workflow.WithoutRetry()).Run(j.in(t.Context()), "start")
		require.NoError(t, err)
	}
}

// workflow F7, workflow F11: a machine that loops for ever fails while there is room for its undos; the next
// attempts do not begin, or fail in the same way.
func TestRunThatIsTooLongIsUndone(t *testing.T) {
	for name, opts := range map[string][]workflow.StateOption{"one undo": nil, "many": {workflow.WithUndo(nothing)}} {
		j := newJournal()
		w := workflow.New[state]()
		w.Register("start", goes("loop"), workflow.WithUndo(nothing))
		w.Register("loop", goes("loop"), opts...)
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "start")
		require.ErrorIs(t, err, workflow.ErrTooLarge, name)
		require.ErrorContains(t, err, "state loop: record enter of state loop: too large for the journal: a run has at most 100000 checkpoints", name)
		require.ErrorAs(t, err, new(permanent), name)
		undos := 1
		if opts != nil {
			undos = j.count(workflow.KindEnter) - 1
			assert.Greater(t, undos, 49_000)
		}
		assert.Equal(t, undos, j.count(workflow.KindUndo), name)
		j.attempt++
		_, err = w.Run(j.in(t.Context()), "start")
		require.ErrorIs(t, err, workflow.ErrTooLarge, name)
		require.ErrorAs(t, err, new(permanent), name)
	}
}

// workflow F10, workflow F11: steps that put nothing replace one another, so there may be any number of
// them; of those that put something only so many fit, and the rest is a failure.
func TestStepsThatPutNothingHaveNoLimit(t *testing.T) {
	for _, puts := range []bool{false, true} {
		j := newJournal()
		undos, err := undone(t, j, workflow.Steps[state]("end", func(ctx context.Context, _ *resources, n int) (int, bool, error) {
			if puts {
				return n + 1, n == workflow.MaxCheckpoints, workflow.Put(ctx, "n", n)
			}
			return n + 1, n == workflow.MaxCheckpoints, nil
		}))
		if puts {
			require.ErrorIs(t, err, workflow.ErrTooLarge)
			assert.Equal(t, 1, undos)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, []string{"enter start", "enter more", "step more", "enter end"}, j.path())
	}
}

func nothing(context.Context, *resources, int) error { return nil }

// small is a journal that takes less than it should: nothing of one kind.
type small struct {
	*journal
	kind string
}

func (s small) Record(ctx context.Context, cs ...workflow.Checkpoint) error {
	if cs[0].Kind == s.kind {
		return fmt.Errorf("%w: not here", workflow.ErrTooLarge)
	}
	return s.journal.Record(ctx, cs...)
}

// workflow F11: what the journal refuses for good is a failure, and keeps nobody from undoing.
func TestRefusalForGoodIsUndone(t *testing.T) {
	for kind, do := range map[string]task{
		workflow.KindTimer:  workflow.After[state]("end", 1),
		workflow.KindFailed: fails(errBoom),
		workflow.KindUndo:   fails(errBoom),
	} {
		undos, err := undone(t, small{newJournal(), kind}, do)
		require.Error(t, err)
		assert.Equal(t, 1, undos, kind)
	}
	_, err := undone(t, small{newJournal(), workflow.KindEnter}, goes("end"))
	require.ErrorIs(t, err, workflow.ErrTooLarge, "a run that does not even begin")
}
