package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
)

// order is an input as an app would have it.
type order struct {
	ID    int               `json:"id"`
	Items []string          `json:"items"`
	Notes map[string]string `json:"notes,omitempty"`
	At    time.Time         `json:"at"`
}

// A job gets its input as the type that it was given as, and leaves an output. time Q2.
func TestInputsAndOutputsKeepTheirTypes(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		var got order
		require.NoError(t, s.Manual("orders", harness.Job(func(ctx context.Context) (err error) {
			if got, err = pawl.InputOf[order](ctx); err != nil {
				return err
			}
			if err := pawl.SetOutput(ctx, "overwritten"); err != nil {
				return err
			}
			return pawl.SetOutput(ctx, map[string]any{"id": got.ID, "ok": true})
		})))
		r := harness.Start(t, s)
		want := order{ID: 7, Items: []string{"ä", "\x00", "<b>"}, Notes: map[string]string{"a": "b"}, At: time.Now().UTC()}
		info := harness.Finish(t, r, "orders", pawl.WithInput(want))
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, want, got)
		assert.Equal(t, pawl.JSON(`{"id":7,"ok":true}`), info.Output)
		assert.Equal(t, []string{`{"id":7,"ok":true}`}, harness.Texts(t, db, "SELECT output FROM pawl_runs"))
		info = harness.Finish(t, r, "orders")
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, order{}, got, "without one: the zero value")
		info = harness.Finish(t, r, "orders", pawl.WithInput("no order"))
		assert.Equal(t, pawl.RunFailed, info.Status)
		assert.Contains(t, info.Error, "input: json: cannot unmarshal string")
		_, err := r.Trigger(t.Context(), "orders", pawl.WithInput(func() {}))
		require.ErrorContains(t, err, "input: json: unsupported type")
		_, err = pawl.InputOf[int](t.Context())
		require.Error(t, err)
		require.Error(t, pawl.SetOutput(t.Context(), 1))
		harness.Stop(t, r, db)
	})
}

// An input or output has up to 1 MiB; what is larger is refused. Large inputs are read
// when their jobs ask for them, also after a restart. time Q1, time Q2, time K2.
func TestLargeInputsAreReadWhenTheyAreAskedFor(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		const most = core.MaxPayload - 2 // and the quotes
		large := func(n int) string { return strings.Repeat(string(rune('a'+n%26)), most) }
		var mu sync.Mutex
		got := map[int64]string{}
		hold := true
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("large", harness.Job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				assert.Equal(t, "large", run.FlowID)
				mu.Lock()
				waits := hold
				mu.Unlock()
				if waits {
					return harness.UntilCancelled(ctx)
				}
				text, err := pawl.InputOf[string](ctx)
				mu.Lock()
				got[run.Number] = text
				mu.Unlock()
				return errors.Join(err, pawl.SetOutput(ctx, text))
			}), pawl.WithOverlap(pawl.OverlapBuffer(100)), pawl.WithRetry(1, harness.EveryMinute)))
			require.NoError(t, s.Manual("too large", harness.Job(func(ctx context.Context) error { return pawl.SetOutput(ctx, large(0)+"a") })))
		}
		p := harness.Launch(t, db, register)
		_, err := p.Trigger(t.Context(), "large", pawl.WithInput(large(0)+"a"))
		require.ErrorIs(t, err, pawl.ErrTooLarge)
		_, err = p.TriggerMany(t.Context(), "large", []any{1, large(0) + "a"})
		require.ErrorIs(t, err, pawl.ErrTooLarge)
		const runs = 12
		for n := range runs {
			_, err := p.Trigger(t.Context(), "large", pawl.WithInput(large(n)))
			require.NoError(t, err)
		}
		p.Kill()
		hold = false
		p = harness.Launch(t, db, register)
		info, err := p.WaitRun(t.Context(), "large", runs)
		require.NoError(t, err)
		assert.Len(t, info.Output, core.MaxPayload)
		require.Len(t, got, runs)
		for n := range runs {
			assert.True(t, got[int64(n+1)] == large(n), n)
		}
		failed := harness.Finish(t, p.Runner, "too large")
		assert.Equal(t, pawl.RunFailed, failed.Status)
		assert.Contains(t, failed.Error, "too large")
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
	})
}

