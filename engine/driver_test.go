package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store"
)

// faulty is a store whose commits a test can hold up, fail or break.
type faulty struct {
	engine.Store
	mu      sync.Mutex
	batches []engine.Batch // that were committed
	fault   func() error   // asked before each commit; nil: none
	gate    chan struct{}  // commits wait until it is closed; nil: open
	asked   int            // commits that were asked for
	dead    bool           // nothing is left anywhere
}

func (f *faulty) Farewell(last engine.Farewell) error {
	if f.dead {
		return errors.New("the process is dead")
	}
	return f.Store.Farewell(last)
}

func (f *faulty) Commit(ctx context.Context, b engine.Batch) error {
	f.mu.Lock()
	f.asked++
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault != nil {
		if err := fault(); err != nil {
			return err
		}
	}
	err := f.Store.Commit(ctx, b)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		b.Changes = slices.Clone(b.Changes)
		f.batches = append(f.batches, b)
	}
	return err
}

// hold makes commits wait until the returned function is called.
func (f *faulty) hold() (release func()) {
	gate := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = gate
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.gate = nil
		close(gate)
	}
}

func (f *faulty) break_(fault func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *faulty) commits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// rig is an engine over a real file with a faulty store between them.
type rig struct {
	*engine.Engine
	store *faulty
	real  *store.Store
	path  string
	log   *logText
}

func startRig(t *testing.T, path string, flows ...engine.Flow) *rig {
	t.Helper()
	return startRigAt(t, path, time.Now, flows...)
}

func startRigAt(t *testing.T, path string, now func() time.Time, flows ...engine.Flow) *rig {
	t.Helper()
	return startRigWith(t, path, engine.Config{Now: now}, flows...)
}

// logText is what was logged.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startLimited starts with a limit on the runs in flight of all flows.
func startLimited(t *testing.T, path string, most int, flows ...engine.Flow) *rig {
	t.Helper()
	return startRigWith(t, path, engine.Config{Now: time.Now, MaxRunning: most}, flows...)
}

func startRigWith(t *testing.T, path string, cfg engine.Config, flows ...engine.Flow) *rig {
	t.Helper()
	now := cfg.Now
	real, err := store.Open(t.Context(), path, store.Options{Owner: store.Self(now())})
	require.NoError(t, err)
	r := &rig{store: &faulty{Store: real}, real: real, path: path, log: &logText{}}
	if cfg.Isolation == 0 {
		cfg.Isolation = engine.DefaultIsolation
	}
	kills := cfg.Owner.OOMKills
	cfg.Store, cfg.Owner, cfg.StopTimeout, cfg.Grace = r.store, store.Self(now()), 30*time.Second, 5*time.Second
	cfg.Owner.OOMKills = kills
	cfg.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.Engine, err = engine.Start(t.Context(), cfg, flows)
	require.NoError(t, err)
	return r
}

// end stops the engine and closes its file, which must be sound.
func (r *rig) end(t *testing.T) error {
	t.Helper()
	r.Stop()
	err := r.Wait()
	synctest.Wait()
	found, bad := r.real.Verify(context.Background())
	require.NoError(t, bad)
	assert.Empty(t, found)
	require.NoError(t, r.real.Close())
	return err
}

// crash ends the engine as a kill would: nothing more reaches its file, and the next
// start finds its runs in flight.
func (r *rig) crash(t *testing.T) {
	t.Helper()
	r.store.break_(func() error { return errors.New("the process is dead") })
	r.store.dead = true
	r.Stop()
	_ = r.Wait() // it could not write its end
	synctest.Wait()
	require.NoError(t, r.real.Close())
}

func manual(id string, job func(context.Context) error) engine.Flow {
	return engine.Flow{ID: id, Plan: &core.Plan{Schedule: schedule.Manual()}, Job: job}
}

func ok(context.Context) error { return nil }

func blocked(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// bubble runs a test under virtual time with a path for a database.
func bubble(t *testing.T, test func(t *testing.T, path string)) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) { test(t, path) })
}

// async calls a function and keeps what it returns.
func async[T any](call func() (T, error)) func() (T, error, bool) {
	var value T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		value, err = call()
	}()
	return func() (T, error, bool) {
		select {
		case <-done:
			return value, err, true
		default:
			var none T
			return none, nil, false
		}
	}
}

