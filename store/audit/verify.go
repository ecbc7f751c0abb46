package audit

import (
	"context"
	"errors"

	"github.com/jmoiron/sqlx"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Verify checks a whole database and returns a sentence for each violation; none: all is well.
// SQLite checks its pages. Then Verify replays each flow's transitions from the oldest kept one
// ([core.State.Fold]), and compares each with the run that it is about, and the state that they lead
// to with the flow's row.
//
// It reads within tx, so an owner may be running. Runs may be deleted up to the one that the
// flow's plan names, if the transitions about them are deleted too. Verify keeps 48 bytes per
// run in memory.
func Verify(ctx context.Context, tx *sqlx.Tx) ([]string, error) {
	v := &verifier{tx: tx, accounts: map[int64]*account{}}
	err := v.verify(ctx)
	return v.found, err
}

// verifier reads a database and collects the violations.
type verifier struct {
	tx       *sqlx.Tx
	accounts map[int64]*account // by key of the flow
	ordered  []*account
	found    []string
}

func (v *verifier) verify(ctx context.Context) error {
	if err := v.checkPages(ctx); err != nil || len(v.found) > 0 {
		return err // what damaged pages say means nothing
	}
	for _, read := range []func(context.Context) error{
		v.readFlows, v.readRuns, v.readEnds, v.readTransitions, v.readCheckpoints, v.readAttempts,
	} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	for _, a := range v.ordered {
		a.compareStarts()
		a.compareRow()
		a.compareRuns()
		a.compareEnds()
		a.checkRest()
	}
	return nil
}

func (v *verifier) checkPages(ctx context.Context) error {
	var lines []string
	if err := v.tx.SelectContext(ctx, &lines, `PRAGMA integrity_check`); err != nil {
		return err
	}
	for _, line := range lines {
		if line != "ok" {
			v.found = append(v.found, "integrity_check: "+line)
		}
	}
	if len(v.found) == 0 {
		return nil
	}
	// integrity_check reports a page that the disk cannot read as it reports a damaged one.
	if err := v.tx.GetContext(ctx, new(int), `SELECT count(data) FROM sqlite_dbpage`); isIOError(err) {
		v.found = nil
		return err
	}
	return nil
}

func isIOError(err error) bool {
	var full *modernc.Error
	return errors.As(err, &full) && full.Code()&0xff == sqlite3.SQLITE_IOERR
}

// each calls row for every row of a query.
func (v *verifier) each(ctx context.Context, query string, row func(scan func(...any) error) error) error {
	rows, err := v.tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
