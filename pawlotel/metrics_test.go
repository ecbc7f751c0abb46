package pawlotel_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/hook"
	"github.com/pawl-go/pawl/pawlotel"
	"github.com/pawl-go/pawl/pawltest"
)

// meter is metrics with what reads them.
type meter struct {
	*pawlotel.Metrics
	reader metric.Reader
}

func metered(t *testing.T, opts ...pawlotel.Option) meter {
	t.Helper()
	reader := metric.NewManualReader()
	m, err := pawlotel.NewMetrics(append(opts, pawlotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))...)
	require.NoError(t, err)
	return meter{m, reader}
}

func (m meter) watch(t *testing.T, r *pawl.Runner) {
	t.Helper()
	_, err := m.Watch(r)
	require.NoError(t, err)
}

// series is what is read: the value of each series, or the count and sum of a histogram.
func (m meter) series(t *testing.T) map[string]float64 {
	t.Helper()
	synctest.Wait()
	var data metricdata.ResourceMetrics
	require.NoError(t, m.reader.Collect(context.Background(), &data))
	found := map[string]float64{}
	for _, scope := range data.ScopeMetrics {
		assert.Equal(t, "github.com/pawl-go/pawl/pawlotel", scope.Scope.Name)
		for _, one := range scope.Metrics {
			assert.NotEmpty(t, one.Description, one.Name)
			assert.NotEmpty(t, one.Unit, one.Name)
			add(found, one)
		}
	}
	return found
}

func add(found map[string]float64, m metricdata.Metrics) {
	name := func(set attribute.Set) string {
		return m.Name + "{" + strings.ReplaceAll(set.Encoded(attribute.DefaultEncoder()), "pawl.", "") + "}"
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		points(found, data.DataPoints, name)
	case metricdata.Gauge[int64]:
		points(found, data.DataPoints, name)
	case metricdata.Gauge[float64]:
		points(found, data.DataPoints, name)
	case metricdata.Histogram[int64]:
		histogram(found, data, name)
	case metricdata.Histogram[float64]:
		histogram(found, data, name)
	}
}

func points[N int64 | float64](found map[string]float64, list []metricdata.DataPoint[N], name func(attribute.Set) string) {
	for _, p := range list {
		found[name(p.Attributes)] = float64(p.Value)
	}
}

func histogram[N int64 | float64](found map[string]float64, h metricdata.Histogram[N], name func(attribute.Set) string) {
	for _, p := range h.DataPoints {
		found[name(p.Attributes)+" count"], found[name(p.Attributes)+" sum"] = float64(p.Count), float64(p.Sum)
	}
}

// Observability: runs by outcome, duration, lateness, streak, state, next run.
func TestMetricsTellWhatFlowsDo(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		for life := range 2 {
			m := metered(t)
			s := quiet(db, pawl.WithStepObserver(m.Observe, 0))
			require.NoError(t, s.Cron("well", "0 * * * *", job(func(context.Context) error { time.Sleep(2 * time.Second); return nil })))
			require.NoError(t, s.Every("trips", time.Minute, job(failing), pawl.WithBackoff(pawl.TripAfter(2))))
			r, err := s.Start(t.Context())
			require.NoError(t, err)
			m.watch(t, r)
			time.Sleep(75 * time.Minute)
			began := float64(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
			found := m.series(t)
			for name := range found {
				if strings.Contains(name, ".commit.") || strings.Contains(name, ".wal.") {
					delete(found, name)
				}
			}
			want := map[string]float64{
				"pawl.runs{flow=well,status=completed,trigger=schedule}": 1,
				"pawl.run.duration{flow=well} count":                     1,
				"pawl.run.duration{flow=well} sum":                       2,
				"pawl.run.lateness{flow=well} count":                     1,
				"pawl.run.lateness{flow=well} sum":                       0,
				"pawl.flow.streak{flow=well}":                            0,
				"pawl.flow.streak{flow=trips}":                           2,
				"pawl.flow.state{flow=well,state=completed}":             1,
				"pawl.flow.state{flow=trips,state=tripped}":              1,
				"pawl.flow.next_run{flow=well}":                          began + 7200,
				"pawl.flow.waiting{flow=well}":                           0,
				"pawl.flow.waiting{flow=trips}":                          0,
				"pawl.degraded{}":                                        0,
				"pawl.observer.dropped{}":                                0,
				"pawl.requests.refused{}":                                0,
			}
			if life == 0 {
				want["pawl.runs{flow=trips,status=failed,trigger=schedule}"] = 2
				want["pawl.run.duration{flow=trips} count"], want["pawl.run.duration{flow=trips} sum"] = 2, 0
				want["pawl.run.lateness{flow=trips} count"], want["pawl.run.lateness{flow=trips} sum"] = 2, 0
			} else { // two instants were missed: one run makes up for both, and one follows
				want["pawl.runs{flow=well,status=completed,trigger=schedule}"] = 2
				want["pawl.run.duration{flow=well} count"], want["pawl.run.duration{flow=well} sum"] = 2, 4
				want["pawl.run.lateness{flow=well} count"], want["pawl.run.lateness{flow=well} sum"] = 2, 15*60
				want["pawl.flow.next_run{flow=well}"] = began + 5*3600
			}
			assert.Equal(t, want, found)
			require.NoError(t, r.Stop(context.Background()))
			time.Sleep(2 * time.Hour)
		}
	})
}

