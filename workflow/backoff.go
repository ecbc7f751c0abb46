package workflow

import (
	"errors"
	"math"
	"time"
)

// A Backoff says how long to wait before the next try.
type Backoff struct {
	Initial    time.Duration // before the second try; 0: 100 ms
	Multiplier float64       // by which each wait is longer than the one before; 0: 2
	MaxDelay   time.Duration // no wait is longer; 0: 30 s, or Initial if that is more
	Jitter     float64       // 0..1: by what share a wait may be shorter or longer; 0: none, but for WithRetry 0.1; or NoJitter
}

// NoJitter is the Jitter of waits that do not spread, also for [WithRetry], where 0 means a
// tenth: runs that fail together would be tried again together.
const NoJitter = -1

// Exponential waits 100 ms, 200 ms, 400 ms, and so on up to 30 s, each a tenth shorter or
// longer at most.
func Exponential() Backoff {
	return Backoff{Initial: 100 * time.Millisecond, Multiplier: 2, MaxDelay: 30 * time.Second, Jitter: 0.1}
}

// Fixed always waits d; as the waits of [WithRetry], a tenth shorter or longer at most.
func Fixed(d time.Duration) Backoff {
	return Backoff{Initial: d, Multiplier: 1, MaxDelay: d + min(d/10, math.MaxInt64-d)}
}

// Delay is the wait after the n-th try, counted from 1; jitter, in -1..1, is the caller's.
func (b Backoff) Delay(n int, jitter float64) time.Duration {
	b = b.filled()
	d := float64(b.Initial) * math.Pow(b.Multiplier, float64(max(n, 1)-1))
	limit := float64(b.MaxDelay)
	d = min(d, limit)
	if d += d * max(b.Jitter, 0) * jitter; d >= limit { // in floating point the longest wait itself may be rounded up
		return b.MaxDelay
	}
	return time.Duration(d)
}

// spread gives waits that have no jitter the one of retries: many runs may fail for the same
// reason at once, and would come back at once.
func (b Backoff) spread() Backoff {
	if b.Jitter == 0 {
		b.Jitter = 0.1
	}
	return b
}

func (b Backoff) filled() Backoff {
	if b.Initial == 0 {
		b.Initial = 100 * time.Millisecond
	}
	if b.Multiplier == 0 {
		b.Multiplier = 2
	}
	if b.MaxDelay == 0 {
		b.MaxDelay = max(30*time.Second, b.Initial)
	}
	return b
}

func (b Backoff) validate() error {
	switch b = b.filled(); {
	case b.Initial < 0:
		return errors.New("the initial wait is negative")
	case !(b.Multiplier >= 1) || math.IsInf(b.Multiplier, 0):
		return errors.New("the multiplier is at least 1")
	case b.MaxDelay < b.Initial:
		return errors.New("the longest wait is shorter than the initial one")
	case !(b.Jitter >= 0 && b.Jitter <= 1) && b.Jitter != NoJitter:
		return errors.New("the jitter is from 0 to 1, or NoJitter")
	}
	return nil
}

// jitter is a number in -1..1 that is the same whenever it is asked for, and differs
// between runs, states, branches and tries.
func jitter(began time.Time, run, state string, branch, n int) float64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, text := range [...]string{run, "\x00", state} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
	}
	for _, v := range [...]uint64{uint64(began.UnixNano()), uint64(branch), uint64(n)} {
		for range 8 {
			h = (h ^ v&0xff) * 1099511628211
			v >>= 8
		}
	}
	h *= 0x9e3779b97f4a7c15
	return float64(h>>11)/(1<<52) - 1
}