// A key stands for its run until that is over, and for its window: a day, or what the
// flow says; over restarts and kills too. time Q1.
func TestKeyStandsForItsRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			nap := harness.Job(func(context.Context) error { time.Sleep(time.Hour); return nil })
			require.NoError(t, s.Manual("day", nap, pawl.WithOverlap(pawl.OverlapBuffer(9))))
			require.NoError(t, s.Manual("none", nap, pawl.WithKeyWindow(0)))
			require.NoError(t, s.Manual("other", harness.Job(harness.OK)))
		}
		p := harness.Launch(t, db, register)
		key := func(id, key string) int64 {
			t.Helper()
			run, err := p.Trigger(t.Context(), id, pawl.WithKey(key))
			require.NoError(t, err)
			return run
		}
		assert.Equal(t, int64(1), key("day", "a"))
		assert.Equal(t, int64(2), key("day", "b"), "which waits")
		assert.Equal(t, int64(1), key("none", "a"))
		assert.Equal(t, int64(1), key("other", "a"), "per flow")
		for range 2 {
			assert.Equal(t, int64(1), key("day", "a"))
			assert.Equal(t, int64(2), key("day", "b"))
			assert.Equal(t, int64(1), key("none", "a"), "not refused as running")
		}
		p.Kill()
		p = harness.Launch(t, db, register)
		assert.Equal(t, int64(1), key("day", "a"), "over, but within its window")
		assert.Equal(t, int64(2), key("day", "b"))
		assert.Equal(t, int64(2), key("none", "a"), "over")
		time.Sleep(23 * time.Hour)
		assert.Equal(t, int64(1), key("day", "a"))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, int64(3), key("day", "a"))
		assert.Equal(t, int64(3), key("day", "a"))
		_, err := p.Trigger(t.Context(), "day", pawl.WithKey(strings.Repeat("k", 256)))
		require.ErrorContains(t, err, "at most 255 bytes")
		time.Sleep(2 * time.Hour)
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
	})
}

// Of many that trigger with one key at once, one run comes. time Q1.
func TestManyTriggersWithOneKeyAreOneRun(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("work", d.Job(harness.OK), pawl.WithOverlap(pawl.OverlapAllow(5, 500))))
		r := harness.Start(t, s)
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				run, err := r.Trigger(t.Context(), "work", pawl.WithKey(fmt.Sprint(i%3)))
				assert.NoError(t, err)
				assert.LessOrEqual(t, run, int64(3))
			})
		}
		all.Wait()
		synctest.Wait()
		assert.Len(t, d.Entries(), 3)
		harness.Stop(t, r, db)
	})
}

// A key given again after an answer that said nothing never makes a second run,
// whether the commit had taken effect or not. time Q1, scheduler D7.
func TestKeyMakesATriggerInDoubtSafeToRepeat(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				d := harness.NewDiary()
				faulty := &harness.Disk{Durable: durable}
				s := harness.Quiet(db, pawl.WithStore(faulty.Wrap))
				require.NoError(t, s.Manual("work", d.Job(harness.OK)))
				r := harness.Start(t, s)
				faulty.Fail(errors.New("no answer from the disk"))
				_, err := r.Trigger(t.Context(), "work", pawl.WithKey("k"))
				require.Error(t, err)
				faulty.Fail(nil)
				time.Sleep(2 * time.Second)
				for range 2 {
					run, err := r.Trigger(t.Context(), "work", pawl.WithKey("k"))
					require.NoError(t, err)
					assert.Equal(t, int64(1), run)
				}
				synctest.Wait()
				assert.Len(t, d.Entries(), 1)
				harness.Stop(t, r, db)
			})
		})
	}
}