// execSQL writes to the file as another program would.
func execSQL(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_busy_timeout=5000")
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), query)
	require.NoError(t, err)
}

// What queued up behind a commit shares the next one, and an idle engine commits
// at once.
func TestCommandsThatQueuedUpShareACommit(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		var flows []engine.Flow
		for i := range 50 {
			flows = append(flows, manual(fmt.Sprint(i), blocked))
		}
		r := startRig(t, path, flows...)
		release := r.store.hold()
		for i := range 50 {
			async(func() (int64, error) { return r.Trigger(t.Context(), fmt.Sprint(i)) })
			if i == 0 {
				synctest.Wait() // the first one commits alone
			}
		}
		synctest.Wait()
		assert.Equal(t, 2, r.store.commits(), "the start and the first trigger")
		release()
		synctest.Wait()
		assert.Equal(t, 3, r.store.commits())
		assert.True(t, r.HasRunning())
		assert.Len(t, r.store.batches[2].Changes, 49)
		require.ErrorIs(t, r.end(t), core.ErrStopTimeout)
	})
}

// Trap 1: a refusal may rest on a transition of the same batch, so it too is
// answered after the commit.
func TestRefusalIsAnsweredAfterTheCommitItRestsOn(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		r := startRig(t, path, manual("a", blocked), manual("b", ok))
		release := r.store.hold()
		async(func() (int64, error) { return r.Trigger(t.Context(), "b") })
		synctest.Wait() // b's commit is held up; both of a gather behind it
		first := async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
		synctest.Wait()
		second := async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
		synctest.Wait()
		r.store.break_(func() error { return errors.New("disk on fire") })
		release()
		synctest.Wait()
		for _, trigger := range []func() (int64, error, bool){first, second} {
			_, err, done := trigger()
			require.True(t, done)
			require.ErrorContains(t, err, "disk on fire", "nobody hears of a run that never was")
		}
		r.store.break_(nil)
		time.Sleep(2 * time.Second)
		release = r.store.hold()
		first = async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
		synctest.Wait()
		second = async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
		synctest.Wait()
		_, _, done := second()
		require.False(t, done, "not before the commit")
		release()
		synctest.Wait()
		run, err, _ := first()
		require.NoError(t, err)
		assert.Equal(t, int64(1), run)
		_, err, done = second()
		require.True(t, done)
		require.ErrorIs(t, err, core.ErrAlreadyRunning)
		require.ErrorIs(t, r.end(t), core.ErrStopTimeout)
	})
}

// A batch that only refuses opens no transaction.
func TestRefusalsAloneCommitNothing(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		r := startRig(t, path, manual("a", blocked))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		before := r.store.commits()
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, core.ErrAlreadyRunning)
		assert.Equal(t, before, r.store.commits())
		require.ErrorIs(t, r.end(t), core.ErrStopTimeout)
	})
}

// Trap 2: every transition of a batch is written, not the last one alone. Of the states
// that is stored which stays.
func TestEveryTransitionOfABatchIsInTheHistory(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		finish := make(chan struct{})
		r := startRig(t, path, manual("a", func(context.Context) error { <-finish; return nil }), manual("b", ok))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		release := r.store.hold()
		async(func() (int64, error) { return r.Trigger(t.Context(), "b") })
		synctest.Wait()
		close(finish) // the outcome of run 1 gathers behind b's commit
		synctest.Wait()
		again := async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
		synctest.Wait()
		release()
		synctest.Wait()
		run, err, _ := again()
		require.NoError(t, err)
		assert.Equal(t, int64(2), run)
		var of []string
		for _, b := range r.store.batches {
			text := ""
			for _, c := range b.Changes {
				text += fmt.Sprintf("%s %s %d %t %d; ", c.ID, c.Event, c.RunNumber, c.Passing, c.Passed)
			}
			of = append(of, text)
		}
		assert.Contains(t, strings.Join(of, "\n"), "a outcome 1 true 0; a reserve 2 false 1; ", "in one batch")
		info, _ := r.Status("a")
		assert.Equal(t, int64(5), info.Version)
		require.NoError(t, r.end(t)) // and Verify finds no hole
	})
}

