// Package pawlprom shows a scheduler to Prometheus. It is a package of its own so that a
// program that does not import it links nothing of Prometheus.
//
//	m := pawlprom.New()
//	s := pawl.NewScheduler("jobs.db", pawl.WithStepObserver(m.Observe, 0))
//	r, err := s.Start(ctx)
//	...
//	m.Watch(r)
//	http.Handle("/metrics", m.Handler()) // or prometheus.MustRegister(m)
//
// # Metrics
//
//	pawl_runs_total{flow,status,trigger}             runs that are over
//	pawl_run_duration_seconds{flow}                  histogram; of the last attempt of a run
//	pawl_run_lateness_seconds{flow}                  histogram; start of a run after it was due, which jitter delays
//	pawl_flow_late_seconds{flow}                     by how long a start is late that has not come; left out while it is not
//	pawl_flow_streak{flow}                           failures in a row; 0 without a backoff policy
//	pawl_flow_state{flow,state}                      1 for the state that a flow is in; others are left out
//	pawl_flow_next_run_timestamp_seconds{flow}       next instant, or end of the backoff window; none: left out
//	pawl_flow_waiting{flow}                          starts that wait, those of a backfill apart
//	pawl_flow_waiting_age_seconds{flow}              how long the oldest of these could have started; nothing waits: left out
//	pawl_flow_parked{flow}                           runs that wait for an instant and hold no place of a limit; none: left out
//	pawl_flow_blocked{flow}                          runs that only another version of the program can go on with; none: left out
//	pawl_commit_duration_seconds                     histogram; a transaction, until it is on disk
//	pawl_commit_batch_size                           histogram; transitions in it
//	pawl_recovered_total                             runs of a process that died, settled by this start
//	pawl_degraded                                    1 while the database takes no writes
//	pawl_wal_bytes                                   length of the write-ahead log of the database
//	pawl_observer_dropped_total                      what observers of the scheduler were not told
//	pawl_requests_refused_total                      committed requests that were refused while nobody waited for the answer
//	pawl_build_info{version,goversion}               1
//
// Counters and histograms are what [Collector.Observe] was told: they begin at 0 with each
// process, and a run that an earlier process ended is not among them. The gauges are read
// when Prometheus asks, from memory. A flow that the program does not register any more has
// none. docs/alerts.yaml and docs/grafana.json of the repository are rules and a dashboard
// over these names.
//
// # Cost
//
// A flow has up to 7 series of gauges, 15 and 14 of its two histograms once it has run, and
// one for each status and trigger that its runs had: 34 and more. Ten thousand flows are
// 340,000 series, and 21 MB of text for each scrape (less with gzip, which the handler
// offers); that is more than most want. [WithFlowLabel] makes flows share series: a hundred
// groups are 3,400. [WithoutFlowLabel] leaves the label out. [WithoutFlowHistograms] keeps it
// on all but the histograms: ten thousand flows are 50,000 series and 3 MB then.
//
// Of flows that share a label the streak is the longest, the next run the earliest, the
// others are sums, and pawl_flow_state counts flows. An id that is not used any more keeps
// its counters until the process ends, as is usual with Prometheus.
//
// Several schedulers in one program have a Collector each, told apart by
// prometheus.WrapRegistererWith.
package pawlprom
