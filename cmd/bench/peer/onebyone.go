package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-go/pawl/cmd/bench/meter"
)

// measureOneByOne gives half of the time to one goroutine that inserts and half
// to 100, and returns what the better of the two found.
func measureOneByOne[L library](open opener[L]) Measure {
	return func(ctx context.Context, dir string, length time.Duration) (map[string]float64, error) {
		one, err := closedLoop(ctx, open, dir, 1, 500, length/2)
		if err != nil {
			return nil, err
		}
		hundred, err := closedLoop(ctx, open, dir, 100, 1000, length/2)
		if err != nil {
			return nil, err
		}
		if hundred["rate"] > one["rate"] {
			return hundred, nil
		}
		return one, nil
	}
}

// closedLoop inserts as fast as it may while at most outstanding jobs have not
// begun.
func closedLoop[L library](ctx context.Context, open opener[L], dir string, inserters, outstanding int, length time.Duration) (map[string]float64, error) {
	dir, err := subdirectory(dir, fmt.Sprintf("by-%d", inserters))
	if err != nil {
		return nil, err
	}
	slots := make(chan struct{}, outstanding) // one each: taken by who inserts, given back by the job
	lib, err := open(ctx, dir, func(int64) {
		select {
		case <-slots:
		default: // a job that is run again has given its slot back already
		}
	})
	if err != nil {
		return nil, err
	}
	if err := lib.work(); err != nil {
		return nil, errors.Join(err, lib.close())
	}
	inserting, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	for range inserters {
		group.Go(func() error { return insertWhile(inserting, lib, slots) })
	}
	values, err := observe(ctx, lib, length)
	stop()
	if err := errors.Join(err, group.Wait(), lib.close()); err != nil {
		return nil, err
	}
	values["inserters"] = float64(inserters)
	return values, nil
}

func insertWhile(ctx context.Context, lib library, slots chan<- struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case slots <- struct{}{}:
		}
		if err := lib.insert(lasting(ctx), 0); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
	}
}

// observe counts what is finished between two moments, the first a little after
// the start.
func observe(ctx context.Context, lib library, length time.Duration) (map[string]float64, error) {
	sleep(ctx, length/4)
	before, err := lib.finished(ctx)
	if err != nil {
		return nil, err
	}
	began, use := time.Now(), useOf(lib)
	for {
		sleep(ctx, max(length-time.Since(began), 10*time.Millisecond))
		took, used := time.Since(began), use.since()
		after, err := lib.finished(ctx)
		if err != nil {
			return nil, err
		}
		if after > before {
			values := used.each(after - before)
			values["rate"] = float64(after-before) / took.Seconds()
			return values, nil
		}
	}
}

// use is what the process, and a server that works for it, used up to a moment.
type use struct {
	meter.Use
	lib library
}

// server is a library whose bytes are written by another process.
type server interface{ written() int64 }

func useOf(lib library) use {
	u := use{meter.Now(), lib}
	if s, ok := lib.(server); ok {
		u.Written = s.written()
	}
	return u
}

func (u use) since() use {
	now := useOf(u.lib)
	now.CPU -= u.CPU
	now.Written -= u.Written
	return now
}

func (u use) each(n int) map[string]float64 {
	return map[string]float64{
		"cpu":     float64(u.CPU.Microseconds()) / float64(n),
		"written": float64(u.Written) / float64(n),
	}
}
