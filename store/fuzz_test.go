package store_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store"
)

// Matrix, "hand-edited rows": whatever stands in whichever column, every reader
// returns a value or an error, soon, and a start too. The input is a list of edits
// of a file in which all is well, and a text for some of them.
func FuzzRows(f *testing.F) {
	file := withoutTypes(f, withRareRows(f, history(f)))
	f.Add([]byte{}, "")
	f.Add(edit(1, 2, 1, 1, -7), "")                                       // the status of a flow
	f.Add(edit(2, 1, 16, 1, 17), "")                                      // a run whose run before is itself
	f.Add(append(edit(2, 1, 11, 1, 12), edit(1, 5, 2, 1, 9)...), "")      // the same, and more runs in flight than there are
	f.Add(append(edit(3, 4, 8, 1, 99), edit(3, 7, 9, 2, 0)...), "x")      // an event nobody knows, a text for a number
	f.Add(edit(1, 5, 0, 1, math.MaxInt64), "")                            // as many runs in flight as there are numbers
	f.Add(edit(0, 4, 0, 2, 0), "\xff\x00'\n\x1b[31m")                     // a schedule
	f.Add(append(edit(4, 2, 0, 3, 0), edit(5, 6, 0, 2, 0)...), "no time") // a blob in the inbox, a text in a time
	f.Add(edit(6, 2, 0, 4, int64(math.Float64bits(math.Inf(1)))), "")     // an infinite generation
	f.Add(append(edit(2, 5, 11, 1, 5), edit(2, 12, 11, 1, -1)...), "")    // a run that waits, though the flow says that none does
	f.Add(append(edit(1, 17, 2, 1, 1<<40), edit(1, 21, 0, 1, 1)...), "")  // as many that wait as there are numbers, a streak from the first run
	f.Add(append(edit(7, 2, 0, 1, 9), edit(7, 4, 0, 1, -1)...), "")       // a verdict on fewer than no instants, the last before the first
	f.Add(append(edit(8, 2, 0, 2, 0), edit(9, 3, 0, 2, 0)...), "\x00")    // a text for a run, and for an instant
	f.Add(append(edit(10, 5, 0, 2, 0), edit(10, 4, 0, 2, 0)...), "{")     // a checkpoint that is no JSON, of a kind nobody knows
	f.Add(append(edit(10, 1, 0, 1, 7), edit(0, 12, 0, 2, 0)...), "")      // one that others are missing before
	f.Fuzz(func(t *testing.T, edits []byte, text string) {
		path := filepath.Join(t.TempDir(), "jobs.db")
		require.NoError(t, os.WriteFile(path, file, 0o600))
		apply(t, path, edits, text)
		ctx, cancel := context.WithTimeout(t.Context(), fuzzLimit)
		defer cancel()
		readAll(ctx, path)
		require.NoError(t, ctx.Err(), "a reader hangs")
		startAndStop(ctx, path)
		require.NoError(t, ctx.Err(), "a start hangs")
	})
}

// fuzzLimit is far more than it takes to read so small a file.
const fuzzLimit = 5 * time.Second

// tables are the columns that an edit names by their numbers.
var tables = []struct {
	name    string
	columns []string
	keyed   bool // it has no rowid: an edit is one of all its rows
}{
	{"pawl_flow_plan", []string{"key", "id", "position", "kind", "schedule", "time_zone", "backoff", "streak_limit", "registered", "created_at",
		"policy", "run_group", "anchor", "paused_at", "pause_note", "retention", "pruned"}, false},
	{"pawl_flow_state", []string{"key", "version", "status", "run_count", "last_number", "in_flight", "failure_streak", "attempt", "last_run",
		"last_scheduled", "last_end", "next_eligible", "next_run", "suspect", "last_key", "error_key", "updated_at",
		"waiting", "backfill", "fired", "held", "streak_from", "last_seq"}, false},
	{"pawl_run_log", []string{"key", "prev", "flow", "number", "trigger", "status", "attempt", "scheduled_at", "started_at", "finished_at", "error",
		"due_at", "rank", "deadline", "ending", "input", "output"}, false},
	{"pawl_transition_log", []string{"seq", "at", "flow", "run_number", "event", "from_status", "to_status", "run_count", "in_flight", "failure_streak",
		"last_run", "next_eligible", "next_run", "version", "note", "waiting", "prev"}, false},
	{"pawl_commands", []string{"id", "created_at", "command", "flow_id", "args", "requested_by", "reason", "handled_at", "result", "error"}, false},
	{"pawl_runners", []string{"id", "host", "pid", "boot_id", "version", "generation", "started_at", "stopping_at", "stopped_at"}, false},
	{"pawl_database", []string{"id", "created_at", "generation", "passive", "last_run", "last_seq"}, false},
	{"pawl_verdict_log", []string{"key", "flow", "first_at", "last_at", "count", "verdict", "run_number", "reason", "seq"}, false},
	{"pawl_keys", []string{"flow", "key", "number", "at", "run"}, true},
	{"pawl_leaks", []string{"flow_id", "run_number", "generation", "closed_at", "returned_at", "error"}, true},
	{"pawl_checkpoint_log", []string{"run", "seq", "at", "state", "kind", "payload"}, true},
	{"pawl_attempt_log", []string{"run", "attempt", "status", "started_at", "finished_at", "next_at", "error"}, true},
}

