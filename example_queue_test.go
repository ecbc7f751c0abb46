package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl"
)

// A manual flow with inputs is a durable queue: what was accepted is run, whatever
// happens to the process.
func ExampleInputOf() {
	type order struct {
		ID    int
		Total float64
	}
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("orders", pawl.JobFunc(func(ctx context.Context) error {
			o, err := pawl.InputOf[order](ctx)
			if err != nil {
				return err
			}
			return pawl.SetOutput(ctx, fmt.Sprintf("order %d over %.2f", o.ID, o.Total))
		}), pawl.WithOverlap(pawl.OverlapAllow(4, 1_000_000)))
	})
	defer end()
	run, err := r.Trigger(ctx, "orders", pawl.WithInput(order{ID: 7, Total: 12.5}), pawl.WithKey("order-7"))
	if err != nil {
		log.Fatal(err)
	}
	again, _ := r.Trigger(ctx, "orders", pawl.WithInput(order{ID: 7, Total: 12.5}), pawl.WithKey("order-7"))
	fmt.Println("the same run:", run == again)
	info, _ := r.WaitRun(ctx, "orders", run)
	fmt.Println(info.Status, info.Output)
	first, _ := r.TriggerMany(ctx, "orders", []any{order{ID: 8}, order{ID: 9}})
	last, _ := r.WaitRun(ctx, "orders", first+1)
	fmt.Println(last.Status, last.Output)
	// Output:
	// the same run: true
	// completed "order 7 over 12.50"
	// completed "order 9 over 0.00"
}

// A run that fails is tried again, as the same run. Only the last failure counts.
func ExampleWithRetry() {
	ctx := context.Background()
	var tries atomic.Int32
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("upload", pawl.JobFunc(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			fmt.Println("attempt", run.Attempt)
			if tries.Add(1) < 3 {
				return pawl.RetryAfter(10*time.Millisecond, errors.New("busy"))
			}
			return nil
		}), pawl.WithRetry(5, pawl.DefaultBackoff()))
		s.Manual("typo", pawl.JobFunc(func(context.Context) error {
			return pawl.Permanent(errors.New("no such bucket"))
		}), pawl.WithRetry(5, pawl.DefaultBackoff()))
		s.Manual("nothing", pawl.JobFunc(func(context.Context) error { return pawl.Skipped("nothing new") }))
	})
	defer end()
	for _, id := range []string{"upload", "typo", "nothing"} {
		run, _ := r.Trigger(ctx, id)
		info, _ := r.WaitRun(ctx, id, run)
		fmt.Printf("%s %s after attempt %d: %q\n", id, info.Status, info.Attempt, info.Error)
	}
	// Output:
	// attempt 1
	// attempt 2
	// attempt 3
	// upload completed after attempt 3: ""
	// typo failed after attempt 1: "no such bucket"
	// nothing skipped after attempt 1: "nothing new"
}

// Why the attempts of a run failed is kept, also if a later one succeeds.
func ExampleRunner_Attempts() {
	ctx := context.Background()
	var tries atomic.Int32
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("upload", pawl.JobFunc(func(ctx context.Context) error {
			if n := tries.Add(1); n < 3 {
				return pawl.RetryAfter(10*time.Millisecond, fmt.Errorf("the bucket is busy, answer %d", 500+n))
			}
			return nil
		}), pawl.WithRetry(5, pawl.DefaultBackoff()))
	})
	defer end()
	run, _ := r.Trigger(ctx, "upload")
	r.WaitRun(ctx, "upload", run)
	attempts, err := r.Attempts(ctx, "upload", run)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range attempts {
		fmt.Printf("attempt %d %s: %q\n", a.Number, a.Status, a.Error)
	}
	// Output:
	// attempt 1 failed: "the bucket is busy, answer 501"
	// attempt 2 failed: "the bucket is busy, answer 502"
	// attempt 3 completed: ""
}

