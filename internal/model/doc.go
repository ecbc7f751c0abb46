// Package model plays random histories on the scheduler and on models of it, and compares
// the two. It has only tests.
//
// The models state the rules on their own, without code of the engine: one flow of each kind
// (model_test.go), the policies of overlap, retry, timeout and catch-up (overlap_*_test.go), a
// year of restarts, crashes and clock jumps (year*_test.go), workflows, retention.
package model