// Rarely set columns are cleared also where the flow has nothing in them any more when the
// change that is stored begins: the batch has cleared them before it.
func TestRareColumnsAreClearedByABatch(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		fails := true
		r := startRig(t, path, manual("a", func(context.Context) error {
			if fails {
				return errors.New("boom")
			}
			return nil
		}), manual("b", ok))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		fails = false
		row := func() (n int64) {
			states, err := r.store.Load(t.Context())
			require.NoError(t, err)
			return states.Flows[0].StreakFrom + states.Flows[0].ErrorKey
		}
		require.Equal(t, int64(1), row(), "the failure of run 1")
		release := r.store.hold()
		async(func() (int64, error) { return r.Trigger(t.Context(), "b") })
		synctest.Wait()
		async(func() (int64, error) { return 0, r.Reset(t.Context(), "a") })
		synctest.Wait()
		async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
		synctest.Wait()
		release()
		synctest.Wait()
		var together bool
		for _, b := range r.store.batches {
			for i, c := range b.Changes {
				together = together || c.Event == "reset" && c.Passing && !c.Plain && i+1 < len(b.Changes) && !b.Changes[i+1].Plain
			}
		}
		require.True(t, together, "the reset and the start that is stored are in one batch")
		assert.Zero(t, row())
		require.NoError(t, r.end(t))
	})
}

// Trap 3, scheduler D7: while the store fails callers get the error at once, no job starts
// whose reserve is not committed, the spell is logged once, and what ended
// meanwhile is committed when the store is back.
func TestFailingStoreStopsDispatchAndLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		finish := make(chan struct{})
		ticks := 0
		every, err := schedule.Every(time.Minute)
		require.NoError(t, err)
		r := startRig(t, path,
			manual("long", func(context.Context) error { <-finish; return errors.New("late news") }),
			engine.Flow{ID: "tick", Plan: &core.Plan{Schedule: every}, Job: func(context.Context) error { ticks++; return nil }})
		_, err = r.Trigger(t.Context(), "long")
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 1, ticks)

		r.store.break_(func() error { return errors.New("disk full") })
		close(finish)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, ticks, "no reserve was committed")
		info, _ := r.Status("long")
		assert.Equal(t, core.StatusRunning, info.Status, "nothing is shown that is not committed")
		began := time.Now()
		_, err = r.Trigger(t.Context(), "tick")
		require.ErrorContains(t, err, "disk full")
		assert.Zero(t, time.Since(began), "at once")

		r.store.break_(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		info, _ = r.Status("long")
		assert.Equal(t, core.StatusFailed, info.Status)
		assert.Equal(t, "late news", info.LastError)
		assert.Equal(t, 2, ticks, "what is due fires once")
		require.NoError(t, r.end(t))
		assert.Equal(t, 1, strings.Count(r.log.String(), "degraded: "), "once per spell")
		assert.Equal(t, 1, strings.Count(r.log.String(), "takes writes again"))
	})
}

// Trap 3: a loop that is refused looks at the state again at once, without the
// pause of a failing store.
func TestTickThatMeetsATriggerIsNotDelayed(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		every, err := schedule.Every(time.Minute)
		require.NoError(t, err)
		var starts []time.Duration
		began := time.Now()
		r := startRig(t, path, engine.Flow{ID: "tick", Plan: &core.Plan{Schedule: every}, Job: func(context.Context) error {
			starts = append(starts, time.Since(began))
			return nil
		}}, manual("b", ok))
		time.Sleep(time.Minute - time.Millisecond)
		release := r.store.hold()
		async(func() (int64, error) { return r.Trigger(t.Context(), "b") })
		synctest.Wait()
		async(func() (int64, error) { return r.Trigger(t.Context(), "tick") })
		time.Sleep(2 * time.Millisecond) // the trigger and the tick share a batch
		release()
		synctest.Wait()
		time.Sleep(2*time.Minute + time.Second)
		require.NoError(t, r.end(t))
		require.Len(t, starts, 4)
		assert.Equal(t, time.Minute+time.Millisecond, starts[1])
		assert.Equal(t, 2*time.Minute+time.Millisecond, starts[2], "its instant passed during the run")
	})
}

