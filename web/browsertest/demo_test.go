package browsertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/pawl-go/pawl"
)

// history makes a database as a shop leaves it behind that has run for two days: the
// real scheduler runs its flows on virtual time, and what it wrote is moved by whole days
// so that it ends about now. Since some time before that its warehouse is out of reach.
func history(t *testing.T) (db string, broken time.Time) {
	t.Helper()
	db = filepath.Join(t.TempDir(), "shop.db")
	now := time.Now().UTC()
	midnight := now.Truncate(24 * time.Hour)
	by := midnight.Sub(time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC))
	broken = now.Add(-50 * time.Minute)
	synctest.Test(t, func(t *testing.T) {
		r, err := shop(db, broken.Add(-by)).Start(t.Context())
		require.NoError(t, err)
		operate(t, r, 24*time.Hour+now.Sub(midnight))
		if err := r.Stop(context.Background()); err != nil {
			require.ErrorIs(t, err, pawl.ErrStopTimeout) // of those that are at work
		}
	})
	shift(t, db, by)
	return db, broken
}

// operate lets two days pass, in which somebody does something now and then.
func operate(t *testing.T, r *pawl.Runner, length time.Duration) {
	end := time.Now().Add(length)
	time.Sleep(3 * time.Hour)
	require.NoError(t, r.Pause(t.Context(), "newsletter", "waiting for the new template, back on Monday"))
	for range 3 {
		time.Sleep((length - 6*time.Hour) / 3) // what follows takes less than the rest, at any time of day
		_, err := r.Trigger(t.Context(), "reindex products", pawl.WithInput(map[string]any{"full": true, "shard": 3}))
		require.NoError(t, err)
	}
	for range 2 {
		run, err := r.Trigger(t.Context(), fulfilment, pawl.WithInput(map[string]any{"order": 20417}))
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), fulfilment, run)
		require.NoError(t, err)
	}
	time.Sleep(time.Until(end.Add(-20 * time.Minute))) // one is on its way at the end
	_, err := r.Trigger(t.Context(), fulfilment, pawl.WithInput(map[string]any{"order": 20418}))
	require.NoError(t, err)
	time.Sleep(time.Until(end))
}

