package store

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// tidied tidies until there is nothing more to do.
func tidied(t *testing.T, s *Store, before time.Time) {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = s.Tidy(t.Context(), before)
		require.NoError(t, err)
	}
}

// time K1: handled commands and the starts of owners go when they are old, but for what
// waits and the newest hundred.
func TestOldCommandsAndStartsAreDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	db := plainDB(t, path)
	execOn(t, db, `WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 600)
INSERT INTO pawl_commands (id, command, handled_at) SELECT i, 'reset', CASE WHEN i = 7 THEN NULL WHEN i <= 500 THEN '2026-01-01T00:00:00.000Z' ELSE '2026-06-01T00:00:00.000Z' END FROM c`)
	execOn(t, db, `WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 600)
INSERT INTO pawl_runners (id, host, pid, boot_id, version, generation, started_at) SELECT i, '', 1, '', '', i, '2026-01-01T00:00:00.000Z' FROM c`)
	tidied(t, s, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	var ids []int64
	require.NoError(t, s.db.Select(&ids, `SELECT id FROM pawl_commands ORDER BY id`))
	assert.Len(t, ids, 101)
	assert.EqualValues(t, 7, ids[0], "it waits")
	require.NoError(t, s.db.Select(&ids, `SELECT id FROM pawl_runners ORDER BY id`))
	assert.Len(t, ids, 100)
	assert.EqualValues(t, 501, ids[0])
	require.NoError(t, db.Close())
	require.NoError(t, s.Close())
}

// time K1: pages that are free are given back, but for a share that the next runs need.
func TestFreePagesAreGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	db := plainDB(t, path)
	execOn(t, db, `WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000)
INSERT INTO pawl_commands (id, command, handled_at, args) SELECT i, 'reset', '2026-01-01T00:00:00.000Z', hex(zeroblob(2000)) FROM c`)
	pages := func() (n int64) {
		require.NoError(t, s.db.Get(&n, `PRAGMA page_count`))
		return n
	}
	before := pages()
	tidied(t, s, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	assert.Less(t, pages(), before/5)
	require.NoError(t, db.Close())
	require.NoError(t, s.Close())
}

// manual is a flow with so many runs that ended a second after each other, from the
// epoch of books on.
func manual(t *testing.T, s *Store, runs int) (state core.State, now time.Time) {
	t.Helper()
	now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	state = core.NewState("import", 1)
	plan := core.Plan{Schedule: schedule.Manual()}
	seq, b := int64(0), engine.Batch{}
	apply := func(e core.Event) {
		c, err := core.Apply(state, e, now, plan)
		require.NoError(t, err)
		seq++
		c.Number(seq)
		state = *c.State
		b.Changes = append(b.Changes, c)
	}
	apply(core.Adopt{})
	for i := range int64(runs) {
		apply(core.Reserve{Trigger: core.TriggerManual, Key: i + 1, Ask: core.Ask{Token: fmt.Sprint("key ", i+1)}})
		now = now.Add(time.Second)
		apply(core.Outcome{Run: i + 1})
	}
	require.NoError(t, s.Commit(t.Context(), b))
	return state, now
}

// time K1: with the runs go their transitions, the verdicts on instants before the oldest
// that is kept, keys that stand for nothing any more, and leaks.
func TestWhatBelongsToARunGoesWithIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	state, now := manual(t, s, 300)
	db := plainDB(t, path)
	execOn(t, db, `INSERT INTO pawl_leaks (flow_id, run_number, generation, closed_at) VALUES ('import', 5, 1, ''), ('import', 295, 1, '')`)
	execOn(t, db, fmt.Sprintf(`INSERT INTO pawl_verdict_log (flow, first_at, last_at, count, verdict, run_number, seq) VALUES
(1, 0, %[1]d, 1, 6, NULL, 1), (1, 0, %[1]d, 1, 6, 295, 1), (1, 0, %[2]d, 1, 6, NULL, 1)`,
		now.Add(-100*time.Second).UnixMilli(), now.UnixMilli()))
	cut := core.Cut{Flow: 1, Through: 290, All: true, LastKey: state.LastKey, LastSeq: state.LastSeq, Keys: now.Add(-20 * time.Second)}
	for more := true; more; {
		results, err := s.Prune(t.Context(), []core.Cut{cut}, 500)
		require.NoError(t, err)
		more = results[0].More
		cut.Pruned, cut.Looked, cut.Resume, cut.KeysOn = results[0].Pruned, results[0].Looked, results[0].Resume, results[0].KeysOn
	}
	for query, want := range map[string]int{
		`SELECT min(number) FROM pawl_run_log`:                       291,
		`SELECT count(*) FROM pawl_transition_log`:                   20,
		`SELECT pruned FROM pawl_flow_plan`:                          290,
		`SELECT run_number FROM pawl_leaks`:                          295,
		`SELECT count(*) FROM pawl_verdict_log`:                      2,
		`SELECT min(number) FROM pawl_keys`:                          281,
		`SELECT count(*) FROM pawl_verdict_log WHERE run_number > 0`: 1,
	} {
		var n int
		require.NoError(t, s.db.Get(&n, query), query)
		assert.Equal(t, want, n, query)
	}
	found, err := s.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
	require.NoError(t, db.Close())
	require.NoError(t, s.Close())
}

