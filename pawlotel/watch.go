package pawlotel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/tally"
)

// A Source is what is read when a reader collects: a [pawl.Runner].
type Source = tally.Source

var _ Source = (*pawl.Runner)(nil)

// Watch has what is not counted read from a runner whenever a reader collects, until the
// registration is ended. Errors are those of the meter.
func (m *Metrics) Watch(s Source) (metric.Registration, error) {
	b := builder{meter: m.meter}
	w := watched{
		source: s, metrics: m,
		streak:   b.gauge("pawl.flow.streak", "{failure}", "Failures in a row."),
		state:    b.number("pawl.flow.state", "{flow}", "Flows in a state."),
		parked:   b.number("pawl.flow.parked", "{run}", "Runs that wait for an instant and hold no place of a limit."),
		blocked:  b.number("pawl.flow.blocked", "{run}", "Runs that only another version of the program can go on with."),
		waiting:  b.number("pawl.flow.waiting", "{run}", "Starts that were accepted and wait."),
		degraded: b.gauge("pawl.degraded", "1", "Whether the database takes no writes, so that nothing is run."),
		walSize:  b.gauge("pawl.wal.size", "By", "Length of the write-ahead log of the database. It grows while a program reads for long."),
	}
	var err error
	w.next, err = m.meter.Float64ObservableGauge("pawl.flow.next_run", metric.WithUnit("s"),
		metric.WithDescription("Unix time of the next instant of the schedule, or of the end of the backoff window if that is later."))
	b.errs = append(b.errs, err)
	b.errs = append(b.errs, err)
	w.oldest, err = m.meter.Float64ObservableGauge("pawl.flow.waiting.age", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest start has waited that was accepted and could have started."))
	b.errs = append(b.errs, err)
	w.late, err = m.meter.Float64ObservableGauge("pawl.flow.late", metric.WithUnit("s"),
		metric.WithDescription("By how long a scheduled start is late that nothing asked for keeps back."))
	b.errs = append(b.errs, err)
	w.dropped, err = m.meter.Int64ObservableCounter("pawl.observer.dropped", metric.WithUnit("{transition}"),
		metric.WithDescription("What observers of the scheduler were not told, for want of room."))
	b.errs = append(b.errs, err)
	w.refused, err = m.meter.Int64ObservableCounter("pawl.requests.refused", metric.WithUnit("{request}"),
		metric.WithDescription("Committed requests that were refused while nobody waited for the answer."))
	if err := errors.Join(append(b.errs, err)...); err != nil {
		return nil, err
	}
	return m.meter.RegisterCallback(w.read, w.streak, w.state, w.next, w.waiting, w.oldest, w.late, w.parked, w.blocked, w.degraded, w.walSize, w.dropped, w.refused)
}

// watched is a runner with the instruments that show it.
type watched struct {
	source                          Source
	metrics                         *Metrics
	streak, degraded                metric.Int64ObservableGauge
	walSize                         metric.Int64ObservableGauge
	state, waiting, parked, blocked metric.Int64ObservableUpDownCounter
	next, oldest, late              metric.Float64ObservableGauge
	dropped, refused                metric.Int64ObservableCounter
}

// read is what is so now.
func (w watched) read(_ context.Context, o metric.Observer) error {
	label := w.metrics.label
	if label == nil {
		label = func(string) string { return "" }
	}
	now := time.Now()
	for _, g := range tally.Groups(w.source, now, label) {
		var flow []attribute.KeyValue
		if w.metrics.label != nil {
			flow = []attribute.KeyValue{attribute.String("pawl.flow", g.Label)}
		}
		of := metric.WithAttributes(flow...)
		o.ObserveInt64(w.streak, int64(g.Streak), of)
		o.ObserveInt64(w.waiting, int64(g.Waiting), of)
		if g.Late > 0 {
			o.ObserveFloat64(w.late, g.Late.Seconds(), of)
		}
		if g.Waiting > 0 {
			o.ObserveFloat64(w.oldest, g.Age(now).Seconds(), of)
		}
		if g.Parked > 0 {
			o.ObserveInt64(w.parked, int64(g.Parked), of)
		}
		if g.Blocked > 0 {
			o.ObserveInt64(w.blocked, int64(g.Blocked), of)
		}
		for state, flows := range g.States {
			o.ObserveInt64(w.state, int64(flows), metric.WithAttributes(append(flow, attribute.String("pawl.state", string(state)))...))
		}
		if !g.Next.IsZero() {
			o.ObserveFloat64(w.next, float64(g.Next.UnixMilli())/1000, of)
		}
	}
	var down int64
	if w.source.Degraded() != nil {
		down = 1
	}
	o.ObserveInt64(w.degraded, down)
	o.ObserveInt64(w.walSize, w.source.LogSize())
	o.ObserveInt64(w.dropped, w.source.Dropped())
	o.ObserveInt64(w.refused, w.source.Refusals())
	return nil
}

func (b *builder) gauge(name, unit, help string) metric.Int64ObservableGauge {
	i, err := b.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help))
	return kept(b, i, err)
}

func (b *builder) number(name, unit, help string) metric.Int64ObservableUpDownCounter {
	i, err := b.meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
	return kept(b, i, err)
}
