package workflow_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// attempts runs a task that always fails, and returns when it was called.
func attempts(t *testing.T, err error, opts ...workflow.StateOption) (calls []time.Duration, got error) {
	t.Helper()
	began := time.Now()
	_, got = run(t, of(func(context.Context, *resources) (state, error) {
		calls = append(calls, time.Since(began))
		return "", err
	}, opts...))
	require.ErrorIs(t, got, err)
	return calls, got
}

// workflow F4: exponential, 3 retries, 100 ms, 2.0, 30 s, 0.1.
func TestDefaultIsThreeRetriesWithExponentialWaits(t *testing.T) {
	assert.Equal(t, workflow.Backoff{Initial: 100 * time.Millisecond, Multiplier: 2, MaxDelay: 30 * time.Second, Jitter: 0.1},
		workflow.Exponential())
	bubble(t, func(t *testing.T) {
		calls, err := attempts(t, errBoom)
		require.Len(t, calls, 4)
		for i, want := range []time.Duration{100, 200, 400} {
			want *= time.Millisecond
			assert.InDelta(t, want, calls[i+1]-calls[i], float64(want/10))
		}
		assert.EqualError(t, err, "state start, after 4 attempts: boom")
	})
}

// workflow F4
func TestRetriesWithFixedWaitsAndNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls, _ := attempts(t, errBoom, workflow.WithRetry(2, steady(time.Minute)))
		assert.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}, calls)
		calls, err := attempts(t, errBoom, workflow.WithoutRetry())
		assert.Len(t, calls, 1)
		assert.EqualError(t, err, "state start: boom")
	})
}

// workflow F4
func TestPermanentErrorIsNotTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls, _ := attempts(t, workflow.Permanent(errBoom))
		assert.Len(t, calls, 1)
		require.NoError(t, workflow.Permanent(nil))
	})
}

// workflow F4
func TestBackoffDelay(t *testing.T) {
	b := workflow.Backoff{Initial: time.Second, MaxDelay: 10 * time.Second, Jitter: 0.5}
	for n, want := range []time.Duration{1, 1, 2, 4, 8, 10, 10} {
		assert.Equal(t, want*time.Second, b.Delay(n, 0), "try %d", n)
	}
	assert.Equal(t, 3*time.Second, b.Delay(2, 1))
	assert.Equal(t, time.Second, b.Delay(2, -1))
	assert.Equal(t, 10*time.Second, b.Delay(100_000, 1), "no longer than the longest")
	assert.Equal(t, time.Hour, workflow.Backoff{Initial: time.Hour}.Delay(9, 0))
}

// workflow F4: no random source, and yet two runs do not go in step.
func TestJitterDiffersBetweenRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := make(map[time.Duration]bool)
		for range 10 {
			calls, _ := attempts(t, errBoom, workflow.WithRetry(1, workflow.Exponential()))
			seen[calls[1]] = true
		}
		assert.Len(t, seen, 10)
	})
}

// workflow F4
func TestAttemptTimeoutEndsAnAttemptAndNotTheRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		w := of(func(ctx context.Context, _ *resources) (state, error) {
			if calls++; calls == 3 {
				return "end", nil
			}
			return "", works(ctx, time.Hour)
		}, workflow.WithAttemptTimeout(time.Minute), workflow.WithRetry(3, steady(time.Second)))
		_, err := run(t, w)
		require.NoError(t, err)
		assert.Equal(t, midnight.Add(2*time.Minute+2*time.Second), time.Now().UTC())

		_, err = run(t, of(func(ctx context.Context, _ *resources) (state, error) { return "", works(ctx, time.Hour) },
			workflow.WithAttemptTimeout(time.Minute), workflow.WithoutRetry()))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "timeout of an attempt, 1m0s")
	})
}

