package pawlprom_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/hook"
	"github.com/pawl-go/pawl/pawlprom"
	"github.com/pawl-go/pawl/pawltest"
)

func job(f func(context.Context) error) pawl.Job { return pawl.JobFunc(f) }

func ok(context.Context) error { return nil }

func failing(context.Context) error { return errors.New("boom") }

// bubble runs a test under virtual time, which begins at 2000-01-01 00:00 UTC, with the
// path of a database that does not exist yet.
func bubble(t *testing.T, test func(t *testing.T, db string)) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) { test(t, db) })
}

// measured is a scheduler that a collector is told of.
func measured(db string, m *pawlprom.Collector, opts ...pawl.Option) *pawl.Scheduler {
	return pawl.NewScheduler(db, append(opts, pawl.WithLogger(slog.New(slog.DiscardHandler)), pawl.WithInboxPoll(0), pawl.WithStepObserver(m.Observe, 0))...)
}

func start(t *testing.T, s *pawl.Scheduler, m *pawlprom.Collector) *pawl.Runner {
	t.Helper()
	r := pawltest.Start(t, s)
	m.Watch(r)
	return r
}

// series is what a collector shows: the value of each series, or the count and sum of a
// histogram.
func series(t *testing.T, m prometheus.Collector) map[string]float64 {
	t.Helper()
	synctest.Wait()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(m))
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			var labels []string
			for _, l := range metric.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			switch h := metric.GetHistogram(); {
			case h != nil:
				found[name+" count"], found[name+" sum"] = float64(h.GetSampleCount()), h.GetSampleSum()
			case metric.GetCounter() != nil:
				found[name] = metric.GetCounter().GetValue()
			default:
				found[name] = metric.GetGauge().GetValue()
			}
		}
	}
	return found
}

// flows leaves out what is about the program and its commits.
func flows(found map[string]float64) map[string]float64 {
	for name := range found {
		if !strings.HasPrefix(name, "pawl_flow_") && !strings.HasPrefix(name, "pawl_run") {
			delete(found, name)
		}
	}
	return found
}

// Observability: runs by outcome, duration, streak, state, next run, of a flow that is
// well, one that trips, one that is in a window, and one with a queue.
func TestMetricsTellWhatFlowsDo(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		m := pawlprom.New()
		s := measured(db, m)
		require.NoError(t, s.Cron("well", "*/10 * * * *", job(func(context.Context) error { time.Sleep(2 * time.Second); return nil })))
		require.NoError(t, s.Every("trips", time.Minute, job(failing), pawl.WithBackoff(pawl.TripAfter(2))))
		require.NoError(t, s.Every("backs", time.Minute, job(failing), pawl.WithBackoff(pawl.BackoffPolicy{Initial: 2 * time.Hour, MaxDelay: 2 * time.Hour})))
		release := make(chan struct{})
		require.NoError(t, s.Manual("queue", job(func(context.Context) error { <-release; return nil }), pawl.WithOverlap(pawl.OverlapBuffer(9))))
		r := start(t, s, m)
		for range 3 {
			_, err := r.Trigger(t.Context(), "queue")
			require.NoError(t, err)
		}
		time.Sleep(55 * time.Minute)
		began := float64(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
		assert.Equal(t, map[string]float64{
			"pawl_runs_total{flow=well,status=completed,trigger=schedule}": 5,
			"pawl_runs_total{flow=trips,status=failed,trigger=schedule}":   2,
			"pawl_runs_total{flow=backs,status=failed,trigger=schedule}":   1,

			"pawl_run_duration_seconds{flow=well} count":  5,
			"pawl_run_duration_seconds{flow=well} sum":    10,
			"pawl_run_duration_seconds{flow=trips} count": 2,
			"pawl_run_duration_seconds{flow=trips} sum":   0,
			"pawl_run_duration_seconds{flow=backs} count": 1,
			"pawl_run_duration_seconds{flow=backs} sum":   0,

			"pawl_run_lateness_seconds{flow=well} count":  5,
			"pawl_run_lateness_seconds{flow=well} sum":    0,
			"pawl_run_lateness_seconds{flow=trips} count": 2,
			"pawl_run_lateness_seconds{flow=trips} sum":   0,
			"pawl_run_lateness_seconds{flow=backs} count": 1,
			"pawl_run_lateness_seconds{flow=backs} sum":   0,

			"pawl_flow_streak{flow=well}":  0,
			"pawl_flow_streak{flow=trips}": 2,
			"pawl_flow_streak{flow=backs}": 1,
			"pawl_flow_streak{flow=queue}": 0,

			"pawl_flow_state{flow=well,state=completed}": 1,
			"pawl_flow_state{flow=trips,state=tripped}":  1,
			"pawl_flow_state{flow=backs,state=backoff}":  1,
			"pawl_flow_state{flow=queue,state=running}":  1,

			"pawl_flow_next_run_timestamp_seconds{flow=well}":  began + 3600,
			"pawl_flow_next_run_timestamp_seconds{flow=backs}": began + 7200,

			"pawl_flow_waiting{flow=well}":  0,
			"pawl_flow_waiting{flow=trips}": 0,
			"pawl_flow_waiting{flow=backs}": 0,
			"pawl_flow_waiting{flow=queue}": 2,

			"pawl_flow_waiting_age_seconds{flow=queue}": 55 * 60,
		}, flows(series(t, m)))
		close(release)
		require.NoError(t, r.Reset(t.Context(), "trips", "mended"))
		found := series(t, m)
		assert.Equal(t, 3.0, found["pawl_runs_total{flow=queue,status=completed,trigger=manual}"])
		assert.Equal(t, 55*60.0, found["pawl_run_duration_seconds{flow=queue} sum"], "waiting is no part of it")
	})
}

