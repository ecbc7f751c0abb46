package peer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const batchSize = 1000

// measureBatch inserts as many jobs as the library works in about the time, given
// how many that is in a second, and then works until all are done or the time is
// over. More would be of no use, and some libraries slow down with what waits.
func measureBatch[L batchLibrary](open opener[L], perSecond int) Measure {
	return func(ctx context.Context, dir string, length time.Duration) (map[string]float64, error) {
		var begun atomic.Int64
		lib, err := open(ctx, dir, func(int64) { begun.Add(1) })
		if err != nil {
			return nil, err
		}
		batches := 1 + int(float64(perSecond)*length.Seconds())/batchSize
		values, err := insertAndWork(ctx, lib, &begun, batches, length)
		return values, errors.Join(err, lib.close())
	}
}

func insertAndWork(ctx context.Context, lib batchLibrary, begun *atomic.Int64, batches int, length time.Duration) (map[string]float64, error) {
	began, use := time.Now(), useOf(lib)
	for range batches {
		if err := errors.Join(ctx.Err(), lib.insertMany(lasting(ctx), batchSize)); err != nil {
			return nil, fmt.Errorf("insert %d: %w", batchSize, err)
		}
	}
	inserted := batches * batchSize
	insert, values := time.Since(began), use.since().each(inserted)

	use = useOf(lib)
	worked, work, err := workOff(ctx, lib, begun, inserted, length)
	if err != nil {
		return nil, err
	}
	for name, each := range use.since().each(worked) {
		values[name] += each
	}
	values["insert"] = float64(inserted) / insert.Seconds()
	values["work"] = float64(worked) / work.Seconds()
	return values, nil
}

// workOff begins to work and waits until n jobs are finished, or the time is over
// and at least one is. It asks the database only when it may be the last time.
func workOff(ctx context.Context, lib library, begun *atomic.Int64, n int, length time.Duration) (int, time.Duration, error) {
	began := time.Now()
	if err := lib.work(); err != nil {
		return 0, 0, err
	}
	for {
		sleep(ctx, 5*time.Millisecond)
		took := time.Since(began)
		if took < length && begun.Load() < int64(n) {
			continue
		}
		worked, err := lib.finished(ctx)
		if err != nil || worked >= n || worked > 0 && took >= length {
			return worked, took, err
		}
	}
}
