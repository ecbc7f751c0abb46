// Package core decides what becomes of flows. It is pure: no clock, no randomness, no I/O, no
// goroutine. The driver (package engine) feeds it and commits what it decides.
//
// [Apply] takes the [State] of a flow, an [Event], an instant and the [Plan], which is what the
// program says of the flow. It returns a [Change], which is the next state with the rows that
// record it, or refuses and changes nothing. The transcripts in testdata/transcripts show
// event by event what it decides; read two of them first.
//
// # State
//
//   - who it is: ID, Key, Definition (the plan as text), Registered
//   - how it is: Status, FailureStreak, NextEligible (the end of the backoff window), LastError,
//     Marks (which runs the streak is judged by), Paused
//   - what is next: NextRun, the occurrence that the schedule starts next; Held, the first
//     occurrence that a window, a pause or a trip suppresses
//   - its runs: Open (in flight), the queue of accepted runs, those of a backfill, and those that
//     are parked or blocked; RunCount and LastNumber count them
//   - what a crash left: Suspect and Suspects
//   - Version, which rises by one with each change, and is the fence against a second writer
//
// # Events
//
//   - of the program: [Adopt], [Retire]
//   - of the schedule and of triggers: [Reserve] starts a run, [Accept] queues one, [Wake] starts
//     a parked one
//   - of a run: [Checkpoint], [Outcome], [Timeout], [Cancel], [Interrupt] (its process died),
//     [Clear] (it is no suspect any more)
//   - of an operator: [Abort] (cancel a run), [Drop] (cancel a backfill), [Pause], [Resume],
//     [Reset], [Backfill]
//   - of the clock: [Adjust] and [Correct], after it was set back a little or a lot
//
// # The order in which Apply decides
//
// First whether the flow is registered: if not, only what settles its runs is taken. Then the
// rule of the event, in the file of its subject. A start of a run (start.go) asks in this
// order: does a queued run cancel what is in flight; is a queued run ready and is there a slot;
// is an occurrence of the schedule due, and what do the overlap policy and the catch-up policy
// say of it. An end of a run (end.go) counts the streak, opens a backoff window or trips the
// flow, retries, and plans the next run. Last, every occurrence that has passed gets its
// verdict, and NextRun is derived again if the rules of the zone changed.
//
// # Files
//
//   - flow.go: Apply, adoption, planning; event.go: the events; state.go: State, Change, Plan
//   - start.go, tick.go, queue.go: starts of runs; overlap.go, overtake.go: the overlap policy
//   - end.go, retry.go: ends of runs and further attempts; backoff.go, streak.go: what a failure
//     means for the flow
//   - catchup.go, ledger.go: occurrences that passed, and their verdicts
//   - pause.go, operate.go: pause, reset, cancel of a backfill
//   - checkpoint.go, parked.go: runs that go on later, and those that wait or are blocked
//   - suspects.go: which run crashed the process
//   - clockstep.go, reached.go, offsets.go: a clock that was set back, a zone that changed
//   - jitter.go: delays that are a hash of what is known
//   - fold.go: a state from its log
//   - info.go, explain.go, lateness.go: what people are shown, and why a flow does not run
//   - plan.go, policies.go, retention.go, runstatus.go, errors.go, refusal.go: the plan, policies as values,
//     what is deleted, the statuses of runs, the refusals
package core
