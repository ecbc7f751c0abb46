package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// level has a text of its own, and some that fail.
type level int

func (l level) MarshalText() ([]byte, error) {
	switch {
	case l < 0:
		return nil, errBoom
	case l > 100:
		return []byte("much"), nil
	}
	return fmt.Appendf(nil, "level %d", int(l)), nil
}

// workflow F2: each mistake is told, and names the state.
func TestValidateTellsWhatIsWrong(t *testing.T) {
	all := workflow.All[state]("end")
	ok := []workflow.Branch{sleeper(0, nil), sleeper(0, nil)}
	for want, build := range map[string]func(w *machine){
		"no state is registered":       func(w *machine) { w.Exit("end") },
		"there is no exit":             func(w *machine) { w.Register("start", goes("end")) },
		"state start: its task is nil": func(w *machine) { w.Register("start", nil) },
		"state a: it is registered twice": func(w *machine) {
			w.Register("a", goes("end"))
			w.Register("a", goes("end"))
		},
		"state start: it is registered twice": func(w *machine) { w.Register("start", goes("end")); w.Exit("start") },
		"state fan: it leads to nowhere, which is neither registered nor an exit": func(w *machine) {
			w.RegisterSplit("fan", ok, workflow.All[state]("nowhere"))
		},
		"state a: it leads to nowhere, which is neither registered nor an exit": func(w *machine) {
			w.Register("a", goes("end"), workflow.To[state]("end", "nowhere"))
		},
		"state a: To(7): that is int, the states are workflow_test.state: write To[workflow_test.state](...)": func(w *machine) { w.Register("a", goes("end"), workflow.To(7)) },
		"state fan: a split without branches":         func(w *machine) { w.RegisterSplit("fan", nil, all) },
		"state fan: branch 1 is nil":                  func(w *machine) { w.RegisterSplit("fan", []workflow.Branch{ok[0], nil}, all) },
		"state fan: a split without a join":           func(w *machine) { w.RegisterSplit("fan", ok, join{}) },
		"state fan: the join, quorum of 3, cannot be": func(w *machine) { w.RegisterSplit("fan", ok, workflow.Quorum[state](3, "end")) },
		"state fan: the join, quorum of 0, cannot be": func(w *machine) { w.RegisterSplit("fan", ok, workflow.Quorum[state](0, "end")) },
		"state fan: the join, 0 percent, cannot be":   func(w *machine) { w.RegisterSplit("fan", ok, workflow.Percentage[state](0, "end")) },
		"state fan: the join, NaN percent, cannot be": func(w *machine) { w.RegisterSplit("fan", ok, workflow.Percentage[state](math.NaN(), "end")) },
		"state fan: the join, 101 percent, cannot be": func(w *machine) { w.RegisterSplit("fan", ok, workflow.Percentage[state](101, "end")) },
		"state fan: the join, 3 results, cannot be":   func(w *machine) { w.RegisterSplit("fan", ok, workflow.PartialResults[state](3, "end")) },
		"state fan: the join, results within 0s":      func(w *machine) { w.RegisterSplit("fan", ok, workflow.PartialTimeout[state](0, "end")) },
		"state fan: PartialTimeout has its own timeout": func(w *machine) {
			w.RegisterSplit("fan", ok, workflow.PartialTimeout[state](1, "end"), workflow.WithJoinTimeout(1))
		},
		"state fan: To is not for a split":                          func(w *machine) { w.RegisterSplit("fan", ok, all, workflow.To[state]("end")) },
		"state fan: WithBulkhead(0): at least 1":                    func(w *machine) { w.RegisterSplit("fan", ok, all, workflow.WithBulkhead(0)) },
		"state fan: WithJoinTimeout(0s): more than 0":               func(w *machine) { w.RegisterSplit("fan", ok, all, workflow.WithJoinTimeout(0)) },
		"state a: WithBulkhead and WithJoinTimeout are for a split": func(w *machine) { w.Register("a", goes("end"), workflow.WithBulkhead(2)) },
		"state a: WithAttemptTimeout(-1ns): more than 0":            func(w *machine) { w.Register("a", goes("end"), workflow.WithAttemptTimeout(-1)) },
		"state a: WithBreaker(nil)":                                 func(w *machine) { w.Register("a", goes("end"), workflow.WithBreaker(nil)) },
		"state a: WithBreaker: make the breaker with NewBreaker":    func(w *machine) { w.Register("a", goes("end"), workflow.WithBreaker(&workflow.Breaker{})) },
		"state a: To() without a state":                             func(w *machine) { w.Register("a", goes("end"), workflow.To[state]()) },
		"state steps: its task is nil, as what Steps":               func(w *machine) { w.Register("steps", workflow.Steps[state, int]("end", nil)) },
		"state timer: its task is nil, as what Steps, Timer":        func(w *machine) { w.Register("timer", workflow.Timer[state]("end", nil)) },
		"state poll: its task is nil, as what Steps, Timer and Poll make of a nil function": func(w *machine) {
			w.Register("poll", workflow.Poll[state]("end", workflow.Exponential(), nil))
		},
		"state poll 2: its task is nil, as what Steps, Timer and Poll make of a nil function, or Poll of impossible waits": func(w *machine) {
			ask := func(context.Context, *resources) (bool, error) { return true, nil }
			w.Register("poll 2", workflow.Poll[state]("end", workflow.Fixed(-time.Second), ask))
		},
		"state a: WithUndo(nil)":                           func(w *machine) { w.Register("a", goes("end"), workflow.WithUndo[int](nil)) },
		"state a: WithRetry(-1): at least 0":               func(w *machine) { w.Register("a", goes("end"), workflow.WithRetry(-1, workflow.Exponential())) },
		"state a: WithRetry: the initial wait is negative": func(w *machine) { w.Register("a", goes("end"), workflow.WithRetry(1, workflow.Fixed(-1))) },
		"state a: WithRetry: the multiplier is at least 1": func(w *machine) {
			w.Register("a", goes("end"), workflow.WithRetry(1, workflow.Backoff{Multiplier: 0.5}))
		},
		"state a: WithRetry: the longest wait is shorter": func(w *machine) {
			w.Register("a", goes("end"), workflow.WithRetry(1, workflow.Backoff{Initial: 2, MaxDelay: 1}))
		},
		"state a: WithRetry: the jitter is from 0 to 1": func(w *machine) {
			w.Register("a", goes("end"), workflow.WithRetry(1, workflow.Backoff{Jitter: math.NaN()}))
		},
		"its text has 256 bytes, at most 255 are allowed": func(w *machine) { w.Exit(state(strings.Repeat("é", 128))) },
		"state fan: a split of 5001 branches: at most 5000": func(w *machine) {
			w.RegisterSplit("fan", slices.Repeat(ok[:1], 5001), all)
		},
		`state "": its text is empty`:         func(w *machine) { w.Register("", goes("end")) },
		`state "\xff": its text is not UTF-8`: func(w *machine) { w.Exit("\xff") },
		`resource "db" is provided twice`:     func(w *machine) { w.Provide("db", 1); w.Provide("db", 2) },
		"a resource has no key":               func(w *machine) { w.Provide("", 1) },
		`resource "db" is nil`:                func(w *machine) { w.Provide("db", nil) },
	} {
		w := workflow.New[state]()
		build(w)
		err := w.Validate()
		require.ErrorIs(t, err, workflow.ErrInvalid, want)
		require.ErrorContains(t, err, want)
		_, err = w.Run(t.Context(), "start")
		require.ErrorContains(t, err, want, "nor does it run")
		require.ErrorContains(t, w.Job("start").Run(t.Context()), want)
	}
}