// A later start is a row: it starts at its time, whatever was stopped or killed
// meanwhile, or at once when that has passed. It is not in the way of others. time Q1.
func TestLaterStartsSurviveRestarts(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		register := func(s *pawl.Scheduler) { require.NoError(t, s.Manual("work", d.Job(harness.OK))) }
		p := harness.Launch(t, db, register)
		for _, hours := range []time.Duration{3, 2, 5} {
			run, err := p.Trigger(t.Context(), "work", pawl.WithStartAt(time.Now().Add(hours*time.Hour)))
			require.NoError(t, err)
			info := harness.RunOf(t, p.Runner, "work", run)
			assert.Equal(t, pawl.RunWaiting, info.Status)
			assert.Equal(t, time.Now().Add(hours*time.Hour).UTC(), info.DueAt)
		}
		harness.Trigger(t, p.Runner, "work")
		time.Sleep(time.Hour)
		p.Kill()
		p = harness.Launch(t, db, register)
		time.Sleep(2*time.Hour + time.Minute)
		require.NoError(t, p.Stop(context.Background()))
		assert.Equal(t, []time.Duration{0, 2 * time.Hour, 3 * time.Hour}, d.Entries())
		time.Sleep(5 * time.Hour)
		late := time.Since(d.Began)
		p = harness.Launch(t, db, register)
		synctest.Wait()
		assert.Equal(t, late, d.Entries()[3])
		assert.Zero(t, harness.Status(t, p.Runner, "work").Waiting)
		require.NoError(t, p.Stop(context.Background()))
		harness.Verify(t, db)
	})
}

// TriggerMany accepts all or none, in order. time Q1, time O1.
func TestTriggerManyAcceptsAllOrNone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var got []int
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("work", harness.Job(func(ctx context.Context) error {
			n, err := pawl.InputOf[int](ctx)
			got = append(got, n)
			return err
		}), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := harness.Start(t, s)
		inputs := make([]any, 1002) // one more than wait and start
		for i := range inputs {
			inputs[i] = i
		}
		_, err := r.TriggerMany(t.Context(), "work", inputs)
		require.ErrorIs(t, err, pawl.ErrBufferFull)
		_, err = r.TriggerMany(t.Context(), "nobody", inputs)
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		first, err := r.TriggerMany(t.Context(), "work", nil)
		require.NoError(t, err)
		assert.Zero(t, first)
		assert.Zero(t, harness.Status(t, r, "work").LastNumber)
		first, err = r.TriggerMany(t.Context(), "work", inputs[:200])
		require.NoError(t, err)
		assert.Equal(t, int64(1), first)
		_, err = r.WaitRun(t.Context(), "work", 200)
		require.NoError(t, err)
		require.Len(t, got, 200)
		for i, n := range got {
			require.Equal(t, i, n)
		}
		harness.Stop(t, r, db)
	})
}

