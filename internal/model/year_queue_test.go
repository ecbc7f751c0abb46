package model_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// The queue of the simulated year is a manual flow that is fed inputs, works on three
// at a time and lets the others wait.
const (
	yearQueue   = "queue"
	yearServers = 3
)

// serve is how long the job for an input takes.
func serve(input int) time.Duration { return time.Duration(7+input*13%50) * time.Minute }

// feed asks for many runs at once, and often stops or crashes while they are at work.
func (y *year) feed() {
	inputs := make([]any, 1+y.random.IntN(20))
	for i := range inputs {
		inputs[i] = y.fed + i
	}
	y.fed += len(inputs)
	y.happen("feed", yearQueue)
	y.happenings[len(y.happenings)-1].n = len(inputs)
	_, err := y.runner.TriggerMany(context.Background(), yearQueue, inputs)
	require.NoError(y.t, err)
	synctest.Wait()
	y.sleep(3 * time.Hour)
	switch y.random.IntN(3) {
	case 0:
		y.stop()
	case 1:
		y.crash()
	}
}

// counter follows a queue through what happened: who waits starts in order, as soon as
// there is a server and the process is up, and once, or again if a stop cut it short.
type counter struct {
	log     []entry // in the order of starts
	waiting int
	working []entry
	up      bool
	from    time.Time

	restarts map[int64]int // of each run, as far as the log was read
	again    int           // runs that a stop cut short, and that wait to start again
}

// checkQueue returns the first thing that is wrong with the runs of the queue.
func checkQueue(log []entry, happenings []happening) error {
	l := &counter{log: slices.Clone(log), restarts: map[int64]int{}}
	slices.SortStableFunc(l.log, func(a, b entry) int { return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.Number, b.Number)) })
	for _, h := range happenings {
		if err := l.until(h.at); err != nil {
			return fmt.Errorf("queue, before %+v: %w", h, err)
		}
		switch {
		case h.what == "feed":
			l.waiting += h.n
		case h.what == "stop":
			l.up = false
		case h.what == "down":
			l.up, l.working = false, nil
		case h.what == "start":
			l.up = true
		}
	}
	if len(l.log) > 0 {
		return fmt.Errorf("extra: run %d of the queue", l.log[0].Number)
	}
	return nil
}

// until lets servers work up to an instant.
func (l *counter) until(end time.Time) error {
	for {
		for l.up && l.waiting > 0 && len(l.working) < yearServers && l.from.Before(end) {
			if err := l.take(); err != nil {
				return err
			}
		}
		first := -1
		for i, e := range l.working {
			if !e.ended.After(end) && (first < 0 || e.ended.Before(l.working[first].ended)) {
				first = i
			}
		}
		if first < 0 {
			l.from = end
			return nil
		}
		l.from = l.working[first].ended
		if l.working[first].cutShort() {
			l.again++
			l.waiting++
		}
		l.working = slices.Delete(l.working, first, first+1)
	}
}

// cutShort says whether a stop cut the run short, and no crash.
func (e entry) cutShort() bool { return e.cancelled && !e.lost }

// take is the next run, which has to begin now.
func (l *counter) take() error {
	if len(l.log) == 0 {
		return fmt.Errorf("miss: %d wait at %s", l.waiting, l.from)
	}
	e := l.log[0]
	again := l.restarts[e.Number] > 0
	switch {
	case l.again > 0 && !again:
		return fmt.Errorf("run %d began at %s before %d that a stop cut short", e.Number, e.began, l.again)
	case e.Restarts != l.restarts[e.Number] || e.Attempt != 1:
		return fmt.Errorf("run %d began at %s as attempt %d with %d restarts, want attempt 1 with %d", e.Number, e.began, e.Attempt, e.Restarts, l.restarts[e.Number])
	case !e.began.Equal(l.from):
		return fmt.Errorf("run %d began at %s, want %s", e.Number, e.began, l.from)
	case !e.lost && !e.cancelled && e.ended.Sub(e.began) != serve(int(e.Number)-1):
		return fmt.Errorf("run %d had the input of another", e.Number)
	}
	if again {
		l.again--
	}
	if e.cutShort() {
		l.restarts[e.Number]++
	}
	l.log, l.waiting, l.working = l.log[1:], l.waiting-1, append(l.working, e)
	return nil
}

// queueJob writes the log of the queue.
func (y *year) queueJob() pawl.Job {
	dead := y.dead
	return harness.Job(func(ctx context.Context) error {
		e := entry{began: time.Now()}
		e.RunInfo, _ = pawl.RunFrom(ctx)
		input, err := pawl.InputOf[int](ctx)
		select {
		case <-time.After(serve(input)):
		case <-ctx.Done():
			e.cancelled, err = true, ctx.Err()
		}
		e.ended, e.lost = time.Now(), dead.Load()
		y.mu.Lock()
		defer y.mu.Unlock()
		y.log[yearQueue] = append(y.log[yearQueue], e)
		return err
	})
}
