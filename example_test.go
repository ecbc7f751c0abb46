package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pawl-go/pawl"
)

// exampleDB is the path of a database that is thrown away.
func exampleDB() (path string, remove func()) {
	folder, err := os.MkdirTemp("", "pawl")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(folder, "jobs.db"), func() { _ = os.RemoveAll(folder) }
}

var silent = pawl.WithLogger(slog.New(slog.DiscardHandler))

// The whole of a first program: two flows and a daemon that ends with its
// context, here as soon as the first run is over.
func Example() {
	db, remove := exampleDB()
	defer remove()
	ctx, cancel := context.WithCancel(context.Background())

	s := pawl.NewScheduler(db, silent)
	s.Every("sync", time.Minute, pawl.JobFunc(func(ctx context.Context) error {
		fmt.Println("syncing orders")
		cancel()
		return nil
	}), pawl.WithBackoff(pawl.TripAfter(5)))
	s.Cron("report", "0 0 9 * * *", pawl.JobFunc(func(ctx context.Context) error {
		fmt.Println("good morning")
		return nil
	}))
	if err := s.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: syncing orders
}

// A flow that fails twice in a row trips. A restart does not forget it; a reset does.
func Example_restart() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	build := func() *pawl.Scheduler {
		s := pawl.NewScheduler(db, silent)
		s.Manual("import", pawl.JobFunc(func(context.Context) error {
			return errors.New("no such file")
		}), pawl.WithBackoff(pawl.TripAfter(2)))
		return s
	}

	r, err := build().Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		run, err := r.Trigger(ctx, "import")
		if err != nil {
			log.Fatal(err)
		}
		info, err := r.WaitRun(ctx, "import", run)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("run", info.Number, info.Status, info.Error)
	}
	r.Stop(ctx)

	r, err = build().Start(ctx) // another process, another day
	if err != nil {
		log.Fatal(err)
	}
	info, _ := r.Status("import")
	fmt.Println(info.Status, info.FailureStreak)
	_, err = r.Trigger(ctx, "import")
	fmt.Println(errors.Is(err, pawl.ErrTripped))
	r.Reset(ctx, "import")
	info, _ = r.Status("import")
	fmt.Println(info.Status, info.FailureStreak)
	r.Stop(ctx)
	// Output:
	// run 1 failed no such file
	// run 2 failed no such file
	// tripped 2
	// true
	// idle 0
}

// A job that touches the world is told which run it is, so that it can be
// idempotent: what a crash cut short may have happened already.
func ExampleRunFrom() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent)
	s.Manual("invoice", pawl.JobFunc(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		fmt.Printf("send invoice with idempotency key %s/%d\n", run.FlowID, run.Number)
		return nil
	}))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Stop(ctx)
	run, _ := r.Trigger(ctx, "invoice")
	r.WaitRun(ctx, "invoice", run)
	// Output: send invoice with idempotency key invoice/1
}

// Delays grow from failure to failure up to a cap, and a number of them in a row
// trips the flow.
func ExampleBackoffPolicy() {
	p := pawl.BackoffPolicy{Initial: time.Second, Multiplier: 3, MaxDelay: time.Minute, StreakLimit: 6}
	for streak := 1; streak <= 6; streak++ {
		if p.Trips(streak) {
			fmt.Println("trips")
			break
		}
		fmt.Println(p.Delay(streak, 0))
	}
	// Output:
	// 1s
	// 3s
	// 9s
	// 27s
	// 1m0s
	// trips
}

// Another process reads the file, and asks the owner for something through the
// inbox in it.
func ExampleOpen() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent, pawl.WithInboxPoll(10*time.Millisecond))
	s.Manual("backup", pawl.JobFunc(func(context.Context) error { return nil }))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Stop(ctx)

	c, err := pawl.Open(db)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	run, err := c.Trigger(ctx, "backup")
	if err != nil {
		log.Fatal(err)
	}
	info, err := c.WaitRun(ctx, "backup", run)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.FlowID, info.Number, info.Status)
	// Output: backup 1 completed
}

// pool is a resource: something that jobs need and that has to be closed.
type pool struct{ name string }

func (p pool) Setup(context.Context) error    { fmt.Println("open", p.name); return nil }
func (p pool) Teardown(context.Context) error { fmt.Println("close", p.name); return nil }

// Resources are set up in order when the scheduler starts and torn down in
// reverse when it has stopped.
func ExampleWithResources() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent)
	s.AddResource(pool{"shared pool"})
	s.Manual("sync", pawl.JobFunc(func(context.Context) error { return nil }), pawl.WithResources(pool{"connection of sync"}))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	r.Stop(ctx)
	// Output:
	// open shared pool
	// open connection of sync
	// close connection of sync
	// close shared pool
}

// The app's own tables may live in the same file.
func ExampleWithSharedFile() {
	path, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	app, err := sql.Open("sqlite", path)
	if err != nil {
		log.Fatal(err)
	}
	defer app.Close()
	if _, err := app.Exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, done INTEGER)"); err != nil {
		log.Fatal(err)
	}
	s := pawl.NewScheduler(path, silent, pawl.WithSharedFile())
	s.Manual("close orders", pawl.JobFunc(func(ctx context.Context) error {
		_, err := app.ExecContext(ctx, "UPDATE orders SET done = 1")
		return err
	}))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	run, _ := r.Trigger(ctx, "close orders")
	info, _ := r.WaitRun(ctx, "close orders", run)
	fmt.Println(info.Status)
	r.Stop(ctx)
	// Output: completed
}

// Every flow in the order of registration, and the newest runs of one.
func ExampleRunner_Runs() {
	db, remove := exampleDB()
	defer remove()
	ctx := context.Background()
	s := pawl.NewScheduler(db, silent)
	s.Manual("sync", pawl.JobFunc(func(context.Context) error { return nil }))
	s.Manual("report", pawl.JobFunc(func(context.Context) error { return errors.New("printer on fire") }))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Stop(ctx)
	for _, id := range []string{"sync", "report", "report"} {
		run, _ := r.Trigger(ctx, id)
		r.WaitRun(ctx, id, run)
	}
	for _, f := range r.List() {
		fmt.Println(f.ID, f.Status, f.RunCount)
	}
	runs, err := r.Runs(ctx, pawl.RunsQuery{Flow: "report", Limit: 10})
	if err != nil {
		log.Fatal(err)
	}
	for _, run := range runs {
		fmt.Println(run.FlowID, run.Number, run.Status, run.Error)
	}
	// Output:
	// sync completed 1
	// report failed 2
	// report 2 failed printer on fire
	// report 1 failed printer on fire
}
