package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store"
)

// book writes a history into a store as the engine would, at the instants that
// the test gives.
type book struct {
	t        testing.TB
	store    *store.Store
	plans    map[string]core.Plan
	states   map[string]core.State
	counters engine.Counters
	now      time.Time
	pending  engine.Batch
}

var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func newBook(t testing.TB, path string) *book {
	s, err := store.Open(t.Context(), path, store.Options{Owner: engine.Owner{StartedAt: epoch}})
	require.NoError(t, err)
	return &book{t: t, store: s, plans: map[string]core.Plan{}, states: map[string]core.State{}, now: epoch}
}

// flow makes a flow known.
func (b *book) flow(id string, schedule schedule.Schedule, err error, backoff *core.BackoffPolicy) {
	require.NoError(b.t, err)
	b.counters.Flow++
	b.plans[id] = core.Plan{Schedule: schedule, Backoff: backoff, Position: len(b.plans), Database: "test"}
	b.states[id] = core.NewState(id, b.counters.Flow)
	b.apply(id, core.Adopt{})
}

// apply is one transition of a flow; commit makes it durable.
func (b *book) apply(id string, e core.Event) core.State {
	b.counters.Seq++
	if r, ok := e.(core.Reserve); ok {
		b.counters.Run++
		r.Key = b.counters.Run
		e = r
	}
	c, err := core.Apply(b.states[id], e, b.now, b.plans[id])
	require.NoError(b.t, err)
	c.Number(b.counters.Seq)
	b.states[id] = *c.State
	b.pending.Changes = append(b.pending.Changes, c)
	return *c.State
}

func (b *book) commit() {
	require.NoError(b.t, b.store.Commit(b.t.Context(), b.pending))
	b.pending = engine.Batch{}
}

// run reserves a run as soon as the flow is due, or now if it is manual, and ends
// it 10 ms later. The event is given without the number of its run.
func (b *book) run(id, trigger string, end core.Event) {
	if s := b.states[id]; trigger == core.TriggerSchedule {
		for _, due := range []time.Time{s.NextRun, s.NextEligible} {
			if due.After(b.now) {
				b.now = due
			}
		}
	}
	n := b.apply(id, core.Reserve{Trigger: trigger}).LastNumber
	b.now = b.now.Add(10 * time.Millisecond)
	switch e := end.(type) {
	case core.Outcome:
		e.Run = n
		b.apply(id, e)
	case core.Interrupt:
		e.Run = n
		b.apply(id, e)
	case core.Cancel:
		e.Run = n
		b.apply(id, e)
	}
	b.commit()
}

var (
	success   = core.Outcome{}
	failure   = core.Outcome{Error: "boom"}
	interrupt = core.Interrupt{Error: "interrupted: the process died"}
	spared    = core.Interrupt{Error: "interrupted: the machine went down", Spared: true}
	cancel    = core.Cancel{Error: "cancelled: the stop window passed"}
)