// workflow F4: closed, open, half-open, closed; a refusal calls nothing and spends no attempt.
func TestBreakerOpensAndClosesAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := workflow.NewBreaker(3, time.Minute)
		var calls int
		var answer error
		w := of(func(context.Context, *resources) (state, error) { calls++; return "end", answer },
			workflow.WithBreaker(b), workflow.WithRetry(10, steady(time.Second)))

		answer = errBoom
		_, err := run(t, w)
		require.ErrorIs(t, err, workflow.ErrBreakerOpen)
		var e *workflow.TaskError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 3, e.Attempts, "those of the task; the refusal is none")
		assert.Equal(t, 3, calls)
		assert.Equal(t, workflow.BreakerOpen, b.State())

		_, err = run(t, w)
		require.ErrorIs(t, err, workflow.ErrBreakerOpen)
		require.ErrorAs(t, err, &e)
		assert.Zero(t, e.Attempts)
		assert.Equal(t, 3, calls, "nothing is called while it is open")

		time.Sleep(time.Minute)
		assert.Equal(t, workflow.BreakerHalfOpen, b.State())
		_, err = run(t, w)
		require.ErrorIs(t, err, workflow.ErrBreakerOpen)
		assert.Equal(t, 4, calls, "one call tries, and opens it again")
		assert.Equal(t, workflow.BreakerOpen, b.State())

		time.Sleep(time.Minute)
		answer = nil
		_, err = run(t, w)
		require.NoError(t, err)
		assert.Equal(t, workflow.BreakerClosed, b.State())
	})
}

// workflow F4: a refusal tells of what the attempts before it failed, in a branch, too.
func TestRefusalOfABreakerTellsTheLastError(t *testing.T) {
	for name, do := range map[string]func() error{
		"boom":                  func() error { return errBoom },
		"panic: runtime.Goexit": func() error { runtime.Goexit(); return nil },
		"panic: a number":       func() error { panic("a number") },
	} {
		bubble(t, func(t *testing.T) {
			_, err := run(t, of(func(context.Context, *resources) (state, error) { return "end", do() },
				workflow.WithBreaker(workflow.NewBreaker(2, time.Minute)), workflow.WithRetry(5, steady(time.Second))))
			require.ErrorIs(t, err, workflow.ErrBreakerOpen)
			require.ErrorContains(t, err, "state start, after 2 attempts: the circuit breaker is open for another 59s: "+name)
			if name == "boom" {
				require.ErrorIs(t, err, errBoom)
			}
			_, err = run(t, splits([]workflow.Branch{func(context.Context, *resources) error { return do() }}, workflow.All[state]("joined"), nil,
				workflow.WithBreaker(workflow.NewBreaker(2, time.Minute)), workflow.WithRetry(5, steady(time.Second))))
			require.ErrorIs(t, err, workflow.ErrBreakerOpen)
			require.ErrorContains(t, err, name)
		})
	}
}

// workflow F4: of calls at once only one is let through while it is half-open.
func TestHalfOpenBreakerLetsOneCallThrough(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := workflow.NewBreaker(1, time.Minute)
		_, _ = attempts(t, errBoom, workflow.WithBreaker(b), workflow.WithoutRetry())
		time.Sleep(time.Minute)
		w := of(func(ctx context.Context, _ *resources) (state, error) { return "end", works(ctx, time.Second) },
			workflow.WithBreaker(b))
		errs := make(chan error, 3)
		for range 3 {
			go func() { _, err := run(t, w); errs <- err }()
		}
		refused := 0
		for range 3 {
			if err := <-errs; errors.Is(err, workflow.ErrBreakerOpen) {
				refused++
			}
		}
		assert.Equal(t, 2, refused)
		assert.Equal(t, workflow.BreakerClosed, b.State())
	})
}

