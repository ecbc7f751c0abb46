package usertx

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// driverConn is what database/sql sees of a transaction: a driver and its one connection.
type driverConn struct{ *transaction }

var _ interface {
	driver.Connector
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
} = driverConn{}

func (s driverConn) Connect(context.Context) (driver.Conn, error)                 { return s, nil }
func (s driverConn) Driver() driver.Driver                                        { return nil } // nobody asks a transaction for it
func (s driverConn) Begin() (driver.Tx, error)                                    { return s, nil }
func (s driverConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return s, nil }
func (s driverConn) Close() error                                                 { return nil }
func (s driverConn) Prepare(query string) (driver.Stmt, error)                    { return s.PrepareContext(s.ctx, query) }

// Commit implements [driver.Tx].
func (s driverConn) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endedByUser = true
	return errPawlEnds
}

// Rollback implements [driver.Tx]. database/sql calls it too, once the context
// has ended.
func (s driverConn) Rollback() error {
	if s.ctx.Err() != nil {
		return nil
	}
	return s.Commit()
}

func (s driverConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return s.exec(ctx, func() (*cursor, error) { return s.start(query, args) })
}

func (s driverConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return s.query(ctx, func() (*cursor, error) { return s.start(query, args) })
}

func (s driverConn) PrepareContext(ctx context.Context, query string) (p driver.Stmt, err error) {
	err = s.use(ctx, func() error {
		p, err = s.prepare(query)
		return err
	})
	return p, err
}

// exec runs the statement that start begins to its end.
func (t *transaction) exec(ctx context.Context, start func() (*cursor, error)) (r driver.Result, err error) {
	err = t.use(ctx, func() error {
		c, err := start()
		if err == nil {
			r, err = c.finish()
		}
		return err
	})
	return r, err
}

// query returns the rows of the statement that start begins.
func (t *transaction) query(ctx context.Context, start func() (*cursor, error)) (r driver.Rows, err error) {
	err = t.use(ctx, func() error {
		c, err := start()
		if err == nil {
			r, err = newRows(ctx, c)
		}
		return err
	})
	return r, err
}

// result is the result of the last statement of a text.
type result struct{ id, changed int64 }

func (r result) LastInsertId() (int64, error) { return r.id, nil }
func (r result) RowsAffected() (int64, error) { return r.changed, nil }

func (p *prepared) NumInput() int                              { return -1 } // see bind
func (p *prepared) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }
func (p *prepared) Query([]driver.Value) (driver.Rows, error)  { return nil, errNoContext }

// errNoContext: database/sql calls neither, as there are ExecContext and
// QueryContext.
var errNoContext = errors.New("a statement is executed with a context")

func (p *prepared) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return p.exec(ctx, func() (*cursor, error) { return p.start(args) })
}

func (p *prepared) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return p.query(ctx, func() (*cursor, error) { return p.start(args) })
}

func (p *prepared) Close() error {
	return p.tidy(func() {
		p.closed = true
		if p.idle != nil {
			p.drop(p.idle)
		}
	})
}

// rows are the rows that a statement returns, read one by one.
type rows struct {
	*cursor
	ctx          context.Context // of the query
	names, types []string
}

func newRows(ctx context.Context, c *cursor) (_ *rows, err error) {
	r := &rows{ctx: ctx, cursor: c}
	if c.stmt == nil {
		return r, nil
	}
	if r.names, r.types, err = columns(c.stmt); err != nil {
		c.close()
	}
	return r, err
}

func (r *rows) Columns() []string                       { return r.names }
func (r *rows) ColumnTypeDatabaseTypeName(i int) string { return r.types[i] }

func (r *rows) Next(dest []driver.Value) error {
	return r.use(r.ctx, func() error {
		if err := r.next(); err != nil {
			return err
		}
		if !r.row {
			return io.EOF
		}
		for i := range dest {
			dest[i] = column(r.stmt, i, r.types[i])
		}
		return nil
	})
}

func (r *rows) Close() error { return r.tidy(r.close) }