// Trap 4, scheduler R4: Stop returns even if the disk is dead, and says so.
func TestStopReturnsWhenTheDiskIsDead(t *testing.T) {
	t.Run("it fails", func(t *testing.T) {
		bubble(t, func(t *testing.T, path string) {
			finish := make(chan struct{})
			r := startRig(t, path, manual("a", func(context.Context) error { <-finish; return errors.New("boom") }))
			_, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			r.store.break_(func() error { return errors.New("dead") })
			close(finish)
			began := time.Now()
			r.Stop()
			err = r.Wait()
			require.ErrorContains(t, err, "no last write")
			require.NotErrorIs(t, err, core.ErrStopTimeout, "the job has returned")
			assert.LessOrEqual(t, time.Since(began), 40*time.Second)
			synctest.Wait()
			require.NoError(t, r.real.Close())

			// The next start knows how the run ended.
			r = startRig(t, path, manual("a", ok))
			info, _ := r.Status("a")
			assert.Equal(t, core.StatusFailed, info.Status)
			assert.Equal(t, "boom", info.LastError)
			require.NoError(t, r.end(t))
		})
	})
	t.Run("it hangs", func(t *testing.T) {
		bubble(t, func(t *testing.T, path string) {
			r := startRig(t, path, manual("a", ok))
			release := r.store.hold()
			trigger := async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
			synctest.Wait()
			began := time.Now()
			r.Stop()
			require.ErrorIs(t, r.Wait(), core.ErrStopTimeout)
			assert.LessOrEqual(t, time.Since(began), time.Minute)
			synctest.Wait()
			_, err, done := trigger()
			require.True(t, done)
			require.ErrorIs(t, err, core.ErrStopped)
			release()
			synctest.Wait()
			require.NoError(t, r.real.Close())
		})
	})
}

// Of a store that failed once a moment ago a stop takes the last chance.
func TestStopWritesWhatTheStoreRefusedAMomentAgo(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		finish := make(chan struct{})
		r := startRig(t, path, manual("a", func(context.Context) error { <-finish; return nil }))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		r.store.break_(func() error { return errors.New("out of breath") })
		close(finish)
		synctest.Wait()
		r.store.break_(nil)
		r.StopTimeout = 0
		require.NoError(t, r.end(t))
		info, _ := r.Status("a")
		assert.Equal(t, core.StatusCompleted, info.Status)
	})
}

// Trap 5: what the database rejects is answered to the culprit; the rest of the
// batch is committed, nobody waits and nothing is tried for ever.
func TestRejectedTransitionHurtsNobodyElse(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		r := startRig(t, path, manual("a", ok), manual("b", ok), manual("c", ok))
		execSQL(t, path, `CREATE TRIGGER pawl_no BEFORE INSERT ON pawl_run_log WHEN new.flow = 1
BEGIN SELECT RAISE(ABORT, 'not on my watch'); END`)
		release := r.store.hold()
		async(func() (int64, error) { return r.Trigger(t.Context(), "c") })
		synctest.Wait()
		culprit := async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
		innocent := async(func() (int64, error) { return r.Trigger(t.Context(), "b") })
		synctest.Wait()
		before := r.store.commits()
		release()
		synctest.Wait()
		_, err, done := culprit()
		require.True(t, done)
		require.ErrorContains(t, err, "not on my watch")
		run, err, done := innocent()
		require.True(t, done)
		require.NoError(t, err)
		assert.Equal(t, int64(1), run)
		time.Sleep(time.Hour)
		assert.LessOrEqual(t, r.store.commits()-before, 10)
		info, _ := r.Status("a")
		assert.Equal(t, core.StatusIdle, info.Status)
		execSQL(t, path, `DROP TRIGGER pawl_no`)
		_, err = r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		require.NoError(t, r.end(t))
	})
}

// Trap 5: the outcome of a run that the database rejects rests, and is committed
// when the database takes it.
func TestRejectedOutcomeIsTriedAgainLater(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		finish := make(chan struct{})
		r := startRig(t, path, manual("a", func(context.Context) error { <-finish; return nil }), manual("b", ok))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		execSQL(t, path, `CREATE TRIGGER pawl_no BEFORE UPDATE ON pawl_run_log WHEN new.flow = 1
BEGIN SELECT RAISE(ABORT, 'not on my watch'); END`)
		close(finish)
		time.Sleep(10 * time.Second)
		before := r.store.commits()
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, r.store.commits()-before, 22, "once a minute, not in a loop")
		_, err = r.Trigger(t.Context(), "b")
		require.NoError(t, err, "nobody waits for it")
		execSQL(t, path, `DROP TRIGGER pawl_no`)
		time.Sleep(2 * time.Minute)
		info, _ := r.Status("a")
		assert.Equal(t, core.StatusCompleted, info.Status)
		require.NoError(t, r.end(t))
	})
}

