package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/bench/meter"
)

func waitingName(n int) string { return fmt.Sprintf("waiting-%d", n) }

// waitingExperiment is what n runs of a queue that wait in the file do to a start and
// to the rate of its runs.
func waitingExperiment(n int) experiment {
	sides := []side{
		{"make", func(ctx context.Context, t trial) (values, error) { return nil, makeWaiting(ctx, t.file("waiting"), n) }},
		{"behind", func(ctx context.Context, t trial) (values, error) { return t.triggerBehind(ctx, t.file("waiting")) }},
		{"start", func(ctx context.Context, t trial) (values, error) { return t.startWaiting(ctx, t.file("waiting"), n) }},
	}
	return experiment{name: waitingName(n), sides: sides, long: n > 100_000}
}

const (
	queueFlow    = "queue"
	queueSlots   = 100
	queueMost    = 10_000_000
	queueBatch   = 1000
	queueCallers = 100
)

// queue is a scheduler with one manual flow whose starts wait.
func queue(file string, job pawl.JobFunc, opts ...pawl.Option) (*pawl.Scheduler, error) {
	s := pawl.NewScheduler(file, append(opts, pawl.WithLogger(slog.New(slog.DiscardHandler)))...)
	return s, s.Manual(queueFlow, job, keepAll, pawl.WithOverlap(pawl.OverlapAllow(queueSlots, queueMost)))
}

// payload is the input of a run.
type payload struct {
	Number int64 `json:"number"`
}

// makeWaiting leaves n runs that wait in a file. The first ones, which take the slots,
// last until the stop ends them.
func makeWaiting(ctx context.Context, file string, n int) error {
	s, err := queue(file, func(ctx context.Context) error { <-ctx.Done(); return nil }, pawl.WithStopTimeout(time.Millisecond))
	if err != nil {
		return err
	}
	r, err := s.Start(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		err = enqueue(ctx, r, n+queueSlots)
	}
	if stopped := r.Stop(ctx); !errors.Is(stopped, pawl.ErrStopTimeout) {
		err = errors.Join(err, stopped)
	}
	if err == nil {
		err = wantWaiting(ctx, file, n)
	}
	return err
}

func enqueue(ctx context.Context, r *pawl.Runner, n int) error {
	for first := 0; first < n; first += queueBatch {
		inputs := make([]any, min(queueBatch, n-first))
		for i := range inputs {
			inputs[i] = payload{int64(first + i)}
		}
		if _, err := r.TriggerMany(ctx, queueFlow, inputs); err != nil {
			return err
		}
	}
	return nil
}

func wantWaiting(ctx context.Context, file string, n int) error {
	c, err := pawl.Open(file)
	if err != nil {
		return err
	}
	info, _, err := c.Status(ctx, queueFlow)
	if err == nil && info.Waiting != n {
		err = fmt.Errorf("%d runs wait, not %d", info.Waiting, n)
	}
	return errors.Join(err, c.Close())
}

// triggerBehind triggers runs from many goroutines behind those that wait. A job ends
// when one was triggered in its place, so the queue stays as long as it is.
func (t trial) triggerBehind(ctx context.Context, file string) (values, error) {
	var worked atomic.Int64
	triggered := make(chan struct{}, 2*queueCallers) // one each, sent by who triggers, received by a job
	triggering, stop := context.WithCancel(ctx)
	r, err := startQueue(ctx, file, func() {
		select {
		case <-triggered:
			worked.Add(1)
		case <-triggering.Done():
		}
	})
	if err != nil {
		stop()
		return nil, err
	}
	var callers sync.WaitGroup
	errs := make(chan error, queueCallers) // one each
	for range queueCallers {
		callers.Go(func() { errs <- triggerWhile(triggering, r, triggered) })
	}
	v := t.rate(&worked)
	stop()
	callers.Wait()
	for range queueCallers {
		err = errors.Join(err, <-errs)
	}
	return v, errors.Join(err, r.Stop(ctx))
}

func triggerWhile(ctx context.Context, r *pawl.Runner, triggered chan<- struct{}) error {
	for number := int64(0); ; number++ {
		select {
		case <-ctx.Done():
			return nil
		case triggered <- struct{}{}:
		}
		if _, err := r.Trigger(context.WithoutCancel(ctx), queueFlow, pawl.WithInput(payload{number})); err != nil {
			return err
		}
	}
}

// startQueue starts a queue whose jobs read their input and do no more than work.
func startQueue(ctx context.Context, file string, work func()) (*pawl.Runner, error) {
	s, err := queue(file, func(ctx context.Context) error {
		_, err := pawl.InputOf[payload](ctx)
		work()
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Start(ctx)
}

// startWaiting starts on a file in which runs wait, and works them off for the length
// of the trial. The jobs of the first wait until memory was measured.
func (t trial) startWaiting(ctx context.Context, file string, n int) (values, error) {
	var worked atomic.Int64
	var once sync.Once
	var first time.Duration
	gate := make(chan struct{}) // closed when memory was measured
	begun := make(chan struct{})
	began := time.Now()
	r, err := startQueue(ctx, file, func() {
		once.Do(func() { first = time.Since(began); close(begun) })
		<-gate
		worked.Add(1)
	})
	if err != nil {
		return nil, err
	}
	v := values{"start": milliseconds(time.Since(began))}
	if n > 0 {
		<-begun
		v["first"] = milliseconds(first)
	}
	_, resident, err := meter.Memory()
	v["resident"] = float64(resident) / (1 << 20)
	close(gate)
	if n > 0 {
		v["rate"] = t.workOff(&worked, int64(n))
	}
	return v, errors.Join(err, r.Stop(ctx))
}

// workOff is the rate at which runs that wait are worked off, until the time is over
// or few of n are left.
func (t trial) workOff(worked *atomic.Int64, n int64) float64 {
	began, before := time.Now(), worked.Load()
	for time.Since(began) < t.Length && worked.Load() < n*9/10 {
		time.Sleep(time.Millisecond)
	}
	return float64(worked.Load()-before) / time.Since(began).Seconds()
}
