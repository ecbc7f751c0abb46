package pawltest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawltest"
)

// bank is a program under test: it transfers money, once for each order, in a table of
// its own beside Pawl's.
type bank struct {
	transfer func(ctx context.Context, b *bank) error
	database string
	starts   int
	balances []int // at each check
}

const pay = `UPDATE account SET balance = balance + 100`

// right is part of the outcome's transaction.
func right(ctx context.Context, _ *bank) error {
	return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, pay)
		return err
	})
}

// wrong is a transaction of its own, after which the process may die.
func wrong(_ context.Context, b *bank) error { return b.exec(pay) }

func (b *bank) exec(query string) error {
	db, err := sql.Open("sqlite", b.database+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	_, err = db.Exec(query)
	return errors.Join(err, db.Close())
}

func (b *bank) setup(database string) *pawl.Scheduler {
	b.database = database
	b.starts++
	if err := b.exec(`CREATE TABLE IF NOT EXISTS account AS SELECT 0 AS balance`); err != nil {
		panic(err)
	}
	s := pawl.NewScheduler(database, pawl.WithSharedFile(), pawl.WithInboxPoll(0), pawl.WithLogger(slog.New(slog.DiscardHandler)))
	_ = s.Manual("transfer", job(func(ctx context.Context) error { return b.transfer(ctx, b) }), // Start returns the error
		pawl.WithRetry(3, pawl.BackoffPolicy{Initial: time.Minute, Jitter: pawl.NoJitter}))
	return s
}

func (b *bank) drive(ctx context.Context, r *pawl.Runner) error {
	run, err := r.Trigger(ctx, "transfer", pawl.WithKey("order 17"))
	if err != nil {
		return err
	}
	info, err := r.WaitRun(ctx, "transfer", run)
	if err == nil && info.Status != pawl.RunCompleted {
		err = fmt.Errorf("the transfer has %s: %s", info.Status, info.Error)
	}
	return err
}

func (b *bank) check(t testing.TB, database string) {
	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer db.Close()
	var balance int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT balance FROM account`).Scan(&balance))
	b.balances = append(b.balances, balance)
	require.Equal(t, 100, balance)
	c, err := pawl.Open(database)
	require.NoError(t, err)
	defer c.Close()
	found, err := c.Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
}

// time V3, time X4: what joins the outcome happens once, wherever the process dies.
func TestCrashEverywherePassesWhatIsRight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &bank{transfer: right}
		pawltest.CrashEverywhere(t, b.setup, b.drive, b.check)
		const commits = 5 // start, reserve, outcome, beginning and end of the stop
		assert.Len(t, b.balances, 2*commits+1, "before and after each, and once without a kill")
		assert.Equal(t, 2*(2*commits)+1, b.starts, "each kill has a next process")
	})
}

// time V3: what does not, happens twice if the process dies between it and its outcome. The
// failure names the kill.
func TestCrashEverywhereFindsWhatIsWrong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &bank{transfer: wrong}
		log, failed := try(t, func(t testing.TB) { pawltest.CrashEverywhere(t, b.setup, b.drive, b.check) })
		assert.True(t, failed)
		assert.Contains(t, log, "with a kill before commit 3 (outcome of transfer, run 1)")
		assert.Equal(t, []int{100, 100, 100, 100, 200}, b.balances, "and it is the last")
	})
}

// time V3: in real time too, with a job at work when the process dies, which is waited for.
func TestCrashEverywhereNeedsNoBubble(t *testing.T) {
	atWork, checks := 0, 0
	pawltest.CrashEverywhere(t, func(database string) *pawl.Scheduler {
		s := pawl.NewScheduler(database, pawl.WithLogger(slog.New(slog.DiscardHandler)))
		_ = s.Manual("other", job(ok))
		_ = s.Manual("work", job(func(ctx context.Context) error {
			atWork++ // no two at once, or the race detector speaks up
			defer func() { atWork-- }()
			<-ctx.Done()
			return context.Cause(ctx)
		}), pawl.WithTimeout(50*time.Millisecond))
		return s
	}, func(ctx context.Context, r *pawl.Runner) error {
		run, err := r.Trigger(ctx, "work", pawl.WithKey("once"))
		if err == nil {
			_, err = r.Trigger(ctx, "other")
		}
		if err == nil {
			_, err = r.WaitRun(ctx, "work", run)
		}
		return err
	}, func(t testing.TB, database string) {
		checks++
		c, err := pawl.Open(database)
		require.NoError(t, err)
		defer c.Close()
		info, _, err := c.Status(t.Context(), "work")
		require.NoError(t, err)
		assert.Equal(t, int64(1), info.RunCount)
		assert.Zero(t, info.InFlight)
		assert.Zero(t, atWork)
	})
	assert.GreaterOrEqual(t, checks, 2*5+1)
}

// time V3: a job that does not heed its context cannot be killed, and one is told so.
func TestCrashEverywhereNamesJobsThatDoNotEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		setup := func(database string) *pawl.Scheduler {
			s := pawl.NewScheduler(database, pawl.WithInboxPoll(0), pawl.WithLogger(slog.New(slog.DiscardHandler)))
			_ = s.Manual("deaf", job(func(ctx context.Context) error {
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					<-gate
				}
				return nil
			}))
			_ = s.Manual("other", job(ok))
			return s
		}
		drive := func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "deaf", pawl.WithKey("once"))
			if err == nil {
				synctest.Wait() // the job is at work, else the kill below may come before its first line
				_, err = r.Trigger(ctx, "other")
			}
			if err == nil {
				_, err = r.WaitRun(ctx, "deaf", run)
			}
			return err
		}
		log, failed := try(t, func(t testing.TB) {
			pawltest.CrashEverywhere(t, setup, drive, func(testing.TB, string) {})
		})
		assert.True(t, failed)
		assert.Contains(t, log, "jobs of deaf have not returned 10s after the end of their contexts")
		assert.Contains(t, log, "with a kill before commit 3 (reserve of other, run 1)")
		close(gate)
	})
}

// time V3: errors of the program under test are the test's, but for those of a kill.
func TestCrashEverywhereReportsErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		none := func(testing.TB, string) {}
		log, failed := try(t, func(t testing.TB) {
			pawltest.CrashEverywhere(t, func(string) *pawl.Scheduler { return nil }, nil, none)
		})
		assert.True(t, failed)
		assert.Contains(t, log, "no scheduler")
		log, failed = try(t, func(t testing.TB) {
			pawltest.CrashEverywhere(t, (&bank{transfer: right}).setup, func(context.Context, *pawl.Runner) error { return errors.New("ouch") }, none)
		})
		assert.True(t, failed)
		assert.Contains(t, log, "drive: ouch\npawltest: this was with a kill before commit 1")
	})
}
