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

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawltest"
)

// test stands for the *testing.T of a test of yours.
var test = new(testing.T)

// Two days of a flow, in no time. It runs at nine, and what it does there can be
// looked at a moment later.
func Example() {
	synctest.Test(test, func(t *testing.T) {
		s := pawltest.NewScheduler(t)
		s.Cron("report", "0 9 * * *", pawl.JobFunc(func(context.Context) error {
			fmt.Println("good morning, it is", time.Now().UTC().Format(time.DateTime))
			return nil
		}))
		r := pawltest.Start(t, s)
		pawltest.Advance(48 * time.Hour)
		nine := time.Date(2000, 1, 1, 9, 0, 0, 0, time.UTC)
		pawltest.Ran(t, r, "report",
			pawltest.Run{At: nine, Status: pawl.RunCompleted},
			pawltest.Run{At: nine.AddDate(0, 0, 1), Status: pawl.RunCompleted})
	})
	// Output:
	// good morning, it is 2000-01-01 09:00:00
	// good morning, it is 2000-01-02 09:00:00
}

// One run of a flow, whatever its schedule, and what came of it.
func ExampleRunNow() {
	synctest.Test(test, func(t *testing.T) {
		s := pawltest.NewScheduler(t)
		s.Manual("greet", pawl.JobFunc(func(ctx context.Context) error {
			name, err := pawl.InputOf[string](ctx)
			if name == "" {
				return errors.Join(err, errors.New("nobody to greet"))
			}
			return pawl.SetOutput(ctx, "hello "+name)
		}))
		r := pawltest.Start(t, s)
		info := pawltest.RunNow(t, r, "greet", pawl.WithInput("Ada"))
		fmt.Println(info.Status, info.Output)
		info = pawltest.RunNow(t, r, "greet")
		fmt.Println(info.Status, info.Error)
	})
	// Output:
	// completed "hello Ada"
	// failed nobody to greet
}

// A flow that fails waits for a minute before it is tried again.
func ExampleAdvance() {
	synctest.Test(test, func(t *testing.T) {
		s := pawltest.NewScheduler(t)
		s.Every("sync", time.Second, pawl.JobFunc(func(context.Context) error {
			return errors.New("no network")
		}), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Minute}))
		r := pawltest.Start(t, s)
		for range 3 {
			pawltest.Advance(25 * time.Second)
			info, _ := r.Status("sync")
			fmt.Println(info.RunCount, info.Status)
		}
	})
	// Output:
	// 1 backoff
	// 1 backoff
	// 2 backoff
}

// printing shows on the output what a test that fails would log.
type printing struct{ testing.TB }

func (p printing) Errorf(format string, args ...any) { fmt.Printf(format, args...) }

// A failure shows what was wanted beside what ran.
func ExampleRan() {
	synctest.Test(test, func(t *testing.T) {
		s := pawltest.NewScheduler(t)
		s.Cron("report", "0 9 * * *", pawl.JobFunc(func(context.Context) error {
			return errors.New("printer on fire")
		}))
		r := pawltest.Start(t, s)
		pawltest.Advance(24 * time.Hour)
		nine := time.Date(2000, 1, 1, 9, 0, 0, 0, time.UTC)
		pawltest.Ran(printing{t}, r, "report",
			pawltest.Run{At: nine, Status: pawl.RunCompleted},
			pawltest.Run{At: nine.AddDate(0, 0, 1)})
	})
	// Output:
	// pawltest: flow "report" did not run as wanted:
	//       wanted                           ran
	// !  1  2000-01-01T09:00:00Z completed   2000-01-01T09:00:00Z failed: printer on fire
	// !  2  2000-01-02T09:00:00Z in any way  nothing
}

// Money is transferred once, wherever the process dies: the transfer is part of the
// transaction that commits the run's outcome, an interrupted run is tried again, and a
// key makes one run of however many triggers.
func ExampleCrashEverywhere() {
	setup := func(database string) *pawl.Scheduler {
		s := pawl.NewScheduler(database, pawl.WithSharedFile(), pawl.WithInboxPoll(0), pawl.WithLogger(slog.New(slog.DiscardHandler)))
		s.Manual("transfer", pawl.JobFunc(func(ctx context.Context) error {
			return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, `INSERT INTO transfers VALUES (100)`)
				return err
			})
		}), pawl.WithRetry(3, pawl.BackoffPolicy{}))
		if err := query(database, `CREATE TABLE IF NOT EXISTS transfers (amount INTEGER)`).Err(); err != nil {
			panic(err)
		}
		return s
	}
	drive := func(ctx context.Context, r *pawl.Runner) error {
		run, err := r.Trigger(ctx, "transfer", pawl.WithKey("order 17"))
		if err == nil {
			_, err = r.WaitRun(ctx, "transfer", run)
		}
		return err
	}
	crashes := -1 // the last check is of a run without one
	check := func(t testing.TB, database string) {
		crashes++
		var sum int
		if err := query(database, `SELECT sum(amount) FROM transfers`).Scan(&sum); err != nil || sum != 100 {
			t.Fatalf("%d were transferred, want 100: %v", sum, err)
		}
	}
	synctest.Test(test, func(t *testing.T) {
		pawltest.CrashEverywhere(t, setup, drive, check)
	})
	fmt.Println("transferred once in spite of", crashes, "crashes")
	// Output: transferred once in spite of 10 crashes
}

// query asks a database that the app shares with its scheduler.
func query(database, text string) *sql.Row {
	db, err := sql.Open("sqlite", database)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	return db.QueryRow(text)
}