// workflow F2: not one at a time.
func TestValidateTellsAllMistakesAtOnce(t *testing.T) {
	w := workflow.New[state](workflow.WithTimeout(0), workflow.WithUndoTimeout(-time.Second))
	w.Register("a", nil, workflow.To[state]("nowhere"))
	w.Provide("", 1)
	err := w.Validate()
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	assert.Len(t, lines, 6, "%v", err)
	for _, line := range lines {
		assert.True(t, strings.HasPrefix(line, "invalid workflow: "), line)
	}
	w.Exit("nowhere")
	assert.NotContains(t, w.Validate().Error(), "neither registered", "it is looked at again")
}

// workflow F2
func TestInitialStateIsRegistered(t *testing.T) {
	w := of(goes("end"))
	require.NoError(t, w.Validate())
	require.NoError(t, w.Job("start").Validate())
	require.EqualError(t, w.Job("other").Validate(), "invalid workflow: the initial state other is not registered")
	require.ErrorIs(t, w.Job("other").Run(t.Context()), workflow.ErrInvalid)
	require.EqualError(t, w.Job("end").Validate(), "invalid workflow: the initial state end is an exit")
	w.Initial("other")
	require.ErrorContains(t, w.Validate(), "other is not registered")
}

// workflow F2: known only if all states declare where they lead.
func TestStateThatNoPathDeclaresIsAnError(t *testing.T) {
	w := workflow.New[state]()
	w.Register("start", goes("fan"), workflow.To[state]("fan", "end"))
	w.RegisterSplit("fan", []workflow.Branch{sleeper(0, nil)}, workflow.All[state]("start"))
	w.Register("lost", goes("end"), workflow.To[state]("lost", "end"))
	w.Exit("end", "unused")
	require.NoError(t, w.Validate(), "nobody said where runs begin")
	require.EqualError(t, w.Job("start").Validate(), "invalid workflow: state lost: no declared path leads to it from start\n"+
		"invalid workflow: state unused: no declared path leads to it from start")
	w.Initial("start")
	require.ErrorContains(t, w.Validate(), "state lost: no declared path")
	w.Register("free", goes("end"))
	require.NoError(t, w.Validate(), "it may lead anywhere")
}

