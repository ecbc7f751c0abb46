// Package web is the dashboard of a scheduler: pages on its flows and runs, and a JSON
// API, served by an http.Handler under any prefix. It needs no build step, no other
// host and no JavaScript; with JavaScript the pages are live.
//
//	r, err := s.Start(ctx) // s is a *pawl.Scheduler
//	...
//	mux.Handle("/pawl/", http.StripPrefix("/pawl", web.Handler(r, web.WithAuthorize(judge))))
//
// A [Source] is what it shows: a [pawl.Runner] in the program that runs the flows, or a
// [pawl.Client] in any other. Programs without an HTTP server of their own use [Serve].
//
// # Pages
//
//	./                     every flow: state, schedule, next and last run, streak, why it is
//	                       not running, the last 20 runs and how long they took;
//	                       q, state, sort and page choose
//	flow?id=               a flow: 24 hours, durations with p50 and p95, the backoff as
//	                       stairs, what is next, the machine of a workflow, runs,
//	                       transitions, and buttons
//	run?id=&number=        a run: error, output, input, what happened to it; of a workflow
//	                       its path, as a list and through the machine
//	day?date=              a day of all flows: what ran, what did not and why, what will
//	confirm?do=&id=        asks whether to trigger, probe, reset, pause, resume or cancel,
//	                       or to cancel_without_undo
//
// Ids stand in the query, so they may hold any character. A [pawl.Client] does not know
// the machines: of a workflow it shows the states that the run went through.
//
// # API
//
// It answers with the objects of package pawl, as JSON; the same as the program's -o json.
//
//	api/flows?q=&state=                              [pawl.FlowInfo], an array
//	api/flow?id=                                     one of them
//	api/runs?id=&status=&before=&since=&limit=       [pawl.RunInfo], an array
//	api/run?id=&number=                              one of them, with all of its payload
//	api/next?id=&n=                                  [pawl.Instant] with flow_id, an array
//	api/why?id=&at=                                  [pawl.Reason]
//	api/transitions?id=&number=&before=&limit=       [pawl.Transition], an array
//	api/occurrences?id=&from=&to=                    [pawl.Occurrence], an array
//	api/attempts?id=&number=                         [pawl.Attempt], an array
//	api/checkpoints?id=&number=                      [pawl.Checkpoint], an array
//
// A list that has more than it shows carries the header Pawl-More: true, and, where the
// rest has an address, Link with rel="next". An input or output over 64 KiB is left out of
// a list of runs: omitted has its size.
//
//	events                                           server-sent events: what changed
//	healthz, readyz                                  the process answers; flows are run
//
// # Security
//
// A request can change something only as a POST from a page of the dashboard itself
// (net/http.CrossOriginProtection). Flows cannot be made or edited. Pages carry a strict
// Content-Security-Policy, and all that they show is escaped. Over a loopback address only
// names of this machine are answered, see [WithHosts]. Who may look and act is up to
// [WithAuthorize], [WithToken] and [WithReadOnly]; none of them is set by default, since
// an app has its own way to know its users. Inputs, outputs and errors of runs are shown
// to all who may read.
//
// # Cost
//
// With 10,000 flows and a million runs each page takes less than a tenth of a second.
// While nobody looks nothing is read. While somebody does, the database is asked four
// times a second what changed, and only if something did.
package web
