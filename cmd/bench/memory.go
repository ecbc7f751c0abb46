package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/pawl-go/pawl"
)

// memoryExperiment is what a flow holds: the growth of the process from before
// its flows are registered, divided by them. One that has run holds more than
// one that never did.
func memoryExperiment(idle, run int) experiment {
	idleTitle := fmt.Sprintf("memory per flow, %s that never ran, ", grouped(float64(idle)))
	runTitle := fmt.Sprintf("memory per flow, %s that ran, ", grouped(float64(run)))
	return experiment{
		name: "memory",
		sides: []side{
			{"make", func(ctx context.Context, t trial) (values, error) { return nil, makeFile(ctx, t.pawlFile(), idle) }},
			{"idle", func(ctx context.Context, t trial) (values, error) { return t.growth(ctx, t.pawlFile(), idle, 0) }},
			{"run", func(ctx context.Context, t trial) (values, error) { return t.growth(ctx, t.file("run"), run, 2) }},
		},
		rows: []row{
			{idleTitle + "heap", "B", "idle.heap", ""},
			{idleTitle + "resident", "B", "idle.resident", ""},
			{runTitle + "heap", "B", "run.heap", ""},
			{runTitle + "resident", "B", "run.resident", ""},
		},
	}
}

// growth starts n flows, runs each of them so many times and returns what the
// process has grown by for each. The scheduler that is started and stopped
// first takes what does not depend on their number.
func (t trial) growth(ctx context.Context, file string, n, times int) (values, error) {
	if err := makeFile(ctx, t.file("warm"), 1); err != nil {
		return nil, err
	}
	heap, resident := inUse()
	r, err := start(ctx, file, n, noop)
	if err != nil {
		return nil, err
	}
	if err := mingle(ctx, r, n, times); err != nil {
		return nil, errors.Join(err, r.Stop(ctx))
	}
	heapAfter, residentAfter := inUse()
	return values{
		"heap":     float64(heapAfter-heap) / float64(n),
		"resident": float64(residentAfter-resident) / float64(n),
	}, r.Stop(ctx)
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

// inUse is the live heap and the resident memory of this process in bytes, once
// all garbage is gone.
func inUse() (heap, resident int64) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	resident, err := residentMemory()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: resident memory:", err)
	}
	return int64(m.HeapAlloc), resident
}

func residentMemory() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm") // Linux alone
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, errors.New("/proc/self/statm has no second field")
	}
	var pages int64
	_, err = fmt.Sscan(string(fields[1]), &pages)
	return pages * int64(os.Getpagesize()), err
}
