package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/core"
)

// pile fills a file with runs by SQL: of flows that take turns, one run of each ten thousand
// ended in each way that is not completed, the newest of the first flow is in flight, and
// one of it waits.
func pile(t testing.TB, path string, runs, flows int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	share := min(10_000, runs/10)
	for _, query := range []string{
		`PRAGMA synchronous = OFF`,
		fmt.Sprintf(`INSERT INTO pawl_flow_plan (key, id, position, kind, schedule, time_zone, backoff, streak_limit, policy, run_group, retention, registered, created_at)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
SELECT i, 'flow ' || i, i, 'manual', '', '', '', 0, '', '', '', 1, 1 FROM n`, flows),
		fmt.Sprintf(`INSERT INTO pawl_run_log (key, prev, flow, number, trigger, status, attempt, scheduled_at, started_at, finished_at, rank)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[1]d)
SELECT i, CASE WHEN i > %[2]d THEN i - %[2]d END, 1 + (i - 1) %% %[2]d, 1 + (i - 1) / %[2]d, 1,
    CASE WHEN i = %[1]d - 2 * %[2]d + 1 THEN 5 WHEN i = %[1]d - %[2]d + 1 THEN 0 ELSE
        CASE i %% %[3]d WHEN 0 THEN 2 WHEN 1001 %% %[3]d THEN 3 WHEN 2002 %% %[3]d THEN 4 WHEN 3003 %% %[3]d THEN 6 WHEN 4004 %% %[3]d THEN 7 ELSE 1 END END,
    1, i * 1000, i * 1000, i * 1000 + 500, CASE WHEN i = %[1]d - 2 * %[2]d + 1 THEN 1 END FROM n`, runs, flows, share),
		`INSERT INTO pawl_run_ends (status, run, flow) SELECT status, key, flow FROM pawl_run_log WHERE status IN (2, 3, 4, 6, 7) ORDER BY 1, 2`,
		fmt.Sprintf(`INSERT INTO pawl_flow_state (key, version, status, run_count, last_number, in_flight, failure_streak, attempt, suspect, last_key, waiting, backfill, fired, updated_at)
SELECT flow, 1, 2, max(number), max(number), flow = 1, 0, 1, 0, max(key), flow = 1, 0, 0, 1 FROM pawl_run_log WHERE key > %d GROUP BY flow`, runs-flows),
	} {
		_, err := db.ExecContext(t.Context(), query)
		require.NoError(t, err, query)
	}
}

// filters are reads with a filter more, each with the read that it is added to.
func filters(runs, flows int) map[string][2]RunsQuery {
	list := map[string][2]RunsQuery{}
	add := func(name string, base RunsQuery, filter func(*RunsQuery)) {
		with := base
		filter(&with)
		list[name] = [2]RunsQuery{base, with}
	}
	for name, base := range map[string]RunsQuery{
		"all": {}, "one flow": {Flow: "flow 7"}, "one flow before": {Flow: "flow 7", Before: int64(runs / flows / 2)},
		"since": {Since: instant(int64(runs) * 1000 / 2)}, "one flow since": {Flow: "flow 7", Since: instant(int64(runs) * 1000 / 2)},
	} {
		for _, fact := range core.RunStatuses {
			add(name+", "+string(fact.Word), base, func(q *RunsQuery) { q.Status = fact.Word })
		}
		add(name+", failed alone", base, func(q *RunsQuery) { q.Failed = true })
		if base.Since.IsZero() {
			add(name+", since", base, func(q *RunsQuery) { q.Since = instant(int64(runs) * 1000 * 9 / 10) })
		}
	}
	return list
}

// Each way to read runs finds those that a plain look at all of them finds.
//
// found Q8.
func TestFiltersFindWhatALookAtAllFinds(t *testing.T) {
	const runs, flows = 4000, 10
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	pile(t, path, runs, flows)
	all, err := s.Runs(t.Context(), RunsQuery{Limit: runs})
	require.NoError(t, err)
	require.Len(t, all, runs)
	queries := filters(runs, flows)
	queries["flow with a queue, running"] = [2]RunsQuery{{}, {Flow: "flow 1", Status: core.RunRunning}}
	queries["flow with a queue, waiting"] = [2]RunsQuery{{}, {Flow: "flow 1", Status: core.RunWaiting}}
	queries["completed failures"] = [2]RunsQuery{{}, {Status: core.RunCompleted, Failed: true}}
	queries["cancelled failures"] = [2]RunsQuery{{}, {Status: core.RunCancelled, Failed: true}}
	queries["timed out failures"] = [2]RunsQuery{{}, {Status: core.RunTimedOut, Failed: true}}
	found := 0
	for name, pair := range queries {
		for _, limit := range []int{3, runs} {
			q := pair[1]
			q.Limit = limit
			var want []string
			for _, r := range all {
				if (q.Flow == "" || r.FlowID == q.Flow) && (q.Status == "" || r.Status == q.Status) && (!q.Failed || r.Status.Failure()) &&
					(q.Before == 0 || r.Number < q.Before) && !r.StartedAt.Before(q.Since) && len(want) < limit {
					want = append(want, fmt.Sprint(r.FlowID, " ", r.Number))
				}
			}
			is, err := s.Runs(t.Context(), q)
			require.NoError(t, err)
			var got []string
			for _, r := range is {
				got = append(got, fmt.Sprint(r.FlowID, " ", r.Number))
			}
			assert.Equal(t, want, got, "%s, limit %d", name, limit)
			found += len(got)
		}
	}
	assert.Greater(t, found, 5000)
}

// BenchmarkFilters is how long a read of a hundred runs takes with a filter more, in times of
// the read without it, with a million runs of a hundred flows. The ratio is at most 1.2 but
// for runs of all flows that ended in a rare way: those lie on a hundred pages, where the
// newest runs lie on two.
func BenchmarkFilters(b *testing.B) {
	const runs, flows = 1_000_000, 100
	path := filepath.Join(b.TempDir(), "jobs.db")
	s, err := Open(context.Background(), path, Options{Owner: Self(epoch)})
	require.NoError(b, err)
	defer s.Close()
	pile(b, path, runs, flows)
	took := func(q RunsQuery) time.Duration {
		began := time.Now()
		_, err := s.Runs(b.Context(), q)
		require.NoError(b, err)
		return time.Since(began)
	}
	list := filters(runs, flows)
	names := make([]string, 0, len(list))
	for name := range list {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		pair := list[name]
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			var without, with []time.Duration
			for b.Loop() {
				without, with = append(without, took(pair[0])), append(with, took(pair[1]))
			}
			median := func(d []time.Duration) float64 { slices.Sort(d); return float64(d[len(d)/2].Microseconds()) }
			b.ReportMetric(median(without), "us-without")
			b.ReportMetric(median(with), "us-with")
			b.ReportMetric(median(with)/median(without), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}
