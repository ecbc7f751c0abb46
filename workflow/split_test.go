package workflow_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/workflow"
)

type join = workflow.Join[state]

// splits is a machine that splits at "start" and joins in "joined", where look is called.
func splits(branches []workflow.Branch, j join, look func(ctx context.Context), opts ...workflow.StateOption) *machine {
	w := workflow.New[state]()
	w.RegisterSplit("start", branches, j, opts...)
	w.Register("joined", func(ctx context.Context, _ *resources) (state, error) { look(ctx); return "end", nil })
	w.Exit("end")
	return w
}

// sleepers are branches that work for 1, 2, 3, ... minutes; those of these numbers fail then.
func sleepers(n int, failing ...int) []workflow.Branch {
	branches := make([]workflow.Branch, n)
	for i := range branches {
		branches[i] = sleeper(time.Duration(i+1)*time.Minute, nil)
	}
	for _, i := range failing {
		branches[i-1] = func(ctx context.Context, _ *resources) error {
			if err := works(ctx, time.Duration(i)*time.Minute); err != nil {
				return err
			}
			return fmt.Errorf("branch of minute %d: %w", i, errBoom)
		}
	}
	return branches
}

// workflow F3: when each join is decided, with five branches that end after 1 to 5 minutes, and
// what became of them: + succeeded, - failed, . cancelled.
func TestJoins(t *testing.T) {
	for _, c := range []struct {
		name    string
		join    join
		failing []int
		minutes int
		want    string // of the outcomes; "": the split fails
	}{
		{"all", workflow.All[state]("joined"), nil, 5, "+++++"},
		{"all, one fails", workflow.All[state]("joined"), []int{2}, 2, ""},
		{"any", workflow.Any[state]("joined"), nil, 1, "+...."},
		{"any, the first two fail", workflow.Any[state]("joined"), []int{1, 2}, 3, "--+.."},
		{"any, all fail", workflow.Any[state]("joined"), []int{1, 2, 3, 4, 5}, 5, ""},
		{"quorum", workflow.Quorum[state](3, "joined"), nil, 3, "+++.."},
		{"quorum, one fails", workflow.Quorum[state](3, "joined"), []int{2}, 4, "+-++."},
		{"quorum, too many fail", workflow.Quorum[state](3, "joined"), []int{1, 2, 3}, 3, ""},
		{"percentage, rounded up", workflow.Percentage[state](50, "joined"), nil, 3, "+++.."},
		{"percentage, whole", workflow.Percentage[state](60, "joined"), nil, 3, "+++.."},
		{"a hundred percent", workflow.Percentage[state](100, "joined"), []int{4}, 4, ""},
		{"partial results", workflow.PartialResults[state](3, "joined"), []int{1, 2}, 3, "--+.."},
		{"partial results wait for a success", workflow.PartialResults[state](2, "joined"), []int{1, 2, 3}, 4, "---+."},
		{"partial results, all fail", workflow.PartialResults[state](2, "joined"), []int{1, 2, 3, 4, 5}, 5, ""},
		{"partial timeout", workflow.PartialTimeout[state](210*time.Second, "joined"), []int{2}, 3, "+-+.."},
		{"partial timeout, all are over", workflow.PartialTimeout[state](time.Hour, "joined"), []int{2}, 5, "+-+++"},
		{"partial timeout, none succeeded", workflow.PartialTimeout[state](150*time.Second, "joined"), []int{1, 2}, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				got := ""
				_, err := run(t, splits(sleepers(5, c.failing...), c.join, func(ctx context.Context) {
					outcomes, err := workflow.Outcomes(ctx)
					require.NoError(t, err)
					got = signs(outcomes)
				}, workflow.WithoutRetry()))
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.want == "", err != nil, "error: %v", err)
				assert.Equal(t, c.minutes, int(time.Since(midnight).Minutes()))
			})
		})
	}
}

func signs(outcomes []workflow.Outcome) (s string) {
	for i, o := range outcomes {
		if o.Branch != i {
			return "out of order"
		}
		s += map[workflow.OutcomeStatus]string{workflow.BranchSucceeded: "+", workflow.BranchFailed: "-", workflow.BranchCancelled: "."}[o.Status]
	}
	return s
}

// workflow F3
func TestErrorsOfBranchesAreSummarisedWithTheirIndex(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, err := run(t, splits(sleepers(5, 1, 2, 3), workflow.Quorum[state](3, "joined"), nil, workflow.WithoutRetry()))
		require.EqualError(t, err, "state start: quorum of 3 is not reached: 0 of 5 branches succeeded; "+
			"branch 0: branch of minute 1: boom; branch 1: branch of minute 2: boom; branch 2: branch of minute 3: boom")
		require.ErrorIs(t, err, errBoom)
		var split *workflow.SplitError
		require.ErrorAs(t, err, &split)
		assert.Len(t, split.Errs, 3)
		var branch *workflow.BranchError
		require.ErrorAs(t, split.Errs[2], &branch)
		assert.Equal(t, 2, branch.Branch)
	})
}

