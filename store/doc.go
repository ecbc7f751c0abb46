// Package store keeps flows, runs, transitions and the inbox in one SQLite file. It writes what
// the engine decided and reads it back. State logic never enters SQL.
//
// [Store] is the owner's: it locks, migrates and writes. [Reader] reads the same file from any
// process without owning, locking or migrating it.
//
// # Files
//
// Opening and owning:
//
//   - store.go: Open and Close, the settings of the file, migrations, views
//   - load.go: what a start reads
//   - lock.go, lock_*.go: the lock file, which names the owner
//   - owner.go: what this process is
//   - origin.go: whether the file is a copy or a backup
//   - shutdown.go: what an owner leaves in the lock file when the database takes no writes
//   - files.go, fileid_*.go: whether the files are still at their paths
//   - files_unix.go, files_windows.go: permissions, links, names on disk
//
// Writing, the hot path first:
//
//   - commit.go: a batch in one transaction
//   - writer.go: the connection that writes, and its statements
//   - rare.go, attempts.go, checkpoint.go: rows that few transitions have
//   - join.go: work of a user in the transaction of a commit, with package usertx
//   - queue.go: runs that wait, are parked or blocked, and idempotency keys
//   - inbox.go: commands of other processes; post.go: posting them
//   - prune.go, prune_runs.go, prune_rest.go: deleting history, giving space back
//   - wal.go, wal_*.go: the write-ahead log, and who keeps it long
//
// Reading:
//
//   - reader.go: a Reader, flows and runs; reading.go: its connections
//   - flows.go: the row of a flow
//   - filter.go: runs by status; window.go, recent.go: runs of many flows
//   - transitions.go, occurrences.go, facts.go: history, and what became of an occurrence
//   - past.go: Verify and At, with package audit
//   - times.go: times in columns
//
// Judging the file and its errors:
//
//   - check.go: what a file is, before it is opened
//   - damage.go: damaged pages, a log that belongs to another file
//   - readonly.go: files that this process cannot write
//   - errors.go: what an error of SQLite means to the user
//   - doctor.go, schema.go: pawl doctor
//   - backup.go: copies
//   - convertpolicies.go: policies that older versions stored as texts
package store
