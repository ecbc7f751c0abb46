package core

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// jitter is a number in -1..1 that is the same whenever it is asked for.
func jitter(database, flow string, run int64) float64 {
	return float64(hashOf("%s\x00%s\x00%d", database, flow, run)>>11)/(1<<52) - 1
}

// spread is how long after a nominal instant a flow runs: less than d, in whole
// milliseconds, and the same whenever it is asked for.
func spread(database, flow string, nominal time.Time, d time.Duration) time.Duration {
	if d < time.Millisecond {
		return 0
	}
	random := hashOf("%s\x00%s\x00at %d", database, flow, nominal.UnixMilli())
	share, _ := bits.Mul64(random, uint64(d/time.Millisecond))
	return time.Duration(share) * time.Millisecond
}

func hashOf(format string, of ...any) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, format, of...))
	return binary.BigEndian.Uint64(sum[:])
}
