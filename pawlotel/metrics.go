package pawlotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/tally"
)

// Metrics is the metrics of one scheduler. It is safe for use from any goroutine.
type Metrics struct {
	meter metric.Meter
	label func(flow string) string // nil: none

	runs, recovered             metric.Int64Counter
	duration, lateness, commits metric.Float64Histogram
	batches                     metric.Int64Histogram
}

// NewMetrics makes the instruments that count. Its Observe goes into
// [pawl.WithStepObserver], and its Watch gets the runner. Errors are those of the meter.
func NewMetrics(opts ...Option) (*Metrics, error) {
	c := configured(opts)
	m := &Metrics{meter: c.meters.Meter(scope, metric.WithInstrumentationVersion(tally.Version())), label: c.label}
	b := builder{meter: m.meter}
	m.runs = b.counter("pawl.runs", "{run}", "Runs that are over.")
	m.duration = b.seconds("pawl.run.duration", "How long runs took, from the start of their last attempt.", tally.RunSeconds)
	m.lateness = b.seconds("pawl.run.lateness", "How long after they were due runs of a schedule started.", tally.LateSeconds)
	m.commits = b.seconds("pawl.commit.duration", "How long a transaction took until it was on disk.", tally.CommitSeconds)
	m.batches = b.sizes("pawl.commit.batch_size", "{transition}", "Transitions in a transaction.", tally.BatchSizes)
	m.recovered = b.counter("pawl.recovered", "{run}", "Runs of a process that died, settled by the start of this one.")
	return m, errors.Join(b.errs...)
}

// Observe counts a step. It is for [pawl.WithStepObserver].
func (m *Metrics) Observe(s pawl.Step) {
	ctx := context.Background()
	flow := m.attributes(s.FlowID)
	for _, run := range tally.Over(&s) {
		m.runs.Add(ctx, 1, metric.WithAttributes(append(flow,
			attribute.String("pawl.status", string(run.Status)), attribute.String("pawl.trigger", run.Trigger))...))
		if took, ok := tally.Duration(run); ok {
			m.duration.Record(ctx, took.Seconds(), metric.WithAttributes(flow...))
		}
	}
	if late, ok := tally.Late(&s); ok {
		m.lateness.Record(ctx, late.Seconds(), metric.WithAttributes(flow...))
	}
	if s.Recovered() {
		m.recovered.Add(ctx, 1)
	}
	if s.Commit.Place == 0 {
		m.commits.Record(ctx, s.Commit.Took.Seconds())
		m.batches.Record(ctx, int64(s.Commit.Size))
	}
}

// attributes are those of a flow; its capacity is its length.
func (m *Metrics) attributes(flow string) []attribute.KeyValue {
	if m.label == nil {
		return nil
	}
	return []attribute.KeyValue{attribute.String("pawl.flow", m.label(flow))}
}

// builder makes instruments and keeps the errors.
type builder struct {
	meter metric.Meter
	errs  []error
}

// kept is an instrument whose error is kept.
func kept[I any](b *builder, instrument I, err error) I {
	b.errs = append(b.errs, err)
	return instrument
}

func (b *builder) counter(name, unit, help string) metric.Int64Counter {
	i, err := b.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(help))
	return kept(b, i, err)
}

func (b *builder) seconds(name, help string, buckets []float64) metric.Float64Histogram {
	i, err := b.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(help), metric.WithExplicitBucketBoundaries(buckets...))
	return kept(b, i, err)
}

func (b *builder) sizes(name, unit, help string, buckets []float64) metric.Int64Histogram {
	i, err := b.meter.Int64Histogram(name, metric.WithUnit(unit), metric.WithDescription(help), metric.WithExplicitBucketBoundaries(buckets...))
	return kept(b, i, err)
}
