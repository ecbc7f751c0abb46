package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine/core"
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
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		var got order
		require.NoError(t, s.Manual("orders", job(func(ctx context.Context) (err error) {
			if got, err = pawl.InputOf[order](ctx); err != nil {
				return err
			}
			if err := pawl.SetOutput(ctx, "overwritten"); err != nil {
				return err
			}
			return pawl.SetOutput(ctx, map[string]any{"id": got.ID, "ok": true})
		})))
		r := start(t, s)
		want := order{ID: 7, Items: []string{"ä", "\x00", "<b>"}, Notes: map[string]string{"a": "b"}, At: time.Now().UTC()}
		info := finish(t, r, "orders", pawl.WithInput(want))
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, want, got)
		assert.Equal(t, pawl.JSON(`{"id":7,"ok":true}`), info.Output)
		assert.Equal(t, []string{`{"id":7,"ok":true}`}, texts(t, db, "SELECT output FROM pawl_runs"))
		info = finish(t, r, "orders")
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.Equal(t, order{}, got, "without one: the zero value")
		info = finish(t, r, "orders", pawl.WithInput("no order"))
		assert.Equal(t, pawl.RunFailed, info.Status)
		assert.Contains(t, info.Error, "input: json: cannot unmarshal string")
		_, err := r.Trigger(t.Context(), "orders", pawl.WithInput(func() {}))
		require.ErrorContains(t, err, "input: json: unsupported type")
		_, err = pawl.InputOf[int](t.Context())
		require.Error(t, err)
		require.Error(t, pawl.SetOutput(t.Context(), 1))
		stop(t, r, db)
	})
}

// An input or output has up to 1 MiB; what is larger is refused. Large inputs are read
// when their jobs ask for them, also after a restart. time Q1, time Q2, time K2.
func TestLargeInputsAreReadWhenTheyAreAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		const most = core.MaxPayload - 2 // and the quotes
		large := func(n int) string { return strings.Repeat(string(rune('a'+n%26)), most) }
		var mu sync.Mutex
		got := map[int64]string{}
		hold := true
		register := func(s *pawl.Scheduler) {
			require.NoError(t, s.Manual("large", job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				assert.Equal(t, "large", run.FlowID)
				mu.Lock()
				waits := hold
				mu.Unlock()
				if waits {
					return untilCancelled(ctx)
				}
				text, err := pawl.InputOf[string](ctx)
				mu.Lock()
				got[run.Number] = text
				mu.Unlock()
				return errors.Join(err, pawl.SetOutput(ctx, text))
			}), pawl.WithOverlap(pawl.OverlapBuffer(100)), pawl.WithRetry(1, everyMinute)))
			require.NoError(t, s.Manual("too large", job(func(ctx context.Context) error { return pawl.SetOutput(ctx, large(0)+"a") })))
		}
		p := launch(t, db, register)
		_, err := p.Trigger(t.Context(), "large", pawl.WithInput(large(0)+"a"))
		require.ErrorIs(t, err, pawl.ErrTooLarge)
		_, err = p.TriggerMany(t.Context(), "large", []any{1, large(0) + "a"})
		require.ErrorIs(t, err, pawl.ErrTooLarge)
		const runs = 12
		for n := range runs {
			_, err := p.Trigger(t.Context(), "large", pawl.WithInput(large(n)))
			require.NoError(t, err)
		}
		p.kill()
		hold = false
		p = launch(t, db, register)
		info, err := p.WaitRun(t.Context(), "large", runs)
		require.NoError(t, err)
		assert.Len(t, info.Output, core.MaxPayload)
		require.Len(t, got, runs)
		for n := range runs {
			assert.True(t, got[int64(n+1)] == large(n), n)
		}
		failed := finish(t, p.Runner, "too large")
		assert.Equal(t, pawl.RunFailed, failed.Status)
		assert.Contains(t, failed.Error, "too large")
		require.NoError(t, p.Stop(context.Background()))
		verify(t, db)
	})
}