// writeHistory writes every event there is, every status and every end of a run.
// The comments give seq: event -> status (run, key).
func writeHistory(t testing.TB, path string) {
	b := newBook(t, path)
	minutely, err := schedule.Every(time.Minute)
	b.flow("sync", minutely, err, &core.BackoffPolicy{Initial: time.Second, Jitter: 0.5, StreakLimit: 3}) // 1: adopt
	secondly, err := schedule.Cron("* * * * * *")
	b.flow("report", secondly, err, nil)          // 2: adopt
	b.flow("import", schedule.Manual(), nil, nil) // 3: adopt
	b.flow("spare", schedule.Manual(), nil, nil)  // 4: adopt

	b.run("sync", core.TriggerSchedule, success)   // 5: reserve, 6: outcome -> completed (1, key 1)
	b.run("sync", core.TriggerSchedule, failure)   // 7, 8: outcome -> backoff (2, key 2), streak 1
	b.run("report", core.TriggerSchedule, failure) // 9, 10: outcome -> failed (1, key 3)
	b.run("sync", core.TriggerManual, spared)      // 11, 12: interrupt -> backoff (3, key 4), streak 1
	b.run("sync", core.TriggerManual, interrupt)   // 13, 14: interrupt -> backoff (4, key 5), streak 2
	b.run("report", core.TriggerSchedule, success) // 15, 16: outcome -> completed (2, key 6)
	b.run("sync", core.TriggerSchedule, failure)   // 17, 18: outcome -> tripped (5, key 7), streak 3
	b.apply("sync", core.Reset{})                  // 19: reset -> idle
	b.run("sync", core.TriggerSchedule, cancel)    // 20, 21: cancel -> idle (6, key 8)
	b.run("sync", core.TriggerSchedule, success)   // 22, 23: outcome -> completed (7, key 9), attempt 2

	b.now = b.now.Add(-5 * time.Hour)
	b.apply("sync", core.Adjust{By: -1})           // 24: adjust
	b.apply("report", core.Correct{By: -1})        // 25: correct
	b.run("report", core.TriggerSchedule, failure) // 26, 27: outcome -> failed (3, key 10)
	b.run("import", core.TriggerManual, failure)   // 28, 29: outcome -> failed (1, key 11)
	b.run("import", core.TriggerManual, nil)       // 30: reserve -> running (2, key 12)
	b.run("sync", core.TriggerSchedule, failure)   // 31, 32: outcome -> backoff (8, key 13), streak 1
	b.run("sync", core.TriggerSchedule, failure)   // 33, 34: outcome -> backoff (9, key 14), streak 2
	b.run("sync", core.TriggerSchedule, interrupt) // 35, 36: interrupt -> tripped (10, key 15), streak 3
	b.plans["spare"] = core.Plan{}
	b.apply("spare", core.Retire{}) // 37: retire
	b.now = b.now.Add(5 * time.Second)
	b.run("report", core.TriggerSchedule, success) // 38, 39: outcome -> completed (4, key 16)
	b.now = b.now.Add(-10 * time.Second)
	b.run("report", core.TriggerSchedule, success) // 40, 41: outcome -> completed (5, key 17)
	require.NoError(t, b.store.Close())
}

// history is the content of a file with a history in which all is well.
func history(t testing.TB) []byte {
	path := filepath.Join(t.TempDir(), "jobs.db")
	writeHistory(t, path)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	return file
}

// edited is a reader of the file after somebody edited it by hand.
func edited(t testing.TB, file []byte, edits ...string) *store.Reader {
	path := filepath.Join(t.TempDir(), "jobs.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(1) // a PRAGMA is the connection's
	for _, edit := range edits {
		result, err := db.Exec(edit)
		require.NoError(t, err, edit)
		if strings.HasPrefix(edit, "PRAGMA") {
			continue
		}
		n, err := result.RowsAffected()
		require.NoError(t, err)
		require.NotZero(t, n, "nothing was edited by: %s", edit)
	}
	require.NoError(t, db.Close())
	r, err := store.OpenReader(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r
}

func TestHealthyFileHasNoViolations(t *testing.T) {
	found, err := edited(t, history(t)).Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
}

// A manual run between two attempts of an instant does not start their count
// anew. faults I3, scheduler T8.
func TestAttemptsOfAnInstantAreCountedAcrossManualRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	b := newBook(t, path)
	hourly, err := schedule.Every(time.Hour)
	b.flow("sync", hourly, err, nil)
	b.run("sync", core.TriggerSchedule, cancel)  // attempt 1
	b.run("sync", core.TriggerSchedule, cancel)  // attempt 2
	b.run("sync", core.TriggerManual, interrupt) // the instant stays due
	b.run("sync", core.TriggerSchedule, success)
	run, _, err := b.store.Run(t.Context(), "sync", 4)
	require.NoError(t, err)
	assert.Equal(t, 3, run.Attempt)
	found, err := b.store.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
	require.NoError(t, b.store.Close())
}

// A suspect is made by a crash and cleared by a run, all of which a replay follows.
func TestSuspectsAreReplayed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	b := newBook(t, path)
	b.flow("sync", schedule.Manual(), nil, nil)
	crash := core.Interrupt{Error: "interrupted: the process died", Spared: true, Suspect: true}
	for _, end := range []core.Event{success, failure} {
		b.run("sync", core.TriggerManual, crash)
		assert.True(t, b.states["sync"].Suspect)
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		var status string
		require.NoError(t, db.QueryRow(`SELECT status FROM pawl_status`).Scan(&status))
		assert.Equal(t, "failed (suspect)", status)
		require.NoError(t, db.Close())
		b.run("sync", core.TriggerManual, end)
		assert.False(t, b.states["sync"].Suspect)
	}
	b.run("sync", core.TriggerManual, crash)
	b.run("sync", core.TriggerManual, nil)
	b.apply("sync", core.Clear{Run: b.states["sync"].LastNumber})
	b.commit()
	found, err := b.store.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
	require.NoError(t, b.store.Close())

	file, err := os.ReadFile(path)
	require.NoError(t, err)
	found, err = edited(t, file, `UPDATE pawl_flow_state SET suspect = 1`).Verify(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{`flow "sync": its row has suspect 1, the replay of its transitions gives 0`}, found)
	found, err = edited(t, file, `UPDATE pawl_transition_log SET failure_streak = 1 WHERE event = 9`).Verify(t.Context())
	require.NoError(t, err)
	assert.Contains(t, strings.Join(found, "\n"), `(clear to running) leads to a streak of 1, after 0`)
}

