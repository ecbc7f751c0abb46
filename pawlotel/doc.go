// Package pawlotel tells OpenTelemetry of a scheduler: a span for each attempt of a run, and
// metrics. It is a package of its own so that a program that does not import it links
// nothing of OpenTelemetry; of that it uses the API alone, the program brings the SDK.
//
//	m, err := pawlotel.NewMetrics()
//	...
//	s := pawl.NewScheduler("jobs.db",
//		pawl.WithMiddleware(pawlotel.Spans()),
//		pawl.WithStepObserver(m.Observe, 0))
//	r, err := s.Start(ctx)
//	...
//	registration, err := m.Watch(r)
//
// # Spans
//
// Each attempt of a run is the root of a trace, and the parent of the spans that the job
// makes with its context. A span in the context of Start is linked. Given first, the
// middleware is the outermost, and its span holds what the others do.
//
//	run FLOW                  the name
//	pawl.flow                 the flow's id
//	pawl.run                  number of the run: the attempts of a run have it in common
//	pawl.attempt              from 1
//	pawl.trigger              schedule, manual, probe or backfill
//	pawl.scheduled_at         the instant, RFC 3339
//	pawl.lateness             seconds from then to the start of the attempt
//	pawl.outcome              completed, failed, timed_out, cancelled, skipped, suspended, parked or blocked
//	error.type                as OpenTelemetry has it, if the attempt failed
//
// The status is Error with the text of the error if the attempt failed, was cancelled or
// timed out; otherwise it is not set. A panic is recorded and goes on. Inputs and outputs
// are left out. The span tells what the job returned: a run that was closed without its
// job has a span that ends later.
//
// # Metrics
//
//	pawl.runs                 {run}         counter; pawl.flow, pawl.status, pawl.trigger: runs that are over
//	pawl.run.duration         s             histogram; pawl.flow: of the last attempt of a run
//	pawl.run.lateness         s             histogram; pawl.flow: start of a run after it was due, which jitter delays
//	pawl.flow.late            s             gauge; pawl.flow: by how long a start is late that has not come; left out while it is not
//	pawl.flow.streak          {failure}     gauge; pawl.flow: failures in a row; 0 without a backoff policy
//	pawl.flow.state           {flow}        up-down counter; pawl.flow, pawl.state: 1 for the state that it is in
//	pawl.flow.next_run        s             gauge; pawl.flow: Unix time of the next instant, or end of the backoff window
//	pawl.flow.waiting         {run}         up-down counter; pawl.flow: starts that wait, those of a backfill apart
//	pawl.flow.waiting.age     s             gauge; pawl.flow: how long the oldest of these could have started; nothing waits: left out
//	pawl.flow.parked          {run}         up-down counter; pawl.flow: runs that wait for an instant and hold no place of a limit; none: left out
//	pawl.flow.blocked         {run}         up-down counter; pawl.flow: runs that only another version of the program can go on with; none: left out
//	pawl.commit.duration      s             histogram: a transaction, until it is on disk
//	pawl.commit.batch_size    {transition}  histogram: transitions in it
//	pawl.recovered            {run}         counter: runs of a process that died, settled by this start
//	pawl.degraded             1             gauge: 1 while the database takes no writes
//	pawl.wal.size             By            gauge: length of the write-ahead log of the database
//	pawl.observer.dropped     {transition}  counter: what observers of the scheduler were not told
//	pawl.requests.refused     {request}     counter: committed requests that were refused while nobody waited for the answer
//
// Counters and histograms are what [Metrics.Observe] was told: they begin at 0 with each
// process. The others are read when a reader collects, from memory. A flow that the program
// does not register any more is left out of those.
//
// # Cost
//
// A flow has up to 7 series of what is read, and once it has run two histograms and a
// counter for each status and trigger. The SDK keeps 2,000 sets of attributes of an
// instrument unless it is told otherwise, and counts the rest as one: with more flows than
// that raise its limit (WithCardinalityLimit of go.opentelemetry.io/otel/sdk/metric), or
// let flows share series with [WithFlowAttribute] or none have any of its own with
// [WithoutFlowAttribute]. Of flows that share one the streak is the longest, the next run
// the earliest, and the others are sums. A span is made for every attempt; which are kept
// is up to the sampler.
package pawlotel
