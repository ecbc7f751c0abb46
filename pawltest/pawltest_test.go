package pawltest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawltest"
)

// trial is a test whose failure is what is tested.
type trial struct {
	testing.TB
	mu     sync.Mutex
	failed bool
	lines  []string
}

func (t *trial) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

func (t *trial) Errorf(format string, args ...any) {
	t.Logf(format, args...)
	t.Fail()
}

func (t *trial) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}

func (t *trial) Fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
}

func (t *trial) FailNow() {
	t.Fail()
	runtime.Goexit()
}

func (t *trial) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// try runs a test that may fail, and returns what it logged.
func try(t testing.TB, test func(t testing.TB)) (log string, failed bool) {
	tr := &trial{TB: t}
	done := make(chan struct{}) // closed by the goroutine at its end
	go func() {
		defer close(done)
		test(tr)
	}()
	<-done
	return strings.Join(tr.lines, "\n"), tr.Failed()
}

func job(f func(context.Context) error) pawl.Job { return pawl.JobFunc(f) }

func ok(context.Context) error { return nil }

func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

var midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// time V3
func TestRunNowReturnsTheRunThatIsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := pawltest.NewScheduler(t)
		require.NoError(t, s.Manual("echo", job(func(ctx context.Context) error {
			time.Sleep(time.Hour)
			text, err := pawl.InputOf[string](ctx)
			return errors.Join(err, errors.New("got "+text))
		}), pawl.WithBackoff(pawl.TripAfter(1))))
		r := pawltest.Start(t, s)
		info := pawltest.RunNow(t, r, "echo", pawl.WithInput("hello"))
		assert.Equal(t, pawl.RunFailed, info.Status)
		assert.Equal(t, "got hello", info.Error)
		assert.Equal(t, midnight.Add(time.Hour), info.FinishedAt)

		log, failed := try(t, func(t testing.TB) { pawltest.RunNow(t, r, "echo") })
		assert.True(t, failed)
		assert.Contains(t, log, "tripped")
		log, failed = try(t, func(t testing.TB) { pawltest.RunNow(t, r, "nobody") })
		assert.True(t, failed)
		assert.Contains(t, log, `"nobody"`)
	})
}

// time V3: in real time too.
func TestRunNowNeedsNoBubble(t *testing.T) {
	s := pawltest.NewScheduler(t)
	require.NoError(t, s.Manual("a", job(ok)))
	assert.Equal(t, pawl.RunCompleted, pawltest.RunNow(t, pawltest.Start(t, s), "a").Status)
}

// time V3: when Advance returns, what was due has happened.
func TestAdvanceLetsAllHappenThatIsDue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := pawltest.NewScheduler(t)
		var began atomic.Int64
		require.NoError(t, s.Every("a", time.Minute, job(func(context.Context) error { began.Add(1); return nil })))
		r := pawltest.Start(t, s)
		pawltest.Advance(0)
		assert.Equal(t, int64(1), began.Load())
		pawltest.Advance(time.Minute - time.Millisecond)
		assert.Equal(t, int64(1), began.Load())
		pawltest.Advance(time.Millisecond)
		assert.Equal(t, int64(2), began.Load())
		pawltest.Advance(5 * time.Hour)
		assert.Equal(t, int64(302), began.Load())
		info, _ := r.Status("a")
		assert.Equal(t, int64(302), info.RunCount)
		assert.False(t, r.HasRunning())
	})
}

