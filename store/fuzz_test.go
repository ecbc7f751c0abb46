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
	"github.com/pawl-go/pawl/store"
)

// Matrix, "hand-edited rows": whatever stands in whichever column, every reader
// returns a value or an error, soon, and a start too. The input is a list of edits
// of a file in which all is well, and a text for some of them.
func FuzzRows(f *testing.F) {
	file := withoutTypes(f, history(f))
	f.Add([]byte{}, "")
	f.Add(edit(1, 2, 1, 1, -7), "")                                       // the status of a flow
	f.Add(edit(2, 1, 16, 1, 17), "")                                      // a run whose run before is itself
	f.Add(append(edit(2, 1, 11, 1, 12), edit(1, 5, 2, 1, 9)...), "")      // the same, and more runs in flight than there are
	f.Add(append(edit(3, 4, 8, 1, 99), edit(3, 7, 9, 2, 0)...), "x")      // an event nobody knows, a text for a number
	f.Add(edit(1, 5, 0, 1, math.MaxInt64), "")                            // as many runs in flight as there are numbers
	f.Add(edit(0, 4, 0, 2, 0), "\xff\x00'\n\x1b[31m")                     // a schedule
	f.Add(append(edit(4, 2, 0, 3, 0), edit(5, 6, 0, 2, 0)...), "no time") // a blob in the inbox, a text in a time
	f.Add(edit(6, 2, 0, 4, int64(math.Float64bits(math.Inf(1)))), "")     // an infinite generation
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
}{
	{"pawl_flow_plan", []string{"key", "id", "position", "kind", "schedule", "time_zone", "backoff", "streak_limit", "registered", "created_at"}},
	{"pawl_flow_state", []string{"key", "version", "status", "run_count", "last_number", "in_flight", "failure_streak", "attempt", "last_run",
		"last_scheduled", "last_end", "next_eligible", "next_run", "suspect", "last_key", "error_key", "updated_at"}},
	{"pawl_run_log", []string{"key", "prev", "flow", "number", "trigger", "status", "attempt", "scheduled_at", "started_at", "finished_at", "error"}},
	{"pawl_transition_log", []string{"seq", "at", "flow", "run_number", "event", "from_status", "to_status", "run_count", "in_flight", "failure_streak",
		"last_run", "next_eligible", "next_run", "version", "note"}},
	{"pawl_commands", []string{"id", "created_at", "command", "flow_id", "args", "requested_by", "reason", "handled_at", "result", "error"}},
	{"pawl_runners", []string{"id", "host", "pid", "boot_id", "version", "generation", "started_at", "stopping_at", "stopped_at"}},
	{"pawl_database", []string{"id", "created_at", "generation", "passive"}},
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
		_, _ = db.Exec(fmt.Sprintf(`UPDATE %s SET %s = ? WHERE rowid = (SELECT rowid FROM %[1]s LIMIT 1
OFFSET ? %% max(1, (SELECT count(*) FROM %[1]s)))`, table.name, column), value, int(edits[2]))
		edits = edits[editSize:]
	}
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
		{}, {Limit: 1000}, {Since: epoch}, {Status: engine.RunCancelled}, {Flow: "sync"}, {Flow: "sync", Limit: 1000}, {Flow: "sync", Before: 5},
		{Flow: "import", Status: engine.RunCancelled}, {Flow: "report", Since: epoch}, {Flow: "report", Status: engine.RunCancelled},
	} {
		_, _ = r.Runs(ctx, q)
	}
	for _, id := range []string{"sync", "report", "import", "spare"} {
		_, _, _ = r.Flow(ctx, id)
		_, _, _ = r.Run(ctx, id, 3)
	}
	_, _ = r.Verify(ctx)
	_, _ = r.Examine(ctx, func() time.Time { return now })
	_, _ = r.At(ctx, now)
	_, _ = r.Passive(ctx)
	_, _ = r.Doubt(ctx)
	_, _, _ = r.Answer(ctx, 1)
}

// startAndStop lets an engine drive the file for a moment, as far as it does.
func startAndStop(ctx context.Context, path string) {
	s, err := store.Open(ctx, path, store.Options{Owner: store.Self(time.Now())})
	if err != nil {
		return
	}
	defer s.Close()
	var flows []engine.Flow
	minutely, _ := engine.Every(time.Minute)
	for id, schedule := range map[string]engine.Schedule{"sync": minutely, "import": engine.Manual()} {
		flows = append(flows, engine.Flow{ID: id, Plan: &engine.Plan{Schedule: schedule, Backoff: &engine.BackoffPolicy{StreakLimit: 3}},
			Job: func(context.Context) error { return nil }})
	}
	e, err := engine.Start(ctx, engine.Config{Store: s, Owner: store.Self(time.Now()), Logger: slog.New(slog.DiscardHandler)}, flows)
	if err != nil {
		return
	}
	_, _ = e.Trigger(ctx, "import")
	_ = e.Reset(ctx, "sync")
	_, _ = s.Inbox(ctx, true)
	e.Stop()
	_ = e.Wait()
}
