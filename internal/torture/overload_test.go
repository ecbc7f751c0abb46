package torture_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
)

// The tests of this file ask for more than there is time for: the row "1e6 triggers
// at once, 1e5 flows due at once" of the matrix of faults. PAWL_TORTURE=1 makes it
// that many, else it is a tenth.

func torture(n int) int {
	if os.Getenv("PAWL_TORTURE") == "" {
		return n / 10
	}
	return n
}

// Matrix: of a million triggers at once, those for which there is room are carried
// out and all others refused at once, in bounded memory; a reset goes before them.
func TestTriggersForWhichThereIsNoRoomAreRefusedAtOnce(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		const queue, callers = 5000, 8000
		f := flood(t, db, queue)
		before, each := harness.HeapBytes(), torture(1_000_000)/callers
		f.trigger(callers, each)
		assert.EqualValues(t, queue+1, f.waiting.Load(), "one in the commit, and as many as there is room for")
		assert.EqualValues(t, (callers-queue)*each, f.full.Load(), "the others are refused without waiting")
		assert.Less(t, harness.HeapBytes()-before, int64(8<<20), "bytes for those who wait")

		reset := make(chan error, 1)
		go func() { reset <- f.runner.Reset(t.Context(), "flow 7") }()
		synctest.Wait()
		f.release(1) // the commit that was under way
		assert.Empty(t, reset)
		f.release(1) // the next
		require.Len(t, reset, 1, "a reset waits for no trigger")
		require.NoError(t, <-reset)

		f.open()
		assert.Zero(t, f.waiting.Load(), "everybody is answered")
		f.leave(db)
	})
}

// Matrix: a stop is not starved either. What was queued before is carried out.
func TestStopGoesThroughAFullQueue(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		f := flood(t, db, 1024)
		f.trigger(2000, 10)
		stopped := make(chan error, 1)
		go func() { stopped <- f.runner.Stop(t.Context()) }()
		synctest.Wait()
		_, err := f.runner.Trigger(t.Context(), "flow 7")
		require.ErrorIs(t, err, pawl.ErrStopped)
		before := f.commits.Load()
		f.open()
		require.Len(t, stopped, 1)
		require.NoError(t, <-stopped)
		assert.Less(t, f.commits.Load()-before, int64(10), "commits until the end")
		assert.Zero(t, f.waiting.Load(), "everybody is answered")
		f.leave(db)
	})
}

// A deluge is a scheduler that is asked for more than it can do while its disk
// takes its time.
type deluge struct {
	t       *testing.T
	runner  *pawl.Runner
	gate    chan struct{} // one value lets one commit go on; closed: all of them
	commits atomic.Int64  // that were asked for

	waiting, done, full, busy atomic.Int64 // callers of Trigger, and what they were told
}

const flooded = 100 // flows

// flood starts a scheduler whose disk has just stopped, under a commit.
func flood(t *testing.T, db string, queue int) *deluge {
	f := &deluge{t: t, gate: make(chan struct{})}
	slow := &slowStore{}
	s := harness.Quiet(db, pawl.WithQueue(queue), harness.WithStore(func(s engine.Store) engine.Store { slow.Store = s; return slow }))
	for i := range flooded {
		require.NoError(t, s.Manual(fmt.Sprint("flow ", i), harness.Job(harness.OK)))
	}
	f.runner = harness.Start(t, s)
	before := func(engine.Batch) {
		f.commits.Add(1)
		<-f.gate
	}
	slow.before.Store(&before)

	f.trigger(1, 1)
	require.EqualValues(t, 1, f.waiting.Load())
	return f
}

// trigger lets callers trigger flows, one after the other, until all of them wait.
func (f *deluge) trigger(callers, each int) {
	for i := range callers {
		go func() {
			for range each {
				f.waiting.Add(1)
				_, err := f.runner.Trigger(context.Background(), fmt.Sprint("flow ", i%flooded))
				f.waiting.Add(-1)
				f.count(err)
			}
		}()
	}
	synctest.Wait()
}

// count notes what a caller was told.
func (f *deluge) count(err error) {
	switch {
	case err == nil:
		f.done.Add(1)
	case errors.Is(err, pawl.ErrQueueFull):
		f.full.Add(1)
	case errors.Is(err, pawl.ErrAlreadyRunning):
		f.busy.Add(1)
	case !errors.Is(err, pawl.ErrStopped):
		f.t.Errorf("trigger: %v", err)
	}
}