// time V3: a start that fails ends the test; a stop that leaves runs behind fails it.
func TestStartFailsTheTestWithTheScheduler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		log, failed := try(t, func(t testing.TB) {
			s := pawltest.NewScheduler(t)
			_ = s.Manual("", job(ok)) // an error of Start too
			pawltest.Start(t, s)
			t.Errorf("went on")
		})
		assert.True(t, failed)
		assert.Contains(t, log, "its id is empty")
		assert.NotContains(t, log, "went on")
	})
	var cleanup func()
	bubble(t, func(t *testing.T) {
		s := pawltest.NewScheduler(t, pawl.WithStopTimeout(time.Second))
		require.NoError(t, s.Every("a", time.Minute, job(func(ctx context.Context) error { <-ctx.Done(); return nil })))
		log, failed := try(t, func(t testing.TB) {
			pawltest.Start(cleaner{t, &cleanup}, s)
			pawltest.Advance(time.Minute)
			cleanup()
		})
		assert.True(t, failed)
		assert.Contains(t, log, `"a" in flight`)
	})
}

// cleaner is a test that is told when to clean up.
type cleaner struct {
	testing.TB
	cleanup *func()
}

func (c cleaner) Cleanup(f func()) { *c.cleanup = f }

// time V3: every difference shows, and nothing else fails.
func TestRanComparesInstantsAndStatuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := pawltest.NewScheduler(t)
		calls := 0
		require.NoError(t, s.Cron("a", "0 * * * *", job(func(context.Context) error {
			if calls++; calls == 2 {
				return errors.New("printer on fire\nsend help")
			}
			return nil
		})))
		require.NoError(t, s.Manual("never", job(ok)))
		r := pawltest.Start(t, s)
		pawltest.Advance(3 * time.Hour)
		hour := func(n int) time.Time { return midnight.Add(time.Duration(n) * time.Hour) }
		right := []pawltest.Run{
			{At: hour(1), Status: pawl.RunCompleted},
			{At: hour(2), Status: pawl.RunFailed, Error: "on fire"},
			{At: hour(3).In(time.FixedZone("", 3600)), Status: pawl.RunCompleted},
		}
		pawltest.Ran(t, r, "never")
		pawltest.Ran(t, r, "a", right...)
		pawltest.Ran(t, r, "a", pawltest.Run{}, pawltest.Run{}, pawltest.Run{})
		for name, want := range map[string][]pawltest.Run{
			"none":    nil,
			"fewer":   right[:2],
			"more":    append(right[:3:3], pawltest.Run{}),
			"instant": {{At: hour(1)}, {At: hour(1)}, {At: hour(3)}},
			"status":  {{}, {Status: pawl.RunCompleted}, {}},
			"error":   {{}, {Error: "on ice"}, {}},
		} {
			_, failed := try(t, func(t testing.TB) { pawltest.Ran(t, r, "a", want...) })
			assert.True(t, failed, name)
		}
		log, _ := try(t, func(t testing.TB) { pawltest.Ran(t, r, "a", right[0], right[0]) })
		assert.Equal(t, `pawltest: flow "a" did not run as wanted:
      wanted                          ran
=  1  2000-01-01T01:00:00Z completed  2000-01-01T01:00:00Z completed
!  2  2000-01-01T01:00:00Z completed  2000-01-01T02:00:00Z failed: printer on fire
!  3  nothing                         2000-01-01T03:00:00Z completed
`, log)
		_, failed := try(t, func(t testing.TB) { pawltest.Ran(t, r, "nobody") })
		assert.True(t, failed)
	})
}

// time V3: a flow that ran more often than a page has rows.
func TestRanKnowsEveryRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 2100
		s := pawltest.NewScheduler(t)
		require.NoError(t, s.Manual("a", job(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			return pawl.Skipped(fmt.Sprint("run ", run.Number))
		}), pawl.WithOverlap(pawl.OverlapAllow(n, n))))
		r := pawltest.Start(t, s)
		_, err := r.TriggerMany(t.Context(), "a", make([]any, n))
		require.NoError(t, err)
		pawltest.Advance(time.Second)
		want := make([]pawltest.Run, n)
		for i := range want {
			want[i] = pawltest.Run{At: midnight, Status: pawl.RunSkipped, Error: fmt.Sprint("run ", i+1)}
		}
		pawltest.Ran(t, r, "a", want...)
	})
}
