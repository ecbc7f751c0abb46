package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// A pause holds the schedule back and says why. Triggers are carried out.
func ExampleRunner_Pause() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) { s.Cron("nightly", "0 3 * * *", idle) })
	defer end()
	r.Pause(ctx, "nightly", "the warehouse moves")
	info, _ := r.Status("nightly")
	fmt.Println(info.Status, info.NextRun.IsZero(), info.PauseNote)
	run, _ := r.Trigger(ctx, "nightly")
	r.WaitRun(ctx, "nightly", run)
	r.Resume(ctx, "nightly")
	info, _ = r.Status("nightly")
	fmt.Println(info.Status, info.NextRun.IsZero())
	// Output:
	// idle true the warehouse moves
	// completed false
}

// A pause with an end holds back what lies before it, and ends by itself.
func ExamplePauseUntil() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) { s.Cron("nightly", "0 3 * * *", idle) })
	defer end()
	r.Pause(ctx, "nightly", "holidays", pawl.PauseUntil(time.Date(2040, 6, 15, 12, 0, 0, 0, time.UTC)))
	for _, day := range []int{15, 16} {
		reason, _ := r.Why(ctx, "nightly", time.Date(2040, 6, day, 3, 0, 0, 0, time.UTC))
		fmt.Println(reason)
	}
	// Output:
	// nightly will not run at 2040-06-15 03:00:00 UTC as things are: paused until 2040-06-15T12:00:00.000Z: holidays.
	// nightly will run at 2040-06-16 03:00:00 UTC.
}

// Instants of the past are run, in order; the schedule goes on beside.
func ExampleRunner_Backfill() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) {
		s.Cron("report", "0 0 * * *", pawl.JobFunc(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			fmt.Println(run.Trigger, run.ScheduledAt.Format(time.DateOnly))
			return nil
		}))
	})
	defer end()
	days := pawl.Backfill{From: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC)}
	dry, _ := r.Instants("report", days.From, days.To)
	fmt.Println(len(dry), "instants")
	n, err := r.Backfill(ctx, "report", days)
	if err != nil {
		fmt.Println(err)
		return
	}
	r.WaitRun(ctx, "report", n)
	// Output:
	// 3 instants
	// backfill 2026-05-01
	// backfill 2026-05-02
	// backfill 2026-05-03
}

// A tripped flow is tried once; success ends the trip.
func ExampleRunner_Probe() {
	ctx := context.Background()
	broken := true
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("sync", pawl.JobFunc(func(context.Context) error {
			if broken {
				return errors.New("no route to host")
			}
			return nil
		}), pawl.WithBackoff(pawl.TripAfter(1)))
	})
	defer end()
	wait := func(run int64, err error) {
		if err == nil {
			_, err = r.WaitRun(ctx, "sync", run)
		}
		info, _ := r.Status("sync")
		fmt.Println(info.Status, errors.Is(err, pawl.ErrTripped))
	}
	wait(r.Trigger(ctx, "sync"))
	wait(r.Trigger(ctx, "sync"))
	broken = false
	wait(r.Probe(ctx, "sync"))
	// Output:
	// tripped false
	// tripped true
	// completed false
}

// A run in flight is cancelled, which is nobody's failure.
func ExampleRunner_Cancel() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("export", pawl.JobFunc(func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}), pawl.WithBackoff(pawl.TripAfter(1)))
	})
	defer end()
	run, _ := r.Trigger(ctx, "export")
	r.Cancel(ctx, "export", run, "wrong file")
	info, _ := r.WaitRun(ctx, "export", run)
	flow, _ := r.Status("export")
	fmt.Println(info.Status, flow.Status, flow.FailureStreak)
	// Output: cancelled idle 0
}

// Flows are added, changed and removed while the scheduler runs.
func ExampleRunner_Update() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) {
		s.Every("sync", time.Hour, idle)
		s.Manual("old", idle)
	})
	defer end()
	err := r.Update(ctx, func(s *pawl.Scheduler) error {
		return errors.Join(
			s.Remove("old"),
			s.Remove("sync"), s.Every("sync", time.Minute, idle),
			s.Manual("new", idle),
		)
	})
	fmt.Println(err)
	for _, f := range r.List() {
		fmt.Println(f.ID, f.Schedule, f.Registered)
	}
	fmt.Println(r.Forget(ctx, "old"))
	// Output:
	// <nil>
	// sync 1m0s true
	// new  true
	// old  false
	// <nil>
}

// Every instant of a schedule has a verdict; Why tells it in one sentence.
func ExampleRunner_Why() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) {
		s.Cron("nightly", "0 3 * * *", idle, pawl.WithLocation("Europe/Berlin"))
	})
	defer end()
	r.Pause(ctx, "nightly", "holidays")
	reason, _ := r.Why(ctx, "nightly", time.Date(2040, 6, 1, 1, 0, 0, 0, time.UTC))
	fmt.Println(reason)
	reason, _ = r.Why(ctx, "nightly", time.Date(2040, 6, 1, 5, 0, 0, 0, time.UTC))
	fmt.Println(reason)
	// Output:
	// nightly will not run at 2040-06-01 03:00:00 CEST as things are: paused: holidays.
	// 2040-06-01 07:00:00 CEST is no instant of nightly (0 3 * * *); the one before is 2040-06-01 03:00:00 CEST, the one after 2040-06-02 03:00:00 CEST.
}

// A clock that is far behind the database when the scheduler starts is not believed, and
// occurrences wait, until it is right or somebody accepts it.
func ExampleRunner_AcceptClock() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) { s.Every("sync", time.Hour, idle) })
	defer end()
	if newest := r.ClockBehind(); !newest.IsZero() {
		fmt.Println("the clock is behind; the newest transition is at", newest)
	}
	fmt.Println(r.AcceptClock(ctx))
	// Output:
	// <nil>
}

// What stands in the way of the next instants is told with them.
func ExampleRunner_Next() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) { s.Cron("nightly", "0 3 * * *", idle) })
	defer end()
	r.Pause(ctx, "nightly", "holidays")
	instants, _ := r.Next("nightly", 2)
	for _, i := range instants {
		fmt.Println(i.At.Format(time.TimeOnly), i.Held)
	}
	// Output:
	// 03:00:00 paused: holidays
	// 03:00:00 paused: holidays
}

// A workflow waits for two days, and what it did is to stay: it is cancelled without undo.
func ExampleRunner_CancelWithoutUndo() {
	ctx := context.Background()
	r, end := begin(func(s *pawl.Scheduler) { s.Manual("order", harness.Orders(48*time.Hour).Job("new")) })
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
