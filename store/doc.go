// Package store keeps flows, runs, transitions and the inbox in one SQLite
// file. It knows how to write what the engine decided and to read it back, and
// nothing of what it means.
//
// [Store] is the owner's: it locks, migrates and writes. [Reader] reads the
// same file from any process without owning, locking or migrating it.
package store
