package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// logged reads every transition that a file has.
func logged(t *testing.T, db string) (list []pawl.Transition) {
	t.Helper()
	c := openClient(t, db)
	info, err := c.List(t.Context())
	require.NoError(t, err)
	var all int64
	for _, f := range info {
		all += f.Version
	}
	for transition, err := range c.Transitions(t.Context(), 0) {
		require.NoError(t, err)
		if list = append(list, transition); int64(len(list)) == all {
			break
		}
	}
	require.NoError(t, c.Close())
	return list
}

// time V1: what the observer is told is the log, row by row, the first commit of the start
// and the last of the stop included.
func TestObserverIsToldEveryTransitionInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var told []pawl.Transition
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithObserver(func(t pawl.Transition) { told = append(told, t) }, 0))
			require.NoError(t, s.Every("a", time.Minute, job(failing), pawl.WithBackoff(pawl.TripAfter(2))))
			require.NoError(t, s.Cron("b", "*/20 * * * * *", job(ok)))
			require.NoError(t, s.Manual("c", job(untilCancelled), pawl.WithOverlap(pawl.OverlapBuffer(2))))
			return s
		}
		r := start(t, build())
		for range 2 {
			_, err := r.Trigger(t.Context(), "c")
			require.NoError(t, err)
		}
		time.Sleep(5 * time.Minute)
		require.NoError(t, r.Reset(t.Context(), "a", "mended"))
		require.ErrorIs(t, r.Stop(context.Background()), pawl.ErrStopTimeout)
		r = start(t, build())
		_ = r.Stop(context.Background()) // the run that waited may be in flight
		assert.Equal(t, logged(t, db), told)
		assert.Greater(t, len(told), 30)
	})
}

// time V1: 'never' is never, and 'no longer than' no longer, once per spell; what is dropped
// is counted and logged.
func TestSlowObserverHoldsNobodyUpForLongerThanItMay(t *testing.T) {
	for _, maxWait := range []time.Duration{0, 3 * time.Second} {
		t.Run(maxWait.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				const flows = 10_020 // adopted by the first commit; one is with the observer, 10,000 wait
				var log bytes.Buffer
				var told []int64
				gate := make(chan struct{})
				s := quiet(db, pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), pawl.WithObserver(func(t pawl.Transition) {
					<-gate
					told = append(told, t.Seq)
				}, maxWait))
				for i := range flows {
					require.NoError(t, s.Manual(fmt.Sprint(i), job(ok)))
				}
				began := time.Now()
				r := start(t, s)
				assert.Equal(t, maxWait, time.Since(began))
				synctest.Wait()
				dropped := r.Dropped()
				assert.Contains(t, []int64{19, 20}, dropped, "the observer has one, or had not come to it")
				for range 10 {
					_, err := r.Trigger(t.Context(), "1")
					require.NoError(t, err)
					synctest.Wait()
				}
				assert.Equal(t, maxWait, time.Since(began), "an observer that is behind is not waited for again")
				assert.InDelta(t, dropped+20, r.Dropped(), 1)
				close(gate)
				synctest.Wait()
				_, err := r.Trigger(t.Context(), "1")
				require.NoError(t, err)
				dropped = r.Dropped()
				stop(t, r, db)
				assert.Equal(t, flows+22-dropped, int64(len(told)))
				assert.IsIncreasing(t, told)
				assert.Equal(t, int64(flows+22), told[len(told)-1], "it has caught up")
				assert.Equal(t, 1, strings.Count(log.String(), "transitions are dropped"))
			})
		})
	}
}

// time V1: room that comes in time is waited for, and nothing is dropped.
func TestPatientSchedulerDropsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		told := 0
		s := quiet(db, pawl.WithObserver(func(pawl.Transition) { time.Sleep(time.Millisecond); told++ }, time.Second))
		for i := range 10_500 {
			require.NoError(t, s.Manual(fmt.Sprint(i), job(ok)))
		}
		r := start(t, s)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 10_500, told)
		assert.Zero(t, r.Dropped())
		stop(t, r, db)
	})
}

// time V1
func TestBrokenObserverKillsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var log bytes.Buffer
		calls, others := 0, 0
		s := quiet(db, pawl.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			pawl.WithObserver(func(pawl.Transition) {
				if calls++; calls == 1 {
					panic("ouch")
				}
				runtime.Goexit()
			}, 0),
			pawl.WithObserver(func(pawl.Transition) { others++ }, 0))
		require.NoError(t, s.Every("a", time.Minute, job(ok)))
		r := start(t, s)
		time.Sleep(10*time.Minute + time.Second)
		stop(t, r, db)
		assert.Equal(t, 23, calls)
		assert.Equal(t, 23, others)
		assert.Equal(t, 1, strings.Count(log.String(), "panic=ouch"))
	})
}

// time V1: Stop waits for observers, within bounds.
func TestStopTellsObserversTheRest(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		told := 0
		s := quiet(db, pawl.WithObserver(func(pawl.Transition) { time.Sleep(time.Second); told++ }, 0))
		for i := range 8 {
			require.NoError(t, s.Manual(fmt.Sprint(i), job(ok)))
		}
		stop(t, start(t, s), db)
		assert.Equal(t, 8, told)
	})
	bubble(t, func(t *testing.T, db string) {
		gate := make(chan struct{})
		s := quiet(db, pawl.WithObserver(func(pawl.Transition) { <-gate }, 0))
		require.NoError(t, s.Manual("a", job(ok)))
		require.NoError(t, s.Manual("b", job(ok)))
		r := start(t, s)
		began := time.Now()
		require.ErrorContains(t, r.Stop(context.Background()), "observer: not done after 10s")
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Equal(t, int64(1), r.Dropped())
		close(gate)
	})
}

// time V1, scheduler B8: a start that fails leaves no observer behind, which the bubble would notice.
func TestFailedStartEndsItsObservers(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithObserver(func(pawl.Transition) {}, 0))
		s.AddResource(broken{})
		_, err := s.Start(t.Context())
		require.ErrorContains(t, err, "no such host")
	})
}

type broken struct{}

func (broken) Setup(context.Context) error    { return errors.New("no such host") }
func (broken) Teardown(context.Context) error { return nil }

// time V1: each trip once, as the flow was then, and a probe that fails.
func TestOnTripIsToldTheFlow(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var trips []pawl.FlowInfo
		s := quiet(db, pawl.WithOnTrip(func(f pawl.FlowInfo) { trips = append(trips, f) }))
		require.NoError(t, s.Every("a", time.Minute, job(failing), pawl.WithBackoff(pawl.TripAfter(2))))
		require.NoError(t, s.Every("b", time.Minute, job(failing)))
		r := start(t, s)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, trips, 1)
		assert.Equal(t, status(t, r, "a"), trips[0])
		assert.Equal(t, "boom", trips[0].LastError)
		_, err := r.Probe(t.Context(), "a")
		require.NoError(t, err)
		synctest.Wait()
		assert.Len(t, trips, 2)
		stop(t, r, db)
	})
}

func TestObserverOptionsAreChecked(t *testing.T) {
	s := quiet("unused.db", pawl.WithObserver(nil, 0), pawl.WithOnTrip(nil), pawl.WithObserver(func(pawl.Transition) {}, -1), pawl.WithMiddleware(nil))
	_, err := s.Start(t.Context())
	for _, want := range []string{"WithObserver(nil)", "WithOnTrip(nil)", "WithObserver(-1ns)", "WithMiddleware(nil)"} {
		assert.ErrorContains(t, err, want)
	}
}
