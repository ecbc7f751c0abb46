package pawl_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pawl-go/pawl"
)

// A workflow waits for two days, and what it did is to stay: it is cancelled without undo.
func ExampleRunner_CancelWithoutUndo() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) { s.Manual("order", orders(48*time.Hour).Job("new")) })
	defer end()
	run, _ := r.Trigger(ctx, "order")
	for range r.Transitions(ctx, 0) { // until it waits for its timer
		if f, _ := r.Status("order"); f.Parked == 1 {
			break
		}
	}
	fmt.Println(r.CancelWithoutUndo(ctx, "order", run, "shipped by hand"))
	info, _ := r.WaitRun(ctx, "order", run)
	fmt.Println(info.Status, info.Error)
	// Output:
	// <nil>
	// cancelled cancelled without undo: what the run did was left as it is: shipped by hand
}

// After two crashes, runs that are suspects wait for each other, here for a minute at most:
// these jobs are too urgent for more. Without a crash the option changes nothing.
func ExampleWithIsolation() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("alarm", idle)
	}, pawl.WithIsolation(time.Minute))
	defer end()
	run, _ := r.Trigger(ctx, "alarm")
	info, _ := r.WaitRun(ctx, "alarm", run)
	fmt.Println(info.Status, info.Suspect)
	// Output: completed false
}

// A database tells which process drives it, or was the last to: its program registered the
// flows.
func ExampleClient_LastOwner() {
	ctx := context.Background()
	db, remove := exampleDB()
	defer remove()
	r, err := pawl.NewScheduler(db, silent).Start(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Stop(ctx)
	c, err := pawl.Open(db)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_, running, _ := c.Owner(ctx)
	last, known, _ := c.LastOwner(ctx)
	fmt.Println(running, known, last.PID == os.Getpid())
	// Output: false true true
}
