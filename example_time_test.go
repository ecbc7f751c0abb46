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

// What a month would bring, in a moment and without running anything: a backup that takes
// three hours is in the way of the hourly runs that share its group, and the night in
// which clocks are put forward has no 02:30.
func ExampleScheduler_Simulate() {
	s := pawl.NewScheduler("jobs.db", pawl.WithGroupLimit("disk", 1))
	work := pawl.JobFunc(func(context.Context) error { return nil })
	s.Cron("backup", "30 2 * * *", work, pawl.WithLocation("Europe/Berlin"), pawl.WithGroup("disk"))
	s.Cron("tidy", "0 * * * *", work, pawl.WithGroup("disk"))

	runs, late := map[string]int{}, time.Duration(0)
	from := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	err := s.Simulate(context.Background(), pawl.Simulation{
		From: from, To: from.AddDate(0, 1, 0),
		Job: func(run pawl.RunInfo) (time.Duration, error) {
			if run.FlowID == "backup" {
				return 3 * time.Hour, nil
			}
			return time.Minute, nil
		},
		Each: func(step pawl.SimulationStep) error {
			for _, run := range step.Runs {
				if run.Status == pawl.RunRunning {
					runs[run.FlowID]++
					late = max(late, run.StartedAt.Sub(run.ScheduledAt))
				}
			}
			for _, v := range step.Verdicts {
				if v.Kind == pawl.VerdictGap {
					fmt.Println(v.Reason)
				}
			}
			return nil
		},
	})
	fmt.Println(runs, "late by up to", late, err)
	// Output:
	// 02:30 does not exist on 2027-03-28 in Europe/Berlin
	// map[backup:31 tidy:681] late by up to 30m0s <nil>
}

func ExampleCronInstants_forms() {
	from := time.Date(2027, 3, 20, 12, 0, 0, 0, time.UTC)
	for _, expr := range []string{"0 9 LW * *", "0 9 * * FRI#2", "0 22-2 * * *", "H H(1-5) * * *"} {
		list, err := pawl.CronInstants(expr, from, 1, pawl.CronForFlow("nightly"))
		if err != nil {
			panic(err)
		}
		fmt.Println(expr, "->", list[0].Format("Mon 2 Jan 15:04"))
	}
	// Output:
	// 0 9 LW * * -> Wed 31 Mar 09:00
	// 0 9 * * FRI#2 -> Fri 9 Apr 09:00
	// 0 22-2 * * * -> Sat 20 Mar 22:00
	// H H(1-5) * * * -> Sun 21 Mar 05:58
}

func ExampleCronInstants() {
	from := time.Date(2027, 3, 26, 12, 0, 0, 0, time.UTC)
	list, err := pawl.CronInstants("CRON_TZ=Europe/Berlin 30 2 * * *", from, 3)
	for _, at := range list {
		fmt.Println(at)
	}
	odd, _ := pawl.CronOddities("CRON_TZ=Europe/Berlin 30 2 * * *", from, from.AddDate(0, 0, 7))
	fmt.Println(odd[0].Text, err)
	// Output:
	// 2027-03-27 01:30:00 +0000 UTC
	// 2027-03-28 01:00:00 +0000 UTC
	// 2027-03-29 00:30:00 +0000 UTC
	// 02:30 does not exist on 2027-03-28 in Europe/Berlin <nil>
}