// A crash without the suspects clears them all, also those that wait in the store alone.
// found Q3.
func TestSuspectsInTheStoreAloneAreCleared(t *testing.T) {
	b := newBook(t, filepath.Join(t.TempDir(), "jobs.db"))
	b.flow("mail", schedule.Manual(), nil, nil)
	plan := b.plans["mail"]
	plan.Retry = &core.Retry{Max: 3, Delay: core.BackoffPolicy{Initial: time.Minute}}
	b.plans["mail"] = plan
	b.run("mail", core.TriggerManual, core.Interrupt{Error: "interrupted: the process died", Spared: true, Suspect: true})
	b.commit()
	snapshot, err := b.store.Load(t.Context())
	require.NoError(t, err)
	state := *snapshot.Flows[0]
	require.EqualValues(t, 1, state.Suspects)
	b.states["mail"] = state
	assert.Zero(t, b.apply("mail", core.Clear{}).Suspects)
	b.commit()
	found, err := b.store.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
	require.NoError(t, b.store.Close())
}

// found B7: the streak follows the order of first starts, and the marks that it is
// judged by are replayed.
func TestOrderOfStartsIsReplayed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	b := newBook(t, path)
	b.flow("mail", schedule.Manual(), nil, &core.BackoffPolicy{Initial: time.Second, StreakLimit: 9})
	plan := b.plans["mail"]
	plan.Overlap = core.OverlapAllow(9, 0)
	b.plans["mail"] = plan
	for range 5 {
		b.apply("mail", core.Reserve{Trigger: core.TriggerManual})
	}
	for _, end := range []int64{2, -1, -4, 3, -5} { // below 0: it fails
		outcome := core.Outcome{Run: max(end, -end)}
		if end < 0 {
			outcome.Error = "boom"
		}
		b.apply("mail", outcome)
	}
	b.commit()
	assert.Equal(t, 2, b.states["mail"].FailureStreak)
	found, err := b.store.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
	snapshot, err := b.store.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, &core.Marks{Succeeded: 3, Failed: 4}, snapshot.Flows[0].Marks)
	require.NoError(t, b.store.Close())

	file, err := os.ReadFile(path)
	require.NoError(t, err)
	for edit, want := range map[string]string{
		`UPDATE pawl_flow_state SET succeeded_order = 5`:                          `its row has succeeded_order 5, the replay of its transitions gives 3`,
		`UPDATE pawl_flow_state SET failed_order = NULL`:                          `its row has failed_order 0, the replay of its transitions gives 4`,
		`UPDATE pawl_run_log SET start_order = 9 WHERE number = 1`:                `run 1 began as number 9 of the flow, transition 2 says as number 1`,
		`UPDATE pawl_transition_log SET failure_streak = 1 WHERE run_number = 1`:  `leads to a streak of 1, after 0`,
		`UPDATE pawl_transition_log SET failure_streak = 0 WHERE seq IN (10, 11)`: `leads to a streak of 0, after 1`,
	} {
		found, err := edited(t, file, edit).Verify(t.Context())
		require.NoError(t, err)
		assert.Contains(t, strings.Join(found, "\n"), want, edit)
	}
}

