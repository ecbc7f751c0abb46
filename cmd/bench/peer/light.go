package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	lightRate = 50 // jobs a second
	lightWarm = 10 // jobs that come first and do not count
)

// measureLight inserts a job every 20 ms. Each carries the time of the call that
// inserts it, since a moment that all know.
func measureLight[L library](open opener[L]) Measure {
	return func(ctx context.Context, dir string, length time.Duration) (map[string]float64, error) {
		n := max(1, int(lightRate*length.Seconds()))
		took := make(chan time.Duration, 2*(n+lightWarm)) // sent by the jobs; room for all, also for some that run again
		epoch := time.Now()
		lib, err := open(ctx, dir, func(called int64) {
			select {
			case took <- time.Since(epoch) - time.Duration(called):
			default:
			}
		})
		if err != nil {
			return nil, err
		}
		all, err := trickle(ctx, lib, epoch, n, took)
		if err := errors.Join(err, lib.close()); err != nil {
			return nil, err
		}
		slices.Sort(all)
		return map[string]float64{"p50": milliseconds(quantile(all, 0.5)), "p99": milliseconds(quantile(all, 0.99))}, nil
	}
}

// trickle returns how long the last n jobs took to begin.
func trickle(ctx context.Context, lib library, epoch time.Time, n int, took <-chan time.Duration) ([]time.Duration, error) {
	if err := lib.work(); err != nil {
		return nil, err
	}
	sleep(ctx, 100*time.Millisecond) // it may still be starting
	began := time.Now()
	for i := range n + lightWarm {
		sleep(ctx, time.Until(began.Add(time.Duration(i)*time.Second/lightRate)))
		if err := lib.insert(lasting(ctx), int64(time.Since(epoch))); err != nil {
			return nil, fmt.Errorf("insert: %w", err)
		}
	}
	var all []time.Duration
	for range n + lightWarm {
		select {
		case d := <-took:
			all = append(all, d)
		case <-ctx.Done():
			return nil, fmt.Errorf("only %d of %d jobs began: %w", len(all), n+lightWarm, ctx.Err())
		}
	}
	return all[lightWarm:], nil
}

// quantile is that of a sorted list.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
