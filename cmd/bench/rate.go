package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/pawl-go/pawl"
)

func rateName(perSecond int) string { return fmt.Sprintf("latency-%d", perSecond) }

// rateExperiment is the time from the call of Trigger to the first line of the
// job at a steady rate of triggers, whether or not the runs before have ended.
func rateExperiment(perSecond int) experiment {
	return experiment{
		name: rateName(perSecond), long: perSecond != peerRate,
		sides: []side{{"pawl", func(ctx context.Context, t trial) (values, error) {
			return latencyAtRate(ctx, t, perSecond)
		}}},
	}
}

const (
	rateLength = 4 * time.Second // 200 samples at 50 a second
	rateFlows  = 20_000          // so many that none is triggered again while it runs
)

func latencyAtRate(ctx context.Context, t trial, perSecond int) (values, error) {
	t.Length = max(t.Length, rateLength)
	seconds := (t.warmUp() + t.Length).Seconds()
	a := newArrivals(int(seconds * float64(perSecond)))
	r, err := start(ctx, t.file("pawl"), rateFlows, a.arrive)
	if err != nil {
		return nil, err
	}
	for i, began := 0, time.Now(); i < len(a.called); i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		a.runs.Add(1)
		go a.trigger(ctx, r, i)
	}
	err = errors.Join(a.wait(), r.Stop(ctx))
	warm := int(t.warmUp().Seconds() * float64(perSecond))
	return quantiles(a.took[warm:]), err
}

// arrivals are triggers, numbered in the order of their instants.
type arrivals struct {
	called []time.Time     // when Trigger was
	took   []time.Duration // from there to the first line of the job
	runs   sync.WaitGroup
	errs   chan error // capacity one per trigger: nobody waits
}

func newArrivals(n int) *arrivals {
	return &arrivals{called: make([]time.Time, n), took: make([]time.Duration, n), errs: make(chan error, n)}
}

func (a *arrivals) trigger(ctx context.Context, r *pawl.Runner, i int) {
	defer a.runs.Done()
	a.called[i] = time.Now()
	id := flowID(i % rateFlows)
	number, err := r.Trigger(ctx, id)
	if err == nil {
		_, err = r.WaitRun(ctx, id, number)
	}
	if err != nil {
		a.errs <- err
	}
}

// arrive is the job. The flows take turns, so the number of a run tells which
// trigger it is of.
func (a *arrivals) arrive(ctx context.Context) error {
	now := time.Now()
	run, _ := pawl.RunFrom(ctx)
	flow, err := strconv.Atoi(run.FlowID[len("flow-"):])
	if err != nil {
		return err
	}
	i := int(run.Number-1)*rateFlows + flow
	a.took[i] = now.Sub(a.called[i])
	return nil
}

func (a *arrivals) wait() (err error) {
	a.runs.Wait()
	close(a.errs)
	for e := range a.errs {
		err = errors.Join(err, e)
	}
	return err
}