// Trap 5: a flow that another writer moved on is read again, and the command is
// applied to what is found.
func TestFlowChangedBehindTheDriverIsReadAgain(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		r := startRig(t, path, manual("a", ok))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		execSQL(t, path, `UPDATE pawl_flow_state SET version = 7, run_count = 5`)
		run, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, int64(2), run)
		synctest.Wait()
		info, _ := r.Status("a")
		assert.Equal(t, int64(9), info.Version)
		assert.Equal(t, int64(6), info.RunCount)
		execSQL(t, path, `PRAGMA foreign_keys = off; DELETE FROM pawl_flow_state`)
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorContains(t, err, "its row is gone")
		r.Stop()
		require.NoError(t, r.Wait())
		synctest.Wait()
		require.NoError(t, r.real.Close())
	})
}

// Trap 6, scheduler R8: if the driver dies of a bug, whoever waits learns it, and Wait and
// Stop return an error.
func TestDeathOfTheDriverIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		r := startRig(t, path, manual("a", ok), manual("long", blocked))
		_, err := r.Trigger(t.Context(), "long")
		require.NoError(t, err)
		waiting := async(func() (core.RunInfo, error) {
			run, _, err := r.WaitRun(t.Context(), "long", 1)
			return run, err
		})
		synctest.Wait()
		r.store.break_(func() error { panic("a bug") })
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorContains(t, err, "a bug")
		synctest.Wait()
		_, err, done := waiting()
		require.True(t, done)
		require.ErrorContains(t, err, "a bug")
		require.ErrorContains(t, r.Wait(), "a bug")
		r.Stop()
		require.ErrorContains(t, r.Wait(), "a bug")
		_, err = r.Trigger(t.Context(), "a")
		require.Error(t, err)
		require.Error(t, r.Reset(t.Context(), "a"))
		synctest.Wait()
		require.NoError(t, r.real.Close())
	})
}

// scheduler R8: nor does the inbox keep a dead driver from saying so, when the queue is full.
func TestDeathOfTheDriverEndsTheInbox(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		real, err := store.Open(t.Context(), path, store.Options{Owner: store.Self(time.Now())})
		require.NoError(t, err)
		faulty := &faulty{Store: real}
		e, err := engine.Start(t.Context(), engine.Config{
			Store: faulty, Queue: 1, InboxPoll: time.Second, Logger: slog.New(slog.DiscardHandler),
		}, []engine.Flow{manual("a", ok)})
		require.NoError(t, err)
		release := faulty.hold()
		async(func() (int64, error) { return e.Trigger(t.Context(), "a") })
		execSQL(t, path, `INSERT INTO pawl_commands (command, flow_id) VALUES ('reset', 'a'), ('reset', 'a'), ('reset', 'a')`)
		time.Sleep(5 * time.Second) // the queue is full and the inbox waits for room
		faulty.break_(func() error { panic("a bug") })
		release()
		ended := async(func() (int64, error) { return 0, e.Wait() })
		synctest.Wait()
		_, err, done := ended()
		require.True(t, done)
		require.ErrorContains(t, err, "a bug")
		require.NoError(t, real.Close())
	})
}

// scheduler R1, scheduler R2: the queue is bounded for triggers; resets have a lane of their own.
func TestFullQueueRefusesTriggersAndNobodyElse(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		var flows []engine.Flow
		for i := range 1026 {
			flows = append(flows, manual(fmt.Sprint(i), ok))
		}
		r := startRig(t, path, flows...)
		release := r.store.hold()
		var triggers []func() (int64, error, bool)
		for i := range 1025 {
			triggers = append(triggers, async(func() (int64, error) { return r.Trigger(t.Context(), fmt.Sprint(i)) }))
			synctest.Wait()
		}
		_, err := r.Trigger(t.Context(), "1025")
		require.ErrorIs(t, err, core.ErrQueueFull)
		reset := async(func() (int64, error) { return 0, r.Reset(t.Context(), "1025") })
		synctest.Wait()
		release()
		synctest.Wait()
		_, err, done := reset()
		require.True(t, done)
		require.NoError(t, err)
		for _, trigger := range triggers {
			_, err, done := trigger()
			require.True(t, done)
			require.NoError(t, err)
		}
		require.NoError(t, r.end(t))
	})
}