// A trigger in the caller's transaction happens if that commits, at once, and not
// otherwise; its number or its error stands on its row. time Q3.
func TestTriggerTxHappensWithItsTransaction(t *testing.T) {
	for name, poll := range map[string]time.Duration{"usual": 250 * time.Millisecond, "off": 0} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				require.NoError(t, os.WriteFile(db, nil, 0o600))
				harness.ExecSQL(t, db, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
				d := harness.NewDiary()
				s := harness.Quiet(db, pawl.WithSharedFile(), pawl.WithInboxPoll(poll))
				require.NoError(t, s.Manual("work", d.Job(func(ctx context.Context) error {
					n, err := pawl.InputOf[int](ctx)
					return errors.Join(err, pawl.SetOutput(ctx, -n))
				}), pawl.WithOverlap(pawl.OverlapBuffer(5))))
				r := harness.Start(t, s)
				app, err := sql.Open("sqlite", db+"?_pragma=busy_timeout(5000)")
				require.NoError(t, err)
				defer app.Close()
				time.Sleep(10 * time.Minute) // the poller has come to rest
				insert := func(id string, opts ...pawl.TriggerOption) (*sql.Tx, int64) {
					tx, err := app.BeginTx(t.Context(), nil)
					require.NoError(t, err)
					_, err = tx.ExecContext(t.Context(), "INSERT INTO orders DEFAULT VALUES")
					require.NoError(t, err)
					row, err := r.TriggerTx(t.Context(), tx, id, opts...)
					require.NoError(t, err)
					return tx, row
				}
				for n, open := range []time.Duration{0, 50 * time.Millisecond, 3 * time.Second, time.Minute} {
					tx, row := insert("work", pawl.WithInput(n+1), pawl.WithKey(fmt.Sprint(n)))
					time.Sleep(open)
					synctest.Wait()
					assert.Len(t, d.Entries(), n, "not before the commit")
					require.NoError(t, tx.Commit())
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
					assert.Len(t, d.Entries(), n+1, "within 100 ms, after it was open for %s", open)
					assert.Equal(t, []string{fmt.Sprint(n + 1)}, harness.Texts(t, db, "SELECT result FROM pawl_commands WHERE id = ?", row))
					assert.Equal(t, pawl.JSON(fmt.Sprint(-n-1)), harness.RunOf(t, r, "work", int64(n+1)).Output)
				}
				tx, row := insert("work")
				require.NoError(t, tx.Rollback())
				time.Sleep(time.Minute)
				assert.Len(t, d.Entries(), 4)
				assert.Empty(t, harness.Numbers(t, db, "SELECT id FROM pawl_commands WHERE id = ?", row))
				assert.Equal(t, []int64{4}, harness.Numbers(t, db, "SELECT count(*) FROM orders"))

				tx, row = insert("nobody")
				require.NoError(t, tx.Commit())
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				assert.Equal(t, []string{`no such flow: "nobody"`}, harness.Texts(t, db, "SELECT error FROM pawl_commands WHERE id = ?", row))
				_, err = r.TriggerTx(t.Context(), app, "work", pawl.WithInput(func() {}))
				require.Error(t, err)
				require.NoError(t, app.Close())
				harness.Stop(t, r, db)
			})
		})
	}
}

// The rows of several transactions are each handled at once, however they overlap in
// time. time Q3.
func TestTriggerTxOfSeveralCallersIsPromptForEach(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		d := harness.NewDiary()
		s := harness.Quiet(db, pawl.WithInboxPoll(250*time.Millisecond))
		require.NoError(t, s.Manual("work", d.Job(harness.OK), pawl.WithOverlap(pawl.OverlapBuffer(5))))
		r := harness.Start(t, s)
		time.Sleep(10 * time.Minute)
		app, err := sql.Open("sqlite", db+"?_pragma=busy_timeout(5000)")
		require.NoError(t, err)
		defer app.Close()
		_, err = r.TriggerTx(t.Context(), app, "work") // committed by itself
		require.NoError(t, err)
		tx, err := app.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = r.TriggerTx(t.Context(), tx, "work")
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.NoError(t, tx.Commit())
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		assert.Len(t, d.Entries(), 2)
		require.NoError(t, app.Close())
		harness.Stop(t, r, db)
	})
}