// A run that a stop of the program cuts short starts again in the next process, as the same
// run and the same attempt.
func ExampleWithStopTimeout() {
	ctx := context.Background()
	db, remove := exampleDB()
	defer remove()
	life := func(work func(context.Context) error) *pawl.Runner {
		s := pawl.NewScheduler(db, silent, pawl.WithStopTimeout(0))
		s.Manual("import", pawl.JobFunc(work))
		r, err := s.Start(ctx)
		if err != nil {
			log.Fatal(err)
		}
		return r
	}
	r := life(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	run, _ := r.Trigger(ctx, "import")
	fmt.Println(r.Stop(ctx))
	r = life(func(context.Context) error { return nil })
	info, _ := r.WaitRun(ctx, "import", run)
	fmt.Println(info.Status, "attempt", info.Attempt, "restarts", info.Restarts)
	r.Stop(ctx)
	// Output:
	// the stop window passed after 0s with runs of "import" in flight
	// completed attempt 1 restarts 1
}

// A run that takes too long is cancelled, and its outcome is that it timed out.
func ExampleWithTimeout() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("slow", pawl.JobFunc(func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}), pawl.WithTimeout(20*time.Millisecond))
	})
	defer end()
	run, _ := r.Trigger(ctx, "slow")
	info, _ := r.WaitRun(ctx, "slow", run)
	fmt.Println(info.Status, "-", info.Error)
	// Output: timed_out - the deadline of the run passed
}

// An attempt that takes too long has failed; the next one may be faster.
func ExampleWithAttemptTimeout() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("fetch", pawl.JobFunc(func(ctx context.Context) error {
			if run, _ := pawl.RunFrom(ctx); run.Attempt > 1 {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}), pawl.WithAttemptTimeout(20*time.Millisecond), pawl.WithRetry(3, pawl.BackoffPolicy{Initial: time.Millisecond}))
	})
	defer end()
	run, _ := r.Trigger(ctx, "fetch")
	info, _ := r.WaitRun(ctx, "fetch", run)
	fmt.Println(info.Status, "at attempt", info.Attempt)
	// Output: completed at attempt 2
}

// What the job writes to its own table and the outcome of its run are one commit:
// exactly once, for work in the same file.
func ExampleCommitting() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	app, err := sql.Open("sqlite", db)
	if err != nil {
		log.Fatal(err)
	}
	defer app.Close()
	if _, err := app.Exec(`CREATE TABLE payments (run INTEGER, cents INTEGER)`); err != nil {
		log.Fatal(err)
	}
	s := pawl.NewScheduler(db, pawl.WithSharedFile(), silent)
	s.Manual("pay", pawl.JobFunc(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO payments VALUES (?, 250)`, run.Number)
			return err
		})
	}))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	run, _ := r.Trigger(ctx, "pay")
	info, _ := r.WaitRun(ctx, "pay", run)
	var cents int
	app.QueryRow(`SELECT sum(cents) FROM payments`).Scan(&cents)
	fmt.Println(info.Status, cents)
	r.Stop(ctx)
	// Output: completed 250
}

// A run is asked for in the transaction that makes it necessary: with it or not at all.
func ExampleRunner_TriggerTx() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	app, err := sql.Open("sqlite", db+"?_busy_timeout=5000&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	defer app.Close()
	if _, err := app.Exec(`CREATE TABLE users (name TEXT)`); err != nil {
		log.Fatal(err)
	}
	welcomed := make(chan string, 1)
	s := pawl.NewScheduler(db, pawl.WithSharedFile(), silent)
	s.Manual("welcome", pawl.JobFunc(func(ctx context.Context) error {
		name, err := pawl.InputOf[string](ctx)
		welcomed <- name
		return err
	}))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Stop(ctx)

	tx, err := app.BeginTx(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	tx.Exec(`INSERT INTO users VALUES ('ada')`)
	if _, err := r.TriggerTx(ctx, tx, "welcome", pawl.WithInput("ada")); err != nil {
		log.Fatal(err)
	}
	tx.Commit()
	fmt.Println("welcome,", <-welcomed)
	// Output: welcome, ada
}

// A policy that a config or a user gives as text.
func ExampleParseOverlap() {
	fmt.Println(pawl.ParseOverlap("allow 5, buffer 100"))
	_, err := pawl.ParseOverlap("skipp")
	fmt.Println(err)
	// Output:
	// allow 5, buffer 100 <nil>
	// invalid flow: overlap "skipp": want skip, cancel, buffer 10, or allow 5, buffer 100
}

func ExampleParseCatchUp() {
	fmt.Println(pawl.ParseCatchUp("all 100 within 24h"))
	// Output:
	// all 100 within 24h0m0s <nil>
}
