package peer

import (
	"context"
	"errors"
	"time"

	"github.com/pawl-go/pawl/cmd/bench/meter"
)

// memoryScheduler keeps its jobs in memory alone.
type memoryScheduler interface {
	// every registers a job. Where the interval counts from the start of the
	// scheduler, first says nothing: the start is just before it. Zero is any time.
	every(interval time.Duration, first time.Time, job func()) error
	start()       // returns when it runs
	close() error // ends at once; jobs may still run
}

// inMemory are the measures of such a scheduler.
func inMemory(open func() (memoryScheduler, error)) map[string]Measure {
	return map[string]Measure{
		Idle:       measureIdle(open, 100_000),
		Firing:     measureFiring(open, 10_000),
		Firing100k: measureFiring(open, 100_000),
	}
}

func measureIdle(open func() (memoryScheduler, error), n int) Measure {
	return func(context.Context, string, time.Duration) (map[string]float64, error) {
		_, before, err := meter.Memory()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		s, err := open()
		if err != nil {
			return nil, err
		}
		for range n {
			err = errors.Join(err, s.every(time.Hour, time.Time{}, func() {}))
		}
		s.start()
		took := time.Since(began)
		_, after, errAfter := meter.Memory()
		return map[string]float64{
			"resident": float64(after-before) / float64(n),
			"start":    milliseconds(took),
		}, errors.Join(err, errAfter, s.close())
	}
}
