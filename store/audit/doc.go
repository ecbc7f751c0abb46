// Package audit judges the content of a database and changes nothing.
//
// [Verify] replays the log of transitions with [core.State.Fold] and reports what contradicts
// it. [At] folds the log up to an instant of the past. Both read through a connection of the
// caller.
//
// # Files
//
//   - verify.go: Verify, the order of its checks, the pages
//   - rows.go: what it reads of each flow, its runs, checkpoints and attempts
//   - replay.go: one transition after the other, and what each makes of the one before
//   - runs.go: transitions against the runs that they are about
//   - compare.go: the flow's row and its counts against the replay
//   - at.go: At
package audit