// scheduler L8: the wall clock jumps; each jump is logged, and no flow waits for ever or
// fires twice.
func TestWallClockJumps(t *testing.T) {
	cron, err := schedule.Cron("0 0 * * * *")
	require.NoError(t, err)
	fixed, err := schedule.Cron("0 0 23,0,1,2,3,4 * * *")
	require.NoError(t, err)
	every, err := schedule.Every(10 * time.Minute)
	require.NoError(t, err)
	for _, test := range []struct {
		name  string
		jump  time.Duration
		crons []string // instants that cron is told within 90 minutes after the jump at 02:30
		fixed []string // likewise, of fixed times
		every int      // runs within them, the interval being 10 min
	}{
		{"forward a day", 24 * time.Hour, []string{"02 02:00", "02 03:00", "02 04:00"}, []string{"02 02:00", "02 03:00", "02 04:00"}, 9},
		{"back an hour, the fixed time of 02:00 runs once", -time.Hour, []string{"01 02:00", "01 03:00"}, []string{"01 03:00"}, 9}, // found C7
		{"back four hours", -4 * time.Hour, []string{"31 23:00", "01 00:00"}, []string{"31 23:00", "01 00:00"}, 9},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, path string) {
				var offset time.Duration
				var mu sync.Mutex
				now := func() time.Time {
					mu.Lock()
					defer mu.Unlock()
					return time.Now().Add(offset)
				}
				var told, toldFixed []string
				ticks := 0
				r := startRigAt(t, path, now,
					engine.Flow{ID: "cron", Plan: &core.Plan{Schedule: cron}, Job: func(ctx context.Context) error {
						run, _ := engine.RunFrom(ctx)
						told = append(told, run.ScheduledAt.Format("02 15:04"))
						return nil
					}},
					engine.Flow{ID: "fixed", Plan: &core.Plan{Schedule: fixed}, Job: func(ctx context.Context) error {
						run, _ := engine.RunFrom(ctx)
						toldFixed = append(toldFixed, run.ScheduledAt.Format("02 15:04"))
						return nil
					}},
					engine.Flow{ID: "every", Plan: &core.Plan{Schedule: every}, Job: func(context.Context) error { ticks++; return nil }})
				time.Sleep(2*time.Hour + 30*time.Minute - time.Second)
				synctest.Wait()
				require.Equal(t, []string{"01 01:00", "01 02:00"}, told)
				told, toldFixed, ticks = nil, nil, 0
				mu.Lock()
				offset = test.jump
				mu.Unlock()
				time.Sleep(90*time.Minute + 2*time.Second)
				synctest.Wait()
				assert.Equal(t, test.crons, told)
				assert.Equal(t, test.fixed, toldFixed)
				assert.InDelta(t, test.every, ticks, 1)
				require.NoError(t, r.end(t))
				assert.Equal(t, 1, strings.Count(r.log.String(), "the wall clock jumped"))
			})
		})
	}
}

// scheduler R4, scheduler L7: from Stop on nothing is dispatched, commands are refused, and those
// that were queued before are carried out.
func TestStopDrawsALineBetweenCommands(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		every, err := schedule.Every(time.Minute)
		require.NoError(t, err)
		ticks := 0
		r := startRig(t, path, manual("a", ok), manual("b", ok),
			engine.Flow{ID: "tick", Plan: &core.Plan{Schedule: every}, Job: func(context.Context) error { ticks++; return nil }})
		time.Sleep(time.Minute - time.Second)
		synctest.Wait()
		require.Equal(t, 1, ticks)
		release := r.store.hold()
		async(func() (int64, error) { return r.Trigger(t.Context(), "b") })
		synctest.Wait()
		before := async(func() (int64, error) { return r.Trigger(t.Context(), "a") })
		reset := async(func() (int64, error) { return 0, r.Reset(t.Context(), "b") })
		synctest.Wait()
		r.Stop()
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, core.ErrStopped)
		require.ErrorIs(t, r.Reset(t.Context(), "a"), core.ErrStopped)
		time.Sleep(2 * time.Second) // tick becomes due
		release()
		require.NoError(t, r.Wait())
		run, err, done := before()
		require.True(t, done)
		require.NoError(t, err)
		assert.Equal(t, int64(1), run)
		_, err, done = reset()
		require.True(t, done)
		require.NoError(t, err)
		info, _ := r.Status("a")
		assert.Equal(t, core.StatusCompleted, info.Status)
		assert.Equal(t, 1, ticks)
		require.NoError(t, r.end(t))
	})
}

