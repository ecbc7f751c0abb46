package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// session is a loan as database/sql knows it: the driver and its one connection.
type session struct{ *loan }

var _ interface {
	driver.Connector
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
} = session{}

func (s session) Connect(context.Context) (driver.Conn, error)                 { return s, nil }
func (s session) Driver() driver.Driver                                        { return nil } // nobody asks a transaction
func (s session) Begin() (driver.Tx, error)                                    { return s, nil }
func (s session) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return s, nil }
func (s session) Close() error                                                 { return nil }
func (s session) Prepare(query string) (driver.Stmt, error)                    { return s.PrepareContext(s.ctx, query) }

// Commit implements [driver.Tx].
func (s session) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.misused = true
	return errNotYours
}

// Rollback implements [driver.Tx]. database/sql calls it too, once the context
// has ended.
func (s session) Rollback() error {
	if s.ctx.Err() != nil {
		return nil
	}
	return s.Commit()
}

func (s session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return s.exec(ctx, func() (*cursor, error) { return s.start(query, args) })
}

func (s session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return s.query(ctx, func() (*cursor, error) { return s.start(query, args) })
}

func (s session) PrepareContext(ctx context.Context, query string) (p driver.Stmt, err error) {
	err = s.use(ctx, func() error {
		p, err = s.prepare(query)
		return err
	})
	return p, err
}

// exec runs to its end what start begins.
func (l *loan) exec(ctx context.Context, start func() (*cursor, error)) (r driver.Result, err error) {
	err = l.use(ctx, func() error {
		c, err := start()
		if err == nil {
			r, err = c.finish()
		}
		return err
	})
	return r, err
}

// query gives the rows of what start begins.
func (l *loan) query(ctx context.Context, start func() (*cursor, error)) (r driver.Rows, err error) {
	err = l.use(ctx, func() error {
		c, err := start()
		if err == nil {
			r, err = newRows(ctx, c)
		}
		return err
	})
	return r, err
}

// result is that of the last statement of a text.
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

// rows are what a statement returns, read one by one.
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
