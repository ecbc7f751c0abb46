package pawl_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// found B5: a flow that is changed keeps its place, now and after a restart, and Order
// moves flows without touching what they have.
func TestChangedFlowKeepsItsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	idle := pawl.JobFunc(func(context.Context) error { return nil })
	s := pawl.NewScheduler(path)
	for _, id := range []string{"a", "b", "c", "d"} {
		require.NoError(t, s.Manual(id, idle))
	}
	require.ErrorIs(t, s.Order("a", "none"), pawl.ErrFlowNotFound)
	r, err := s.Start(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, s.Order("a"), pawl.ErrStarted)

	require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
		require.NoError(t, s.Remove("b"))
		require.NoError(t, s.Once("b", time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), idle))
		require.NoError(t, s.Manual("e", idle))
		assert.Equal(t, 5, s.Len())
		return nil
	}))
	assert.Equal(t, []string{"a", "b", "c", "d", "e"}, ids(r))

	info, _ := r.Status("b")
	require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
		require.NoError(t, s.Remove("c"))
		return s.Order("e", "b", "e")
	}))
	assert.Equal(t, []string{"e", "b", "a", "d", "c"}, ids(r), "what is gone comes last")
	moved, _ := r.Status("b")
	assert.Equal(t, info.NextRun, moved.NextRun)
	require.NoError(t, r.Stop(t.Context()))
	c, err := pawl.Open(path)
	require.NoError(t, err)
	defer c.Close()
	flows, err := c.List(t.Context())
	require.NoError(t, err)
	for i, id := range []string{"e", "b", "a", "d", "c"} {
		assert.Equal(t, id, flows[i].ID)
	}
}

// Two flows cannot both continue the state of the same one, also not after a removal.
func TestFormerIDIsFreeAgainWithItsFlow(t *testing.T) {
	s := pawl.NewScheduler(filepath.Join(t.TempDir(), "jobs.db"))
	idle := pawl.JobFunc(func(context.Context) error { return nil })
	require.NoError(t, s.Manual("a", idle, pawl.WithFormerID("old")))
	require.NoError(t, s.Remove("a"))
	require.NoError(t, s.Manual("b", idle, pawl.WithFormerID("old")))
	require.ErrorIs(t, s.Manual("c", idle, pawl.WithFormerID("old")), pawl.ErrInvalidFlow)
}

// The order is the order of the config, whatever was registered first.
func ExampleScheduler_Order() {
	s := pawl.NewScheduler("jobs.db")
	s.Manual("report", pawl.JobFunc(idle))
	s.Manual("import", pawl.JobFunc(idle))
	fmt.Println(s.Order("import", "report"), s.Order("imp0rt"))
	// Output: <nil> order flow "imp0rt": no such flow
}
