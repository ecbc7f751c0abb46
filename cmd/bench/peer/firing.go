package peer

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl/cmd/bench/meter"
)

// maxResident ends the firing of a scheduler that takes more memory than this.
const maxResident = 6 << 30

// firings are what n jobs tell of, each due once in each of some seconds.
type firings struct {
	first   time.Time // the first second
	seconds int
	counts  []atomic.Int32 // firings of each job
	late    []atomic.Int64 // nanoseconds of each firing, job by job; 0 has not been
}

// job is that with the index i: its nth firing counts against the nth second.
func (f *firings) job(i int) func() {
	return func() {
		n := int(f.counts[i].Add(1)) - 1
		if n < f.seconds {
			late := time.Since(f.first.Add(time.Duration(n) * time.Second))
			f.late[i*f.seconds+n].Store(max(1, int64(late)))
		}
	}
}

// sorted is the lateness of all that have fired.
func (f *firings) sorted() []time.Duration {
	var all []time.Duration
	for i := range f.late {
		if late := f.late[i].Load(); late > 0 {
			all = append(all, time.Duration(late))
		}
	}
	slices.Sort(all)
	return all
}

// measureFiring leaves time to register the jobs, then starts them just before
// the first second.
func measureFiring(open func() (memoryScheduler, error), n int) Measure {
	return func(ctx context.Context, _ string, length time.Duration) (map[string]float64, error) {
		s, err := open()
		if err != nil {
			return nil, err
		}
		seconds := max(1, int(math.Ceil(length.Seconds())))
		registering := 2*time.Second + time.Duration(n)*20*time.Microsecond
		f := &firings{
			first:   time.Now().Add(registering).Truncate(time.Second),
			seconds: seconds,
			counts:  make([]atomic.Int32, n),
			late:    make([]atomic.Int64, n*seconds),
		}
		for i := range n {
			if err := s.every(time.Second, f.first, f.job(i)); err != nil {
				return nil, errors.Join(err, s.close())
			}
		}
		values, err := f.observe(ctx, s)
		return values, errors.Join(err, s.close())
	}
}

// observe returns just before the second after the last.
func (f *firings) observe(ctx context.Context, s memoryScheduler) (map[string]float64, error) {
	const before = 50 * time.Millisecond
	sleep(ctx, time.Until(f.first.Add(-700*time.Millisecond)))
	s.start()
	sleep(ctx, time.Until(f.first.Add(-before)))
	if time.Now().After(f.first) {
		return nil, errors.New("registering and starting the jobs took too long")
	}
	use := meter.Now()
	watch(ctx, f.first.Add(time.Duration(f.seconds)*time.Second-before))
	used, all := meter.Since(use), f.sorted()
	if len(all) == 0 {
		return nil, errors.New("no job has fired")
	}
	return map[string]float64{
		"p50":   milliseconds(quantile(all, 0.5)),
		"p99":   milliseconds(quantile(all, 0.99)),
		"fired": float64(len(all)) / float64(len(f.late)),
		"cpu":   float64(used.CPU.Microseconds()) / float64(len(all)),
	}, nil
}

// watch waits until end, or less if memory runs short.
func watch(ctx context.Context, end time.Time) {
	for ctx.Err() == nil && time.Now().Before(end) {
		if resident, err := meter.Resident(); err == nil && resident > maxResident {
			return
		}
		sleep(ctx, min(100*time.Millisecond, time.Until(end)))
	}
}
