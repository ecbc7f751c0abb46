package pawlotel

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/pawl-go/pawl/internal/tally"
)

const scope = "github.com/pawl-go/pawl/pawlotel"

// An Option changes [Spans] or [NewMetrics].
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
	label   func(flow string) string // of metrics; nil: none
}

// WithTracerProvider sets what spans are made by; default: the global one.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(c *config) {
		if p != nil {
			c.tracers = p
		}
	}
}

// WithMeterProvider sets what metrics are made by; default: the global one.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(c *config) {
		if p != nil {
			c.meters = p
		}
	}
}

// WithFlowAttribute sets the attribute pawl.flow of metrics, of spans it is the id; default:
// the id. Flows with the same one share their series. The function is called often and
// from any goroutine, and must always answer the same.
func WithFlowAttribute(label func(id string) string) Option {
	return func(c *config) {
		if label != nil {
			c.label = label
		}
	}
}

// WithoutFlowAttribute leaves the attribute pawl.flow out of metrics.
func WithoutFlowAttribute() Option {
	return func(c *config) { c.label = nil }
}

func configured(opts []Option) config {
	c := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider(), label: tally.Every}
	for _, o := range opts {
		o(&c)
	}
	return c
}
