package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// asleep is how long the machine has been suspended since it was started: the monotonic
// clock stands still meanwhile.
func asleep() (shortest time.Duration) {
	for try := range 3 { // between the two looks others may run
		var boot, mono unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
			return 0
		}
		if slept := time.Duration(boot.Nano() - mono.Nano()); try == 0 || slept < shortest {
			shortest = slept
		}
	}
	return shortest
}
