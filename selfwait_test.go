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
)

// family is parents that each start a child and wait for it.
type family struct {
	runner *pawl.Runner
	mu     sync.Mutex
	errs   []error
}

// waitsFor is a job that starts a run of a flow and waits for its end.
func (f *family) waitsFor(id string) pawl.Job {
	return job(func(ctx context.Context) error {
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
	brief := sleeps(10 * time.Second)
	for name, test := range map[string]struct {
		register     func(*pawl.Scheduler, *family) error
		start        []string
		refused, all int
	}{
		"two parents under a limit of two": {func(s *pawl.Scheduler, f *family) error {
			return errors.Join(s.Manual("parent", f.waitsFor("child"), pawl.WithOverlap(pawl.OverlapAllow(9, 0))),
				s.Manual("child", job(brief), pawl.WithOverlap(pawl.OverlapBuffer(9))))
		}, []string{"parent", "parent"}, 1, 2},
		"a parent beside another flow": {func(s *pawl.Scheduler, f *family) error {
			return errors.Join(s.Manual("parent", f.waitsFor("child")), s.Manual("child", job(brief), pawl.WithOverlap(pawl.OverlapBuffer(9))),
				s.Manual("long", job(sleeps(time.Hour))))
		}, []string{"long", "parent"}, 0, 1},
		"a parent, a child and a grandchild": {func(s *pawl.Scheduler, f *family) error {
			return errors.Join(s.Manual("parent", f.waitsFor("child")), s.Manual("child", f.waitsFor("grandchild")),
				s.Manual("grandchild", job(brief)))
		}, []string{"parent"}, 1, 2},
		"a group of one": {func(s *pawl.Scheduler, f *family) error {
			return errors.Join(s.Manual("parent", f.waitsFor("child"), pawl.WithGroup("one")), s.Manual("child", job(brief), pawl.WithGroup("one")))
		}, []string{"parent"}, 1, 1},
		"its own flow": {func(s *pawl.Scheduler, f *family) error {
			first := f.waitsFor("parent")
			return s.Manual("parent", job(func(ctx context.Context) error {
				if run, _ := pawl.RunFrom(ctx); run.Number > 1 {
					return nil
				}
				return first.Run(ctx)
			}), pawl.WithOverlap(pawl.OverlapBuffer(1)))
		}, []string{"parent"}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				s := quiet(db, pawl.WithMaxRunning(2), pawl.WithGroupLimit("one", 1))
				f := &family{}
				require.NoError(t, test.register(s, f))
				f.runner = start(t, s)
				for _, id := range test.start {
					trigger(t, f.runner, id)
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				refused, all := f.refused(t)
				assert.Equal(t, []int{test.refused, test.all}, []int{refused, all})
				assert.False(t, f.runner.HasRunning())
				stop(t, f.runner, db)
			})
		})
	}
}

// A job is not let wait for its own run, nor two for each other. One that gives up waiting is
// in nobody's way. found Q13.
func TestJobsAreNotLetWaitForEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		var r *pawl.Runner
		errs := make(chan error, 4) // one for each wait
		waits := func(id string, after time.Duration) pawl.Job {
			return job(func(ctx context.Context) error {
				time.Sleep(after)
				_, err := r.WaitRun(ctx, id, 1)
				errs <- err
				return nil
			})
		}
		require.NoError(t, s.Manual("self", waits("self", 0)))
		require.NoError(t, s.Manual("a", waits("b", time.Second)))
		require.NoError(t, s.Manual("b", waits("a", 2*time.Second)))
		require.NoError(t, s.Manual("hasty", job(func(ctx context.Context) error {
			time.Sleep(time.Millisecond)
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := r.WaitRun(short, "patient", 1)
			errs <- err
			time.Sleep(time.Minute)
			return nil
		})))
		require.NoError(t, s.Manual("patient", waits("hasty", 2*time.Second)))
		r = start(t, s)
		trigger(t, r, "self")
		err := <-errs
		require.ErrorIs(t, err, pawl.ErrWouldWaitForItself)
		assert.ErrorContains(t, err, `run 1 of flow "self" is the job's own run`)
		trigger(t, r, "a")
		trigger(t, r, "b")
		require.ErrorIs(t, <-errs, pawl.ErrWouldWaitForItself, "b, which comes last")
		require.NoError(t, <-errs)
		trigger(t, r, "hasty")
		trigger(t, r, "patient")
		require.ErrorIs(t, <-errs, context.DeadlineExceeded)
		require.NoError(t, <-errs)
		synctest.Wait()
		stop(t, r, db)
	})
}
