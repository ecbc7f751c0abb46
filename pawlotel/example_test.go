package pawlotel_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawlotel"
)

// The spans that a job makes are children of the span of its run. A program has the
// exporters of its own in place of these two, which keep all in memory.
func Example() {
	folder, err := os.MkdirTemp("", "pawl")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	spans, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	traces := trace.NewTracerProvider(trace.WithSyncer(spans))
	otel.SetTracerProvider(traces)
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))

	ctx := context.Background()
	metrics, err := pawlotel.NewMetrics()
	if err != nil {
		log.Fatal(err)
	}
	s := pawl.NewScheduler(filepath.Join(folder, "jobs.db"), pawl.WithLogger(slog.New(slog.DiscardHandler)),
		pawl.WithMiddleware(pawlotel.Spans()), pawl.WithStepObserver(metrics.Observe, 0))
	s.Manual("report", pawl.JobFunc(func(ctx context.Context) error {
		_, span := otel.Tracer("shop").Start(ctx, "read orders")
		span.End()
		return nil
	}))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	registration, err := metrics.Watch(r)
	if err != nil {
		log.Fatal(err)
	}
	defer registration.Unregister()
	run, _ := r.Trigger(ctx, "report")
	r.WaitRun(ctx, "report", run)
	r.Stop(ctx) // so that all was counted

	list := spans.GetSpans()
	fmt.Println(list[0].Name, "is a child of", list[1].Name, list[0].Parent.SpanID() == list[1].SpanContext.SpanID())
	var data metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &data); err != nil {
		log.Fatal(err)
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "pawl.runs" {
			status, _ := sum.DataPoints[0].Attributes.Value("pawl.status")
			fmt.Println(m.Name, status.AsString(), sum.DataPoints[0].Value)
		}
	}
	// Output:
	// read orders is a child of run report true
	// pawl.runs completed 1
}