// workflow F3: the rest is cancelled, and waited for: when the next state begins none is at work.
func TestLosersAreCancelledAndWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var atWork, cancelled atomic.Int32
		loser := func(ctx context.Context, _ *resources) error {
			atWork.Add(1)
			defer atWork.Add(-1)
			<-ctx.Done()
			time.Sleep(time.Second) // it cleans up
			cancelled.Add(1)
			return ctx.Err()
		}
		winner := sleeper(time.Minute, nil)
		_, err := run(t, splits([]workflow.Branch{loser, winner, loser}, workflow.Any[state]("joined"), func(context.Context) {
			assert.Zero(t, atWork.Load())
			assert.EqualValues(t, 2, cancelled.Load())
			assert.Equal(t, midnight.Add(time.Minute+time.Second), time.Now().UTC())
		}))
		require.NoError(t, err)
	})
}

// workflow F3: also those that wait for a further attempt.
func TestLoserThatWaitsForItsNextAttemptIsCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		loser := func(context.Context, *resources) error { return errBoom }
		_, err := run(t, splits([]workflow.Branch{loser, sleeper(time.Minute, nil)}, workflow.Any[state]("joined"),
			func(context.Context) { assert.Equal(t, midnight.Add(time.Minute), time.Now().UTC()) },
			workflow.WithRetry(3, workflow.Fixed(time.Hour))))
		require.NoError(t, err)
	})
}

// workflow F3
func TestJoinTimeoutFailsTheSplit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, err := run(t, splits(sleepers(5), workflow.Quorum[state](3, "joined"), nil, workflow.WithJoinTimeout(150*time.Second)))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "quorum of 3 is not reached: 2 of 5 branches succeeded, timeout of the split, 2m30s")
		assert.Equal(t, midnight.Add(150*time.Second), time.Now().UTC())
	})
}

// workflow F3: at most n at once, in the order of the branches.
func TestBulkheadLimitsBranchesAtWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var atWork, most atomic.Int32
		var order ledger
		branches := make([]workflow.Branch, 10)
		for i := range branches {
			branches[i] = func(ctx context.Context, _ *resources) error {
				order.add("%d", i)
				most.Store(max(most.Load(), atWork.Add(1)))
				defer atWork.Add(-1)
				return works(ctx, time.Minute+time.Duration(i)*time.Second)
			}
		}
		_, err := run(t, splits(branches, workflow.All[state]("joined"), func(context.Context) {}, workflow.WithBulkhead(2)))
		require.NoError(t, err)
		assert.EqualValues(t, 2, most.Load())
		assert.Equal(t, []string{"2", "3", "4", "5", "6", "7", "8", "9"}, order.lines[2:])
		assert.Greater(t, time.Since(midnight), 5*time.Minute)
	})
}

// workflow F3: a branch behind the bulkhead does not begin when the join is satisfied.
func TestBranchesThatDidNotBeginAreCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, err := run(t, splits(sleepers(5), workflow.Any[state]("joined"), func(ctx context.Context) {
			outcomes, _ := workflow.Outcomes(ctx)
			assert.Equal(t, "+....", signs(outcomes))
		}, workflow.WithBulkhead(1)))
		require.NoError(t, err)
	})
}

// workflow F3, workflow F4: each branch has its own attempts.
func TestEachBranchHasItsAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var calls [3]int
		branches := make([]workflow.Branch, 3)
		for i := range branches {
			branches[i] = func(context.Context, *resources) error {
				if calls[i]++; calls[i] <= i {
					return errBoom
				}
				return nil
			}
		}
		_, err := run(t, splits(branches, workflow.All[state]("joined"), func(context.Context) {}))
		require.NoError(t, err)
		assert.Equal(t, [3]int{1, 2, 3}, calls)
	})
}

// workflow F5: in a branch, too.
func TestPanicAndGoexitAreTheErrorOfTheBranch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var exits atomic.Int32
		branches := []workflow.Branch{
			func(context.Context, *resources) error { panic("at the disco") },
			func(context.Context, *resources) error { exits.Add(1); runtime.Goexit(); return nil },
			sleeper(time.Minute, nil),
		}
		_, err := run(t, splits(branches, workflow.PartialResults[state](3, "joined"), func(ctx context.Context) {
			outcomes, _ := workflow.Outcomes(ctx)
			assert.Equal(t, "--+", signs(outcomes))
			assert.Equal(t, "panic: at the disco", outcomes[0].Error, "without the stack")
			assert.Contains(t, outcomes[1].Error, "runtime.Goexit")
		}))
		require.NoError(t, err)
		assert.EqualValues(t, 4, exits.Load(), "it is tried again")
	})
}

// workflow F5
func TestCancelEndsASplit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(90*time.Second, func() { cancel(errBoom) })
		for _, j := range []join{workflow.All[state]("joined"), workflow.PartialTimeout[state](time.Hour, "joined")} {
			_, err := splits(sleepers(5), j, nil).Run(ctx, "start")
			require.ErrorIs(t, err, errBoom)
			assert.Equal(t, midnight.Add(90*time.Second), time.Now().UTC())
		}
	})
}

