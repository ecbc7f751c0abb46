// Package core decides what becomes of flows. It is pure: no clock, no randomness, no I/O, no
// goroutine.
//
// What is known of a flow is a [State]; something that happens to it is an [Event]; the
// program's settings for it are its [Plan]. [Apply] turns the three and an instant into a
// [Change], the next state with the rows that record it, or refuses and changes nothing.
package core
