package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// cursor is a statement that runs. Its methods are called within use or tidy.
type cursor struct {
	*loan
	stmt  *sqlite.Stmt // nil: there was none in the text
	owner *prepared    // who has it back in the end; nil: nobody
	row   bool         // it stands at a row
	fresh bool         // that nobody has seen
}

// prepared is a text that is executed several times.
type prepared struct {
	*loan
	text   string
	idle   *sqlite.Stmt // compiled, if it is one statement and nobody uses it
	closed bool
}

// start runs the statements of a text, the last one to its first row. Each takes
// its arguments from all of args.
func (l *loan) start(query string, args []driver.NamedValue) (*cursor, error) {
	for only := true; ; only = false {
		stmt, rest, err := l.compile(query)
		if err != nil {
			return nil, err
		}
		c := &cursor{loan: l, stmt: stmt}
		if err := c.begin(args, only && rest == ""); err != nil || rest == "" {
			return c, err
		}
		if _, err := c.finish(); err != nil {
			return nil, err
		}
		query = rest
	}
}

// compile compiles the first statement of a text, nil if there is none.
func (l *loan) compile(query string) (stmt *sqlite.Stmt, rest string, err error) {
	if strings.ContainsRune(query, 0) {
		return nil, "", errors.New("a NUL in the text of a statement")
	}
	query = skipBlank(query)
	if query == "" {
		return nil, "", nil
	}
	stmt, left, err := l.conn.PrepareTransient(query)
	if err != nil {
		return nil, "", err
	}
	l.statements[stmt] = true
	return stmt, skipBlank(query[len(query)-left:]), nil
}

// skipBlank cuts spaces, comments and empty statements off the beginning.
func skipBlank(query string) string {
	for {
		query = strings.TrimLeft(query, " \t\n\f\r;\ufeff")
		switch {
		case strings.HasPrefix(query, "--"):
			_, query, _ = strings.Cut(query, "\n")
		case strings.HasPrefix(query, "/*"):
			_, query, _ = strings.Cut(query[2:], "*/")
		default:
			return query
		}
	}
}

func (l *loan) drop(stmt *sqlite.Stmt) {
	delete(l.statements, stmt)
	_ = stmt.Finalize() // says again what its last step said
}

// tidy runs f, unless the end of the loan has done its work.
func (l *loan) tidy(f func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil {
		f()
	}
	return nil
}

// begin goes to the first row. If the statement is all there is, an argument that
// it does not take is an error.
func (c *cursor) begin(args []driver.NamedValue, all bool) error {
	if c.stmt == nil {
		return nil
	}
	taken, err := bind(c.stmt, args)
	if i := slices.Index(taken, false); err == nil && all && i >= 0 {
		err = fmt.Errorf("no parameter for argument %d (%q)", i+1, args[i].Name)
	}
	if err == nil {
		c.row, err = c.stmt.Step()
		c.fresh = true
	}
	if err != nil {
		c.close()
	}
	return err
}

// next goes to the row to be seen next.
func (c *cursor) next() (err error) {
	if c.row && !c.fresh {
		c.row, err = c.stmt.Step()
	}
	c.fresh = false
	return err
}

// finish goes through the rows that are left.
func (c *cursor) finish() (driver.Result, error) {
	defer c.close()
	for c.row {
		var err error
		if c.row, err = c.stmt.Step(); err != nil {
			return nil, err
		}
	}
	return result{c.conn.LastInsertRowID(), int64(c.conn.Changes())}, nil
}

// close gives the statement back.
func (c *cursor) close() {
	stmt := c.stmt
	c.stmt, c.row = nil, false
	if stmt == nil {
		return
	}
	if c.owner == nil || c.owner.closed || stmt.Reset() != nil || stmt.ClearBindings() != nil {
		c.drop(stmt)
		return
	}
	c.owner.idle = stmt
}

func (l *loan) prepare(query string) (*prepared, error) {
	p := &prepared{loan: l, text: query}
	stmt, rest, err := l.compile(query)
	switch {
	case err != nil:
		return nil, err
	case rest == "":
		p.idle = stmt
	default:
		l.drop(stmt)
	}
	return p, nil
}

// start is that of the loan, without compiling what is compiled.
func (p *prepared) start(args []driver.NamedValue) (*cursor, error) {
	if p.idle == nil {
		return p.loan.start(p.text, args)
	}
	c := &cursor{loan: p.loan, stmt: p.idle, owner: p}
	p.idle = nil
	return c, c.begin(args, true)
}
