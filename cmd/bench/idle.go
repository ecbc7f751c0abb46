package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/bench/meter"
)

func flowsName(n int) string { return fmt.Sprintf("flows-%d", n) }

// flowsExperiment is what n flows that wait hold, and what a start takes with
// them: the first, which adopts them all, and the next, in which nothing has
// changed.
func flowsExperiment(n int) experiment {
	measure := func(ctx context.Context, t trial) (values, error) {
		return t.waiting(ctx, t.file("pawl"), n)
	}
	return experiment{
		name: flowsName(n), long: n > 100_000,
		sides: []side{{"first", measure}, {"again", measure}},
	}
}

// waiting starts n flows that wait, on the file that an earlier side of the round
// has left, if any. The scheduler that is started and stopped first takes
// what does not depend on their number.
func (t trial) waiting(ctx context.Context, file string, n int) (values, error) {
	if err := makeFile(ctx, t.file("warm"), 1); err != nil {
		return nil, err
	}
	heap, resident, err := meter.Memory()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	s, err := scheduler(file, n, t.hourly(), noop)
	if err != nil {
		return nil, err
	}
	registered := time.Now()
	r, err := s.Start(ctx)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	v, err := growth(heap, resident, n)
	if err != nil {
		return nil, errors.Join(err, r.Stop(ctx))
	}
	v["start"], v["all"] = milliseconds(started.Sub(registered)), milliseconds(started.Sub(began))
	return v, r.Stop(ctx)
}

// growth is by what the process has grown for each of n flows, in bytes, and the
// most that it ever held.
func growth(heap, resident int64, n int) (values, error) {
	peak, err := meter.Peak()
	if err != nil {
		return nil, err
	}
	heapNow, residentNow, err := meter.Memory()
	return values{
		"heap":     float64(heapNow-heap) / float64(n),
		"resident": float64(residentNow-resident) / float64(n),
		"peak":     float64(peak) / (1 << 20),
	}, err
}

// ranFlows of ranExperiment ran twice, since one that has run holds more than one
// that never did.
const ranFlows = 10_000

var ranExperiment = experiment{
	name: "flows-that-ran",
	sides: []side{{"pawl", func(ctx context.Context, t trial) (values, error) {
		if err := makeFile(ctx, t.file("warm"), 1); err != nil {
			return nil, err
		}
		heap, resident, err := meter.Memory()
		if err != nil {
			return nil, err
		}
		r, err := start(ctx, t.file("pawl"), ranFlows, noop)
		if err != nil {
			return nil, err
		}
		err = mingle(ctx, r, ranFlows, 2)
		v, e := growth(heap, resident, ranFlows)
		return v, errors.Join(err, e, r.Stop(ctx))
	}}},
}

// mingle runs every flow so many times, a few hundred at once and each time in
// other company, so that what shares a commit does not stay together.
func mingle(ctx context.Context, r *pawl.Runner, n, times int) error {
	const workers = 250
	random := rand.New(rand.NewPCG(1, 2))
	for range times {
		queue := make(chan int, n) // filled and closed here, emptied by the workers
		for _, i := range random.Perm(n) {
			queue <- i
		}
		close(queue)
		ended := make(chan error, workers) // one each
		for range workers {
			go func() { ended <- runEach(ctx, r, queue) }()
		}
		var err error
		for range workers {
			err = errors.Join(err, <-ended)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func runEach(ctx context.Context, r *pawl.Runner, queue <-chan int) error {
	for i := range queue {
		if err := runOnce(ctx, r, flowID(i)); err != nil {
			return err
		}
	}
	return nil
}

const quietFlows = 10_000

// quietExperiment is what flows cost that do nothing.
func quietExperiment(length time.Duration) experiment {
	return experiment{name: "quiet", long: true, sides: []side{{"pawl", func(ctx context.Context, t trial) (values, error) {
		s, err := scheduler(t.file("pawl"), quietFlows, t.hourly(), noop)
		if err != nil {
			return nil, err
		}
		r, err := s.Start(ctx)
		if err != nil {
			return nil, err
		}
		time.Sleep(3 * time.Second) // what the start has left over
		used := meter.Now()
		time.Sleep(length)
		spent := meter.Since(used)
		return values{
			"percent": 100 * spent.CPU.Seconds() / length.Seconds(),
			"written": float64(spent.Written),
		}, r.Stop(ctx)
	}}}}
}
