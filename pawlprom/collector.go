package pawlprom

import (
	"net/http"
	"runtime"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/tally"
)

// A Collector is the metrics of one scheduler. It is safe for use from any goroutine.
type Collector struct {
	label    func(flow string) string
	together bool // histograms are not told apart by flow
	source   atomic.Pointer[Source]

	runs               *prometheus.CounterVec
	duration, lateness *prometheus.HistogramVec
	commits, batches   prometheus.Histogram
	recovered          prometheus.Counter
	build              prometheus.Gauge
}

// A Source is what gauges are read from: a [pawl.Runner].
type Source = tally.Source

var (
	_ prometheus.Collector = (*Collector)(nil)
	_ Source               = (*pawl.Runner)(nil)
)

// New returns a collector that was told nothing yet. Its Observe goes into
// [pawl.WithStepObserver], its Watch gets the runner, and it is registered, or served by
// its Handler.
func New(opts ...Option) *Collector {
	c := &Collector{
		label:     tally.Every,
		runs:      counters("pawl_runs_total", "Runs that are over, since the process started.", "flow", "status", "trigger"),
		duration:  histograms("pawl_run_duration_seconds", "How long runs took, from the start of their last attempt.", tally.RunSeconds),
		lateness:  histograms("pawl_run_lateness_seconds", "How long after they were due runs of a schedule started.", tally.LateSeconds),
		commits:   histogram("pawl_commit_duration_seconds", "How long a transaction took until it was on disk.", tally.CommitSeconds),
		batches:   histogram("pawl_commit_batch_size", "Transitions in a transaction.", tally.BatchSizes),
		recovered: prometheus.NewCounter(prometheus.CounterOpts{Name: "pawl_recovered_total", Help: "Runs of a process that died, settled by the start of this one."}),
		build:     buildInfo(),
	}
	for _, o := range opts {
		o(c)
	}
	return c
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"flow"})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

func buildInfo() prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pawl_build_info", Help: "Always 1; the labels tell which Pawl this is.",
		ConstLabels: prometheus.Labels{"version": tally.Version(), "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}

// Observe counts a step. It is for [pawl.WithStepObserver], and never waits.
func (c *Collector) Observe(s pawl.Step) {
	flow := c.label(s.FlowID)
	apart := flow
	if c.together {
		apart = ""
	}
	for _, run := range tally.Over(&s) {
		c.runs.WithLabelValues(flow, string(run.Status), run.Trigger).Inc()
		if took, ok := tally.Duration(run); ok {
			c.duration.WithLabelValues(apart).Observe(took.Seconds())
		}
	}
	if late, ok := tally.Late(&s); ok {
		c.lateness.WithLabelValues(apart).Observe(late.Seconds())
	}
	if s.Recovered() {
		c.recovered.Inc()
	}
	if s.Commit.Place == 0 {
		c.commits.Observe(s.Commit.Took.Seconds())
		c.batches.Observe(float64(s.Commit.Size))
	}
}

// Watch has the gauges read from a runner from now on, in place of an earlier one. Before
// the first there are none.
func (c *Collector) Watch(s Source) { c.source.Store(&s) }

// Handler serves these metrics, those of the Go runtime apart.
func (c *Collector) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
