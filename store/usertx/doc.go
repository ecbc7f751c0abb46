// Package usertx lets a function of the user work inside a transaction of Pawl: what the
// function writes to its own tables is committed together with the outcome of its run, or
// not at all. [Run] is the whole interface.
//
// # How it works
//
// Pawl writes through one connection of zombiezen.com/go/sqlite; the function expects a
// [database/sql.Tx]. So the package is a small driver for database/sql whose only connection
// is Pawl's, in the middle of Pawl's transaction:
//
//	BEGIN                       -- the store's writer
//	    SAVEPOINT pawl_job      -- Run
//	        ...                 -- the function, through tx
//	    RELEASE pawl_job        -- Run, if the function returned nil; otherwise
//	    ROLLBACK TO pawl_job    -- and then RELEASE
//	    ...                     -- the writer adds the rows of the run's outcome
//	COMMIT                      -- the writer: both become durable, or neither
//
// The function runs in its own goroutine, because it may call runtime.Goexit. Run waits for
// it until its context ends. The end of the context interrupts the statement that SQLite is
// running; a function that hangs elsewhere is left behind, and each later use of tx fails.
//
// # What keeps Pawl's half safe
//
//   - An authorizer (guard.go) refuses, before a statement runs, all that would end the
//     transaction, reach beyond it, or write Pawl's tables. Reading them is allowed.
//   - Commit and Rollback of tx do nothing but fail the function.
//   - Each use of the connection holds a mutex; after the end it returns an error.
//   - Run finalizes the statements that the function left open.
//   - A deferred foreign key that is violated fails the function, as it would fail COMMIT.
//
// # What breaks it
//
//   - SQLite may roll back the whole transaction: when a write is interrupted, at a conflict
//     with OR ROLLBACK, and when the disk or the memory fails. Run then returns
//     [ErrRolledBack], and the writer has to begin again.
//   - A new version of zombiezen.com/go/sqlite may rename the field of its Stmt that native.go
//     reads by reflection. The function then gets an error that says so.
//   - A new version of SQLite may add an action to its authorizer. An unknown action counts as
//     a write and is refused only if it names something of Pawl's.
//   - A function that is left behind keeps its goroutine until it returns.
//
// # Files
//
//   - transaction.go: Run, and the life of a borrowed transaction
//   - guard.go: what a function may not do
//   - driver.go: the interfaces of database/sql/driver
//   - cursor.go: statements, from text to rows
//   - values.go: values, from Go to SQLite and back
//   - native.go: what zombiezen.com/go/sqlite does not show
package usertx