const editSize = 12

// edit sets a column of a row to a value of some kind: see [apply].
func edit(table, column, row, kind byte, value int64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{table, column, row, kind}, uint64(value))
}

// apply makes as many edits as there are, at most eight. One that SQLite refuses is
// none.
func apply(t *testing.T, path string, edits []byte, text string) {
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'sync')`)
	require.NoError(t, err)
	for range 8 {
		if len(edits) < editSize {
			return
		}
		table := tables[int(edits[0])%len(tables)]
		column := table.columns[int(edits[1])%len(table.columns)]
		n := int64(binary.LittleEndian.Uint64(edits[4:]))
		value := []any{nil, n, text, []byte(text), math.Float64frombits(uint64(n)), n % 256}[int(edits[3])%6]
		query := fmt.Sprintf("UPDATE %s SET %s = ?1", table.name, column)
		if !table.keyed {
			query += fmt.Sprintf(" WHERE rowid = (SELECT rowid FROM %s LIMIT 1 OFFSET ?2 %% max(1, (SELECT count(*) FROM %[1]s)))", table.name)
		}
		_, _ = db.Exec(query, value, int(edits[2]))
		edits = edits[editSize:]
	}
}

// withRareRows is the file with a row in each of the tables that most files have none in,
// about the run of import that was in flight: it goes on.
func withRareRows(t testing.TB, file []byte) []byte {
	path := filepath.Join(t.TempDir(), "jobs.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, query := range []string{
		`INSERT INTO pawl_verdict_log SELECT 1000, flow, at, at, 1, 2, run_number, 'it ran', seq FROM pawl_transition_log WHERE seq = 7`,
		`INSERT INTO pawl_keys SELECT flow, 'key', number, scheduled_at, key FROM pawl_run_log WHERE key = 12`,
		`INSERT INTO pawl_leaks VALUES ('import', 1, 1, '2026-11-22T09:00:00.000Z', NULL, NULL)`,
		`INSERT INTO pawl_checkpoint_log SELECT key, 1, scheduled_at, 'new', 'enter', '{"n":1}' FROM pawl_run_log WHERE key = 12`,
		`INSERT INTO pawl_attempt_log (run, attempt, status, started_at, finished_at, error) SELECT key, 1, 2, scheduled_at, scheduled_at, 'boom' FROM pawl_run_log WHERE key = 12`,
		`UPDATE pawl_run_log SET input = '{}', deadline = scheduled_at + 1000 WHERE key = 12`,
	} {
		_, err := db.Exec(query)
		require.NoError(t, err, query)
	}
	require.NoError(t, db.Close())
	file, err = os.ReadFile(path)
	require.NoError(t, err)
	return file
}

// withoutTypes is the file with tables that take anything.
func withoutTypes(t testing.TB, file []byte) []byte {
	path := filepath.Join(t.TempDir(), "jobs.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	for _, query := range []string{
		`PRAGMA writable_schema = ON`,
		`UPDATE sqlite_schema SET sql = replace(replace(sql, ') STRICT', ')'), 'NOT NULL', '') WHERE type = 'table' AND name <> 'pawl_words'`,
	} {
		_, err := db.Exec(query)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	file, err = os.ReadFile(path)
	require.NoError(t, err)
	return file
}

// readAll calls every reader there is; what they say is their business.
func readAll(ctx context.Context, path string) {
	r, err := store.OpenReader(ctx, path)
	if err != nil {
		return
	}
	defer r.Close()
	now := epoch.Add(time.Hour)
	_, _ = r.Flows(ctx)
	for _, q := range []store.RunsQuery{
		{}, {Limit: 1000}, {Since: epoch}, {Status: core.RunCancelled}, {Flow: "sync"}, {Flow: "sync", Limit: 1000}, {Flow: "sync", Before: 5},
		{Flow: "import", Status: core.RunCancelled}, {Flow: "report", Since: epoch}, {Flow: "report", Status: core.RunCancelled},
	} {
		_, _ = r.Runs(ctx, q)
	}
	for _, id := range []string{"sync", "report", "import", "spare"} {
		_, _, _ = r.Flow(ctx, id)
		_, _, _ = r.Run(ctx, id, 3)
		_, _, _ = r.CheckpointsOf(ctx, id, 2)
		_, _, _ = r.AttemptsOf(ctx, id, 2)
		_, _, _ = r.Facts(ctx, id, epoch.Add(time.Minute), now)
		_, _ = r.FlowTransitions(ctx, store.TransitionsQuery{Flow: id})
	}
	all := []string{"sync", "report", "import", "spare"}
	_, _ = r.Window(ctx, store.WindowQuery{Flows: all, From: epoch, To: now})
	_, _ = r.Occurrences(ctx, all, epoch, now, 100)
	_, _ = r.Transitions(ctx, 0, 100)
	_, _ = r.Verify(ctx)
	_, _ = r.Examine(ctx, func() time.Time { return now })
	_, _ = r.At(ctx, now)
	_, _ = r.Passive(ctx)
	_, _ = r.SuspectedCopy(ctx)
	_, _, _ = r.Answer(ctx, 1)
}

// startAndStop lets an engine drive the file for a moment, as far as it does.
func startAndStop(ctx context.Context, path string) {
	s, err := store.Open(ctx, path, store.Options{Owner: store.Self(time.Now())})
	if err != nil {
		return
	}
	defer s.Close()
	minutely, _ := schedule.Every(time.Minute)
	secondly, _ := schedule.Cron("* * * * * *")
	backoff, retry := &core.BackoffPolicy{StreakLimit: 3}, &core.Retry{Max: 2}
	done := func(context.Context) error { return nil }
	flows := []engine.Flow{
		{ID: "sync", Job: done, Plan: &core.Plan{Schedule: minutely, Backoff: backoff, Keep: core.Retention{Runs: 1, For: time.Hour}}},
		{ID: "report", Job: done, Plan: &core.Plan{Schedule: secondly, CatchUp: core.CatchUpAll(3), Overlap: core.OverlapBuffer(5)}},
		{ID: "import", Job: goesOn, Plan: &core.Plan{Schedule: schedule.Manual(), Overlap: core.OverlapAllow(2, 5), Retry: retry, Resumes: true}},
	}
	e, err := engine.Start(ctx, engine.Config{Store: s, Owner: store.Self(time.Now()), Logger: slog.New(slog.DiscardHandler)}, flows)
	if err != nil {
		return
	}
	_, _ = e.TriggerWith(ctx, "import", core.Ask{Token: "key", Input: "1"})
	_ = e.Cancel(ctx, "import", 2, "")
	_ = e.Reset(ctx, "sync")
	_ = e.Pause(ctx, "report", core.Pause{Until: time.Now().Add(time.Millisecond)})
	_, _ = e.Backfill(ctx, "report", []time.Time{epoch.Add(time.Second)}, false)
	_ = e.Resume(ctx, "report", epoch)
	_ = e.Forget(ctx, "spare")
	_, _ = s.Prune(ctx, []core.Cut{{Flow: 1, Through: 5, All: true, Before: epoch.Add(time.Hour), Keys: epoch.Add(time.Hour)}}, 1000)
	_, _ = s.Inbox(ctx, true)
	e.Stop()
	_ = e.Wait()
}

// goesOn is a job that looks at what it did before, and does one thing more.
func goesOn(ctx context.Context) error {
	list, err := engine.Recorded(ctx)
	if err != nil {
		return err
	}
	return engine.Record(ctx, []core.CheckpointData{{Seq: int64(len(list) + 1), State: "old", Kind: "enter"}}, nil)
}
