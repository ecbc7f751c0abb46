package pawl_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// views gives a test the view of a runner and that of a client of the same database.
func views(t *testing.T, r *pawl.Runner, db string) map[string]pawl.View {
	t.Helper()
	c, err := pawl.Open(db)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return map[string]pawl.View{"runner": r.View(), "client": c.View()}
}

// within is what a window should have: of the runs, newest first, those that touch it.
func within(runs []pawl.RunInfo, q pawl.WindowQuery) (list []pawl.RunInfo) {
	for _, r := range runs {
		over := r.Status != pawl.RunRunning && r.FinishedAt.Before(q.From)
		if !q.From.IsZero() && r.StartedAt.Before(q.From) && over || !q.To.IsZero() && !r.StartedAt.Before(q.To) {
			continue
		}
		r.Input, r.Output = "", ""
		r.Error = r.Error[:min(len(r.Error), 200)]
		list = append(list, r)
	}
	limit := q.Limit
	if limit == 0 {
		limit = 20
	}
	return list[:min(len(list), limit)]
}

func statusesOf(runs []pawl.RunInfo) (list []pawl.RunStatus) {
	for _, r := range runs {
		list = append(list, r.Status)
	}
	return list
}

// program.md, dashboard: strips and timelines of many flows at once.
func TestWindowHasTheRunsOfEachFlowWithinIt(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("minutely", "* * * * *", harness.Job(func(ctx context.Context) error {
			time.Sleep(20 * time.Second)
			return pawl.SetOutput(ctx, 7)
		})))
		require.NoError(t, s.Cron("long", "0 * * * *", harness.Job(func(context.Context) error {
			time.Sleep(50 * time.Minute)
			return harness.Failing(t.Context())
		})))
		require.NoError(t, s.Manual("never", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(6*time.Hour + 10*time.Second)
		flows := []string{"minutely", "long", "never", "unknown"}
		for name, v := range views(t, r, db) {
			for _, q := range []pawl.WindowQuery{
				{}, {Limit: 1}, {Limit: 1000},
				{From: harness.At("05:30:30"), Limit: 1000}, {From: harness.At("05:30:10"), Limit: 1000}, // within runs, and between
				{To: harness.At("01:00:30"), Limit: 1000}, {To: harness.At("01:00:00")}, {To: harness.At("00:00:00")},
				{From: harness.At("02:10:00"), To: harness.At("02:20:00"), Limit: 1000}, {From: harness.At("02:10:00"), To: harness.At("02:20:00"), Limit: 3},
				{From: harness.At("05:59:00").Add(48 * time.Hour)},
			} {
				q.Flows = flows
				got, err := v.Window(t.Context(), q)
				require.NoError(t, err)
				recent, err := v.Recent(t.Context(), max(q.Limit, 1))
				require.NoError(t, err)
				for _, flow := range flows {
					all, err := v.Runs(t.Context(), pawl.RunsQuery{Flow: flow, Limit: 1000})
					require.NoError(t, err)
					assert.Equal(t, within(all, q), got[flow], "%s of %s: %+v", flow, name, q)
					assert.Equal(t, statusesOf(all[:min(len(all), max(q.Limit, 1), 50)]), recent[flow], "%s of %s", flow, name)
				}
			}
		}
		for _, v := range views(t, r, db) {
			recent, err := v.Recent(t.Context(), 2, "long", "never", "unknown")
			require.NoError(t, err)
			assert.Equal(t, map[string][]pawl.RunStatus{"long": {pawl.RunRunning, pawl.RunFailed}}, recent)
			recent, err = v.Recent(t.Context(), 0)
			require.NoError(t, err)
			assert.Empty(t, recent)
		}
		time.Sleep(55 * time.Minute) // until the last long one is over
		harness.Stop(t, r, db)
	})
}

// time W1, as a dashboard reads it: what was not run, and why.
func TestOccurrencesTellOfInstantsThatWereNotRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("slow", "* * * * *", harness.Job(func(context.Context) error {
			time.Sleep(150 * time.Second)
			return nil
		})))
		require.NoError(t, s.Cron("held", "* * * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(90 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "held", "not now"))
		time.Sleep(10 * time.Minute)
		require.NoError(t, r.Resume(t.Context(), "held"))
		for name, v := range views(t, r, db) {
			list, err := v.Occurrences(t.Context(), []string{"held", "slow"}, harness.At("00:05:00"), harness.At("00:08:00"), 100)
			require.NoError(t, err)
			require.NotEmpty(t, list, name)
			assert.True(t, slices.IsSortedFunc(list, func(a, b pawl.Occurrence) int { return b.Last.Compare(a.Last) }))
			assert.Equal(t, pawl.Occurrence{FlowID: "held", First: harness.At("00:02:00"), Last: harness.At("00:11:00"), Count: 10,
				Verdict: pawl.VerdictPaused, Reason: "not now"}, list[0])
			for _, o := range list[1:] {
				assert.Equal(t, pawl.VerdictOverlap, o.Verdict)
				assert.False(t, o.Last.Before(harness.At("00:05:00")) || !o.First.Before(harness.At("00:08:00")), "%v", o)
			}
			one, err := v.Occurrences(t.Context(), []string{"held", "slow"}, harness.At("00:00:00"), harness.At("00:08:00"), 1)
			require.NoError(t, err)
			assert.Len(t, one, 1)
		}
		time.Sleep(70 * time.Second) // until the slow one is over
		harness.Stop(t, r, db)
	})
}