// A key stands for its run until that is over, and for its window: a day, or what the
// flow says; over restarts and kills too. time Q1.
func TestKeyStandsForItsRun(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		register := func(s *pawl.Scheduler) {
			nap := job(func(context.Context) error { time.Sleep(time.Hour); return nil })
			require.NoError(t, s.Manual("day", nap, pawl.WithOverlap(pawl.OverlapBuffer(9))))
			require.NoError(t, s.Manual("none", nap, pawl.WithKeyWindow(0)))
			require.NoError(t, s.Manual("other", job(ok)))
		}
		p := launch(t, db, register)
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
		p.kill()
		p = launch(t, db, register)
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
		verify(t, db)
	})
}

// Of many that trigger with one key at once, one run comes. time Q1.
func TestManyTriggersWithOneKeyAreOneRun(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		s := quiet(db)
		require.NoError(t, s.Manual("work", d.job(ok), pawl.WithOverlap(pawl.OverlapAllow(5, 500))))
		r := start(t, s)
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
		assert.Len(t, d.entries(), 3)
		stop(t, r, db)
	})
}

// A key given again after an answer that said nothing never makes a second run,
// whether the commit had taken effect or not. time Q1, scheduler D7.
func TestKeyMakesATriggerInDoubtSafeToRepeat(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				d := newDiary()
				faulty := &disk{Durable: durable}
				s := quiet(db, pawl.WithStore(faulty.Wrap))
				require.NoError(t, s.Manual("work", d.job(ok)))
				r := start(t, s)
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
				assert.Len(t, d.entries(), 1)
				stop(t, r, db)
			})
		})
	}
}

// A later start is a row: it starts at its time, whatever was stopped or killed
// meanwhile, or at once when that has passed. It is not in the way of others. time Q1.
func TestLaterStartsSurviveRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		register := func(s *pawl.Scheduler) { require.NoError(t, s.Manual("work", d.job(ok))) }
		p := launch(t, db, register)
		for _, hours := range []time.Duration{3, 2, 5} {
			run, err := p.Trigger(t.Context(), "work", pawl.WithStartAt(time.Now().Add(hours*time.Hour)))
			require.NoError(t, err)
			info := runOf(t, p.Runner, "work", run)
			assert.Equal(t, pawl.RunWaiting, info.Status)
			assert.Equal(t, time.Now().Add(hours*time.Hour).UTC(), info.DueAt)
		}
		trigger(t, p.Runner, "work")
		time.Sleep(time.Hour)
		p.kill()
		p = launch(t, db, register)
		time.Sleep(2*time.Hour + time.Minute)
		require.NoError(t, p.Stop(context.Background()))
		assert.Equal(t, []time.Duration{0, 2 * time.Hour, 3 * time.Hour}, d.entries())
		time.Sleep(5 * time.Hour)
		late := time.Since(d.began)
		p = launch(t, db, register)
		synctest.Wait()
		assert.Equal(t, late, d.entries()[3])
		assert.Zero(t, status(t, p.Runner, "work").Waiting)
		require.NoError(t, p.Stop(context.Background()))
		verify(t, db)
	})
}

// TriggerMany accepts all or none, in order. time Q1, time O1.
func TestTriggerManyAcceptsAllOrNone(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var got []int
		s := quiet(db)
		require.NoError(t, s.Manual("work", job(func(ctx context.Context) error {
			n, err := pawl.InputOf[int](ctx)
			got = append(got, n)
			return err
		}), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := start(t, s)
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
		assert.Zero(t, status(t, r, "work").LastNumber)
		first, err = r.TriggerMany(t.Context(), "work", inputs[:200])
		require.NoError(t, err)
		assert.Equal(t, int64(1), first)
		_, err = r.WaitRun(t.Context(), "work", 200)
		require.NoError(t, err)
		require.Len(t, got, 200)
		for i, n := range got {
			require.Equal(t, i, n)
		}
		stop(t, r, db)
	})
}

