package web_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

const (
	manyFlows = 10_000
	manyRuns  = 1_000_000
	hotFlows  = 10 // have half of the runs
)

// BenchmarkPages is the server's time for each page, with 10,000 flows and a million runs
// within a week. Half of the runs are those of ten flows, which are busy all the time.
func BenchmarkPages(b *testing.B) {
	db := filepath.Join(b.TempDir(), "many.db")
	pile(b, db)
	r, err := many(b, db).Start(context.Background())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, r.Stop(context.Background())) })
	c, err := pawl.Open(db)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.Close()) })
	yesterday := time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	for name, source := range map[string]web.Source{"runner": r, "client": c} {
		h := web.Handler(source)
		for _, target := range []string{
			"/", "/?page=200", "/?q=0042", "/?state=failing&sort=-last", "/flow?id=flow+00003", "/flow?id=flow+05000",
			"/flow?id=flow+00003&before=20000&version=40000", "/run?id=flow+00003&number=49000", "/run?id=flow+00003&number=100",
			"/day", "/day?page=100", "/day?date=" + yesterday,
			"/api/flows", "/api/runs?id=flow+00003&limit=200", "/api/next?n=100", "/api/transitions?id=flow+00003",
		} {
			b.Run(name+target, func(b *testing.B) {
				for b.Loop() {
					if w := get(h, target); w.Code != http.StatusOK {
						b.Fatal(w.Code, w.Body)
					}
				}
			})
		}
	}
}

// many is the flows of the benchmark. None of them runs in its time.
func many(b *testing.B, db string) *pawl.Scheduler {
	s := pawl.NewScheduler(db, pawl.WithLogger(slog.New(slog.DiscardHandler)))
	for i := range manyFlows {
		require.NoError(b, s.Cron(fmt.Sprintf("flow %05d", i), "30 4 31 12 *", pawl.JobFunc(nothing), pawl.WithBackoff(pawl.TripAfter(5)), pawl.WithRetention(0, 0)))
	}
	return s
}

// pile makes a database with the history of a week, by SQL: one that reads like any other,
// though Verify would find that its transitions leave things out.
func pile(b *testing.B, db string) {
	b.Helper()
	r, err := many(b, db).Start(context.Background())
	require.NoError(b, err)
	require.NoError(b, r.Stop(context.Background()))
	file, err := sql.Open("sqlite", db)
	require.NoError(b, err)
	file.SetMaxOpenConns(1)
	defer file.Close()
	first := time.Now().Add(-7 * 24 * time.Hour).UnixMilli()
	step := (7 * 24 * time.Hour).Milliseconds() / manyRuns
	for _, query := range []string{
		`PRAGMA journal_mode = OFF`, `PRAGMA synchronous = OFF`, `PRAGMA cache_size = -200000`,
		fmt.Sprintf(`CREATE TEMP TABLE made AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
SELECT i, CASE WHEN i %% 2 THEN 1 + i / 2 %% %[2]d ELSE %[2]d + 1 + i / 2 %% %[3]d END AS flow,
    CASE WHEN i %% 2 THEN i / 2 / %[2]d ELSE i / 2 / %[3]d END + 1 AS number,
    CASE WHEN i %% 2 THEN i - 2 * %[2]d ELSE i - 2 * %[3]d END AS prev, %[4]d + i * %[5]d AS at FROM n`,
			manyRuns, hotFlows, manyFlows-hotFlows, first, step),
		`INSERT INTO pawl_run_log (key, prev, flow, number, trigger, status, attempt, scheduled_at, started_at, finished_at, error, output)
SELECT i, CASE WHEN prev > 0 THEN prev END, flow, number, 0, CASE WHEN i % 29 THEN 1 ELSE 2 END, 1, at, at + 2, at + 2 + i * 7919 % 4000,
    CASE WHEN i % 29 THEN NULL ELSE 'connection refused' END, '"done"' FROM made`,
		fmt.Sprintf(`INSERT INTO pawl_transition_log (seq, at, flow, run_number, event, from_status, to_status, run_count, in_flight, failure_streak, version, prev)
SELECT %[1]d + 2 * i - 1, at + 2, flow, number, 2, 2, 1, number, 1, 0, 2 * number, CASE WHEN prev > 0 THEN %[1]d + 2 * prev ELSE flow END FROM made
UNION ALL SELECT %[1]d + 2 * i, at + 2 + i * 7919 %% 4000, flow, number, 3, 1, 2, number, 0, 0, 2 * number + 1, %[1]d + 2 * i - 1 FROM made ORDER BY 1`, manyFlows),
		fmt.Sprintf(`UPDATE pawl_flow_state SET status = 2, run_count = m.number, last_number = m.number, last_run = m.at + 2, last_scheduled = m.at,
    last_end = m.at + 4000, last_key = m.i, last_seq = %d + 2 * m.i, version = 2 * m.number + 1, updated_at = m.at + 4000, fired = m.number
FROM (SELECT flow, max(i) AS i, max(number) AS number, max(at) AS at FROM made GROUP BY flow) m WHERE m.flow = pawl_flow_state.key`, manyFlows),
		`DROP TABLE made`, `PRAGMA journal_mode = WAL`,
	} {
		_, err := file.Exec(query)
		require.NoError(b, err, query)
	}
}
