package pawl_test

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
)

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
