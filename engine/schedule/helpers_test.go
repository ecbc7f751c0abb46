package schedule

import "time"

var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

func mustEvery(d time.Duration) Schedule {
	s, err := Every(d)
	if err != nil {
		panic(err)
	}
	return s
}

func mustCron(expr string) Schedule {
	s, err := Cron(expr)
	if err != nil {
		panic(err)
	}
	return s
}
