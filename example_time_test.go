package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/pawl-go/pawl"
)

// idle is a job for examples that are about its schedule.
var idle = pawl.JobFunc(func(context.Context) error { return nil })

// begin starts a scheduler for an example, which ends with the function returned.
func begin(build func(s *pawl.Scheduler), opts ...pawl.Option) (*pawl.Runner, func()) {
	db, remove := exampleDB()
	s := pawl.NewScheduler(db, append(opts, silent)...)
	build(s)
	r, err := s.Start(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return r, func() { r.Stop(context.Background()); remove() }
}

// In Berlin there is no 02:30 on 28 March 2027, and there are two on 31 October. A
// fixed time is run once on either day.
func ExampleWithLocation() {
	around := func(day string) pawl.FlowOption {
		start, _ := time.Parse(time.DateOnly, day)
		return pawl.WithBetween(start.Add(-time.Hour), start.AddDate(0, 0, 2))
	}
	r, end := begin(func(s *pawl.Scheduler) {
		s.Cron("spring", "30 2 * * *", idle, pawl.WithLocation("Europe/Berlin"), around("2027-03-27"))
		s.Cron("autumn", "30 2 * * *", idle, pawl.WithLocation("Europe/Berlin"), around("2027-10-30"))
	})
	defer end()
	for _, id := range []string{"spring", "autumn"} {
		instants, _ := r.Next(id, 10)
		for _, i := range instants {
			fmt.Println(id, i.At.Format(time.DateTime))
		}
	}
	// Output:
	// spring 2027-03-27 01:30:00
	// spring 2027-03-28 01:00:00
	// autumn 2027-10-30 00:30:00
	// autumn 2027-10-31 00:30:00
}

// The same on those days where neither is run, and where both are.
func ExampleWithDST() {
	day, _ := time.Parse(time.DateOnly, "2027-10-31")
	r, end := begin(func(s *pawl.Scheduler) {
		s.Cron("twice", "30 2 * * *", idle, pawl.WithLocation("Europe/Berlin"), pawl.WithDST(pawl.GapSkip, pawl.FoldBoth),
			pawl.WithBetween(day, day.Add(12*time.Hour)))
	})
	defer end()
	instants, _ := r.Next("twice", 10)
	for _, i := range instants {
		fmt.Println(i.At.Format(time.DateTime))
	}
	// Output:
	// 2027-10-31 00:30:00
	// 2027-10-31 01:30:00
}

// An interval on the grid of the clock, not from the end of a run.
func ExampleWithAligned() {
	r, end := begin(func(s *pawl.Scheduler) {
		s.Every("quarterly", 15*time.Minute, idle, pawl.WithAligned())
	})
	defer end()
	instants, _ := r.Next("quarterly", 4)
	for _, i := range instants {
		fmt.Println(i.At.Minute() % 15)
	}
	// Output:
	// 0
	// 0
	// 0
	// 0
}

// It counts from its first registration, which the database keeps.
func ExampleWithFixedRate() {
	r, end := begin(func(s *pawl.Scheduler) {
		s.Every("poll", time.Hour, idle, pawl.WithFixedRate())
	})
	defer end()
	info, _ := r.Status("poll")
	instants, _ := r.Next("poll", 2)
	for _, i := range instants {
		fmt.Println(i.At.Sub(info.Anchor) % time.Hour)
	}
	// Output:
	// 0s
	// 0s
}

// A flow that runs once, ever, also if nobody ran at that time.
func ExampleScheduler_Once() {
	done := make(chan struct{})
	_, end := begin(func(s *pawl.Scheduler) {
		s.Once("launch", time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC), pawl.JobFunc(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			fmt.Println("for", run.ScheduledAt.Format(time.DateTime))
			close(done)
			return nil
		}))
	})
	defer end()
	<-done
	// Output: for 2026-01-01 09:00:00
}

// What was missed while nobody ran is run once for each instant, but no more than a
// hundred of them, and none that is older than a day.
func ExampleWithCatchUp() {
	r, end := begin(func(s *pawl.Scheduler) {
		s.Cron("billing", "0 * * * *", idle, pawl.WithCatchUp(pawl.CatchUpAll(100)), pawl.WithCatchUpWithin(24*time.Hour),
			pawl.WithOverlap(pawl.OverlapBuffer(100)))
	})
	defer end()
	info, _ := r.Status("billing")
	fmt.Println(info.Policy)
	// Output: overlap buffer 100, catch-up all 100 within 24h0m0s
}

// One in flight, one waits, the next is refused.
func ExampleWithOverlap() {
	ctx := context.Background()
	go1 := make(chan struct{})
	r, end := begin(func(s *pawl.Scheduler) {
		s.Manual("import", pawl.JobFunc(func(context.Context) error { <-go1; return nil }), pawl.WithOverlap(pawl.OverlapBufferOne))
	})
	defer end()
	for range 3 {
		run, err := r.Trigger(ctx, "import")
		fmt.Println(run, errors.Is(err, pawl.ErrBufferFull))
	}
	info, _ := r.Status("import")
	fmt.Println(info.InFlight, "in flight,", info.Waiting, "waits")
	close(go1)
	last, _ := r.WaitRun(ctx, "import", 2)
	fmt.Println("run", last.Number, last.Status)
	// Output:
	// 1 false
	// 2 false
	// 0 true
	// 1 in flight, 1 waits
	// run 2 completed
}

// Delays by a hash of database, flow and instant, so that a fleet does not start as one.
func ExampleWithJitter() {
	r, end := begin(func(s *pawl.Scheduler) {
		s.Cron("nightly", "0 3 * * *", idle, pawl.WithJitter(10*time.Minute), pawl.WithLimit(30))
	})
	defer end()
	info, _ := r.Status("nightly")
	fmt.Println(info.NextRun.Format(time.TimeOnly), info.Policy)
	// Output: 03:00:00 jitter 10m0s, limit 30
}

// No more than two runs of the flows that send mail are in flight at once, and no more
// than ten of all.
func ExampleWithGroup() {
	r, end := begin(func(s *pawl.Scheduler) {
		s.Every("newsletter", time.Hour, idle, pawl.WithGroup("smtp"))
		s.Every("reminders", time.Hour, idle, pawl.WithGroup("smtp"))
	}, pawl.WithMaxRunning(10), pawl.WithGroupLimit("smtp", 2))
	defer end()
	info, _ := r.Status("reminders")
	fmt.Println(info.Group)
	// Output: smtp
}