// workflow F9: each branch sees what was before and its own; of those that succeeded the values
// are kept in the order of the branches.
func TestValuesOfBranchesAreMergedInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		puts := func(i int, err error) workflow.Branch {
			return func(ctx context.Context, _ *resources) error {
				assert.Equal(t, "before", value[string](t, ctx, "x"))
				if e := works(ctx, time.Duration(4-i)*time.Minute); e != nil {
					_ = workflow.Put(ctx, fmt.Sprint("late", i), i)
					return e
				}
				require.NoError(t, workflow.Put(ctx, "x", fmt.Sprint(i)))
				require.NoError(t, workflow.Put(ctx, fmt.Sprint("own", i), i))
				assert.Equal(t, fmt.Sprint(i), value[string](t, ctx, "x"))
				require.ErrorContains(t, workflow.SetUndo(ctx, 1), "not for a branch")
				return err
			}
		}
		w := splits([]workflow.Branch{puts(0, nil), puts(1, nil), puts(2, nil), puts(3, errBoom)}, workflow.Quorum[state](2, "joined"),
			func(ctx context.Context) {
				assert.Equal(t, "2", value[string](t, ctx, "x"), "the last branch that succeeded")
				assert.Equal(t, 1, value[int](t, ctx, "own1"))
				assert.Equal(t, 2, value[int](t, ctx, "own2"))
				for _, key := range []string{"own0", "late0", "own3"} {
					_, ok, err := workflow.Value[int](ctx, key)
					require.NoError(t, err)
					assert.False(t, ok, key)
				}
			}, workflow.WithoutRetry())
		w.Register("first", func(ctx context.Context, _ *resources) (state, error) {
			return "start", workflow.Put(ctx, "x", "before")
		})
		_, err := w.Run(t.Context(), "first")
		require.NoError(t, err)
	})
}

// workflow F10: steps, timers and polls are no branches.
func TestStepsInABranchAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		steps := workflow.Steps("end", func(_ context.Context, _ *resources, n int) (int, bool, error) { return n, false, nil })
		branch := func(ctx context.Context, res *resources) error { _, err := steps(ctx, res); return err }
		_, err := run(t, splits([]workflow.Branch{branch}, workflow.All[state]("joined"), nil))
		require.ErrorContains(t, err, "not for a branch")
	})
}

// workflow F3, workflow F7: what became of the branches is recorded.
func TestOutcomesAreThereAfterACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := newJournal()
		j.cuts = map[int]string{2: "after"}
		got := ""
		w := splits(sleepers(3, 1), workflow.Any[state]("joined"), func(ctx context.Context) {
			outcomes, err := workflow.Outcomes(ctx)
			require.NoError(t, err)
			got = signs(outcomes)
			assert.Equal(t, "branch of minute 1: boom", outcomes[0].Error)
		}, workflow.WithoutRetry())
		_, err := w.Run(j.in(t.Context()), "start")
		require.ErrorIs(t, err, errCrash)
		j.reborn()
		_, err = w.Run(j.in(t.Context()), "start")
		require.NoError(t, err)
		assert.Equal(t, "-+.", got)
	})
}

// workflow F3: 64.4 percent of 250 are 161, whatever floating point makes of it.
func TestPercentageIsNotRoundedUpForNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, err := run(t, splits(sleepers(250), workflow.Percentage[state](64.4, "joined"), func(context.Context) {
			assert.Equal(t, 161*time.Minute, time.Since(midnight))
		}))
		require.NoError(t, err)
	})
}

// Work that a state attaches is in the checkpoint that leaves the state, and in no later
// one, whatever follows: splits have no attempt that would forget it. A step that records
// what is recorded already takes no place of it when it has work. found A1.
func TestWorkIsInOneCheckpoint(t *testing.T) {
	attach := func(ctx context.Context, work string) error {
		_, err := workflow.Attach(ctx, work, nil)
		return err
	}
	w := workflow.New[state]()
	for _, s := range [][2]state{{"a", "b"}, {"b", "split"}, {"c", "steps"}} {
		w.Register(s[0], func(ctx context.Context, _ *resources) (state, error) { return s[1], attach(ctx, string(s[0])) })
	}
	branch := func(context.Context, *resources) error { return nil }
	w.RegisterSplit("split", []workflow.Branch{branch, branch}, workflow.All[state]("split2"))
	w.RegisterSplit("split2", []workflow.Branch{branch, branch}, workflow.All[state]("c"))
	steps := 0
	w.Register("steps", workflow.Steps(state("end"), func(ctx context.Context, _ *resources, _ int) (int, bool, error) {
		steps++
		return 7, steps == 4, attach(ctx, "step")
	}))
	w.Exit("end")
	j := newJournal()
	_, err := w.Run(workflow.WithJournal(t.Context(), j), "a")
	require.NoError(t, err)
	var works []any
	for _, c := range j.cs {
		if c.Work != nil {
			works = append(works, c.Work)
		}
	}
	require.Equal(t, []any{"a", "b", "c", "step", "step", "step", "step"}, works)
}