// time K1: a key stands for its run as long as that is not over, however old it is.
func TestKeyOfARunThatIsNotOverIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	state, now := manual(t, s, 3)
	db := plainDB(t, path)
	execOn(t, db, `UPDATE pawl_run_log SET status = 0, finished_at = NULL WHERE key = 2`)
	_, err := s.Prune(t.Context(), []core.Cut{{Flow: 1, All: true, LastKey: state.LastKey, LastSeq: state.LastSeq, Keys: now}}, 500)
	require.NoError(t, err)
	var keys []int64
	require.NoError(t, s.db.Select(&keys, `SELECT number FROM pawl_keys`))
	assert.Equal(t, []int64{2}, keys)
	require.NoError(t, db.Close())
	require.NoError(t, s.Close())
}

// Who does not know that a deletion took effect, since its commit was in doubt, does not
// take back which run was deleted when the next one deletes one before it. time K1, faults I2.
func TestDeletionInDoubtIsNotTakenBack(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	b, err := newBooks(rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context(), b.start()))
	for range 4 { // one is in flight, the others wait
		b.apply("queue", core.Reserve{Trigger: core.TriggerManual})
	}
	b.apply("queue", core.Abort{Run: 2})
	require.NoError(t, s.Commit(t.Context(), b.batch(false)))
	prune := func(through int64) core.Pruned {
		q := b.states["queue"]
		results, err := s.Prune(t.Context(), []core.Cut{{Flow: q.Key, Through: through, All: true, LastKey: q.LastKey, LastSeq: q.LastSeq}}, 1000)
		require.NoError(t, err)
		return results[0]
	}
	require.EqualValues(t, 2, prune(2).Pruned, "run 1 is not over")
	b.apply("queue", core.Outcome{Run: 1})
	require.NoError(t, s.Commit(t.Context(), b.batch(false)))
	prune(2)
	found, err := s.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
}

// The oldest transition that is kept may start a run that waited, below runs that were
// deleted: it does not tell which run was the newest then. found Q1, found Q5.
func TestOldestTransitionMayStartAnOlderRun(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	hourly, err := schedule.Cron("0 * * * *")
	require.NoError(t, err)
	plan := core.Plan{Schedule: hourly, Overlap: core.OverlapBuffer(5)}
	state, seq := core.NewState("a", 1), int64(0)
	past := epoch.Truncate(time.Hour).Add(-24 * time.Hour)
	for _, e := range []core.Event{
		core.Adopt{}, core.Reserve{Trigger: core.TriggerManual, Key: 1},
		core.Backfill{Key: 2, Instants: []time.Time{past, past.Add(time.Hour), past.Add(2 * time.Hour)}}, core.Drop{},
		core.Cancel{Run: 1, Error: "stopped", Key: 5}, core.Reserve{Trigger: core.TriggerSchedule, Key: 5},
	} {
		c, err := core.Apply(state, e, epoch, plan)
		require.NoError(t, err, "%T", e)
		seq++
		c.Number(seq)
		state = *c.State
		require.NoError(t, s.Commit(t.Context(), engine.Batch{Changes: []core.Change{c}}))
	}
	cut := core.Cut{Flow: 1, Through: 3, All: true, LastKey: state.LastKey, LastSeq: state.LastSeq}
	_, err = s.Prune(t.Context(), []core.Cut{cut}, 10_000)
	require.NoError(t, err)
	var numbers []int64
	require.NoError(t, s.db.Select(&numbers, `SELECT number FROM pawl_run_log ORDER BY number`))
	require.Equal(t, []int64{1, 4}, numbers)
	found, err := s.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
}

// With runs in parallel, retention can delete the first start of a failure that is kept and
// leave the start of its further attempt. A run that goes on from its checkpoints began with
// the first. found Q5.
func TestFirstStartOfAKeptFailureMayBeDeleted(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "jobs.db"), Options{})
	plan := core.Plan{Schedule: schedule.Manual(), Overlap: core.OverlapAllow(3, 5), Resumes: true,
		Retry: &core.Retry{Max: 1}}
	state, seq, now := core.NewState("a", 1), int64(0), epoch
	apply := func(e core.Event) {
		t.Helper()
		c, err := core.Apply(state, e, now, plan)
		require.NoError(t, err, "%T", e)
		seq++
		c.Number(seq)
		state = *c.State
		require.NoError(t, s.Commit(t.Context(), engine.Batch{Changes: []core.Change{c}}))
		now = now.Add(time.Second)
	}
	apply(core.Adopt{})
	apply(core.Reserve{Trigger: core.TriggerManual, Key: 1})
	apply(core.Reserve{Trigger: core.TriggerManual, Key: 2})
	apply(core.Reserve{Trigger: core.TriggerManual, Key: 3})
	apply(core.Outcome{Run: 1, Error: "no"})
	apply(core.Outcome{Run: 2})
	now = now.Add(time.Minute)
	apply(core.Reserve{Trigger: core.TriggerSchedule}) // attempt 2 of run 1
	apply(core.Outcome{Run: 1, Error: "no again"})
	apply(core.Outcome{Run: 3})
	cut := core.Cut{Flow: 1, Through: 2, All: true, LastKey: state.LastKey, LastSeq: state.LastSeq}
	cut.Failures = 5
	_, err := s.Prune(t.Context(), []core.Cut{cut}, 10_000)
	require.NoError(t, err)
	var numbers []int64
	require.NoError(t, s.db.Select(&numbers, `SELECT number FROM pawl_run_log ORDER BY number`))
	require.Equal(t, []int64{1, 3}, numbers)
	require.NoError(t, s.db.Select(&numbers, `SELECT run_number FROM pawl_transition_log ORDER BY seq`))
	require.Equal(t, []int64{3, 1, 2, 1, 1, 3}, numbers)
	found, err := s.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
}
