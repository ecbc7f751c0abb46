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

// pool is a resource that notes what is done with it.
type pool struct {
	name      string
	l         *ledger
	setupErr  error
	healthErr error
}

func (p *pool) Setup(context.Context) error { p.l.add("setup %s", p.name); return p.setupErr }
func (p *pool) Teardown(ctx context.Context) error {
	p.l.add("teardown %s", p.name)
	return ctx.Err()
}
func (p *pool) Health(context.Context) error { return p.healthErr }

// workflow F6
func TestResourcesAreLookedUpByKeyAndType(t *testing.T) {
	res := workflow.NewResources()
	require.NoError(t, res.Provide("answer", 42))
	require.NoError(t, res.Provide("who", fmt.Stringer(workflow.New[state]().Job("x"))))
	n, err := workflow.Get[int](res, "answer")
	require.NoError(t, err)
	assert.Equal(t, 42, n)
	_, err = workflow.Get[fmt.Stringer](res, "who")
	require.NoError(t, err, "an interface")
	_, err = workflow.Get[string](res, "answer")
	require.EqualError(t, err, `resource "answer" is int, not string`)
	_, err = workflow.Get[fmt.Stringer](res, "answer")
	require.EqualError(t, err, `resource "answer" is int, not fmt.Stringer`)
	_, err = workflow.Get[int](res, "db")
	require.EqualError(t, err, `no resource "db"; there are: answer, who`)
	require.EqualError(t, res.Provide("answer", 43), `resource "answer" is provided twice`)
}

// workflow F6: in order, and in reverse.
func TestRunSetsUpAndTearsDownItsResources(t *testing.T) {
	var l ledger
	w := of(func(_ context.Context, res *resources) (state, error) {
		p, err := workflow.Get[*pool](res, "b")
		l.add("run with %s", p.name)
		return "end", err
	})
	for _, name := range []string{"a", "b"} {
		w.Provide(name, &pool{name: name, l: &l})
	}
	w.Provide("number", 7)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Run(ctx, "start")
	require.EqualError(t, err, "state start: context canceled", "the teardown has a context that lives")
	_, err = run(t, w)
	require.NoError(t, err)
	assert.Equal(t, []string{"setup a", "setup b", "teardown b", "teardown a",
		"setup a", "setup b", "run with b", "teardown b", "teardown a"}, l.lines)
}

// workflow F6
func TestSetupThatFailsTearsDownWhatWasSetUp(t *testing.T) {
	var l ledger
	w := of(goes("end"))
	for _, name := range []string{"a", "b"} {
		w.Provide(name, &pool{name: name, l: &l})
	}
	w.Provide("bad", &pool{name: "bad", l: &l, setupErr: errBoom})
	w.Provide("never", &pool{name: "never", l: &l})
	_, err := run(t, w)
	require.EqualError(t, err, `set up resource "bad": boom`)
	assert.Equal(t, []string{"setup a", "setup b", "setup bad", "teardown b", "teardown a"}, l.lines)
	require.NoError(t, w.Job("start").Teardown(t.Context()), "nothing is left to tear down")
	assert.Len(t, l.lines, 5)
}

// slow is set up only when its context ends, and torn down never.
type slow struct{ *pool }

func (s slow) Setup(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// stuck is a pool whose teardown ends with its context alone.
type stuck struct{ *pool }

func (s stuck) Teardown(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("dead from the beginning: %w", err)
	}
	<-ctx.Done()
	return s.pool.Teardown(ctx)
}

// workflow F6: what was set up is torn down also when the context has just ended, and that is what
// the setup failed of: but no longer than for half a minute.
func TestTeardownOutlivesTheContextForHalfAMinute(t *testing.T) {
	for name, last := range map[string]any{"setup": slow{}, "run": nil} {
		bubble(t, func(t *testing.T) {
			var l ledger
			w := of(func(ctx context.Context, _ *resources) (state, error) { return "end", works(ctx, time.Hour) })
			w.Provide("stuck", stuck{&pool{name: "a", l: &l}})
			if last != nil {
				w.Provide("last", last)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := w.Run(ctx, "start")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.NotContains(t, err.Error(), "dead from the beginning", name)
			assert.Equal(t, []string{"setup a", "teardown a"}, l.lines, name)
			assert.Equal(t, 90*time.Second, time.Since(midnight), name)
		})
	}
}

type panics struct{}

func (panics) Setup(context.Context) error { panic("at setup") }

// workflow F6
func TestPanicInSetupIsItsError(t *testing.T) {
	w := of(goes("end"))
	w.Provide("panics", panics{})
	_, err := run(t, w)
	require.ErrorContains(t, err, `set up resource "panics": panic: at setup`)
}

// workflow F6: of jobs that share a workflow the first sets up, and the last tears down.
func TestJobsOfAWorkflowShareItsResources(t *testing.T) {
	var l ledger
	w := of(goes("end"))
	w.Provide("a", &pool{name: "a", l: &l})
	one, other := w.Job("start"), w.Job("start")
	require.NoError(t, one.Setup(t.Context()))
	require.NoError(t, other.Setup(t.Context()))
	_, err := run(t, w)
	require.NoError(t, err)
	require.NoError(t, one.Run(t.Context()))
	require.NoError(t, one.Teardown(t.Context()))
	assert.Equal(t, []string{"setup a"}, l.lines)
	require.NoError(t, other.Teardown(t.Context()))
	assert.Equal(t, []string{"setup a", "teardown a"}, l.lines)
}

// workflow F6
func TestTeardownThatFailsIsToldAndTheOthersGoOn(t *testing.T) {
	var l ledger
	w := of(goes("end"))
	w.Provide("a", &pool{name: "a", l: &l})
	w.Provide("b", &pool{name: "b", l: &l})
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, w.Resources().Setup(ctx))
	cancel()
	require.EqualError(t, w.Resources().Teardown(ctx),
		"tear down resource \"b\": context canceled\ntear down resource \"a\": context canceled")
}

// workflow F6
func TestCheckHealthAsksThoseThatCanSay(t *testing.T) {
	w := of(goes("end"))
	w.Provide("number", 7)
	w.Provide("well", &pool{})
	require.NoError(t, w.Resources().CheckHealth(t.Context()))
	w.Provide("ill", &pool{healthErr: errBoom})
	w.Provide("worse", &pool{healthErr: errors.New("gone")})
	require.EqualError(t, w.Job("start").CheckHealth(t.Context()), "resource \"ill\": boom\nresource \"worse\": gone")
}

type sticky struct{}

func (sticky) Teardown(context.Context) error { return errBoom }

// workflow F6
func TestTeardownThatFailsIsPartOfTheRunsError(t *testing.T) {
	w := of(goes("end"))
	w.Provide("sticky", sticky{})
	final, err := run(t, w)
	require.EqualError(t, err, `tear down resource "sticky": boom`)
	assert.Equal(t, state("end"), final)
}
