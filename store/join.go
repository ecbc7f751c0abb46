package store

import (
	"context"
	"database/sql"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
)

// Work is what may join the transaction of a commit, as [engine.Batch.Join]. An error
// undoes it, and the rest of the batch with it.
type Work func(ctx context.Context, tx *sql.Tx) error

// join does the work that joins a batch, in its transaction.
func (w *writer) join(b engine.Batch) error {
	if b.Join == nil {
		return nil
	}
	work, ok := workOf(b.Join)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.JoinTimeout)
	defer cancel()
	err := lend(ctx, w.conn, work)
	if err == nil || !isOurs(err) {
		return err
	}
	return &engine.JoinFailed{Err: err}
}

// workOf is what joins a batch as one work; false: it is none. A []any is several works.
func workOf(join any) (work Work, ok bool) {
	list, several := join.([]any)
	if !several {
		work, ok = join.(Work)
		return work, ok
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, each := range list {
			if work, ok := workOf(each); ok {
				if err := work(ctx, tx); err != nil {
					return err
				}
			}
		}
		return nil
	}, true
}

// isOurs tells an error of the work from one of the store, after which the work is
// done again.
func isOurs(err error) bool {
	switch code(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultFull, sqlite.ResultCorrupt, sqlite.ResultNoMem, sqlite.ResultReadOnly, sqlite.ResultCantOpen:
		return false
	}
	return true
}
