package pawl_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// WaitRun waits for a run that waits itself, in memory or in the store alone, until it
// is over, however it ends. time Q1, time O3.
func TestWaitRunWaitsForARunThatWaits(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond))
		nap := func(context.Context) error { time.Sleep(time.Second); return nil }
		require.NoError(t, s.Manual("queue", harness.Job(nap), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := harness.Start(t, s)
		first, err := r.TriggerMany(t.Context(), "queue", make([]any, 500))
		require.NoError(t, err)
		ends := make(chan pawl.RunInfo, 4) // one for each who waits
		wait := func(wait func(context.Context, string, int64) (pawl.RunInfo, error), run int64) {
			info, err := wait(t.Context(), "queue", run)
			assert.NoError(t, err)
			ends <- info
		}
		c := harness.OpenClient(t, db)
		go wait(r.WaitRun, first+1)   // in memory
		go wait(r.WaitRun, first+400) // in the store
		go wait(c.WaitRun, first+2)
		go wait(r.WaitRun, first+450)
		synctest.Wait()
		assert.Empty(t, ends)
		require.NoError(t, r.Cancel(t.Context(), "queue", first+450))
		cancelled := <-ends
		assert.Equal(t, first+450, cancelled.Number)
		assert.Equal(t, pawl.RunCancelled, cancelled.Status)
		for _, n := range []int64{1, 2, 400} {
			info := <-ends
			assert.Equal(t, first+n, info.Number)
			assert.Equal(t, pawl.RunCompleted, info.Status)
		}
		info, err := r.WaitRun(t.Context(), "queue", first)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status, "over, while others wait")
		require.NoError(t, c.Close())
		time.Sleep(time.Hour)
		harness.Stop(t, r, db)
	})
}

// Between two attempts a run is not over. time Q4.
func TestWaitRunOutlastsFailedAttempts(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
			if run, _ := pawl.RunFrom(ctx); run.Attempt < 3 {
				return errors.New("boom")
			}
			return nil
		}), pawl.WithRetry(5, pawl.BackoffPolicy{Initial: time.Hour, Jitter: pawl.NoJitter})))
		r := harness.Start(t, s)
		info := harness.Finish(t, r, "work")
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, 3, info.Attempt)
		harness.Stop(t, r, db)
	})
}

// A backfill that is dropped ends the wait for its runs. time M2.
func TestWaitRunEndsWithADroppedBackfill(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		time.Sleep(24 * time.Hour)
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("hourly", "0 * * * *", harness.Job(func(context.Context) error { time.Sleep(time.Minute); return nil })))
		r := harness.Start(t, s)
		n, err := r.Backfill(t.Context(), "hourly", pawl.Backfill{From: time.Now().Add(-5 * time.Hour), To: time.Now()})
		require.NoError(t, err)
		require.Equal(t, int64(6), n)
		ends := make(chan pawl.RunInfo, 2) // one for each who waits
		for _, run := range []int64{1, 6} {
			go func() {
				info, err := r.WaitRun(t.Context(), "hourly", run)
				assert.NoError(t, err)
				ends <- info
			}()
		}
		synctest.Wait()
		require.NoError(t, r.CancelBackfill(t.Context(), "hourly", "no more"))
		assert.Equal(t, pawl.RunCancelled, (<-ends).Status)
		assert.Equal(t, pawl.RunCompleted, (<-ends).Status)
		harness.Stop(t, r, db)
	})
}

// family is parents that each start a child and wait for it.
type family struct {
	runner *pawl.Runner
	mu     sync.Mutex
	errs   []error
}

// waitsFor is a job that starts a run of a flow and waits for its end.
func (f *family) waitsFor(id string) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		time.Sleep(time.Second) // all parents have started
		run, err := f.runner.Trigger(ctx, id)
		if err == nil {
			_, err = f.runner.WaitRun(ctx, id, run)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.errs = append(f.errs, err)
		return nil
	})
}

// refused is how many waits were refused, of all.
func (f *family) refused(t *testing.T) (refused, all int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, err := range f.errs {
		if errors.Is(err, pawl.ErrWouldWaitForItself) {
			refused++
		} else {
			assert.NoError(t, err)
		}
	}
	return refused, len(f.errs)
}

