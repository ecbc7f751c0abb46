package store

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

var (
	errNotYours = errors.New("the transaction is Pawl's: return nil to commit it, an error to undo it")
	errReturned = errors.New("the function that this transaction was given to is over, and so is the transaction")
	errGoexit   = errors.New("the function called runtime.Goexit")
	errUnpaired = errors.New("FOREIGN KEY constraint failed: a deferred one is violated at the end of the function")

	// errUndone says that the transaction around a loan is no more.
	errUndone = errors.New("SQLite has undone the whole transaction")
)

const (
	savepointJob = `SAVEPOINT pawl_job`
	undoJob      = `ROLLBACK TO pawl_job`
	releaseJob   = `RELEASE pawl_job`
)

// lend calls do with a transaction of database/sql that is part of the one which
// BEGIN began on conn. If do returns nil, what it executed waits there for the
// COMMIT of the caller. If it returns an error, panics, calls runtime.Goexit, or
// calls Commit or Rollback of tx, nothing of it is left, the transaction of the
// caller goes on, and lend returns why.
//
// The context of do ends with ctx and when lend returns. The end of ctx
// interrupts the statement that runs; lend then returns the cause, without
// waiting for do, and nothing of do is left. Whoever keeps tx any longer gets
// errors from it.
//
// An error that is errUndone as well says that nothing of the whole transaction
// is left, or that it is to be rolled back: SQLite does that when a write is
// interrupted, at a conflict with the clause OR ROLLBACK, and if the disk or
// the memory fails.
func lend(ctx context.Context, conn *sqlite.Conn, do func(ctx context.Context, tx *sql.Tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := sqlitex.Execute(conn, savepointJob, nil); err != nil {
		return fmt.Errorf("%w: %w", errUndone, err)
	}
	l := newLoan(ctx, conn)
	return l.end(l.run(do))
}

// loan is a connection that a function of the user has the use of, through
// database/sql and from any goroutine, until the loan is over.
type loan struct {
	ctx    context.Context // stored, since rows and statements outlive the call that makes them
	cancel context.CancelFunc

	mu         sync.Mutex // whoever uses what follows
	conn       *sqlite.Conn
	interrupt  <-chan struct{}       // of the connection before the loan
	statements map[*sqlite.Stmt]bool // to finalize
	refused    string                // why the last statement was
	misused    bool                  // Commit or Rollback was called
	posting    bool                  // the statement is one of PostTx
	over       error                 // why there is no more use of the connection
}

func newLoan(ctx context.Context, conn *sqlite.Conn) *loan {
	l := &loan{conn: conn, statements: map[*sqlite.Stmt]bool{}}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.interrupt = conn.SetInterrupt(l.ctx.Done())
	return l
}

// run calls do and waits until it is over or its time is.
func (l *loan) run(do func(context.Context, *sql.Tx) error) error {
	if err := l.conn.SetAuthorizer(sqlite.AuthorizeFunc(l.authorize)); err != nil {
		return err
	}
	db := sql.OpenDB(session{l})
	defer db.Close() // does not wait for tx, which ends with the context
	tx, err := db.BeginTx(l.ctx, nil)
	if err != nil {
		return err
	}
	done := make(chan error, 1) // call sends once; nobody waits for it if the time is over
	go call(l.ctx, tx, do, done)
	select {
	case err = <-done:
	case <-l.ctx.Done():
	}
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	return err
}

// call calls do in the goroutine that is its own, so that it may end it.
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

// use lets f use the connection. The end of ctx, and that of the loan's, interrupts
// it.
func (l *loan) use(ctx context.Context, f func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over != nil {
		return l.over
	}
	if p, ok := ctx.Value(postKey{}).(*post); ok {
		p.lent, l.posting = true, true
		defer func() { l.posting = false }()
	}
	ctx, disarm := l.arm(ctx)
	defer disarm()
	l.refused = ""
	err := l.explain(ctx, f())
	if l.conn.AutocommitEnabled() { // what came next would be committed at once
		l.over = undone(err)
		return l.over
	}
	return err
}

// arm makes the end of ctx an interrupt, until disarm is called.
func (l *loan) arm(ctx context.Context) (_ context.Context, disarm func()) {
	if ctx.Done() == nil || ctx.Done() == l.ctx.Done() {
		return l.ctx, func() {}
	}
	either, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	l.conn.SetInterrupt(either.Done())
	return either, func() {
		l.conn.SetInterrupt(l.ctx.Done())
		stop()
		cancel(nil)
	}
}

// explain says why SQLite did not do what it was to do.
func (l *loan) explain(ctx context.Context, err error) error {
	switch {
	case err != nil && l.refused != "":
		return errors.New(l.refused)
	case code(err) == sqlite.ResultInterrupt && ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// undone adds to an error that it has ended the whole transaction.
func undone(err error) error {
	if err == nil {
		return errUndone
	}
	return fmt.Errorf("%w: %w", errUndone, err)
}

// end takes the connection back, once no call uses it, and keeps or undoes what
// was executed on it.
func (l *loan) end(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn.SetInterrupt(l.interrupt)
	l.cancel()
	for stmt := range l.statements {
		_ = stmt.Finalize() // says again what its last step said
	}
	if again := l.conn.SetAuthorizer(nil); err == nil {
		err = again
	}
	err = l.settle(err)
	l.over = errReturned
	return err
}

func (l *loan) settle(err error) error {
	if l.over != nil {
		return l.lost(err)
	}
	if err == nil {
		err = l.objection()
	}
	if err != nil {
		if undo := sqlitex.Execute(l.conn, undoJob, nil); undo != nil {
			return fmt.Errorf("%w: %w", err, undone(undo))
		}
	}
	if release := sqlitex.Execute(l.conn, releaseJob, nil); release != nil {
		return undone(errors.Join(err, release))
	}
	return err
}

// lost is the error of a loan whose transaction SQLite has undone.
func (l *loan) lost(err error) error {
	switch {
	case errors.Is(err, errUndone):
		return err
	case err == nil, errors.Is(l.over, err):
		return l.over
	}
	return fmt.Errorf("%w: %w", err, l.over)
}

// objection is what speaks against a function that returned nil.
func (l *loan) objection() error {
	if l.misused {
		return errNotYours
	}
	return deferred(l.conn)
}
