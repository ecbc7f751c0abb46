package workflow

import (
	"fmt"
	"sync"
	"time"
)

// A Breaker keeps calls from something that is down. It is closed until so many calls in a
// row have failed, then open for a while: calls are refused. After that it is half-open:
// one call at a time goes through, the first that succeeds closes it, one that fails
// opens it again. States and workflows that use the same thing share a breaker; it is safe
// for that, and kept in memory alone. [NewBreaker] makes one.
//
// An error of a task counts as a failure, also a timeout of an attempt; not so one that is
// [Permanent], says that there was nothing to do, or comes when the run was cancelled.
type Breaker struct {
	failures int
	cooldown time.Duration

	mu      sync.Mutex
	streak  int       // failures in a row while closed
	until   time.Time // open until then; zero: closed
	probing bool      // half-open, and a call is under way
	epoch   int       // changes with each opening and closing: calls from before do not count
}

// NewBreaker returns a breaker that opens after so many failures in a row, for the time
// of cooldown. It panics unless both are more than 0.
func NewBreaker(failures int, cooldown time.Duration) *Breaker {
	if failures < 1 || cooldown <= 0 {
		panic(fmt.Sprintf("workflow: NewBreaker(%d, %v): both more than 0", failures, cooldown))
	}
	return &Breaker{failures: failures, cooldown: cooldown}
}

// BreakerState is what a breaker does with the next call.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"
	BreakerOpen     BreakerState = "open"
	BreakerHalfOpen BreakerState = "half-open"
)

// State is the breaker's, now.
func (b *Breaker) State() BreakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return BreakerClosed
	case time.Now().Before(b.until):
		return BreakerOpen
	}
	return BreakerHalfOpen
}

// allow lets a call through, or not. The epoch goes to settle.
func (b *Breaker) allow() (epoch int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return b.epoch, nil
	}
	if left := time.Until(b.until); left > 0 {
		return 0, fmt.Errorf("%w for another %v", ErrBreakerOpen, left)
	}
	if b.probing {
		return 0, fmt.Errorf("%w: another call tries whether to close it", ErrBreakerOpen)
	}
	b.probing = true
	return b.epoch, nil
}

// verdict is what a call says of the thing that was called.
type verdict int

const (
	saysNothing verdict = iota
	saysWell
	saysIll
)

// settle is called once for each call that allow let through.
func (b *Breaker) settle(epoch int, v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if epoch != b.epoch {
		return
	}
	probe := b.probing
	b.probing = false
	switch {
	case v == saysWell && probe:
		b.epoch++
		b.until, b.streak = time.Time{}, 0
	case v == saysWell:
		b.streak = 0
	case v == saysIll:
		if b.streak++; probe || b.streak >= b.failures {
			b.epoch++
			b.until = time.Now().Add(b.cooldown)
		}
	}
}