// Old transitions may go at any seq, if each flow keeps its newest, and the runs
// that began before with them, but its newest. time K1.
func TestPrunedFileHasNoViolations(t *testing.T) {
	const (
		runs = ` FROM pawl_run_log
WHERE key <= (SELECT count(*) FROM pawl_transition_log WHERE event = 2 AND seq <= %[1]d) AND key NOT IN (SELECT last_key FROM pawl_flow_state WHERE last_key IS NOT NULL)`
		setPruned        = `UPDATE pawl_flow_plan SET pruned = (SELECT COALESCE(max(number), 0)` + runs + ` AND flow = pawl_flow_plan.key)`
		pruneRuns        = `DELETE FROM pawl_run_ends WHERE run IN (SELECT key` + runs + `); DELETE` + runs
		pruneTransitions = `DELETE FROM pawl_transition_log
WHERE seq <= %[1]d AND seq NOT IN (SELECT max(seq) FROM pawl_transition_log GROUP BY flow)`
	)
	file := history(t)
	for seq := 5; seq <= 41; seq++ {
		r := edited(t, file, fmt.Sprintf(setPruned, seq), fmt.Sprintf(pruneRuns, seq), fmt.Sprintf(pruneTransitions, seq))
		found, err := r.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, found, "pruned up to transition %d", seq)
	}
}

// The owner goes on while a reader verifies, which reads one snapshot.
func TestVerifyReadsOneSnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	b := newBook(t, path)
	b.flow("import", schedule.Manual(), nil, nil)
	b.commit()
	r, err := store.OpenReader(t.Context(), path)
	require.NoError(t, err)
	verified := make(chan []string)
	go func() { // is asked for one result after the other, and is ahead by one
		defer close(verified)
		for range 50 {
			found, err := r.Verify(t.Context())
			assert.NoError(t, err)
			verified <- found
		}
	}()
	for found := range verified {
		assert.Empty(t, found)
		b.run("import", core.TriggerManual, success)
	}
	require.NoError(t, r.Close())
	require.NoError(t, b.store.Close())
}

func BenchmarkVerify(b *testing.B) {
	path := filepath.Join(b.TempDir(), "jobs.db")
	k := newBook(b, path)
	policy := core.DefaultBackoff()
	for i := range 100 {
		k.flow(fmt.Sprint("flow ", i), schedule.Manual(), nil, &policy)
	}
	for i := range 50_000 {
		id := fmt.Sprint("flow ", i%100)
		n := k.apply(id, core.Reserve{Trigger: core.TriggerManual}).LastNumber
		k.now = k.now.Add(time.Millisecond)
		k.apply(id, core.Outcome{Run: n, Error: "boom"})
		if i%1000 == 999 {
			k.commit()
		}
	}
	for b.Loop() {
		found, err := k.store.Verify(b.Context())
		require.NoError(b, err)
		require.Empty(b, found)
	}
	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
	require.NoError(b, k.store.Close())
}

