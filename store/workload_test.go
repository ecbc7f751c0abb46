package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// workload is what an owner does to a store, step by step, with all that the file
// then holds: the measure of what a fault may leave behind.
type workload struct {
	steps []step
	after []string       // what the file holds after so many steps
	last  map[string]int // the most steps after which it holds that
}

// step is one call, and all of a transaction or no transaction at all.
type step struct {
	name string
	do   func(ctx context.Context, s *Store) error
}

// newWorkload makes steps of the engine's own transitions, with checkpoints among
// the first of so many commits, and carries them out once on a disk without faults.
func newWorkload(t *testing.T, seed uint64, commits, checkpoints int) *workload {
	t.Helper()
	steps, err := plan(seed, commits, checkpoints)
	require.NoError(t, err)
	w := &workload{steps: steps, last: map[string]int{}}
	path := filepath.Join(scratch(t), "jobs.db")
	s := openStore(t, path, Options{})
	for n := 0; ; n++ {
		text, err := dump(t.Context(), s.Reader)
		require.NoError(t, err)
		w.after = append(w.after, text)
		w.last[text] = n
		if n == len(w.steps) {
			break
		}
		require.NoError(t, w.steps[n].do(t.Context(), s), w.steps[n].name)
	}
	found, err := s.Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
	require.NoError(t, s.Close())
	return w
}

// dump is all that a file holds but what chance gave it, the id.
func dump(ctx context.Context, r *Reader) (string, error) {
	var text strings.Builder
	for _, query := range []string{
		"SELECT generation, passive FROM pawl_database", "SELECT * FROM pawl_runners", "SELECT * FROM pawl_commands",
		"SELECT * FROM pawl_flow_plan", "SELECT * FROM pawl_flow_state", "SELECT * FROM pawl_run_log", "SELECT * FROM pawl_transition_log",
		"SELECT * FROM pawl_checkpoint_log", "SELECT * FROM pawl_attempt_log", "SELECT * FROM pawl_verdict_log", "SELECT * FROM pawl_keys",
	} {
		rows, err := r.db.QueryxContext(ctx, query)
		if err != nil {
			return "", err
		}
		for rows.Next() {
			row, err := rows.SliceScan()
			if err != nil {
				return "", errors.Join(err, rows.Close())
			}
			fmt.Fprintln(&text, row...)
		}
		if err := rows.Err(); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// check starts an owner on what a fault left in a folder, after so many steps were
// acknowledged, and says what must not be.
func (w *workload) check(ctx context.Context, folder string, acknowledged int) (err error) {
	s, err := Open(ctx, filepath.Join(folder, "jobs.db"), Options{Owner: Self(epoch)})
	if err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.Load(ctx); err != nil {
		return fmt.Errorf("it does not load: %w", err)
	}
	return w.judge(ctx, s.Reader, acknowledged)
}

// glance is check without an owner, in half the time.
func (w *workload) glance(ctx context.Context, folder string, acknowledged int) (err error) {
	r, err := OpenReader(ctx, filepath.Join(folder, "jobs.db"))
	if err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return w.judge(ctx, r, acknowledged)
}

// judge says what must not be. The file holds what it held after the steps that
// were acknowledged or after later ones, never a part of a step: that is faults I1, faults I2 and
// faults I4 at once. Verify adds faults I2 from the outside, and faults I7.
func (w *workload) judge(ctx context.Context, r *Reader, acknowledged int) error {
	text, err := dump(ctx, r)
	if err != nil {
		return err
	}
	switch n, known := w.last[text]; {
	case !known:
		return fmt.Errorf("it never held this:\n%s", text)
	case n < acknowledged:
		return fmt.Errorf("%d steps were acknowledged, it holds %d: lost is %q", acknowledged, n, w.steps[n].name)
	}
	found, err := r.Verify(ctx)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("verify finds: %s", strings.Join(found, "; "))
	}
	return err
}

// record carries the steps out on a disk that keeps a log, and notes in it how
// many are acknowledged: early, before they are done, or when they are. The last
// lines of the log are those of Close.
func (w *workload) record(t *testing.T, early bool, opened func(*Store)) []faultvfs.Op {
	t.Helper()
	folder := scratch(t)
	storage := faultvfs.Watch(folder)
	defer storage.Close()
	s := openStore(t, filepath.Join(folder, "jobs.db"), Options{})
	if opened != nil {
		opened(s)
	}
	for n, step := range w.steps {
		if early {
			storage.Mark(int64(n + 1))
		}
		require.NoError(t, step.do(t.Context(), s), step.name)
		storage.Mark(int64(n + 1))
	}
	require.NoError(t, s.Close())
	return storage.Log()
}