// Observability: what is made up for after nobody ran is late; a process counts from 0.
func TestRunThatIsMadeUpForIsLate(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		for life := range 2 {
			m := pawlprom.New()
			s := measured(db, m)
			require.NoError(t, s.Cron("hourly", "0 * * * *", job(ok)))
			r, err := s.Start(t.Context())
			require.NoError(t, err)
			m.Watch(r)
			if life == 0 {
				time.Sleep(90 * time.Minute)
			}
			found := series(t, m)
			assert.Equal(t, 1.0, found["pawl_run_lateness_seconds{flow=hourly} count"])
			assert.Equal(t, float64(life*15*60), found["pawl_run_lateness_seconds{flow=hourly} sum"])
			assert.Equal(t, 1.0, found["pawl_runs_total{flow=hourly,status=completed,trigger=schedule}"])
			require.NoError(t, r.Stop(context.Background()))
			time.Sleep(45 * time.Minute)
		}
	})
}

// sick is a store whose commits take a while, and which takes none at times.
type sick struct {
	engine.Store
	full *atomic.Bool
}

func (s sick) Commit(ctx context.Context, b engine.Batch) error {
	if s.full.Load() {
		return errors.New("the disk is full")
	}
	time.Sleep(20 * time.Millisecond)
	return s.Store.Commit(ctx, b)
}

// Observability, scheduler D7: batch size, commit time, and that the database takes no writes.
func TestMetricsTellOfCommitsAndOfADatabaseThatTakesNone(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var full atomic.Bool
		m := pawlprom.New()
		s := measured(db, m)
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, s.Manual(id, job(ok)))
		}
		r, err := s.Start(hook.With(t.Context(), hook.Hooks{Store: func(s engine.Store) engine.Store { return sick{s, &full} }}))
		require.NoError(t, err)
		m.Watch(r)
		found := series(t, m)
		assert.Equal(t, 1.0, found["pawl_commit_batch_size{} count"])
		assert.Equal(t, 3.0, found["pawl_commit_batch_size{} sum"], "three flows were adopted")
		assert.Equal(t, 1.0, found["pawl_commit_duration_seconds{} count"])
		assert.InDelta(t, .02, found["pawl_commit_duration_seconds{} sum"], 1e-9)
		assert.Zero(t, found["pawl_degraded{}"])
		assert.Positive(t, found["pawl_wal_bytes{}"], "found A7")

		full.Store(true)
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorContains(t, err, "the disk is full")
		found = series(t, m)
		assert.Equal(t, 1.0, found["pawl_degraded{}"])
		assert.Equal(t, 1.0, found["pawl_commit_batch_size{} count"], "what failed is no commit")

		full.Store(false)
		time.Sleep(5 * time.Second)
		assert.Zero(t, series(t, m)["pawl_degraded{}"])
		require.NoError(t, r.Stop(context.Background()))
	})
}

// Observability: recovered.
func TestRunsOfAProcessThatDiedAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, _ string) {
		var all []*pawlprom.Collector
		pawltest.CrashEverywhere(t, func(db string) *pawl.Scheduler {
			m := pawlprom.New()
			all = append(all, m)
			s := measured(db, m)
			_ = s.Manual("a", job(ok)) // Start returns the error
			return s
		}, func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "a")
			if err == nil {
				_, err = r.WaitRun(ctx, "a", run)
			}
			return err
		}, func(testing.TB, string) {})
		var recovered, interrupted float64
		for _, m := range all {
			found := series(t, m)
			recovered += found["pawl_recovered_total{}"]
			interrupted += found["pawl_runs_total{flow=a,status=interrupted,trigger=manual}"]
		}
		assert.Equal(t, 2.0, recovered, "killed after the reserve, and before the outcome")
		assert.Equal(t, 2.0, interrupted)
	})
}

// Flows that the program does not have any more have no gauges.
func TestForgottenFlowsHaveNoGauges(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		m := pawlprom.New()
		s := measured(db, m)
		require.NoError(t, s.Manual("old", job(ok)))
		r := start(t, s, m)
		assert.Contains(t, series(t, m), "pawl_flow_streak{flow=old}")
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("old") }))
		assert.NotContains(t, series(t, m), "pawl_flow_streak{flow=old}")
	})
}

// text is what a collector serves.
func text(m *pawlprom.Collector) string {
	response := httptest.NewRecorder()
	m.Handler().ServeHTTP(response, httptest.NewRequest("GET", "/metrics", nil))
	return response.Body.String()
}