// workflow F4: shared between states and workflows; what is permanent or cancelled says nothing of the thing that is called.
func TestBreakerIsSharedAndCountsFailuresAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := workflow.NewBreaker(2, time.Minute)
		for range 5 {
			_, _ = attempts(t, workflow.Permanent(errBoom), workflow.WithBreaker(b))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := of(func(ctx context.Context, _ *resources) (state, error) { return "", works(ctx, time.Hour) },
				workflow.WithBreaker(b)).Run(ctx, "start")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		}
		assert.Equal(t, workflow.BreakerClosed, b.State())
		for range 2 {
			_, _ = attempts(t, errBoom, workflow.WithBreaker(b), workflow.WithoutRetry())
		}
		_, err := run(t, of(goes("end"), workflow.WithBreaker(b)))
		require.ErrorIs(t, err, workflow.ErrBreakerOpen)
		assert.Panics(t, func() { workflow.NewBreaker(0, time.Minute) })
	})
}

// workflow F4: failures in a row are what counts, before and after it was open.
func TestBreakerCountsFailuresInARow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := workflow.NewBreaker(2, time.Minute)
		opts := []workflow.StateOption{workflow.WithBreaker(b), workflow.WithoutRetry()}
		succeed := func() { _, err := run(t, of(goes("end"), opts...)); require.NoError(t, err) }
		for range 3 {
			_, _ = attempts(t, errBoom, opts...)
			succeed()
		}
		_, _ = attempts(t, errBoom, opts...)
		_, _ = attempts(t, errBoom, opts...)
		assert.Equal(t, workflow.BreakerOpen, b.State())
		time.Sleep(time.Minute)
		succeed()
		_, _ = attempts(t, errBoom, opts...)
		assert.Equal(t, workflow.BreakerClosed, b.State(), "one failure after it was closed")
	})
}

// workflow F4: what began before a breaker opened says nothing of what is there now.
func TestCallFromBeforeABreakerOpenedDoesNotCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := workflow.NewBreaker(1, time.Minute)
		opts := []workflow.StateOption{workflow.WithBreaker(b), workflow.WithoutRetry()}
		long := func(d time.Duration) *machine {
			return of(func(ctx context.Context, _ *resources) (state, error) { return "end", works(ctx, d) }, opts...)
		}
		done := make(chan error, 2)
		go func() { _, err := run(t, long(90*time.Second)); done <- err }()
		time.Sleep(time.Second)
		_, _ = attempts(t, errBoom, opts...)
		time.Sleep(time.Minute)
		go func() { _, err := run(t, long(time.Hour)); done <- err }() // it tries whether to close it
		require.NoError(t, <-done)
		assert.Equal(t, workflow.BreakerHalfOpen, b.State())
		require.NoError(t, <-done)
		assert.Equal(t, workflow.BreakerClosed, b.State())
	})
}

// steady are waits that do not spread.
func steady(d time.Duration) workflow.Backoff {
	b := workflow.Fixed(d)
	b.Jitter = workflow.NoJitter
	return b
}

// found Q11: runs that fail together are not all tried again together, unless that is asked for.
func TestRetriesOfRunsThatFailTogetherSpread(t *testing.T) {
	for name, test := range map[string]struct {
		backoff workflow.Backoff
		least   time.Duration // between the first and the last of the second tries
	}{
		"fixed":       {workflow.Fixed(10 * time.Second), time.Second},
		"doubling":    {workflow.Backoff{Initial: 10 * time.Second}, time.Second},
		"exponential": {workflow.Exponential(), 10 * time.Millisecond},
		"asked for":   {workflow.Backoff{Initial: 10 * time.Second, Jitter: 0.5}, 5 * time.Second},
		"none":        {steady(10 * time.Second), 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var second []time.Duration
				for range 50 { // each begins at another instant
					calls, _ := attempts(t, errBoom, workflow.WithRetry(1, test.backoff))
					require.Len(t, calls, 2)
					second = append(second, calls[1])
					time.Sleep(time.Millisecond)
				}
				spread := slices.Max(second) - slices.Min(second)
				assert.GreaterOrEqual(t, spread, test.least)
				if test.least == 0 {
					assert.Zero(t, spread)
				}
			})
		})
	}
}