// found Q15: how long the oldest queued start has waited is in FlowInfo, for a client, in
// the view and over a restart. A start that is for later has not waited yet; one that goes
// before all others counts from when it may.
func TestAgeOfTheOldestQueuedStartIsShown(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("q", harness.Job(harness.UntilCancelled), pawl.WithOverlap(pawl.OverlapBuffer(9))))
			require.NoError(t, s.Manual("again", harness.Job(harness.Failing), pawl.WithRetry(1, pawl.BackoffPolicy{Initial: time.Hour, Jitter: pawl.NoJitter}), pawl.WithOverlap(pawl.OverlapBuffer(9))))
			return s
		}
		r := harness.Start(t, build())
		client := harness.OpenClient(t, db)
		check := func(id string, want time.Time) {
			t.Helper()
			assert.Equal(t, want.UTC(), harness.Status(t, r, id).WaitingSince.UTC())
			info, ok, err := client.Status(t.Context(), id)
			require.NoError(t, err)
			require.True(t, ok)
			assert.Equal(t, want.UTC(), info.WaitingSince.UTC())
			text := []string{}
			if !want.IsZero() {
				text = []string{want.UTC().Format("2006-01-02T15:04:05.000Z")}
			}
			assert.ElementsMatch(t, text, harness.Texts(t, db, "SELECT waiting_since FROM pawl_flows WHERE id = ? AND waiting_since IS NOT NULL", id))
		}
		harness.Trigger(t, r, "q")
		check("q", time.Time{})
		time.Sleep(time.Minute)
		later := time.Now().Add(time.Hour)
		_, err := r.Trigger(t.Context(), "q", pawl.WithStartAt(later))
		require.NoError(t, err)
		check("q", later)
		since := time.Now()
		harness.Trigger(t, r, "q")
		time.Sleep(time.Minute)
		harness.Trigger(t, r, "q")
		check("q", since)

		harness.Trigger(t, r, "again")
		synctest.Wait()
		due := harness.RunOf(t, r, "again", 1).DueAt
		check("again", due)
		asked := time.Now()
		harness.Trigger(t, r, "again")
		check("again", asked)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		r = harness.Start(t, build())
		assert.Equal(t, asked.UTC(), harness.Status(t, r, "again").WaitingSince)
		require.NoError(t, client.Close())
		synctest.Wait() // the run that starts again is in flight
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
	})
}

// Runs that share a limit start in the order in which they were asked for, also those
// of one millisecond, of one commit, and of flows that have several in flight. time Q5.
func TestStartsOfOneMomentAreFair(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 4).Draw(rt, "limit")
		takes := rapid.SliceOfN(rapid.IntRange(1, 3), 2, 5).Draw(rt, "seconds, by flow")
		bursts := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, len(takes)-1), 1, 8), 1, 8).Draw(rt, "bursts")
		n++
		db := filepath.Join(dir, fmt.Sprint(n, ".db"))
		synctest.Test(t, func(t *testing.T) {
			s := harness.Quiet(db, pawl.WithMaxRunning(most))
			for i, seconds := range takes {
				require.NoError(t, s.Manual(fmt.Sprint(i), harness.Job(harness.Sleeps(time.Duration(seconds)*time.Second)), pawl.WithOverlap(pawl.OverlapAllow(most, 100))))
			}
			r := harness.Start(t, s)
			for _, burst := range bursts {
				var asked sync.WaitGroup
				for _, id := range burst { // they share commits, with each other and with ends of runs
					asked.Go(func() { _, err := r.Trigger(t.Context(), fmt.Sprint(id)); assert.NoError(t, err) })
				}
				asked.Wait()
				time.Sleep(time.Second)
			}
			time.Sleep(10 * time.Minute)
			harness.Stop(t, r, db)
		})
		assert.Equal(rt, harness.Texts(t, db, `SELECT flow || ' ' || number FROM pawl_run_log ORDER BY key`),
			harness.Texts(t, db, `SELECT x.flow || ' ' || x.run_number FROM pawl_transition_log x JOIN pawl_words w ON w.kind = 'event' AND w.code = x.event
WHERE w.word = 'reserve' ORDER BY x.seq`))
	})
}

