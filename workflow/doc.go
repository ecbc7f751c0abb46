// Package workflow runs finite state machines: each state has a task, a plain function
// that does the work and returns the next state, until one is an exit.
//
//	type Order string
//
//	w := workflow.New[Order]()
//	w.Register("new", reserve)
//	w.Register("reserved", charge, workflow.WithUndo(refund))
//	w.Register("paid", ship)
//	w.Exit("shipped", "out of stock")
//	final, err := w.Run(ctx, "new")
//
// States are values of any comparable type whose text says which they are: strings,
// numbers, structs of them, but not pointers. A task that fails is tried again, see
// [WithRetry]; what several states need is in the run's values, [Put] and [Value], and in
// the workflow's resources, [Get]. A [Branch] is one of the tasks that a split has at work
// at once, and a [Join] says when they have done enough. [Steps], [Timer] and [Poll] are
// tasks for long work and long waits. When a run fails, [WithUndo] takes back what it did.
//
// # Durable runs
//
// A [Job] is a workflow for a scheduler. The scheduler serves a [Journal] in the context
// of each run, and the run records a [Checkpoint] there whenever it enters a state, before
// its task begins. After a crash it goes on in the state that it had entered last: tasks of
// states that were left do not run again, values are there, timers wait for what is left.
// The task that was at work in the crash is called again, so it should bear that, as it has
// to bear a retry.
//
// What a run records is small: see [MaxValues] for the values of a state, [MaxCheckpoints] for
// the length of a run. Files and large results are kept elsewhere, with a reference to them in
// the values.
//
// The package knows of no scheduler, and needs none: without a journal a run is the same
// in memory.
package workflow
