package pawlprom

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pawl-go/pawl/internal/tally"
)

var (
	streak   = desc("pawl_flow_streak", "Failures in a row.", "flow")
	state    = desc("pawl_flow_state", "Flows in a state.", "flow", "state")
	nextRun  = desc("pawl_flow_next_run_timestamp_seconds", "The next instant of the schedule, or the end of the backoff window if that is later.", "flow")
	late     = desc("pawl_flow_late_seconds", "By how long a scheduled start is late that nothing asked for keeps back.", "flow")
	waiting  = desc("pawl_flow_waiting", "Starts that were accepted and wait.", "flow")
	oldest   = desc("pawl_flow_waiting_age_seconds", "How long the oldest start has waited that was accepted and could have started.", "flow")
	parked   = desc("pawl_flow_parked", "Runs that wait for an instant and hold no place of a limit.", "flow")
	blocked  = desc("pawl_flow_blocked", "Runs that only another version of the program can go on with.", "flow")
	degraded = desc("pawl_degraded", "Whether the database takes no writes, so that nothing is run.")
	refused  = desc("pawl_requests_refused_total", "Committed requests that were refused while nobody waited for the answer.")
	walBytes = desc("pawl_wal_bytes", "Length of the write-ahead log of the database. It grows while a program reads for long.")
	dropped  = desc("pawl_observer_dropped_total", "What observers of the scheduler were not told, for want of room.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, part := range c.parts() {
		part.Describe(out)
	}
	for _, d := range []*prometheus.Desc{streak, state, nextRun, late, waiting, oldest, parked, blocked, degraded, walBytes, dropped, refused} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	for _, part := range c.parts() {
		part.Collect(out)
	}
	if s := c.source.Load(); s != nil {
		collect(*s, c.label, out)
	}
}

// parts is what is counted as it happens.
func (c *Collector) parts() []prometheus.Collector {
	return []prometheus.Collector{c.runs, c.duration, c.lateness, c.commits, c.batches, c.recovered, c.build}
}

// collect reads what is so now.
func collect(s Source, label func(string) string, out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now := time.Now()
	for _, g := range tally.Groups(s, now, label) {
		gauge(streak, float64(g.Streak), g.Label)
		gauge(waiting, float64(g.Waiting), g.Label)
		if g.Late > 0 {
			gauge(late, g.Late.Seconds(), g.Label)
		}
		if g.Waiting > 0 {
			gauge(oldest, g.Age(now).Seconds(), g.Label)
		}
		if g.Parked > 0 {
			gauge(parked, float64(g.Parked), g.Label)
		}
		if g.Blocked > 0 {
			gauge(blocked, float64(g.Blocked), g.Label)
		}
		for name, flows := range g.States {
			gauge(state, float64(flows), g.Label, string(name))
		}
		if !g.Next.IsZero() {
			gauge(nextRun, float64(g.Next.UnixMilli())/1000, g.Label)
		}
	}
	down := 0.0
	if s.Degraded() != nil {
		down = 1
	}
	gauge(degraded, down)
	gauge(walBytes, float64(s.LogSize()))
	out <- prometheus.MustNewConstMetric(dropped, prometheus.CounterValue, float64(s.Dropped()))
	out <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(s.Refusals()))
}
