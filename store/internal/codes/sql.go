package codes

// Numbers of words for SQL, as constants, so that statements are constants too. A test
// compares them with the tables.
const (
	Running   = "0"
	Completed = "1"
	Cancelled = "4"
	Waiting   = "5"
	Parked    = "8"
	Blocked   = "9"

	Aside   = Parked + ", " + Blocked
	Resting = Waiting + ", " + Aside // not over and not in flight

	BySchedule = "0" // triggers
	ByBackfill = "3"
)
