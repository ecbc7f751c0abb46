package pawlprom_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawlprom"
)

// Flows with the same label share their series: the longest streak, the earliest run,
// sums of the others.
func TestFlowsShareALabel(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		m := pawlprom.New(pawlprom.WithFlowLabel(func(id string) string { return strings.Split(id, "/")[0] }))
		s := measured(db, m)
		require.NoError(t, s.Every("shop/a", time.Hour, job(failing), pawl.WithBackoff(pawl.DefaultBackoff())))
		require.NoError(t, s.Every("shop/b", 2*time.Hour, job(ok)))
		require.NoError(t, s.Manual("office/a", job(ok)))
		start(t, s, m)
		time.Sleep(90 * time.Minute)
		found := series(t, m)
		assert.Equal(t, 2.0, found["pawl_flow_streak{flow=shop}"])
		assert.Equal(t, 1.0, found["pawl_flow_state{flow=shop,state=backoff}"])
		assert.Equal(t, 1.0, found["pawl_flow_state{flow=shop,state=completed}"])
		assert.Equal(t, float64(time.Date(2000, 1, 1, 2, 0, 0, 0, time.UTC).Unix()), found["pawl_flow_next_run_timestamp_seconds{flow=shop}"])
		assert.Equal(t, 3.0, found["pawl_run_duration_seconds{flow=shop} count"])
		assert.Equal(t, 1.0, found["pawl_flow_state{flow=office,state=idle}"])
	})
}

// The label can be left out, of all or of what costs.
func TestFlowLabelCanBeLeftOut(t *testing.T) {
	for _, test := range []struct {
		option           pawlprom.Option
		streak, duration string
	}{
		{pawlprom.WithoutFlowLabel(), "pawl_flow_streak{flow=}", "pawl_run_duration_seconds{flow=} count"},
		{pawlprom.WithoutFlowHistograms(), "pawl_flow_streak{flow=a}", "pawl_run_duration_seconds{flow=} count"},
	} {
		bubble(t, func(t *testing.T, db string) {
			m := pawlprom.New(test.option)
			s := measured(db, m)
			require.NoError(t, s.Every("a", time.Hour, job(ok)))
			require.NoError(t, s.Every("b", time.Hour, job(ok)))
			start(t, s, m)
			found := series(t, m)
			assert.Contains(t, found, test.streak)
			assert.Equal(t, 2.0, found[test.duration])
		})
	}
}

// What the package says a flow costs is what it costs.
func TestCostOfAFlowIsWhatIsDocumented(t *testing.T) {
	const each = 4 + 15 + 14 + 1 // gauges, two histograms, one status
	for _, test := range []struct {
		name string
		want int
		opts []pawlprom.Option
	}{
		{"all", 100 * each, nil},
		{"no histograms", 100*(4+1) + 15 + 14, []pawlprom.Option{pawlprom.WithoutFlowHistograms()}},
		{"no label", each, []pawlprom.Option{pawlprom.WithoutFlowLabel()}},
	} {
		bubble(t, func(t *testing.T, db string) {
			m := pawlprom.New(test.opts...)
			s := measured(db, m)
			for i := range 100 {
				require.NoError(t, s.Every(fmt.Sprint("flow-", i), time.Hour, job(ok)))
			}
			start(t, s, m)
			synctest.Wait()
			lines := 0
			for line := range strings.Lines(text(m)) {
				if strings.HasPrefix(line, "pawl_flow_") || strings.HasPrefix(line, "pawl_run") {
					lines++
				}
			}
			assert.Equal(t, test.want, lines, test.name)
		})
	}
}

// Names and help are as Prometheus has them, also before anything has happened, and with
// the runtime's own and a second scheduler beside them.
func TestMetricsKeepTheConventions(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		registry := prometheus.NewPedanticRegistry()
		idle, m := pawlprom.New(), pawlprom.New()
		require.NoError(t, prometheus.WrapRegistererWith(prometheus.Labels{"scheduler": "idle"}, registry).Register(idle))
		require.NoError(t, prometheus.WrapRegistererWith(prometheus.Labels{"scheduler": "busy"}, registry).Register(m))
		s := measured(db, m)
		require.NoError(t, s.Every("a", time.Hour, job(failing)))
		start(t, s, m)
		synctest.Wait()
		problems, err := testutil.GatherAndLint(registry)
		require.NoError(t, err)
		assert.Empty(t, problems)
		assert.Contains(t, text(m), `goversion="`+runtime.Version()+`"`)
	})
}