// workflow F7: states are recorded by their text.
func TestTextsOfStatesAreDistinct(t *testing.T) {
	w := workflow.New[level]()
	for _, l := range []level{1, 2, 101, 102} {
		w.Register(l, func(context.Context, *resources) (level, error) { return 0, nil })
	}
	w.Exit(0)
	require.EqualError(t, w.Validate(), "invalid workflow: state much: two states, 101 and 102, have this text")
	w.Exit(-1)
	require.ErrorIs(t, w.Validate(), errBoom)
	require.ErrorContains(t, w.Validate(), "state -1: its text")

	j := newJournal()
	v := workflow.New[level]()
	v.Register(1, func(context.Context, *resources) (level, error) { return 0, nil })
	v.Exit(0)
	_, err := v.Run(j.in(t.Context()), 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"enter level 1", "enter level 0"}, j.path())
}

// workflow F1, workflow F2: what is nil or was not made is told, with a hint.
func TestWhatIsNilIsAnErrorAndNoPanic(t *testing.T) {
	w := workflow.New[state](nil, workflow.Version(1), nil)
	w.Register("start", goes("end"), workflow.WithoutRetry(), nil)
	w.RegisterSplit("fan", []workflow.Branch{sleeper(0, nil)}, workflow.All[state]("end"), nil)
	w.Exit("end")
	require.EqualError(t, w.Validate(), "invalid workflow: option 0 of New is nil\ninvalid workflow: option 2 of New is nil\n"+
		"invalid workflow: state start: its option 1 is nil\ninvalid workflow: state fan: its option 0 is nil")

	var none context.Context
	const hint = "the context is nil: pass context.Background()"
	w = of(goes("end"))
	_, err := w.Run(none, "start")
	require.ErrorContains(t, err, hint)
	require.ErrorContains(t, w.Job("start").Run(none), hint)
	require.ErrorContains(t, w.Job("start").Setup(none), hint)
	require.ErrorContains(t, workflow.Put(none, "x", 1), "Put: "+hint)

	_, err = workflow.Get[int](nil, "key")
	require.EqualError(t, err, `no resource "key": the resources are nil`)
}

// workflow F1, workflow F6: zero values are of use.
func TestZeroWorkflowAndResourcesAreEmpty(t *testing.T) {
	var w machine
	require.EqualError(t, w.Validate(), "invalid workflow: no state is registered\ninvalid workflow: there is no exit")
	require.ErrorContains(t, w.Job("start").Validate(), "the initial state start is not registered")
	_, err := w.Run(t.Context(), "start")
	require.ErrorIs(t, err, workflow.ErrInvalid)
	assert.Equal(t, "stateDiagram-v2\n", w.Mermaid())
	require.NoError(t, w.Resources().CheckHealth(t.Context()))
	require.NoError(t, w.Job("start").Teardown(t.Context()))

	w.Provide("n", 7)
	w.Register("start", func(_ context.Context, res *resources) (state, error) {
		n, err := workflow.Get[int](res, "n")
		assert.Equal(t, 7, n)
		return "end", err
	}, workflow.WithUndo(nothing))
	w.Exit("end")
	_, err = w.Run(t.Context(), "start")
	require.NoError(t, err)
	assert.Equal(t, 5*time.Minute+10*time.Second, w.Job("start").Grace())

	var res resources
	require.NoError(t, res.Provide("key", 1))
	n, err := workflow.Get[int](&res, "key")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

// workflow F1: what a scheduler looks for.
func TestJobIsAJobAResourceAndAValidator(t *testing.T) {
	var job any = of(goes("end")).Job("start")
	_, runs := job.(interface{ Run(context.Context) error })
	_, ok := job.(interface {
		Setup(context.Context) error
		Teardown(context.Context) error
		Validate() error
		Resumes() bool
		Mermaid(path ...string) string
		Resources() *workflow.Resources
	})
	assert.True(t, runs && ok)
	assert.Equal(t, "workflow of 2 states from start", fmt.Sprint(job))
	require.ErrorIs(t, errors.Join(workflow.ErrInvalid), workflow.ErrInvalid)
}
