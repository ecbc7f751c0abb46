package workflow_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

// workflow F10, workflow F4: a step that fails is tried again from its cursor, with attempts of its own.
func TestStepsGoOnFromTheCursorAfterAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l ledger
		calls := 0
		w := of(workflow.Steps[state]("end", func(ctx context.Context, _ *resources, at map[string]int) (map[string]int, bool, error) {
			l.add("%d", at["n"])
			if at == nil {
				at = make(map[string]int)
			}
			at["n"]++
			if calls++; calls%3 != 0 {
				return nil, false, errors.Join(workflow.Put(ctx, "x", 1), errBoom)
			}
			return at, at["n"] == 4, nil
		}), workflow.WithRetry(2, workflow.Fixed(time.Second)))
		_, err := run(t, w)
		require.NoError(t, err)
		assert.Equal(t, []string{"0", "0", "0", "1", "1", "1", "2", "2", "2", "3", "3", "3"}, l.lines)
	})
}

// workflow F10, workflow F4: the timeout of an attempt is that of a step.
func TestEachStepHasItsTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, err := run(t, of(workflow.Steps[state]("end", func(ctx context.Context, _ *resources, n int) (int, bool, error) {
			return n + 1, n == 9, works(ctx, 50*time.Second)
		}), workflow.WithAttemptTimeout(time.Minute)))
		require.NoError(t, err)
		assert.Equal(t, 500*time.Second, time.Since(midnight))
	})
}

// workflow F10
func TestCursorThatIsNoJSONFailsTheState(t *testing.T) {
	_, err := run(t, of(workflow.Steps[state]("end", func(context.Context, *resources, func()) (func(), bool, error) {
		return func() {}, false, nil
	})))
	require.ErrorContains(t, err, "record the cursor")

	j := newJournal()
	j.cuts = map[int]string{2: "after"}
	_, err = of(workflow.Steps[state]("end", func(context.Context, *resources, string) (string, bool, error) {
		return "here", false, nil
	})).Run(j.in(t.Context()), "start")
	require.ErrorIs(t, err, errCrash)
	j.reborn()
	_, err = of(workflow.Steps[state]("end", func(context.Context, *resources, int) (int, bool, error) {
		return 0, true, nil
	})).Run(j.in(t.Context()), "start")
	require.ErrorContains(t, err, "read the cursor")
}

// workflow F10: the wait is outside of attempts, and asked for once.
func TestTimerWaitsOnceUntilItsInstant(t *testing.T) {
	bubble(t, func(t *testing.T) {
		asked := 0
		w := of(workflow.Timer[state]("end", func(context.Context, *resources) (time.Time, error) {
			asked++
			return midnight.Add(48*time.Hour + time.Millisecond), nil
		}), workflow.WithAttemptTimeout(time.Second))
		_, err := run(t, w)
		require.NoError(t, err)
		assert.Equal(t, 48*time.Hour+time.Millisecond, time.Since(midnight))
		assert.Equal(t, 1, asked)
		_, err = run(t, w)
		require.NoError(t, err, "an instant that is past is no wait")
		assert.Equal(t, 48*time.Hour+time.Millisecond, time.Since(midnight))
	})
}

// workflow F10: an instant that is past is no wait, and asked for once: the zero time, too.
func TestTimerOfThePastIsNoWait(t *testing.T) {
	for _, until := range []time.Time{{}, time.Unix(0, 0), midnight} {
		bubble(t, func(t *testing.T) {
			j := newJournal()
			asked := 0
			_, err := of(workflow.Timer[state]("end", func(context.Context, *resources) (time.Time, error) {
				if asked++; asked > 3 {
					return until, workflow.Permanent(errBoom)
				}
				return until, nil
			})).Run(j.in(t.Context()), "start")
			require.NoError(t, err)
			assert.Equal(t, 1, asked)
			assert.Equal(t, []string{"enter start", "timer start", "enter end"}, j.path())
			assert.Zero(t, time.Since(midnight))
		})
	}
}

// workflow F10, workflow F11: what the function of a timer hands over for the undo is there after the wait
// and after a crash; what the task hands over after the wait takes its place.
func TestTimerKeepsWhatItsUndoNeeds(t *testing.T) {
	for cut := range 6 {
		for _, again := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				var got []string
				timer := workflow.Timer[state]("more", func(ctx context.Context, _ *resources) (time.Time, error) {
					return time.Now().Add(time.Hour), errors.Join(workflow.SetUndo(ctx, "order 7"), workflow.Put(ctx, "x", 1))
				})
				w := workflow.New[state]()
				w.Register("start", func(ctx context.Context, res *resources) (state, error) {
					next, err := timer(ctx, res)
					if err == nil && again {
						err = workflow.SetUndo(ctx, "order 8")
					}
					return next, err
				}, workflow.WithUndo(func(ctx context.Context, _ *resources, v string) error {
					got = append(got, v)
					assert.Equal(t, 1, value[int](t, ctx, "x"))
					return nil
				}))
				w.Register("more", goes("bad"), workflow.WithUndo(func(_ context.Context, _ *resources, v string) error {
					assert.Empty(t, v, "of another state")
					return nil
				}))
				w.Register("bad", fails(errBoom), workflow.WithoutRetry())
				w.Exit("end")
				j := newJournal()
				j.cuts = map[int]string{cut: "after"}
				_, err := w.Run(j.in(t.Context()), "start")
				if cut > 0 {
					require.ErrorIs(t, err, errCrash)
					j.reborn()
					_, err = w.Run(j.in(t.Context()), "start")
				}
				require.ErrorContains(t, err, "boom")
				want := map[bool]string{false: "order 7", true: "order 8"}[again]
				assert.Equal(t, []string{want}, got, "cut %d", cut)
			})
		}
	}
}