// queueOf registers a queue that trips at five failures in a row. Its jobs take a second, and
// those of the inputs that fail fail each time.
func queueOf(t *testing.T, s *pawl.Scheduler, fails func(input int) bool) {
	require.NoError(t, s.Manual("mail", harness.Job(func(ctx context.Context) error {
		input, err := pawl.InputOf[int](ctx)
		if err != nil {
			return err
		}
		time.Sleep(time.Second)
		if fails(input) {
			return errors.New("no such mailbox")
		}
		return nil
	}), pawl.WithOverlap(pawl.OverlapAllow(2, 100)), pawl.WithRetry(2, pawl.BackoffPolicy{Initial: 5 * time.Second, Jitter: pawl.NoJitter}),
		pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Second, StreakLimit: 5})))
}

// feedAll triggers a run for each input.
func feedAll(t *testing.T, r *pawl.Runner, n int) {
	for i := 1; i <= n; i++ {
		_, err := r.Trigger(t.Context(), "mail", pawl.WithInput(i))
		require.NoError(t, err)
	}
}

// found B7: a queue of which every fifth input fails is healthy, although the runs
// that are retried end last and in a row.
func TestHealthyQueueDoesNotTrip(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		queueOf(t, s, func(input int) bool { return input%5 == 0 })
		r := harness.Start(t, s)
		feedAll(t, r, 40)
		for range 200 {
			time.Sleep(time.Second)
			synctest.Wait()
			assert.NotEqual(t, pawl.StatusTripped, harness.Status(t, r, "mail").Status)
		}
		assert.Equal(t, 1, harness.Status(t, r, "mail").FailureStreak, "that of the newest run")
		failed, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "mail", Status: pawl.RunFailed})
		require.NoError(t, err)
		assert.Len(t, failed, 8, "each of them is recorded as failed")
		harness.Stop(t, r, db)
	})
}

// found B7: one of which all fail trips.
func TestQueueThatFailsTrips(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		queueOf(t, s, func(int) bool { return true })
		r := harness.Start(t, s)
		feedAll(t, r, 10)
		time.Sleep(time.Hour)
		f := harness.Status(t, r, "mail")
		assert.Equal(t, pawl.StatusTripped, f.Status)
		assert.GreaterOrEqual(t, f.FailureStreak, 5)
		assert.Equal(t, "no such mailbox", f.LastError)
		harness.Stop(t, r, db)
	})
}

// found B7: one that was healthy and then fails trips. One that is well again is
// not held up by the failures of runs that began before.
func TestQueueIsJudgedByWhatBeganLast(t *testing.T) {
	for last, want := range map[int]pawl.Status{30: pawl.StatusCompleted, 40: pawl.StatusTripped} {
		harness.Bubble(t, func(t *testing.T, db string) {
			s := harness.Quiet(db)
			queueOf(t, s, func(input int) bool { return input > 10 && input <= last })
			r := harness.Start(t, s)
			feedAll(t, r, 40)
			time.Sleep(time.Hour)
			assert.Equal(t, want, harness.Status(t, r, "mail").Status, "the inputs up to %d fail", last)
			harness.Stop(t, r, db)
		})
	}
}

// found B7: what the streak is judged by outlives the process.
func TestOrderOfStartsOutlivesTheProcess(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			queueOf(t, s, func(input int) bool { return input == 1 })
			return s
		}
		r := harness.Start(t, build())
		feedAll(t, r, 6)
		time.Sleep(4 * time.Second) // the first waits for its second attempt
		synctest.Wait()
		harness.Stop(t, r, db)
		time.Sleep(time.Minute)
		r = harness.Start(t, build())
		time.Sleep(time.Minute)
		synctest.Wait()
		f := harness.Status(t, r, "mail")
		assert.Equal(t, pawl.StatusCompleted, f.Status)
		assert.Empty(t, f.FailureStreak)
		assert.Empty(t, f.LastError)
		failed, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "mail", Status: pawl.RunFailed})
		require.NoError(t, err)
		require.Len(t, failed, 1)
		assert.EqualValues(t, 1, failed[0].Number)
		harness.Stop(t, r, db)
	})
}