// scheduler D7: each spell of a failing store is logged once, also if nobody asks for
// anything when it ends.
func TestEverySpellIsLogged(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		r := startRig(t, path, manual("a", ok))
		for range 2 {
			r.store.break_(func() error { return errors.New("disk full") })
			_, err := r.Trigger(t.Context(), "a")
			require.ErrorContains(t, err, "disk full")
			time.Sleep(time.Minute)
			r.store.break_(nil)
			time.Sleep(time.Minute)
		}
		require.NoError(t, r.end(t))
		assert.Equal(t, 2, strings.Count(r.log.String(), "degraded: "))
		assert.Equal(t, 2, strings.Count(r.log.String(), "takes writes again"))
	})
}

// scheduler D7: while the store fails callers do not queue up behind it.
func TestCallersOfAFailingStoreAreAnsweredAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		r := startRig(t, path, manual("a", ok))
		r.store.break_(func() error {
			time.Sleep(5 * time.Second) // a lock that is waited for
			return errors.New("locked")
		})
		_, err := r.Trigger(t.Context(), "a")
		require.ErrorContains(t, err, "locked")
		began := time.Now()
		for range 100 {
			_, err := r.Trigger(t.Context(), "a")
			require.ErrorContains(t, err, "locked")
		}
		assert.Zero(t, time.Since(began))
		r.store.break_(nil)
		time.Sleep(time.Minute)
		require.NoError(t, r.end(t))
	})
}

// A stop that has nothing to wait for does not wait, although the database
// rejected the end of a run before.
func TestStopGivesARejectedOutcomeALastChance(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		finish := make(chan struct{})
		r := startRig(t, path, manual("a", func(context.Context) error { <-finish; return nil }))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		execSQL(t, path, `CREATE TRIGGER pawl_no BEFORE UPDATE ON pawl_run_log BEGIN SELECT RAISE(ABORT, 'no'); END`)
		close(finish)
		time.Sleep(time.Second)
		execSQL(t, path, `DROP TRIGGER pawl_no`)
		began := time.Now()
		require.NoError(t, r.end(t))
		assert.Zero(t, time.Since(began))
		info, _ := r.Status("a")
		assert.Equal(t, core.StatusCompleted, info.Status)
	})
}

// Trap 5: a run that ended in the database behind the driver's back is over for
// those who wait for it and for its job, and new runs get keys behind those found.
func TestReloadTellsThoseWhoWait(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		ended := make(chan error, 2)
		r := startRig(t, path, manual("a", func(ctx context.Context) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		}))
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		waiting := async(func() (bool, error) {
			_, stored, err := r.WaitRun(t.Context(), "a", 1)
			return stored, err
		})
		synctest.Wait()
		execSQL(t, path, `UPDATE pawl_run_log SET status = 2, error = 'by hand';
INSERT INTO pawl_run_log (key, flow, number, trigger, status, attempt, scheduled_at) VALUES (7, 1, 2, 1, 4, 1, 0);
UPDATE pawl_flow_state SET status = 3, in_flight = 0, version = 5, last_number = 2, last_key = 7`)
		require.NoError(t, r.Reset(t.Context(), "a"))
		run, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, int64(3), run)
		stored, err, done := waiting()
		require.True(t, done)
		require.NoError(t, err)
		assert.True(t, stored)
		require.ErrorIs(t, <-ended, engine.ErrCancelled, "its job need not go on")
		r.Stop()
		require.ErrorIs(t, r.Wait(), core.ErrStopTimeout)
		synctest.Wait()
		require.NoError(t, r.real.Close())
	})
}
