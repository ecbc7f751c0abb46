package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// What the transitions say of the end of the newest run is what the flow's row says,
// whatever that end was.
func TestFoldedFlowHasItsLastEnd(t *testing.T) {
	for name, end := range map[string]core.Event{
		"success": success, "failure": failure, "interrupt": interrupt, "spared": spared, "cancel": cancel,
	} {
		b := newBook(t, filepath.Join(t.TempDir(), "jobs.db"))
		b.flow("import", schedule.Manual(), nil, nil)
		b.run("import", core.TriggerManual, success)
		b.now = b.now.Add(time.Minute)
		b.run("import", core.TriggerManual, end)
		row, ok, err := b.store.Flow(t.Context(), "import")
		require.NoError(t, err)
		require.True(t, ok)
		require.NotZero(t, row.LastEnd)
		flows, err := b.store.At(t.Context(), b.now.Add(time.Hour))
		require.NoError(t, err)
		require.Len(t, flows, 1)
		assert.Equal(t, row.LastEnd, flows[0].LastEnd, name)
		require.NoError(t, b.store.Close())
	}
}