// shop is the flows of a shop, whose jobs only take their time. From broken on one of them
// fails.
func shop(db string, broken time.Time) *pawl.Scheduler {
	s := pawl.NewScheduler(db, pawl.WithLogger(slog.New(slog.DiscardHandler)), pawl.WithInboxPoll(0), pawl.WithStopTimeout(time.Millisecond))
	// work takes about so long, a different time for each run, and fails now and then.
	work := func(about time.Duration, fails func(n int64) error) pawl.Job {
		return pawl.JobFunc(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			n := run.Number
			d := about * time.Duration(60+(n*7919)%83) / 100
			if n%29 == 0 {
				d = d * 5 / 2
			}
			wait(ctx, d)
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if err := fails(n); err != nil {
				return err
			}
			return pawl.SetOutput(ctx, map[string]any{"rows": 1200 + n*37%900, "took": d.String()})
		})
	}
	never := func(int64) error { return nil }
	every := func(k int64, text string) func(int64) error {
		return func(n int64) error {
			if n%k == 0 {
				return errors.New(text)
			}
			return nil
		}
	}
	backoff := func(initial time.Duration, trip int) pawl.FlowOption {
		return pawl.WithBackoff(pawl.BackoffPolicy{Initial: initial, Multiplier: 2, MaxDelay: time.Hour, StreakLimit: trip})
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	must(s.Cron("backup", "30 2 * * *", work(11*time.Minute, never), pawl.WithLocation("Europe/Berlin"), pawl.WithTimeout(time.Hour)))
	must(s.Every("sync orders", 5*time.Minute, work(14*time.Second, every(31, "GET https://erp.example.com/orders: 503 Service Unavailable\nRetry-After: 30")), backoff(30*time.Second, 8)))
	must(s.Cron("reports/daily", "0 0 6 * * *", work(3*time.Minute, never)))
	must(s.Cron("invoices/send", "*/15 * * * *", work(40*time.Second, every(17, "smtp: 451 4.7.1 greylisted, please try again later")), backoff(time.Minute, 5)))
	must(s.Every("exchange rates", time.Hour, work(900*time.Millisecond, func(n int64) error {
		if n > 20 {
			return errors.New("ecb: unexpected status 403 Forbidden\n\nresponse body:\n  {\"error\": \"api key revoked\"}")
		}
		return nil
	}), backoff(5*time.Minute, 5)))
	must(s.Cron("newsletter", "0 */4 * * *", work(8*time.Minute, never)))
	must(s.Every("mail queue", time.Minute, work(3*time.Second, never), pawl.WithAligned()))
	must(s.Cron("cleanup carts", "20 * * * *", work(50*time.Second, never)))
	must(s.Every("warehouse/stock levels", 10*time.Minute, work(95*time.Second, func(n int64) error {
		if time.Now().After(broken) {
			return errors.New("dial tcp 10.0.4.17:5432: connect: connection refused")
		}
		return nil
	}), backoff(4*time.Minute, 6)))
	must(s.Cron("thumbnails", "*/10 * * * *", work(9*time.Minute, every(9, "out of disk space on /var/cache/thumbs"))))
	must(s.Cron("price import", "5,35 * * * *", work(24*time.Second, never), pawl.WithRetry(2, pawl.BackoffPolicy{Initial: 20 * time.Second})))
	must(s.Manual("reindex products", work(20*time.Minute, never), pawl.WithOverlap(pawl.OverlapBuffer(10))))
	must(s.Cron("sitemap", "@hourly", work(6*time.Second, never)))
	must(s.Every("fraud check", 2*time.Minute, work(20*time.Second, never), pawl.WithFixedRate()))
	must(s.Manual(fulfilment, fulfil().Job("new")))
	must(s.Cron("archive 2025 <b>&amp; older", "0 3 1 * *", work(time.Hour, never)))
	return s
}

// wait is a sleep that ends with ctx.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// shift moves all that a database tells of.
func shift(t *testing.T, file string, by time.Duration) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer db.Close()
	for table, columns := range map[string][]string{
		"pawl_run_log":        {"scheduled_at", "started_at", "finished_at", "due_at", "deadline"},
		"pawl_transition_log": {"at", "last_run", "next_eligible", "next_run"},
		"pawl_flow_state":     {"last_run", "last_scheduled", "last_end", "next_eligible", "next_run", "held", "updated_at"},
		"pawl_flow_plan":      {"created_at", "paused_at", "anchor"},
		"pawl_verdict_log":    {"first_at", "last_at"},
		"pawl_checkpoint_log": {"at"},
	} {
		for _, c := range columns {
			_, err := db.Exec(fmt.Sprintf("UPDATE %s SET %s = %s + ?", table, c, c), by.Milliseconds())
			require.NoError(t, err)
		}
	}
	_, err = db.Exec(`UPDATE pawl_checkpoint_log SET payload = json_set(payload, '$.until', strftime('%Y-%m-%dT%H:%M:%fZ', payload ->> '$.until', ?)) WHERE kind = 'timer'`,
		fmt.Sprintf("%d seconds", int(by.Seconds())))
	require.NoError(t, err)
	_, err = db.Exec(`UPDATE pawl_runners SET started_at = strftime('%Y-%m-%dT%H:%M:%fZ', started_at, ?), stopped_at = strftime('%Y-%m-%dT%H:%M:%fZ', stopped_at, ?)`,
		fmt.Sprintf("%d seconds", int(by.Seconds())), fmt.Sprintf("%d seconds", int(by.Seconds())))
	require.NoError(t, err)
}