// release lets so many commits go on.
func (f *deluge) release(commits int) {
	for range commits {
		f.gate <- struct{}{}
		synctest.Wait()
	}
}

// open lets all commits go on, until everybody is answered.
func (f *deluge) open() {
	close(f.gate)
	synctest.Wait()
}

// leave stops the scheduler. Those who were told of a run have one, nobody else.
func (f *deluge) leave(db string) {
	harness.Stop(f.t, f.runner, db)
	var runs int64
	for _, flow := range f.runner.List() {
		runs += flow.RunCount
	}
	assert.Equal(f.t, f.done.Load(), runs)
	assert.Positive(f.t, f.busy.Load())
}

// slowStore calls before ahead of each commit.
type slowStore struct {
	engine.Store
	before atomic.Pointer[func(engine.Batch)]
}

func (s *slowStore) Commit(ctx context.Context, b engine.Batch) error {
	if before := s.before.Load(); before != nil {
		(*before)(b)
	}
	return s.Store.Commit(ctx, b)
}

// Matrix: of a hundred thousand flows that are due at once every one runs once, and
// a reset is answered meanwhile.
func TestFlowsThatAreDueAtOnceRunOnceEach(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		flows := torture(100_000)
		slow := &slowStore{}
		s := harness.Quiet(db, harness.WithStore(func(s engine.Store) engine.Store { slow.Store = s; return slow }))
		began := make([]atomic.Int32, flows)
		for i := range flows {
			require.NoError(t, s.Every(fmt.Sprint("flow ", i), time.Hour, harness.Job(func(context.Context) error { began[i].Add(1); return nil })))
		}
		r := harness.Start(t, s)
		synctest.Wait()
		for i := range flows {
			require.EqualValues(t, 1, began[i].Load(), i)
		}

		commits, most, reset := 0, 0, make(chan error, 1)
		before := func(b engine.Batch) { // of the driver
			commits++
			most = max(most, len(b.Changes))
			switch commits {
			case 3:
				go func() { reset <- r.Reset(t.Context(), "flow 0") }()
				synctest.Wait() // it is asked for now
			case 5:
				synctest.Wait()
				assert.Len(t, reset, 1, "it was in commit 4")
			}
		}
		slow.before.Store(&before)
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		for i := range flows {
			require.EqualValues(t, 2, began[i].Load(), i)
			require.EqualValues(t, 2, harness.Status(t, r, fmt.Sprint("flow ", i)).RunCount)
		}
		require.NoError(t, <-reset)
		assert.LessOrEqual(t, most, 3000, "changes in a commit, for which a reset may have to wait")
		slow.before.Store(nil)
		harness.Stop(t, r, db)
	})
}

// Matrix: a million runs that wait (10,000 without PAWL_TORTURE) fill no memory, and are
// worked off in order. time O3.
func TestRunsThatWaitFillNoMemory(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		const chunk = 1000
		total, text := torture(torture(1_000_000)), strings.Repeat("x", 2000)
		var began atomic.Int64
		gate := make(chan struct{})
		build := func(limit int) *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("queue", harness.Job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				if input, err := pawl.InputOf[string](ctx); err != nil || input != text || run.Number != began.Add(1) {
					t.Errorf("run %d, as the %d-th: input of %d bytes, %v", run.Number, began.Load(), len(input), err)
				}
				<-gate
				return nil
			}), pawl.WithOverlap(pawl.OverlapAllow(limit, 2_000_000)), pawl.WithRetention(10, 0)))
			return s
		}
		before := harness.HeapBytes()
		r := harness.Start(t, build(1))
		inputs := make([]any, chunk)
		for i := range inputs {
			inputs[i] = text
		}
		for range total / chunk {
			_, err := r.TriggerMany(t.Context(), "queue", inputs)
			require.NoError(t, err)
		}
		synctest.Wait()
		assert.Equal(t, total-1, harness.Status(t, r, "queue").Waiting)
		assert.Less(t, harness.HeapBytes()-before, int64(8<<20), "bytes with %d bytes of inputs in the file", total*len(text))
		close(gate)
		synctest.Wait()
		assert.EqualValues(t, total, began.Load())
		harness.Stop(t, r, db)
	})
}