// program.md, dashboard: the transitions of a flow, and of a run with its attempts.
func TestViewHasTheTransitionsOfAFlowAndOfARun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Every("tried", time.Minute, harness.Job(func(ctx context.Context) error {
			if run, _ := pawl.RunFrom(ctx); run.Number%2 == 0 && run.Attempt < 3 {
				return harness.Failing(ctx)
			}
			return nil
		}), pawl.WithRetry(5, pawl.BackoffPolicy{Initial: time.Second, Jitter: pawl.NoJitter})))
		require.NoError(t, s.Every("other", 10*time.Second, harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(2 * time.Hour)
		want := map[int64][]pawl.Transition{} // by run, newest first; 0: all
		for x, err := range r.Transitions(t.Context(), 0) {
			require.NoError(t, err)
			if x.FlowID == "tried" {
				want[x.RunNumber] = append([]pawl.Transition{x}, want[x.RunNumber]...)
				if x.RunNumber != 0 {
					want[0] = append([]pawl.Transition{x}, want[0]...)
				}
			}
			if newest, err := r.View().LastSeq(t.Context()); x.Seq == newest {
				require.NoError(t, err)
				break
			}
		}
		require.Greater(t, len(want), 100)
		for _, v := range views(t, r, db) {
			for run := range want {
				got, err := v.Transitions(t.Context(), pawl.TransitionsQuery{Flow: "tried", Run: run, Limit: 10_000})
				require.NoError(t, err)
				assert.Equal(t, want[run], got, "of run %d", run)
			}
			some, err := v.Transitions(t.Context(), pawl.TransitionsQuery{Flow: "tried", Before: 200, Limit: 3})
			require.NoError(t, err)
			require.Len(t, some, 3)
			assert.Equal(t, []int64{199, 198, 197}, []int64{some[0].Version, some[1].Version, some[2].Version})
			none, err := v.Transitions(t.Context(), pawl.TransitionsQuery{Flow: "tried", Run: 9999})
			require.NoError(t, err)
			assert.Empty(t, none)
		}
		harness.Stop(t, r, db)
	})
}

// program.md, dashboard: one run with all that it left behind, and why nothing runs.
func TestViewHasWholeRunsAndKnowsTrouble(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		large := string(make([]byte, 100_000))
		require.NoError(t, s.Manual("a", harness.Job(func(ctx context.Context) error { return pawl.SetOutput(ctx, large) })))
		r := harness.Start(t, s)
		run, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "a", run)
		require.NoError(t, err)
		both := views(t, r, db)
		for _, v := range both {
			got, found, err := v.Run(t.Context(), "a", run)
			require.NoError(t, err)
			assert.True(t, found)
			assert.Greater(t, len(got.Output), 100_000)
			_, found, err = v.Run(t.Context(), "a", 2)
			require.NoError(t, err)
			assert.False(t, found)
			info, found, err := v.Flow(t.Context(), "a")
			require.NoError(t, err)
			assert.True(t, found)
			flows, err := v.Flows(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []pawl.FlowInfo{info}, flows)
			trouble, err := v.Trouble(t.Context())
			require.NoError(t, err)
			assert.Empty(t, trouble)
		}
		harness.Stop(t, r, db)
		_, _, err = both["runner"].Run(t.Context(), "a", run)
		require.ErrorIs(t, err, pawl.ErrStopped)
		flows, err := both["runner"].Flows(t.Context())
		require.NoError(t, err)
		assert.Len(t, flows, 1)
		trouble, err := both["client"].Trouble(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"No scheduler runs these flows now."}, trouble)
	})
}

// program.md, dashboard: the day, also one that is to come.
func TestNextBeginsWhereItIsAskedTo(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("cron", "0 */2 * * *", harness.Job(harness.OK)))
		require.NoError(t, s.Cron("few", "0 * * * *", harness.Job(harness.OK), pawl.WithLimit(30)))
		require.NoError(t, s.Every("every", time.Hour, harness.Job(harness.OK)))
		require.NoError(t, s.Every("rate", time.Hour, harness.Job(harness.OK), pawl.WithFixedRate()))
		require.NoError(t, s.Manual("manual", harness.Job(harness.OK)))
		require.NoError(t, s.Once("once", harness.At("12:00:00"), harness.Job(harness.OK)))
		r := harness.Start(t, s)
		time.Sleep(90 * time.Minute)
		require.NoError(t, r.Pause(t.Context(), "rate", "why not"))
		for name, v := range views(t, r, db) {
			for _, f := range r.List() {
				all, err := v.Next(f, time.Time{}, 100)
				require.NoError(t, err)
				direct, err := r.Next(f.ID, 100)
				require.NoError(t, err)
				assert.Equal(t, direct, all)
				for _, from := range []time.Time{harness.At("01:00:00"), harness.At("02:00:00"), harness.At("12:00:00"), harness.At("12:00:01"), harness.At("23:59:59")} {
					want := slices.DeleteFunc(slices.Clone(all), func(i pawl.Instant) bool { return i.At.Before(from) })
					got, err := v.Next(f, from, len(want))
					require.NoError(t, err)
					assert.Len(t, got, len(want), "%s of %s from %s", f.ID, name, from)
					for i := range got {
						assert.Equal(t, want[i].At, got[i].At)
						assert.Equal(t, want[i].Held, got[i].Held)
					}
				}
			}
		}
		harness.Stop(t, r, db)
	})
}
