package workflow_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// pair is a state of two, which may be anything.
type pair struct {
	Name string
	V    any
}

// named is a pointer that says what its text is.
type named struct{ p *int }

func (n named) String() string { return "named" }

// blunt panics.
type blunt struct{}

func (blunt) MarshalText() ([]byte, error) { panic("no text") }

// workflow F2, workflow F7: what the next process would not find, or this one not compare, is refused.
func TestStatesThatCannotBeReadBackAreRefused(t *testing.T) {
	const address, uncomparable, unequal = "it holds an address", "it holds what cannot be compared", "not equal to itself"
	n := 1
	for _, c := range []struct {
		state any
		want  string
	}{
		{&n, address}, {make(chan int), address}, {pair{"a", &n}, address}, {[2]any{1, &n}, address},
		{pair{"a", &pair{}}, address},
		{[]int{1}, uncomparable}, {func() {}, uncomparable}, {map[string]int{}, uncomparable}, {pair{"a", []int{1}}, uncomparable},
		{math.NaN(), unequal}, {pair{"a", math.NaN()}, unequal},
		{blunt{}, "its text: panic: no text"},
		{"0x12", ""}, {0x12, ""}, {uintptr(0x12), ""}, {pair{"0x12", "0xc000"}, ""}, {[2]byte{1}, ""}, {1.5, ""}, {true, ""}, {named{&n}, ""},
	} {
		w := workflow.New[any]()
		w.Register(c.state, func(context.Context, *resources) (any, error) { return "end", nil })
		w.Exit("end")
		w.Initial(c.state)
		_ = w.Mermaid()
		if c.want == "" {
			require.NoError(t, w.Validate(), "%#v", c.state)
			continue
		}
		require.ErrorIs(t, w.Validate(), workflow.ErrInvalid, "%#v", c.state)
		require.ErrorContains(t, w.Validate(), c.want, "%#v", c.state)
		_, err := w.Run(t.Context(), c.state)
		require.ErrorContains(t, err, c.want)
	}
}

// workflow F2: nor does a path lead there.
func TestPathToWhatIsNoStateIsAnError(t *testing.T) {
	w := workflow.New[any]()
	w.Register("start", func(context.Context, *resources) (any, error) { return "end", nil }, workflow.To[any]([]int{1}, math.NaN(), "end"))
	w.RegisterSplit("fan", []workflow.Branch{sleeper(0, nil)}, workflow.All[any]([]int{2}))
	w.Exit("end")
	_ = w.Mermaid()
	for _, text := range []string{"[1]", "NaN", "[2]"} {
		require.ErrorContains(t, w.Validate(), "it leads to "+text+", which is neither registered nor an exit")
	}
	require.ErrorContains(t, w.Job(func() {}).Validate(), "is not registered")
}

// workflow F2, workflow F11: a task that returns such a value fails its state, and what was done is undone.
func TestTaskThatReturnsWhatIsNoStateIsUndone(t *testing.T) {
	for _, next := range []any{[]int{1}, math.NaN(), pair{"a", []int{1}}} {
		undos := 0
		w := workflow.New[any]()
		w.Register("start", func(context.Context, *resources) (any, error) { return "more", nil },
			workflow.WithUndo(func(context.Context, *resources, int) error { undos++; return nil }))
		w.Register("more", func(context.Context, *resources) (any, error) { return next, nil })
		w.Exit("end")
		_, err := w.Run(newJournal().in(t.Context()), "start")
		require.ErrorContains(t, err, "state more: its task returned the state "+fmt.Sprint(next))
		assert.Equal(t, 1, undos)
	}
}
