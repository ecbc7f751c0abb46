// Package workflow runs finite state machines as jobs: a task per state that returns the
// next state, until an exit is reached.
package workflow
