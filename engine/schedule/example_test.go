package schedule_test

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
)

// In the night of 28 March 2027 the clocks of Berlin go from 01:59 to 03:00.
func Example() {
	backup, err := schedule.Cron("30 2 * * *", schedule.WithLocation("Europe/Berlin"))
	if err != nil {
		panic(err)
	}
	berlin, err := time.LoadLocation(backup.Zone())
	if err != nil {
		panic(err)
	}
	friday := time.Date(2027, 3, 26, 12, 0, 0, 0, berlin)

	for at := backup.After(friday); at.Before(friday.AddDate(0, 0, 4)); at = backup.After(at) {
		fmt.Println(at.In(berlin).Format("Mon 15:04"))
	}
	for _, d := range backup.DSTTimes(friday, friday.AddDate(0, 0, 4)) {
		fmt.Println(d.Text)
	}
	n, _ := backup.Count(friday, friday.AddDate(1, 0, 0))
	fmt.Println(n, "in a year")

	// Output:
	// Sat 02:30
	// Sun 03:00
	// Mon 02:30
	// Tue 02:30
	// 02:30 does not exist on 2027-03-28 in Europe/Berlin
	// 366 in a year
}
