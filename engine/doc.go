// Package engine drives flows: one goroutine commits what package core decides, and the
// loops follow what was committed. It imports no SQL, no HTTP and no files. Package
// schedule says when a flow is due.
//
// # The driver
//
// One goroutine owns every state. It repeats:
//
//	batch := gather()       // a command, whatever queued up behind it, and the flows that are due
//	changes := core.Apply(...)   // in order, each on the state that the one before left
//	store.Commit(changes)   // one transaction; durable when it returns
//	publish(states)         // only now may anybody see them
//	answer(batch)           // refusals too: they may rest on a transition of the same batch
//
// # The loops
//
// A flow's loop is a function of its last committed state: start the run that
// was reserved, wait for NextRun, or rest. While it waits it is an entry in one
// heap of due times; a goroutine exists only while its job runs. After a crash
// the loops are built from the states that the store loads, so recovery is no
// mode of its own: a run whose process died is settled by one more event,
// [core.Interrupt].
package engine
