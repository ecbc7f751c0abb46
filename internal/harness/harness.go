// Package harness is what tests of several packages share: a scheduler in a bubble of virtual
// time, small jobs, stores that fail or die, and checks of a file.
package harness

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/hook"
	"github.com/pawl-go/pawl/store"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// WithStore lets a test stand between the engine and its store.
func WithStore(wrap func(engine.Store) engine.Store) pawl.Option {
	return hook.Option(hook.Hooks{Store: wrap}).(pawl.Option)
}

// WithNow lets a test shift the wall clock.
func WithNow(now func() time.Time) pawl.Option {
	return hook.Option(hook.Hooks{Now: now}).(pawl.Option)
}

// WithBuilt says when the program was built.
func WithBuilt(at time.Time) pawl.Option {
	return hook.Option(hook.Hooks{Built: at}).(pawl.Option)
}

// OpenClient opens a client, which the test closes.
func OpenClient(t *testing.T, db string) *pawl.Client {
	t.Helper()
	c, err := pawl.Open(db)
	require.NoError(t, err)
	return c
}

// Post leaves a command in the inbox and returns its row.
func Post(t *testing.T, client *pawl.Client, verb, id string) int64 {
	row, err := client.Post(t.Context(), verb, id)
	require.NoError(t, err)
	return row
}

// RunName names a run in texts of a test.
func RunName(flow string, number int64) string { return fmt.Sprintf("%s/%d", flow, number) }

// Mortal is a store whose process can die.
type Mortal struct {
	engine.Store
	Dead *atomic.Bool
}

func (m *Mortal) Commit(ctx context.Context, b engine.Batch) error {
	if m.Dead.Load() {
		return errors.New("the process is dead")
	}
	return m.Store.Commit(ctx, b)
}

func (m *Mortal) Farewell(f engine.Farewell) error {
	if m.Dead.Load() {
		return errors.New("the process is dead")
	}
	return m.Store.Farewell(f)
}

// Texts is what a query for texts finds in the file.
func Texts(t *testing.T, db, query string, args ...any) (list []string) {
	t.Helper()
	other, err := sql.Open("sqlite", db+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer other.Close()
	rows, err := other.QueryContext(t.Context(), query, args...)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		list = append(list, text)
	}
	require.NoError(t, rows.Err())
	return list
}

// heap is how many bytes are in use.
func HeapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Bubble runs a test under virtual time, which begins at 2000-01-01 00:00 UTC,
// with the path of a database that does not exist yet.
func Bubble(t *testing.T, test func(t *testing.T, db string)) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) { test(t, db) })
}

// Quiet is a scheduler that does not fill the test's output, nor virtual time
// with looks at the inbox.
func Quiet(db string, opts ...pawl.Option) *pawl.Scheduler {
	return pawl.NewScheduler(db, append([]pawl.Option{pawl.WithLogger(slog.New(slog.DiscardHandler)), pawl.WithInboxPoll(0)}, opts...)...)
}

// Start starts a scheduler, which must work.
func Start(t *testing.T, s *pawl.Scheduler) *pawl.Runner {
	t.Helper()
	r, err := s.Start(t.Context())
	require.NoError(t, err)
	return r
}

// Stop stops a runner in an orderly way and checks what it leaves behind.
func Stop(t *testing.T, r *pawl.Runner, db string) {
	t.Helper()
	require.NoError(t, r.Stop(context.Background()))
	Verify(t, db)
}

// Verify fails the test if the file contradicts itself.
func Verify(t *testing.T, db string) {
	t.Helper()
	reader, err := store.OpenReader(context.Background(), db)
	require.NoError(t, err)
	defer reader.Close()
	found, err := reader.Verify(context.Background())
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.NoError(t, CheckAttempts(db, reader))
}

// CopyDatabase copies a file as a crash would leave it now. It drops the locks that
// this process has on it.
func CopyDatabase(t *testing.T, from, to string) {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		text, err := os.ReadFile(from + suffix)
		if !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(to+suffix, text, 0o600))
		}
	}
}

// Job makes a job of a function.
func Job(f func(context.Context) error) pawl.Job { return pawl.JobFunc(f) }

// OK is a job that succeeds.
func OK(context.Context) error { return nil }