// workflow F10, workflow F11: an instant that cannot be recorded is the failure of the state.
func TestTimerThatCannotBeRecordedIsUndone(t *testing.T) {
	undos, err := undone(t, newJournal(), workflow.Timer[state]("end", func(context.Context, *resources) (time.Time, error) {
		return time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC), nil
	}))
	require.ErrorContains(t, err, "record timer of state more")
	assert.Equal(t, 1, undos)
}

// workflow F10: each time a state is entered its timer begins anew.
func TestTimerInACycleWaitsEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := newJournal()
		rounds := 0
		w := workflow.New[state]()
		w.Register("start", workflow.After[state]("turn", time.Hour))
		w.Register("turn", func(context.Context, *resources) (state, error) {
			if rounds++; rounds == 3 {
				return "end", nil
			}
			return "start", nil
		})
		w.Exit("end")
		_, err := w.Run(j.in(t.Context()), "start")
		require.NoError(t, err)
		assert.Equal(t, 3*time.Hour, time.Since(midnight))
		assert.Equal(t, 3, j.count(workflow.KindTimer))
	})
}

// workflow F10: the first wait is first again.
func TestPollInACycleBeginsAnewEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		asked := 0
		w := workflow.New[state]()
		w.Register("start", workflow.Poll[state]("turn", workflow.Backoff{Initial: time.Second, Multiplier: 10, MaxDelay: time.Hour},
			func(context.Context, *resources) (bool, error) { asked++; return asked%3 == 0, nil }))
		w.Register("turn", func(context.Context, *resources) (state, error) {
			if asked == 6 {
				return "end", nil
			}
			return "start", nil
		})
		w.Exit("end")
		_, err := run(t, w)
		require.NoError(t, err)
		assert.Equal(t, 22*time.Second, time.Since(midnight))
	})
}

// workflow F10, workflow F5
func TestCancelEndsATimerAndAPoll(t *testing.T) {
	for _, do := range []task{
		workflow.After[state]("end", time.Hour),
		workflow.Poll[state]("end", workflow.Fixed(time.Hour), func(context.Context, *resources) (bool, error) { return false, nil }),
	} {
		bubble(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Minute, func() { cancel(errBoom) })
			_, err := of(do).Run(ctx, "start")
			require.ErrorIs(t, err, errBoom)
			assert.Equal(t, time.Minute, time.Since(midnight))
		})
	}
}

// workflow F10: asks until the answer is true, with growing waits; errors are failed attempts.
func TestPollAsksUntilTheAnswerIsTrue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked []time.Duration
		w := of(workflow.Poll[state]("end", workflow.Backoff{Initial: time.Second, MaxDelay: 5 * time.Second},
			func(ctx context.Context, _ *resources) (bool, error) {
				asked = append(asked, time.Since(midnight))
				if len(asked) == 3 {
					return false, errBoom
				}
				_, ok, err := workflow.Value[int](ctx, "x")
				assert.False(t, ok, "an answer that is not true leaves a value")
				return len(asked) == 7, errors.Join(err, workflow.Put(ctx, "x", 1))
			}), workflow.WithRetry(1, steady(time.Minute)))
		_, err := run(t, w)
		require.NoError(t, err)
		assert.Equal(t, []time.Duration{0, 1 * time.Second, 3 * time.Second, 63 * time.Second,
			67 * time.Second, 72 * time.Second, 77 * time.Second}, asked)
	})
}

// workflow F10
func TestPollAndTimerTellTheirErrors(t *testing.T) {
	_, err := run(t, of(workflow.Timer[state]("end", func(context.Context, *resources) (time.Time, error) {
		return time.Time{}, workflow.Permanent(errBoom)
	})))
	require.ErrorIs(t, err, errBoom)
	for _, do := range []task{
		workflow.After[state]("end", time.Hour),
		workflow.Poll[state]("end", workflow.Backoff{}, func(context.Context, *resources) (bool, error) { return true, nil }),
		workflow.Steps[state]("end", func(context.Context, *resources, int) (int, bool, error) { return 0, false, nil }),
	} {
		_, err := do(t.Context(), nil)
		require.ErrorContains(t, err, "not that of a workflow's task")
	}
}