// A trigger in the caller's transaction happens if that commits, at once, and not
// otherwise; its number or its error stands on its row. time Q3.
func TestTriggerTxHappensWithItsTransaction(t *testing.T) {
	for name, poll := range map[string]time.Duration{"usual": 250 * time.Millisecond, "off": 0} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				require.NoError(t, os.WriteFile(db, nil, 0o600))
				execSQL(t, db, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
				d := newDiary()
				s := quiet(db, pawl.WithSharedFile(), pawl.WithInboxPoll(poll))
				require.NoError(t, s.Manual("work", d.job(func(ctx context.Context) error {
					n, err := pawl.InputOf[int](ctx)
					return errors.Join(err, pawl.SetOutput(ctx, -n))
				}), pawl.WithOverlap(pawl.OverlapBuffer(5))))
				r := start(t, s)
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
					assert.Len(t, d.entries(), n, "not before the commit")
					require.NoError(t, tx.Commit())
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
					assert.Len(t, d.entries(), n+1, "within 100 ms, after it was open for %s", open)
					assert.Equal(t, []string{fmt.Sprint(n + 1)}, texts(t, db, "SELECT result FROM pawl_commands WHERE id = ?", row))
					assert.Equal(t, pawl.JSON(fmt.Sprint(-n-1)), runOf(t, r, "work", int64(n+1)).Output)
				}
				tx, row := insert("work")
				require.NoError(t, tx.Rollback())
				time.Sleep(time.Minute)
				assert.Len(t, d.entries(), 4)
				assert.Empty(t, numbers(t, db, "SELECT id FROM pawl_commands WHERE id = ?", row))
				assert.Equal(t, []int64{4}, numbers(t, db, "SELECT count(*) FROM orders"))

				tx, row = insert("nobody")
				require.NoError(t, tx.Commit())
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				assert.Equal(t, []string{`no such flow: "nobody"`}, texts(t, db, "SELECT error FROM pawl_commands WHERE id = ?", row))
				_, err = r.TriggerTx(t.Context(), app, "work", pawl.WithInput(func() {}))
				require.Error(t, err)
				require.NoError(t, app.Close())
				stop(t, r, db)
			})
		})
	}
}

// The rows of several transactions are each handled at once, however they overlap in
// time. time Q3.
func TestTriggerTxOfSeveralCallersIsPromptForEach(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d := newDiary()
		s := quiet(db, pawl.WithInboxPoll(250*time.Millisecond))
		require.NoError(t, s.Manual("work", d.job(ok), pawl.WithOverlap(pawl.OverlapBuffer(5))))
		r := start(t, s)
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
		assert.Len(t, d.entries(), 2)
		require.NoError(t, app.Close())
		stop(t, r, db)
	})
}

// found Q15: how long the oldest queued start has waited is in FlowInfo, for a client, in
// the view and over a restart. A start that is for later has not waited yet; one that goes
// before all others counts from when it may.
func TestAgeOfTheOldestQueuedStartIsShown(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Manual("q", job(untilCancelled), pawl.WithOverlap(pawl.OverlapBuffer(9))))
			require.NoError(t, s.Manual("again", job(failing), pawl.WithRetry(1, pawl.BackoffPolicy{Initial: time.Hour, Jitter: pawl.NoJitter}), pawl.WithOverlap(pawl.OverlapBuffer(9))))
			return s
		}
		r := start(t, build())
		client := openClient(t, db)
		check := func(id string, want time.Time) {
			t.Helper()
			assert.Equal(t, want.UTC(), status(t, r, id).WaitingSince.UTC())
			info, ok, err := client.Status(t.Context(), id)
			require.NoError(t, err)
			require.True(t, ok)
			assert.Equal(t, want.UTC(), info.WaitingSince.UTC())
			text := []string{}
			if !want.IsZero() {
				text = []string{want.UTC().Format("2006-01-02T15:04:05.000Z")}
			}
			assert.ElementsMatch(t, text, texts(t, db, "SELECT waiting_since FROM pawl_flows WHERE id = ? AND waiting_since IS NOT NULL", id))
		}
		trigger(t, r, "q")
		check("q", time.Time{})
		time.Sleep(time.Minute)
		later := time.Now().Add(time.Hour)
		_, err := r.Trigger(t.Context(), "q", pawl.WithStartAt(later))
		require.NoError(t, err)
		check("q", later)
		since := time.Now()
		trigger(t, r, "q")
		time.Sleep(time.Minute)
		trigger(t, r, "q")
		check("q", since)

		trigger(t, r, "again")
		synctest.Wait()
		due := runOf(t, r, "again", 1).DueAt
		check("again", due)
		asked := time.Now()
		trigger(t, r, "again")
		check("again", asked)
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		r = start(t, build())
		assert.Equal(t, asked.UTC(), status(t, r, "again").WaitingSince)
		require.NoError(t, client.Close())
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
	})
}