// Whoever edits a file by hand, or whatever bug writes it, is told what does not
// fit: faults I2, faults I3, faults I4, faults I7 of the invariants, scheduler T4, scheduler T6.
func TestEveryViolationIsNamed(t *testing.T) {
	const (
		run   = `UPDATE pawl_run_log SET `
		state = `UPDATE pawl_flow_state SET `
		log   = `UPDATE pawl_transition_log SET `
	)
	file := history(t)
	for _, c := range []struct {
		name  string
		edits []string
		want  []string
	}{
		{"pages", []string{`PRAGMA writable_schema = ON`,
			`UPDATE sqlite_schema SET sql = replace(sql, 'IS NULL', 'IS NOT NULL') WHERE name = 'pawl_commands_waiting'`,
			`INSERT INTO pawl_commands (command, handled_at) VALUES ('reset', 'now')`},
			[]string{"integrity_check: row 1 missing from index pawl_commands_waiting"}},

		{"status", []string{state + `status = 0 WHERE key = 3`},
			[]string{`flow "import": its row has status idle, the replay of its transitions gives running`}},
		{"run count", []string{state + `run_count = 9 WHERE key = 1`},
			[]string{`flow "sync": its row has run_count 9, the replay of its transitions gives 10`}},
		{"in flight", []string{state + `in_flight = 0 WHERE key = 3`},
			[]string{`flow "import": its row has in_flight 0, the replay of its transitions gives 1`}},
		{"streak", []string{state + `failure_streak = 0 WHERE key = 1`},
			[]string{`flow "sync": its row has failure_streak 0, the replay of its transitions gives 3`}},
		{"last run", []string{state + `last_run = NULL WHERE key = 3`},
			[]string{`flow "import": its row has last_run never, the replay of its transitions gives 2026-11-22T04:03:01.020Z`}},
		{"next eligible", []string{state + `next_eligible = 1 WHERE key = 1`},
			[]string{`flow "sync": its row has next_eligible 1970-01-01T00:00:00.001Z, the replay of its transitions gives never`}},
		{"next run", []string{state + `next_run = next_run + 1000 WHERE key = 2`},
			[]string{`flow "report": its row has next_run 2026-11-22T04:06:08.000Z, the replay of its transitions gives 2026-11-22T04:06:07.000Z`}},
		{"version", []string{state + `version = version + 1 WHERE key = 4`},
			[]string{`flow "spare": its row has version 3, the replay of its transitions gives 2`}},
		{"updated at", []string{state + `updated_at = updated_at + 1 WHERE key = 4`},
			[]string{`flow "spare": its row has updated_at 2026-11-22T04:06:00.081Z, the replay of its transitions gives 2026-11-22T04:06:00.080Z`}},
		{"last number", []string{state + `last_number = 5 WHERE key = 3`},
			[]string{`flow "import": its row has last_number 5, the replay of its transitions gives 2`}},
		{"last scheduled", []string{state + `last_scheduled = NULL WHERE key = 1`},
			[]string{`flow "sync": its row has last_scheduled never, the replay of its transitions gives 2026-11-22T04:06:00.070Z`}},
		{"last end", []string{state + `last_end = NULL WHERE key = 1`},
			[]string{`flow "sync": its row has last_end never, the replay of its transitions gives 2026-11-22T04:06:00.080Z`}},
		{"last error", []string{state + `error_key = 3 WHERE key = 2`},
			[]string{`flow "report": its row has error_key 3, the replay of its transitions gives 0`}},
		{"suspect", []string{state + `suspect = 1 WHERE key = 2`},
			[]string{`flow "report": its row has suspect 1, the replay of its transitions gives 0`}},
		{"last key", []string{state + `last_key = 3 WHERE key = 2`},
			[]string{`flow "report": its row has last_key 3, its newest run has key 17`}},
		{"attempt", []string{state + `attempt = 2 WHERE key = 2`},
			[]string{`flow "report": its row has attempt 2, its newest run has 1`}},

		{"version gap", []string{`DELETE FROM pawl_transition_log WHERE seq = 24`},
			[]string{`flow "sync": transition 31 has version 18, after 16`}},
		{"version order", []string{log + `seq = 99 WHERE seq = 24`},
			[]string{`flow "sync": transition 31 has version 18, after 16`, `flow "sync": transition 99 has version 17, after 23`}},
		{"from status", []string{log + `from_status = 0 WHERE seq = 24`},
			[]string{`flow "sync": transition 24 comes from idle, but it was completed`}},
		{"trip without reset", []string{`INSERT INTO pawl_transition_log (seq, at, flow, run_number, event, from_status, to_status, run_count, in_flight, failure_streak,
    last_run, next_eligible, next_run, version, note, waiting, prev) SELECT 99, at, flow, NULL, 7, 5, 0, run_count, in_flight, failure_streak,
    last_run, next_eligible, 7, version + 1, NULL, NULL, 36 FROM pawl_transition_log WHERE seq = 36`, state + `last_seq = 99, status = 0, version = version + 1, next_run = 7 WHERE key = 1`},
			[]string{`flow "sync": transition 99 (adjust) leads out of a trip; only a reset may`}},
		{"counted twice", []string{log + `run_count = 3 WHERE seq = 30`, state + `run_count = 3 WHERE key = 3`},
			[]string{`flow "import": transition 30 (reserve) leads to run_count 3, after 1`, `flow "import": its run_count is 3, but it has 2 runs`}},
		{"runs in flight", []string{log + `in_flight = 2 WHERE seq = 30`, state + `in_flight = 2 WHERE key = 3`},
			[]string{`flow "import": transition 30 (reserve) leads to in_flight 2, after 0`, `flow "import": 1 of its runs are running, but 2 in flight`}},
		{"running without a run", []string{log + `to_status = 1 WHERE seq = 37`, state + `status = 1 WHERE key = 4`},
			[]string{`flow "spare": transition 37 leaves it running with 0 runs in flight`}},
		{"start of the last run", []string{log + `last_run = last_run + 1 WHERE seq = 37`, log + `last_run = 7 WHERE seq = 29`},
			[]string{`flow "import": transition 29 (outcome) leads to last_run 1970-01-01T00:00:00.007Z, after 2026-11-22T04:03:01.010Z`}},
		{"window of a reserve", []string{log + `next_eligible = NULL WHERE seq = 35`},
			[]string{`flow "sync": transition 35 (reserve) leads to next_eligible never, after 2026-11-22T04:05:01.581Z`}},
		{"failure that does not count", []string{log + `failure_streak = 2 WHERE seq = 36`, state + `failure_streak = 2 WHERE key = 1`},
			[]string{`flow "sync": transition 36 (interrupt to tripped) leads to a streak of 2, after 2`}},
		{"success that keeps the streak", []string{log + `failure_streak = 1 WHERE seq IN (29, 30)`, state + `failure_streak = 1 WHERE key = 3`},
			[]string{`flow "import": transition 29 (outcome to failed) leads to a streak of 1, after 0`,
				`flow "import": it has a streak of 1, but no backoff policy`}},
		{"next run of a trip", []string{log + `next_run = 7 WHERE seq = 36`, state + `next_run = 7 WHERE key = 1`},
			[]string{`flow "sync": transition 36 leaves it tripped, but with a next run at 1970-01-01T00:00:00.007Z`}},
		{"no next run", []string{`UPDATE pawl_flow_plan SET kind = 'every', schedule = '5m0s', registered = 1 WHERE key = 4`},
			[]string{`flow "spare": it is idle, but has no next run`}},
		{"event", []string{log + `event = 77 WHERE seq = 37`},
			[]string{`flow "spare": transition 37 is of an unknown kind: unknown(77)`}},
		{"no transitions", []string{`DELETE FROM pawl_transition_log WHERE flow = 4`},
			[]string{`flow "spare": its row has version 2, but no transition is kept`}},

		{"ends, a run that is over", []string{`DELETE FROM pawl_run_ends WHERE run = 3`},
			[]string{`flow "report": run 1 is failed, but pawl_run_ends does not have it`}},
		{"ends, a run that completed", []string{`INSERT INTO pawl_run_ends SELECT 2, key, flow FROM pawl_run_log WHERE key = 17`},
			[]string{`flow "report": run 5 is completed, but pawl_run_ends has it as failed`}},
		{"ends, another status", []string{`UPDATE pawl_run_ends SET status = 3 WHERE run = 3`},
			[]string{`flow "report": run 1 is failed, but pawl_run_ends has it as interrupted`}},
		{"ends, twice", []string{`INSERT INTO pawl_run_ends VALUES (3, 3, 2)`},
			[]string{`flow "report": pawl_run_ends has run 1 twice`}},
		{"ends, no run", []string{`INSERT INTO pawl_run_ends VALUES (2, 99, 2)`},
			[]string{`flow "report": pawl_run_ends has 1 of its runs that do not exist`}},
		{"ends, no flow", []string{`INSERT INTO pawl_run_ends VALUES (2, 98, 99)`},
			[]string{`a row of pawl_run_ends for run key 98 is of flow key 99, which does not exist`}},
		{"count of suspects", []string{state + `suspect = 4 WHERE key = 2`},
			[]string{`flow "report": 0 of its runs are suspects, but its row says 2`}},
		{"suspect that is not counted", []string{run + `suspect = 1 WHERE status = 0`},
			[]string{`flow "import": 1 of its runs are suspects, but its row says 0`}},
		{"run in the middle", []string{`DELETE FROM pawl_run_log WHERE key = 7`}, []string{`flow "sync": run 5 is missing`}},
		{"runs in the middle", []string{`DELETE FROM pawl_run_log WHERE key IN (7, 8)`}, []string{`flow "sync": runs 5 to 6 are missing`}},
		{"first run", []string{`DELETE FROM pawl_run_log WHERE key = 1`}, []string{`flow "sync": run 1 is missing`}},
		{"newest run", []string{`DELETE FROM pawl_run_log WHERE key = 17`}, []string{`flow "report": run 5 is missing`}},
		{"all runs", []string{`DELETE FROM pawl_run_log WHERE flow = 2`}, []string{`flow "report": runs 1 to 5 are missing`}},
		{"run above the pruned ones", []string{`UPDATE pawl_flow_plan SET pruned = 3 WHERE key = 1`, `DELETE FROM pawl_run_log WHERE key IN (1, 2, 4, 5)`},
			[]string{`flow "sync": run 4 is missing`}},
		{"chain over pruned runs", []string{`UPDATE pawl_flow_plan SET pruned = 4 WHERE key = 1`, `DELETE FROM pawl_run_log WHERE key IN (2, 4, 5)`, `DELETE FROM pawl_run_ends WHERE run IN (2, 4, 5)`},
			[]string{`flow "sync": run 5 points at key 5 as the run before, which has key 1`}},
		{"pruned to the end", []string{`UPDATE pawl_flow_plan SET pruned = 10 WHERE key = 1`, `DELETE FROM pawl_run_log WHERE flow = 1`},
			[]string{`flow "sync": run 10 is missing`}},
		{"last transition", []string{state + `last_seq = 5 WHERE key = 1`},
			[]string{`flow "sync": its row has last_seq 5, the replay of its transitions gives 36`}},
		{"chain of transitions", []string{log + `prev = 5 WHERE seq = 8`},
			[]string{`flow "sync": transition 8 points at 5 as the one before, which is 7`}},
		{"chain", []string{run + `prev = 1 WHERE key = 7`},
			[]string{`flow "sync": run 5 points at key 1 as the run before, which has key 5`}},
		{"chain that goes on", []string{run + `prev = 9 WHERE key = 11`},
			[]string{`flow "import": run 1 with key 11 points at key 9 as the run before`}},
		{"run that nobody reserved", []string{`INSERT INTO pawl_run_log (key, prev, flow, number, trigger, status, attempt, scheduled_at, started_at, finished_at) VALUES (99, 17, 2, 6, 1, 1, 1, 5, 5, 6)`},
			[]string{`flow "report": its newest run is 6, but only 5 were reserved`, `flow "report": its run_count is 5, but it has 6 runs`}},
		{"order of runs", []string{run + `number = 1 WHERE key = 17`},
			[]string{`flow "report": run 1 comes after run 4`, `flow "report": run 5 is missing`}},
		{"run of nobody", []string{run + `flow = 9 WHERE key = 17`},
			[]string{`run key 17 is of flow key 9, which does not exist`, `flow "report": run 5 is missing`}},
		{"transition of nobody", []string{`INSERT INTO pawl_transition_log (seq, at, flow, run_number, event, from_status, to_status, run_count, in_flight, failure_streak,
    last_run, next_eligible, next_run, version, note, waiting, prev) SELECT 99, at, 9, NULL, 6, 0, 0, 0, 0, 0, NULL, NULL, NULL, 9, NULL, NULL, NULL
    FROM pawl_transition_log WHERE seq = 1`}, []string{`transition 99 is of flow key 9, which does not exist`}},
		{"reserve of another run", []string{log + `run_number = 1 WHERE seq = 30`},
			[]string{`flow "import": transition 30 reserves run 1, after run 1`,
				`flow "import": its row has last_number 2, the replay of its transitions gives 1`,
				`flow "import": its newest run is 2, but only 1 were reserved`}},
		{"end of another run", []string{log + `run_number = 8 WHERE seq = 29`},
			[]string{`flow "import": transition 29 (outcome) ends run 8, which was not reserved`}},
		{"status of a run beyond any", []string{run + `status = 300 WHERE key = 11`},
			[]string{`flow "import": run 1 is unknown(127), but transition 29 (outcome to failed) left it failed`, `flow "import": run 1 is unknown(127), but pawl_run_ends has it as failed`}},
		{"attempt of a run beyond any", []string{run + `attempt = 1000000000000 WHERE key = 17`},
			[]string{`flow "report": its row has attempt 1, its newest run has 2147483647`}},
		{"start of a run", []string{run + `started_at = started_at + 1 WHERE key = 12`},
			[]string{`flow "import": run 2 started at 2026-11-22T04:03:01.021Z, transition 30 reserved it at 2026-11-22T04:03:01.020Z`}},
		{"end of a run", []string{run + `finished_at = finished_at + 1 WHERE key = 11`},
			[]string{`flow "import": run 1 finished at 2026-11-22T04:03:01.021Z, transition 29 says 2026-11-22T04:03:01.020Z`}},
		{"end of an interrupted run", []string{run + `finished_at = 7 WHERE key = 15`},
			[]string{`flow "sync": run 10 finished at 1970-01-01T00:00:00.007Z, transition 36 says never`}},
		{"status of a run", []string{run + `status = 1 WHERE key = 8`},
			[]string{`flow "sync": run 6 is completed, but transition 21 (cancel to idle) left it cancelled`, `flow "sync": run 6 is completed, but pawl_run_ends has it as cancelled`}},
		{"run still running", []string{run + `status = 0 WHERE key = 11`},
			[]string{`flow "import": run 1 is running, but transition 29 (outcome to failed) left it failed`,
				`flow "import": 2 of its runs are running, but 1 in flight`, `flow "import": run 1 is running, but pawl_run_ends has it as failed`}},
		{"error of a run", []string{run + `error = NULL WHERE key = 11`}, []string{`flow "import": run 1 is failed, with an error: false`}},
		{"error of a success", []string{run + `error = 'boom' WHERE key = 1`}, []string{`flow "sync": run 1 is completed, with an error: true`}},
		{"instant with two runs", []string{run + `attempt = 1 WHERE key = 9`},
			[]string{`flow "sync": run 7 (attempt 1) is for 2026-11-22T09:03:00.030Z, but run 6 (attempt 1) was for 2026-11-22T09:03:00.030Z already`}},
		{"fixed time that fires again", []string{
			`UPDATE pawl_flow_plan SET schedule = '5 6 4 * * *' WHERE key = 2`,
			run + `(scheduled_at, started_at) = (SELECT scheduled_at, started_at - 9000 FROM pawl_run_log WHERE key = 16) WHERE key = 17`,
			log + `(at, last_run) = (SELECT started_at, started_at FROM pawl_run_log WHERE key = 17) WHERE seq = 40`,
			log + `last_run = (SELECT started_at FROM pawl_run_log WHERE key = 17) WHERE seq = 41`,
			state + `(last_run, last_scheduled) = (SELECT started_at, scheduled_at FROM pawl_run_log WHERE key = 17) WHERE key = 2`},
			[]string{`flow "report": run 5 (attempt 1) is for 2026-11-22T04:06:05.000Z, but run 4 (attempt 1) was for 2026-11-22T04:06:05.000Z already`}},

		{"plan without a state", []string{`DELETE FROM pawl_flow_state WHERE key = 4`}, []string{`flow "spare": it has a plan but no state`}},
		{"state without a plan", []string{`DELETE FROM pawl_flow_plan WHERE key = 4`}, []string{`flow key 4 has a state but no plan`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := edited(t, file, c.edits...).Verify(t.Context())
			require.NoError(t, err)
			assert.Equal(t, c.want, found)
		})
	}
}
