package store

import (
	"context"
	"database/sql"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/store/usertx"
)

// Work is a function that writes in the transaction of a commit, as [engine.Batch.Join]. If it
// returns an error, nothing of the batch is committed.
type Work func(ctx context.Context, tx *sql.Tx) error

// join does the work that joins a batch, in the transaction of the batch.
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
	err := usertx.Run(ctx, w.conn, work)
	if err == nil || failsStore(err) {
		return err
	}
	return &engine.JoinFailed{Err: err}
}

// workOf returns what joins a batch as one Work; false: it is none. A []any is several.
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

// failsStore reports whether the error of a work is a failure of the database itself, after
// which the engine repeats the batch with its work.
func failsStore(err error) bool {
	switch code(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultFull, sqlite.ResultCorrupt, sqlite.ResultNoMem, sqlite.ResultReadOnly, sqlite.ResultCantOpen:
		return true
	}
	return false
}
