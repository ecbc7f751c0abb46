package pawlotel_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawlotel"
	"github.com/pawl-go/pawl/workflow"
)

// Observability: a workflow that goes on in the next process has a span in each, is no
// failure in between, and was late once.
func TestWorkflowThatGoesOnWasLateOnce(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		recorder, provider := recording()
		m := metered(t)
		for range 2 {
			w := workflow.New[string](workflow.Version(1))
			w.Register("new", workflow.After("done", 2*time.Hour), workflow.To("done"))
			w.Exit("done")
			w.Initial("new")
			s := quiet(db, pawl.WithMiddleware(pawlotel.Spans(pawlotel.WithTracerProvider(provider))), pawl.WithStepObserver(m.Observe, 0))
			require.NoError(t, s.Cron("daily", "30 0 * * *", w.Job("new")))
			r, err := s.Start(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Hour)
			synctest.Wait()
			require.NoError(t, r.Stop(context.Background()))
			time.Sleep(time.Hour)
		}
		spans := recorder.Ended()
		require.Len(t, spans, 2)
		for i, outcome := range []string{"parked", "completed"} {
			assert.Equal(t, outcome, of(spans[i], "pawl.outcome"))
			assert.Equal(t, codes.Unset, spans[i].Status().Code)
			assert.Equal(t, int64(1), of(spans[i], "pawl.run"))
		}
		found := m.series(t)
		assert.Equal(t, 1.0, found["pawl.run.lateness{flow=daily} count"])
		assert.Zero(t, found["pawl.run.lateness{flow=daily} sum"])
		assert.Equal(t, 1.0, found["pawl.runs{flow=daily,status=completed,trigger=schedule}"])
	})
}
