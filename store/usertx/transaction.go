package usertx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// ErrRolledBack says that SQLite rolled back the transaction around the function, or that
// the caller has to.
var ErrRolledBack = errors.New("SQLite has undone the whole transaction")

var (
	errPawlEnds   = errors.New("the transaction is Pawl's: return nil to commit it, an error to undo it")
	errEnded      = errors.New("the function that this transaction was given to is over, and so is the transaction")
	errGoexit     = errors.New("the function called runtime.Goexit")
	errForeignKey = errors.New("FOREIGN KEY constraint failed: a deferred one is violated at the end of the function")
)

const (
	savepoint           = `SAVEPOINT pawl_job`
	rollbackToSavepoint = `ROLLBACK TO pawl_job`
	releaseSavepoint    = `RELEASE pawl_job`
)

// Run calls do with a transaction of database/sql that is part of the transaction which the
// caller began on conn. If do returns nil, its writes wait for the COMMIT of the caller. If
// do returns an error, panics, calls runtime.Goexit, or calls Commit or Rollback of tx, Run
// undoes the writes of do and returns why; the transaction of the caller goes on.
//
// The context of do ends with ctx and when Run returns. The end of ctx interrupts the
// statement that is running. Run then returns the cause, without waiting for do, and
// undoes the writes of do. Later uses of tx return errors.
//
// After an error that is [ErrRolledBack] nothing of the whole transaction is left, or the
// caller has to roll it back.
func Run(ctx context.Context, conn *sqlite.Conn, do func(ctx context.Context, tx *sql.Tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := sqlitex.Execute(conn, savepoint, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrRolledBack, err)
	}
	t := begin(ctx, conn)
	return t.end(t.run(do))
}

// transaction is the connection while the function may use it, through database/sql and
// from any goroutine.
type transaction struct {
	ctx    context.Context // stored, since rows and statements outlive the call that makes them
	cancel context.CancelFunc

	mu           sync.Mutex // guards what follows
	conn         *sqlite.Conn
	interrupt    <-chan struct{}       // the caller's, to set again at the end
	statements   map[*sqlite.Stmt]bool // to finalize
	refusal      string                // why the guard refused the current statement; empty: it did not
	endedByUser  bool                  // the function called Commit or Rollback
	ownStatement bool                  // the current statement is Pawl's own, see Own
	ended        error                 // why the connection cannot be used any more; nil: it can
}

func begin(ctx context.Context, conn *sqlite.Conn) *transaction {
	t := &transaction{conn: conn, statements: map[*sqlite.Stmt]bool{}}
	t.ctx, t.cancel = context.WithCancel(ctx)
	t.interrupt = conn.SetInterrupt(t.ctx.Done())
	return t
}

// run calls do and waits until it returns or the context ends.
func (t *transaction) run(do func(context.Context, *sql.Tx) error) error {
	if err := t.conn.SetAuthorizer(sqlite.AuthorizeFunc(t.authorize)); err != nil {
		return err
	}
	db := sql.OpenDB(driverConn{t})
	defer db.Close() // does not wait for tx, which ends with the context
	tx, err := db.BeginTx(t.ctx, nil)
	if err != nil {
		return err
	}
	done := make(chan error, 1) // call sends once; nobody receives after the context has ended
	go call(t.ctx, tx, do, done)
	select {
	case err = <-done:
	case <-t.ctx.Done():
	}
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	return err
}

// call runs do in a goroutine of its own, which do may end.
func call(ctx context.Context, tx *sql.Tx, do func(context.Context, *sql.Tx) error, done chan<- error) {
	err := errGoexit
	defer func() { // deferred, since Goexit ends the goroutine but runs this
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
		done <- err
	}()
	err = do(ctx, tx)
}

// use lets f use the connection. The end of ctx interrupts f, and so does the end of the
// transaction's context.
func (t *transaction) use(ctx context.Context, f func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return t.ended
	}
	if seen, ok := ctx.Value(ownKey{}).(*bool); ok {
		*seen, t.ownStatement = true, true
		defer func() { t.ownStatement = false }()
	}
	ctx, disarm := t.interruptAtEndOf(ctx)
	defer disarm()
	t.refusal = ""
	err := t.explain(ctx, f())
	if t.conn.AutocommitEnabled() { // SQLite would commit the next statement at once
		t.ended = rolledBack(err)
		return t.ended
	}
	return err
}

// interruptAtEndOf makes the end of ctx interrupt the connection, until disarm is called.
func (t *transaction) interruptAtEndOf(ctx context.Context) (_ context.Context, disarm func()) {
	if ctx.Done() == nil || ctx.Done() == t.ctx.Done() {
		return t.ctx, func() {}
	}
	either, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })
	t.conn.SetInterrupt(either.Done())
	return either, func() {
		t.conn.SetInterrupt(t.ctx.Done())
		stop()
		cancel(nil)
	}
}

// explain puts the reason in the place of SQLite's code: a refusal of the guard, or the
// cause of an interrupt.
func (t *transaction) explain(ctx context.Context, err error) error {
	switch {
	case err != nil && t.refusal != "":
		return errors.New(t.refusal)
	case sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt && ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// rolledBack adds to an error that it has ended the whole transaction.
func rolledBack(err error) error {
	if err == nil {
		return ErrRolledBack
	}
	return fmt.Errorf("%w: %w", ErrRolledBack, err)
}

// end takes the connection back once no call uses it, and keeps or undoes the writes of
// the function.
func (t *transaction) end(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conn.SetInterrupt(t.interrupt)
	t.cancel()
	for stmt := range t.statements {
		_ = stmt.Finalize() // repeats the error of its last step
	}
	if again := t.conn.SetAuthorizer(nil); err == nil {
		err = again
	}
	err = t.keepOrUndo(err)
	t.ended = errEnded
	return err
}

func (t *transaction) keepOrUndo(err error) error {
	if t.ended != nil {
		return t.withRollback(err)
	}
	if err == nil {
		err = t.cannotKeep()
	}
	if err != nil {
		if undo := sqlitex.Execute(t.conn, rollbackToSavepoint, nil); undo != nil {
			return fmt.Errorf("%w: %w", err, rolledBack(undo))
		}
	}
	if release := sqlitex.Execute(t.conn, releaseSavepoint, nil); release != nil {
		return rolledBack(errors.Join(err, release))
	}
	return err
}

// withRollback is the function's error with the rollback by SQLite that ended the transaction.
func (t *transaction) withRollback(err error) error {
	switch {
	case errors.Is(err, ErrRolledBack):
		return err
	case err == nil, errors.Is(t.ended, err):
		return t.ended
	}
	return fmt.Errorf("%w: %w", err, t.ended)
}

// cannotKeep is why the writes of a function that returned nil cannot be kept.
func (t *transaction) cannotKeep() error {
	if t.endedByUser {
		return errPawlEnds
	}
	return violatedForeignKey(t.conn)
}

// Own marks the context of a statement that Pawl itself executes on a transaction of the
// user. If that transaction is one of this package, the statement may insert into the inbox,
// and borrowed becomes true.
func Own(ctx context.Context) (_ context.Context, borrowed *bool) {
	borrowed = new(bool)
	return context.WithValue(ctx, ownKey{}, borrowed), borrowed
}

type ownKey struct{}