// Observability: batch size, commit time, degraded; what is not watched any more is silent.
func TestMetricsTellOfCommits(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var full atomic.Bool
		m := metered(t)
		s := quiet(db, pawl.WithStepObserver(m.Observe, 0))
		require.NoError(t, s.Manual("a", job(ok)))
		require.NoError(t, s.Manual("b", job(ok)))
		r, err := s.Start(hook.With(t.Context(), hook.Hooks{Store: func(s engine.Store) engine.Store { return sick{s, &full} }}))
		require.NoError(t, err)
		registration, err := m.Watch(r)
		require.NoError(t, err)
		full.Store(true)
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorContains(t, err, "the disk is full")
		found := m.series(t)
		assert.Equal(t, 1.0, found["pawl.commit.batch_size{} count"])
		assert.Equal(t, 2.0, found["pawl.commit.batch_size{} sum"])
		assert.InDelta(t, .02, found["pawl.commit.duration{} sum"], 1e-9)
		assert.Equal(t, 1.0, found["pawl.degraded{}"])
		assert.Positive(t, found["pawl.wal.size{}"], "found A7")
		full.Store(false)
		time.Sleep(5 * time.Second)
		assert.Zero(t, m.series(t)["pawl.degraded{}"])
		require.NoError(t, registration.Unregister())
		assert.NotContains(t, m.series(t), "pawl.degraded{}")
		require.NoError(t, r.Stop(context.Background()))
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

// Observability: recovered.
func TestRunsOfAProcessThatDiedAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, _ string) {
		m := metered(t)
		pawltest.CrashEverywhere(t, func(db string) *pawl.Scheduler {
			s := quiet(db, pawl.WithStepObserver(m.Observe, 0))
			_ = s.Manual("a", job(ok)) // Start returns the error
			return s
		}, func(ctx context.Context, r *pawl.Runner) error {
			run, err := r.Trigger(ctx, "a")
			if err == nil {
				_, err = r.WaitRun(ctx, "a", run)
			}
			return err
		}, func(testing.TB, string) {})
		assert.Equal(t, 2.0, m.series(t)["pawl.recovered{}"], "killed after the reserve, and before the outcome")
	})
}

// Flows share an attribute, or have none.
func TestFlowsShareAnAttribute(t *testing.T) {
	for _, test := range []struct {
		option pawlotel.Option
		set    string
	}{
		{pawlotel.WithFlowAttribute(func(id string) string { return strings.Split(id, "/")[0] }), "{flow=shop}"},
		{pawlotel.WithoutFlowAttribute(), "{}"},
	} {
		bubble(t, func(t *testing.T, db string) {
			m := metered(t, test.option)
			s := quiet(db, pawl.WithStepObserver(m.Observe, 0))
			require.NoError(t, s.Every("shop/a", time.Hour, job(failing), pawl.WithBackoff(pawl.DefaultBackoff())))
			require.NoError(t, s.Every("shop/b", 2*time.Hour, job(ok)))
			r := pawltest.Start(t, s)
			m.watch(t, r)
			time.Sleep(90 * time.Minute)
			found := m.series(t)
			assert.Equal(t, 2.0, found["pawl.flow.streak"+test.set])
			assert.Equal(t, 3.0, found["pawl.run.duration"+test.set+" count"])
			assert.Equal(t, float64(time.Date(2000, 1, 1, 2, 0, 0, 0, time.UTC).Unix()), found["pawl.flow.next_run"+test.set])
		})
	}
}