// A job is not let wait for a run that cannot start before jobs that wait have ended; as it
// is refused, its slot is free, and the others come to their ends. found Q13.
func TestJobIsNotLetWaitForItself(t *testing.T) {
	brief := harness.Sleeps(10 * time.Second)
	for name, test := range map[string]struct {
		register     func(*pawl.Scheduler, *family) error
		start        []string
		refused, all int
	}{
		"two parents under a limit of two": {func(s *pawl.Scheduler, f *family) error {
			return errors.Join(s.Manual("parent", f.waitsFor("child"), pawl.WithOverlap(pawl.OverlapAllow(9, 0))),
				s.Manual("child", harness.Job(brief), pawl.WithOverlap(pawl.OverlapBuffer(9))))
		}, []string{"parent", "parent"}, 1, 2},
		"a parent beside another flow": {func(s *pawl.Scheduler, f *family) error {
			return errors.Join(s.Manual("parent", f.waitsFor("child")), s.Manual("child", harness.Job(brief), pawl.WithOverlap(pawl.OverlapBuffer(9))),
				s.Manual("long", harness.Job(harness.Sleeps(time.Hour))))
		}, []string{"long", "parent"}, 0, 1},
		"a parent, a child and a grandchild": {func(s *pawl.Scheduler, f *family) error {
			return errors.Join(s.Manual("parent", f.waitsFor("child")), s.Manual("child", f.waitsFor("grandchild")),
				s.Manual("grandchild", harness.Job(brief)))
		}, []string{"parent"}, 1, 2},
		"a group of one": {func(s *pawl.Scheduler, f *family) error {
			return errors.Join(s.Manual("parent", f.waitsFor("child"), pawl.WithGroup("one")), s.Manual("child", harness.Job(brief), pawl.WithGroup("one")))
		}, []string{"parent"}, 1, 1},
		"its own flow": {func(s *pawl.Scheduler, f *family) error {
			first := f.waitsFor("parent")
			return s.Manual("parent", harness.Job(func(ctx context.Context) error {
				if run, _ := pawl.RunFrom(ctx); run.Number > 1 {
					return nil
				}
				return first.Run(ctx)
			}), pawl.WithOverlap(pawl.OverlapBuffer(1)))
		}, []string{"parent"}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				s := harness.Quiet(db, pawl.WithMaxRunning(2), pawl.WithGroupLimit("one", 1))
				f := &family{}
				require.NoError(t, test.register(s, f))
				f.runner = harness.Start(t, s)
				for _, id := range test.start {
					harness.Trigger(t, f.runner, id)
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				refused, all := f.refused(t)
				assert.Equal(t, []int{test.refused, test.all}, []int{refused, all})
				assert.False(t, f.runner.HasRunning())
				harness.Stop(t, f.runner, db)
			})
		})
	}
}

// A job is not let wait for its own run, nor two for each other. One that gives up waiting is
// in nobody's way. found Q13.
func TestJobsAreNotLetWaitForEachOther(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		var r *pawl.Runner
		errs := make(chan error, 4) // one for each wait
		waits := func(id string, after time.Duration) pawl.Job {
			return harness.Job(func(ctx context.Context) error {
				time.Sleep(after)
				_, err := r.WaitRun(ctx, id, 1)
				errs <- err
				return nil
			})
		}
		require.NoError(t, s.Manual("self", waits("self", 0)))
		require.NoError(t, s.Manual("a", waits("b", time.Second)))
		require.NoError(t, s.Manual("b", waits("a", 2*time.Second)))
		require.NoError(t, s.Manual("hasty", harness.Job(func(ctx context.Context) error {
			time.Sleep(time.Millisecond)
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := r.WaitRun(short, "patient", 1)
			errs <- err
			time.Sleep(time.Minute)
			return nil
		})))
		require.NoError(t, s.Manual("patient", waits("hasty", 2*time.Second)))
		r = harness.Start(t, s)
		harness.Trigger(t, r, "self")
		err := <-errs
		require.ErrorIs(t, err, pawl.ErrWouldWaitForItself)
		assert.ErrorContains(t, err, `run 1 of flow "self" is the job's own run`)
		harness.Trigger(t, r, "a")
		harness.Trigger(t, r, "b")
		require.ErrorIs(t, <-errs, pawl.ErrWouldWaitForItself, "b, which comes last")
		require.NoError(t, <-errs)
		harness.Trigger(t, r, "hasty")
		harness.Trigger(t, r, "patient")
		require.ErrorIs(t, <-errs, context.DeadlineExceeded)
		require.NoError(t, <-errs)
		synctest.Wait()
		harness.Stop(t, r, db)
	})
}

// A run is over when its job returns, not when the database takes the commit: while another
// program holds the lock, and also when the process ends before it lets go.
//
// found A11.
func TestRunIsOverWhenItsJobReturns(t *testing.T) {
	build := func(t *testing.T, db string) *pawl.Scheduler {
		s := harness.Quiet(db, pawl.WithStopTimeout(time.Second))
		require.NoError(t, s.Manual("a", harness.Job(func(context.Context) error { time.Sleep(3 * time.Second); return nil })))
		return s
	}
	lock := func(t *testing.T, db string) (unlock func()) {
		c, err := harness.Open(t, db).Conn(t.Context())
		require.NoError(t, err)
		_, err = c.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		require.NoError(t, err)
		return func() {
			_, err := c.ExecContext(t.Context(), "ROLLBACK")
			require.NoError(t, err)
			require.NoError(t, c.Close())
		}
	}
	t.Run("locked", func(t *testing.T) {
		harness.Bubble(t, func(t *testing.T, db string) {
			r := harness.Start(t, build(t, db))
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
			unlock := lock(t, db)
			time.Sleep(12 * time.Second)
			unlock()
			info, err := r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunCompleted, info.Status)
			assert.InDelta(t, 3, info.FinishedAt.Sub(info.StartedAt).Seconds(), .01)
			harness.Verify(t, db)
			harness.Stop(t, r, db)
		})
	})
	t.Run("stopped meanwhile", func(t *testing.T) {
		harness.Bubble(t, func(t *testing.T, db string) {
			r := harness.Start(t, build(t, db))
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
			unlock := lock(t, db)
			time.Sleep(2 * time.Second)
			_ = r.Stop(context.Background()) // says that the database is locked
			unlock()
			time.Sleep(time.Hour)
			r = harness.Start(t, build(t, db))
			info, err := r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
			assert.Equal(t, pawl.RunCompleted, info.Status)
			assert.InDelta(t, 3, info.FinishedAt.Sub(info.StartedAt).Seconds(), .01)
			harness.Verify(t, db)
			harness.Stop(t, r, db)
		})
	})
}
