package pawlprom_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawlprom"
)

// A program counts what its flows do and serves that to Prometheus.
func Example() {
	folder, err := os.MkdirTemp("", "pawl")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	ctx := context.Background()
	metrics := pawlprom.New()
	s := pawl.NewScheduler(filepath.Join(folder, "jobs.db"), pawl.WithLogger(slog.New(slog.DiscardHandler)),
		pawl.WithStepObserver(metrics.Observe, 0))
	s.Manual("import", pawl.JobFunc(func(context.Context) error { return errors.New("no such file") }),
		pawl.WithBackoff(pawl.TripAfter(2)))
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	metrics.Watch(r)
	for range 2 {
		run, _ := r.Trigger(ctx, "import")
		r.WaitRun(ctx, "import", run)
	}
	r.Stop(ctx) // so that all was counted

	response := httptest.NewRecorder() // or http.Handle("/metrics", metrics.Handler())
	metrics.Handler().ServeHTTP(response, httptest.NewRequest("GET", "/metrics", nil))
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "pawl_runs") || strings.HasPrefix(line, "pawl_flow") {
			fmt.Println(line)
		}
	}
	// Output:
	// pawl_flow_state{flow="import",state="tripped"} 1
	// pawl_flow_streak{flow="import"} 2
	// pawl_flow_waiting{flow="import"} 0
	// pawl_runs_total{flow="import",status="failed",trigger="manual"} 2
}
