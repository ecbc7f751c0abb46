package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/pawl-go/pawl"
)

// A metric, an audit or a log of one's own: told of every transition after it was
// committed, without ever holding the scheduler up.
func ExampleWithObserver() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent, pawl.WithObserver(func(t pawl.Transition) {
		fmt.Println(t.Seq, t.FlowID, t.Event, t.FromStatus, "->", t.ToStatus)
	}, 0))
	s.Manual("sync", pawl.JobFunc(func(context.Context) error { return nil }))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	run, _ := r.Trigger(ctx, "sync")
	r.WaitRun(ctx, "sync", run)
	r.Stop(ctx)
	// Output:
	// 1 sync adopt idle -> idle
	// 2 sync reserve idle -> running
	// 3 sync outcome running -> completed
}

// Whoever measures is told the runs as well, and how large the commit was.
func ExampleWithStepObserver() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent, pawl.WithStepObserver(func(s pawl.Step) {
		for _, run := range s.Runs {
			fmt.Println(s.FlowID, run.Trigger, run.Status, "in a commit of", s.Commit.Size)
		}
	}, 0))
	s.Manual("sync", pawl.JobFunc(func(context.Context) error { return nil }))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	run, _ := r.Trigger(ctx, "sync")
	r.WaitRun(ctx, "sync", run)
	r.Stop(ctx)
	// Output:
	// sync manual running in a commit of 1
	// sync manual completed in a commit of 1
}

// Somebody is called when a flow gives up.
func ExampleWithOnTrip() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent, pawl.WithOnTrip(func(f pawl.FlowInfo) {
		fmt.Printf("%s tripped after %d failures: %s\n", f.ID, f.FailureStreak, f.LastError)
	}))
	s.Manual("import", pawl.JobFunc(func(context.Context) error {
		return errors.New("no such file")
	}), pawl.WithBackoff(pawl.TripAfter(2)))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		run, _ := r.Trigger(ctx, "import")
		r.WaitRun(ctx, "import", run)
	}
	r.Stop(ctx)
	// Output: import tripped after 2 failures: no such file
}

// Whoever must not miss a transition reads them from the database, and begins after the
// last one that he has dealt with.
func ExampleRunner_Transitions() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent)
	s.Manual("sync", pawl.JobFunc(func(context.Context) error { return nil }))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Stop(ctx)
	r.Trigger(ctx, "sync")
	dealtWith := int64(1) // from a file of one's own
	for t, err := range r.Transitions(ctx, dealtWith) {
		if err != nil {
			log.Fatal(err) // ctx, the runner or the database came to an end
		}
		fmt.Println(t.Seq, t.FlowID, t.RunNumber, t.Event)
		if dealtWith = t.Seq; t.ToStatus == pawl.StatusCompleted {
			break
		}
	}
	fmt.Println("dealt with", dealtWith)
	// Output:
	// 2 sync 1 reserve
	// 3 sync 1 outcome
	// dealt with 3
}

// Every job is timed, without a word in any of them.
func ExampleWithMiddleware() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent, pawl.WithMiddleware(func(next pawl.Job) pawl.Job {
		return pawl.JobFunc(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			began := time.Now()
			err := next.Run(ctx)
			fmt.Println(run.FlowID, run.Number, "took less than a minute:", time.Since(began) < time.Minute)
			return err
		})
	}))
	s.Manual("sync", pawl.JobFunc(func(context.Context) error { return nil }))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	run, _ := r.Trigger(ctx, "sync")
	r.WaitRun(ctx, "sync", run)
	r.Stop(ctx)
	// Output: sync 1 took less than a minute: true
}

// What a job logs says which run it was.
func ExampleLogger() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	s := pawl.NewScheduler(db, pawl.WithLogger(slog.New(handler)))
	s.Manual("sync", pawl.JobFunc(func(ctx context.Context) error {
		pawl.Logger(ctx).Warn("orders are late", "by", time.Hour)
		return nil
	}))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	run, _ := r.Trigger(ctx, "sync")
	r.WaitRun(ctx, "sync", run)
	r.Stop(ctx)
	// Output: level=WARN msg="orders are late" flow=sync run=1 attempt=1 by=1h0m0s
}

// A flow of every second whose history would be large, of which failures are kept longer, and
// one whose history is kept.
func ExampleWithRetention() {
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("heartbeat", idle, pawl.WithRetention(1000, 7*24*time.Hour), pawl.WithFailureRetention(200, 0))
		s.Manual("billing", idle, pawl.WithRetention(0, 0))
	})
	defer end()
	for _, f := range r.List() {
		fmt.Println(f.ID, "keeps", f.Retention)
	}
	// Output:
	// heartbeat keeps 1000 runs, 7 days; 200 failures
	// billing keeps all
}
